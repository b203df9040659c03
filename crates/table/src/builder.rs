//! From rows to columns: gathers the trials of a report.
//!
//! Built for 100,000 trials and more a second: no map a row, no text copied that equals the one before, and
//! columns that hold one value cost a comparison (see `lane`).

use polars::prelude::{Column, DataFrame, Float64Type, Int64Type, PolarsResult};

use crate::batch::Batch;
use crate::comparison::ComparisonRow;
use crate::error::TableError;
use crate::lane::{Numbers, Parameter, Texts, Times};
use crate::row::{
    HistoryValues, LayerValues, OutcomeRow, ScalarValues, SpectrumValues, TrialResult, TrialRow,
};
use crate::schema::{DIFFERENCES, SCALARS};

/// Bytes that a row takes, near enough to decide when a report is full: what varies from trial to trial (number,
/// id, a few parameters, metrics, times), and the numbers of a row of the other tables.
const TRIAL_BYTES: usize = 220;
const HISTORY_BYTES: usize = 64;
const SPECTRUM_BYTES: usize = 64;
const LAYER_BYTES: usize = 56;

/// Bytes of so many rows of `history`, `spectra` and `layers`.
pub(crate) fn bytes_of_rows(history: usize, spectra: usize, layers: usize) -> usize {
    HISTORY_BYTES * history + SPECTRUM_BYTES * spectra + LAYER_BYTES * layers
}

/// Rows of `history` of one trial, without ids.
pub(crate) fn history_frame(trial: u64, rows: &[HistoryValues]) -> PolarsResult<DataFrame> {
    let mut lanes = HistoryLanes::new();
    for row in rows {
        lanes.push(trial, row);
    }
    DataFrame::new(rows.len(), lanes.finish())
}

/// Rows of `spectra` of one trial, without ids.
pub(crate) fn spectra_frame(trial: u64, rows: &[SpectrumValues]) -> PolarsResult<DataFrame> {
    let mut lanes = SpectrumLanes::new();
    for row in rows {
        lanes.push(trial, row);
    }
    DataFrame::new(rows.len(), lanes.finish())
}

/// Rows of `layers` of one trial, without ids.
pub(crate) fn layers_frame(trial: u64, rows: &[LayerValues]) -> PolarsResult<DataFrame> {
    let mut lanes = LayerLanes::new();
    for row in rows {
        lanes.push(trial, row);
    }
    DataFrame::new(rows.len(), lanes.finish())
}

/// Gathers trials and turns them into a [`Batch`].
pub struct BatchBuilder {
    trials: TrialLanes,
    history: HistoryLanes,
    spectra: SpectrumLanes,
    layers: LayerLanes,
    rows: [usize; 4],
    bytes: usize,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        BatchBuilder::new()
    }
}

impl BatchBuilder {
    pub fn new() -> Self {
        BatchBuilder {
            trials: TrialLanes::new(),
            history: HistoryLanes::new(),
            spectra: SpectrumLanes::new(),
            layers: LayerLanes::new(),
            rows: [0; 4],
            bytes: 0,
        }
    }

    /// Adds a trial with all its rows.
    pub fn push(&mut self, row: &TrialRow<'_>) {
        self.trials.push(row);
        self.rows[0] += 1;
        self.bytes += TRIAL_BYTES;
        match row.result {
            TrialResult::Failed { error, .. } => self.bytes += error.len(),
            TrialResult::Ran(outcome) => self.push_measurements(row.trial, outcome),
        }
    }

    fn push_measurements(&mut self, trial: u64, outcome: &OutcomeRow) {
        for row in &outcome.history {
            self.history.push(trial, row);
        }
        for row in &outcome.spectra {
            self.spectra.push(trial, row);
        }
        for row in &outcome.layers {
            self.layers.push(trial, row);
        }
        self.rows[1] += outcome.history.len();
        self.rows[2] += outcome.spectra.len();
        self.rows[3] += outcome.layers.len();
        self.bytes += bytes_of_rows(
            outcome.history.len(),
            outcome.spectra.len(),
            outcome.layers.len(),
        );
    }

    /// Trials gathered so far.
    pub fn trials(&self) -> usize {
        self.rows[0]
    }

    /// Bytes that the gathered columns take on the wire, near enough.
    pub fn bytes_estimate(&self) -> usize {
        self.bytes
    }

    /// The gathered trials; the builder is empty again.
    ///
    /// # Errors
    /// Where the columns do not make a table, which would be an error of this crate.
    pub fn finish(&mut self) -> Result<Batch, TableError> {
        let full = std::mem::take(self);
        let columns = [
            full.trials.finish(),
            full.history.finish(),
            full.spectra.finish(),
            full.layers.finish(),
        ];
        let mut frames = [const { DataFrame::empty() }; 4];
        for ((frame, columns), rows) in frames.iter_mut().zip(columns).zip(full.rows) {
            *frame = DataFrame::new(rows, columns)?;
        }
        Ok(Batch::of(frames))
    }
}

/// Columns of `trials`, in the order of the schema.
struct TrialLanes {
    trial: Numbers<Int64Type>,
    id: Texts,
    parameters: Vec<Parameter>,
    status: Texts,
    error: Texts,
    steps: Numbers<Int64Type>,
    scalars: MeasuredLanes<{ SCALARS.len() }>,
    tolerance_steps: Numbers<Int64Type>,
    engine: Texts,
    core_width: Numbers<Int64Type>,
    reduction_residual: Numbers<Float64Type>,
    flops: Numbers<Float64Type>,
    setup_seconds: Numbers<Float64Type>,
    train_seconds: Numbers<Float64Type>,
    measure_seconds: Numbers<Float64Type>,
    tolerance_seconds: Numbers<Float64Type>,
    failed_seconds: Numbers<Float64Type>,
    worker: Texts,
    host: Texts,
    attempt: Numbers<Int64Type>,
    started_at: Times,
    run_isa: Texts,
    run_version: Texts,
    comparison: ComparisonLanes,
}

/// A count as the columns hold it. Numbers of trials and steps end before 2^63; one beyond would turn negative here,
/// which the decoder of a payload refuses.
#[inline]
fn count(number: u64) -> i64 {
    number.cast_signed()
}

/// An empty text names nobody.
fn named(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

impl TrialLanes {
    fn new() -> Self {
        TrialLanes {
            trial: Numbers::new("trial"),
            id: Texts::new("id"),
            parameters: sweep::keys().iter().map(Parameter::new).collect(),
            status: Texts::new("status"),
            error: Texts::new("error"),
            steps: Numbers::new("steps"),
            scalars: MeasuredLanes::new(SCALARS),
            tolerance_steps: Numbers::new("tolerance_steps"),
            engine: Texts::new("engine"),
            core_width: Numbers::new("core_width"),
            reduction_residual: Numbers::new("reduction_residual"),
            flops: Numbers::new("flops"),
            setup_seconds: Numbers::new("setup_seconds"),
            train_seconds: Numbers::new("train_seconds"),
            measure_seconds: Numbers::new("measure_seconds"),
            tolerance_seconds: Numbers::new("tolerance_seconds"),
            failed_seconds: Numbers::new("failed_seconds"),
            worker: Texts::new("worker"),
            host: Texts::new("host"),
            attempt: Numbers::new("attempt"),
            started_at: Times::new("started_at"),
            run_isa: Texts::new("run_isa"),
            run_version: Texts::new("run_version"),
            comparison: ComparisonLanes::new(),
        }
    }

    fn push(&mut self, row: &TrialRow<'_>) {
        self.trial.push(Some(count(row.trial)));
        self.id.push(Some(row.id));
        for (at, parameter) in self.parameters.iter_mut().enumerate() {
            parameter.push(row.params.get(at).and_then(Option::as_ref));
        }
        match row.result {
            TrialResult::Ran(outcome) => self.push_outcome(outcome),
            TrialResult::Failed { error, seconds } => self.push_failure(error, seconds),
        }
        self.worker.push(named(row.worker));
        self.host.push(named(row.host));
        self.attempt.push(Some(row.attempt.into()));
        self.started_at.push(row.started_at_us);
        self.run_isa.push(named(row.run_isa));
        self.run_version.push(named(row.run_version));
        self.comparison.push(row.comparison);
    }

    fn push_outcome(&mut self, outcome: &OutcomeRow) {
        self.status.push(Some(outcome.status));
        self.error.push(outcome.error.as_deref());
        self.steps.push(Some(count(outcome.steps)));
        self.scalars.push(outcome.last.measured());
        let tolerance_steps = outcome.tolerance_steps.map(count);
        self.tolerance_steps.push(tolerance_steps);
        self.engine.push(Some(outcome.engine));
        self.core_width.push(outcome.core_width.map(count));
        self.reduction_residual.push(outcome.reduction_residual);
        self.flops.push(Some(outcome.flops));
        self.setup_seconds.push(Some(outcome.setup_seconds));
        self.train_seconds.push(Some(outcome.train_seconds));
        self.measure_seconds.push(Some(outcome.measure_seconds));
        self.tolerance_seconds.push(outcome.tolerance_seconds);
        self.failed_seconds.push(None);
    }

    fn push_failure(&mut self, error: &str, seconds: f64) {
        self.status.push(Some("failed"));
        self.error.push(Some(error));
        self.steps.push(None);
        self.scalars.push(ScalarValues::default().measured());
        self.tolerance_steps.push(None);
        self.engine.push(None);
        self.core_width.push(None);
        self.reduction_residual.push(None);
        self.flops.push(None);
        self.setup_seconds.push(None);
        self.train_seconds.push(None);
        self.measure_seconds.push(None);
        self.tolerance_seconds.push(None);
        self.failed_seconds.push(Some(seconds));
    }

    fn finish(self) -> Vec<Column> {
        let mut columns = vec![self.trial.finish(), self.id.finish()];
        for parameter in self.parameters {
            parameter.finish_into(&mut columns);
        }
        columns.extend([
            self.status.finish(),
            self.error.finish(),
            self.steps.finish(),
        ]);
        columns.extend(self.scalars.finish());
        columns.extend([
            self.tolerance_steps.finish(),
            self.engine.finish(),
            self.core_width.finish(),
            self.reduction_residual.finish(),
            self.flops.finish(),
            self.setup_seconds.finish(),
            self.train_seconds.finish(),
            self.measure_seconds.finish(),
            self.tolerance_seconds.finish(),
            self.failed_seconds.finish(),
            self.worker.finish(),
            self.host.finish(),
            self.attempt.finish(),
            self.started_at.finish(),
            self.run_isa.finish(),
            self.run_version.finish(),
        ]);
        columns.extend(self.comparison.finish());
        columns
    }
}

/// `run_verify` and what follows it.
struct ComparisonLanes {
    verdict: Texts,
    differences: [Numbers<Float64Type>; 6],
    full_seconds: Numbers<Float64Type>,
    reduced_seconds: Numbers<Float64Type>,
}

impl ComparisonLanes {
    fn new() -> Self {
        ComparisonLanes {
            verdict: Texts::new("run_verify"),
            differences: DIFFERENCES.map(Numbers::new),
            full_seconds: Numbers::new("verify_full_seconds"),
            reduced_seconds: Numbers::new("verify_reduced_seconds"),
        }
    }

    fn push(&mut self, row: Option<&ComparisonRow>) {
        let verdict = row.map(|row| row.verdict.text());
        self.verdict.push(verdict.as_deref());
        let differences = row.map_or([None; 6], |row| row.differences);
        for (lane, value) in self.differences.iter_mut().zip(differences) {
            lane.push(value);
        }
        self.full_seconds.push(row.and_then(|row| row.full_seconds));
        let seconds = row.and_then(|row| row.reduced_seconds);
        self.reduced_seconds.push(seconds);
    }

    fn finish(self) -> Vec<Column> {
        let mut columns = vec![self.verdict.finish()];
        columns.extend(self.differences.into_iter().map(Numbers::finish));
        columns.extend([self.full_seconds.finish(), self.reduced_seconds.finish()]);
        columns
    }
}

/// Columns that are null where nothing is measured.
struct MeasuredLanes<const N: usize>([Numbers<Float64Type>; N]);

impl<const N: usize> MeasuredLanes<N> {
    fn new(names: [&'static str; N]) -> Self {
        MeasuredLanes(names.map(Numbers::new))
    }

    fn push(&mut self, values: [Option<f64>; N]) {
        for (lane, value) in self.0.iter_mut().zip(values) {
            lane.push(value);
        }
    }

    fn finish(self) -> impl Iterator<Item = Column> {
        self.0.into_iter().map(Numbers::finish)
    }
}

struct HistoryLanes {
    trial: Numbers<Int64Type>,
    step: Numbers<Int64Type>,
    scalars: MeasuredLanes<{ SCALARS.len() }>,
}

impl HistoryLanes {
    fn new() -> Self {
        HistoryLanes {
            trial: Numbers::new("trial"),
            step: Numbers::new("step"),
            scalars: MeasuredLanes::new(SCALARS),
        }
    }

    fn push(&mut self, trial: u64, row: &HistoryValues) {
        self.trial.push(Some(count(trial)));
        self.step.push(Some(count(row.step)));
        self.scalars.push(row.scalars.measured());
    }

    fn finish(self) -> Vec<Column> {
        let mut columns = vec![self.trial.finish(), self.step.finish()];
        columns.extend(self.scalars.finish());
        columns
    }
}

struct SpectrumLanes {
    trial: Numbers<Int64Type>,
    step: Numbers<Int64Type>,
    layer: Numbers<Int64Type>,
    index: Numbers<Int64Type>,
    value: Numbers<Float64Type>,
    multiplicity: Numbers<Int64Type>,
    measured: MeasuredLanes<{ SpectrumValues::MEASURED.len() }>,
}

impl SpectrumLanes {
    fn new() -> Self {
        SpectrumLanes {
            trial: Numbers::new("trial"),
            step: Numbers::new("step"),
            layer: Numbers::new("layer"),
            index: Numbers::new("index"),
            value: Numbers::new("value"),
            multiplicity: Numbers::new("multiplicity"),
            measured: MeasuredLanes::new(SpectrumValues::MEASURED),
        }
    }

    fn push(&mut self, trial: u64, row: &SpectrumValues) {
        self.trial.push(Some(count(trial)));
        self.step.push(Some(count(row.step)));
        self.layer.push(Some(row.layer.into()));
        self.index.push(Some(row.index.into()));
        self.value.push(Some(row.value));
        self.multiplicity.push(Some(row.multiplicity.into()));
        self.measured.push(row.measured());
    }

    fn finish(self) -> Vec<Column> {
        let mut columns = vec![
            self.trial.finish(),
            self.step.finish(),
            self.layer.finish(),
            self.index.finish(),
            self.value.finish(),
            self.multiplicity.finish(),
        ];
        columns.extend(self.measured.finish());
        columns
    }
}

struct LayerLanes {
    trial: Numbers<Int64Type>,
    step: Numbers<Int64Type>,
    layer: Numbers<Int64Type>,
    measured: MeasuredLanes<{ LayerValues::MEASURED.len() }>,
}

impl LayerLanes {
    fn new() -> Self {
        LayerLanes {
            trial: Numbers::new("trial"),
            step: Numbers::new("step"),
            layer: Numbers::new("layer"),
            measured: MeasuredLanes::new(LayerValues::MEASURED),
        }
    }

    fn push(&mut self, trial: u64, row: &LayerValues) {
        self.trial.push(Some(count(trial)));
        self.step.push(Some(count(row.step)));
        self.layer.push(Some(row.layer.into()));
        self.measured.push(row.measured());
    }

    fn finish(self) -> Vec<Column> {
        let mut columns = vec![self.trial.finish(), self.step.finish(), self.layer.finish()];
        columns.extend(self.measured.finish());
        columns
    }
}
