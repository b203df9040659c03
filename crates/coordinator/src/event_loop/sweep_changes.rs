//! Changes of a sweep's state and priority, and failed trials that run again. A change takes effect at once; its answer
//! waits until it is in the journal.

use scheduler::{Change, SweepKey, SweepState};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tonic::Status;

use super::EventLoop;
use super::durable::Durable;
use super::events::{Command, Completion, Event};
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

    /// Does what a client asks of a sweep.
    pub(super) fn change(
        &mut self,
        name: &str,
        command: Command,
        reply: oneshot::Sender<Result<u64, Status>>,
    ) {
        let Some((key, sweep)) = self.named(name) else {
            let _ = reply.send(Err(wire::no_sweep(name)));
            return;
        };
        let before = sweep.state;
        let refuse = |reply: oneshot::Sender<_>, why: &str| {
            let _ = reply.send(Err(Status::failed_precondition(format!("`{name}`: {why}"))));
        };
        if matches!(before, SweepState::Gone) {
            return refuse(reply, &folder_probe::missing_message(&sweep.dir));
        }
        let (change, event) = match command {
            Command::RetryFailed => return self.retry(key, reply),
            Command::Pause => (Change::Pause, scheduler::Event::Pause { sweep: key }),
            Command::Resume => (Change::Resume, scheduler::Event::Resume { sweep: key }),
            Command::Cancel => (Change::Cancel, scheduler::Event::Cancel { sweep: key }),
        };
        match before.after(change) {
            None => return refuse(reply, refusal(before)),
            // It is so already; that an answer of before is on the disk is waited for here as well.
            Some(new) if new == before => return self.answer_when_kept(name, new, reply),
            Some(_) => {}
        }
        let resumes = matches!(command, Command::Resume);
        let Some(new) = self.sweeps.get_mut(&key).and_then(|sweep| {
            sweep.changed = Instant::now();
            if resumes {
                sweep.problem.clear();
            }
            sweep.apply(change)
        }) else {
            return;
        };
        if resumes {
            self.resend_specs(key);
        }
        self.drive(event);
        // It takes effect at once; the answer waits until a coordinator started again would know of it.
        self.answer_when_kept(name, new, reply);
        self.finish(key);
    }

    /// Keeps a sweep's state in its journal, and answers then.
    fn answer_when_kept(
        &self,
        name: &str,
        state: SweepState,
        reply: oneshot::Sender<Result<u64, Status>>,
    ) {
        let kept = self.remember(name, recovery::STATE, state.name().to_owned());
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
        sweep.recent.forget_failures();
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

    /// A sweep that had ended has something to do again, because a request asks for it.
    pub(super) fn reactivate(&mut self, key: SweepKey) -> Durable {
        let Some(sweep) = self.sweeps.get_mut(&key) else {
            return Durable::default();
        };
        let (before, after) = (sweep.state, sweep.apply(Change::Reopen));
        let name = sweep.name.clone();
        match (before, after) {
            // Whoever cancelled it kept that in the journal.
            (SweepState::Cancelled, Some(new)) => {
                self.drive(scheduler::Event::Resume { sweep: key });
                let kept = self.remember(&name, recovery::STATE, new.name().to_owned());
                Durable(Some(Box::pin(kept)))
            }
            _ => Durable::default(),
        }
    }
}

/// Why a command is refused in this state.
fn refusal(state: SweepState) -> &'static str {
    match state {
        SweepState::Finished => "it has finished",
        SweepState::Cancelled => "it was cancelled; `parsimony resume` takes it up again",
        SweepState::Opening
        | SweepState::Unopened
        | SweepState::Running
        | SweepState::Paused
        | SweepState::Stopped
        | SweepState::Gone => {
            "it is stopped; repair what its status names, then `parsimony resume`"
        }
    }
}
