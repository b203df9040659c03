//! From a trial's problem and draw to its data.

use super::check::check_finite;
use super::fold::Factor;
use super::noise::{NoiseBy, check_noise, with_noise};
use super::samples::{Cut, cut};
use super::target::{mask, target};
use super::types::{Data, InputsMatrix, TargetMatrix};
use crate::config::{Inputs, Mask, Problem, Samples, Target, Targets, Task, Trial};
use crate::error::{Dimension, Matrix, TrialError};
use crate::normalize::Normalization;

/// The data of a trial: everything that depends on its problem and draw alone, to be shared between the
/// trials that [`Data::serves`] accepts.
///
/// # Errors
/// A dimension of 0, and whatever of the problem does not fit: ranks, singular values, ranges, shapes,
/// values that are not finite, targets that are not one-hot.
pub fn prepare(trial: &Trial) -> Result<Data, TrialError> {
    let problem = &trial.problem;
    for (dimension, size) in [
        (Dimension::Inputs, problem.inputs_dim),
        (Dimension::Outputs, problem.outputs_dim),
    ] {
        if size == 0 {
            return Err(TrialError::Empty { dimension });
        }
    }
    let shape = (problem.outputs_dim, problem.inputs_dim);
    match &problem.task {
        Task::Factorization { target: wanted } => {
            let Y = target(wanted, shape, trial.draw)?;
            identity_data(trial, wanted, Y)
        }
        Task::Completion {
            target: wanted,
            mask: seen,
        } => {
            let Y = target(wanted, shape, trial.draw)?;
            let mut data = identity_data(trial, wanted, Y)?;
            data.mask = Some(mask(seen, shape, trial.draw)?);
            Ok(data)
        }
        Task::Regression { samples } => sampled_data(trial, samples, false),
        Task::Classification { samples } => sampled_data(trial, samples, true),
    }
}

/// Data whose inputs are the identity.
///
/// # Errors
/// Noise that is none, or on a target that is given.
fn identity_data(trial: &Trial, wanted: &Target, Y: TargetMatrix) -> Result<Data, TrialError> {
    let n = trial.problem.inputs_dim;
    let (Y, clean) = noisy(trial, wanted, Y)?;
    Ok(Data {
        c: scale(&trial.problem, n),
        X: InputsMatrix::Identity,
        Y,
        clean,
        folded: None,
        mask: None,
        classes: None,
        test: None,
        problem: trial.problem.clone(),
        draw: trial.draw,
        drawn: drawn(&trial.problem.task),
    })
}

/// The target with noise, and the one without where there is any.
fn noisy(
    trial: &Trial,
    wanted: &Target,
    Y: TargetMatrix,
) -> Result<(TargetMatrix, Option<TargetMatrix>), TrialError> {
    let noise = trial.problem.noise;
    if noise == 0.0 {
        return Ok((Y, None));
    }
    match wanted {
        Target::Given(_) => Err(TrialError::NoiseOnGiven {
            matrix: Matrix::Target,
        }),
        Target::Drawn { .. } => {
            check_noise(noise)?;
            let noisy = with_noise(&Y, noise, NoiseBy::Output, trial.draw);
            Ok((TargetMatrix::Dense(noisy), Some(Y)))
        }
    }
}

fn sampled_data(trial: &Trial, samples: &Samples, classify: bool) -> Result<Data, TrialError> {
    let problem = &trial.problem;
    let Cut {
        mut X,
        Y,
        clean,
        classes,
        mut test,
    } = cut(problem, samples, trial.draw, classify)?;
    if let Some(normalization) =
        Normalization::learned(X.view(), samples.center, samples.standardize)
    {
        normalization.apply(X.view_mut());
        // Values near the largest number may be further apart than it.
        check_finite(Matrix::Inputs, X.view())?;
        if let Some(test) = &mut test {
            normalization.apply(test.X.view_mut());
            check_finite(Matrix::Inputs, test.X.view())?;
        }
    }
    let n = X.ncols();
    let c = scale(problem, n);
    let mut folded = None;
    let may_fold = problem.loss.is_quadratic() && !independent(samples, problem.inputs_dim);
    if samples.whiten || may_fold {
        let mut factor = Factor::new(X.view())?;
        if samples.whiten {
            if let Some(test) = &mut test {
                test.X = factor.whiten(test.X.view());
            }
            factor = factor.whitened();
            X = factor.product();
        }
        if problem.loss.is_quadratic() {
            folded = factor.fold(Y.view(), c);
        }
    }
    Ok(Data {
        c,
        X: InputsMatrix::Dense(X),
        Y: TargetMatrix::Dense(Y),
        clean: clean.map(TargetMatrix::Dense),
        folded,
        mask: None,
        classes,
        test,
        problem: problem.clone(),
        draw: trial.draw,
        drawn: drawn(&problem.task),
    })
}

/// `c`, for `n` samples.
fn scale(problem: &Problem, n: usize) -> f64 {
    problem.loss.scale(problem.outputs_dim, n)
}

/// Whether the samples are independent by their construction, so that nothing can be folded.
fn independent(samples: &Samples, inputs_dim: usize) -> bool {
    !samples.center
        && !samples.standardize
        && matches!(samples.inputs, Inputs::Orthonormal { count, noise } if noise == 0.0 && count <= inputs_dim)
}

/// Whether anything comes from the draw.
fn drawn(task: &Task) -> bool {
    let target_drawn = |target: &Target| matches!(target, Target::Drawn { .. });
    match task {
        Task::Factorization { target } => target_drawn(target),
        Task::Completion { target, mask } => {
            target_drawn(target) || matches!(mask, Mask::Drawn { .. })
        }
        Task::Regression { samples } | Task::Classification { samples } => {
            !matches!(samples.inputs, Inputs::Given(_))
                || matches!(samples.targets, Targets::Teacher { .. })
                || samples.split.is_some()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Loss;
    use crate::config::{Draw, Given};
    use crate::data::fixture;
    use crate::kernel::square_sum;
    use ndarray::Array2;

    fn data(problem: Problem) -> Data {
        prepare(&fixture::trial(problem, &[4])).expect("fits")
    }

    fn dense(X: &InputsMatrix) -> &Array2<f64> {
        match X {
            InputsMatrix::Dense(X) => X,
            InputsMatrix::Identity => panic!("drawn inputs are dense"),
        }
    }

    fn samples(problem: &mut Problem) -> &mut Samples {
        match &mut problem.task {
            Task::Classification { samples } | Task::Regression { samples } => samples,
            _ => panic!("a problem with samples"),
        }
    }

    #[test]
    fn the_scale_of_the_loss_counts_all_entries_before_folding() {
        let check = |problem: Problem, c: f64| assert_eq!(data(problem).c, c);
        check(fixture::factorization(6, 4, 2), 1.0 / 24.0);
        check(fixture::completion(6, 4, 2, 0.5), 1.0 / 24.0);
        check(fixture::classification(5, 3, 10), 1.0 / 90.0);
        let sum = Problem {
            loss: Loss::Sum,
            ..fixture::factorization(6, 4, 2)
        };
        check(sum, 1.0);
    }

    #[test]
    fn completion_and_factorization_share_the_target() {
        let whole = data(fixture::factorization(6, 4, 2));
        let seen = data(fixture::completion(6, 4, 2, 0.5));
        assert_eq!(whole.Y.dense(), seen.Y.dense());
        assert!(whole.mask.is_none());
        assert_eq!(seen.mask.expect("completion has a mask").dim(), (4, 6));
    }

    #[test]
    fn many_samples_are_folded_and_few_are_not() {
        let many = data(fixture::classification(5, 3, 10));
        let folded = many.folded.as_ref().expect("30 samples of 5 inputs");
        assert_eq!((folded.X.dim(), folded.Y.dim()), ((5, 5), (3, 5)));
        // At W = 0 the loss is all in Y.
        let whole = 0.5 * many.c * square_sum(many.Y.dense().view());
        let thin = 0.5 * many.c * square_sum(folded.Y.view()) + folded.constant;
        assert!((whole - thin).abs() < 1e-14);
        assert!(data(fixture::classification(40, 3, 10)).folded.is_none());
    }

    #[test]
    fn whitening_is_fitted_on_the_training_samples_and_serves_the_held_out() {
        let raw = data(fixture::classification(5, 3, 10));
        let mut problem = fixture::classification(5, 3, 10);
        samples(&mut problem).whiten = true;
        let white = data(problem);
        let X = dense(&white.X);
        let moment = X.dot(&X.t()) - Array2::<f64>::eye(5);
        assert!(moment.iter().all(|x| x.abs() < 1e-13));
        // One map takes both parts: recover it from the training samples, try it on the others.
        let map = X.dot(&dense(&raw.X).t());
        let second = dense(&raw.X).dot(&dense(&raw.X).t());
        let (raw_test, white_test) = (raw.test.expect("held out"), white.test.expect("held out"));
        // map = (X X^T)^(1/2), so map * map is the second moment and map * white is raw.
        assert!((map.dot(&map) - second).iter().all(|x| x.abs() < 1e-11));
        let back = map.dot(&white_test.X) - &raw_test.X;
        assert!(back.iter().all(|x| x.abs() < 1e-12));
    }

    /// A classification with these flags over inputs of rank 4 whose sizes differ.
    fn prepared(center: bool, standardize: bool, whiten: bool) -> Problem {
        let mut problem = fixture::classification(6, 3, 10);
        let sizes = [1e4, 1.0, 1e-3, 30.0, 7.0, 0.0];
        let drawn = fixture::normals(3, 6, 4).dot(&fixture::normals(4, 4, 33));
        let X = Array2::from_shape_fn((6, 33), |(i, j)| sizes[i] * (drawn[[i, j]] + 2.0));
        let samples = samples(&mut problem);
        samples.inputs = Inputs::Given(fixture::given(X));
        (samples.center, samples.standardize, samples.whiten) = (center, standardize, whiten);
        problem
    }

    #[test]
    fn statistics_come_from_the_training_samples_alone() {
        for flags in 1..8 {
            let [center, standardize, whiten] = [1, 2, 4].map(|bit| flags & bit != 0);
            let problem = prepared(center, standardize, whiten);
            let mut other = problem.clone();
            let changed = samples(&mut other);
            let Inputs::Given(Given(X)) = &changed.inputs else {
                panic!("given inputs")
            };
            let mut X = (***X).clone();
            X.slice_mut(ndarray::s![.., 30..])
                .mapv_inplace(|x| 1e3 * x + 5.0);
            changed.inputs = Inputs::Given(fixture::given(X));
            let (one, other) = (data(problem), data(other));
            assert_eq!(dense(&one.X), dense(&other.X));
            let test = |data: Data| data.test.expect("held out").X;
            assert_ne!(test(one), test(other));
        }
    }

    #[test]
    fn whitening_comes_after_the_statistics() {
        let white = data(prepared(true, true, true));
        let X = dense(&white.X);
        // Four directions and the constant input, which centring takes away.
        let moment = X.dot(&X.t());
        let rank = moment.diag().sum();
        assert!(
            (rank - 4.0).abs() < 1e-9 || (rank - 5.0).abs() < 1e-9,
            "{rank}"
        );
        for input in X.rows() {
            assert!(input.sum().abs() < 1e-9);
        }
        let plain = data(prepared(true, true, false));
        let deviations = dense(&plain.X).rows().into_iter().map(|row| row.std(0.0));
        let deviations: Vec<f64> = deviations.collect();
        for deviation in &deviations[..5] {
            assert!((deviation - 1.0).abs() < 1e-12, "{deviations:?}");
        }
        assert_eq!(deviations[5], 0.0);
    }

    #[test]
    fn a_split_holds_out_other_samples_in_every_replicate() {
        let mut problem = fixture::classification(5, 3, 10);
        let whole = data(problem.clone());
        let split = crate::config::Split {
            share: 0.2,
            stratify: true,
        };
        let parts = samples(&mut problem);
        (parts.split, parts.test, parts.train) = (Some(split), None, (0, 30));
        let mut trial = fixture::trial(problem, &[4]);
        let one = prepare(&trial).expect("fits");
        let test = one.test.as_ref().expect("held out");
        assert_eq!((dense(&one.X).ncols(), test.X.ncols()), (24, 6));
        let classes = test.classes.as_ref().expect("classes");
        for class in 0..3 {
            assert_eq!(classes.iter().filter(|&&found| found == class).count(), 2);
        }
        // Every sample is on one side, with its class.
        for column in dense(&one.X).columns().into_iter().chain(test.X.columns()) {
            let all = dense(&whole.X).columns();
            assert_eq!(all.into_iter().filter(|other| *other == column).count(), 1);
        }
        assert!(one.serves(&trial));
        trial.draw.replicate += 1;
        assert!(!one.serves(&trial));
        let other = prepare(&trial).expect("fits");
        assert_ne!(dense(&one.X), dense(&other.X));
    }

    #[test]
    fn noise_leaves_the_target_as_the_clean_one() {
        let noisy = |problem: Problem, noise: f64| {
            let problem = Problem { noise, ..problem };
            prepare(&fixture::trial(problem, &[4]))
        };
        for problem in [
            fixture::factorization(9, 7, 2),
            fixture::completion(9, 7, 2, 0.5),
        ] {
            let plain = data(problem.clone());
            assert!(plain.clean.is_none());
            let found = noisy(problem.clone(), 0.5).expect("fits");
            let clean = found.clean.as_ref().expect("noise").dense();
            assert_eq!(clean, plain.Y.dense());
            let added = &*found.Y.dense() - &*clean;
            let share = (square_sum(added.view()) / square_sum(clean.view())).sqrt();
            // 63 squares: a standard error of 9 %.
            assert!((0.3..0.75).contains(&share), "{share}");
            assert_eq!(
                found.clean_samples().expect("noise").X,
                Array2::<f64>::eye(9)
            );
            assert!(matches!(
                noisy(problem, -0.5),
                Err(TrialError::Noise { .. })
            ));
        }
        let given = Problem {
            task: Task::Factorization {
                target: Target::Given(fixture::given(Array2::ones((7, 9)))),
            },
            ..fixture::factorization(9, 7, 2)
        };
        let error = noisy(given, 0.5).expect_err("given");
        assert_eq!(
            error.to_string(),
            "noise is added to drawn targets, and the target is given"
        );
    }

    #[test]
    fn whitened_orthonormal_samples_stay_as_they_are() {
        let mut problem = fixture::classification(40, 3, 10);
        let samples = samples(&mut problem);
        samples.inputs = Inputs::Orthonormal {
            count: 33,
            noise: 0.0,
        };
        let plain = data(problem.clone());
        assert!(plain.folded.is_none());
        self::samples(&mut problem).whiten = true;
        let white = data(problem);
        assert!(white.folded.is_none());
        let difference = dense(&white.X) - dense(&plain.X);
        assert!(difference.iter().all(|x| x.abs() < 1e-14));
    }

    #[test]
    fn the_same_draw_gives_the_same_bits_and_another_others() {
        let mut trial = fixture::trial(fixture::classification(5, 3, 10), &[4]);
        let one = prepare(&trial).expect("fits");
        let again = prepare(&trial).expect("fits");
        assert_eq!(dense(&one.X), dense(&again.X));
        trial.draw.replicate += 1;
        let other = prepare(&trial).expect("fits");
        assert_ne!(dense(&one.X), dense(&other.X));
    }

    #[test]
    fn data_serve_the_trials_of_the_same_problem_and_draw() {
        let other_draw = Draw {
            seed: 99,
            replicate: 5,
        };
        let mut trial = fixture::trial(fixture::factorization(6, 4, 2), &[4]);
        let drawn = prepare(&trial).expect("fits");
        assert!(drawn.serves(&trial));
        trial.network.widths = vec![9, 9];
        assert!(drawn.serves(&trial), "the network does not matter");
        trial.draw = other_draw;
        assert!(!drawn.serves(&trial), "the target is drawn");

        let target = fixture::given(Array2::ones((4, 6)));
        let of = |target: &Given| {
            let problem = Problem {
                task: Task::Factorization {
                    target: Target::Given(target.clone()),
                },
                ..fixture::factorization(6, 4, 2)
            };
            fixture::trial(problem, &[4])
        };
        let mut trial = of(&target);
        let given = prepare(&trial).expect("fits");
        trial.draw = other_draw;
        assert!(given.serves(&trial), "nothing is drawn");
        let copy = fixture::given(Array2::ones((4, 6)));
        assert!(!given.serves(&of(&copy)), "another array");
    }

    #[test]
    fn dimensions_of_zero_are_refused() {
        let trial = fixture::trial(fixture::factorization(6, 0, 1), &[4]);
        let error = prepare(&trial).expect_err("no outputs");
        let dimension = Dimension::Outputs;
        assert_eq!(error, TrialError::Empty { dimension });
    }
}
