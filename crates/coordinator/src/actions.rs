//! What the event loop does when the scheduler says so: leases to workers, rows of lost trials, goodbyes.

use std::ops::Range;

use rpc::v1;
use scheduler::{Action, Ended, LeaseId, Now, Running, SweepKey, WorkerId};
use table::{BatchBuilder, TrialResult, TrialRow};

use crate::event_loop::EventLoop;
use crate::wire;

/// The parts of a grant that go to the worker.
struct Grant {
    lease: LeaseId,
    generation: u32,
    ranges: Vec<Range<u64>>,
    deadline: Now,
    attempt: u32,
}

impl EventLoop {
    /// Hands an event to the scheduler and does what it says.
    pub(crate) fn drive(&mut self, event: scheduler::Event) {
        let now = self.now();
        let actions = self.scheduler.handle(now, event);
        self.apply(actions);
    }

    pub(crate) fn apply(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Grant {
                    worker,
                    lease,
                    generation,
                    sweep,
                    ranges,
                    deadline,
                    attempt,
                    ..
                } => {
                    let granted = Grant {
                        lease,
                        generation,
                        ranges,
                        deadline,
                        attempt,
                    };
                    self.grant(worker, sweep, &granted);
                }
                Action::Revoke {
                    worker,
                    lease,
                    ranges,
                    running,
                } => {
                    let stop = running == Running::Stop;
                    self.tell(worker, wire::revoke(lease.0, &ranges, stop));
                }
                Action::Fail {
                    sweep,
                    number,
                    attempts,
                    name,
                    ..
                } => {
                    let error = format!(
                        "{attempts} workers died while they ran this trial, the last one `{name}`"
                    );
                    self.fail(sweep, number, attempts, &error);
                }
                Action::Finished { sweep, ended } => {
                    if let Some(state) = self.sweeps.get_mut(&sweep)
                        && ended == Ended::Complete
                    {
                        state.complete = true;
                        state.finish_if_done();
                    }
                    self.publish(sweep);
                }
                Action::Lost { worker, trials } => {
                    tracing::warn!(
                        worker = worker.0,
                        trials,
                        "worker lost: its trials go to others"
                    );
                }
                Action::DropWorker { worker, reason } => {
                    tracing::warn!(worker = worker.0, %reason, "worker dropped");
                    self.tell(worker, wire::refused(&reason.to_string()));
                    if let Some(state) = self.workers.remove(&worker) {
                        self.instances.remove(&state.hello.instance);
                    }
                }
                Action::Drained { .. } | Action::Accept { .. } | Action::Stale { .. } => {}
            }
        }
    }

    fn grant(&mut self, worker: WorkerId, sweep: SweepKey, grant: &Grant) {
        let Some(state) = self.sweeps.get(&sweep) else {
            return;
        };
        let generations = state.folder.generations().len();
        let Some(to) = self.workers.get_mut(&worker) else {
            return;
        };
        if to.told.insert(sweep, generations) != Some(generations) {
            let spec = wire::spec(&state.name, &state.folder, &state.files);
            // A session that has ended is an event of its own.
            let _ = to.outgoing.send(Ok(spec));
        }
        let (lease, ranges) = (grant.lease.0, &grant.ranges);
        tracing::info!(worker = worker.0, lease, sweep = %state.name, first = ranges.first().map(|r| r.start), "lease");
        let checkpoints = ranges
            .iter()
            .flat_map(|range| self.checkpoints.in_range(&state.name, range))
            .collect();
        let left = grant.deadline.saturating_sub(self.begun.elapsed());
        let granted = wire::Granted {
            lease,
            generation: grant.generation,
            sweep: &state.name,
            ranges,
            deadline_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            proof: self.key.proof(&state.name, lease, grant.generation, ranges),
            attempt: grant.attempt,
            checkpoints,
        };
        let _ = to.outgoing.send(Ok(wire::lease(granted)));
    }

    fn tell(&self, worker: WorkerId, message: v1::SessionResponse) {
        if let Some(state) = self.workers.get(&worker) {
            // A session that has ended is an event of its own.
            let _ = state.outgoing.send(Ok(message));
        }
    }

    /// Writes the row of a trial that no worker could finish.
    fn fail(&mut self, sweep: SweepKey, number: u64, attempts: u32, error: &str) {
        let Some(state) = self.sweeps.get_mut(&sweep) else {
            return;
        };
        let point = match state.folder.point(number) {
            Ok(point) => point,
            Err(error) => {
                tracing::error!(number, %error, "a failed trial has no point");
                return;
            }
        };
        let mut builder = BatchBuilder::new();
        builder.push(&TrialRow {
            trial: number,
            id: &point.id(),
            params: point.values(),
            result: TrialResult::Failed {
                error,
                seconds: 0.0,
            },
            worker: "",
            host: "",
            attempt: attempts,
            started_at_us: now_us(),
            run_isa: "",
        });
        if state.problem.is_empty() {
            state.problem = format!("trial {number}: {error}");
        }
        match builder.finish() {
            Ok(batch) => {
                if let Err(error) = state.append(batch) {
                    tracing::error!(%error, "a batch could not be joined");
                }
            }
            Err(error) => tracing::error!(%error, "a failed trial's row could not be made"),
        }
    }
}

fn now_us() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
        })
}
