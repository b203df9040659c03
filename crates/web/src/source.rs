//! What the page asks of a coordinator, in words of its own: the wire's types stay where they are.

use std::path::PathBuf;
use std::sync::Arc;

use sweep::{Folder, IntervalSet};

/// A coordinator that can be looked at and changed.
pub trait Source: Send + Sync + 'static {
    /// Everything at one moment; `None` while the coordinator starts or stops.
    fn overview(&self) -> impl Future<Output = Option<Overview>> + Send;

    /// Trials reported since the start; `None` as above.
    fn reported(&self) -> impl Future<Output = Option<u64>> + Send;

    /// One sweep, trial numbers included.
    fn standing(&self, sweep: &str) -> impl Future<Output = Result<Standing, Refusal>> + Send;

    /// Does what a user asks of a sweep. Returns the number of trials that run again, for [`Change::Retry`].
    fn change(
        &self,
        sweep: &str,
        change: Change,
    ) -> impl Future<Output = Result<u64, Refusal>> + Send;
}

/// What a user can ask of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Pause,
    Resume,
    Cancel,
    /// Runs the failed trials again.
    Retry,
}

impl Change {
    pub const ALL: [Change; 4] = [Change::Pause, Change::Resume, Change::Cancel, Change::Retry];

    /// Its name in an address.
    pub fn name(self) -> &'static str {
        match self {
            Change::Pause => "pause",
            Change::Resume => "resume",
            Change::Cancel => "cancel",
            Change::Retry => "retry",
        }
    }
}

/// Why a request is not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{0}")]
    NotFound(String),
    /// The sweep is in a state that does not allow it.
    #[error("{0}")]
    NotNow(String),
    #[error("the coordinator starts or stops")]
    Unavailable,
    #[error("{0}")]
    Failed(String),
}

/// Sweeps and workers at one moment.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    pub sweeps: Vec<Sweep>,
    pub workers: Vec<Worker>,
}

/// One sweep.
#[derive(Clone, Debug, Default)]
pub struct Sweep {
    pub name: String,
    /// running, paused, cancelled, finished, stopped, opening, unopened or gone.
    pub state: &'static str,
    pub trials: u64,
    pub completed: u64,
    pub diverged: u64,
    pub failed: u64,
    pub leased: u64,
    /// Trials reported on this coordinator in the time below.
    pub reported: u64,
    pub elapsed_seconds: f64,
    pub eta_seconds: Option<f64>,
    /// Predicted seconds on one nominal core: of all trials, and of the done ones.
    pub predicted_seconds: f64,
    pub done_seconds: f64,
    /// Why no trial starts, if trials wait.
    pub waiting: Option<String>,
    pub problem: String,
    pub notes: Vec<String>,
    pub priority: i32,
    /// The last trials that failed, the newest first.
    pub failures: Vec<Failure>,
}

/// A trial that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub trial: u64,
    pub error: String,
    /// Seconds since 1970.
    pub at: u64,
}

/// One worker.
#[derive(Clone, Debug, Default)]
pub struct Worker {
    pub id: u64,
    pub name: String,
    pub host: String,
    /// busy, idle, draining or away.
    pub state: &'static str,
    pub threads: u32,
    /// Trials in its hands.
    pub held: u64,
    /// Trials reported by it.
    pub trials: u64,
    /// What it works on: a sweep, and the first of its running trials.
    pub sweep: Option<String>,
    pub running: Vec<u64>,
    pub silent_seconds: f64,
    pub connected_seconds: f64,
    pub memory_bytes: u64,
    pub isa: String,
    pub version: String,
    pub problem: String,
}

/// One sweep with its trial numbers as sets.
#[derive(Clone, Debug)]
pub struct Standing {
    pub sweep: Sweep,
    pub folder: Arc<Folder>,
    /// The run folder.
    pub dir: PathBuf,
    /// Numbers with a row, and numbers that are not kept.
    pub closed: IntervalSet,
    pub failed: IntervalSet,
    pub running: IntervalSet,
    /// The last trials reported, the newest first.
    pub recent: Vec<u64>,
}
