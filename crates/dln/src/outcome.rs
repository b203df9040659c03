//! What one trial leaves behind: rows of the four tables, without the columns that others know
//! (number, id, parameters, worker).

use crate::choice::choice;
pub use crate::engines::EngineKind;
pub use crate::metric::{HistoryRow, LayerRow, Scalars, SpectrumRow};

choice! {
    /// How a trial ended. A trial that could not be run is a [`crate::TrialError`] instead.
    pub enum Status {
        /// It came to its end.
        Completed = "completed",
        /// The loss became NaN or infinite; the rows hold the last finite values.
        Diverged = "diverged",
    }
}

/// A field that becomes a column of `trials` is declared there too: `table/src/columns/trials.rs`.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub status: Status,
    /// Updates taken.
    pub steps: u64,
    /// Values at the last finite step: the `trials` row.
    pub last: Scalars,
    /// Rows in order of step.
    pub history: Vec<HistoryRow>,
    pub spectra: Vec<SpectrumRow>,
    pub layers: Vec<LayerRow>,
    pub engine: EngineKind,
    /// Widest hidden core of the reduced engine; the inner width of the factored engine; null for full.
    pub core_width: Option<u64>,
    /// Of the core that was used; if the full engine ran, of the core that `auto` rejected.
    pub reduction_residual: Option<f64>,
    /// Floating-point operations of all steps taken (products alone: 2 m n k each).
    pub flops: f64,
    /// First step with a train loss at or below `measure.tolerance`.
    pub tolerance_steps: Option<u64>,
    pub tolerance_seconds: Option<f64>,
    pub setup_seconds: f64,
    pub train_seconds: f64,
    pub measure_seconds: f64,
}

impl Outcome {
    /// Of a run that took no step and measured nothing.
    pub fn new(status: Status, engine: EngineKind) -> Outcome {
        Outcome {
            status,
            steps: 0,
            last: Scalars::default(),
            history: Vec::new(),
            spectra: Vec::new(),
            layers: Vec::new(),
            engine,
            core_width: None,
            reduction_residual: None,
            flops: 0.0,
            tolerance_steps: None,
            tolerance_seconds: None,
            setup_seconds: 0.0,
            train_seconds: 0.0,
            measure_seconds: 0.0,
        }
    }
}

/// Rows in order of step, taken out of a run that goes on.
#[derive(Clone, Debug, Default)]
pub struct Measurements {
    pub history: Vec<HistoryRow>,
    pub spectra: Vec<SpectrumRow>,
    pub layers: Vec<LayerRow>,
}
