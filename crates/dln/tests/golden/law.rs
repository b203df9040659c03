//! The same files as in `full`, from the same initial weights, by the exact cores of the reduced engine.

use dln::{
    EngineChoice, Given, Inputs, LeakBlock, Loss, Measure, Metrics, OptimizerKind, Outcome,
    Problem, Samples, Target, Targets, Task, Threads,
};
use ndarray::Axis;

use super::files::{Arrays, linear, trial};

fn outcome(
    arrays: &mut Arrays,
    problem: Problem,
    descent: (OptimizerKind, f64),
    measure: Measure,
    steps: u64,
) -> Outcome {
    let weights = arrays.start("");
    let network = linear(&weights);
    let engine = EngineChoice::Reduced;
    let trial = trial(problem, network, weights, engine, descent, measure, steps);
    let data = dln::prepare(&trial).expect("data");
    dln::run(&trial, &data, Threads::Seq, &|| 0.0).expect("the law holds")
}

fn check_losses(file: &str, outcome: &Outcome, wanted: &[f64]) {
    assert_eq!(outcome.history.len(), wanted.len(), "{file}");
    for (row, &wanted) in outcome.history.iter().zip(wanted) {
        let found = row.scalars.train_loss.expect("a finite loss");
        let close = (found - wanted).abs() <= 1e-9 * wanted + 1e-14;
        let step = row.step;
        assert!(
            close,
            "{file} at step {step}: {found:e} instead of {wanted:e}"
        );
    }
}

/// Losses and all singular values, 60 steps of a square factorization.
fn check(file: &str, core_width: u64, kind: OptimizerKind, rate: f64) {
    let mut arrays = Arrays::open(file);
    let target = arrays.matrix("target");
    let losses = arrays.vector("loss");
    let problem = Problem {
        inputs_dim: target.ncols(),
        outputs_dim: target.nrows(),
        loss: Loss::Mean,
        noise: 0.0,
        task: Task::Factorization {
            target: Target::Given(Given::from(target)),
        },
    };
    let measure = Measure {
        every: 1,
        metrics: Metrics {
            spectrum: true,
            ..Metrics::default()
        },
        tolerance: None,
        leak_block: LeakBlock::Gradient,
    };
    let steps = losses.len() as u64 - 1;
    let outcome = outcome(&mut arrays, problem, (kind, rate), measure, steps);
    assert_eq!(outcome.core_width, Some(core_width), "{file}");
    check_losses(file, &outcome, &losses);
    // Axes: step, layer, index.
    let layers = arrays.tensor("svals");
    let whole = arrays.matrix("e2e_svals");
    let mut rows = outcome
        .spectra
        .iter()
        .flat_map(|row| (0..row.multiplicity).map(move |_| row));
    for (step, layers) in layers.axis_iter(Axis(0)).enumerate() {
        let spectra = std::iter::once(whole.row(step)).chain(layers.axis_iter(Axis(0)));
        for (layer, wanted) in spectra.enumerate() {
            for &value in wanted {
                let row = rows.next().expect("a row or a share of one a value");
                assert_eq!((row.step, row.layer), (step as u64, layer as u32), "{file}");
                let error = (row.value - value).abs();
                assert!(error <= 1e-9 * wanted[0], "{file} at {row:?}: {value:e}");
            }
        }
    }
    assert!(rows.next().is_none(), "{file}");
}

#[test]
fn factorizations_leave_twice_the_rank() {
    check("thm_1", 6, OptimizerKind::Gd, 1.0);
    check("thm_2", 4, OptimizerKind::Gd, 10.0);
    check("thm_3", 8, OptimizerKind::Gd, 1.0);
    let momentum = OptimizerKind::Momentum;
    check("optimizer_momentum", 6, momentum, 1.0);
}

#[test]
fn whitened_classification_leaves_twice_the_classes() {
    let mut arrays = Arrays::open("collapse_1");
    let inputs = arrays.matrix("input_data");
    let targets = arrays.matrix("target");
    let count = inputs.ncols();
    let problem = Problem {
        inputs_dim: inputs.nrows(),
        outputs_dim: targets.nrows(),
        loss: Loss::Mean,
        noise: 0.0,
        task: Task::Classification {
            samples: Samples {
                inputs: Inputs::Given(Given::from(inputs)),
                targets: Targets::Given(Given::from(targets)),
                train: (0, count),
                test: None,
                whiten: false,
                center: false,
                standardize: false,
                split: None,
            },
        },
    };
    let measure = Measure {
        every: 100,
        metrics: Metrics {
            separation: true,
            ..Metrics::default()
        },
        tolerance: None,
        leak_block: LeakBlock::Gradient,
    };
    let losses = arrays.vector("loss");
    let steps = 100 * (losses.len() as u64 - 1);
    let descent = (OptimizerKind::Gd, 10.0);
    let outcome = outcome(&mut arrays, problem, descent, measure, steps);
    assert_eq!(outcome.core_width, Some(10));
    check_losses("collapse_1", &outcome, &losses);
    for (step, name) in [(0, "collapse_init"), (steps, "collapse_final")] {
        let rows = outcome.layers.iter().filter(|row| row.step == step);
        let found: Vec<f64> = rows.filter_map(|row| row.separation).collect();
        let wanted = arrays.vector(name);
        assert_eq!(found.len(), wanted.len());
        for (layer, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
            let close = (found - wanted).abs() <= 1e-7 * wanted + 1e-14;
            assert!(
                close,
                "step {step} layer {layer}: {found:e} instead of {wanted:e}"
            );
        }
    }
}
