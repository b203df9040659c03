//! A trial's outcome as a row of the tables. Measured rows are the metric table's in both.

use dln::{Measurements, Outcome, Status};
use table::{Measured, OutcomeRow};

/// The outcome as rows.
pub(crate) fn row(outcome: &Outcome) -> OutcomeRow {
    OutcomeRow {
        status: outcome.status.name(),
        error: divergence(outcome),
        steps: outcome.steps,
        last: outcome.last,
        history: outcome.history.clone(),
        spectra: outcome.spectra.clone(),
        layers: outcome.layers.clone(),
        engine: outcome.engine.name(),
        core_width: outcome.core_width,
        reduction_residual: outcome.reduction_residual,
        flops: outcome.flops,
        tolerance_steps: outcome.tolerance_steps,
        tolerance_seconds: outcome.tolerance_seconds,
        setup_seconds: outcome.setup_seconds,
        train_seconds: outcome.train_seconds,
        measure_seconds: outcome.measure_seconds,
    }
}

/// Why a trial diverged, in words.
fn divergence(outcome: &Outcome) -> Option<String> {
    match outcome.status {
        Status::Completed => None,
        Status::Diverged if outcome.history.is_empty() => Some(
            "the train loss is not finite at the start: the data or the initial weights are too large".to_owned(),
        ),
        Status::Diverged => Some(format!(
            "the train loss is not finite after step {}: the rate is too large for these data and this start",
            outcome.steps
        )),
    }
}

/// Rows that were taken out of a run.
pub(crate) fn measured(rows: Measurements) -> Measured {
    Measured {
        history: rows.history,
        spectra: rows.spectra,
        layers: rows.layers,
    }
}
