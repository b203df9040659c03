//! What the law assumes of a trial, as far as it is known without drawing.

use crate::batch::Epoch;
use crate::config::{Metrics, Task, Trial};
use crate::error::NotReducible;
use crate::optimizer::LinearRule;

/// What the core is closed from, and so what may train it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Law {
    /// The second moments of the data: a squared loss over all samples, without biases, by a rule that is linear in the
    /// gradients.
    Moments(LinearRule),
    /// All that the inputs span, and every output: whatever the loss, the samples of a step and the biases, by any
    /// optimizer that commutes with rotations.
    Span,
}

/// The law that a trial is under, if it is under any.
pub(super) fn law_of(trial: &Trial) -> Law {
    let squares = trial.problem.loss.is_quadratic() && !trial.network.bias;
    match trial.optimizer.linear_rule() {
        Some(rule) if squares && Epoch::of(trial).is_none() => Law::Moments(rule),
        Some(_) | None => Law::Span,
    }
}

/// The law that a trial is under.
///
/// # Errors
/// The first assumption that fails: a linear network, an optimizer that commutes with rotations on all that it is given,
/// no mask.
pub(super) fn check(trial: &Trial) -> Result<Law, NotReducible> {
    let activation = trial.network.activation;
    if !trial.network.is_linear() {
        return Err(NotReducible::Activation { activation });
    }
    let kind = trial.optimizer.kind;
    if !kind.commutes_with_rotations() {
        return Err(NotReducible::Optimizer { kind });
    }
    if !kind.is_linear() && trial.optimizer.weight_decay != 0.0 {
        return Err(NotReducible::Decay { kind });
    }
    if trial.network.bias && kind.moves_biases_by_adam() {
        return Err(NotReducible::Biases { kind });
    }
    match trial.problem.task {
        Task::Completion { .. } => Err(NotReducible::Mask),
        Task::Factorization { .. } | Task::Regression { .. } | Task::Classification { .. } => {
            Ok(law_of(trial))
        }
    }
}

/// Whether a trial's core is closed from the inputs' range and every output, and leaves out the directions of the first
/// layer that none of its metrics shows.
pub(crate) fn leaves_rest_out(trial: &Trial) -> bool {
    match law_of(trial) {
        Law::Span => !see_rest(&trial.measure.metrics),
        Law::Moments(_) => false,
    }
}

/// Whether a metric would show directions off the core that are no chain of scaled isometries. Losses,
/// accuracy and the separation of the training samples do not.
pub(super) fn see_rest(metrics: &Metrics) -> bool {
    metrics.any(|about| about.whole)
}
