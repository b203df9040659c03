//! The golden files, and the trials that reproduce them.

use std::fs::File;
use std::path::{Path, PathBuf};

use dln::{
    Activation, Draw, EngineChoice, Given, Init, Measure, Network, Optimizer, OptimizerKind, Polar,
    Precision, Problem, Projected, Schedule, StartKind, Train, Trial,
};
use ndarray::{Array0, Array1, Array2, Array3};
use ndarray_npy::NpzReader;

/// The arrays of a file.
pub(crate) struct Arrays(NpzReader<File>);

impl Arrays {
    pub(crate) fn open(name: &str) -> Arrays {
        Arrays::open_in(&folder(), name)
    }

    pub(crate) fn open_in(folder: &Path, name: &str) -> Arrays {
        let file = File::open(folder.join(format!("{name}.npz"))).expect("a golden file");
        Arrays(NpzReader::new(file).expect("an npz archive"))
    }

    pub(crate) fn vector(&mut self, name: &str) -> Vec<f64> {
        let array: Array1<f64> = self.0.by_name(name).expect("a vector");
        array.to_vec()
    }

    pub(crate) fn matrix(&mut self, name: &str) -> Array2<f64> {
        self.0.by_name(name).expect("a matrix")
    }

    pub(crate) fn tensor(&mut self, name: &str) -> Array3<f64> {
        self.0.by_name(name).expect("a tensor")
    }

    pub(crate) fn mask(&mut self, name: &str) -> Array2<f64> {
        let array: Array2<u8> = self.0.by_name(name).expect("a mask");
        array.mapv(f64::from)
    }

    pub(crate) fn integers(&mut self, name: &str) -> Vec<i64> {
        let array: Array1<i64> = self.0.by_name(name).expect("whole numbers");
        array.to_vec()
    }

    pub(crate) fn number(&mut self, name: &str) -> u64 {
        let array: Array0<i64> = self.0.by_name(name).expect("a number");
        u64::try_from(array.into_scalar()).expect("a count")
    }

    /// `{prefix}init_w0`, `{prefix}init_w1`, ... as far as there are any.
    pub(crate) fn start(&mut self, prefix: &str) -> Vec<Given> {
        let names = self.0.names().expect("names");
        (0..)
            .map(|layer| format!("{prefix}init_w{layer}"))
            .take_while(|name| names.contains(name))
            .map(|name| Given::from(self.matrix(&name)))
            .collect()
    }
}

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

/// A linear network whose layers these are.
pub(crate) fn linear(weights: &[Given]) -> Network {
    let hidden = &weights[..weights.len() - 1];
    Network {
        widths: hidden.iter().map(|given| given.0.nrows()).collect(),
        activation: Activation::Linear,
        negative_slope: 0.01,
        nonlinear_layers: None,
        bias: false,
    }
}

/// A trial from these weights.
pub(crate) fn trial(
    problem: Problem,
    network: Network,
    weights: Vec<Given>,
    engine: EngineChoice,
    (kind, rate): (OptimizerKind, f64),
    measure: Measure,
    steps: u64,
) -> Trial {
    Trial {
        problem,
        init: Init {
            kind: StartKind::File,
            scales: vec![1.0; network.depth()],
            weights,
        },
        network,
        train: Train {
            engine,
            precision: Precision::F64,
            steps,
            stop_train_loss: None,
            stop_gradient_norm: None,
            batch: 0,
            projected: Projected::DEFAULT,
        },
        optimizer: Optimizer {
            kind,
            rate,
            momentum: 0.9,
            weight_decay: 0.0,
            factor_rate: 0.0,
            rank_estimate: 1,
            schedule: Schedule::Constant,
            polar: Polar::NewtonSchulz,
        },
        measure,
        draw: Draw {
            seed: 0,
            replicate: 0,
        },
    }
}
