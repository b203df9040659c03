//! Predictions against what is measured, and against the formulas written out.

use super::scalar::{Mode, descend, flow};
use crate::config::*;
use crate::data::fixture::{classification, completion, factorization, given, trial};
use crate::data::prepare;
use crate::engine::plan;
use crate::kernel::Threads;
use crate::outcome::{Outcome, SpectrumRow};

fn outcome(trial: &Trial) -> Outcome {
    let data = prepare(trial).expect("fits");
    crate::run(trial, &data, Threads::Seq, &|| 0.0).expect("runs")
}

/// Asks for the theory of a sum loss at each of these steps.
fn asked(mut trial: Trial, rate: f64, steps: u64) -> Trial {
    trial.problem.loss = Loss::Sum;
    trial.optimizer.rate = rate;
    trial.train.steps = steps;
    trial.measure.every = steps.div_ceil(8);
    trial.measure.metrics = Metrics {
        train_loss: true,
        theory: true,
        ..Metrics::NONE
    };
    trial
}

fn error_of(row: &SpectrumRow) -> f64 {
    row.theory_error.expect("a closed form holds")
}

/// The largest error of the modes, over their largest value, and the largest error of the layers.
fn errors(outcome: &Outcome) -> (f64, f64) {
    let (map, layers): (Vec<&SpectrumRow>, Vec<&SpectrumRow>) =
        outcome.spectra.iter().partition(|row| row.layer == 0);
    let of_modes = map.iter().filter(|row| row.mode_value.is_some());
    let largest = of_modes.clone().filter_map(|row| row.mode_value);
    let largest = largest.fold(0.0f64, f64::max);
    assert!(largest > 0.1, "nothing was learned: {largest}");
    let worst = of_modes.map(|row| error_of(row)).fold(0.0f64, f64::max);
    let of_layers = layers.iter().map(|row| error_of(row));
    (worst / largest, of_layers.fold(0.0f64, f64::max))
}

fn list(values: &[f64]) -> Problem {
    let mut problem = factorization(9, 7, values.len());
    problem.task = Task::Factorization {
        target: Target::Drawn {
            rank: values.len(),
            singular_values: SingularValues::List(values.to_vec()),
        },
    };
    problem
}

fn aligned(widths: &[usize], scale: f64, rate: f64, steps: u64) -> Trial {
    let mut trial = asked(trial(list(&[3.0, 2.0, 1.0]), widths), rate, steps);
    trial.init.kind = StartKind::Aligned;
    trial.init.scales = vec![scale; widths.len() + 1];
    trial
}

#[test]
fn aligned_layers_follow_the_recursion_and_modes_the_flow() {
    for engine in [EngineChoice::Full, EngineChoice::Reduced] {
        for widths in [&[][..], &[7], &[8, 12], &[2, 9], &[5, 6, 5]] {
            let run = |rate: f64, steps: u64| {
                let mut trial = aligned(widths, 0.4, rate, steps);
                trial.train.engine = engine;
                errors(&outcome(&trial))
            };
            let (coarse, layers) = run(2e-3, 1000);
            assert!(layers < 1e-12, "{engine:?} {widths:?}: {layers:e}");
            let (fine, layers) = run(1e-3, 2000);
            assert!(layers < 1e-12, "{engine:?} {widths:?}: {layers:e}");
            // Half the rate, half the error.
            let ratio = coarse / fine;
            assert!(
                (1.8..2.2).contains(&ratio),
                "{widths:?}: {coarse:e} {fine:e}"
            );
        }
    }
}

#[test]
fn an_identity_start_on_a_diagonal_target_is_aligned() {
    let mut Y = ndarray::Array2::zeros((4, 5));
    for (i, value) in [1.0, -3.0, 0.0, 2.0].into_iter().enumerate() {
        Y[[i, i]] = value;
    }
    let mut problem = factorization(5, 4, 2);
    problem.task = Task::Factorization {
        target: Target::Given(given(Y)),
    };
    let mut trial = asked(trial(problem, &[6, 4]), 1e-3, 2000);
    trial.init.kind = StartKind::Identity;
    trial.init.scales = vec![0.3, 0.5, 0.4];
    let found = outcome(&trial);
    let (modes, layers) = errors(&found);
    assert!(modes < 0.02 && layers < 1e-12, "{modes:e} {layers:e}");
    // The mode of -3 starts below 0, in its own direction.
    let first = found.spectra.iter().find(|row| row.layer == 0);
    let first = first.and_then(|row| row.mode_value).expect("a mode");
    assert!((first + 0.3 * 0.5 * 0.4).abs() < 1e-14, "{first}");
}

#[test]
fn a_layer_that_starts_at_zero_is_followed_too() {
    for engine in [EngineChoice::Full, EngineChoice::Reduced] {
        let mut trial = aligned(&[9, 7], 0.0, 1e-3, 3000);
        trial.init.scales = vec![0.0, 0.2, 0.3];
        trial.train.engine = engine;
        let (modes, layers) = errors(&outcome(&trial));
        assert!(modes < 0.02 && layers < 1e-12, "{modes:e} {layers:e}");
    }
}

/// Square orthogonal layers of these scales.
fn riccati(scales: [f64; 2], rate: f64, steps: u64) -> Trial {
    let mut problem = list(&[2.0, 1.5, 0.5]);
    problem.inputs_dim = 7;
    let mut trial = asked(trial(problem, &[7]), rate, steps);
    trial.init.scales = scales.to_vec();
    trial
}

#[test]
fn two_balanced_layers_follow_the_riccati_flow() {
    // lambda = 0, 0.96 and -2.
    for (scales, wanted) in [([0.2, 0.2], 1e-3), ([0.2, 1.0], 1e-3), ([1.5, 0.5], 1e-3)] {
        for engine in [EngineChoice::Full, EngineChoice::Reduced] {
            let run = |rate: f64, steps: u64| {
                let mut trial = riccati(scales, rate, steps);
                trial.train.engine = engine;
                errors(&outcome(&trial))
            };
            let (coarse, coarse_layers) = run(1e-3, 4000);
            let (fine, fine_layers) = run(5e-4, 8000);
            assert!(fine < wanted, "{scales:?}: {fine:e}");
            assert!(fine_layers < wanted, "{scales:?}: {fine_layers:e}");
            for (coarse, fine) in [(coarse, fine), (coarse_layers, fine_layers)] {
                let ratio = coarse / fine;
                assert!(
                    (1.8..2.2).contains(&ratio),
                    "{scales:?}: {coarse:e} {fine:e}"
                );
            }
        }
    }
}

#[test]
fn riccati_and_scalar_flows_agree_where_both_hold() {
    // The same aligned start, once as such and once as given matrices.
    for scales in [[0.3, 0.3], [0.2, 0.7]] {
        let mut one = aligned(&[7], 0.3, 1e-3, 1600);
        one.init.scales = scales.to_vec();
        let mut other = one.clone();
        other.init.kind = StartKind::File;
        let W = crate::init::weights(&one).expect("drawn");
        other.init.weights = W.into_iter().map(Given::from).collect();
        let (one, other) = (outcome(&one), outcome(&other));
        let mut modes = 0;
        for (a, b) in one.spectra.iter().zip(&other.spectra) {
            if a.layer == 0 && a.theory_value.is_some() {
                let off = a.theory_value.unwrap_or(0.0) - b.theory_value.expect("balanced");
                assert!(off.abs() < 1e-9, "{scales:?} at {}: {off:e}", a.step);
                modes += 1;
            }
        }
        assert!(modes > 20);
    }
}

#[test]
fn the_riccati_flow_stays_finite_at_large_times() {
    // e^(f t) of the first mode overflows; that of the last does not.
    let mut trial = riccati([0.01, 0.01], 0.01, 200_000);
    trial.measure.every = 0;
    let data = prepare(&trial).expect("fits");
    let theory = super::Theory::new(&trial, &data).expect("a closed form");
    for step in [0, 100, 10_000, 200_000, 100_000_000] {
        let found = theory.at(step, Threads::Seq);
        assert_eq!(found.modes.len(), 3);
        let settled = step >= 10_000;
        for (mode, s) in found.modes.iter().zip([2.0, 1.5, 0.5]) {
            assert!(mode.is_finite(), "{step}: {mode}");
            if settled {
                assert!((mode - s).abs() < 1e-12, "{step}: {mode} is not {s}");
            }
        }
        for values in &found.layers {
            assert_eq!(values.iter().map(|&(_, count)| count).sum::<u64>(), 7);
            assert!(values.iter().all(|(value, _)| value.is_finite()));
        }
    }
}

#[test]
fn samples_with_a_flat_second_moment_have_the_flow_too() {
    let mut problem = classification(6, 6, 8);
    let Task::Classification { samples } = &mut problem.task else {
        panic!("a classification");
    };
    samples.whiten = true;
    for engine in [EngineChoice::Full, EngineChoice::Reduced] {
        let run = |rate: f64, steps: u64| {
            let mut trial = asked(trial(problem.clone(), &[5]), rate, steps);
            trial.init.scales = vec![0.3, 0.5];
            trial.train.engine = engine;
            errors(&outcome(&trial)).0
        };
        let (coarse, fine) = (run(4e-3, 1000), run(2e-3, 2000));
        let ratio = coarse / fine;
        assert!(
            fine < 1e-2 && (1.8..2.2).contains(&ratio),
            "{coarse:e} {fine:e}"
        );
    }
}

#[test]
fn the_flow_of_a_mode_is_the_limit_of_descent() {
    for w in [
        vec![0.5],
        vec![0.3, 0.3],
        vec![0.3, -0.8],
        vec![0.1, 0.1, 0.1],
        vec![0.0, 0.4, 0.2],
        vec![0.9, 0.2, 0.5, 1.1],
    ] {
        for s in [0.0, 1.3] {
            let mode = Mode { s, w: w.clone() };
            for time in [0.0, 0.7, 4.0, 30.0] {
                let found = flow(&mode, time).expect("short");
                // Two rates and the limit of their line.
                let at = |steps: u64| {
                    let mut w = w.clone();
                    descend(s, &mut w, time / steps as f64, steps);
                    w
                };
                let (one, two) = (at(20_000), at(40_000));
                for l in 0..w.len() {
                    let wanted = 2.0 * two[l] - one[l];
                    assert!(
                        (found[l] - wanted).abs() < 1e-6,
                        "{w:?}, s = {s}, t = {time}: {} is not {wanted}",
                        found[l]
                    );
                }
            }
        }
    }
}

#[test]
fn a_prediction_does_not_depend_on_what_was_asked_before() {
    let trial = aligned(&[8, 8], 0.3, 1e-2, 500);
    let data = prepare(&trial).expect("fits");
    let one = super::Theory::new(&trial, &data).expect("a closed form");
    let other = super::Theory::new(&trial, &data).expect("a closed form");
    for step in [3, 100, 101, 7, 500] {
        one.at(step, Threads::Seq);
    }
    let (a, b) = (one.at(321, Threads::Seq), other.at(321, Threads::Seq));
    assert_eq!(a.layers, b.layers);
    assert_eq!(a.modes, b.modes);
}

/// The reason in the plan, and that nothing is predicted.
fn check(change: impl Fn(&mut Trial), wanted: &str) {
    let mut trial = riccati([0.3, 0.3], 1e-3, 2);
    change(&mut trial);
    let reason = plan(&trial).reason;
    assert!(
        reason.ends_with(&format!("; no theory: {wanted}")),
        "{reason}"
    );
    trial.train.engine = EngineChoice::Full;
    let found = outcome(&trial);
    assert!(found.spectra.iter().all(|row| {
        row.theory_value.is_none() && row.theory_error.is_none() && row.mode_value.is_none()
    }));
    trial.measure.metrics.theory = false;
    assert!(!plan(&trial).reason.contains("theory"));
}

#[test]
fn where_no_closed_form_holds_the_plan_says_why() {
    assert!(
        !plan(&riccati([0.3, 0.3], 1e-3, 2))
            .reason
            .contains("theory")
    );
    check(
        |trial| trial.network.activation = Activation::Relu,
        "the network is not linear (relu)",
    );
    check(
        |trial| trial.optimizer.kind = OptimizerKind::Momentum,
        "the optimizer is momentum, not gd",
    );
    check(
        |trial| trial.optimizer.weight_decay = 0.1,
        "there is weight decay",
    );
    check(
        |trial| trial.problem = completion(7, 7, 2, 0.5),
        "not every entry is observed",
    );
    check(
        |trial| {
            trial.network.widths = vec![7, 7];
            trial.init.scales = vec![0.3; 3];
        },
        "the network has 3 layers and no aligned start (2 layers need none)",
    );
    check(
        |trial| trial.network.widths = vec![9],
        "the hidden layer of 9 is wider than inputs or outputs (7), so W_2^T W_2 - W_1 W_1^T is no multiple of the \
         identity",
    );
    let unbalanced = |kind: &str| {
        format!(
            "the start is {kind}, and W_2^T W_2 - W_1 W_1^T is no multiple of the identity there"
        )
    };
    check(
        |trial| trial.init.kind = StartKind::Gaussian,
        &unbalanced("gaussian"),
    );
    check(
        |trial| {
            trial.init.kind = StartKind::Balanced;
            trial.init.scales = vec![0.3, 0.4];
        },
        &unbalanced("balanced"),
    );
    check(
        |trial| {
            trial.init.kind = StartKind::Gaussian;
            let W = crate::init::weights(trial).expect("drawn");
            trial.init.weights = W.into_iter().map(Given::from).collect();
            trial.init.kind = StartKind::File;
        },
        &unbalanced("file"),
    );
    check(
        |trial| trial.problem = classification(7, 3, 9),
        "X X^T is no multiple of the identity: whiten the inputs",
    );
}

#[test]
fn a_batch_of_all_samples_is_no_batch() {
    let mut trial = asked(trial(classification(3, 3, 4), &[3]), 0.01, 20);
    let Task::Classification { samples } = &mut trial.problem.task else {
        panic!("a classification");
    };
    samples.whiten = true;
    let refused = |trial: &Trial| plan(trial).reason.contains("no theory");
    assert!(!refused(&trial));
    trial.train.batch = 12;
    assert!(!refused(&trial));
    assert!(
        outcome(&trial)
            .spectra
            .iter()
            .any(|row| row.theory_error.is_some())
    );
    trial.train.batch = 11;
    assert!(refused(&trial));
    // Three centred samples have two directions, not three.
    let mut few = asked(
        crate::data::fixture::trial(classification(3, 3, 1), &[3]),
        0.01,
        20,
    );
    let Task::Classification { samples } = &mut few.problem.task else {
        panic!("a classification");
    };
    samples.whiten = true;
    assert!(!refused(&few));
    let Task::Classification { samples } = &mut few.problem.task else {
        panic!("a classification");
    };
    samples.center = true;
    assert!(refused(&few), "{}", plan(&few).reason);
}
