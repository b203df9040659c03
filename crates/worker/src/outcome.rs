//! A trial's outcome in the table's own terms: the two crates do not know each other.

use dln::{HistoryRow, LayerRow, Measurements, Outcome, Scalars, SpectrumRow, Status};
use table::{HistoryValues, LayerValues, Measured, OutcomeRow, ScalarValues, SpectrumValues};

/// The outcome as rows.
pub(crate) fn row(outcome: &Outcome) -> OutcomeRow {
    OutcomeRow {
        status: match outcome.status {
            Status::Completed => "completed",
            Status::Diverged => "diverged",
        },
        error: divergence(outcome),
        steps: outcome.steps,
        last: scalars(&outcome.last),
        history: outcome.history.iter().map(history).collect(),
        spectra: outcome.spectra.iter().map(spectrum).collect(),
        layers: outcome.layers.iter().map(layer).collect(),
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
        history: rows.history.iter().map(history).collect(),
        spectra: rows.spectra.iter().map(spectrum).collect(),
        layers: rows.layers.iter().map(layer).collect(),
    }
}

fn history(row: &HistoryRow) -> HistoryValues {
    HistoryValues {
        step: row.step,
        scalars: scalars(&row.scalars),
    }
}

fn spectrum(row: &SpectrumRow) -> SpectrumValues {
    SpectrumValues {
        step: row.step,
        layer: row.layer,
        index: row.index,
        value: row.value,
        multiplicity: row.multiplicity,
        left_angle: row.left_angle,
        right_angle: row.right_angle,
    }
}

fn layer(row: &LayerRow) -> LayerValues {
    LayerValues {
        step: row.step,
        layer: row.layer,
        separation: row.separation,
        balancedness: row.balancedness,
        effective_rank: row.effective_rank,
        stable_rank: row.stable_rank,
    }
}

fn scalars(values: &Scalars) -> ScalarValues {
    ScalarValues {
        train_loss: values.train_loss,
        test_loss: values.test_loss,
        accuracy: values.accuracy,
        test_accuracy: values.test_accuracy,
        effective_rank: values.effective_rank,
        stable_rank: values.stable_rank,
        nuclear_norm: values.nuclear_norm,
        sharpness: values.sharpness,
        alignment: values.alignment,
    }
}
