//! Workers that cannot run a sweep: a fault of their machines lets them rest from it, a fault of what they were sent
//! has the sweep's files looked at.

use scheduler::{LeaseId, SweepKey, WorkerId};

use super::EventLoop;
use super::events::Event;
use crate::files::Unsound;
use crate::messages::CannotRun;

impl EventLoop {
    /// A worker gives a lease back because it cannot run the sweep. The scheduler hears of it after this.
    pub(super) fn cannot_run(&mut self, worker: WorkerId, lease: LeaseId, why: &CannotRun) {
        let Some(key) = self.scheduler.sweep_of(worker, lease) else {
            return;
        };
        let (Some(sweep), Some(state)) = (self.sweeps.get(&key), self.workers.get_mut(&worker))
        else {
            return;
        };
        // It has forgotten the spec, and needs it with its next lease.
        state.specs_sent.remove(&key);
        match why {
            CannotRun::Interrupted(why) => {
                tracing::info!(worker = worker.0, sweep = %sweep.name, why, "a fetch was cut short");
            }
            CannotRun::Node(why) => {
                tracing::warn!(name = %state.registration.name, sweep = %sweep.name, "a worker cannot run this sweep: {why}");
                let problem = format!("cannot run `{}`: {why}", sweep.name);
                state.problems.insert(key, problem);
            }
            CannotRun::Source(why) => {
                tracing::warn!(name = %state.registration.name, sweep = %sweep.name, "a worker was sent what does not fit: {why}");
                self.check_files(key);
            }
        }
    }

    /// A sweep was repaired: what workers said of it does not count any more, and they get its spec once more.
    pub(crate) fn resend_specs(&mut self, key: SweepKey) {
        for worker in self.workers.values_mut() {
            worker.specs_sent.remove(&key);
            worker.problems.remove(&key);
        }
    }

    /// Reads a sweep's files once more: a worker's word alone stops no sweep.
    fn check_files(&self, key: SweepKey) {
        let Some(sweep) = self.sweeps.get(&key) else {
            return;
        };
        let hashes = sweep.files.iter().flatten().map(|file| file.hash.clone());
        let hashes: Vec<String> = hashes.collect();
        let (files, events) = (self.files.clone(), self.events.clone());
        tokio::spawn(async move {
            for hash in hashes {
                if let Err(Unsound::Damaged { path, what }) = files.sound(&hash).await {
                    let damaged = Event::FileDamaged { hash, path, what };
                    // A closed loop means that the coordinator is ending.
                    let _ = events.send(damaged).await;
                }
            }
        });
    }
}
