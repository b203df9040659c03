//! What a core costs, from its widths alone.

use crate::config::{Metrics, Samples, Trial};
use crate::flops;
use crate::law::{Bounds, Law, leaves_rest_out};

/// The core as a network of its own, of widths `k_0 .. k_L`. It measures losses and what follows from samples.
pub(super) fn core_trial(trial: &Trial, widths: &[usize]) -> Trial {
    let mut core = trial.clone();
    if let [first, hidden @ .., last] = widths {
        core.problem.inputs_dim = *first;
        core.network.widths = hidden.to_vec();
        core.problem.outputs_dim = *last;
    }
    core.measure.metrics = Metrics {
        train_loss: trial.measure.metrics.train_loss,
        test_loss: trial.measure.metrics.test_loss,
        separation: trial.measure.metrics.separation,
        ..Metrics::NONE
    };
    core
}

/// The core's trial with the inputs that held-out samples may add where the first layer is open.
fn with_further_inputs(trial: &Trial, widths: &[usize]) -> Trial {
    let mut core = core_trial(trial, widths);
    if trial.measure.metrics.test_loss && leaves_rest_out(trial) {
        let held_out = trial.problem.task.samples().map_or(0, Samples::held_out);
        let unseen = trial.problem.inputs_dim - widths[0];
        core.problem.inputs_dim += held_out.min(unseen).min(widths[1]);
    }
    core
}

/// Operations of one step of the reduced engine on cores of these widths.
pub(crate) fn reduced_step(trial: &Trial, bounds: &Bounds, widths: &[usize]) -> f64 {
    match bounds.law {
        Law::Moments(_) => core_step(widths, bounds.samples),
        Law::Span => flops::full_step(&with_further_inputs(trial, widths)),
    }
}

/// Memory of a trial reduced to these bounds, the data included.
pub(crate) fn reduced_bytes(trial: &Trial, bounds: &Bounds) -> f64 {
    let widths = &bounds.widths;
    match bounds.law {
        Law::Moments(_) => core_bytes(trial, widths, bounds.samples),
        Law::Span => {
            let bases: usize = trial.sizes().iter().zip(widths).map(|(d, k)| d * k).sum();
            let core = with_further_inputs(trial, widths);
            flops::full_bytes(&core) + 8.0 * bases as f64 + flops::data_bytes(trial)
        }
    }
}

/// Operations of one step on cores of widths `k_0 .. k_L` and so many samples; none: identity inputs.
pub(crate) fn core_step(widths: &[usize], samples: Option<usize>) -> f64 {
    flops::outputs_side(widths, samples.unwrap_or(0), samples.is_none())
}

/// Memory of a trial reduced to cores of these widths, the data included.
pub(crate) fn core_bytes(trial: &Trial, widths: &[usize], samples: Option<usize>) -> f64 {
    let bases: usize = trial.sizes().iter().zip(widths).map(|(d, k)| d * k).sum();
    let cores: usize = widths.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let last = widths.last().copied().unwrap_or(0);
    let chain: usize = widths.iter().map(|k| k * last).sum();
    let samples = samples.unwrap_or(0) * (2 * widths[0] + 2 * last);
    // Weights, velocity and measured copies, the chain of products, bases and samples.
    let engine = 8 * (bases + 3 * cores + 2 * chain + samples);
    engine as f64 + flops::data_bytes(trial)
}
