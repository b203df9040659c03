//! Changes of a sweep's state and priority, and failed trials that run again. A change takes effect at once; its answer
//! waits until it is in the journal.

use rpc::v1;
use scheduler::SweepKey;
use tokio::sync::oneshot;
use tonic::Status;

use super::EventLoop;
use super::durable::Durable;
use super::events::{Change, Completion, Event};
use crate::{folder_probe, recovery, wire};

impl EventLoop {
    /// Gives a sweep another priority, and answers with the one that it has once it is kept.
    pub(super) fn prioritize(
        &mut self,
        name: &str,
        priority: Option<i32>,
        reply: oneshot::Sender<Result<i32, Status>>,
    ) {
        let Some(key) = self.names.get(name).copied() else {
            let _ = reply.send(Err(wire::no_sweep(name)));
            return;
        };
        let Some(sweep) = self.sweeps.get_mut(&key) else {
            let _ = reply.send(Err(wire::no_sweep(name)));
            return;
        };
        let Some(priority) = priority else {
            let _ = reply.send(Ok(sweep.priority));
            return;
        };
        sweep.priority = priority;
        let open_guard = sweep.open_guard.clone();
        self.drive(scheduler::Event::SetPriority {
            sweep: key,
            priority,
        });
        self.publish(key);
        let kept = self.remember(name, recovery::PRIORITY, priority.to_string());
        tokio::spawn(async move {
            let _ = reply.send(kept.await.map(|()| priority));
            drop(open_guard);
        });
    }

    pub(super) fn change(
        &mut self,
        name: &str,
        change: Change,
        reply: oneshot::Sender<Result<u64, Status>>,
    ) {
        let Some((key, sweep)) = self.named(name) else {
            let _ = reply.send(Err(wire::no_sweep(name)));
            return;
        };
        use v1::SweepState::{Cancelled, Finished, Gone, Paused, Running, Stopped};
        let state = sweep.state;
        let gone = folder_probe::missing_message(&sweep.dir);
        let refused = match (change, state) {
            (_, Gone) => Some(gone.as_str()),
            (Change::RetryFailed, _) => {
                self.retry(key, reply);
                return;
            }
            // It is so already; that an answer of before is on the disk is waited for here as well.
            (Change::Pause, Paused) => return self.answer_when_kept(name, "paused", reply),
            (Change::Resume, Running) => return self.answer_when_kept(name, "running", reply),
            (Change::Cancel, Cancelled) => {
                return self.answer_when_kept(name, "cancelled", reply);
            }
            (Change::Pause, Running) => None,
            (Change::Resume, Paused | Cancelled | Stopped) => None,
            (Change::Cancel, Running | Paused | Stopped) => None,
            (_, Finished) => Some("it has finished"),
            (_, Cancelled) => Some("it was cancelled; `parsimony resume` takes it up again"),
            _ => Some("it is stopped; mend what its status names, then `parsimony resume`"),
        };
        if let Some(why) = refused {
            let _ = reply.send(Err(Status::failed_precondition(format!("`{name}`: {why}"))));
            return;
        }
        let (new, word, event) = match change {
            Change::Resume => (Running, "running", scheduler::Event::Resume { sweep: key }),
            Change::Cancel => (
                Cancelled,
                "cancelled",
                scheduler::Event::Cancel { sweep: key },
            ),
            _ => (Paused, "paused", scheduler::Event::Pause { sweep: key }),
        };
        if let Some(sweep) = self.sweeps.get_mut(&key) {
            sweep.state = new;
            sweep.changed = std::time::Instant::now();
            if change == Change::Resume {
                sweep.problem.clear();
            }
        }
        if change == Change::Resume {
            self.resend_specs(key);
        }
        self.drive(event);
        // It takes effect at once; the answer waits until a coordinator started again would know of it.
        self.answer_when_kept(name, word, reply);
        self.finish(key);
    }

    /// Keeps a sweep's state in its journal, and answers then.
    pub(super) fn answer_when_kept(
        &self,
        name: &str,
        word: &str,
        reply: oneshot::Sender<Result<u64, Status>>,
    ) {
        let kept = self.remember(name, recovery::STATE, word.to_owned());
        tokio::spawn(async move {
            let _ = reply.send(kept.await.map(|()| 0));
        });
    }

    /// Failed rows leave the tables first; then their numbers are pending again.
    pub(super) fn retry(&mut self, key: SweepKey, reply: oneshot::Sender<Result<u64, Status>>) {
        let Some(sweep) = self.sweeps.get(&key) else {
            return;
        };
        let forgotten = sweep.writer.forget_failed();
        let open_guard = sweep.open_guard.clone();
        let events = self.events.clone();
        tokio::spawn(async move {
            let answer = match forgotten.await {
                Ok(Ok((freed, counts))) => {
                    let user = Completion::Retried {
                        open_guard,
                        sweep: key,
                        numbers: freed.numbers,
                        counts,
                        problem: freed.problem.map(|problem| problem.to_string()),
                        reply,
                    };
                    // A closed loop means that the coordinator is ending.
                    let _ = events.send(Event::Completed(user)).await;
                    return;
                }
                Ok(Err(error)) => Status::internal(error.to_string()),
                Err(_) => wire::coordinator_stops(),
            };
            let _ = reply.send(Err(answer));
        });
    }

    /// The second half of [`EventLoop::retry`].
    pub(super) fn retried(
        &mut self,
        key: SweepKey,
        numbers: sweep::IntervalSet,
        counts: table::Counts,
    ) -> Durable {
        let Some(sweep) = self.sweeps.get_mut(&key) else {
            return Durable::default();
        };
        sweep.done_seconds = (sweep.done_seconds - sweep.predicted(&numbers)).max(0.0);
        sweep.counts = counts;
        sweep
            .comparisons
            .retain(|comparison| !numbers.contains(comparison.trial));
        sweep.problem.clear();
        if !numbers.is_empty() {
            sweep.complete = false;
        }
        let any = !numbers.is_empty();
        self.drive(scheduler::Event::Retry {
            sweep: key,
            numbers,
        });
        let kept = if any {
            self.reactivate(key)
        } else {
            Durable::default()
        };
        self.publish(key);
        kept
    }

    /// A sweep that had ended has something to do again, because somebody wants it so.
    pub(super) fn reactivate(&mut self, key: SweepKey) -> Durable {
        use v1::SweepState::{Cancelled, Finished, Running};
        let Some(sweep) = self.sweeps.get_mut(&key) else {
            return Durable::default();
        };
        let was = sweep.state;
        if !matches!(was, Finished | Cancelled) {
            return Durable::default();
        }
        sweep.state = Running;
        if was != Cancelled {
            return Durable::default();
        }
        let name = sweep.name.clone();
        self.drive(scheduler::Event::Resume { sweep: key });
        let kept = self.remember(&name, recovery::STATE, "running".to_owned());
        Durable(Some(Box::pin(kept)))
    }
}
