//! The event loop's state for requests that only read: they come as functions over this.

use std::collections::BTreeMap;

use scheduler::{Scheduler, SweepKey, WorkerId};

use super::dormant::DormantSweep;
use super::open_sweep::OpenSweep;
use super::worker_state::WorkerState;
use crate::config::Config;
use crate::load::{PilotLimits, Pilots};
use crate::metrics::Counters;

/// Everything that can be shown, at one moment.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) config: &'a Config,
    pub(crate) scheduler: &'a Scheduler,
    pub(crate) sweeps: &'a BTreeMap<SweepKey, OpenSweep>,
    pub(crate) names: &'a BTreeMap<String, SweepKey>,
    pub(crate) dormant: &'a BTreeMap<String, DormantSweep>,
    pub(crate) workers: &'a BTreeMap<WorkerId, WorkerState>,
    pub(crate) metrics: &'a Counters,
    /// What the batch system reports of workers that were asked for.
    pub(crate) pilots: Option<&'a Pilots>,
    /// The most time and memory that any worker came with; none in it where one did not say.
    pub(crate) widest_limits: PilotLimits,
}

impl View<'_> {
    /// An open sweep by its name.
    pub(crate) fn named(&self, name: &str) -> Option<(SweepKey, &OpenSweep)> {
        let key = *self.names.get(name)?;
        Some((key, self.sweeps.get(&key)?))
    }
}
