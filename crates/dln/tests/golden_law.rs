//! The authors' wide networks, reproduced by their exact cores.
//!
//! The same files as in `golden.rs`, from the same initial weights, but trained by the reduced engine.
#![expect(
    clippy::disallowed_methods,
    reason = "the files are read here, at the edge"
)]

use std::fs::File;
use std::path::PathBuf;

use dln::{
    Activation, Draw, EngineChoice, Given, Init, Inputs, Loss, Measure, Metrics, Network,
    Optimizer, OptimizerKind, Outcome, Precision, Problem, Samples, StartKind, Target, Targets,
    Task, Threads, Train, Trial,
};
use ndarray::{Array1, Array2, Array3, Axis};
use ndarray_npy::NpzReader;

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

    fn matrix(&mut self, name: &str) -> Array2<f64> {
        self.0.by_name(name).expect("a matrix")
    }

    fn tensor(&mut self, name: &str) -> Array3<f64> {
        self.0.by_name(name).expect("a tensor")
    }
}

fn given(matrix: Array2<f64>) -> Given {
    Given::from(matrix)
}

fn outcome(
    arrays: &mut Arrays,
    problem: Problem,
    depth: usize,
    optimizer: (OptimizerKind, f64),
    measure: Measure,
    steps: u64,
) -> Outcome {
    let weights: Vec<Given> = (0..depth)
        .map(|layer| given(arrays.matrix(&format!("init_w{layer}"))))
        .collect();
    let widths = weights[..depth - 1].iter().map(|given| given.0.nrows());
    let trial = Trial {
        problem,
        network: Network {
            widths: widths.collect(),
            activation: Activation::Linear,
        },
        init: Init {
            kind: StartKind::File,
            scales: vec![1.0; depth],
            weights,
        },
        train: Train {
            engine: EngineChoice::Reduced,
            precision: Precision::F64,
            steps,
            stop_train_loss: None,
            stop_gradient_norm: None,
        },
        optimizer: Optimizer {
            kind: optimizer.0,
            rate: optimizer.1,
            momentum: 0.9,
            weight_decay: 0.0,
            factor_rate: 0.0,
            rank_estimate: 1,
        },
        measure,
        draw: Draw {
            seed: 0,
            replicate: 0,
        },
    };
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
fn check(file: &str, depth: usize, core_width: u64, kind: OptimizerKind, rate: f64) {
    let mut arrays = Arrays::open(file);
    let target = arrays.matrix("target");
    let losses = arrays.vector("loss");
    let problem = Problem {
        inputs_dim: target.ncols(),
        outputs_dim: target.nrows(),
        loss: Loss::Mean,
        task: Task::Factorization {
            target: Target::Given(given(target)),
        },
    };
    let measure = Measure {
        every: 1,
        metrics: Metrics {
            spectrum: true,
            ..Metrics::default()
        },
        tolerance: None,
    };
    let steps = losses.len() as u64 - 1;
    let outcome = outcome(&mut arrays, problem, depth, (kind, rate), measure, steps);
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
    check("thm_1", 3, 6, OptimizerKind::Gd, 1.0);
    check("thm_2", 2, 4, OptimizerKind::Gd, 10.0);
    check("thm_3", 4, 8, OptimizerKind::Gd, 1.0);
    let momentum = OptimizerKind::Momentum;
    check("optimizer_momentum", 3, 6, momentum, 1.0);
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
        task: Task::Classification {
            samples: Samples {
                inputs: Inputs::Given(given(inputs)),
                targets: Targets::Given(given(targets)),
                train: (0, count),
                test: None,
                whiten: false,
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
    };
    let losses = arrays.vector("loss");
    let steps = 100 * (losses.len() as u64 - 1);
    let descent = (OptimizerKind::Gd, 10.0);
    let outcome = outcome(&mut arrays, problem, 4, descent, measure, steps);
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
