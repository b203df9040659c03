//! Data that are centred, standardized, split or noisy, on both engines: one curve, and cores within their bounds.

use ndarray::Array2;

use super::fixture::{self, given, normals};
use super::prepare;
use crate::config::*;
use crate::engine::plan;
use crate::kernel::Threads;
use crate::law::{bounds, reduce};
use crate::outcome::Outcome;
use crate::run::run;

fn ran(trial: &Trial, engine: EngineChoice) -> Outcome {
    let mut trial = trial.clone();
    trial.train.engine = engine;
    let data = prepare(&trial).expect("fits");
    run(&trial, &data, Threads::Seq, &|| 0.0).expect("runs")
}

/// Both engines have one curve, and the core is no wider than its bound.
#[track_caller]
fn check(problem: Problem, widths: &[usize]) {
    let mut trial = fixture::trial(problem, widths);
    trial.init.scales = vec![0.7; widths.len() + 1];
    trial.optimizer.rate = 0.01;
    trial.train.steps = 40;
    trial.measure.every = 10;
    trial.measure.metrics.train_loss = true;
    trial.measure.metrics.test_loss = true;
    let data = prepare(&trial).expect("fits");
    let reduction = reduce(&trial, &data, &|_| true).expect("the law holds");
    let bounds = bounds(&trial).widths;
    for (basis, bound) in reduction.bases.iter().zip(&bounds) {
        assert!(basis.width() <= *bound, "{} above {bound}", basis.width());
    }
    trial.train.engine = EngineChoice::Reduced;
    assert_eq!(plan(&trial).refused, None);
    let (full, reduced) = (
        ran(&trial, EngineChoice::Full),
        ran(&trial, EngineChoice::Reduced),
    );
    let first = full.history[0].scalars;
    let close = |a: Option<f64>, b: Option<f64>, first: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-11 * b.abs() + 1e-14 * first.unwrap_or(0.0),
        (None, None) => true,
        _ => false,
    };
    for (full, reduced) in full.history.iter().zip(&reduced.history) {
        let (a, b) = (full.scalars, reduced.scalars);
        assert!(
            close(a.train_loss, b.train_loss, first.train_loss),
            "{a:?} {b:?}"
        );
        assert!(
            close(a.test_loss, b.test_loss, first.test_loss),
            "{a:?} {b:?}"
        );
        assert!(
            close(a.clean_loss, b.clean_loss, first.clean_loss),
            "{a:?} {b:?}"
        );
    }
    let noisy = trial.problem.noise > 0.0;
    assert!(
        full.history
            .iter()
            .all(|row| row.scalars.clean_loss.is_some() == noisy)
    );
}

/// Inputs of rank 5 with means far from 0, three classes in turn.
fn classified(change: impl FnOnce(&mut Samples)) -> Problem {
    let mut problem = fixture::classification(12, 3, 10);
    let X = normals(1, 12, 5).dot(&normals(2, 5, 33)) + 1.5;
    if let Task::Classification { samples } = &mut problem.task {
        samples.inputs = Inputs::Given(given(X));
        change(samples);
    }
    problem
}

#[test]
fn centred_and_standardized_inputs_are_reduced_exactly() {
    for flags in 0..8 {
        let [center, standardize, whiten] = [1, 2, 4].map(|bit| flags & bit != 0);
        let problem = classified(|samples| {
            (samples.center, samples.standardize, samples.whiten) = (center, standardize, whiten);
        });
        check(problem, &[20, 20]);
    }
}

#[test]
fn centring_is_counted_in_the_bounds() {
    // Four samples of eight inputs: centred, they have three directions.
    let mut problem = fixture::classification(8, 2, 2);
    if let Task::Classification { samples } = &mut problem.task {
        samples.center = true;
    }
    let trial = fixture::trial(problem.clone(), &[9, 9]);
    assert_eq!(bounds(&trial).widths[0], 5);
    check(problem, &[9, 9]);
    for count in [6, 30] {
        let mut problem = fixture::classification(10, 2, 2);
        if let Task::Classification { samples } = &mut problem.task {
            samples.inputs = Inputs::Orthonormal { count, noise: 0.0 };
            samples.targets = Targets::Classes {
                classes: 2,
                samples_per_class: count / 2,
            };
            (samples.train, samples.test) = ((0, count), None);
            samples.center = true;
        }
        check(problem, &[14, 14]);
    }
}

#[test]
fn a_drawn_part_is_reduced_exactly() {
    for (stratify, whiten) in [(false, false), (true, false), (true, true)] {
        let problem = classified(|samples| {
            (samples.train, samples.test) = ((0, 33), None);
            samples.split = Some(Split {
                share: 0.3,
                stratify,
            });
            samples.whiten = whiten;
        });
        check(problem, &[20, 20]);
    }
}

#[test]
fn noisy_targets_are_reduced_exactly_and_measured_without_their_noise() {
    let noisy = |problem: Problem| Problem {
        noise: 0.4,
        ..problem
    };
    // A wide target of few outputs keeps a small core.
    check(noisy(fixture::factorization(20, 3, 1)), &[20, 20]);
    check(noisy(fixture::factorization(3, 20, 1)), &[20]);
    let mut problem = noisy(fixture::classification(7, 3, 10));
    let Task::Classification { samples } = problem.task else {
        panic!("samples")
    };
    let mut samples = samples;
    samples.targets = Targets::Teacher {
        rank: 1,
        singular_values: SingularValues::Flat,
    };
    problem.task = Task::Regression { samples };
    check(problem, &[25, 25]);
}

#[test]
fn every_engine_measures_the_clean_loss() {
    let problem = Problem {
        noise: 0.5,
        ..fixture::completion(12, 10, 2, 0.6)
    };
    let mut trial = fixture::trial(problem, &[12]);
    trial.measure.metrics.train_loss = true;
    trial.optimizer.rank_estimate = 2;
    let data = prepare(&trial).expect("fits");
    let clean = data.clean.as_ref().expect("noise").dense().into_owned();
    let mask = data.mask.as_ref().expect("a mask");
    for engine in [EngineChoice::Full, EngineChoice::Factored] {
        let found = ran(&trial, engine).history[0].scalars.clean_loss;
        // From a small start, nothing is fitted yet.
        trial.init.scales = vec![1e-9; 2];
        let start = ran(&trial, engine).history[0].scalars.clean_loss;
        let masked: Array2<f64> = &clean * mask;
        let nothing = 0.5 * data.c * masked.iter().map(|x| x * x).sum::<f64>();
        let start = start.expect("noise");
        assert!((start / nothing - 1.0).abs() < 1e-6, "{start} {nothing}");
        assert_ne!(found, Some(start));
        trial.init.scales = vec![1.0; 2];
    }
}
