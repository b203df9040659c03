//! Workers that vanish: which of their trials are to blame, and how they are run from then on.
//!
//! A lease that its worker had not begun is not held against anything. A worker that dies takes a lease of many trials
//! with it, and any of those not reported may have killed it; the heartbeats show which ran some moments before. So after a first death what was running, and apart from it the rest,
//! is run in small leases, the square root of their number each, no two of them in one worker's hands if it can be
//! helped. What was in such a lease when another worker died is run alone, one trial and nothing else in a worker's
//! hands. A worker that dies then was killed by that trial. So a trial that kills every worker fails after three, and the
//! trials beside it never do.

use sweep::IntervalSet;

use super::Scheduler;
use crate::config::WALLTIME_MARGIN;
use crate::{Action, LeaseId, Now, WorkerId, sets};

/// A trial whose last allowed worker fell silent, without its connection closing, has so long until it fails: a
/// network that comes back does so within this, or its own time limits close the connection.
const REPRIEVE: Now = Now::from_secs(30);

impl Scheduler {
    /// Gives a worker up that was not heard of in time.
    pub(super) fn lose(&mut self, id: WorkerId, out: &mut Vec<Action>) {
        let Some(worker) = self.workers.get_mut(&id) else {
            return;
        };
        worker.lost = true;
        let silent = worker.connected;
        let natural = worker.draining || self.time_was_up(id);
        let (mut trials, mut window) = (0, self.config.late_window);
        let is_full = self.runs_all_it_can(id);
        for lease in self.live_leases(id) {
            let Some(entry) = self.leases.get(&lease) else {
                continue;
            };
            let remaining = entry.remaining.clone();
            trials += remaining.len();
            if natural || !entry.begun {
                self.lose_unblamed(lease, &remaining);
            } else if silent && self.would_fail(lease) {
                // It may only have been cut off, and a failed row is final: its result is waited for.
                window = REPRIEVE;
            } else {
                self.lose_lease(lease, &remaining, id, is_full, out);
            }
        }
        self.withdraw(id);
        self.set_timer(id, Some(self.now + window));
        out.push(Action::Lost { worker: id, trials });
    }

    /// A lost worker's last chance is over: what was waited for has failed.
    pub(super) fn end_reprieve(&mut self, id: WorkerId, out: &mut Vec<Action>) {
        let is_full = self.runs_all_it_can(id);
        for lease in self.live_leases(id) {
            if let Some(entry) = self.leases.get(&lease) {
                let remaining = entry.remaining.clone();
                self.lose_lease(lease, &remaining, id, is_full, out);
            }
        }
    }

    /// Whether the loss of this lease is the one too many for its only trial.
    fn would_fail(&self, id: LeaseId) -> bool {
        let Some(lease) = self.leases.get(&id) else {
            return false;
        };
        let number = sets::first_run(&lease.remaining).map_or(0, |run| run.start);
        lease.isolated
            && lease.remaining.len() == 1
            && self
                .sweeps
                .get(&lease.sweep)
                .is_some_and(|sweep| sweep.pool.deaths(number) + 1 >= self.config.attempts())
    }

    /// Whether the end of a worker's time explains its loss.
    fn time_was_up(&self, id: WorkerId) -> bool {
        let ends = |deadline: Now, last_seen: Now| {
            deadline <= last_seen + self.config.heartbeat_timeout + WALLTIME_MARGIN
        };
        self.workers.get(&id).is_some_and(|worker| {
            worker
                .deadline
                .is_some_and(|deadline| ends(deadline, worker.last_seen))
        })
    }

    /// The numbers of a lease go back with nothing held against them.
    fn lose_unblamed(&mut self, id: LeaseId, remaining: &IntervalSet) {
        let Some(lease) = self.leases.get(&id) else {
            return;
        };
        let key = lease.sweep;
        let freed = self.take_out(id, remaining);
        if let Some(sweep) = self.sweeps.get_mut(&key) {
            sweep.pool.put_back(&freed, freed.len());
        }
        self.grown = true;
        self.retire(id);
    }

    /// Whether a trial ran on each thread of the worker at its last heartbeat.
    fn runs_all_it_can(&self, id: WorkerId) -> bool {
        let Some(worker) = self.workers.get(&id) else {
            return false;
        };
        let leases = worker.leases.iter().filter_map(|id| self.leases.get(id));
        let running: u64 = leases.map(|lease| lease.started().len()).sum();
        running >= u64::from(worker.threads)
    }

    /// A lease's worker died.
    fn lose_lease(
        &mut self,
        id: LeaseId,
        remaining: &IntervalSet,
        worker: WorkerId,
        is_full: bool,
        out: &mut Vec<Action>,
    ) {
        let Some(lease) = self.leases.get_mut(&id) else {
            return;
        };
        let key = lease.sweep;
        let running = lease.started();
        let alone = lease.isolated && remaining.len() == 1;
        lease.blamed = remaining.clone();
        // The one trial of a lease that was begun has run, unless all threads were at others; of many only heartbeats
        // say which.
        lease.tried = if lease.granted.len() == 1 && !is_full {
            remaining.clone()
        } else {
            running.clone()
        };
        let tried = lease.tried.clone();
        let attempts = self.config.attempts();
        let Some(sweep) = self.sweeps.get_mut(&key) else {
            return;
        };
        let number = sets::first_run(remaining).map_or(0, |run| run.start);
        let deaths = sweep.pool.deaths(number) + 1;
        if alone && deaths >= attempts {
            let closing = sweep.pool.close(remaining);
            sweep.pool.failed.union(&closing.fresh);
            self.book(closing.held, Some(id), out);
            self.dirty.insert(key);
            out.push(Action::Fail {
                sweep: key,
                number,
                attempts: deaths,
                worker,
                name: self
                    .workers
                    .get(&worker)
                    .map(|worker| worker.name.clone())
                    .unwrap_or_default(),
            });
            return;
        }
        sweep.pool.blame(remaining, &tried);
        let freed = self.take_out(id, remaining);
        let ran = freed.intersection(&running);
        let rest = sets::minus(&freed, &running);
        if let Some(sweep) = self.sweeps.get_mut(&key) {
            sweep.pool.put_back(&ran, ran.len().isqrt());
            sweep.pool.put_back(&rest, rest.len().isqrt());
        }
        self.grown = true;
        self.retire(id);
    }
}
