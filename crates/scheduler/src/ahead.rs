//! What lies ahead of a sweep, in the words of those who ask: why nothing of it is granted, how much of it fits a worker,
//! in which order its trials will run.

use crate::WorkerId;

/// Why trials of an active sweep wait and nobody gets them.
#[derive(Clone, Debug, PartialEq)]
pub enum Waiting {
    /// No worker is connected.
    NoWorker,
    /// So many are, and all of them drain.
    Draining { workers: u64 },
    /// So many are, and all of them are at other sweeps.
    Busy { workers: u64 },
    /// Every worker that has room was asked, and none can take what is pending.
    Misfit(Misfit),
}

/// A worker that would take more, and a trial that is more than it can take.
#[derive(Clone, Debug, PartialEq)]
pub struct Misfit {
    pub worker: WorkerId,
    pub name: String,
    pub number: u64,
    /// Where time is short: seconds that the trial is expected to take on that worker, and those that it can give.
    pub seconds: Option<(f64, f64)>,
    /// Where memory is short: bytes that the trial needs, and those that the worker has.
    pub bytes: Option<(f64, f64)>,
}

/// How much of a sweep's pending work fits a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fitting {
    pub trials: u64,
    /// Predicted, of one thread.
    pub seconds: f64,
}

/// Trials in a row of equal predicted cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece {
    pub trials: u64,
    /// Predicted seconds of each.
    pub seconds: f64,
    /// Predicted memory of each.
    pub bytes: f64,
}

/// What of a sweep has not begun, in the order in which it will.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ahead {
    pub pieces: Vec<Piece>,
    /// Trials after those of the pieces.
    pub more: u64,
}
