//! Events go to the scheduler, and what it decides is done.

use std::collections::BTreeMap;

use rpc::v1;
use scheduler::{Action, Ended, Grant, Running, SweepKey, WorkerId};
use table::EndedAttempt;

use super::EventLoop;
use super::results::now_us;
use crate::wire;

impl EventLoop {
    /// Hands an event to the scheduler and does what it says.
    pub(crate) fn drive(&mut self, event: scheduler::Event) {
        let now = self.now();
        let actions = self.scheduler.handle(now, event);
        self.apply(actions);
    }

    pub(super) fn apply(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Grant(grant) => self.grant(grant),
                Action::Revoke {
                    worker,
                    lease,
                    ranges,
                    running,
                } => {
                    let stop = running == Running::Stop;
                    self.send(worker, wire::revoke(lease.0, &ranges, stop));
                }
                Action::Fail {
                    sweep,
                    number,
                    attempts,
                    name,
                    ..
                } => {
                    let error = format!(
                        "{attempts} workers died with this trial in their hands, the last one, `{name}`, while it ran nothing else"
                    );
                    self.fail(sweep, number, attempts, &error);
                }
                Action::Finished { sweep, ended } => {
                    if let Some(state) = self.sweeps.get_mut(&sweep)
                        && ended == Ended::Complete
                    {
                        state.complete = true;
                    }
                    self.finish(sweep);
                }
                Action::Lost { worker, trials } => {
                    self.metrics.lost += 1;
                    tracing::warn!(
                        worker = worker.0,
                        trials,
                        "worker lost: its trials go to others"
                    );
                    self.keep_attempts(worker);
                }
                Action::DropWorker {
                    worker,
                    reason: scheduler::DropReason::Unknown,
                } => {
                    // It was away for so long that it was forgotten: it may join anew, with what it has in hand.
                    tracing::info!(worker = worker.0, "a forgotten worker is to join anew");
                    self.send(worker, wire::stopping(false));
                    self.workers.remove(&worker);
                }
                Action::DropWorker { worker, reason } => {
                    self.metrics.dropped += 1;
                    tracing::warn!(worker = worker.0, %reason, "worker dropped");
                    self.send(worker, wire::refused(&reason.to_string()));
                    if let Some(state) = self.workers.remove(&worker) {
                        self.instances.remove(&state.registration.instance);
                    }
                }
                // Of a report, which takes it before it hands on the others.
                Action::Accept { .. } => {}
            }
        }
    }

    /// Keeps what a lost worker was running, as its last heartbeat named it.
    fn keep_attempts(&self, worker: WorkerId) {
        let Some(state) = self.workers.get(&worker) else {
            return;
        };
        let ended_at_us = now_us();
        let mut by_sweep: BTreeMap<SweepKey, Vec<EndedAttempt>> = BTreeMap::new();
        for (&(_, trial), running) in &state.running {
            by_sweep
                .entry(running.sweep)
                .or_default()
                .push(EndedAttempt {
                    trial,
                    ended_at_us,
                    worker: Some(state.registration.name.clone()),
                    outcome: "the worker was lost".to_owned(),
                });
        }
        for (sweep, attempts) in by_sweep {
            if let Some(sweep) = self.sweeps.get(&sweep) {
                sweep.writer.add_attempts(attempts);
            }
        }
    }

    /// Signs a lease and sends it, after the spec that it needs.
    fn grant(&mut self, grant: Grant) {
        let Some(state) = self.sweeps.get(&grant.sweep) else {
            return;
        };
        let generations = state.folder.generations().len();
        let Some(to) = self.workers.get_mut(&grant.worker) else {
            return;
        };
        if to.specs_sent.insert(grant.sweep, generations) != Some(generations) {
            let spec = wire::spec(&state.name, &state.folder, &state.files);
            to.outgoing.send(spec);
        }
        self.metrics.leases += 1;
        let (ranges, left) = (
            &grant.ranges,
            grant.deadline.saturating_sub(self.begun.elapsed()),
        );
        let trials: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        tracing::info!(worker = grant.worker.0, lease = grant.lease.0, sweep = %state.name, first = ranges.first().map(|r| r.start), trials, "lease");
        let checkpoints = ranges
            .iter()
            .flat_map(|range| self.checkpoints.in_range(&state.name, range))
            .collect();
        let lease = wire::granted(grant, &state.name, checkpoints);
        let lease = self.key.signed(state.identity, lease);
        to.outgoing.send(wire::lease(lease, left));
    }

    pub(super) fn send(&self, worker: WorkerId, message: v1::SessionResponse) {
        if let Some(state) = self.workers.get(&worker) {
            state.outgoing.send(message);
        }
    }
}
