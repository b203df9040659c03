//! What the law assumes of a trial, as far as it is known without drawing.

use crate::batch::Epoch;
use crate::config::{Metrics, Task, Trial};
use crate::error::NotReducible;
use crate::optimizer::LinearRule;

/// The optimizer's rule.
///
/// # Errors
/// The first assumption that fails: a linear network, an optimizer that acts linearly on gradients, a
/// squared loss, no biases, all samples in every step, no mask.
pub(super) fn check(trial: &Trial) -> Result<LinearRule, NotReducible> {
    // At depth 1 there is no activation.
    let activation = trial.network.activation;
    if !activation.is_linear() && trial.network.depth() > 1 {
        return Err(NotReducible::Activation { activation });
    }
    let kind = trial.optimizer.kind;
    let rule = trial.optimizer.linear_rule();
    let rule = rule.ok_or(NotReducible::Optimizer { kind })?;
    let loss = trial.problem.loss;
    if !loss.is_quadratic() {
        return Err(NotReducible::Loss { loss });
    }
    if trial.network.bias {
        return Err(NotReducible::Bias);
    }
    if Epoch::of(trial).is_some() {
        return Err(NotReducible::Batch);
    }
    match trial.problem.task {
        Task::Completion { .. } => Err(NotReducible::Mask),
        Task::Factorization { .. } | Task::Regression { .. } | Task::Classification { .. } => {
            Ok(rule)
        }
    }
}

/// Whether a metric would show directions off the core that are no chain of scaled isometries. Losses,
/// accuracy and the separation of the training samples do not.
pub(super) fn see_rest(metrics: &Metrics) -> bool {
    metrics.any(|about| about.whole)
}
