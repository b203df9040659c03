//! The trials that the benchmarks train.

use dln::{
    Activation, Draw, EngineChoice, Init, LeakBlock, Loss, Mask, Measure, Metrics, Network,
    Optimizer, OptimizerKind, Polar, Precision, Problem, Projected, Schedule, SingularValues,
    StartKind, Target, Task, Train, Trial,
};

/// Square completion of rank 5 with this share of entries observed, `depth` layers of this hidden width,
/// orthogonal start of scale 1, gradient descent of rate 1, measured at both ends alone.
pub(crate) fn completion(
    dim: usize,
    width: usize,
    depth: usize,
    observed: f64,
    replicate: u64,
) -> Trial {
    Trial {
        problem: Problem {
            inputs_dim: dim,
            outputs_dim: dim,
            loss: Loss::Mean,
            noise: 0.0,
            task: Task::Completion {
                target: Target::Drawn {
                    rank: 5,
                    singular_values: SingularValues::Gaussian,
                },
                mask: Mask::Drawn { observed },
            },
        },
        network: Network {
            widths: vec![width; depth - 1],
            activation: Activation::Linear,
            negative_slope: 0.01,
            nonlinear_layers: None,
            bias: false,
        },
        init: Init {
            kind: StartKind::Orthogonal,
            scales: vec![1.0; depth],
            weights: Vec::new(),
        },
        train: Train {
            engine: EngineChoice::Full,
            precision: Precision::F64,
            steps: u64::MAX,
            stop_train_loss: None,
            stop_gradient_norm: None,
            batch: 0,
            projected: Projected::DEFAULT,
        },
        optimizer: Optimizer {
            kind: OptimizerKind::Gd,
            rate: 1.0,
            momentum: 0.9,
            weight_decay: 0.0,
            factor_rate: 0.0,
            rank_estimate: 5,
            schedule: Schedule::Constant,
            polar: Polar::NewtonSchulz,
        },
        measure: Measure {
            every: 0,
            metrics: Metrics::default(),
            tolerance: None,
            leak_block: LeakBlock::Gradient,
        },
        draw: Draw { seed: 1, replicate },
    }
}
