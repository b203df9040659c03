//! The baselines that have a closed form: the same answer for every sample, and linear least squares.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::prepared::{Part, means, moments};
use super::{Preparation, Score};
use crate::kernel::{Threads, multiply, svd, triangle};

/// Added to the squared singular values, relative to the largest: directions that rounding alone has made are not
/// divided by.
const JITTER: f64 = 1e-8;

/// Most inputs: a decomposition of 3,000 takes some ten seconds.
pub(super) const MOST_INPUTS: usize = 3000;

/// Inputs of mean 0 and deviation 1 on the training part.
pub(super) struct Features {
    pub(super) train: Array2<f64>,
    pub(super) test: Array2<f64>,
}

impl Features {
    pub(super) fn new(train: &Part, test: &Part) -> Features {
        let both = Preparation {
            center: true,
            standardize: true,
            whiten: false,
        };
        let (shift, factor) = moments(train.X.view(), both);
        let (shift, factor) = (column(shift), column(factor));
        let scaled = |part: &Part| (&part.X - &shift) * &factor;
        Features {
            train: scaled(train),
            test: scaled(test),
        }
    }
}

fn column(values: Vec<f64>) -> Array2<f64> {
    Array1::from_vec(values).insert_axis(Axis(1))
}

/// The score of outputs `d_y x n` on a part. `means`: of the training targets, which explain nothing.
pub(super) fn score(
    kind: Score,
    outputs: ArrayView2<'_, f64>,
    part: &Part,
    means: &Array2<f64>,
) -> f64 {
    match kind {
        Score::Accuracy => {
            let classes = part.classes.as_deref().unwrap_or(&[]);
            let right = outputs
                .columns()
                .into_iter()
                .zip(classes)
                .filter(|(column, class)| largest(column.iter().copied()) == **class)
                .count();
            right as f64 / classes.len().max(1) as f64
        }
        Score::Explained | Score::Energy => {
            let square = |A: Array2<f64>| A.iter().map(|x| x * x).sum::<f64>();
            let all = square(&part.Y - means);
            if all > 0.0 {
                1.0 - square(&part.Y - &outputs) / all
            } else {
                0.0
            }
        }
    }
}

fn largest(values: impl Iterator<Item = f64>) -> usize {
    let first = (0, f64::NEG_INFINITY);
    let better = |best: (usize, f64), (at, value): (usize, f64)| {
        if value > best.1 { (at, value) } else { best }
    };
    values.enumerate().fold(first, better).0
}

/// The most frequent class, or the mean of the targets.
pub(super) fn majority(kind: Score, train: &Part, test: &Part) -> f64 {
    let means = means(train);
    let outputs = means
        .broadcast(test.Y.dim())
        .map(|outputs| score(kind, outputs, test, &means));
    outputs.unwrap_or(0.0)
}

/// Linear least squares with an intercept; `None` where there are too many inputs or nothing converges.
pub(super) fn least_squares(kind: Score, train: &Part, test: &Part) -> Option<f64> {
    if train.X.nrows() > MOST_INPUTS {
        return None;
    }
    let features = Features::new(train, test);
    let means = means(train);
    let X = features.train.view();
    let found = svd(triangle(X.t()).view())?;
    let largest = found
        .s
        .first()
        .copied()
        .unwrap_or(0.0)
        .max(f64::MIN_POSITIVE);
    let B = multiply(Threads::Seq, (&train.Y - &means).view(), X.t());
    let mut in_basis = multiply(Threads::Seq, B.view(), found.V.view());
    for (mut column, s) in in_basis.columns_mut().into_iter().zip(&found.s) {
        column /= s * s + JITTER * largest * largest;
    }
    let W = multiply(Threads::Seq, in_basis.view(), found.V.t());
    let outputs = multiply(Threads::Seq, W.view(), features.test.view()) + &means;
    Some(score(kind, outputs.view(), test, &means))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixture::normals;

    fn part(X: Array2<f64>, Y: Array2<f64>) -> Part {
        Part {
            X,
            Y,
            classes: None,
        }
    }

    #[test]
    fn least_squares_finds_a_linear_rule_and_no_rule_in_noise() {
        let M = normals(1, 2, 5);
        let of = |seed, n| {
            let X = normals(seed, 5, n) * 100.0 + 7.0;
            let Y = M.dot(&X) + 3.0;
            part(X, Y)
        };
        let (train, test) = (of(2, 60), of(3, 20));
        let found = least_squares(Score::Explained, &train, &test).unwrap();
        assert!((found - 1.0).abs() < 1e-6, "{found}");
        let noise = part(test.X.clone(), normals(4, 2, 20));
        let found = least_squares(Score::Explained, &train, &noise).unwrap();
        assert!(found < 0.0, "{found}");
        let mean = majority(Score::Explained, &train, &test);
        assert!(mean.abs() < 0.2, "{mean}");
    }

    #[test]
    fn repeated_and_constant_inputs_do_no_harm() {
        let mut X = normals(2, 4, 50);
        let copy = X.row(0).to_owned();
        X.row_mut(1).assign(&copy);
        X.row_mut(2).fill(3.0);
        let Y = X.select(Axis(0), &[0]) * 2.0;
        let train = part(X.clone(), Y.clone());
        let test = part(X, Y);
        let found = least_squares(Score::Explained, &train, &test).unwrap();
        assert!((found - 1.0).abs() < 1e-6, "{found}");
    }

    #[test]
    fn the_majority_is_the_most_frequent_class_of_the_training_part() {
        let one_hot = |classes: &[usize]| {
            Array2::from_shape_fn((2, classes.len()), |(row, at)| {
                f64::from(u8::from(classes[at] == row))
            })
        };
        let of = |classes: &[usize]| Part {
            X: Array2::zeros((1, classes.len())),
            Y: one_hot(classes),
            classes: Some(classes.to_vec()),
        };
        let found = majority(Score::Accuracy, &of(&[1, 1, 0]), &of(&[0, 1, 1, 1]));
        assert_eq!(found, 0.75);
    }
}
