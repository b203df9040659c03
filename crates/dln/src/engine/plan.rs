//! Which engine would serve a trial, and why, without drawing anything.

use super::factored;
use super::projected;
use super::reduced::{reduced_bytes, reduced_step};
use super::row_counts::{RowCounts, row_counts};
use crate::config::{BlockKind, EngineChoice, ProjectedKind, Trial};
use crate::engines::EngineKind;
use crate::error::TrialError;
use crate::flops;
use crate::law::{Bounds, Law, reducible, thin_inputs, widest_hidden, with_inputs};
use crate::theory::closed_form;

/// Values of a layer beside its core that stand for many: what moves off the core, what never moves, zeros.
const BLOCKS: usize = 3;

/// The engine that would serve a trial, and what a step of it costs.
#[derive(Clone, Debug, PartialEq)]
pub struct EnginePlan {
    pub engine: EngineKind,
    /// Upper bound of the widest hidden core, or block; the inner width of the factored engine; none for the full one.
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
    let mut plan = plan_engine(trial);
    if trial.measure.metrics.theory
        && let Err(why) = closed_form(trial)
    {
        plan.reason += &format!("; no theory: {why}");
    }
    plan
}

fn plan_engine(trial: &Trial) -> EnginePlan {
    match trial.train.engine {
        EngineChoice::Full => full(trial, "asked for".to_owned()),
        EngineChoice::Factored => factored_plan(trial),
        EngineChoice::Projected => projected_plan(trial),
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
                if is_cheaper(trial, &bounds, &bounds.widths) {
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
pub(super) fn is_cheaper(trial: &Trial, bounds: &Bounds, widths: &[usize]) -> bool {
    reduced_step(trial, bounds, widths) < full_flops(trial)
}

/// Operations of a step of the full engine, on what it trains.
fn full_flops(trial: &Trial) -> f64 {
    with_thin_inputs(trial).map_or_else(|| flops::full_step(trial), |thin| flops::full_step(&thin))
}

/// What the full engine trains, where it takes the inputs in fewer coordinates.
fn with_thin_inputs(trial: &Trial) -> Option<Trial> {
    thin_inputs(trial).map(|rank| with_inputs(trial, rank))
}

fn explain(trial: &Trial, bounds: &Bounds) -> String {
    let Some(core) = widest_hidden(&bounds.widths) else {
        let (inputs, outputs) = (bounds.widths[0], bounds.widths[1]);
        return format!("the law leaves one layer of {outputs} x {inputs} at most");
    };
    let width = widest_hidden(&trial.sizes()).unwrap_or(core);
    let whence = match bounds.law {
        Law::Moments(_) => "the law",
        Law::Span => "the law, closed from the inputs' range and every output,",
    };
    format!("{whence} leaves a core at most {core} wide of a network {width} wide")
}

fn full(trial: &Trial, reason: String) -> EnginePlan {
    let (flops_per_step, reason) = match with_thin_inputs(trial) {
        Some(thin) => {
            let (rank, inputs) = (thin.problem.inputs_dim, trial.problem.inputs_dim);
            let reason = format!("{reason}; inputs in {rank} coordinates of {inputs}");
            (flops::full_step(&thin), reason)
        }
        None => (flops::full_step(trial), reason),
    };
    EnginePlan {
        engine: EngineKind::Full,
        core_width: None,
        reason,
        refused: None,
        flops_per_step,
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
        flops_per_step: reduced_step(trial, bounds, &bounds.widths),
        bytes: reduced_bytes(trial, bounds),
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

fn projected_plan(trial: &Trial) -> EnginePlan {
    let cost = projected::cost(trial);
    let mut rows = row_counts(trial, &trial.sizes(), &trial.sizes(), 0);
    // Looks between measured steps have rows of their own.
    let steps = trial.train.steps;
    let every = match trial.measure.every {
        0 => steps,
        every => every.min(steps),
    };
    let depth = trial.network.depth() as u64;
    rows.layers = rows.layers.max(depth) + (cost.looks_per_step * every as f64).ceil() as u64;
    EnginePlan {
        engine: EngineKind::Projected,
        core_width: cost.width.map(|width| width as u64),
        reason: projected_reason(trial, &cost),
        refused: None,
        flops_per_step: cost.flops_per_step,
        bytes: cost.bytes,
        rows,
    }
}

/// What is saved, and what is not.
fn projected_reason(trial: &Trial, cost: &projected::ProjectedCost) -> String {
    let times = cost.flops_per_step / full_flops(trial);
    let bytes = cost.bytes / flops::full_bytes(trial);
    let blocks = match (cost.width, widest_hidden(&trial.sizes())) {
        (Some(_), Some(hidden)) if trial.train.projected.bound.is_some() => {
            format!("updates in blocks that may grow to the {hidden} of the network")
        }
        (Some(width), Some(hidden)) => {
            format!("updates in blocks at most {width} wide of a network {hidden} wide")
        }
        (Some(_) | None, _) => "updates in a block of its one layer".to_owned(),
    };
    let kind = trial.optimizer.kind;
    let keeps_state = kind.state_numbers(1, 1) > 0;
    let saved = match (trial.train.projected.kind, keeps_state) {
        (ProjectedKind::Fixed, true) => {
            "it saves memory of the optimizer and checkpoints".to_owned()
        }
        (ProjectedKind::Fixed, false) => "it saves checkpoints".to_owned(),
        (ProjectedKind::Refreshed, true) => "it saves memory of the optimizer".to_owned(),
        (ProjectedKind::Refreshed, false) => {
            format!(
                "it saves nothing under {}, which keeps no state",
                kind.name()
            )
        }
    };
    let mut reason = format!(
        "asked for: {blocks}; {saved}, passes are those of the whole network: {times:.2} times the operations and \
         {bytes:.2} times the memory of engine `full`"
    );
    let is_exact = match (trial.train.projected.kind, trial.train.projected.block) {
        (ProjectedKind::Fixed, BlockKind::Data) => {
            // Off the block of a matrix weights move a little, and decay acts everywhere.
            trial.train.projected.rank.is_none()
                && trial.problem.task.samples().is_some()
                && trial.optimizer.weight_decay == 0.0
        }
        (ProjectedKind::Fixed | ProjectedKind::Refreshed, _) => false,
    };
    if let (true, Ok(bounds)) = (is_exact, reducible(trial)) {
        let core = reduced_step(trial, &bounds, &bounds.widths);
        let times = cost.flops_per_step / core;
        if times > 1.5 {
            reason += &format!(
                "; engine `reduced` gives the same weights for {times:.0} times fewer operations"
            );
        }
    }
    reason
}

/// The cores of the factored engine are square and of one width; its end-to-end map has no values beyond theirs.
fn factored_rows(trial: &Trial, width: usize) -> RowCounts {
    let widths = vec![width; trial.network.depth() + 1];
    row_counts(trial, &widths, &widths, 0)
}
