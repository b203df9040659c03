//! What a core costs, from its widths alone.

use crate::config::Trial;
use crate::flops;

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
