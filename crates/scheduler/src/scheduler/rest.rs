//! Sweeps that a worker cannot run for now, by its own word: a full disk, a folder that cannot be written. It works for
//! others meanwhile, and is asked again after waits that grow.

use super::Scheduler;
use crate::config::{FIRST_REST, LONGEST_REST};
use crate::{Now, SweepKey, WorkerId};

/// One sweep that one worker said it cannot run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest {
    until: Now,
    wait: Now,
}

impl Scheduler {
    /// Whether a worker is to be left alone with a sweep.
    pub(super) fn rests(&self, worker: WorkerId, sweep: SweepKey) -> bool {
        let rest = self.rests.get(&(worker, sweep));
        rest.is_some_and(|rest| rest.until > self.now)
    }

    /// A worker cannot run a sweep: each time that it says so after it was asked again the wait doubles.
    pub(super) fn rest_from(&mut self, worker: WorkerId, sweep: SweepKey) {
        if self.rests(worker, sweep) {
            // Of another lease that it had by then.
            return;
        }
        let before = self.rests.get(&(worker, sweep));
        let wait = before.map_or(FIRST_REST, |before| (2 * before.wait).min(LONGEST_REST));
        let until = self.now + wait;
        self.rests.insert((worker, sweep), Rest { until, wait });
        self.rested.insert((until, worker, sweep));
    }

    /// Forgets that workers could not run sweeps.
    pub(super) fn end_rests(&mut self, ends: impl Fn(WorkerId, SweepKey) -> bool) {
        if self.rests.is_empty() {
            return;
        }
        let touched = &mut self.touched;
        self.rests.retain(|&(worker, sweep), _| {
            let stays = !ends(worker, sweep);
            if !stays {
                touched.insert(worker);
            }
            stays
        });
        self.rested
            .retain(|&(_, worker, sweep)| !ends(worker, sweep));
    }
}
