//! One sweep as the scheduler sees it, and its place in the order of sweeps.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::ahead::Misfit;
use crate::life::SweepState;
use crate::pool::Pool;
use crate::{LeaseId, SweepKey, Work};

#[derive(Debug)]
pub(crate) struct Sweep {
    pub(crate) work: Arc<dyn Work + Send + Sync>,
    pub(crate) pool: Pool,
    pub(crate) state: SweepState,
    pub(crate) priority: i32,
    /// Nanoseconds of threads granted so far, or counted as granted when it entered late: the least goes first.
    pub(crate) served: u64,
    /// Its entry among the sweeps with work, if it is there.
    pub(crate) ready: Option<Ready>,
    /// Its leases, live and late.
    pub(crate) leases: BTreeSet<LeaseId>,
    /// Predicted seconds of the trials accepted since it was added.
    pub(crate) seconds_done: f64,
    /// Since the last lease of it: a worker that could take none of what is pending, and why.
    pub(crate) misfit: Option<Misfit>,
}

/// A sweep with work, in the order in which workers look for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ready {
    pub(crate) priority: Reverse<i32>,
    pub(crate) served: u64,
    pub(crate) sweep: SweepKey,
}

impl Sweep {
    /// Whether results are taken.
    pub(crate) fn accepts(&self) -> bool {
        self.state.accepts()
    }

    /// Whether leases may be made of it.
    pub(crate) fn has_work(&self) -> bool {
        self.state.grants() && self.pool.has_work()
    }
}
