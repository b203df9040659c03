//! What one trial leaves behind: rows of the four tables, without the columns that others know
//! (number, id, parameters, worker).

/// How a trial ended. A trial that could not be run is a [`crate::TrialError`] instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Completed,
    /// The loss became NaN or infinite; the rows hold the last finite values.
    Diverged,
}

/// The engine that ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Full,
    Reduced,
    Factored,
}

impl Engine {
    pub fn name(self) -> &'static str {
        match self {
            Engine::Full => "full",
            Engine::Reduced => "reduced",
            Engine::Factored => "factored",
        }
    }
}

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
    pub engine: Engine,
    /// Widest hidden core of the reduced engine; the inner width of the factored engine; null for full.
    pub core_width: Option<u64>,
    /// Of the core; beside the full engine, of the core that was found and refused under `auto`.
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

/// Rows in order of step, taken out of a run that goes on.
#[derive(Clone, Debug, Default)]
pub struct Measurements {
    pub history: Vec<HistoryRow>,
    pub spectra: Vec<SpectrumRow>,
    pub layers: Vec<LayerRow>,
}

/// Scalar metrics of one step; `None` is null in the table.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scalars {
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

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HistoryRow {
    pub step: u64,
    pub scalars: Scalars,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpectrumRow {
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

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerRow {
    pub step: u64,
    /// 0..L; layer 0 (the inputs) carries a separation alone.
    pub layer: u32,
    pub separation: Option<f64>,
    pub balancedness: Option<f64>,
    pub effective_rank: Option<f64>,
    pub stable_rank: Option<f64>,
}
