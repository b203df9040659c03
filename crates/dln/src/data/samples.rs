//! Samples of regression and classification: targets drawn or given, cut into training and held-out parts.

use std::borrow::Cow;

use ndarray::{Array2, ArrayView1, ArrayView2, Axis, s};

use super::check::{check_finite, check_shape};
use super::inputs::inputs;
use super::noise::{NoiseBy, check_noise, with_noise};
use super::split::Parts;
use super::target::{LowRank, low_rank};
use super::types::{TargetMatrix, TestSet, scale_columns};
use crate::config::{Draw, Given, Problem, Samples, Split, Targets};
use crate::error::{Matrix, SampleRange, TrialError};
use crate::kernel::{Threads, multiply};

/// Training and held-out samples, not whitened.
#[derive(Debug)]
pub(super) struct Cut {
    /// `d_x x n`.
    pub(super) X: Array2<f64>,
    /// `d_y x n`.
    pub(super) Y: Array2<f64>,
    /// As `Y`, without noise; `None` where there is none.
    pub(super) clean: Option<Array2<f64>>,
    pub(super) classes: Option<Vec<u32>>,
    pub(super) test: Option<TestSet>,
}

/// Draws or reads all samples and cuts out the ranges; with `classify`, the class of each is read off its
/// one-hot targets.
///
/// # Errors
/// What [`inputs`] refuses; targets of another shape, with a value that is not finite or, where classes are
/// wanted, not one-hot; a range that is empty or ends past the samples.
pub(super) fn cut(
    problem: &Problem,
    samples: &Samples,
    draw: Draw,
    classify: bool,
) -> Result<Cut, TrialError> {
    let X = inputs(&samples.inputs, problem.inputs_dim, draw)?;
    let Y = targets(&samples.targets, problem, X.view(), draw)?;
    let (Y, clean) = noisy(problem.noise, &samples.targets, Y, draw)?;
    if X.ncols() != Y.ncols() {
        return Err(TrialError::SampleCount {
            inputs: X.ncols(),
            targets: Y.ncols(),
        });
    }
    check_range(SampleRange::Train, samples.train, X.ncols())?;
    if let Some(split) = samples.split {
        let all = part(&X, &Y, samples.train, classify)?;
        let clean = clean.map(|Y| part_of(&Y, samples.train));
        return drawn_parts(&all, clean, split, draw);
    }
    let train = part(&X, &Y, samples.train, classify)?;
    let test = match samples.test {
        Some(range) => {
            check_range(SampleRange::Test, range, X.ncols())?;
            Some(part(&X, &Y, range, classify)?)
        }
        None => None,
    };
    Ok(Cut {
        X: train.X,
        Y: train.Y,
        clean: clean.map(|Y| part_of(&Y, samples.train)),
        classes: train.classes,
        test,
    })
}

/// Targets, and those without noise where there is any.
type Noisy<'a> = (Cow<'a, Array2<f64>>, Option<Array2<f64>>);

/// The targets with noise.
///
/// # Errors
/// Noise that is none, or on targets that are given.
fn noisy<'a>(
    noise: f64,
    targets: &Targets,
    Y: Cow<'a, Array2<f64>>,
    draw: Draw,
) -> Result<Noisy<'a>, TrialError> {
    if noise == 0.0 {
        return Ok((Y, None));
    }
    match targets {
        Targets::Given(_) => Err(TrialError::NoiseOnGiven {
            matrix: Matrix::Targets,
        }),
        Targets::Classes { .. } | Targets::Teacher { .. } => {
            check_noise(noise)?;
            let clean = TargetMatrix::Dense(Y.into_owned());
            let noisy = with_noise(&clean, noise, NoiseBy::Sample, draw);
            Ok((Cow::Owned(noisy), Some(clean.dense().into_owned())))
        }
    }
}

/// Samples of which a drawn share is held out; `clean` are their targets without noise, where they have any.
///
/// # Errors
/// What [`Split::parts`] refuses.
fn drawn_parts(
    all: &TestSet,
    clean: Option<Array2<f64>>,
    split: Split,
    draw: Draw,
) -> Result<Cut, TrialError> {
    let Parts { train, test } = split.parts(all.X.ncols(), all.classes.as_deref(), draw)?;
    let chosen = |numbers: &[usize]| TestSet {
        X: columns(&all.X, numbers),
        Y: columns(&all.Y, numbers),
        classes: all.classes.as_ref().map(|classes| {
            let chosen = numbers.iter().map(|&sample| classes[sample]);
            chosen.collect()
        }),
    };
    let kept = chosen(&train);
    Ok(Cut {
        X: kept.X,
        Y: kept.Y,
        clean: clean.map(|Y| columns(&Y, &train)),
        classes: kept.classes,
        test: Some(chosen(&test)),
    })
}

/// These columns, row-major.
fn columns(A: &Array2<f64>, numbers: &[usize]) -> Array2<f64> {
    let chosen = A.select(Axis(1), numbers);
    chosen.as_standard_layout().into_owned()
}

/// The columns of one range, row-major.
fn part_of(A: &Array2<f64>, (start, end): (usize, usize)) -> Array2<f64> {
    let columns = A.slice(s![.., start..end]);
    columns.as_standard_layout().into_owned()
}

fn check_range(
    range: SampleRange,
    (start, end): (usize, usize),
    count: usize,
) -> Result<(), TrialError> {
    if start < end && end <= count {
        return Ok(());
    }
    Err(TrialError::SampleRange {
        range,
        start,
        end,
        count,
    })
}

/// The samples of one range.
fn part(
    X: &Array2<f64>,
    Y: &Array2<f64>,
    (start, end): (usize, usize),
    classify: bool,
) -> Result<TestSet, TrialError> {
    let X = X.slice(s![.., start..end]);
    let Y = Y.slice(s![.., start..end]);
    let classes = if classify {
        Some(classes(Y, start)?)
    } else {
        None
    };
    Ok(TestSet {
        X: X.as_standard_layout().into_owned(),
        Y: Y.as_standard_layout().into_owned(),
        classes,
    })
}

/// The class of each column; `first` is the number of the first one, for the error.
fn classes(Y: ArrayView2<'_, f64>, first: usize) -> Result<Vec<u32>, TrialError> {
    (first..)
        .zip(Y.columns())
        .map(|(sample, column)| hot(column).ok_or(TrialError::NotOneHot { sample }))
        .collect()
}

/// Where the single 1 is, if all else is 0.
fn hot(column: ArrayView1<'_, f64>) -> Option<u32> {
    let mut found = None;
    for (class, &value) in (0..).zip(column) {
        if value == 1.0 && found.is_none() {
            found = Some(class);
        } else if value != 0.0 {
            return None;
        }
    }
    found
}

/// `Y` over all samples, `d_y x n`; `X` are all inputs.
fn targets<'a>(
    targets: &'a Targets,
    problem: &Problem,
    X: ArrayView2<'_, f64>,
    draw: Draw,
) -> Result<Cow<'a, Array2<f64>>, TrialError> {
    let outputs_dim = problem.outputs_dim;
    match targets {
        Targets::Classes {
            classes,
            samples_per_class,
        } => {
            if *classes != outputs_dim {
                return Err(TrialError::ClassCount {
                    classes: *classes,
                    outputs_dim,
                });
            }
            let mut Y = Array2::<f64>::zeros((*classes, classes * samples_per_class));
            for (sample, mut column) in Y.columns_mut().into_iter().enumerate() {
                column[sample / samples_per_class] = 1.0;
            }
            Ok(Cow::Owned(Y))
        }
        Targets::Teacher {
            rank,
            singular_values,
        } => {
            let shape = (outputs_dim, problem.inputs_dim);
            let LowRank { U, s, V } =
                low_rank(Matrix::Teacher, shape, *rank, singular_values, draw)?;
            let coordinates = multiply(Threads::Seq, V.t(), X);
            let left = scale_columns(U.view(), &s);
            Ok(Cow::Owned(multiply(
                Threads::Seq,
                left.view(),
                coordinates.view(),
            )))
        }
        Targets::Given(Given(Y)) => {
            check_shape(Matrix::Targets, Y.dim(), (outputs_dim, Y.ncols()))?;
            check_finite(Matrix::Targets, Y.view())?;
            Ok(Cow::Borrowed(Y.as_ref()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Inputs, Loss, SingularValues, Task};
    use crate::data::fixture::given;
    use ndarray::array;

    const DRAW: Draw = Draw {
        seed: 3,
        replicate: 0,
    };

    /// Three inputs, two outputs, six samples of which four train.
    fn samples(targets: Targets) -> Samples {
        Samples {
            inputs: Inputs::Gaussian {
                count: 6,
                noise: 0.0,
                rank: None,
                condition: None,
            },
            targets,
            train: (0, 4),
            test: Some((4, 6)),
            whiten: false,
            center: false,
            standardize: false,
            split: None,
        }
    }

    fn check(samples: &Samples, classify: bool) -> Result<Cut, TrialError> {
        let problem = Problem {
            inputs_dim: 3,
            outputs_dim: 2,
            loss: Loss::Sum,
            noise: 0.0,
            task: Task::Regression {
                samples: samples.clone(),
            },
        };
        cut(&problem, samples, DRAW, classify)
    }

    #[test]
    fn classes_come_in_order_and_are_read_off() {
        let drawn = samples(Targets::Classes {
            classes: 2,
            samples_per_class: 3,
        });
        let cut = check(&drawn, true).expect("fits");
        assert_eq!(cut.classes, Some(vec![0, 0, 0, 1]));
        assert_eq!(cut.Y, array![[1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]);
        let test = cut.test.expect("a test range");
        assert_eq!(test.classes, Some(vec![1, 1]));
        assert_eq!((cut.X.dim(), test.X.dim()), ((3, 4), (3, 2)));
        assert!(cut.X.is_standard_layout() && test.X.is_standard_layout());
        assert_eq!(check(&drawn, false).expect("fits").classes, None);
    }

    #[test]
    fn a_teacher_maps_all_inputs_by_one_matrix_of_its_rank() {
        let cut = check(
            &samples(Targets::Teacher {
                rank: 1,
                singular_values: SingularValues::Flat,
            }),
            false,
        )
        .expect("fits");
        let test = cut.test.expect("a test range");
        let LowRank { U, V, .. } =
            low_rank(Matrix::Teacher, (2, 3), 1, &SingularValues::Flat, DRAW).expect("drawn");
        let M = U.dot(&V.t());
        for (X, Y) in [(&cut.X, &cut.Y), (&test.X, &test.Y)] {
            let difference = M.dot(X) - Y;
            assert!(difference.iter().all(|x| x.abs() < 1e-14));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let error = |samples: &Samples| check(samples, true).expect_err("does not fit");
        let classes = |classes, samples_per_class| {
            samples(Targets::Classes {
                classes,
                samples_per_class,
            })
        };
        assert_eq!(
            error(&classes(3, 2)),
            TrialError::ClassCount {
                classes: 3,
                outputs_dim: 2
            }
        );
        assert_eq!(
            error(&classes(2, 2)),
            TrialError::SampleCount {
                inputs: 6,
                targets: 4
            }
        );
        let mut late = classes(2, 3);
        late.test = Some((4, 7));
        assert_eq!(
            error(&late),
            TrialError::SampleRange {
                range: SampleRange::Test,
                start: 4,
                end: 7,
                count: 6
            }
        );
        let mut empty = classes(2, 3);
        empty.train = (2, 2);
        assert!(matches!(error(&empty), TrialError::SampleRange { .. }));
        let mut Y = Array2::zeros((2, 6));
        Y.row_mut(0).fill(1.0);
        Y[[1, 5]] = 1.0;
        assert_eq!(
            error(&samples(Targets::Given(given(Y)))),
            TrialError::NotOneHot { sample: 5 }
        );
        assert_eq!(
            error(&samples(Targets::Given(given(Array2::zeros((3, 6)))))).to_string(),
            "expected 2 x 6 for the targets, found 3 x 6"
        );
    }
}
