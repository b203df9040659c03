//! What a coordinator has to do and who does it, for those who start workers.

use std::time::Duration;

/// What a worker that would be started brings along; none where that is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PilotLimits {
    pub time: Option<Duration>,
    /// Bytes for its trials.
    pub memory: Option<u64>,
}

/// What the batch system says of workers that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pilots {
    /// Jobs that wait and that run, and why those wait.
    Queued {
        waiting: u32,
        running: u32,
        /// In the batch system's words; empty where it gives none.
        reason: String,
    },
    /// It does not start any, or does not answer.
    Refused { why: String },
}

/// What a coordinator has to do and who does it, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Trials of running sweeps that no worker has, and a new worker could take.
    pub pending: u64,
    /// Those that no worker has and a new one could not take either.
    pub misfit: u64,
    /// Trials of running sweeps in workers' hands.
    pub leased: u64,
    /// Predicted seconds, one nominal core, of what is leased or could be.
    pub seconds: f64,
    /// Workers that are here and take leases.
    pub workers: u32,
    /// Their threads.
    pub threads: u32,
    /// Worker processes that have joined since the start; one that reconnects counts once.
    pub joined: u64,
}
