//! One worker as the scheduler sees it.

use std::collections::BTreeSet;

use crate::speed::Speed;
use crate::{LeaseId, Now, SweepKey};

/// A worker that has joined and is not forgotten.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) name: String,
    /// At least one.
    pub(crate) threads: u32,
    /// End of its time.
    pub(crate) deadline: Option<Now>,
    /// Bytes for its trials, where they count.
    pub(crate) memory: Option<u64>,
    /// Where to look on for what it can take of a sweep: one look is bounded.
    pub(crate) look_on: Option<(SweepKey, u64)>,
    /// Its stream is open.
    pub(crate) connected: bool,
    /// It was not heard of in time; it may come back.
    pub(crate) lost: bool,
    pub(crate) draining: bool,
    pub(crate) last_seen: Now,
    /// When its loss, or its being forgotten, is due.
    pub(crate) timer: Option<Now>,
    /// Live leases.
    pub(crate) leases: BTreeSet<LeaseId>,
    /// Leases whose results would still be welcome.
    pub(crate) late: BTreeSet<LeaseId>,
    pub(crate) speed: Speed,
    /// Trials of it that were accepted.
    pub(crate) trials: u64,
    pub(crate) idle_since: Option<Now>,
    /// When it should have worked off what it holds, if some of that could be done by others.
    pub(crate) finish: Option<Now>,
    /// It is among those counted as available, and as proven.
    pub(crate) counted: (bool, bool),
}

/// One sweep that one worker said it cannot run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quarantine {
    pub(crate) until: Now,
    pub(crate) wait: Now,
}

/// What a worker has in hand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Holding {
    pub(crate) trials: u64,
    /// Predicted.
    pub(crate) seconds: f64,
    pub(crate) suspects: bool,
}

impl Worker {
    pub(crate) fn new(
        name: String,
        threads: u32,
        deadline: Option<Now>,
        memory: Option<u64>,
        now: Now,
    ) -> Worker {
        Worker {
            name,
            threads: threads.max(1),
            deadline,
            memory,
            look_on: None,
            connected: true,
            lost: false,
            draining: false,
            last_seen: now,
            timer: None,
            leases: BTreeSet::new(),
            late: BTreeSet::new(),
            speed: Speed::default(),
            trials: 0,
            idle_since: Some(now),
            finish: None,
            counted: (false, false),
        }
    }

    /// Whether messages reach it, as far as is known.
    pub(crate) fn reachable(&self) -> bool {
        self.connected && !self.lost
    }

    /// Whether it may be given leases.
    pub(crate) fn available(&self) -> bool {
        self.reachable() && !self.draining
    }

    /// Whether it may be given leases and has shown that it can do them: a machine that dies of everything has not.
    pub(crate) fn proven(&self) -> bool {
        self.available() && self.trials > 0
    }
}
