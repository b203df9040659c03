//! Small trials for the tests of this crate.

use ndarray::Array2;

use crate::config::*;
use crate::stream::{Purpose, normal_rows};

/// A trial of `problem` with these hidden widths and plain choices for the rest.
pub(crate) fn trial(problem: Problem, widths: &[usize]) -> Trial {
    Trial {
        problem,
        network: Network {
            widths: widths.to_vec(),
            activation: Activation::Linear,
            negative_slope: 0.01,
            nonlinear_layers: None,
            bias: false,
        },
        init: Init {
            kind: StartKind::Orthogonal,
            scales: vec![1.0; widths.len() + 1],
            weights: Vec::new(),
        },
        train: Train {
            engine: EngineChoice::Full,
            precision: Precision::F64,
            steps: 10,
            stop_train_loss: None,
            stop_gradient_norm: None,
            batch: 0,
            projected: Projected::DEFAULT,
        },
        optimizer: Optimizer {
            kind: OptimizerKind::Gd,
            rate: 0.1,
            momentum: 0.9,
            weight_decay: 0.0,
            factor_rate: 0.01,
            rank_estimate: 1,
            schedule: Schedule::Constant,
            polar: Polar::NewtonSchulz,
        },
        measure: Measure {
            every: 0,
            metrics: Metrics::default(),
            tolerance: None,
            leak_block: LeakBlock::Gradient,
        },
        draw: Draw {
            seed: 11,
            replicate: 0,
        },
    }
}

/// A drawn Gaussian target, mean loss.
pub(crate) fn factorization(inputs_dim: usize, outputs_dim: usize, rank: usize) -> Problem {
    Problem {
        inputs_dim,
        outputs_dim,
        loss: Loss::Mean,
        noise: 0.0,
        task: Task::Factorization {
            target: drawn_target(rank),
        },
    }
}

/// As [`factorization`], with this share of entries observed.
pub(crate) fn completion(
    inputs_dim: usize,
    outputs_dim: usize,
    rank: usize,
    observed: f64,
) -> Problem {
    Problem {
        task: Task::Completion {
            target: drawn_target(rank),
            mask: Mask::Drawn { observed },
        },
        ..factorization(inputs_dim, outputs_dim, rank)
    }
}

/// One-hot targets of `classes` classes over Gaussian inputs, the last sample of each class's worth held
/// out: `classes * per_class` samples train and `classes` test.
pub(crate) fn classification(inputs_dim: usize, classes: usize, per_class: usize) -> Problem {
    let train = classes * per_class;
    let count = train + classes;
    Problem {
        inputs_dim,
        outputs_dim: classes,
        loss: Loss::Mean,
        noise: 0.0,
        task: Task::Classification {
            samples: Samples {
                inputs: Inputs::Gaussian {
                    count,
                    noise: 0.0,
                    rank: None,
                    condition: None,
                },
                targets: Targets::Given(given(Array2::from_shape_fn(
                    (classes, count),
                    |(class, sample)| f64::from(u8::from(sample % classes == class)),
                ))),
                train: (0, train),
                test: Some((train, count)),
                whiten: false,
                center: false,
                standardize: false,
                split: None,
            },
        },
    }
}

pub(crate) fn given(A: Array2<f64>) -> Given {
    Given::from(A)
}

fn drawn_target(rank: usize) -> Target {
    Target::Drawn {
        rank,
        singular_values: SingularValues::Gaussian,
    }
}

/// Standard normals, others for each index.
pub(crate) fn normals(index: u64, rows: usize, columns: usize) -> Array2<f64> {
    let draw = Draw {
        seed: 91,
        replicate: 0,
    };
    normal_rows(draw, Purpose::Inputs, index, rows, columns)
}
