//! Which engine would serve a trial, and why, without drawing anything.

use super::factored;
use super::reduced::{core_bytes, core_step};
use super::row_counts::{RowCounts, row_counts};
use crate::config::{EngineChoice, Trial};
use crate::engines::EngineKind;
use crate::error::TrialError;
use crate::flops;
use crate::law::{Bounds, reducible, widest_hidden};

/// Values of a layer beside its core that stand for many: what moves off the core, what never moves, zeros.
const BLOCKS: usize = 3;

/// The engine that would serve a trial, and what a step of it costs.
#[derive(Clone, Debug, PartialEq)]
pub struct EnginePlan {
    pub engine: EngineKind,
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
/// depends on the draw.
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
                engine: EngineKind::Reduced,
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

/// Whether a step on cores of these widths takes fewer operations than one of the full engine.
pub(super) fn is_cheaper(trial: &Trial, widths: &[usize], samples: Option<usize>) -> bool {
    core_step(widths, samples) < flops::full_step(trial)
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
        engine: EngineKind::Full,
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
        engine: EngineKind::Reduced,
        core_width: widest_hidden(&bounds.widths).map(|core| core as u64),
        reason,
        refused: None,
        flops_per_step: core_step(&bounds.widths, bounds.samples),
        bytes: core_bytes(trial, &bounds.widths, bounds.samples),
        rows: row_counts(trial, &trial.sizes(), &bounds.widths, BLOCKS),
    }
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
        engine: EngineKind::Factored,
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
