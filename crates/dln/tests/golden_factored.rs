//! The compressed networks' curves that the papers' authors' own code computed, reproduced from their
//! initial weights by the factored engine.
#![expect(
    clippy::disallowed_methods,
    reason = "the files are read here, at the edge"
)]

use std::fs::File;
use std::path::PathBuf;

use dln::{
    Activation, Draw, EngineChoice, EngineKind, Given, Init, Loss, Mask, Measure, Metrics, Network,
    Optimizer, OptimizerKind, Outcome, Precision, Problem, StartKind, Target, Task, Threads, Train,
    Trial,
};
use ndarray::{Array1, Array2};
use ndarray_npy::NpzReader;

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

struct Arrays(NpzReader<File>);

impl Arrays {
    fn open(name: &str) -> Arrays {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
        let file = File::open(folder.join(format!("{name}.npz"))).expect("a golden file");
        Arrays(NpzReader::new(file).expect("an npz archive"))
    }

    fn vector(&mut self, name: &str) -> Vec<f64> {
        let array: Array1<f64> = self.0.by_name(name).expect("a vector");
        array.to_vec()
    }

    fn matrix(&mut self, name: &str) -> Given {
        let array: Array2<f64> = self.0.by_name(name).expect("a matrix");
        Given::from(array)
    }

    fn mask(&mut self, name: &str) -> Given {
        let array: Array2<u8> = self.0.by_name(name).expect("a mask");
        Given::from(array.mapv(f64::from))
    }
}

/// The compressed network from its stored start, a row every 100 steps.
fn trial(case: &Case, arrays: &mut Arrays, factor_rate: f64, steps: u64) -> Trial {
    let target = arrays.matrix("target");
    let d = target.0.nrows();
    let weights = (0..case.depth + 2).map(|layer| arrays.matrix(&format!("comp_init_w{layer}")));
    let weights = weights.collect();
    Trial {
        problem: Problem {
            inputs_dim: target.0.ncols(),
            outputs_dim: d,
            loss: Loss::Mean,
            task: Task::Completion {
                target: Target::Given(target),
                mask: Mask::Given(arrays.mask("mask")),
            },
        },
        network: Network {
            widths: vec![d; case.depth - 1],
            activation: Activation::Linear,
        },
        init: Init {
            kind: StartKind::File,
            scales: vec![1.0; case.depth],
            weights,
        },
        train: Train {
            engine: EngineChoice::Factored,
            precision: Precision::F64,
            steps,
            stop_train_loss: None,
            stop_gradient_norm: None,
        },
        optimizer: Optimizer {
            kind: OptimizerKind::Gd,
            rate: case.rate,
            momentum: 0.9,
            weight_decay: 0.0,
            factor_rate,
            rank_estimate: 1,
        },
        measure: Measure {
            every: 100,
            metrics: Metrics {
                test_loss: true,
                ..Metrics::default()
            },
            tolerance: None,
        },
        draw: Draw {
            seed: 0,
            replicate: 0,
        },
    }
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
