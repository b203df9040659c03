//! The event loop's answers to people's programs.

use std::pin::Pin;
use std::sync::Arc;

use rpc::v1;
use scheduler::SweepKey;
use tokio::sync::{oneshot, watch};
use tonic::Status;

use crate::event_loop::EventLoop;
use crate::events::{Change, User};
use crate::open;
use crate::presence;
use crate::work::FolderWork;
use crate::{status, users};

/// Completes once what was changed is in the sweep's journal; at once where nothing had to be.
#[derive(Default)]
pub(crate) struct Kept(Option<Keeping>);

type Keeping = Pin<Box<dyn Future<Output = Result<(), Status>> + Send>>;

impl Kept {
    async fn await_it(self) -> Result<(), Status> {
        match self.0 {
            Some(kept) => kept.await,
            None => Ok(()),
        }
    }
}

impl EventLoop {
    pub(crate) fn user(&mut self, user: User) {
        // A reply that nobody waits for any more is dropped: the change itself stands.
        match user {
            User::Add {
                opened,
                priority,
                reply,
            } => {
                let priority = priority.filter(|&asked| asked != opened.priority);
                let (name, before) = (opened.name.clone(), opened.priority);
                self.add(*opened, before);
                self.prioritize(&name, priority, reply);
            }
            User::Wake {
                name,
                purpose,
                reply,
            } => self.wake(&name, purpose, reply),
            User::Look { name, reply } => self.look(name.as_deref(), reply),
            User::Forget { name, reply } => self.forget(&name, reply),
            User::Remove { name, reply } => self.remove(name, reply),
            User::Removed {
                name,
                failed,
                reply,
            } => self.removed(&name, failed.as_deref(), reply),
            User::Priority {
                name,
                priority,
                reply,
            } => self.prioritize(&name, priority, reply),
            User::Find { name, reply } => {
                let folder = self
                    .named(&name)
                    .map(|(_, sweep)| Arc::clone(&sweep.folder));
                let _ = reply.send(folder);
            }
            User::Grow {
                name,
                folder,
                files,
                reply,
            } => self.grow(&name, folder, files, reply),
            User::Grown {
                awake: _awake,
                name,
                folder,
                files,
                reply,
            } => {
                let kept = self.grown(&name, folder, files);
                tokio::spawn(async move {
                    let _ = reply.send(kept.await_it().await);
                });
            }
            User::Restore { name, files, reply } => self.restore(name, files, reply),
            User::Restored { name, files, reply } => {
                self.restored(&name, &files);
                let _ = reply.send(Ok(()));
            }
            User::Retried {
                awake: _awake,
                sweep,
                numbers,
                counts,
                problem,
                reply,
            } => {
                let freed = numbers.len();
                let kept = self.retried(sweep, numbers, counts);
                let answer = match problem {
                    None => Ok(freed),
                    Some(problem) => Err(Status::internal(format!(
                        "{freed} trials run again, the others not: {problem}"
                    ))),
                };
                tokio::spawn(async move {
                    let _ = reply.send(kept.await_it().await.and(answer));
                });
            }
            User::Statuses { reply } => {
                let open = self
                    .sweeps
                    .iter()
                    .map(|(&key, sweep)| self.status(key, sweep));
                let mut statuses: Vec<_> = self.closed_statuses().into_values().collect();
                statuses.extend(open);
                statuses.sort_by(|a, b| a.name.cmp(&b.name));
                let _ = reply.send(statuses);
            }
            User::Subscribe { name, reply } => {
                let found = self.names.get(&name).copied();
                if let Some(key) = found {
                    self.publish(key);
                }
                let watch = found.and_then(|key| self.sweeps.get(&key));
                let watch = watch.map(|sweep| sweep.watch.subscribe());
                // Nothing changes in one that is not open.
                let closed = || Some(watch::channel(self.closed.get(&name)?.shown()).1);
                let _ = reply.send(watch.or_else(closed));
            }
            User::Change {
                name,
                change,
                reply,
            } => self.change(&name, change, reply),
            User::Workers { reply } => {
                let _ = reply.send(self.worker_statuses());
            }
            User::Load { limits, reply } => {
                let _ = reply.send(self.load(limits));
            }
            User::Pilots(pilots) => self.pilots = Some(pilots),
            User::Metrics { reply } => {
                let _ = reply.send(self.metrics_page());
            }
            User::Settle { name, reply } => {
                let found = self.names.get(&name).copied();
                match found.and_then(|key| self.sweeps.get_mut(&key)) {
                    Some(sweep) if sweep.at_rest() => sweep.writer.list(reply),
                    Some(sweep) => sweep.settling.push(reply),
                    // The dropped reply says so.
                    None => {}
                }
            }
            User::Stop { reply } => {
                let keys: Vec<_> = self.sweeps.keys().copied().collect();
                for sweep in keys {
                    self.drive(scheduler::Event::Pause { sweep });
                    if let Some(state) = self.sweeps.get_mut(&sweep) {
                        // Makes the waiting columns due at once.
                        state.settling.push(oneshot::channel().0);
                    }
                }
                self.stopping = Some(reply);
            }
        }
    }

    fn named(&self, name: &str) -> Option<(SweepKey, &crate::sweeps::SweepState)> {
        let key = *self.names.get(name)?;
        Some((key, self.sweeps.get(&key)?))
    }

    /// Gives a sweep another priority, and answers with the one that it has once it is kept.
    fn prioritize(
        &mut self,
        name: &str,
        priority: Option<i32>,
        reply: oneshot::Sender<Result<i32, Status>>,
    ) {
        let Some(key) = self.names.get(name).copied() else {
            let _ = reply.send(Err(users::no_sweep(name)));
            return;
        };
        let Some(sweep) = self.sweeps.get_mut(&key) else {
            let _ = reply.send(Err(users::no_sweep(name)));
            return;
        };
        let Some(priority) = priority else {
            let _ = reply.send(Ok(sweep.priority));
            return;
        };
        sweep.priority = priority;
        let awake = sweep.awake.clone();
        self.drive(scheduler::Event::SetPriority {
            sweep: key,
            priority,
        });
        self.publish(key);
        let kept = self.remember(name, open::PRIORITY, priority.to_string());
        tokio::spawn(async move {
            let _ = reply.send(kept.await.map(|()| priority));
            drop(awake);
        });
    }

    /// Keeps a word in the sweep's journal; completes once it is there, or cannot be.
    fn remember(
        &self,
        name: &str,
        key: &'static str,
        value: String,
    ) -> impl Future<Output = Result<(), Status>> + use<> {
        let kept = self
            .named(name)
            .map(|(_, sweep)| sweep.writer.set_state(key, value));
        let name = name.to_owned();
        async move {
            let Some(kept) = kept else {
                return Err(users::no_sweep(&name));
            };
            match kept.await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => {
                    tracing::error!(sweep = %name, %error, "not remembered");
                    Err(Status::internal(format!(
                        "`{name}` does as asked until the coordinator is started again: {error}"
                    )))
                }
                Err(_) => Err(Status::unavailable("the coordinator stops")),
            }
        }
    }

    /// The new generation is made durable first; then workers and the scheduler hear of it.
    fn grow(
        &mut self,
        name: &str,
        folder: sweep::Folder,
        files: Vec<v1::FileName>,
        reply: oneshot::Sender<Result<(), Status>>,
    ) {
        let Some(key) = self.names.get(name).copied() else {
            let _ = reply.send(Err(users::no_sweep(name)));
            return;
        };
        let Some(state) = self.sweeps.get_mut(&key) else {
            let _ = reply.send(Err(users::no_sweep(name)));
            return;
        };
        let record = open::record(&folder, &files);
        let toml = record.toml.clone();
        let uploaded = |file: &v1::FileName| {
            let path = self.files.find(&file.hash)?;
            Some((file.hash.clone(), path))
        };
        let kept = files.iter().filter_map(uploaded).collect();
        let durable = state.writer.add_generation(record, toml, kept);
        let awake = state.awake.clone();
        let folder = Arc::new(folder);
        let events = self.events.clone();
        let name = name.to_owned();
        tokio::spawn(async move {
            let answer = match durable.await {
                Ok(Ok(())) => {
                    let grown = User::Grown {
                        awake,
                        name,
                        folder,
                        files,
                        reply,
                    };
                    // A closed loop means that the coordinator is ending.
                    let _ = events.send(crate::events::Event::User(grown)).await;
                    return;
                }
                Ok(Err(error)) => Status::internal(error.to_string()),
                Err(_) => Status::unavailable("the coordinator stops"),
            };
            let _ = reply.send(Err(answer));
        });
    }

    /// The second half of [`EventLoop::grow`].
    pub(crate) fn grown(
        &mut self,
        name: &str,
        folder: Arc<sweep::Folder>,
        files: Vec<v1::FileName>,
    ) -> Kept {
        let Some(key) = self.names.get(name).copied() else {
            return Kept::default();
        };
        let Some(state) = self.sweeps.get_mut(&key) else {
            return Kept::default();
        };
        let (dir, new) = (state.dir.clone(), files.clone());
        state.files.push(files);
        state.folder = Arc::clone(&folder);
        state.predicted_seconds = folder.total_cost().seconds;
        state.complete = false;
        self.know_files(&dir, &new);
        self.drive(scheduler::Event::GrowSweep {
            sweep: key,
            work: Arc::new(FolderWork(folder)),
        });
        let kept = self.take_up_again(key);
        self.publish(key);
        kept
    }

    fn change(&mut self, name: &str, change: Change, reply: oneshot::Sender<Result<u64, Status>>) {
        let Some((key, sweep)) = self.named(name) else {
            let _ = reply.send(Err(users::no_sweep(name)));
            return;
        };
        use v1::SweepState::{Cancelled, Finished, Gone, Paused, Running, Stopped};
        let state = sweep.state;
        let gone = presence::words(&sweep.dir);
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
            self.tell_anew(key);
        }
        self.drive(event);
        // It takes effect at once; the answer waits until a coordinator started again would know of it.
        self.answer_when_kept(name, word, reply);
        self.finish(key);
    }

    /// Keeps a sweep's state in its journal, and answers then.
    fn answer_when_kept(
        &self,
        name: &str,
        word: &str,
        reply: oneshot::Sender<Result<u64, Status>>,
    ) {
        let kept = self.remember(name, open::STATE, word.to_owned());
        tokio::spawn(async move {
            let _ = reply.send(kept.await.map(|()| 0));
        });
    }

    /// Failed rows leave the tables first; then their numbers are pending again.
    fn retry(&mut self, key: SweepKey, reply: oneshot::Sender<Result<u64, Status>>) {
        let Some(sweep) = self.sweeps.get(&key) else {
            return;
        };
        let forgotten = sweep.writer.forget_failed();
        let awake = sweep.awake.clone();
        let events = self.events.clone();
        tokio::spawn(async move {
            let answer = match forgotten.await {
                Ok(Ok((freed, counts))) => {
                    let user = User::Retried {
                        awake,
                        sweep: key,
                        numbers: freed.numbers,
                        counts,
                        problem: freed.problem.map(|problem| problem.to_string()),
                        reply,
                    };
                    // A closed loop means that the coordinator is ending.
                    let _ = events.send(crate::events::Event::User(user)).await;
                    return;
                }
                Ok(Err(error)) => Status::internal(error.to_string()),
                Err(_) => Status::unavailable("the coordinator stops"),
            };
            let _ = reply.send(Err(answer));
        });
    }

    /// The second half of [`EventLoop::retry`].
    pub(crate) fn retried(
        &mut self,
        key: SweepKey,
        numbers: sweep::IntervalSet,
        counts: table::Counts,
    ) -> Kept {
        let Some(sweep) = self.sweeps.get_mut(&key) else {
            return Kept::default();
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
            self.take_up_again(key)
        } else {
            Kept::default()
        };
        self.publish(key);
        kept
    }

    /// A sweep that had ended has something to do again, because somebody wants it so.
    fn take_up_again(&mut self, key: SweepKey) -> Kept {
        use v1::SweepState::{Cancelled, Finished, Running};
        let Some(sweep) = self.sweeps.get_mut(&key) else {
            return Kept::default();
        };
        let was = sweep.state;
        if !matches!(was, Finished | Cancelled) {
            return Kept::default();
        }
        sweep.state = Running;
        if was != Cancelled {
            return Kept::default();
        }
        let name = sweep.name.clone();
        self.drive(scheduler::Event::Resume { sweep: key });
        let kept = self.remember(&name, open::STATE, "running".to_owned());
        Kept(Some(Box::pin(kept)))
    }

    /// The first of the sweeps that a worker cannot run, and why.
    fn problem_of(&self, worker: &crate::event_loop::WorkerState) -> String {
        let mut problems = worker.problems.iter();
        let found = problems.find(|(key, _)| self.sweeps.contains_key(key));
        found.map(|(_, why)| why.clone()).unwrap_or_default()
    }

    fn worker_statuses(&self) -> Vec<v1::WorkerStatus> {
        self.workers
            .iter()
            .map(|(&worker, state)| v1::WorkerStatus {
                worker_id: worker.0,
                name: state.hello.name.clone(),
                host: state.hello.host.clone(),
                threads: state.hello.threads,
                isa: state.hello.isa.clone(),
                program_version: state.hello.program_version.clone(),
                leases: self
                    .scheduler
                    .worker_status(worker)
                    .map_or(0, |seen| u32::try_from(seen.leases).unwrap_or(u32::MAX)),
                trials: state.trials,
                silent_ms: status::since_ms(state.heard),
                connected_ms: status::since_ms(state.joined),
                draining: state.draining,
                problem: self.problem_of(state),
                memory_bytes: state.hello.memory.unwrap_or(0),
            })
            .collect()
    }
}
