//! Sweeps that a worker cannot run for now, by its own word: a full disk, a folder that cannot be written. It works for
//! others meanwhile, and is asked again after waits that grow.

use super::Scheduler;
use crate::config::{FIRST_QUARANTINE, LONGEST_QUARANTINE};
use crate::workers::Quarantine;
use crate::{SweepKey, WorkerId};

impl Scheduler {
    /// Whether a worker is to be left alone with a sweep.
    pub(super) fn is_quarantined(&self, worker: WorkerId, sweep: SweepKey) -> bool {
        let rest = self.quarantines.get(&(worker, sweep));
        rest.is_some_and(|rest| rest.until > self.now)
    }

    /// A worker cannot run a sweep: each time that it says so after it was asked again the wait doubles.
    pub(super) fn quarantine(&mut self, worker: WorkerId, sweep: SweepKey) {
        if self.is_quarantined(worker, sweep) {
            // Of another lease that it had by then.
            return;
        }
        let before = self.quarantines.get(&(worker, sweep));
        let wait = before.map_or(FIRST_QUARANTINE, |before| {
            (2 * before.wait).min(LONGEST_QUARANTINE)
        });
        let until = self.now + wait;
        self.quarantines
            .insert((worker, sweep), Quarantine { until, wait });
        self.quarantine_ends.insert((until, worker, sweep));
    }

    /// Forgets that workers could not run sweeps.
    pub(super) fn end_quarantines(&mut self, ends: impl Fn(WorkerId, SweepKey) -> bool) {
        if self.quarantines.is_empty() {
            return;
        }
        let touched = &mut self.touched;
        self.quarantines.retain(|&(worker, sweep), _| {
            let stays = !ends(worker, sweep);
            if !stays {
                touched.insert(worker);
            }
            stays
        });
        self.quarantine_ends
            .retain(|&(_, worker, sweep)| !ends(worker, sweep));
    }
}
