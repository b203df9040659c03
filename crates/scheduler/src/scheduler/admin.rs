//! Sweeps that come, grow, pause, go on, are cancelled or removed, and failed trials that are run again.

use std::collections::BTreeSet;
use std::sync::Arc;

use sweep::IntervalSet;

use super::Scheduler;
use crate::pool::Pool;
use crate::sweeps::Sweep;
use crate::{Action, Change, Ended, Event, Running, SweepKey, SweepState, Work};

impl Scheduler {
    /// Events that concern a sweep as a whole. They may cost as much as the sweep has leases; they are rare.
    pub(super) fn administer(&mut self, event: Event, out: &mut Vec<Action>) {
        match event {
            Event::AddSweep {
                sweep: key,
                work,
                done,
                failed,
                priority,
                paused,
            } => {
                let pool = Pool::new(work.end(), &done, &failed, self.config.attempts());
                self.remove(key, out);
                let state = if paused {
                    SweepState::Paused
                } else {
                    SweepState::Running
                };
                let sweep = Sweep {
                    work,
                    pool,
                    state,
                    priority,
                    served: 0,
                    ready: None,
                    leases: BTreeSet::new(),
                    seconds_done: 0.0,
                    misfit: None,
                };
                self.sweeps.insert(key, sweep);
                self.changed(key);
            }
            Event::GrowSweep { sweep, work } => self.grow(sweep, work),
            Event::RemoveSweep { sweep } => self.remove(sweep, out),
            Event::Pause { sweep } => self.pause(sweep, out),
            Event::Resume { sweep } => {
                // Whoever resumes it has mended what stood in the way.
                self.end_quarantines(|_, of| of == sweep);
                self.set_state(sweep, Change::Resume);
            }
            Event::Cancel { sweep } => self.cancel(sweep, out),
            Event::Retry { sweep, numbers } => self.retry(sweep, &numbers),
            Event::SetPriority { sweep, priority } => {
                if let Some(entry) = self.sweeps.get_mut(&sweep) {
                    entry.priority = priority;
                    self.dirty.insert(sweep);
                }
            }
            // These concern workers and time.
            Event::Join { .. }
            | Event::Leave { .. }
            | Event::Goodbye { .. }
            | Event::Heartbeat { .. }
            | Event::Heard { .. }
            | Event::Drain { .. }
            | Event::GiveBack { .. }
            | Event::Report(_)
            | Event::Tick => {}
        }
    }

    /// A sweep may have work now that it did not have before.
    fn changed(&mut self, key: SweepKey) {
        self.dirty.insert(key);
        self.grown = true;
    }

    /// Changes what a sweep is at. Returns whether it is another state now.
    fn set_state(&mut self, key: SweepKey, change: Change) -> bool {
        let Some(sweep) = self.sweeps.get_mut(&key) else {
            return false;
        };
        match sweep.state.after(change) {
            Some(new) if new != sweep.state => {
                sweep.state = new;
                self.changed(key);
                true
            }
            Some(_) | None => false,
        }
    }

    fn grow(&mut self, key: SweepKey, work: Arc<dyn Work + Send + Sync>) {
        if let Some(sweep) = self.sweeps.get_mut(&key) {
            sweep.pool.grow(work.end());
            sweep.work = work;
            self.set_state(key, Change::Reopen);
            self.changed(key);
        }
    }

    fn pause(&mut self, key: SweepKey, out: &mut Vec<Action>) {
        if self.set_state(key, Change::Pause) {
            for lease in self.leases_of(key) {
                self.take_unstarted(lease, out);
            }
        }
    }

    /// Takes every lease of a sweep away; none of its results is wanted any more.
    fn revoke_all(&mut self, key: SweepKey, out: &mut Vec<Action>) {
        for id in self.leases_of(key) {
            if let Some(lease) = self.leases.get(&id) {
                let remaining = lease.remaining.clone();
                self.revoke(id, &remaining, Running::Stop, out);
                self.take_back(id, &remaining);
            }
        }
        self.forget_leases_of(key);
    }

    fn cancel(&mut self, key: SweepKey, out: &mut Vec<Action>) {
        if self.set_state(key, Change::Cancel) {
            self.revoke_all(key, out);
            out.push(Action::Finished {
                sweep: key,
                ended: Ended::Cancelled,
            });
        }
    }

    fn remove(&mut self, key: SweepKey, out: &mut Vec<Action>) {
        self.revoke_all(key, out);
        self.end_quarantines(|_, of| of == key);
        if let Some(ready) = self.sweeps.remove(&key).and_then(|sweep| sweep.ready) {
            self.ready.remove(&ready);
        }
    }

    fn retry(&mut self, key: SweepKey, numbers: &IntervalSet) {
        let Some(sweep) = self.sweeps.get_mut(&key) else {
            return;
        };
        let again = sweep.pool.reopen(numbers);
        if again.is_empty() {
            return;
        }
        // A result of before the retry changes nothing.
        for id in self.leases_of(key) {
            if let Some(lease) = self.leases.get_mut(&id) {
                let void = lease.granted.intersection(&again);
                lease.void.union(&void);
            }
        }
        self.set_state(key, Change::Retry);
        self.changed(key);
    }
}
