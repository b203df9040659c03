//! Workers that come, come back, give signs of life, drain and go. Those that vanish are in `loss.rs`.

use std::collections::BTreeMap;

use sweep::IntervalSet;

use super::Scheduler;
use crate::lease::Lease;
use crate::workers::Worker;
use crate::{
    Action, DropReason, Held, LeaseBeat, LeaseId, MAX_HELD_LEASES, MAX_HELD_TRIALS, MAX_LEASE_RUNS,
    MAX_LEASE_TRIALS, Running, WorkerId, sets, sizing,
};

impl Scheduler {
    /// A worker was heard of.
    pub(super) fn touch(&mut self, id: WorkerId) {
        let due = self.now + self.config.heartbeat_timeout;
        if let Some(worker) = self.workers.get_mut(&id)
            && worker.reachable()
        {
            worker.last_seen = self.now;
            self.set_timer(id, Some(due));
        }
    }

    /// Refuses a worker that brings more than it can have, or what is another's.
    pub(super) fn may_join(&mut self, id: WorkerId, held: &[Held], out: &mut Vec<Action>) -> bool {
        let trials = held
            .iter()
            .fold(0u64, |sum, held| sum.saturating_add(held.numbers.len()));
        let runs: usize = held.iter().map(|held| held.numbers.run_count()).sum();
        let foreign = held.iter().map(|held| held.lease).find(|lease| {
            self.leases
                .get(lease)
                .is_some_and(|known| known.worker != id)
        });
        let reason = if held.len() > MAX_HELD_LEASES
            || trials > MAX_HELD_TRIALS
            || runs > 16 * MAX_LEASE_RUNS
        {
            DropReason::TooMuchHeld
        } else if let Some(lease) = foreign {
            DropReason::ForeignLease { lease }
        } else {
            return true;
        };
        self.expel(id, reason, out);
        false
    }

    /// A stream of a worker is open.
    pub(super) fn join(&mut self, id: WorkerId, new: Worker) {
        let mut returns = false;
        match self.workers.get_mut(&id) {
            Some(worker) => {
                returns = worker.lost;
                worker.name = new.name;
                worker.threads = new.threads;
                worker.deadline = new.deadline;
                worker.memory = new.memory;
                worker.connected = true;
                worker.lost = false;
                worker.draining = false;
                self.end_quarantines(|worker, _| worker == id);
            }
            None => {
                self.workers.insert(id, new);
            }
        }
        self.touch(id);
        if returns {
            self.restore_worker(id);
        }
        self.recount(id);
        self.touched.insert(id);
    }

    /// Brings what the scheduler believes in line with what a joining worker says that it has.
    pub(super) fn reconcile(&mut self, worker: WorkerId, held: Vec<Held>, out: &mut Vec<Action>) {
        let mut by_lease: BTreeMap<LeaseId, Held> = BTreeMap::new();
        for held in held {
            match by_lease.get_mut(&held.lease) {
                Some(known) => known.numbers.union(&held.numbers),
                None => {
                    by_lease.insert(held.lease, held);
                }
            }
        }
        // What it never got, or has no more.
        for id in self.live_leases(worker) {
            let Some(lease) = self.leases.get(&id) else {
                continue;
            };
            let missing = match by_lease.get(&id) {
                Some(held) => sets::minus(&lease.remaining, &held.numbers),
                None => lease.remaining.clone(),
            };
            self.take_back(id, &missing);
        }
        for held in by_lease.into_values() {
            if self.leases.contains_key(&held.lease) {
                self.drop_closed(&held, out);
            } else {
                self.adopt(worker, held, out);
            }
        }
    }

    /// Lets a worker drop those of its numbers that are done.
    fn drop_closed(&self, held: &Held, out: &mut Vec<Action>) {
        let Some(lease) = self.leases.get(&held.lease) else {
            return;
        };
        if let Some(sweep) = self.sweeps.get(&lease.sweep) {
            let closed = held.numbers.intersection(&sweep.pool.closed);
            self.revoke(held.lease, &closed, Running::Stop, out);
        }
    }

    /// Takes over a lease that this scheduler does not know: one of an earlier coordinator, or one forgotten. The worker
    /// gets of it what is still to be run, and drops the rest; what others run meanwhile it may report too.
    fn adopt(&mut self, worker: WorkerId, held: Held, out: &mut Vec<Action>) {
        let id = held.lease;
        let ours = id.generation() == self.config.generation;
        let granted_before =
            id.generation() < self.config.generation || (ours && id.count() < self.granted);
        let (kept, wanted) = match self.sweeps.get(&held.sweep) {
            Some(sweep) if granted_before && sweep.accepts() => {
                let kept = sizing::kept(&*sweep.work, &held.numbers);
                let wanted = sets::minus(&kept, &sweep.pool.closed);
                (kept, sets::first(&wanted, MAX_LEASE_TRIALS))
            }
            _ => Default::default(),
        };
        let unwanted = sets::minus(&held.numbers, &wanted);
        if !unwanted.is_empty() {
            out.push(Action::Revoke {
                worker,
                lease: id,
                ranges: sets::ranges(&unwanted),
                running: Running::Stop,
            });
        }
        if wanted.is_empty() {
            return;
        }
        // All that it may report, done or not: results that it has may have been accepted before.
        let mut lease = Lease::new(worker, held.sweep, kept, self.now);
        lease.adopted = true;
        if let Some(sweep) = self.sweeps.get_mut(&held.sweep) {
            lease.per_trial = sizing::per_trial(sizing::cost(&*sweep.work, &wanted), &wanted);
            sweep.leases.insert(id);
        }
        self.leases.insert(id, lease);
        self.keep_late(id);
        self.reclaim(id, &wanted);
    }

    /// A late lease takes those of `numbers` that wait back into its hands.
    pub(super) fn reclaim(&mut self, id: LeaseId, numbers: &IntervalSet) {
        let Some(lease) = self.leases.get(&id) else {
            return;
        };
        if self.isolating.contains(&lease.worker) {
            // Nothing may be beside what it is set aside for.
            return;
        }
        let key = lease.sweep;
        let Some(sweep) = self.sweeps.get_mut(&key) else {
            return;
        };
        let claimed = sweep.pool.claim(numbers);
        if claimed.is_empty() {
            return;
        }
        let cost = sizing::cost(&*sweep.work, &claimed);
        self.own(id, &claimed);
        self.make_live(id, claimed, cost);
        self.dirty.insert(key);
    }

    /// A lost worker is back: it had not died. Its trials are not to blame, and those that still wait are its own again.
    pub(super) fn restore_worker(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get(&id) else {
            return;
        };
        let late: Vec<LeaseId> = worker.late.iter().copied().collect();
        for id in late {
            let Some(lease) = self.leases.get_mut(&id) else {
                continue;
            };
            let blamed = std::mem::take(&mut lease.blamed);
            let tried = std::mem::take(&mut lease.tried);
            lease.suspect = false;
            lease.isolated = false;
            let key = lease.sweep;
            let mut held = lease.granted.clone();
            held.subtract(&lease.shed);
            held.subtract(&lease.void);
            let Some(sweep) = self.sweeps.get_mut(&key) else {
                continue;
            };
            let blamed = sets::minus(&blamed, &sweep.pool.closed);
            let tried = sets::minus(&tried, &sweep.pool.closed);
            sweep.pool.forgive(&blamed, &tried);
            if sweep.accepts() {
                self.reclaim(id, &held);
            }
            self.dirty.insert(key);
            self.grown = true;
        }
    }

    /// A worker's stream is gone. It has until the timeout to come back.
    pub(super) fn leave(&mut self, id: WorkerId) {
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.connected = false;
            self.withdraw(id);
        }
    }

    /// A worker has ended in good order.
    pub(super) fn goodbye(&mut self, id: WorkerId) {
        self.dismiss(id);
    }

    /// Sends a worker away.
    pub(super) fn expel(&mut self, worker: WorkerId, reason: DropReason, out: &mut Vec<Action>) {
        self.dismiss(worker);
        out.push(Action::DropWorker { worker, reason });
    }

    pub(super) fn heartbeat(&mut self, id: WorkerId, beats: Vec<LeaseBeat>, out: &mut Vec<Action>) {
        let Some(worker) = self.workers.get(&id) else {
            self.expel(id, DropReason::Unknown, out);
            return;
        };
        if !worker.connected {
            // Of a stream that is gone: no sign that the worker lives.
            return;
        }
        self.revive(id);
        let due = self.now + self.config.heartbeat_timeout;
        for beat in beats.into_iter().take(MAX_HELD_LEASES) {
            let Some(lease) = self.leases.get_mut(&beat.lease) else {
                continue;
            };
            if lease.worker != id {
                let reason = DropReason::ForeignLease { lease: beat.lease };
                self.expel(id, reason, out);
                return;
            }
            if lease.live() {
                lease.deadline = due;
                lease.running = beat
                    .running
                    .iter()
                    .take(MAX_LEASE_RUNS)
                    .filter(|&&n| lease.remaining.contains(n))
                    .map(|&n| n..n + 1)
                    .collect();
                lease.begun |= beat.begun || !lease.running.is_empty();
            }
        }
        for lease in self.live_leases(id) {
            self.expire_lease(lease, out);
        }
        self.touched.insert(id);
    }

    /// Something of a worker came on its stream that says no more than that it lives. Its leases are named by the
    /// heartbeat that follows, and none expires before that.
    pub(super) fn heard(&mut self, id: WorkerId) {
        let connected = |worker: &Worker| worker.connected;
        if self.workers.get(&id).is_some_and(connected) {
            self.revive(id);
            self.touched.insert(id);
        }
    }

    /// A worker that was given up is heard of on its stream.
    pub(super) fn revive(&mut self, id: WorkerId) {
        if let Some(worker) = self.workers.get_mut(&id)
            && worker.connected
            && worker.lost
        {
            worker.lost = false;
            self.touch(id);
            self.restore_worker(id);
            self.recount(id);
        }
    }

    /// A lease that its worker has not named for too long goes to others. Nothing is held against its trials, since the
    /// worker lives.
    fn expire_lease(&mut self, id: LeaseId, out: &mut Vec<Action>) {
        let Some(lease) = self.leases.get(&id) else {
            return;
        };
        if lease.deadline <= self.now {
            let remaining = lease.remaining.clone();
            self.revoke(id, &remaining, Running::Finish, out);
            self.take_back(id, &remaining);
        }
    }

    /// A worker takes no more: what it has not begun goes to others.
    pub(super) fn drain(&mut self, id: WorkerId, out: &mut Vec<Action>) {
        let Some(worker) = self.workers.get_mut(&id) else {
            self.expel(id, DropReason::Unknown, out);
            return;
        };
        worker.draining = true;
        self.withdraw(id);
        for lease in self.live_leases(id) {
            self.take_unstarted(lease, out);
        }
        self.touched.insert(id);
    }

    /// Takes from a lease what was not running at the last heartbeat, and lets what runs end.
    pub(super) fn take_unstarted(&mut self, id: LeaseId, out: &mut Vec<Action>) {
        let Some(lease) = self.leases.get(&id) else {
            return;
        };
        let unstarted = lease.unstarted();
        self.revoke(id, &unstarted, Running::Finish, out);
        self.take_back(id, &unstarted);
    }

    pub(super) fn give_back(
        &mut self,
        worker: WorkerId,
        lease: LeaseId,
        numbers: &IntervalSet,
        unfit: bool,
    ) {
        let its_own = |lease: &&Lease| lease.worker == worker;
        if let Some(sweep) = self.leases.get(&lease).filter(its_own).map(|it| it.sweep) {
            self.take_back(lease, numbers);
            self.passed_over = Some(worker);
            if unfit {
                self.quarantine(worker, sweep);
            }
        }
    }
}
