//! What the coordinator is to do after an event, in this order.

use std::ops::Range;

use sweep::IntervalSet;

use crate::{LeaseId, Now, SweepKey, WorkerId};

/// One consequence of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Send these trials to the worker.
    Grant(Grant),
    /// These numbers of a lease are no longer the worker's own.
    Revoke {
        worker: WorkerId,
        lease: LeaseId,
        ranges: Vec<Range<u64>>,
        running: Running,
    },
    /// These numbers of the report are new: write their rows, and acknowledge them once durable. The other numbers of a
    /// report are not wanted: somebody was faster, or the sweep or lease is no more.
    Accept {
        worker: WorkerId,
        lease: LeaseId,
        sweep: SweepKey,
        numbers: IntervalSet,
        /// Those of them that failed.
        failed: IntervalSet,
    },
    /// The trial killed its workers: write a `failed` row for it.
    Fail {
        sweep: SweepKey,
        number: u64,
        /// Workers that died with it.
        attempts: u32,
        /// The last of them.
        worker: WorkerId,
        name: String,
    },
    /// Nothing of the sweep is left to run. Rows accepted before may still be on their way to the disk.
    Finished { sweep: SweepKey, ended: Ended },
    /// The worker was not heard of in time, and its trials go to others. Its stream may stay open: it is welcome back.
    Lost { worker: WorkerId, trials: u64 },
    /// Close the worker's stream.
    DropWorker {
        worker: WorkerId,
        reason: DropReason,
    },
}

/// Trials granted to a worker until a deadline: the one declaration between the decision and the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    pub worker: WorkerId,
    pub lease: LeaseId,
    /// Of the coordinator that granted it; it comes back with every report.
    pub generation: u32,
    pub sweep: SweepKey,
    /// Kept numbers alone, rising, apart.
    pub ranges: Vec<Range<u64>>,
    /// When the lease expires unless a heartbeat or report names it.
    pub deadline: Now,
    /// 1 and the deaths of workers that held these trials: the `attempt` column.
    pub attempt: u32,
    /// Suspected of killing workers and alone in the worker's hands: one trial.
    pub isolated: bool,
    /// Others hold the same trials; the first result wins.
    pub speculative: bool,
}

/// What becomes of revoked trials that are already running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    /// They end and are reported; only what has not begun is dropped.
    Finish,
    /// They stop: their results are of no use.
    Stop,
}

/// How a sweep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every kept number has a row.
    Complete,
    Cancelled,
}

/// Why a worker is sent away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DropReason {
    /// It is not known, or no longer: it must join anew.
    #[error("the worker has not joined")]
    Unknown,
    #[error("a report names trials outside {lease}")]
    OutsideLease { lease: LeaseId },
    #[error("{lease} belongs to another worker")]
    ForeignLease { lease: LeaseId },
    #[error("a report names {lease} under another sweep")]
    OtherSweep { lease: LeaseId },
    #[error("a joining worker holds more leases or trials than it can have been given")]
    TooMuchHeld,
}
