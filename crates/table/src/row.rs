//! Rows as they are handed in: one trial with its measurements.
//!
//! Plain structs that own nothing of the columns; `builder` takes them apart. They mirror what training
//! leaves behind without knowing the crate that trains.

use sweep::Value;

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

/// Scalar metrics of one step; `None` is null.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ScalarValues {
    pub train_loss: Option<f64>,
    pub test_loss: Option<f64>,
    pub accuracy: Option<f64>,
    pub test_accuracy: Option<f64>,
    pub effective_rank: Option<f64>,
    pub stable_rank: Option<f64>,
    pub nuclear_norm: Option<f64>,
    pub sharpness: Option<f64>,
    pub alignment: Option<f64>,
}

impl ScalarValues {
    /// In the order of [`crate::schema::SCALARS`].
    pub(crate) fn in_order(&self) -> [Option<f64>; 9] {
        [
            self.train_loss,
            self.test_loss,
            self.accuracy,
            self.test_accuracy,
            self.effective_rank,
            self.stable_rank,
            self.nuclear_norm,
            self.sharpness,
            self.alignment,
        ]
    }
}

/// A row of `history`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HistoryValues {
    pub step: u64,
    pub scalars: ScalarValues,
}

/// A row of `spectra`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpectrumValues {
    pub step: u64,
    /// 1..L; 0 is the end-to-end map.
    pub layer: u32,
    /// 1 is the largest.
    pub index: u32,
    pub value: f64,
    pub multiplicity: u32,
    /// Radians against step 1.
    pub left_angle: Option<f64>,
    pub right_angle: Option<f64>,
}

/// A row of `layers`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerValues {
    pub step: u64,
    /// 0..L; layer 0 (the inputs) carries a separation alone.
    pub layer: u32,
    pub separation: Option<f64>,
    pub balancedness: Option<f64>,
    pub effective_rank: Option<f64>,
    pub stable_rank: Option<f64>,
}
