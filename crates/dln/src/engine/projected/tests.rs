//! The projected engine against the full one, its looks, its blocks as they grow and change, its checkpoints.

use ndarray::Array2;

use crate::config::*;
use crate::data::fixture::{classification, completion, factorization, trial};
use crate::data::prepare;
use crate::engine::plan;
use crate::kernel::Threads;
use crate::metric::LayerRow;
use crate::outcome::{EngineKind, Outcome, Status};
use crate::run::{Progress, Run};

/// A classification of nine inputs into three classes.
fn samples(widths: &[usize]) -> Trial {
    let mut trial = trial(classification(9, 3, 10), widths);
    trial.train.steps = 40;
    trial.measure.every = 8;
    trial.optimizer.rate = 0.05;
    trial
}

fn projected(mut trial: Trial, change: impl Fn(&mut Projected)) -> Trial {
    trial.train.engine = EngineChoice::Projected;
    trial.train.projected.check = 5;
    change(&mut trial.train.projected);
    trial
}

/// What is left behind, and the weights and biases at the end.
fn ran(trial: &Trial) -> (Outcome, Vec<Array2<f64>>) {
    let data = prepare(trial).expect("data");
    let mut run = Run::new(trial, &data, Threads::Seq, &|| 0.0).expect("starts");
    while matches!(run.advance(u64::MAX).expect("runs"), Progress::Running) {}
    let weights = run.parameters();
    (run.finish(), weights)
}

/// The largest difference of the weights from those of the full engine, relative to the largest weight.
fn distance_from_full(trial: &Trial) -> f64 {
    let mut full = trial.clone();
    full.train.engine = EngineChoice::Full;
    let ((_, found), (_, wanted)) = (ran(trial), ran(&full));
    assert_eq!(found.len(), wanted.len());
    let largest = |A: &Array2<f64>| A.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    let size = wanted.iter().map(largest).fold(0.0, f64::max);
    let off = found.iter().zip(&wanted).map(|(a, b)| largest(&(a - b)));
    off.fold(0.0, f64::max) / size
}

fn rows(outcome: &Outcome) -> impl DoubleEndedIterator<Item = &LayerRow> {
    outcome.layers.iter().filter(|row| row.layer > 0)
}

#[test]
fn the_block_of_the_data_is_the_full_run_of_a_linear_network() {
    for &kind in OptimizerKind::ALL {
        for widths in [&[][..], &[20], &[30, 12], &[20, 20]] {
            let mut trial = projected(samples(widths), |_| {});
            trial.optimizer.kind = kind;
            trial.optimizer.momentum = kind.default_momentum().unwrap_or(0.0);
            if !kind.is_linear() {
                trial.optimizer.rate = 0.003;
            }
            let off = distance_from_full(&trial);
            if kind.commutes_with_rotations() {
                assert!(off < 1e-10, "{kind:?} {widths:?}: {off:e}");
            } else if widths.len() > 1 {
                assert!(off > 1e-3, "{kind:?} {widths:?}: {off:e}");
            }
        }
    }
}

#[test]
fn it_holds_for_batches_biases_losses_and_matrices() {
    let mut trial = projected(samples(&[20, 20]), |_| {});
    trial.network.bias = true;
    trial.train.batch = 7;
    for loss in [Loss::Mean, Loss::Sum, Loss::CrossEntropy] {
        trial.problem.loss = loss;
        trial.optimizer.rate = if loss.needs_classes() { 0.1 } else { 0.01 };
        let off = distance_from_full(&trial);
        assert!(off < 1e-10, "{loss:?}: {off:e}");
    }
}

/// Off the block of a matrix the weights move as the product of the layers does there: with its scales.
#[test]
fn it_nearly_holds_for_matrices_from_small_weights() {
    for problem in [factorization(12, 9, 2), completion(12, 9, 2, 1.0)] {
        for block in [BlockKind::Data, BlockKind::Gradient] {
            let mut last = f64::INFINITY;
            for scale in [0.1, 0.05, 0.025] {
                let mut trial = projected(samples(&[12, 12]), |rules| rules.block = block);
                trial.problem = problem.clone();
                trial.init.scales = vec![scale; 3];
                trial.optimizer.rate = 0.2;
                let off = distance_from_full(&trial);
                // Of the fifth power, relative to weights of the first.
                assert!(
                    off < last / 12.0 && off < 1e-3,
                    "{block:?} {scale}: {off:e}"
                );
                last = off;
                trial.train.projected.block = BlockKind::Random;
                assert!(distance_from_full(&trial) > 10.0 * off);
            }
        }
    }
}

#[test]
fn it_holds_in_single_precision() {
    let mut trial = projected(samples(&[20, 20]), |_| {});
    trial.train.precision = Precision::F32;
    let off = distance_from_full(&trial);
    assert!(off < 1e-5, "{off:e}");
}

#[test]
fn refreshed_at_every_step_with_the_gradients_rank_it_is_the_full_run() {
    // Gradients of three outputs have rank 3.
    for (rank, exact) in [(3, true), (2, false)] {
        let trial = projected(samples(&[20, 20]), |rules| {
            rules.kind = ProjectedKind::Refreshed;
            rules.rank = Some(rank);
            rules.refresh = 1;
        });
        let off = distance_from_full(&trial);
        assert_eq!(off < 1e-10, exact, "{rank}: {off:e}");
    }
    // The momentum is carried from block to block.
    let mut trial = projected(samples(&[20, 20]), |rules| {
        rules.kind = ProjectedKind::Refreshed;
        rules.rank = Some(6);
        rules.refresh = 7;
    });
    trial.optimizer.kind = OptimizerKind::Momentum;
    trial.optimizer.rate = 0.005;
    let off = distance_from_full(&trial);
    assert!(off < 0.02, "{off:e}");
}

fn assert_each_once(outcome: &Outcome) {
    let rows = outcome.layers.iter();
    let steps: Vec<(u64, u32)> = rows.map(|row| (row.step, row.layer)).collect();
    let mut sorted = steps.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(steps, sorted, "each layer once a step, in order");
}

#[test]
fn what_lies_outside_is_seen() {
    let (linear, _) = ran(&projected(samples(&[20, 20]), |_| {}));
    assert!(matches!(linear.engine, EngineKind::Projected));
    assert_eq!(linear.core_width, Some(12));
    let sizes = [(12.0, 9.0), (12.0, 12.0), (3.0, 12.0)];
    let mut seen = 0;
    for row in rows(&linear) {
        let (left, right) = sizes[row.layer as usize - 1];
        assert_eq!((row.block_left, row.block_right), (Some(left), Some(right)));
        assert!(row.outside.expect("measured") < 1e-12);
        seen += 1;
    }
    // Steps 0, 5, .. 35 have looks, 0, 8, .. 40 measured.
    assert_eq!(seen, 3 * 13);
    let mut relu = projected(samples(&[20, 20]), |rules| {
        rules.block = BlockKind::Gradient
    });
    relu.network.activation = Activation::Relu;
    let (relu, _) = ran(&relu);
    let most = rows(&relu).filter_map(|row| row.outside);
    assert!(most.fold(0.0, f64::max) > 0.1);
    assert_each_once(&relu);
}

#[test]
fn a_block_grows_where_too_much_lies_outside() {
    let mut trial = projected(samples(&[20, 20]), |rules| {
        rules.block = BlockKind::Random;
        rules.rank = Some(1);
        rules.bound = Some(0.3);
    });
    trial.network.activation = Activation::Tanh;
    for kind in [
        OptimizerKind::Gd,
        OptimizerKind::Adam,
        OptimizerKind::Shampoo,
    ] {
        trial.optimizer.kind = kind;
        trial.optimizer.rate = 0.01;
        let (outcome, _) = ran(&trial);
        let sizes: Vec<f64> = rows(&outcome)
            .filter(|row| row.layer == 2)
            .filter_map(|row| row.block_left)
            .collect();
        assert!(sizes.windows(2).all(|pair| pair[0] <= pair[1]), "{sizes:?}");
        assert!(sizes[0] < sizes[sizes.len() - 1], "{kind:?}: {sizes:?}");
        let last = rows(&outcome)
            .rfind(|row| row.layer == 2)
            .expect("measured");
        assert!(last.outside.expect("measured") < 0.3);
    }
    // Nothing may lie outside: it goes on in full from its first step.
    for kind in [ProjectedKind::Fixed, ProjectedKind::Refreshed] {
        trial.train.projected.bound = Some(1e-13);
        trial.train.projected.kind = kind;
        trial.optimizer.kind = OptimizerKind::Momentum;
        let off = distance_from_full(&trial);
        assert!(off < 1e-10, "{kind:?}: {off:e}");
    }
}

/// Trials whose blocks stand, grow and change.
fn kinds() -> Vec<Trial> {
    let mut all = Vec::new();
    for kind in [ProjectedKind::Fixed, ProjectedKind::Refreshed] {
        for bound in [None, Some(0.4), Some(1e-13)] {
            for (batch, optimizer) in [
                (0, OptimizerKind::Adam),
                (1, OptimizerKind::Momentum),
                (7, OptimizerKind::Muon),
            ] {
                let mut trial = projected(samples(&[20, 20]), |rules| {
                    rules.kind = kind;
                    rules.block = BlockKind::Gradient;
                    rules.rank = Some(2);
                    rules.refresh = 9;
                    rules.bound = bound;
                });
                trial.network.activation = Activation::Relu;
                trial.optimizer.kind = optimizer;
                trial.optimizer.rate = 0.01;
                trial.train.batch = batch;
                trial.network.bias = batch == 7;
                if batch == 1 {
                    trial.train.precision = Precision::F32;
                }
                all.push(trial);
            }
        }
    }
    all
}

#[test]
fn checkpoints_continue_to_the_same_bits() {
    for trial in kinds() {
        let (wanted, weights) = ran(&trial);
        let data = prepare(&trial).expect("data");
        for every in [1, 6] {
            let mut run = Run::new(&trial, &data, Threads::Seq, &|| 0.0).expect("starts");
            loop {
                let done = run.advance(every).expect("runs");
                if matches!(done, Progress::Done) {
                    break;
                }
                let bytes = run.checkpoint();
                run = Run::restore(&trial, &data, Threads::Seq, &|| 0.0, &bytes).expect("reads");
                for end in [0, bytes.len() / 3, bytes.len() - 1] {
                    let cut = Run::restore(&trial, &data, Threads::Seq, &|| 0.0, &bytes[..end]);
                    assert!(cut.is_err());
                }
            }
            assert_eq!(run.parameters(), weights);
            let found = run.finish();
            assert_eq!(found.layers, wanted.layers);
            assert_eq!(found.history, wanted.history);
            assert_eq!(found.flops, wanted.flops);
        }
    }
}

#[test]
fn measuring_changes_nothing() {
    for trial in kinds() {
        // With batches looks between measured steps are of the batch.
        let (_, wanted) = ran(&trial);
        let mut often = trial.clone();
        often.measure.every = 1;
        assert_eq!(ran(&often).1, wanted);
    }
}

#[test]
fn a_run_that_diverges_goes_back_once() {
    for mut trial in kinds() {
        trial.problem.loss = Loss::Sum;
        trial.optimizer.kind = OptimizerKind::Gd;
        trial.optimizer.rate = 3.0;
        trial.network.activation = Activation::Linear;
        trial.train.steps = 4000;
        let (outcome, _) = ran(&trial);
        assert!(matches!(outcome.status, Status::Diverged));
        assert_each_once(&outcome);
    }
}

/// Looks that the last measured step has shown are not shown again by a run that goes back behind it.
#[test]
fn looks_are_shown_once_by_a_run_that_goes_back_far() {
    let mut trial = projected(samples(&[8]), |rules| rules.check = 10);
    trial.problem.loss = Loss::Sum;
    trial.measure.every = 700;
    trial.train.steps = 4000;
    // It diverges soon after step 1500: behind the measured step 1400 and the state of step 1024.
    trial.optimizer.schedule = Schedule::Step {
        every: 1500,
        factor: 1e7,
    };
    trial.optimizer.rate = 1e-4;
    let (outcome, _) = ran(&trial);
    assert!(matches!(outcome.status, Status::Diverged));
    assert!(outcome.steps > 1490, "{}", outcome.steps);
    assert_each_once(&outcome);
}

#[test]
fn checkpoints_of_fixed_blocks_are_small() {
    let size = |engine| {
        let mut trial = projected(samples(&[60, 60]), |_| {});
        trial.train.engine = engine;
        trial.optimizer.kind = OptimizerKind::Momentum;
        let data = prepare(&trial).expect("data");
        let mut run = Run::new(&trial, &data, Threads::Seq, &|| 0.0).expect("starts");
        run.advance(3).expect("runs");
        run.checkpoint().len()
    };
    let (full, small) = (size(EngineChoice::Full), size(EngineChoice::Projected));
    // 12 x 9, 12 x 12 and 3 x 12 numbers, twice, in the place of 60 x 9, 60 x 60 and 3 x 60.
    assert!(small * 8 < full, "{small} bytes, not {full}");
}

#[test]
fn threads_change_no_bit() {
    let mut trial = projected(samples(&[300, 300]), |rules| rules.rank = Some(40));
    trial.network.activation = Activation::Tanh;
    trial.train.steps = 3;
    for kind in [ProjectedKind::Fixed, ProjectedKind::Refreshed] {
        trial.train.projected.kind = kind;
        trial.train.projected.refresh = 2;
        let data = prepare(&trial).expect("data");
        let on = |threads| {
            let mut run = Run::new(&trial, &data, threads, &|| 0.0).expect("starts");
            run.advance(u64::MAX).expect("runs");
            run.parameters()
        };
        assert_eq!(on(Threads::Seq), on(Threads::Pool));
    }
}

#[test]
fn odd_trials_run() {
    let mut none = projected(samples(&[12, 12]), |rules| rules.bound = Some(0.1));
    // The first gradients of the layers above are zero.
    none.init.scales = vec![0.0, 0.01, 0.01];
    let (outcome, _) = ran(&none);
    let above = rows(&outcome).filter(|row| row.layer > 1);
    assert!(above.into_iter().all(|row| row.outside.is_none()));
    let mut masked = projected(samples(&[8, 8]), |rules| rules.rank = Some(500));
    masked.problem = completion(9, 7, 2, 0.5);
    for kind in [ProjectedKind::Fixed, ProjectedKind::Refreshed] {
        for block in BlockKind::ALL {
            masked.train.projected.kind = kind;
            masked.train.projected.block = *block;
            let (outcome, _) = ran(&masked);
            assert!(matches!(outcome.status, Status::Completed));
        }
    }
    // 500 directions are all of them.
    masked.train.projected.kind = ProjectedKind::Refreshed;
    assert!(distance_from_full(&masked) < 1e-12);
}

/// By hand: 30 samples of 9 inputs, layers 20 x 9, 20 x 20 and 3 x 20 with a ReLU, one side of the first two 3 wide.
#[test]
fn operations_are_those_counted_by_hand() {
    let mut trial = projected(samples(&[20, 20]), |rules| {
        rules.kind = ProjectedKind::Refreshed;
        rules.rank = Some(3);
        rules.refresh = 1000;
        rules.check = 0;
    });
    trial.network.activation = Activation::Relu;
    let n = 30.0;
    let passes = 2.0 * n * (180.0 + 2.0 * 400.0 + 2.0 * 60.0);
    // A V, B (A V), and (C' - C) V^T for the first two; the third in full.
    let first = 2.0 * (n * 9.0 * 3.0 + 20.0 * n * 3.0 + 20.0 * 3.0 * 9.0);
    let second = 2.0 * (n * 20.0 * 3.0 + 20.0 * n * 3.0 + 20.0 * 3.0 * 20.0);
    let third = 2.0 * 3.0 * 20.0 * n;
    // Once: two gradients multiplied out and decomposed.
    let taken = 2.0 * n * (180.0 + 400.0) + 30.0 * (81.0 * 20.0 + 400.0 * 20.0);
    let wanted = passes + first + second + third + taken / 40.0;
    let (outcome, _) = ran(&trial);
    let found = outcome.flops / outcome.steps as f64;
    assert!(
        (found - wanted).abs() < 1e-9 * wanted,
        "{found}, not {wanted}"
    );
}

#[test]
fn a_plan_says_what_is_done() {
    let refreshed = |rules: &mut Projected| {
        rules.kind = ProjectedKind::Refreshed;
        rules.rank = Some(3);
        rules.refresh = 4;
    };
    let mut relu = samples(&[20, 20]);
    relu.network.activation = Activation::Relu;
    let trials = [
        projected(samples(&[20, 20]), |_| {}),
        projected(samples(&[30, 12]), |rules| {
            rules.block = BlockKind::Gradient
        }),
        projected(samples(&[20, 20]), refreshed),
        projected(relu.clone(), refreshed),
        projected(relu, |_| {}),
    ];
    for trial in trials {
        let planned = plan(&trial);
        let (outcome, _) = ran(&trial);
        assert_eq!(planned.core_width, outcome.core_width);
        let found = outcome.flops / outcome.steps as f64;
        let off = (planned.flops_per_step - found).abs() / found;
        assert!(
            off < 1e-12,
            "{} planned, {found} done",
            planned.flops_per_step
        );
        assert!(planned.refused.is_none());
        let layers = outcome.layers.len() as u64;
        let measured = outcome.history.len() as u64;
        assert!(layers <= planned.rows.layers * measured, "{layers}");
    }
}
