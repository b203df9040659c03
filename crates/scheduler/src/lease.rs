//! One lease: what was granted, what is still owed, what is known of it.

use sweep::IntervalSet;

use crate::{Now, SweepKey, WorkerId, sets};

/// A lease is live while `remaining` is not empty, and late after that, as long as results of it would be welcome.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) worker: WorkerId,
    pub(crate) sweep: SweepKey,
    /// Everything that was granted: what the worker may report.
    pub(crate) granted: IntervalSet,
    /// What only this lease, or it and its copy, will bring.
    pub(crate) remaining: IntervalSet,
    /// Numbers that were taken from the worker while it was there.
    pub(crate) shed: IntervalSet,
    /// Numbers whose results are no longer taken: they were failed and are run anew.
    pub(crate) void: IntervalSet,
    /// Numbers that the loss of the worker was held against.
    pub(crate) blamed: IntervalSet,
    /// Those of them that are known to have run: an attempt of theirs.
    pub(crate) tried: IntervalSet,
    /// Its worker has begun it, as far as heartbeats and reports show.
    pub(crate) begun: bool,
    /// Numbers that ran at the last heartbeat.
    pub(crate) running: IntervalSet,
    /// Mean predicted seconds of a trial.
    pub(crate) per_trial: f64,
    pub(crate) granted_at: Now,
    /// It expires with the first heartbeat from then on that does not name it.
    pub(crate) deadline: Now,
    /// When it becomes a straggler; none while it has a copy or is one.
    pub(crate) ripe: Option<Now>,
    /// Its copy, or the lease that it is a copy of.
    pub(crate) twin: Option<crate::LeaseId>,
    /// In a small lease because a worker died.
    pub(crate) suspect: bool,
    /// Alone in its worker's hands.
    pub(crate) isolated: bool,
    pub(crate) speculative: bool,
    /// A worker brought it along: what was granted is known only as far as the worker reported.
    pub(crate) adopted: bool,
    /// When it is forgotten, if it is late.
    pub(crate) forget_at: Option<Now>,
}

impl Lease {
    pub(crate) fn new(worker: WorkerId, sweep: SweepKey, granted: IntervalSet, now: Now) -> Lease {
        Lease {
            worker,
            sweep,
            granted,
            remaining: IntervalSet::new(),
            shed: IntervalSet::new(),
            void: IntervalSet::new(),
            blamed: IntervalSet::new(),
            tried: IntervalSet::new(),
            begun: false,
            running: IntervalSet::new(),
            per_trial: 0.0,
            granted_at: now,
            deadline: now,
            ripe: None,
            twin: None,
            suspect: false,
            isolated: false,
            speculative: false,
            adopted: false,
            forget_at: None,
        }
    }

    pub(crate) fn live(&self) -> bool {
        !self.remaining.is_empty()
    }

    /// Predicted seconds of what remains.
    pub(crate) fn seconds(&self) -> f64 {
        self.per_trial * self.remaining.len() as f64
    }

    /// Trials that ran at the last heartbeat and have not been reported since.
    pub(crate) fn started(&self) -> IntervalSet {
        self.running.intersection(&self.remaining)
    }

    /// What remains and was not running at the last heartbeat.
    pub(crate) fn unstarted(&self) -> IntervalSet {
        let mut unstarted = self.remaining.clone();
        unstarted.subtract(&self.running);
        unstarted
    }

    /// Whether a result of it could still be new.
    pub(crate) fn owes(&self, closed: &IntervalSet) -> bool {
        self.granted.runs().any(|run| {
            sets::gaps(closed, run)
                .any(|gap| self.void.intersect_range(gap.clone()).len() < gap.end - gap.start)
        })
    }
}
