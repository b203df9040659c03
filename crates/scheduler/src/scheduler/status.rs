//! The state of sweeps, workers and leases at any moment: for `status`, `watch`, `workers` and metrics.

use std::time::Duration;

use sweep::IntervalSet;

use super::Scheduler;
use crate::ahead::Waiting;
use crate::life::SweepState;
use crate::sweeps::Sweep;
use crate::{LeaseId, Now, SweepKey, WorkerId};

/// A sweep at one moment. `trials = done + leased + pending`.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepStatus {
    pub sweep: SweepKey,
    pub state: SweepState,
    pub priority: i32,
    /// Kept numbers.
    pub trials: u64,
    /// Those with a row, failed ones included.
    pub done: u64,
    pub failed: u64,
    /// In workers' hands.
    pub leased: u64,
    pub pending: u64,
    /// Predicted seconds, one core, of what is in workers' hands.
    pub leased_seconds: f64,
    /// Pending ones that were in a lease whose worker died.
    pub suspected: u64,
    /// Live leases, copies included.
    pub leases: usize,
    /// Age of the oldest live lease.
    pub oldest_lease: Option<Duration>,
    /// Predicted seconds, one core, of the trials accepted since the sweep was added.
    pub seconds_done: f64,
    /// Why nobody gets what is pending.
    pub waiting: Option<Waiting>,
}

/// A worker at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerStatus {
    pub worker: WorkerId,
    pub name: String,
    pub threads: u32,
    /// Its stream is open.
    pub connected: bool,
    /// It was given up, and may come back.
    pub lost: bool,
    pub draining: bool,
    /// Set aside to run trials alone.
    pub isolated: bool,
    /// Live leases.
    pub leases: usize,
    /// Trials in its hands.
    pub held: u64,
    /// Trials of it that were accepted.
    pub trials: u64,
    /// Predicted seconds that one of its threads does in a second; `None` before its first report.
    pub speed: Option<f64>,
    /// How long it has had nothing in hand.
    pub idle: Option<Duration>,
    /// How long it was not heard of.
    pub silent: Duration,
    /// End of its time.
    pub deadline: Option<Now>,
}

/// A live lease at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct LeaseStatus {
    pub lease: LeaseId,
    pub worker: WorkerId,
    pub sweep: SweepKey,
    pub granted: u64,
    pub remaining: u64,
    pub age: Duration,
    pub isolated: bool,
    pub speculative: bool,
}

/// Trial numbers of a sweep by where they stand; what is in none is pending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// With a row, and numbers that are not kept as far as they were met.
    pub closed: IntervalSet,
    /// Those of them whose row says failed.
    pub failed: IntervalSet,
    /// In workers' hands.
    pub leased: IntervalSet,
}

impl Scheduler {
    /// Where the numbers of a sweep stand. Costs a copy of the intervals.
    pub fn numbers(&self, sweep: SweepKey) -> Option<Numbers> {
        let pool = &self.sweeps.get(&sweep)?.pool;
        Some(Numbers {
            closed: pool.closed.clone(),
            failed: pool.failed.clone(),
            leased: pool.owners.runs().map(|(run, _)| run).collect(),
        })
    }

    pub fn sweep_status(&self, sweep: SweepKey) -> Option<SweepStatus> {
        let entry = self.sweeps.get(&sweep)?;
        let leases = entry.leases.iter().filter_map(|id| self.leases.get(id));
        let mut live: Vec<Now> = Vec::new();
        let mut leased_seconds = 0.0;
        for lease in leases.filter(|lease| lease.live()) {
            live.push(lease.granted_at);
            leased_seconds += lease.seconds();
        }
        let pending = entry.pool.pending(&*entry.work);
        Some(SweepStatus {
            waiting: self.waiting(entry, live.len(), pending),
            sweep,
            state: entry.state,
            priority: entry.priority,
            trials: entry.work.count(),
            done: entry.pool.done,
            failed: entry.pool.failed.len(),
            leased: entry.pool.owners.len(),
            pending,
            leased_seconds,
            suspected: entry.pool.doubtful.len() + entry.pool.last_chance.len(),
            leases: live.len(),
            oldest_lease: live.iter().min().map(|at| self.now.saturating_sub(*at)),
            seconds_done: entry.seconds_done,
        })
    }

    /// Sweeps of which workers hold something.
    pub fn sweeps_at_work(&self) -> usize {
        let held = |sweep: &&Sweep| !sweep.pool.owners.is_empty();
        self.sweeps.values().filter(held).count()
    }

    /// Every sweep, by key.
    pub fn sweeps(&self) -> impl Iterator<Item = SweepStatus> {
        self.sweeps
            .keys()
            .filter_map(move |key| self.sweep_status(*key))
    }

    pub fn worker_status(&self, worker: WorkerId) -> Option<WorkerStatus> {
        let entry = self.workers.get(&worker)?;
        Some(WorkerStatus {
            worker,
            name: entry.name.clone(),
            threads: entry.threads,
            connected: entry.connected,
            lost: entry.lost,
            draining: entry.draining,
            isolated: self.isolating.contains(&worker),
            leases: entry.leases.len(),
            held: self.holding(entry).trials,
            trials: entry.trials,
            speed: entry.speed.ratio(),
            idle: entry.idle_since.map(|since| self.now.saturating_sub(since)),
            silent: self.now.saturating_sub(entry.last_seen),
            deadline: entry.deadline,
        })
    }

    /// Every worker that is not forgotten, by name.
    pub fn workers(&self) -> impl Iterator<Item = WorkerStatus> {
        self.workers
            .keys()
            .filter_map(move |id| self.worker_status(*id))
    }

    /// Every live lease, oldest first.
    pub fn leases(&self) -> impl Iterator<Item = LeaseStatus> {
        let live = self.leases.iter().filter(|(_, lease)| lease.live());
        live.map(move |(id, lease)| LeaseStatus {
            lease: *id,
            worker: lease.worker,
            sweep: lease.sweep,
            granted: lease.granted.len(),
            remaining: lease.remaining.len(),
            age: self.now.saturating_sub(lease.granted_at),
            isolated: lease.isolated,
            speculative: lease.speculative,
        })
    }

    /// Whether the worker has this trial of this sweep in hand under this lease.
    pub fn holds(&self, worker: WorkerId, lease: LeaseId, sweep: SweepKey, number: u64) -> bool {
        self.leases.get(&lease).is_some_and(|lease| {
            lease.live()
                && (lease.worker, lease.sweep) == (worker, sweep)
                && lease.remaining.contains(number)
        })
    }

    /// The sweep that a worker's lease is of.
    pub fn sweep_of(&self, worker: WorkerId, lease: LeaseId) -> Option<SweepKey> {
        let lease = self.leases.get(&lease)?;
        (lease.live() && lease.worker == worker).then_some(lease.sweep)
    }
}
