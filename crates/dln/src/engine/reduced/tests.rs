//! The reduced engine against the full one, on every row of the law's table, and what it refuses.

use ndarray::{Array2, s};

use crate::config::*;
use crate::data::fixture::{classification, factorization, given, trial};
use crate::engine::choice::{self, Choice};
use crate::engine::plan;
use crate::error::{NotReducible, TrialError};
use crate::kernel::Threads;
use crate::law::reduce_within;
use crate::outcome::{EngineKind, LayerRow, Outcome, Scalars, SpectrumRow, Status};
use crate::reflectors::Reflectors;
use crate::stream::{Purpose, normal_rows};
use crate::{Progress, Run, prepare, run};

pub(super) const ALL: Metrics = Metrics::ALL;

pub(super) const LOSSES: Metrics = Metrics {
    train_loss: true,
    test_loss: true,
    separation: true,
    ..Metrics::NONE
};

/// A trial of 40 steps, every metric measured at steps 0, 1, 20 and 40, starts of 0.7.
pub(super) fn prepared(problem: Problem, widths: &[usize], rate: f64) -> Trial {
    let mut trial = trial(problem, widths);
    trial.init.scales = vec![0.7; widths.len() + 1];
    trial.train.steps = 40;
    trial.optimizer.rate = rate;
    trial.measure.every = 20;
    trial.measure.metrics = ALL;
    trial
}

pub(super) fn outcome(trial: &Trial, engine: EngineChoice) -> Result<Outcome, TrialError> {
    let mut trial = trial.clone();
    trial.train.engine = engine;
    let data = prepare(&trial)?;
    run(&trial, &data, Threads::Seq, &|| 0.0)
}

/// Runs both engines under plain descent and under momentum with weight decay, on two draws, and compares
/// all that they report.
fn check(base: &Trial, core_width: Option<u64>) {
    for replicate in 0..2 {
        let mut trial = base.clone();
        trial.draw.replicate = replicate;
        compare(&trial, core_width);
        trial.optimizer.kind = OptimizerKind::Momentum;
        trial.optimizer.momentum = 0.8;
        trial.optimizer.rate *= 0.3;
        trial.optimizer.weight_decay = 0.02;
        for (l, scale) in trial.init.scales.iter_mut().enumerate() {
            *scale *= 1.0 + 0.1 * l as f64;
        }
        compare(&trial, core_width);
    }
}

pub(super) fn compare(trial: &Trial, core_width: Option<u64>) {
    assert_eq!(agree(trial).core_width, core_width);
}

/// Runs both engines and compares all that they report; returns what the reduced one does.
pub(super) fn agree(trial: &Trial) -> Outcome {
    let full = outcome(trial, EngineChoice::Full).expect("the full engine runs");
    let reduced = outcome(trial, EngineChoice::Reduced).expect("the law holds");
    assert_eq!(full.status, Status::Completed, "a stable rate");
    assert_eq!(reduced.engine, EngineKind::Reduced);
    assert!(
        reduced
            .reduction_residual
            .is_some_and(|residual| residual <= 1e-10)
    );
    compare_outcomes(&full, &reduced);
    reduced
}

/// All that both measured.
pub(super) fn compare_outcomes(full: &Outcome, reduced: &Outcome) {
    compare_histories(full, reduced, 1e-11);
    compare_spectra(&full.spectra, &reduced.spectra);
    compare_layers(&full.layers, &reduced.layers);
}

fn compare_histories(full: &Outcome, reduced: &Outcome, tolerance: f64) {
    let first = full.history[0].scalars;
    let scale = |value: Option<f64>| 1e-14 * value.unwrap_or(0.0);
    assert_eq!(full.history.len(), reduced.history.len());
    for (full, reduced) in full.history.iter().zip(&reduced.history) {
        assert_eq!(full.step, reduced.step);
        let what = |name: &str| format!("{name} at step {}", full.step);
        let (a, b): (Scalars, Scalars) = (full.scalars, reduced.scalars);
        let floor = scale(first.train_loss);
        near(
            a.train_loss,
            b.train_loss,
            tolerance,
            floor,
            &what("train loss"),
        );
        let floor = scale(first.test_loss);
        near(
            a.test_loss,
            b.test_loss,
            tolerance,
            floor,
            &what("test loss"),
        );
        near(
            a.clean_loss,
            b.clean_loss,
            tolerance,
            scale(first.clean_loss),
            &what("clean loss"),
        );
        assert_eq!(a.accuracy, b.accuracy, "{}", what("accuracy"));
        assert_eq!(
            a.test_accuracy,
            b.test_accuracy,
            "{}",
            what("test accuracy")
        );
        near(
            a.effective_rank,
            b.effective_rank,
            1e-9,
            0.0,
            &what("effective rank"),
        );
        near(
            a.stable_rank,
            b.stable_rank,
            1e-10,
            0.0,
            &what("stable rank"),
        );
        near(
            a.nuclear_norm,
            b.nuclear_norm,
            1e-10,
            0.0,
            &what("nuclear norm"),
        );
        near(a.sharpness, b.sharpness, 1e-7, 0.0, &what("sharpness"));
        near(a.alignment, b.alignment, 0.0, 1e-6, &what("alignment"));
    }
}

fn near(full: Option<f64>, reduced: Option<f64>, relative: f64, absolute: f64, what: &str) {
    match (full, reduced) {
        (Some(a), Some(b)) => assert!(
            (a - b).abs() <= relative * a.abs() + absolute,
            "{what}: {a:e} and {b:e}"
        ),
        (a, b) => assert_eq!(a, b, "{what}"),
    }
}

/// One row a value.
fn spread(rows: &[SpectrumRow]) -> Vec<SpectrumRow> {
    let mut all = Vec::new();
    for row in rows {
        for i in 0..row.multiplicity {
            let index = row.index + i;
            all.push(SpectrumRow { index, ..*row });
        }
    }
    all
}

fn compare_spectra(full: &[SpectrumRow], reduced: &[SpectrumRow]) {
    let (full, reduced) = (spread(full), spread(reduced));
    assert_eq!(full.len(), reduced.len());
    let mut largest = 0.0;
    for (a, b) in full.iter().zip(&reduced) {
        let what = format!("step {} layer {} index {}", a.step, a.layer, a.index);
        assert_eq!((a.step, a.layer, a.index), (b.step, b.layer, b.index));
        if a.index == 1 {
            largest = a.value;
        }
        let error = (a.value - b.value).abs();
        assert!(
            error <= 1e-11 * largest,
            "{what}: {} and {}",
            a.value,
            b.value
        );
        near(
            a.left_angle,
            b.left_angle,
            0.0,
            1e-6,
            &format!("left angle at {what}"),
        );
        near(
            a.right_angle,
            b.right_angle,
            0.0,
            1e-6,
            &format!("right angle at {what}"),
        );
    }
}

fn compare_layers(full: &[LayerRow], reduced: &[LayerRow]) {
    assert_eq!(full.len(), reduced.len());
    for (a, b) in full.iter().zip(reduced) {
        assert_eq!((a.step, a.layer), (b.step, b.layer));
        let what = |name: &str| format!("{name} at step {} layer {}", a.step, a.layer);
        near(a.separation, b.separation, 1e-9, 1e-12, &what("separation"));
        near(
            a.balancedness,
            b.balancedness,
            1e-10,
            1e-12,
            &what("balancedness"),
        );
        near(
            a.effective_rank,
            b.effective_rank,
            1e-10,
            0.0,
            &what("effective rank"),
        );
        near(
            a.stable_rank,
            b.stable_rank,
            1e-10,
            0.0,
            &what("stable rank"),
        );
    }
}

fn target(rank: usize) -> Target {
    Target::Drawn {
        rank,
        singular_values: SingularValues::Geometric(0.6),
    }
}

/// Sum loss, singular values 1, 0.6, ...
pub(super) fn matrix(inputs_dim: usize, outputs_dim: usize, rank: usize) -> Problem {
    Problem {
        loss: Loss::Sum,
        noise: 0.0,
        task: Task::Factorization {
            target: target(rank),
        },
        ..factorization(inputs_dim, outputs_dim, rank)
    }
}

pub(super) fn regression(
    inputs: Inputs,
    inputs_dim: usize,
    outputs_dim: usize,
    train: usize,
) -> Problem {
    let count = match &inputs {
        Inputs::Orthonormal { count, .. } | Inputs::Gaussian { count, .. } => *count,
        Inputs::Given(Given(X)) => X.ncols(),
    };
    Problem {
        inputs_dim,
        outputs_dim,
        loss: Loss::Mean,
        noise: 0.0,
        task: Task::Regression {
            samples: Samples {
                inputs,
                targets: Targets::Teacher {
                    rank: 2.min(outputs_dim),
                    singular_values: SingularValues::Flat,
                },
                train: (0, train),
                test: (train < count).then_some((train, count)),
                whiten: false,
                center: false,
                standardize: false,
                split: None,
            },
        },
    }
}

pub(super) fn gaussian_inputs(count: usize, rank: Option<usize>) -> Inputs {
    Inputs::Gaussian {
        count,
        noise: 0.0,
        rank,
        condition: None,
    }
}

/// Classes in order over the columns of an orthonormal matrix.
fn orthonormal_classes(d: usize, classes: usize, per_class: usize) -> Problem {
    Problem {
        inputs_dim: d,
        outputs_dim: classes,
        loss: Loss::Mean,
        noise: 0.0,
        task: Task::Classification {
            samples: Samples {
                inputs: Inputs::Orthonormal {
                    count: classes * per_class,
                    noise: 0.0,
                },
                targets: Targets::Classes {
                    classes,
                    samples_per_class: per_class,
                },
                train: (0, classes * per_class),
                test: None,
                whiten: false,
                center: false,
                standardize: false,
                split: None,
            },
        },
    }
}

#[test]
fn factorization_leaves_twice_the_rank() {
    check(&prepared(matrix(12, 12, 2), &[12, 12], 0.1), Some(4));
    check(&prepared(matrix(9, 9, 1), &[9, 9, 9], 0.1), Some(2));
    // More than half of the dimension: the core is the network.
    check(&prepared(matrix(5, 5, 3), &[5, 5], 0.1), Some(5));
}

#[test]
fn whitened_classification_leaves_twice_the_classes() {
    check(
        &prepared(orthonormal_classes(12, 3, 4), &[12, 12], 2.0),
        Some(6),
    );
}

#[test]
fn a_target_of_smaller_rank_than_classes_leaves_two_groups() {
    // r = 1, K = 5: three directions in the core, on the rest of the rows live and idle ones.
    let inputs = Inputs::Orthonormal {
        count: 14,
        noise: 0.0,
    };
    let mut problem = regression(inputs, 14, 5, 14);
    if let Task::Regression { samples } = &mut problem.task {
        samples.targets = Targets::Teacher {
            rank: 1,
            singular_values: SingularValues::Flat,
        };
    }
    check(&prepared(problem, &[14, 14], 2.0), Some(3));
    let narrow = prepared(matrix(13, 4, 1), &[13, 13], 0.1);
    check(&narrow, Some(3));
}

#[test]
fn any_data_leave_their_rank_and_the_classes() {
    let few = prepared(classification(14, 3, 2), &[14, 14], 0.1);
    check(&few, Some(9));
    // 2 r_x + r where that is less.
    let problem = regression(gaussian_inputs(3, Some(1)), 14, 5, 3);
    check(&prepared(problem, &[14, 14], 0.1), Some(3));
}

#[test]
fn a_tall_first_layer_fills_the_inputs() {
    check(&prepared(classification(6, 3, 5), &[20, 20], 0.2), Some(9));
    let problem = regression(gaussian_inputs(9, Some(2)), 7, 3, 6);
    check(&prepared(problem, &[18, 18], 0.1), Some(8));
}

#[test]
fn square_outputs_leave_the_ranks() {
    let problem = regression(gaussian_inputs(6, None), 12, 12, 3);
    check(&prepared(problem, &[12, 12], 0.2), Some(5));
}

#[test]
fn a_part_beside_the_identity_joins_the_core() {
    let d = 12;
    let draw = Draw {
        seed: 3,
        replicate: 0,
    };
    let mut X = Array2::zeros((d, d + 1));
    let Q = Reflectors::new(draw, Purpose::Inputs, 5, d, d).form();
    X.slice_mut(s![.., ..d]).assign(&(Q * 1.5));
    let extra = normal_rows(draw, Purpose::Inputs, 6, d, 1) * 0.5;
    X.slice_mut(s![.., d..]).assign(&extra);
    let problem = regression(Inputs::Given(given(X)), d, d, d + 1);
    check(&prepared(problem, &[d, d], 2.0), Some(5));
}

#[test]
fn depth_two_takes_any_start() {
    for kind in [StartKind::Gaussian, StartKind::Uniform] {
        let mut trial = prepared(classification(5, 3, 4), &[20], 0.2);
        trial.init.kind = kind;
        check(&trial, Some(8));
        // Rank-deficient inputs: losses alone, and the rest of the first layer stays out.
        let problem = regression(gaussian_inputs(8, Some(2)), 9, 3, 5);
        trial = Trial {
            init: trial.init,
            ..prepared(problem, &[20], 0.1)
        };
        trial.measure.metrics = LOSSES;
        check(&trial, Some(5));
    }
}

#[test]
fn chains_of_other_shapes_are_closed() {
    // A bottleneck, with end-to-end values that are zero.
    check(&prepared(matrix(12, 12, 1), &[7, 12], 0.1), Some(3));
    // A bulge whose generic angles the core takes in.
    check(&prepared(matrix(6, 5, 1), &[14], 0.1), Some(11));
    // Rotations between unequal ends.
    check(&prepared(matrix(8, 11, 2), &[8, 11], 0.1), Some(6));
    // One layer, and no hidden core.
    check(&prepared(matrix(10, 10, 2), &[], 0.1), None);
    let problem = regression(gaussian_inputs(6, None), 9, 4, 4);
    check(&prepared(problem, &[], 0.2), None);
}

#[test]
fn identity_and_given_starts_are_served() {
    let mut trial = prepared(matrix(10, 10, 2), &[10, 10], 0.1);
    trial.init.kind = StartKind::Identity;
    check(&trial, Some(4));
    let draw = trial.draw;
    let layers = (1..=3).map(|layer| {
        let Q = Reflectors::new(draw, Purpose::Init, 40 + layer, 10, 10).form();
        Given::from(Q * 0.6)
    });
    trial.init.kind = StartKind::File;
    trial.init.weights = layers.collect();
    check(&trial, Some(4));
}

#[test]
fn a_balanced_start_has_the_rank_of_its_narrowest_space() {
    let mut trial = prepared(matrix(5, 5, 2), &[16, 16], 0.1);
    trial.init.kind = StartKind::Balanced;
    trial.measure.metrics.angles = false;
    check(&trial, Some(5));
}

#[test]
fn a_saddle_is_left_at_the_same_step() {
    let mut trial = prepared(matrix(10, 10, 2), &[10, 10], 0.3);
    trial.init.scales = vec![0.01; 3];
    trial.train.steps = 3000;
    trial.measure.every = 250;
    trial.measure.metrics = LOSSES;
    let full = outcome(&trial, EngineChoice::Full).expect("runs");
    let reduced = outcome(&trial, EngineChoice::Reduced).expect("the law holds");
    let (first, last) = (&full.history[0], &full.history[12]);
    let fallen = last.scalars.train_loss < first.scalars.train_loss.map(|loss| loss * 1e-3);
    assert!(fallen, "{:?} {:?}", first.scalars, last.scalars);
    compare_histories(&full, &reduced, 1e-11);
}

#[test]
fn stop_rules_see_the_same_gradient() {
    for (weight_decay, metrics) in [(0.0, ALL), (0.05, LOSSES)] {
        let mut trial = prepared(matrix(11, 11, 1), &[11, 11], 0.1);
        trial.optimizer.weight_decay = weight_decay;
        trial.measure.metrics = metrics;
        trial.train.steps = 400;
        trial.train.stop_gradient_norm = Some(0.2);
        let full = outcome(&trial, EngineChoice::Full).expect("runs");
        let reduced = outcome(&trial, EngineChoice::Reduced).expect("the law holds");
        assert!(full.steps > 0 && full.steps < 400, "{}", full.steps);
        assert_eq!(full.steps, reduced.steps);
    }
}

#[test]
fn single_precision_follows_double_and_the_full_engine_in_single() {
    let mut trial = prepared(matrix(12, 12, 2), &[12, 12], 0.1);
    trial.measure.metrics = LOSSES;
    let double = outcome(&trial, EngineChoice::Reduced).expect("the law holds");
    trial.train.precision = Precision::F32;
    let single = outcome(&trial, EngineChoice::Reduced).expect("the law holds");
    let full = outcome(&trial, EngineChoice::Full).expect("runs");
    let rows = double.history.iter().zip(&single.history);
    for ((a, b), c) in rows.zip(&full.history) {
        let [a, b, c] = [a, b, c].map(|row| row.scalars.train_loss);
        near(a, b, 1e-4, 1e-6, "train loss");
        near(c, b, 1e-4, 1e-6, "train loss in single precision");
        assert_ne!(a, b);
    }
}

#[test]
fn a_diverging_core_is_no_failure() {
    let mut trial = prepared(matrix(12, 12, 2), &[12, 12], 50.0);
    trial.train.steps = 500;
    trial.measure.metrics = LOSSES;
    let reduced = outcome(&trial, EngineChoice::Reduced).expect("the law holds");
    assert_eq!(reduced.status, Status::Diverged);
    assert!(reduced.last.train_loss.is_some_and(f64::is_finite));
}

#[test]
fn a_checkpoint_continues_to_the_same_bits() {
    let mut trial = prepared(classification(14, 3, 2), &[14, 14], 0.05);
    trial.train.engine = EngineChoice::Reduced;
    trial.optimizer.kind = OptimizerKind::Momentum;
    trial.optimizer.weight_decay = 0.01;
    let data = prepare(&trial).expect("drawn");
    let clock = || 0.0;
    let whole = run(&trial, &data, Threads::Pool, &clock).expect("the law holds");
    let mut part = Run::new(&trial, &data, Threads::Seq, &clock).expect("the law holds");
    assert_eq!(part.advance(17), Ok(Progress::Running));
    let bytes = part.checkpoint();
    let mut rest =
        Run::restore(&trial, &data, Threads::Seq, &clock, &bytes).expect("its own checkpoint");
    assert_eq!(rest.advance(u64::MAX), Ok(Progress::Done));
    let rest = rest.finish();
    assert_eq!(
        format!("{:?}", whole.history),
        format!("{:?}", rest.history)
    );
    assert_eq!(
        format!("{:?}", whole.spectra),
        format!("{:?}", rest.spectra)
    );
}

#[test]
fn auto_takes_the_core_where_it_is_cheaper_and_the_plan_says_so() {
    let auto = |mut trial: Trial| {
        trial.train.engine = EngineChoice::Auto;
        let planned = plan(&trial);
        let outcome = outcome(&trial, EngineChoice::Auto).expect("runs");
        assert_eq!(planned.engine, outcome.engine, "{}", planned.reason);
        if outcome.core_width.is_some() {
            assert_eq!(planned.core_width, outcome.core_width);
            assert_eq!(planned.flops_per_step, outcome.flops / outcome.steps as f64);
        }
        (outcome.engine, planned)
    };
    let wide = prepared(matrix(20, 20, 2), &[20, 20], 0.1);
    let (engine, planned) = auto(wide.clone());
    assert_eq!((engine, planned.core_width), (EngineKind::Reduced, Some(4)));
    assert!(
        planned.reason.contains("4 wide of a network 20 wide"),
        "{}",
        planned.reason
    );
    let mut gaussian = wide.clone();
    gaussian.init.kind = StartKind::Gaussian;
    let (engine, planned) = auto(gaussian);
    assert_eq!(engine, EngineKind::Full);
    assert!(
        planned.reason.contains("orthogonal start"),
        "{}",
        planned.reason
    );
    let (engine, planned) = auto(prepared(matrix(6, 6, 3), &[6, 6], 0.1));
    assert_eq!(engine, EngineKind::Full);
    assert!(
        planned.reason.contains("saves nothing"),
        "{}",
        planned.reason
    );
    let mut refused = wide;
    refused.train.engine = EngineChoice::Reduced;
    refused.optimizer.kind = OptimizerKind::Adam;
    let planned = plan(&refused);
    assert!(
        planned.refused.is_some() && planned.reason.contains("adam"),
        "{}",
        planned.reason
    );
}

#[test]
fn near_rank_data_make_the_core_grow() {
    // A second direction ten thousand million times weaker than the first is still a direction.
    let values = |second: f64| {
        let mut problem = matrix(12, 12, 2);
        problem.task = Task::Factorization {
            target: Target::Drawn {
                rank: 2,
                singular_values: SingularValues::List(vec![1.0, second]),
            },
        };
        prepared(problem, &[12, 12], 0.1)
    };
    let width = |second| {
        let outcome = outcome(&values(second), EngineChoice::Reduced).expect("the law holds");
        outcome.core_width
    };
    assert_eq!(width(1e-10), Some(4));
    assert_eq!(width(1e-14), Some(2));
    compare(&values(1e-10), Some(4));
}

/// A core whose certificate fails (here: a tolerance that no rounding meets) is left to the full engine under
/// `auto`, which keeps the residual for people to see, and is refused by name under `reduced`.
#[test]
fn a_certificate_that_fails_leaves_the_trial_to_the_full_engine() {
    let mut trial = prepared(matrix(20, 20, 2), &[20, 20], 0.1);
    trial.train.engine = EngineChoice::Auto;
    let data = prepare(&trial).expect("data");
    let choose = |certified| choice::choose(&trial, &data, certified).expect("a choice");
    assert!(matches!(choose(1e-10), Choice::Reduced(_)));
    match choose(0.0) {
        Choice::Full { refused_residual } => {
            assert!(refused_residual.is_some_and(|residual| residual > 0.0 && residual < 1e-10));
        }
        Choice::Reduced(_) => panic!("a residual above the tolerance was certified"),
        Choice::Overflow => panic!("these data are small"),
    }
    let refused = reduce_within(&trial, &data, &|_| true, 0.0).err();
    assert!(matches!(
        refused,
        Some(TrialError::NotReducible(NotReducible::Residual { .. }))
    ));
}
