//! Inputs of few directions: where a network trains on them in the coordinates of what they span.
//!
//! The first layer's gradient is `B X^T`, whatever stands above it, so nothing but weight decay moves `W_1` off the range of
//! the training inputs. This file owns which trials the full engine trains so; how is its own business.

use super::assumptions::see_rest;
use super::bounds::inputs_rank;
use crate::batch::Epoch;
use crate::config::Trial;
use crate::flops;
use crate::optimizer::LinearRule;

/// The coordinates that the inputs need, at most, of a trial whose network trains in them: its optimizer commutes with
/// rotations and leaves weights without a gradient to weight decay alone, nothing is asked of `W_1` off the inputs, and
/// it saves more than it costs to set up.
pub(crate) fn thin_inputs(trial: &Trial) -> Option<usize> {
    let kind = trial.optimizer.kind;
    let linear = trial.optimizer.linear_rule().is_some();
    let decays = trial.optimizer.weight_decay != 0.0;
    let exact = kind.commutes_with_rotations() && (linear || !decays);
    let samples = trial.problem.task.samples()?;
    if !exact || keeps_its_bits(trial) || see_rest(&trial.measure.metrics) {
        return None;
    }
    let (d_x, rank) = (trial.problem.inputs_dim, inputs_rank(trial));
    if rank == 0 || rank >= d_x {
        return None;
    }
    let saved = flops::full_step(trial) - flops::full_step(&with_inputs(trial, rank));
    let set_up = set_up(d_x, samples.trained(), rank, trial.sizes()[1]);
    (saved * trial.train.steps as f64 > set_up).then_some(rank)
}

/// The trial on this number of inputs.
pub(crate) fn with_inputs(trial: &Trial, inputs: usize) -> Trial {
    let mut thin = trial.clone();
    thin.problem.inputs_dim = inputs;
    thin
}

/// The decomposition of the inputs, and the products that take inputs and weights to and fro.
fn set_up(d_x: usize, samples: usize, rank: usize, width: usize) -> f64 {
    let (d_x, n) = (d_x as f64, samples as f64);
    let (rank, width) = (rank as f64, width as f64);
    2.0 * d_x * d_x * (n + 10.0 * d_x) + 2.0 * rank * d_x * (n + 2.0 * width)
}

/// Whether the trial could be written before there were other activations, losses, biases, batches, optimizers and
/// schedules than these. Its inputs stay as they are: rounding in other coordinates would change the bits of its results,
/// which never change.
fn keeps_its_bits(trial: &Trial) -> bool {
    let came_later = match trial.optimizer.linear_rule() {
        Some(LinearRule::Descent | LinearRule::HeavyBall { .. }) => false,
        Some(LinearRule::Nesterov { .. }) | None => true,
    };
    !came_later
        && !trial.network.activation.came_later()
        && trial.network.nonlinear_layers.is_none()
        && trial.problem.loss.is_quadratic()
        && !trial.network.bias
        && Epoch::of(trial).is_none()
        && trial.optimizer.schedule.is_constant()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Activation, OptimizerKind};
    use crate::data::fixture::{classification, trial};
    use crate::engine::plan;

    /// 12 samples of 40 inputs, on a width of 30.
    fn few() -> Trial {
        let mut trial = trial(classification(40, 3, 4), &[30, 30]);
        trial.train.steps = 10_000;
        trial.network.activation = Activation::Relu;
        trial.network.bias = true;
        trial.measure.metrics.train_loss = true;
        trial
    }

    #[test]
    fn inputs_are_thinned_where_it_is_exact_and_saves() {
        assert_eq!(thin_inputs(&few()), Some(12));
        let with = |change: fn(&mut Trial)| -> Option<usize> {
            let mut trial = few();
            change(&mut trial);
            thin_inputs(&trial)
        };
        let shampoo = |trial: &mut Trial| trial.optimizer.kind = OptimizerKind::Shampoo;
        assert_eq!(with(shampoo), Some(12));
        assert_eq!(with(|trial| trial.optimizer.weight_decay = 0.1), Some(12));
        assert_eq!(
            with(|trial| trial.optimizer.kind = OptimizerKind::Adam),
            None
        );
        assert_eq!(with(|trial| trial.measure.metrics.spectrum = true), None);
        assert_eq!(with(|trial| trial.train.steps = 1), None);
        assert_eq!(with(|trial| trial.problem = classification(10, 3, 4)), None);
        let decayed = |trial: &mut Trial| {
            trial.optimizer.kind = OptimizerKind::Shampoo;
            trial.optimizer.weight_decay = 0.1;
        };
        assert_eq!(with(decayed), None);
        let first = |trial: &mut Trial| trial.network.bias = false;
        assert_eq!(with(first), None, "it has the bits that it always had");
    }

    #[test]
    fn the_plan_says_where_inputs_are_thinned() {
        let found = plan(&few());
        assert!(
            found.reason.contains("inputs in 12 coordinates of 40"),
            "{}",
            found.reason
        );
        let mut plain = few();
        plain.measure.metrics.spectrum = true;
        assert!(found.flops_per_step < plan(&plain).flops_per_step);
    }
}
