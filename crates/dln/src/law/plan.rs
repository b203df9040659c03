//! Which engine would serve a trial, and why, told without drawing anything.

use super::assumptions::check;
use super::basis::orthonormal;
use super::bounds::{Bounds, bounds, data_bytes, isometric, widest_hidden};
use super::moments::{Moments, Samples};
use super::reduction::{CERTIFIED, not_orthogonal, reduce_within};
use super::rows::{RowCounts, row_counts};
use crate::config::{EngineChoice, Trial};
use crate::data::Data;
use crate::engine::{Engine, factored, reduced};
use crate::error::{NotReducible, TrialError};
use crate::flops;
use crate::kernel::Threads;
use crate::outcome;

/// Values of a layer beside its core that stand for many: what moves off the core, what never moves, zeros.
const BLOCKS: usize = 3;

/// The engine that would serve a trial, and what a step of it costs.
#[derive(Clone, Debug, PartialEq)]
pub struct EnginePlan {
    pub engine: outcome::Engine,
    /// Upper bound of the widest hidden core; the inner width of the factored engine; none for the full one.
    pub core_width: Option<u64>,
    /// Why this engine, for people.
    pub reason: String,
    /// Why the engine that the trial asks for will refuse it, where that is known already.
    pub refused: Option<TrialError>,
    /// Products of one step, `2 m n k` each.
    pub flops_per_step: f64,
    /// Memory while it trains, the data included.
    pub bytes: f64,
    /// Rows of one measurement.
    pub rows: RowCounts,
}

/// Plans a trial from its sizes and ranks. Takes microseconds: nothing is drawn, and bounds stand for what
/// only a draw can tell.
pub fn plan(trial: &Trial) -> EnginePlan {
    match trial.train.engine {
        EngineChoice::Full => full(trial, "asked for".to_owned()),
        EngineChoice::Factored => factored_plan(trial),
        EngineChoice::Reduced => match reducible(trial) {
            Ok(bounds) => {
                let reason = explain(trial, &bounds);
                small(trial, &bounds, format!("asked for: {reason}"))
            }
            Err(refused) => EnginePlan {
                engine: outcome::Engine::Reduced,
                refused: Some(refused.into()),
                ..full(trial, format!("asked for, but {refused}"))
            },
        },
        EngineChoice::Auto => match reducible(trial) {
            Ok(bounds) => {
                let reason = explain(trial, &bounds);
                if is_cheaper(trial, &bounds.widths, bounds.samples) {
                    small(trial, &bounds, reason)
                } else {
                    full(trial, format!("{reason}, which saves nothing"))
                }
            }
            Err(refused) => full(trial, refused.to_string()),
        },
    }
}

/// What `auto` comes to once the trial is drawn.
pub(crate) enum Choice<'a> {
    Reduced(Box<dyn Engine + 'a>),
    /// Left to the full engine. With the residual, where a core was found and its certificate refused it.
    Full {
        refused_residual: Option<f64>,
    },
    /// The squares of the data overflow, so that no certificate can be had.
    Overflow,
}

/// The reduced engine where it is exact and cheaper, else the full one.
///
/// # Errors
/// What is wrong with the initial weights or the data.
pub(crate) fn choose<'a>(
    trial: &'a Trial,
    data: &'a Data,
    threads: Threads,
) -> Result<Choice<'a>, TrialError> {
    choose_within(trial, data, threads, CERTIFIED)
}

/// As [`choose`], with the largest residual that counts as exact.
pub(crate) fn choose_within<'a>(
    trial: &'a Trial,
    data: &'a Data,
    threads: Threads,
    certified: f64,
) -> Result<Choice<'a>, TrialError> {
    let left = |refused_residual| Ok(Choice::Full { refused_residual });
    if plan(trial).engine != outcome::Engine::Reduced {
        return left(None);
    }
    let samples = bounds(trial).samples;
    let worth = |widths: &[usize]| is_cheaper(trial, widths, samples);
    match reduce_within(trial, data, &worth, certified) {
        Ok(reduction) => Ok(Choice::Reduced(reduced::start(
            trial, data, threads, reduction,
        ))),
        Err(TrialError::NotReducible(NotReducible::Residual { residual, .. })) => {
            left(Some(residual))
        }
        Err(TrialError::NotReducible(NotReducible::Overflow)) => Ok(Choice::Overflow),
        Err(TrialError::NotReducible(_)) => left(None),
        Err(error) => Err(error),
    }
}

fn reducible(trial: &Trial) -> Result<Bounds, NotReducible> {
    check(trial)?;
    let bounds = bounds(trial);
    match bounds.filled {
        Some(width) => Err(not_orthogonal(trial, width)),
        None => Ok(bounds),
    }
}

/// Whether a step on cores of these widths takes fewer operations than one of the full engine.
fn is_cheaper(trial: &Trial, widths: &[usize], samples: Option<usize>) -> bool {
    core_step(widths, samples) < flops::full_step(trial)
}

/// Operations of one step on cores of widths `k_0 .. k_L` and so many samples; none: identity inputs.
pub(crate) fn core_step(widths: &[usize], samples: Option<usize>) -> f64 {
    flops::outputs_side(widths, samples.unwrap_or(0), samples.is_none())
}

fn explain(trial: &Trial, bounds: &Bounds) -> String {
    let Some(core) = widest_hidden(&bounds.widths) else {
        let (inputs, outputs) = (bounds.widths[0], bounds.widths[1]);
        return format!("the law leaves one layer of {outputs} x {inputs} at most");
    };
    let width = widest_hidden(&trial.sizes()).unwrap_or(core);
    format!("the law leaves a core at most {core} wide of a network {width} wide")
}

fn full(trial: &Trial, reason: String) -> EnginePlan {
    EnginePlan {
        engine: outcome::Engine::Full,
        core_width: None,
        reason,
        refused: None,
        flops_per_step: flops::full_step(trial),
        bytes: flops::full_bytes(trial),
        rows: row_counts(trial, &trial.sizes(), &trial.sizes(), 0),
    }
}

fn small(trial: &Trial, bounds: &Bounds, reason: String) -> EnginePlan {
    EnginePlan {
        engine: outcome::Engine::Reduced,
        core_width: widest_hidden(&bounds.widths).map(|core| core as u64),
        reason,
        refused: None,
        flops_per_step: core_step(&bounds.widths, bounds.samples),
        bytes: core_bytes(trial, &bounds.widths, bounds.samples),
        rows: row_counts(trial, &trial.sizes(), &bounds.widths, BLOCKS),
    }
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
    engine as f64 + data_bytes(trial)
}

/// The widths `k_0 .. k_L` that an orthogonal start over these data leaves of a network of these sizes
/// `d_0 .. d_L`, from the ranks of the data alone, and the core's samples (none: identity inputs). Reached by
/// almost every draw, save at a bulge between two bottlenecks, where they are an upper bound.
///
/// # Errors
/// [`TrialError::NoConvergence`].
pub(crate) fn widths_of_data(
    data: &Data,
    sizes: &[usize],
) -> Result<(Vec<usize>, Option<usize>), TrialError> {
    let moments = Moments::of(data)?;
    let seeds = moments.input_seeds();
    let input = orthonormal(seeds.view()).ncols();
    let widths = isometric(sizes, input, moments.output_seeds().ncols());
    let samples = match Samples::of(data) {
        Samples::Identity => None,
        Samples::Dense { .. } if moments.sigma2 > 0.0 => Some(widths[0]),
        Samples::Dense { X, .. } => Some(X.ncols().min(widths[0])),
    };
    Ok((widths, samples))
}

fn factored_plan(trial: &Trial) -> EnginePlan {
    let cost = factored::cost(trial);
    let refused = factored::check(trial).err();
    let reason = match &refused {
        Some(refused) => format!("asked for, but {refused}"),
        None => format!(
            "asked for: an approximation with {} columns, not the wide network",
            cost.width
        ),
    };
    EnginePlan {
        engine: outcome::Engine::Factored,
        core_width: Some(cost.width as u64),
        reason,
        refused: refused.map(TrialError::from),
        flops_per_step: cost.flops_per_step,
        bytes: cost.bytes,
        rows: factored_rows(trial, cost.width),
    }
}

/// The cores of the factored engine are square and of one width; its end-to-end map has no values beyond theirs.
fn factored_rows(trial: &Trial, width: usize) -> RowCounts {
    let widths = vec![width; trial.network.depth() + 1];
    row_counts(trial, &widths, &widths, 0)
}
