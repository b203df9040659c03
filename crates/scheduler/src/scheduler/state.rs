//! The state, the order of work within an event, and time. What each event does is in the files beside this.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use crate::config::LATE_WAKEUP;
use crate::lease::Lease;
use crate::speed::Speed;
use crate::sweeps::{Ready, Sweep};
use crate::workers::{Quarantine, Worker};
use crate::{Action, Config, Ended, Event, LeaseId, Now, SweepKey, SweepState, WorkerId};

/// Decides who runs which trials. It takes the time and what happened, and answers what to do.
///
/// An event costs the logarithm of what is held, times what it changes; done trials and other workers do not slow it.
#[derive(Debug)]
pub struct Scheduler {
    pub(super) config: Config,
    pub(super) now: Now,
    pub(super) sweeps: BTreeMap<SweepKey, Sweep>,
    pub(super) workers: BTreeMap<WorkerId, Worker>,
    pub(super) leases: BTreeMap<LeaseId, Lease>,
    /// Leases granted in this generation.
    pub(super) granted: u64,
    /// Sweeps with work, first the one to serve next.
    pub(super) ready: BTreeSet<Ready>,
    /// Workers that would take more, when last looked at.
    pub(super) seeking: BTreeSet<WorkerId>,
    /// Workers that would take more, but not of what there is.
    pub(super) unmatched: BTreeSet<WorkerId>,
    /// Workers set aside for trials with their last chance.
    pub(super) isolating: BTreeSet<WorkerId>,
    /// When each worker that has trials to spare should have worked off what it holds.
    pub(super) load: BTreeSet<(Now, WorkerId)>,
    /// When each lease without a copy becomes a straggler.
    pub(super) ripe: BTreeSet<(Now, LeaseId)>,
    /// When each worker is lost or forgotten.
    pub(super) timers: BTreeSet<(Now, WorkerId)>,
    /// When each late lease is forgotten.
    pub(super) late: BTreeSet<(Now, LeaseId)>,
    /// Sweeps that a worker said it cannot run.
    pub(super) quarantines: BTreeMap<(WorkerId, SweepKey), Quarantine>,
    /// When each rest that has not ended yet ends.
    pub(super) quarantine_ends: BTreeSet<(Now, WorkerId, SweepKey)>,
    /// How fast predicted work goes on the workers together.
    pub(super) fleet: Speed,
    /// Workers that may be given leases.
    pub(super) available: u64,
    /// Those of them that have done a trial.
    pub(super) proven: u64,

    /// No worker is lost before, since this scheduler was woken late.
    hold_until: Now,
    /// It has been woken late and waits until then; it is not excused twice in a row.
    excused: bool,

    // What the event at hand has changed.
    pub(super) touched: BTreeSet<WorkerId>,
    pub(super) dirty: BTreeSet<SweepKey>,
    /// Work came back or in that others may want.
    pub(super) grown: bool,
    /// It gave work back and shall not get it at once again.
    pub(super) passed_over: Option<WorkerId>,
}

impl Scheduler {
    pub fn new(config: Config) -> Scheduler {
        Scheduler {
            config,
            now: Now::ZERO,
            sweeps: BTreeMap::new(),
            workers: BTreeMap::new(),
            leases: BTreeMap::new(),
            granted: 0,
            ready: BTreeSet::new(),
            seeking: BTreeSet::new(),
            unmatched: BTreeSet::new(),
            isolating: BTreeSet::new(),
            load: BTreeSet::new(),
            ripe: BTreeSet::new(),
            timers: BTreeSet::new(),
            late: BTreeSet::new(),
            quarantines: BTreeMap::new(),
            quarantine_ends: BTreeSet::new(),
            fleet: Speed::default(),
            available: 0,
            proven: 0,
            hold_until: Now::ZERO,
            excused: false,
            touched: BTreeSet::new(),
            dirty: BTreeSet::new(),
            grown: false,
            passed_over: None,
        }
    }

    /// Takes in an event at time `now` and returns what follows from it, in order.
    ///
    /// # Panics
    /// In debug builds, if [`Scheduler::check`] finds that the state contradicts itself.
    pub fn handle(&mut self, now: Now, event: Event) -> Vec<Action> {
        let mut out = Vec::new();
        self.advance(now, event.sign_of_life(), &mut out);
        self.dispatch(event, &mut out);
        self.conclude(&mut out);
        #[cfg(debug_assertions)]
        if let Err(error) = self.check() {
            panic!("after an event at {now:?}: {error}");
        }
        out
    }

    /// When [`Event::Tick`] is due if nothing else happens first.
    pub fn next_wakeup(&self) -> Option<Now> {
        let loss = self.timers.first().map(|&(at, _)| at.max(self.hold_until));
        let late = self.late.first().map(|&(at, _)| at);
        let ripe = self
            .ripe
            .first()
            .filter(|_| !self.seeking.is_empty())
            .map(|&(at, _)| at);
        let quarantine_ends = self.quarantine_ends.first().map(|&(at, _, _)| at);
        [loss, late, ripe, quarantine_ends]
            .into_iter()
            .flatten()
            .min()
    }

    /// Lets time pass: who is lost, what is forgotten.
    fn advance(&mut self, now: Now, alive: Option<WorkerId>, out: &mut Vec<Action>) {
        self.now = self.now.max(now);
        let due = self.timers.first().map(|&(at, _)| at.max(self.hold_until));
        if let Some(worker) = alive {
            self.touch(worker);
        }
        if !self.excused && due.is_some_and(|due| self.now > due + LATE_WAKEUP) {
            // The coordinator stood still (a slow disk, a stopped process): the heartbeats of that time are in the queue
            // behind this event, and must be heard before anybody is given up.
            self.hold_until = self.now + self.config.heartbeat_timeout / 2;
            self.excused = true;
        }
        if self.now >= self.hold_until {
            self.excused = false;
            while let Some(&(at, worker)) = self.timers.first()
                && at <= self.now
            {
                self.expire(worker, out);
            }
        }
        while let Some(&(at, lease)) = self.late.first()
            && at <= self.now
        {
            self.forget_lease(lease);
        }
        while let Some(&due) = self.quarantine_ends.first()
            && due.0 <= self.now
        {
            self.quarantine_ends.remove(&due);
            self.touched.insert(due.1);
        }
    }

    /// A worker's timer is due.
    fn expire(&mut self, worker: WorkerId, out: &mut Vec<Action>) {
        let Some(entry) = self.workers.get(&worker) else {
            return;
        };
        let nothing_owed = entry.leases.is_empty() && entry.late.is_empty();
        if entry.lost || (!entry.connected && nothing_owed) {
            self.end_reprieve(worker, out);
            self.forget_worker(worker);
        } else {
            self.lose(worker, out);
        }
    }

    fn dispatch(&mut self, event: Event, out: &mut Vec<Action>) {
        match event {
            Event::AddSweep { .. }
            | Event::GrowSweep { .. }
            | Event::RemoveSweep { .. }
            | Event::Pause { .. }
            | Event::Resume { .. }
            | Event::Cancel { .. }
            | Event::Retry { .. }
            | Event::SetPriority { .. } => self.administer(event, out),
            Event::Join {
                worker,
                threads,
                name,
                deadline,
                memory,
                held,
            } => {
                if self.may_join(worker, &held, out) {
                    self.join(
                        worker,
                        Worker::new(name, threads, deadline, memory, self.now),
                    );
                    self.reconcile(worker, held, out);
                }
            }
            Event::Leave { worker } => self.leave(worker),
            Event::Goodbye { worker } => self.goodbye(worker),
            Event::Heartbeat { worker, leases } => self.heartbeat(worker, leases, out),
            Event::Heard { worker } => self.heard(worker),
            Event::Drain { worker } => self.drain(worker, out),
            Event::GiveBack {
                worker,
                lease,
                numbers,
                unfit,
            } => self.give_back(worker, lease, &numbers, unfit),
            Event::Report(report) => self.report(report, out),
            Event::Tick => {}
        }
    }

    /// What follows from the changes of an event: sweeps end, workers get leases.
    fn conclude(&mut self, out: &mut Vec<Action>) {
        for sweep in mem::take(&mut self.dirty) {
            self.refresh(sweep);
            self.end_if_done(sweep, out);
        }
        if mem::take(&mut self.grown) {
            self.seeking.append(&mut self.unmatched);
        }
        self.release_reserved();
        let touched = mem::take(&mut self.touched);
        for &worker in &touched {
            self.note_demand(worker);
        }
        self.serve(out);
        for &worker in &touched {
            while self.speculate(worker, out) {}
            self.settle_demand(worker);
            self.update_load(worker);
        }
        self.help_ripe(out);
        self.passed_over = None;
    }

    /// Idle workers take over what has become a straggler. Each is asked once between two heartbeats of it.
    fn help_ripe(&mut self, out: &mut Vec<Action>) {
        while let Some(&(at, _)) = self.ripe.first()
            && at <= self.now
            && let Some(worker) = self.seeking.pop_first()
        {
            while self.speculate(worker, out) {}
            if self.wants(worker) {
                self.unmatched.insert(worker);
            }
        }
    }

    /// Puts a sweep where it belongs among the sweeps with work.
    pub(super) fn refresh(&mut self, key: SweepKey) {
        let Some(sweep) = self.sweeps.get_mut(&key) else {
            return;
        };
        let was = sweep.ready.take();
        if let Some(ready) = was {
            self.ready.remove(&ready);
        }
        if !sweep.has_work() {
            return;
        }
        let priority = std::cmp::Reverse(sweep.priority);
        if was.is_none() {
            // Who comes late, or had nothing to run for a while, is not owed what the others got in the meantime.
            let first = self
                .ready
                .iter()
                .find(|ready| ready.priority == priority)
                .map_or(0, |ready| ready.served);
            sweep.served = sweep.served.max(first);
        }
        let ready = Ready {
            priority,
            served: sweep.served,
            sweep: key,
        };
        sweep.ready = Some(ready);
        self.ready.insert(ready);
    }

    fn end_if_done(&mut self, key: SweepKey, out: &mut Vec<Action>) {
        let Some(sweep) = self.sweeps.get_mut(&key) else {
            return;
        };
        if sweep.accepts() && sweep.pool.exhausted(&*sweep.work) {
            sweep.state = SweepState::Finished;
            self.forget_leases_of(key);
            self.refresh(key);
            out.push(Action::Finished {
                sweep: key,
                ended: Ended::Complete,
            });
        }
    }

    pub(super) fn set_timer(&mut self, id: WorkerId, at: Option<Now>) {
        if let Some(worker) = self.workers.get_mut(&id) {
            if let Some(old) = worker.timer.take() {
                self.timers.remove(&(old, id));
            }
            if let Some(at) = at {
                self.timers.insert((at, id));
            }
            worker.timer = at;
        }
    }

    pub(super) fn set_ripe(&mut self, id: LeaseId, at: Option<Now>) {
        if let Some(lease) = self.leases.get_mut(&id) {
            if let Some(old) = lease.ripe.take() {
                self.ripe.remove(&(old, id));
            }
            if let Some(at) = at {
                self.ripe.insert((at, id));
            }
            lease.ripe = at;
        }
    }

    /// Counts a worker anew after anything that makes it available, proven, or not.
    pub(super) fn recount(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(&id) else {
            return;
        };
        let now = (worker.available(), worker.proven());
        let was = mem::replace(&mut worker.counted, now);
        self.available = self.available + u64::from(now.0) - u64::from(was.0);
        self.proven = self.proven + u64::from(now.1) - u64::from(was.1);
    }
}
