//! How numbers leave leases: reported, taken away, given back, forgotten. Nothing here decides that they should.

use std::collections::BTreeMap;
use std::ops::Range;

use sweep::IntervalSet;

use super::Scheduler;
use crate::config::SPECULATE_AFTER;
use crate::{Action, LeaseId, MAX_LATE_LEASES, Running, SweepKey, WorkerId, sets};

impl Scheduler {
    /// Numbers were closed that leases held: those leases are done with them. Workers other than the `reporter`'s hear it.
    pub(super) fn book(
        &mut self,
        held: Vec<(Range<u64>, LeaseId)>,
        reporter: Option<LeaseId>,
        out: &mut Vec<Action>,
    ) {
        let mut by_lease: BTreeMap<LeaseId, IntervalSet> = BTreeMap::new();
        for (range, owner) in held {
            let twin = self.leases.get(&owner).and_then(|lease| lease.twin);
            for id in [Some(owner), twin].into_iter().flatten() {
                by_lease.entry(id).or_default().insert(range.clone());
            }
        }
        for (id, numbers) in by_lease {
            let Some(lease) = self.leases.get_mut(&id) else {
                continue;
            };
            let part = lease.remaining.intersection(&numbers);
            if part.is_empty() {
                continue;
            }
            lease.remaining.subtract(&part);
            let (worker, done) = (lease.worker, !lease.live());
            if reporter != Some(id) {
                self.revoke(id, &part, Running::Stop, out);
            }
            self.touched.insert(worker);
            if done {
                self.retire(id);
            }
        }
    }

    /// Revokes numbers of a lease, if a message can reach its worker.
    pub(super) fn revoke(
        &self,
        id: LeaseId,
        numbers: &IntervalSet,
        running: Running,
        out: &mut Vec<Action>,
    ) {
        let Some(lease) = self.leases.get(&id) else {
            return;
        };
        let reachable = self
            .workers
            .get(&lease.worker)
            .is_some_and(|worker| worker.reachable());
        if reachable && !numbers.is_empty() {
            out.push(Action::Revoke {
                worker: lease.worker,
                lease: id,
                ranges: sets::ranges(numbers),
                running,
            });
        }
    }

    /// Takes `numbers` out of a live lease. Returns those that nobody holds now; the others its twin holds.
    pub(super) fn take_out(&mut self, id: LeaseId, numbers: &IntervalSet) -> IntervalSet {
        let mut freed = IntervalSet::new();
        let Some(lease) = self.leases.get_mut(&id) else {
            return freed;
        };
        let part = lease.remaining.intersection(numbers);
        lease.remaining.subtract(&part);
        let (sweep, twin) = (lease.sweep, lease.twin);
        let twin = twin.and_then(|twin| Some((twin, self.leases.get(&twin)?)));
        let Some(entry) = self.sweeps.get_mut(&sweep) else {
            return freed;
        };
        for run in part.runs() {
            for (piece, owner) in entry.pool.owners.pieces(run) {
                if owner != id {
                    continue;
                }
                entry.pool.owners.remove(piece.clone());
                let shared = match twin {
                    Some((_, twin)) => twin.remaining.intersect_range(piece.clone()),
                    None => IntervalSet::new(),
                };
                if let Some((twin, _)) = twin {
                    for range in shared.runs() {
                        entry.pool.owners.insert(range, twin);
                    }
                }
                for gap in sets::gaps(&shared, piece) {
                    freed.insert(gap);
                }
            }
        }
        self.dirty.insert(sweep);
        freed
    }

    /// Takes numbers from a lease and puts them back to be run, with nothing held against them. The worker may still
    /// report them.
    pub(super) fn take_back(&mut self, id: LeaseId, numbers: &IntervalSet) {
        let Some(lease) = self.leases.get_mut(&id) else {
            return;
        };
        let part = lease.remaining.intersection(numbers);
        if part.is_empty() {
            return;
        }
        lease.shed.union(&part);
        let (worker, sweep) = (lease.worker, lease.sweep);
        let freed = self.take_out(id, &part);
        if let Some(entry) = self.sweeps.get_mut(&sweep) {
            entry.pool.put_back(&freed, freed.len());
        }
        self.grown = true;
        self.touched.insert(worker);
        if !self.live(id) {
            self.retire(id);
        }
    }

    pub(super) fn live(&self, id: LeaseId) -> bool {
        self.leases.get(&id).is_some_and(|lease| lease.live())
    }

    /// A lease has nothing left to bring. It is kept as a late one while its worker may still have something new.
    pub(super) fn retire(&mut self, id: LeaseId) {
        self.set_ripe(id, None);
        let Some(lease) = self.leases.get_mut(&id) else {
            return;
        };
        let (worker, sweep, isolated) = (lease.worker, lease.sweep, lease.isolated);
        lease.running = IntervalSet::new();
        if let Some(twin) = lease.twin.take() {
            self.untwin(twin);
        }
        if isolated {
            self.isolating.remove(&worker);
        }
        if let Some(entry) = self.workers.get_mut(&worker) {
            entry.leases.remove(&id);
            if entry.leases.is_empty() && entry.idle_since.is_none() {
                entry.idle_since = Some(self.now);
            }
        }
        self.update_load(worker);
        let owes = match (self.leases.get(&id), self.sweeps.get(&sweep)) {
            (Some(lease), Some(sweep)) => sweep.accepts() && lease.owes(&sweep.pool.closed),
            _ => false,
        };
        if owes {
            self.keep_late(id);
        } else {
            self.forget_lease(id);
        }
    }

    /// A lease's twin is no more: it may get another once it has had more time.
    fn untwin(&mut self, id: LeaseId) {
        let later = self.now + SPECULATE_AFTER;
        let Some(lease) = self.leases.get_mut(&id) else {
            return;
        };
        lease.twin = None;
        if lease.live() {
            self.set_ripe(id, Some(later));
        }
    }

    /// Keeps a lease as late.
    pub(super) fn keep_late(&mut self, id: LeaseId) {
        let at = self.now + self.config.late_window;
        let Some(lease) = self.leases.get_mut(&id) else {
            return;
        };
        lease.forget_at = Some(at);
        if let Some(worker) = self.workers.get_mut(&lease.worker) {
            worker.late.insert(id);
        }
        self.late.insert((at, id));
        while self.late.len() > MAX_LATE_LEASES
            && let Some(&(_, oldest)) = self.late.first()
        {
            self.forget_lease(oldest);
        }
    }

    /// Forgets a lease that is not live.
    pub(super) fn forget_lease(&mut self, id: LeaseId) {
        let Some(lease) = self.leases.remove(&id) else {
            return;
        };
        debug_assert!(!lease.live(), "a live lease is forgotten");
        if let Some(at) = lease.forget_at {
            self.late.remove(&(at, id));
        }
        if let Some(worker) = self.workers.get_mut(&lease.worker) {
            worker.late.remove(&id);
        }
        if let Some(sweep) = self.sweeps.get_mut(&lease.sweep) {
            sweep.leases.remove(&id);
        }
    }

    /// Forgets the late leases of a sweep that ended.
    pub(super) fn forget_leases_of(&mut self, sweep: SweepKey) {
        for id in self.leases_of(sweep) {
            if !self.live(id) {
                self.forget_lease(id);
            }
        }
    }

    pub(super) fn leases_of(&self, sweep: SweepKey) -> Vec<LeaseId> {
        self.sweeps
            .get(&sweep)
            .map(|sweep| sweep.leases.iter().copied().collect())
            .unwrap_or_default()
    }

    pub(super) fn live_leases(&self, worker: WorkerId) -> Vec<LeaseId> {
        self.workers
            .get(&worker)
            .map(|worker| worker.leases.iter().copied().collect())
            .unwrap_or_default()
    }

    /// Takes everything from a worker, without holding it against the trials, and forgets the worker.
    pub(super) fn dismiss(&mut self, worker: WorkerId) {
        for id in self.live_leases(worker) {
            let Some(lease) = self.leases.get(&id) else {
                continue;
            };
            let remaining = lease.remaining.clone();
            self.take_back(id, &remaining);
        }
        self.forget_worker(worker);
    }

    /// Forgets a worker that holds nothing.
    pub(super) fn forget_worker(&mut self, id: WorkerId) {
        let late: Vec<LeaseId> = match self.workers.get_mut(&id) {
            Some(worker) => {
                // Nothing of it counts any more.
                worker.connected = false;
                worker.late.iter().copied().collect()
            }
            None => return,
        };
        for lease in late {
            self.forget_lease(lease);
        }
        self.withdraw(id);
        self.set_timer(id, None);
        self.end_quarantines(|worker, _| worker == id);
        self.workers.remove(&id);
    }

    /// Takes a worker that is not available out of all lists of those that are.
    pub(super) fn withdraw(&mut self, id: WorkerId) {
        self.recount(id);
        self.seeking.remove(&id);
        self.unmatched.remove(&id);
        if !self.holds_isolated(id) {
            self.isolating.remove(&id);
        }
        self.update_load(id);
    }
}
