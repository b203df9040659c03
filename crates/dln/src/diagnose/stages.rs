//! What to do next, in stages.

use super::report::{Advice, DataSpectrum, Proposal, Report, Stage};

/// Fewest and most steps that are proposed.
const STEPS: (f64, f64) = (200.0, 20_000.0);
/// Factor by which the slowest direction that carries 99 % of the energy is to fall.
const FALL: f64 = 1e6;
/// Wide trials against which the core is to be verified.
const VERIFY: u64 = 3;

/// Steps in which half of the safe rate brings the slowest direction of 99 % of the energy down.
pub(super) fn steps(spectrum: &DataSpectrum, is_matrix: bool) -> u64 {
    let slowest = spectrum.energy[2].count.checked_sub(1);
    let weakest = slowest.and_then(|at| spectrum.values.get(at).copied());
    let spread = match (weakest, spectrum.values.first()) {
        (Some(weakest), Some(largest)) if weakest > 0.0 => largest / weakest,
        _ => 1.0,
    };
    // Inputs enter the curvature squared; a matrix' singular values are what is learned, with identity inputs.
    let condition = if is_matrix { spread } else { spread * spread };
    let steps = FALL.ln() * condition;
    steps.clamp(STEPS.0, STEPS.1).round() as u64
}

/// The staged plan.
pub(super) fn stages(report: &Report, proposal: &Proposal) -> Vec<Stage> {
    let (rows, columns) = report.shape;
    let spectrum = &report.spectrum;
    let check = Stage {
        title: "check the data",
        detail: format!(
            "{rows} x {columns}, rank {} ({} of them carry 99 % of the energy); rank {} with the targets",
            spectrum.rank, spectrum.energy[2].count, report.correlation_rank
        ),
    };
    let Proposal { width, depth, .. } = *proposal;
    let (rate, steps) = (0.5 * report.safe_rate, report.steps);
    let core = report.core_width.unwrap_or(report.core_widths[0]);
    let ratio = report.full.flops_per_step / report.reduced.flops_per_step.max(1.0);
    match report.advice {
        Advice::Core => vec![
            check,
            Stage {
                title: "train the small equivalent",
                detail: format!(
                    "depth {depth}, width {width}: an exact core {core} wide, {ratio:.0} times fewer operations \
                     a step; {steps} steps at rate {rate:.3e}"
                ),
            },
            Stage {
                title: "verify against a few wide trials",
                detail: format!(
                    "verify = {VERIFY}: that many trials run on both engines, differences reported"
                ),
            },
            Stage {
                title: "scale",
                detail: "sweep rates, depths and starts on the core; widths cost nothing"
                    .to_owned(),
            },
        ],
        Advice::Wide => vec![
            check,
            Stage {
                title: "train a narrow network first",
                detail: format!(
                    "the core would be {core} wide of {width}, {ratio:.1} times fewer operations a step: \
                     no exact small equivalent is worth it, so begin with a narrow network, {steps} steps at \
                     rate {rate:.3e}"
                ),
            },
            Stage {
                title: "compare it with a few wide trials",
                detail:
                    "a narrow network is another network: see what it misses before relying on it"
                        .to_owned(),
            },
            Stage {
                title: "scale",
                detail: "spread the wide trials over workers".to_owned(),
            },
        ],
    }
}
