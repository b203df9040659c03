//! Who gets a lease, of which sweep, and how large. Nothing waits for a timer: every event that frees a worker or
//! brings work ends with the leases that follow from it.

use std::collections::BTreeSet;
use std::mem;
use std::ops::Bound;
use std::time::Duration;

use sweep::{CostLimits, IntervalSet};

use super::Scheduler;
use crate::config::{
    FIRST_LEASE_SHARE, GROUP_LOOKS, ISOLATE_SHARE, LEAST_LEASE, QUEUE_BELOW, SPECULATE_AFTER,
    SPECULATE_FACTOR, SUSPECT_LOOKS, WALLTIME_MARGIN, WALLTIME_SHARE,
};
use crate::lease::Lease;
use crate::pool::Pool;
use crate::sizing::{self, Budget, Cost, Cut, Found, Reach};
use crate::speed::duration;
use crate::sweeps::{Ready, Sweep};
use crate::workers::{Holding, Worker};
use crate::{Action, Grant, LeaseId, Misfit, Now, SweepKey, Work, WorkerId, sets};

/// A lease about to be granted.
pub(super) struct Offer {
    pub(super) worker: WorkerId,
    pub(super) sweep: SweepKey,
    pub(super) cut: Cut,
    pub(super) suspect: bool,
    pub(super) isolated: bool,
    /// The lease that it copies.
    pub(super) copy_of: Option<LeaseId>,
}

/// What asking a sweep for a lease led to.
enum Asked {
    Granted,
    /// The worker is set aside until its hands are empty.
    Reserved,
    Nothing,
}

impl Scheduler {
    /// Gives leases to workers that would take one, one each in turn, until there is no work or nobody takes more.
    pub(super) fn serve(&mut self, out: &mut Vec<Action>) {
        let mut again = BTreeSet::new();
        while !self.ready.is_empty() {
            let Some(worker) = self.seeking.pop_first() else {
                if again.is_empty() {
                    break;
                }
                mem::swap(&mut self.seeking, &mut again);
                continue;
            };
            if !self.wants(worker) {
                continue;
            }
            if self.passed_over != Some(worker) && self.grant_one(worker, out) {
                again.insert(worker);
            } else {
                self.unmatched.insert(worker);
            }
        }
        self.seeking.append(&mut again);
    }

    /// Puts a worker among those that seek a lease if it would take one.
    pub(super) fn note_demand(&mut self, id: WorkerId) {
        self.unmatched.remove(&id);
        if self.wants(id) {
            self.seeking.insert(id);
        } else {
            self.seeking.remove(&id);
        }
    }

    /// Takes a worker that has enough from those that seek a lease.
    pub(super) fn settle_demand(&mut self, id: WorkerId) {
        if !self.wants(id) {
            self.seeking.remove(&id);
            self.unmatched.remove(&id);
        }
    }

    /// Whether a worker would take a lease: a thread of it would idle, or its queue would run dry.
    pub(super) fn wants(&self, id: WorkerId) -> bool {
        let Some(worker) = self.workers.get(&id) else {
            return false;
        };
        if !worker.available() {
            return false;
        }
        if self.isolating.contains(&id) {
            return worker.leases.is_empty();
        }
        let holding = self.holding(worker);
        holding.trials < u64::from(worker.threads)
            || (worker.leases.len() < 2
                && holding.seconds < QUEUE_BELOW * self.lease_seconds(worker))
    }

    /// What a worker has in hand.
    pub(super) fn holding(&self, worker: &Worker) -> Holding {
        let mut holding = Holding::default();
        for lease in worker.leases.iter().filter_map(|id| self.leases.get(id)) {
            holding.trials += lease.remaining.len();
            holding.seconds += lease.seconds();
            holding.suspects |= lease.suspect;
        }
        holding
    }

    /// Threads of a worker that have nothing to do once it has what is on its way.
    pub(super) fn free_threads(&self, worker: &Worker) -> u64 {
        u64::from(worker.threads).saturating_sub(self.holding(worker).trials)
    }

    /// Predicted seconds that one thread of a worker does in a second.
    pub(super) fn ratio(&self, worker: &Worker) -> f64 {
        worker.speed.ratio().unwrap_or_else(|| self.fleet_ratio())
    }

    pub(super) fn fleet_ratio(&self) -> f64 {
        self.fleet.ratio().unwrap_or(1.0)
    }

    /// Predicted seconds that a worker does in a second.
    pub(super) fn power(&self, worker: &Worker) -> f64 {
        f64::from(worker.threads) * self.ratio(worker)
    }

    /// Predicted seconds of a full lease.
    pub(super) fn lease_seconds(&self, worker: &Worker) -> f64 {
        let share = if worker.speed.ratio().is_some() {
            1.0
        } else {
            FIRST_LEASE_SHARE
        };
        self.config.lease_target.as_secs_f64() * self.power(worker) * share
    }

    /// What a worker's time and memory leave.
    pub(super) fn reach(&self, worker: &Worker, holding: Holding) -> Reach {
        let left = worker
            .deadline
            .map(|deadline| deadline.saturating_sub(self.now));
        let busy = holding.seconds / self.power(worker);
        let limits = self.limits(left, busy, worker.memory, self.ratio(worker));
        Reach {
            limits,
            total: limits.seconds * f64::from(worker.threads),
        }
    }

    /// What a worker can take of one trial that does so many predicted seconds a second on a thread.
    pub(super) fn limits(
        &self,
        left: Option<Duration>,
        busy: f64,
        memory: Option<u64>,
        ratio: f64,
    ) -> CostLimits {
        let bytes = memory.map_or(f64::INFINITY, |bytes| bytes as f64);
        let Some(left) = left else {
            return CostLimits {
                bytes,
                ..CostLimits::NONE
            };
        };
        let left = left.saturating_sub(WALLTIME_MARGIN).as_secs_f64();
        let long = self
            .config
            .checkpoint_after
            .map(|long| long.as_secs_f64())
            .filter(|&long| left >= long)
            .map(|long| long * ratio);
        CostLimits {
            seconds: (WALLTIME_SHARE * left - busy).max(0.0) * ratio,
            long_seconds: long.unwrap_or(f64::INFINITY),
            bytes,
        }
    }

    fn budget(&self, id: SweepKey, worker: &Worker, holding: Holding, pending: u64) -> Budget {
        let tail = pending.div_ceil(2 * self.available.max(1)).max(1);
        let free = u64::from(worker.threads).saturating_sub(holding.trials);
        Budget {
            seconds: self.lease_seconds(worker),
            tail,
            least_seconds: LEAST_LEASE.as_secs_f64() * self.power(worker),
            floor: free.clamp(1, tail),
            reach: self.reach(worker, holding),
            from: worker
                .look_on
                .filter(|(sweep, _)| *sweep == id)
                .map_or(0, |(_, from)| from),
        }
    }

    /// Gives a worker one lease of the first sweep that has one for it.
    fn grant_one(&mut self, worker: WorkerId, out: &mut Vec<Action>) -> bool {
        let mut at: Option<Ready> = None;
        loop {
            let after = at.map_or(Bound::Unbounded, Bound::Excluded);
            let Some(&ready) = self.ready.range((after, Bound::Unbounded)).next() else {
                break;
            };
            match self.ask(worker, ready.sweep, out) {
                Asked::Granted => return true,
                Asked::Reserved => return false,
                Asked::Nothing => at = Some(ready),
            }
            self.refresh(ready.sweep);
        }
        // It was set aside with empty hands, and nothing was left that asks for that.
        if self.isolating.remove(&worker) {
            return self.grant_one(worker, out);
        }
        false
    }

    /// Asks one sweep for a lease for one worker.
    fn ask(&mut self, id: WorkerId, key: SweepKey, out: &mut Vec<Action>) -> Asked {
        if self.is_quarantined(id, key) {
            return Asked::Nothing;
        }
        let (Some(worker), Some(sweep)) = (self.workers.get(&id), self.sweeps.get(&key)) else {
            return Asked::Nothing;
        };
        let holding = self.holding(worker);
        let budget = self.budget(key, worker, holding, sweep.pool.pending(&*sweep.work));
        let reach = budget.reach;
        let free = self.free_threads(worker) > 0;
        let empty_handed = worker.leases.is_empty();
        let may_isolate = self.may_isolate(id, worker);
        let room_to_isolate = self.room_to_isolate();
        let offer = |cut, suspect, isolated| Offer {
            worker: id,
            sweep: key,
            cut,
            suspect,
            isolated,
            copy_of: None,
        };
        let Some(sweep) = self.sweeps.get_mut(&key) else {
            return Asked::Nothing;
        };
        let (pool, work) = (&mut sweep.pool, &*sweep.work);
        let chance = last_chance(pool, work, reach);
        if may_isolate && let Some(cut) = &chance {
            if !empty_handed {
                self.isolating.insert(id);
                return Asked::Reserved;
            }
            self.issue_alone(offer(cut.clone(), true, true), out);
            return Asked::Granted;
        }
        if self.isolating.contains(&id) {
            // Its hands stay empty while another sweep may need them so.
            return Asked::Nothing;
        }
        // One suspected lease in a worker's hands at a time: if it dies too, few are left to suspect.
        if !holding.suspects
            && let Some(cut) = take_group(pool, work, reach)
        {
            self.issue(offer(cut, true, false), out);
            return Asked::Granted;
        }
        let found = sizing::cut(pool, work, &budget);
        self.note_misfit(id, key, &found);
        if let Some(cut) = found.cut {
            self.issue(offer(cut, false, false), out);
            return Asked::Granted;
        }
        let Some(Sweep { pool, work, .. }) = self.sweeps.get_mut(&key) else {
            return Asked::Nothing;
        };
        // Unless its threads would idle.
        if free && let Some(cut) = take_group(pool, &**work, reach) {
            self.issue(offer(cut, true, false), out);
            return Asked::Granted;
        }
        // A worker that has not shown yet that it works, but there is nothing for it to show it with.
        if empty_handed
            && room_to_isolate
            && let Some(cut) = chance
        {
            self.issue_alone(offer(cut, true, true), out);
            return Asked::Granted;
        }
        Asked::Nothing
    }

    /// Keeps why a worker that would take a lease gets none of a sweep, and where its next look begins.
    fn note_misfit(&mut self, id: WorkerId, key: SweepKey, found: &Found) {
        let Some(worker) = self.workers.get(&id) else {
            return;
        };
        let limits = self.reach(worker, self.holding(worker)).limits;
        let ratio = self.ratio(worker);
        let misfit = found.too_much.filter(|_| found.cut.is_none()).map(|trial| {
            let long = !limits.fits_time(trial.seconds);
            let large = !limits.fits_memory(trial.bytes);
            Misfit {
                worker: id,
                name: worker.name.clone(),
                number: trial.number,
                seconds: long.then_some((trial.seconds / ratio, limits.seconds / ratio)),
                bytes: large.then_some((trial.bytes, limits.bytes)),
            }
        });
        if let Some(sweep) = self.sweeps.get_mut(&key)
            && misfit.is_some()
        {
            sweep.misfit = misfit;
        }
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.look_on = found.next.map(|next| (key, next));
        }
    }

    /// Whether a worker may be set aside to run a trial alone. Few are at a time, and none that has not shown that it can
    /// do a trial, if there are others: or a machine that dies of everything would condemn trials.
    pub(super) fn may_isolate(&self, id: WorkerId, worker: &Worker) -> bool {
        self.isolating.contains(&id)
            || (self.room_to_isolate() && (worker.proven() || self.proven == 0))
    }

    fn room_to_isolate(&self) -> bool {
        (self.isolating.len() as u64) < (self.available / ISOLATE_SHARE).max(1)
    }

    /// Workers that were set aside, and are not needed so any more, go back to work.
    pub(super) fn release_reserved(&mut self) {
        if self.isolating.is_empty() {
            return;
        }
        let needed = self
            .ready
            .iter()
            .filter_map(|ready| self.sweeps.get(&ready.sweep))
            .any(|sweep| !sweep.pool.last_chance.is_empty());
        if needed {
            return;
        }
        let idle: Vec<WorkerId> = self
            .isolating
            .iter()
            .copied()
            .filter(|id| !self.holds_isolated(*id))
            .collect();
        for id in idle {
            self.isolating.remove(&id);
            self.touched.insert(id);
        }
    }

    pub(super) fn holds_isolated(&self, id: WorkerId) -> bool {
        self.workers.get(&id).is_some_and(|worker| {
            worker
                .leases
                .iter()
                .filter_map(|lease| self.leases.get(lease))
                .any(|lease| lease.isolated)
        })
    }

    /// Makes a lease of a trial with its last chance: its worker holds nothing else meanwhile.
    fn issue_alone(&mut self, offer: Offer, out: &mut Vec<Action>) {
        self.isolating.insert(offer.worker);
        if let Some(sweep) = self.sweeps.get_mut(&offer.sweep) {
            sweep.pool.last_chance.subtract(&offer.cut.numbers);
        }
        self.issue(offer, out);
    }

    /// Makes the lease and grants it.
    pub(super) fn issue(&mut self, offer: Offer, out: &mut Vec<Action>) {
        let id = LeaseId::new(self.config.generation, self.granted);
        self.granted += 1;
        let Offer {
            worker, sweep, cut, ..
        } = offer;
        let first = sets::first_run(&cut.numbers).map_or(0, |run| run.start);
        let mut lease = Lease::new(worker, sweep, cut.numbers.clone(), self.now);
        lease.per_trial = sizing::per_trial(cut.cost, &cut.numbers);
        lease.suspect = offer.suspect;
        lease.isolated = offer.isolated;
        lease.speculative = offer.copy_of.is_some();
        lease.twin = offer.copy_of;
        let ranges = sets::ranges(&cut.numbers);
        let ratio = self
            .workers
            .get(&worker)
            .map_or(1.0, |worker| self.ratio(worker));
        let mut attempt = 1;
        if let Some(entry) = self.sweeps.get_mut(&sweep) {
            attempt += entry.pool.tries(first);
            let nanoseconds = sizing::whole(cut.cost.total / ratio * 1e9);
            entry.served = entry.served.saturating_add(nanoseconds);
            entry.misfit = None;
            entry.leases.insert(id);
        }
        self.leases.insert(id, lease);
        match offer.copy_of {
            None => self.own(id, &cut.numbers),
            Some(original) => {
                self.set_ripe(original, None);
                if let Some(original) = self.leases.get_mut(&original) {
                    original.twin = Some(id);
                }
            }
        }
        self.make_live(id, cut.numbers, cut.cost);
        self.refresh(sweep);
        out.push(Action::Grant(Grant {
            worker,
            lease: id,
            generation: self.config.generation,
            sweep,
            ranges,
            deadline: self.now + self.config.heartbeat_timeout,
            attempt,
            isolated: offer.isolated,
            speculative: offer.copy_of.is_some(),
        }));
    }

    /// Numbers that nobody owns are now a lease's.
    pub(super) fn own(&mut self, id: LeaseId, numbers: &IntervalSet) {
        let sweep = self.leases.get(&id).map(|lease| lease.sweep);
        if let Some(sweep) = sweep.and_then(|key| self.sweeps.get_mut(&key)) {
            for run in numbers.runs() {
                sweep.pool.owners.insert(run, id);
            }
        }
    }

    /// A lease has `numbers` to bring from now on.
    pub(super) fn make_live(&mut self, id: LeaseId, numbers: IntervalSet, cost: Cost) {
        let Some(lease) = self.leases.get(&id) else {
            return;
        };
        let worker = lease.worker;
        let ripe = lease
            .twin
            .is_none()
            .then(|| self.straggles_at(worker, cost));
        self.set_ripe(id, ripe);
        let Some(lease) = self.leases.get_mut(&id) else {
            return;
        };
        lease.remaining.union(&numbers);
        lease.deadline = self.now + self.config.heartbeat_timeout;
        if let Some(at) = lease.forget_at.take() {
            self.late.remove(&(at, id));
        }
        if let Some(entry) = self.workers.get_mut(&worker) {
            entry.late.remove(&id);
            entry.leases.insert(id);
            entry.idle_since = None;
        }
        self.update_load(worker);
    }

    /// When a new lease of a worker will have taken too long, by what the fleet would need for it.
    fn straggles_at(&self, worker: WorkerId, cost: Cost) -> Now {
        let Some(worker) = self.workers.get(&worker) else {
            return self.now;
        };
        let waits = self.holding(worker).seconds / self.power(worker);
        let each_thread = cost.total / f64::from(worker.threads);
        let takes = cost.longest.max(each_thread) / self.fleet_ratio();
        self.now + duration(waits) + duration(SPECULATE_FACTOR * takes) + SPECULATE_AFTER
    }

    /// Computes anew when a worker that has trials to spare should have worked off what it holds.
    pub(super) fn update_load(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get(&id) else {
            return;
        };
        let finish = worker
            .leases
            .iter()
            .any(|lease| self.spare(*lease))
            .then(|| self.now + duration(self.holding(worker).seconds / self.power(worker)));
        if let Some(worker) = self.workers.get_mut(&id) {
            if let Some(old) = worker.finish.take() {
                self.load.remove(&(old, id));
            }
            worker.finish = finish;
        }
        if let Some(at) = finish {
            self.load.insert((at, id));
        }
    }
}

/// The next number with its last chance that fits into a worker's time and memory. It is not taken yet.
fn last_chance(pool: &Pool, work: &dyn Work, reach: Reach) -> Option<Cut> {
    let waiting = pool.last_chance.runs().flatten().take(SUSPECT_LOOKS);
    waiting.into_iter().find_map(|number| {
        let numbers = sets::of(number..number + 1);
        let cost = sizing::cost(work, &numbers);
        reach.fits(cost).then_some(Cut { numbers, cost })
    })
}

/// Takes doubtful numbers for a lease: those of a group that fit into a worker's time and memory.
fn take_group(pool: &mut Pool, work: &dyn Work, reach: Reach) -> Option<Cut> {
    for _ in 0..GROUP_LOOKS {
        let (numbers, size) = pool.take_group()?;
        let fits = |number: &u64| reach.fits(sizing::cost(work, &sets::of(*number..*number + 1)));
        let numbers_that_fit: IntervalSet = if reach.fits(sizing::cost(work, &numbers)) {
            numbers.clone()
        } else {
            let fitting = numbers.runs().flatten().filter(fits);
            fitting.map(|number| number..number + 1).collect()
        };
        let rest = sets::minus(&numbers, &numbers_that_fit);
        if !rest.is_empty() {
            pool.postpone_group(rest, size);
        }
        if !numbers_that_fit.is_empty() {
            let cost = sizing::cost(work, &numbers_that_fit);
            return Some(Cut {
                numbers: numbers_that_fit,
                cost,
            });
        }
    }
    None
}
