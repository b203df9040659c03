//! Updates and leaks: what the law says of them, on both engines.

use ndarray::{Array2, s};

use crate::config::*;
use crate::data::fixture::{classification, factorization, trial};
use crate::data::{Data, TrainSamples, prepare};
use crate::init::weights;
use crate::kernel::Threads;
use crate::law::{Basis, predicted};
use crate::measure::Moved;
use crate::outcome::{LayerRow, Outcome};

const STILL: &(dyn Fn() -> f64 + Sync) = &|| 0.0;

fn outcome(trial: &Trial, engine: EngineChoice) -> Outcome {
    let mut trial = trial.clone();
    trial.train.engine = engine;
    let data = prepare(&trial).expect("fits");
    crate::run(&trial, &data, Threads::Seq, STILL).expect("runs")
}

fn asked(problem: Problem, widths: &[usize]) -> Trial {
    let mut trial = trial(problem, widths);
    trial.train.steps = 60;
    trial.measure.every = 20;
    trial.optimizer.rate = 0.3;
    trial.init.scales = vec![0.5; widths.len() + 1];
    trial.measure.metrics = Metrics {
        leak: true,
        update_spectrum: true,
        ..Metrics::NONE
    };
    trial
}

/// Three classes of whitened inputs in five dimensions.
fn whitened() -> Problem {
    let mut problem = classification(5, 3, 10);
    let Task::Classification { samples } = &mut problem.task else {
        panic!("a classification");
    };
    samples.whiten = true;
    problem.loss = Loss::Sum;
    problem
}

/// Rows of the layers after the start.
fn moved(outcome: &Outcome) -> impl Iterator<Item = &LayerRow> {
    let start = outcome.layers.iter().filter(|row| row.step == 0);
    for row in start {
        let found = [row.leak, row.leak_best, row.leak_chance];
        assert_eq!(found, [None; 3]);
        assert_eq!(row.update_effective_rank, None);
    }
    outcome.layers.iter().filter(|row| row.step > 0)
}

fn largest_leak(outcome: &Outcome) -> f64 {
    let leaks = moved(outcome).map(|row| {
        let leak = row.leak.expect("it moves");
        let best = row.leak_best.expect("it moves");
        assert!((0.0..=1.0).contains(&leak) && best >= 0.0);
        assert!(best <= leak + 1e-14, "{best:e} above {leak:e}");
        leak
    });
    leaks.fold(0.0f64, f64::max)
}

#[test]
fn linear_networks_keep_to_both_blocks_where_inputs_are_white() {
    for engine in [EngineChoice::Full, EngineChoice::Reduced] {
        for block in [LeakBlock::Data, LeakBlock::Gradient] {
            for widths in [&[20][..], &[20, 20], &[20, 9, 20]] {
                let mut trial = asked(whitened(), widths);
                trial.optimizer.rate = 0.02;
                trial.measure.leak_block = block;
                let leak = largest_leak(&outcome(&trial, engine));
                assert!(leak < 1e-10, "{engine:?} {block:?} {widths:?}: {leak:e}");
            }
        }
    }
}

#[test]
fn other_inputs_leave_the_block_of_the_gradient_alone() {
    let mut trial = asked(classification(9, 3, 10), &[30, 30]);
    for engine in [EngineChoice::Full, EngineChoice::Reduced] {
        trial.measure.leak_block = LeakBlock::Data;
        let leak = largest_leak(&outcome(&trial, engine));
        assert!(leak < 1e-10, "{engine:?}: {leak:e}");
        trial.measure.leak_block = LeakBlock::Gradient;
        let leak = largest_leak(&outcome(&trial, engine));
        assert!(leak > 1e-3, "{engine:?}: {leak:e}");
    }
    // The block of the data is 9 inputs and 12 = 9 + 3 directions wide.
    trial.measure.leak_block = LeakBlock::Data;
    let found = outcome(&trial, EngineChoice::Full);
    let sizes = [(12, 9, 30, 9), (12, 12, 30, 30), (3, 12, 3, 30)];
    for row in moved(&found) {
        let (above, below, rows, columns) = sizes[row.layer as usize - 1];
        let wanted = 1.0 - f64::from(above * below) / f64::from(rows * columns);
        let chance = row.leak_chance.expect("it moves");
        assert!((chance - wanted).abs() < 1e-15, "{chance} is not {wanted}");
    }
}

#[test]
fn entrywise_optimizers_leak() {
    let mut trial = asked(factorization(20, 20, 2), &[20, 20]);
    trial.measure.leak_block = LeakBlock::Data;
    trial.problem.loss = Loss::Sum;
    trial.init.scales = vec![0.1; 3];
    trial.optimizer.rate = 0.01;
    let kept = largest_leak(&outcome(&trial, EngineChoice::Full));
    assert!(kept < 1e-6, "{kept:e}");
    trial.optimizer.kind = OptimizerKind::Adam;
    let left = largest_leak(&outcome(&trial, EngineChoice::Full));
    assert!(left > 0.1, "{left:e}");
}

#[test]
fn the_law_holds_where_updates_commute_with_rotations() {
    for &kind in OptimizerKind::ALL {
        let mut trial = asked(classification(9, 3, 10), &[30, 30]);
        trial.measure.leak_block = LeakBlock::Data;
        trial.optimizer.kind = kind;
        trial.optimizer.momentum = kind.default_momentum().unwrap_or(0.0);
        trial.optimizer.rate = if kind.is_linear() { 0.1 } else { 0.003 };
        let leak = largest_leak(&outcome(&trial, EngineChoice::Full));
        if kind.commutes_with_rotations() {
            assert!(leak < 1e-12, "{kind:?}: {leak:e}");
        } else {
            assert!(leak > 0.1, "{kind:?}: {leak:e}");
        }
    }
}

/// Both engines measure one network: leaks and singular values of the updates.
fn check_same(trial: &Trial, what: &str) {
    let (full, reduced) = (
        outcome(trial, EngineChoice::Full),
        outcome(trial, EngineChoice::Reduced),
    );
    assert_eq!(full.layers.len(), reduced.layers.len());
    let near = |a: Option<f64>, b: Option<f64>, tolerance: f64| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= tolerance * a.abs().max(1.0),
        (a, b) => a == b,
    };
    for (a, b) in full.layers.iter().zip(&reduced.layers) {
        for (a, b) in a.measured().into_iter().zip(b.measured()) {
            assert!(near(a, b, 1e-8), "{what}: {a:?} and {b:?}");
        }
    }
    let mut rest = full.spectra.iter();
    for row in &reduced.spectra {
        for index in row.index..row.index + row.multiplicity {
            let one = rest.next().expect("as many values");
            assert_eq!(
                (one.step, one.layer, one.index),
                (row.step, row.layer, index)
            );
            let values = (one.update_value, row.update_value);
            assert!(near(values.0, values.1, 1e-11), "{what}: {values:?}");
            assert_eq!(one.update_value.is_some(), row.layer > 0, "{what}");
        }
    }
    assert!(rest.next().is_none(), "{what}");
}

#[test]
fn both_engines_measure_the_same_updates() {
    for block in [LeakBlock::Data, LeakBlock::Gradient] {
        for decay in [0.0, 0.05] {
            let mut cases = [
                asked(factorization(12, 12, 2), &[12, 12]),
                // Directions through all layers, and others that decay.
                asked(factorization(12, 12, 2), &[12, 7]),
                asked(factorization(12, 8, 2), &[14, 9]),
                asked(whitened(), &[20, 20]),
                asked(classification(9, 3, 10), &[30, 30]),
            ];
            for (number, trial) in cases.iter_mut().enumerate() {
                trial.measure.leak_block = block;
                trial.optimizer.weight_decay = decay;
                trial.optimizer.rate = 0.02;
                check_same(trial, &format!("{block:?}, {decay}, case {number}"));
            }
        }
    }
}

#[test]
fn single_precision_starts_at_no_update() {
    let mut trial = asked(whitened(), &[20, 20]);
    trial.optimizer.rate = 0.02;
    trial.train.precision = Precision::F32;
    for engine in [EngineChoice::Full, EngineChoice::Reduced] {
        let found = outcome(&trial, engine);
        let first = found.spectra.iter().filter(|row| row.step == 0);
        for row in first {
            assert!(row.update_value.is_none_or(|value| value == 0.0));
        }
        assert!(largest_leak(&found) < 1e-5);
    }
}

/// Gradient descent written out.
fn descended(trial: &Trial, data: &Data) -> (Vec<Array2<f64>>, Vec<Array2<f64>>) {
    let start = weights(trial).expect("drawn");
    let TrainSamples::Dense { X, Y, .. } = data.samples(true) else {
        panic!("samples");
    };
    let mut W = start.clone();
    for _ in 0..trial.train.steps {
        let mut features = vec![X.to_owned()];
        for W in &W {
            features.push(W.dot(features.last().expect("the inputs")));
        }
        let mut delta = (features.pop().expect("the outputs") - &*Y) * data.c;
        for (l, A) in features.iter().enumerate().rev() {
            let gradient = delta.dot(&A.t());
            delta = W[l].t().dot(&delta);
            W[l].scaled_add(-trial.optimizer.rate, &gradient);
        }
    }
    (start, W)
}

#[test]
fn a_block_that_is_closed_upwards_alone_is_wrong() {
    let mut trial = asked(whitened(), &[20, 20]);
    trial.optimizer.rate = 0.02;
    trial.measure.leak_block = LeakBlock::Gradient;
    let data = prepare(&trial).expect("fits");
    let (start, W) = descended(&trial, &data);
    let closed = predicted(&trial, &data, Threads::Seq).expect("drawn");
    let closed = closed.expect("converges");
    // The seeds, and their images under the layers on the way up.
    let first = start[0].dot(&closed[0].view().slice(s![.., ..3]));
    let mut upwards = vec![closed[0].view().slice(s![.., ..3]).to_owned()];
    let mut image = first;
    for l in 0..3 {
        upwards.push(crate::law::orthonormal(image.view()));
        if l < 2 {
            image = start[l + 1].dot(&image);
        }
    }
    let leak = |l: usize, above: &Array2<f64>, below: &Array2<f64>| {
        let D = &W[l] - &start[l];
        let block = Some((above.view(), below.view()));
        let moved = Moved::of(&D, block, Threads::Seq).expect("finite");
        moved.leaks().leak.expect("it moves")
    };
    let owned = |basis: &Basis| basis.view().to_owned();
    for l in 0..2 {
        let both = leak(l, &owned(&closed[l + 1]), &owned(&closed[l]));
        assert!(both < 1e-10, "layer {}: {both:e}", l + 1);
        let one = leak(l, &upwards[l + 1], &upwards[l]);
        assert!(one > 0.05, "layer {}: {one:e}", l + 1);
    }
}

#[test]
fn a_checkpoint_keeps_the_start() {
    let mut trial = asked(classification(9, 3, 10), &[30, 30]);
    for engine in [EngineChoice::Full, EngineChoice::Reduced] {
        trial.train.engine = engine;
        let data = prepare(&trial).expect("fits");
        let whole = crate::run(&trial, &data, Threads::Seq, STILL).expect("runs");
        let mut run = crate::Run::new(&trial, &data, Threads::Seq, STILL).expect("runs");
        run.advance(33).expect("runs");
        let bytes = run.checkpoint();
        let mut run =
            crate::Run::restore(&trial, &data, Threads::Seq, STILL, &bytes).expect("reads back");
        run.advance(u64::MAX).expect("runs");
        let parts = run.finish();
        assert_eq!(whole.layers, parts.layers);
        assert_eq!(whole.spectra, parts.spectra);
    }
}
