//! Rows as they are handed in: one trial with its measurements.
//!
//! Plain structs that own nothing of the columns; `builder` takes them apart. Measured rows are those of the metric
//! table, as training leaves them behind.

use sweep::Value;
pub use sweep::metric::{
    HistoryRow as HistoryValues, LayerRow as LayerValues, Scalars as ScalarValues,
    SpectrumRow as SpectrumValues,
};

use crate::comparison::ComparisonRow;

/// One trial, ready to be written.
#[derive(Clone, Copy, Debug)]
pub struct TrialRow<'a> {
    /// Its number in the run folder.
    pub trial: u64,
    /// 32 lower-case hexadecimal digits.
    pub id: &'a str,
    /// Resolved parameters, aligned with [`sweep::keys()`]; `None` is null.
    pub params: &'a [Option<Value>],
    pub result: TrialResult<'a>,
    /// Empty where no worker is to be named; so are `host`, `run_isa` and `run_version`.
    pub worker: &'a str,
    pub host: &'a str,
    /// From 1.
    pub attempt: u32,
    /// Microseconds since 1970 UTC.
    pub started_at_us: i64,
    /// Instruction set of the kernels that ran.
    pub run_isa: &'a str,
    /// Version of the program that ran it.
    pub run_version: &'a str,
    /// Of the trials that are compared on both engines.
    pub comparison: Option<&'a ComparisonRow>,
}

/// How a trial ended.
#[derive(Clone, Copy, Debug)]
pub enum TrialResult<'a> {
    /// Completed or diverged.
    Ran(&'a OutcomeRow),
    Failed {
        error: &'a str,
        /// Wall time until it failed.
        seconds: f64,
    },
}

/// What a trial that ran leaves behind.
#[derive(Clone, Debug)]
pub struct OutcomeRow {
    /// `completed` or `diverged`.
    pub status: &'static str,
    /// Why it diverged.
    pub error: Option<String>,
    /// Updates taken.
    pub steps: u64,
    /// Values at the last finite step.
    pub last: ScalarValues,
    pub history: Vec<HistoryValues>,
    pub spectra: Vec<SpectrumValues>,
    pub layers: Vec<LayerValues>,
    /// `full`, `reduced` or `factored`.
    pub engine: &'static str,
    pub core_width: Option<u64>,
    pub reduction_residual: Option<f64>,
    /// Floating-point operations of all steps taken.
    pub flops: f64,
    /// First step with a train loss at or below the tolerance.
    pub tolerance_steps: Option<u64>,
    pub tolerance_seconds: Option<f64>,
    pub setup_seconds: f64,
    pub train_seconds: f64,
    pub measure_seconds: f64,
}
