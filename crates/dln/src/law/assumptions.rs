//! What the law assumes of a trial, as far as it can be told without drawing.

use crate::config::{Activation, Metrics, OptimizerKind, Task, Trial};
use crate::error::NotReducible;

/// # Errors
/// The first assumption that fails: a linear network, an optimizer that acts linearly on gradients, no
/// mask.
pub(super) fn check(trial: &Trial) -> Result<(), NotReducible> {
    // At depth 1 there is no activation.
    if trial.network.activation == Activation::Relu && trial.network.depth() > 1 {
        return Err(NotReducible::Activation);
    }
    match trial.optimizer.kind {
        OptimizerKind::Gd | OptimizerKind::Momentum { .. } => {}
        kind @ (OptimizerKind::Adam | OptimizerKind::Rmsprop) => {
            return Err(NotReducible::Optimizer { kind });
        }
    }
    if matches!(trial.problem.task, Task::Completion { .. }) {
        return Err(NotReducible::Mask);
    }
    Ok(())
}

/// Whether a metric would show directions off the core that are no chain of scaled isometries. Losses,
/// accuracy and the separation of the training samples do not.
pub(super) fn see_rest(metrics: &Metrics) -> bool {
    metrics.effective_rank
        || metrics.stable_rank
        || metrics.nuclear_norm
        || metrics.balancedness
        || metrics.spectrum
        || metrics.angles
        || metrics.sharpness
        || metrics.alignment
}
