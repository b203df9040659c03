//! Rows as they are handed in: one trial with its measurements.
//!
//! Plain structs that own nothing of the columns; the declarations of `columns` take them apart. What training leaves
//! behind, measured rows included, is taken as it is.

pub use sweep::metric::{
    HistoryRow as HistoryValues, LayerRow as LayerValues, Scalars as ScalarValues,
    SpectrumRow as SpectrumValues,
};
use sweep::{Outcome, Value};

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
    Ran {
        outcome: &'a Outcome,
        /// Why it diverged.
        error: Option<&'a str>,
    },
    Failed {
        error: &'a str,
        /// Wall time until it failed.
        seconds: f64,
    },
}

impl<'a> TrialResult<'a> {
    /// Of a trial that ran and gives no reason for its end.
    pub fn ran(outcome: &'a Outcome) -> TrialResult<'a> {
        TrialResult::Ran {
            outcome,
            error: None,
        }
    }
}

impl<'a> TrialRow<'a> {
    /// A first attempt that names no worker, no program and no time.
    pub fn new(
        trial: u64,
        id: &'a str,
        params: &'a [Option<Value>],
        result: TrialResult<'a>,
    ) -> TrialRow<'a> {
        TrialRow {
            trial,
            id,
            params,
            result,
            worker: "",
            host: "",
            attempt: 1,
            started_at_us: 0,
            run_isa: "",
            run_version: "",
            comparison: None,
        }
    }

    /// What a trial that ran leaves behind.
    pub(crate) fn ran(&self) -> Option<&'a Outcome> {
        match self.result {
            TrialResult::Ran { outcome, .. } => Some(outcome),
            TrialResult::Failed { .. } => None,
        }
    }

    pub(crate) fn status(&self) -> &'static str {
        self.ran().map_or("failed", |ran| ran.status.name())
    }

    pub(crate) fn error(&self) -> Option<&'a str> {
        match self.result {
            TrialResult::Ran { error, .. } => error,
            TrialResult::Failed { error, .. } => Some(error),
        }
    }

    pub(crate) fn failed_seconds(&self) -> Option<f64> {
        match self.result {
            TrialResult::Ran { .. } => None,
            TrialResult::Failed { seconds, .. } => Some(seconds),
        }
    }
}

/// Bytes of a row of `history`, `spectra` and `layers` as columns, near enough to decide when a report is full.
const BYTES: [usize; 3] = [64, 64, 56];

/// Bytes that so many rows of `history`, `spectra` and `layers` take as columns, near enough.
pub fn bytes_of_rows(rows: [usize; 3]) -> usize {
    rows.iter()
        .zip(BYTES)
        .map(|(rows, bytes)| rows * bytes)
        .sum()
}
