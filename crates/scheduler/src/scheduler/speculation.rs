//! What an idle worker does when nothing is left to lease: it takes over trials that a loaded worker has not begun, or
//! copies those of a straggler; the first result wins.

use super::Scheduler;
use super::grant::Offer;
use crate::config::{SPECULATE_AFTER, SPECULATE_LOOKS, STEAL_ABOVE, STEAL_LOOKS};
use crate::lease::Lease;
use crate::sizing::{self, Cut};
use crate::{LeaseId, MAX_LEASE_TRIALS, Running, SweepKey, SweepState, WorkerId, sets};

impl Scheduler {
    /// Gives an idle worker trials that another has. Returns whether it got some.
    pub(super) fn speculate(&mut self, id: WorkerId, out: &mut Vec<crate::Action>) -> bool {
        let idle = self.workers.get(&id).is_some_and(|worker| {
            worker.available() && !self.isolating.contains(&id) && self.free_threads(worker) > 0
        });
        idle && self.passed_over != Some(id)
            && (self.relieve_loaded(id, out) || self.help_straggler(id, out))
    }

    /// Takes trials from the worker that would need longest for what it holds, of those that have some to spare.
    fn relieve_loaded(&mut self, id: WorkerId, out: &mut Vec<crate::Action>) -> bool {
        let soon = self.now + STEAL_ABOVE;
        let loaded: Vec<WorkerId> = self
            .load
            .iter()
            .rev()
            .take(STEAL_LOOKS)
            .take_while(|(finish, _)| *finish > soon)
            .map(|&(_, worker)| worker)
            .filter(|&worker| worker != id)
            .collect();
        for victim in loaded {
            // The newest first: it is the farthest from being begun.
            for lease in self.live_leases(victim).into_iter().rev() {
                if self.spare(lease) && self.steal(lease, id, out) {
                    return true;
                }
            }
        }
        false
    }

    /// Whether a lease has trials that its worker will not begin at once.
    pub(super) fn spare(&self, id: LeaseId) -> bool {
        let Some(lease) = self.leases.get(&id) else {
            return false;
        };
        if lease.suspect || lease.twin.is_some() || !self.may_move(lease) {
            return false;
        }
        match lease.unstarted().len() {
            0 => false,
            // Perhaps it is just being begun, unless the worker is known to be at something else.
            1 => self.workers.get(&lease.worker).is_some_and(|worker| {
                let mut leases = worker.leases.iter().filter_map(|id| self.leases.get(id));
                leases.any(|lease| !lease.started().is_empty())
            }),
            _ => true,
        }
    }

    fn may_move(&self, lease: &Lease) -> bool {
        let there = self
            .workers
            .get(&lease.worker)
            .is_some_and(|worker| worker.reachable());
        there && self.active(lease.sweep)
    }

    /// Moves up to half of what a lease's worker has not begun to another worker.
    fn steal(&mut self, from: LeaseId, to: WorkerId, out: &mut Vec<crate::Action>) -> bool {
        let (Some(lease), Some(thief)) = (self.leases.get(&from), self.workers.get(&to)) else {
            return false;
        };
        let (victim, key) = (lease.worker, lease.sweep);
        if self.is_quarantined(to, key) {
            return false;
        }
        let unstarted = lease.unstarted();
        let half = (unstarted.len() / 2).max(1);
        let aim = sizing::whole(self.lease_seconds(thief) / lease.per_trial);
        let most = aim.max(self.free_threads(thief)).min(MAX_LEASE_TRIALS);
        // From the end: a worker begins with the smallest.
        let numbers = sets::last(&unstarted, half.min(most));
        let reach = self.reach(thief, self.holding(thief));
        let Some(sweep) = self.sweeps.get(&key) else {
            return false;
        };
        let cost = sizing::cost(&*sweep.work, &numbers);
        if !reach.fits(cost) {
            return false;
        }
        self.revoke(from, &numbers, Running::Finish, out);
        if let Some(lease) = self.leases.get_mut(&from) {
            lease.shed.union(&numbers);
        }
        self.take_out(from, &numbers);
        let offer = Offer {
            worker: to,
            sweep: key,
            cut: Cut { numbers, cost },
            suspect: false,
            isolated: false,
            copy_of: None,
        };
        self.issue(offer, out);
        if !self.live(from) {
            self.retire(from);
        }
        self.update_load(victim);
        true
    }

    /// Relieves or copies the lease that is longest overdue.
    fn help_straggler(&mut self, id: WorkerId, out: &mut Vec<crate::Action>) -> bool {
        let overdue: Vec<LeaseId> = self
            .ripe
            .iter()
            .take(SPECULATE_LOOKS)
            .take_while(|(at, _)| *at <= self.now)
            .map(|&(_, lease)| lease)
            .collect();
        for lease in overdue {
            let Some(entry) = self.leases.get(&lease) else {
                continue;
            };
            let (others, sweep) = (entry.worker != id, entry.sweep);
            if !others {
                continue;
            }
            if self.active(sweep)
                && ((self.spare(lease) && self.steal(lease, id, out)) || self.copy(lease, id, out))
            {
                return true;
            }
            // It must not stand in the way of those that can be helped.
            self.set_ripe(lease, Some(self.now + SPECULATE_AFTER));
        }
        false
    }

    fn active(&self, sweep: SweepKey) -> bool {
        self.sweeps
            .get(&sweep)
            .is_some_and(|sweep| sweep.state == SweepState::Running)
    }

    /// Runs what a straggler holds a second time.
    fn copy(&mut self, original: LeaseId, to: WorkerId, out: &mut Vec<crate::Action>) -> bool {
        let (Some(lease), Some(helper)) = (self.leases.get(&original), self.workers.get(&to))
        else {
            return false;
        };
        let key = lease.sweep;
        let Some(sweep) = self.sweeps.get(&key) else {
            return false;
        };
        if lease.twin.is_some() || self.is_quarantined(to, key) {
            return false;
        }
        // A lease whose worker has died unheard looks like a straggler's. Copied once, that costs one more worker at
        // the most; what has been in a dead worker's hands is never copied, or a trial that kills would be handed on
        // from copy to copy and never come to be run alone.
        if lease.isolated || sweep.pool.is_blamed(&lease.remaining) {
            return false;
        }
        let suspect = lease.suspect;
        let holding = self.holding(helper);
        let allowed = !(suspect && holding.suspects);
        let numbers = sizing::head(&lease.remaining, self.free_threads(helper));
        let cost = sizing::cost(&*sweep.work, &numbers);
        let fits = self.reach(helper, holding).fits(cost);
        if !allowed || !fits {
            return false;
        }
        let offer = Offer {
            worker: to,
            sweep: key,
            cut: Cut { numbers, cost },
            suspect,
            isolated: false,
            copy_of: Some(original),
        };
        self.issue(offer, out);
        true
    }
}
