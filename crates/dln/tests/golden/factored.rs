//! The compressed networks' curves, from their initial weights, by the factored engine.

use dln::{
    Activation, EngineChoice, EngineKind, Given, LeakBlock, Loss, Mask, Measure, Metrics, Network,
    OptimizerKind, Outcome, Problem, Target, Task, Threads, Trial,
};

use super::files::{self, Arrays};

/// What `manifest.json` says of a file and the file itself does not hold.
struct Case {
    file: &'static str,
    depth: usize,
    rate: f64,
}

const CASES: [Case; 2] = [
    Case {
        file: "completion_1",
        depth: 2,
        rate: 36.0,
    },
    Case {
        file: "completion_2",
        depth: 3,
        rate: 300.0,
    },
];

/// Columns of the factors: twice the rank estimate.
const WIDTHS: [u64; 2] = [6, 10];

/// The compressed network from its stored start, a row every 100 steps.
fn trial(case: &Case, arrays: &mut Arrays, factor_rate: f64, steps: u64) -> Trial {
    let target = arrays.matrix("target");
    let (d_y, d_x) = target.dim();
    let problem = Problem {
        inputs_dim: d_x,
        outputs_dim: d_y,
        loss: Loss::Mean,
        noise: 0.0,
        task: Task::Completion {
            target: Target::Given(Given::from(target)),
            mask: Mask::Given(Given::from(arrays.mask("mask"))),
        },
    };
    let weights = arrays.start("comp_");
    // With the two factors there are two matrices more than layers.
    assert_eq!(weights.len(), case.depth + 2);
    let network = Network {
        widths: vec![d_y; case.depth - 1],
        activation: Activation::Linear,
        negative_slope: 0.01,
        nonlinear_layers: None,
        bias: false,
    };
    let measure = Measure {
        every: 100,
        metrics: Metrics {
            test_loss: true,
            ..Metrics::default()
        },
        tolerance: None,
        leak_block: LeakBlock::Gradient,
    };
    let descent = (OptimizerKind::Gd, case.rate);
    let engine = EngineChoice::Factored;
    let mut trial = files::trial(problem, network, weights, engine, descent, measure, steps);
    trial.optimizer.factor_rate = factor_rate;
    trial
}

fn check_curve(
    what: &str,
    outcome: &Outcome,
    wanted: &[f64],
    column: impl Fn(&dln::Scalars) -> Option<f64>,
) {
    assert_eq!(outcome.history.len(), wanted.len(), "{what}");
    for (row, &wanted) in outcome.history.iter().zip(wanted) {
        let found = column(&row.scalars).expect("a finite loss");
        let close = (found - wanted).abs() <= 1e-9 * wanted + 1e-14;
        let step = row.step;
        assert!(
            close,
            "{what} at step {step}: {found:e} instead of {wanted:e}"
        );
    }
}

fn check(case: &Case, width: u64, name: &str, factor_rate: f64) {
    let mut arrays = Arrays::open(case.file);
    let train = arrays.vector(&format!("{name}_train_loss"));
    let test = arrays.vector(&format!("{name}_test_loss"));
    let steps = 100 * (train.len() as u64 - 1);
    let trial = trial(case, &mut arrays, factor_rate, steps);
    let data = dln::prepare(&trial).expect("data");
    let outcome = dln::run(&trial, &data, Threads::Seq, &|| 0.0).expect("runs");
    assert_eq!(
        (outcome.engine, outcome.core_width),
        (EngineKind::Factored, Some(width))
    );
    let what = format!("{} {name}", case.file);
    check_curve(&what, &outcome, &train, |row| row.train_loss);
    check_curve(&what, &outcome, &test, |row| row.test_loss);
}

#[test]
fn frozen_factors() {
    for (case, width) in CASES.iter().zip(WIDTHS) {
        check(case, width, "comp_dlr0", 0.0);
    }
}

#[test]
fn factors_at_a_hundredth_of_the_rate() {
    for (case, width) in CASES.iter().zip(WIDTHS) {
        check(case, width, "comp_dlr001", 0.01);
    }
}
