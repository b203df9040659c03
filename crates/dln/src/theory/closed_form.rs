//! Whether a closed form holds for a trial, as far as that is known without drawing.

use ndarray::Array2;

use crate::batch::Epoch;
use crate::config::{
    Activation, Given, Inputs, Loss, OptimizerKind, Samples, StartKind, StartLayers, Target, Task,
    TaskKind, Trial,
};
use crate::kernel::{Threads, multiply, square_sum};
use crate::law::rank_of_samples;
use crate::optimizer::LinearRule;

/// `W_2^T W_2 - W_1 W_1^T` this near to a multiple of the identity, relative to the squared norms of both, is one.
const BALANCED: f64 = 1e-10;

/// The closed forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClosedForm {
    /// Every mode by itself, at any depth.
    Scalar,
    /// Two layers that are balanced up to a multiple of the identity.
    Riccati,
}

/// Why no closed form holds.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub(crate) enum NoClosedForm {
    #[error("the network is not linear ({})", .activation.name())]
    Activation { activation: Activation },
    #[error("the network has biases")]
    Bias,
    #[error("the loss is {}, not a squared distance", .loss.name())]
    Loss { loss: Loss },
    #[error("a step sees a batch of {batch} samples, not all")]
    Batch { batch: usize },
    #[error("the optimizer is {}, not gd", .kind.name())]
    Optimizer { kind: OptimizerKind },
    #[error("the rate is not constant")]
    Schedule,
    #[error("there is weight decay")]
    WeightDecay,
    #[error("not every entry is observed")]
    Mask,
    #[error("the network has {depth} layers and no aligned start (2 layers need none)")]
    Depth { depth: usize },
    #[error(
        "the start is {}, and W_2^T W_2 - W_1 W_1^T is no multiple of the identity there",
        .kind.name()
    )]
    Start { kind: StartKind },
    #[error(
        "the hidden layer of {width} is wider than inputs or outputs ({limit}), so W_2^T W_2 - W_1 W_1^T is no \
         multiple of the identity"
    )]
    Width { width: usize, limit: usize },
    #[error("X X^T is no multiple of the identity: whiten the inputs")]
    Inputs,
    #[error("the inputs have rank {rank} of {inputs_dim}, so X X^T is no multiple of the identity")]
    Rank { rank: usize, inputs_dim: usize },
}

/// The closed form of a trial.
///
/// # Errors
/// The first thing that rules it out.
pub(crate) fn closed_form(trial: &Trial) -> Result<ClosedForm, NoClosedForm> {
    check_training(trial)?;
    if is_aligned(trial) {
        return Ok(ClosedForm::Scalar);
    }
    let depth = trial.network.depth();
    if depth != 2 {
        return Err(NoClosedForm::Depth { depth });
    }
    match &trial.problem.task {
        Task::Factorization { .. } => {}
        Task::Completion { .. } => return Err(NoClosedForm::Mask),
        Task::Regression { samples } | Task::Classification { samples } => {
            check_inputs(samples, trial.problem.inputs_dim)?;
        }
    }
    check_balance(trial)?;
    Ok(ClosedForm::Riccati)
}

fn check_training(trial: &Trial) -> Result<(), NoClosedForm> {
    let (network, train, optimizer) = (&trial.network, &trial.train, &trial.optimizer);
    let activation = network.activation;
    if !network.is_linear() {
        return Err(NoClosedForm::Activation { activation });
    }
    if network.bias {
        return Err(NoClosedForm::Bias);
    }
    let loss = trial.problem.loss;
    if !loss.is_quadratic() {
        return Err(NoClosedForm::Loss { loss });
    }
    match trial.problem.task.kind() {
        TaskKind::Completion => return Err(NoClosedForm::Mask),
        TaskKind::Factorization | TaskKind::Regression | TaskKind::Classification => {}
    }
    if Epoch::of(trial).is_some() {
        let batch = train.batch;
        return Err(NoClosedForm::Batch { batch });
    }
    let kind = optimizer.kind;
    match optimizer.linear_rule() {
        Some(LinearRule::Descent) => {}
        Some(LinearRule::HeavyBall { .. } | LinearRule::Nesterov { .. }) | None => {
            return Err(NoClosedForm::Optimizer { kind });
        }
    }
    if !optimizer.schedule.is_constant() {
        return Err(NoClosedForm::Schedule);
    }
    if optimizer.weight_decay != 0.0 {
        return Err(NoClosedForm::WeightDecay);
    }
    Ok(())
}

/// Whether the layers are diagonal in the target's singular bases.
fn is_aligned(trial: &Trial) -> bool {
    let Task::Factorization { target } = &trial.problem.task else {
        return false;
    };
    let given_diagonal = match target {
        Target::Drawn { .. } => false,
        Target::Given(Given(Y)) => is_diagonal(Y),
    };
    if trial.init.kind.needs_target() {
        // With noise the target is no longer the one whose bases were taken.
        return match target {
            Target::Drawn { .. } => trial.problem.noise == 0.0,
            Target::Given(_) => true,
        };
    }
    trial.init.kind.is_diagonal() && given_diagonal
}

/// Whether every entry off the diagonal is 0.
pub(super) fn is_diagonal(A: &Array2<f64>) -> bool {
    A.indexed_iter().all(|((i, j), &x)| i == j || x == 0.0)
}

/// Whether `X X^T` is a multiple of the identity, as far as it is known; what is not known is looked at once it is there.
fn check_inputs(samples: &Samples, inputs_dim: usize) -> Result<(), NoClosedForm> {
    let trained = samples.trained();
    let flat = match &samples.inputs {
        Inputs::Orthonormal { count, noise } => *noise == 0.0 && trained == *count,
        Inputs::Gaussian { .. } => false,
        Inputs::Given(given) => given.ranks_of(samples.train.0, samples.train.1).flat,
    };
    let changed = samples.center || samples.standardize;
    if !samples.whiten && (changed || !flat) {
        return Err(NoClosedForm::Inputs);
    }
    let rank = rank_of_samples(samples, inputs_dim);
    if rank < inputs_dim {
        return Err(NoClosedForm::Rank { rank, inputs_dim });
    }
    Ok(())
}

/// Whether `W_2(0)^T W_2(0) - W_1(0) W_1(0)^T` is a multiple of the identity.
fn check_balance(trial: &Trial) -> Result<(), NoClosedForm> {
    let kind = trial.init.kind;
    match kind.layers() {
        StartLayers::Isometric => {
            let width = trial.network.widths.first().copied().unwrap_or(0);
            let limit = trial.problem.inputs_dim.min(trial.problem.outputs_dim);
            if width > limit {
                return Err(NoClosedForm::Width { width, limit });
            }
            Ok(())
        }
        StartLayers::Chained => match trial.init.scales[..] {
            [one, other] if one.abs() == other.abs() => Ok(()),
            _ => Err(NoClosedForm::Start { kind }),
        },
        StartLayers::Given => match &trial.init.weights[..] {
            [Given(one), Given(other)] if is_balanced(one, other) => Ok(()),
            _ => Err(NoClosedForm::Start { kind }),
        },
        StartLayers::Generic => Err(NoClosedForm::Start { kind }),
    }
}

/// Whether `W_2^T W_2 - W_1 W_1^T` is a multiple of the identity.
pub(super) fn is_balanced(one: &Array2<f64>, other: &Array2<f64>) -> bool {
    if one.nrows() != other.ncols() {
        return false;
    }
    let size = square_sum(one.view()) + square_sum(other.view());
    let mut off = multiply(Threads::Seq, other.t(), other.view());
    off -= &multiply(Threads::Seq, one.view(), one.t());
    let width = off.nrows();
    let mean = off.diag().sum() / width.max(1) as f64;
    let mut diagonal = off.diag_mut();
    diagonal -= mean;
    // Not a number is no balance.
    square_sum(off.view()).sqrt() <= BALANCED * size
}
