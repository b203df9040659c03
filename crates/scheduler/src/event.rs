//! What the scheduler takes in. Numbers and names in events may come from the wire: the scheduler checks them against
//! what it granted before it believes them.

use std::sync::Arc;

use sweep::IntervalSet;

use crate::{LeaseId, Now, SweepKey, Work, WorkerId};

/// Something that happened, in the order in which the coordinator saw it.
#[derive(Clone, Debug)]
pub enum Event {
    /// A sweep is there, new or read from its folder. A sweep of the same key is replaced.
    AddSweep {
        sweep: SweepKey,
        work: Arc<dyn Work + Send + Sync>,
        /// Numbers with a durable row, failed ones included.
        done: IntervalSet,
        /// Those of them that failed.
        failed: IntervalSet,
        /// Greater goes first.
        priority: i32,
        paused: bool,
    },
    /// The sweep has more numbers; those below the old end are as they were. A finished or cancelled sweep goes on.
    GrowSweep {
        sweep: SweepKey,
        work: Arc<dyn Work + Send + Sync>,
    },
    /// The sweep and its leases are forgotten.
    RemoveSweep {
        sweep: SweepKey,
    },
    /// Nothing more is begun; trials that are running end and count.
    Pause {
        sweep: SweepKey,
    },
    /// A paused or cancelled sweep goes on.
    Resume {
        sweep: SweepKey,
    },
    /// Nothing more is begun or accepted; what is done stays.
    Cancel {
        sweep: SweepKey,
    },
    /// Failed trials are to run again. Their rows are gone already.
    Retry {
        sweep: SweepKey,
        numbers: IntervalSet,
    },
    SetPriority {
        sweep: SweepKey,
        priority: i32,
    },

    /// A worker's stream is open: a new process, or a known one that is back.
    Join {
        worker: WorkerId,
        threads: u32,
        name: String,
        /// End of the worker's time (`--time`).
        deadline: Option<Now>,
        /// Bytes that its trials may take together; `None` where it may be given any.
        memory: Option<u64>,
        /// What it still has in hand: leases being worked on, and results not acknowledged.
        held: Vec<Held>,
    },
    /// A worker's present stream is gone; the end of an earlier one says nothing. Its leases wait for it until the heartbeat
    /// timeout.
    Leave {
        worker: WorkerId,
    },
    /// A worker ends in good order. What it has not reported goes back, and nothing is held against it.
    Goodbye {
        worker: WorkerId,
    },
    /// A worker is alive. Every lease in its hands is named, also those not begun.
    Heartbeat {
        worker: WorkerId,
        leases: Vec<LeaseBeat>,
    },
    /// Bytes of a message that is still on its way came from a worker: it is alive.
    Heard {
        worker: WorkerId,
    },
    /// A worker wants no more leases; what it has not begun goes to others.
    Drain {
        worker: WorkerId,
    },
    /// A worker gives numbers of a lease back unfinished. Nothing is held against them.
    GiveBack {
        worker: WorkerId,
        lease: LeaseId,
        numbers: IntervalSet,
        /// The worker cannot run this sweep at present: others get it, and the worker is asked again later.
        unfit: bool,
    },
    /// Results are here, not durable yet.
    Report(Report),
    /// Time has passed: see [`crate::Scheduler::next_wakeup`].
    Tick,
}

/// A lease in a worker's hands, as a heartbeat reports it.
#[derive(Clone, Debug, PartialEq)]
pub struct LeaseBeat {
    pub lease: LeaseId,
    /// Its trials have been handed to the worker's threads. Before that the worker's death says nothing of them.
    pub begun: bool,
    /// Trials of it that are running now: at most one a thread, so a long list is cut by the coordinator.
    pub running: Vec<u64>,
}

/// Results of a lease.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub worker: WorkerId,
    pub sweep: SweepKey,
    pub lease: LeaseId,
    /// As in the grant.
    pub generation: u32,
    /// Every number reported, failed ones included.
    pub numbers: IntervalSet,
    /// Those of them whose row says failed.
    pub failed: IntervalSet,
    /// Seconds that these trials took, each on its thread, summed over them.
    pub work_seconds: f64,
}

/// A lease that a joining worker brings along.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    pub lease: LeaseId,
    pub sweep: SweepKey,
    /// Numbers not begun, running, or done and not acknowledged.
    pub numbers: IntervalSet,
}

impl Event {
    /// The worker that this event shows to be alive.
    pub(crate) fn sign_of_life(&self) -> Option<WorkerId> {
        match self {
            Event::Heartbeat { worker, .. }
            | Event::Heard { worker }
            | Event::Drain { worker }
            | Event::GiveBack { worker, .. }
            | Event::Report(Report { worker, .. }) => Some(*worker),
            _ => None,
        }
    }
}
