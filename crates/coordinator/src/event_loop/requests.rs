//! Requests of clients and of launchers, and the second halves of those that waited for a disk.

use scheduler::SweepKey;
use tokio::sync::{oneshot, watch};
use tonic::Status;

use super::EventLoop;
use super::events::{Completion, SweepRequest};
use super::view::View;

impl EventLoop {
    /// The state, for requests that only read.
    pub(super) fn view(&self) -> View<'_> {
        View {
            config: &self.config,
            scheduler: &self.scheduler,
            sweeps: &self.sweeps,
            names: &self.names,
            dormant: &self.dormant,
            workers: &self.workers,
            metrics: &self.metrics,
            pilots: self.pilots.as_ref(),
            widest_limits: self.widest_limits.unwrap_or_default(),
        }
    }

    /// A reply that nobody waits for any more is dropped: the change itself stands.
    pub(super) fn request(&mut self, request: SweepRequest) {
        match request {
            SweepRequest::Add {
                opened,
                priority,
                reply,
            } => {
                let priority = priority.filter(|&asked| asked != opened.priority);
                let (name, before) = (opened.name.clone(), opened.priority);
                self.add(*opened, before);
                self.prioritize(&name, priority, reply);
            }
            SweepRequest::LookUp {
                name,
                purpose,
                reply,
            } => self.look_up(&name, purpose, reply),
            SweepRequest::Probe { name, reply } => self.probe(name.as_deref(), reply),
            SweepRequest::Forget { name, reply } => self.forget(&name, reply),
            SweepRequest::Remove { name, reply } => self.remove(name, reply),
            SweepRequest::Priority {
                name,
                priority,
                reply,
            } => self.prioritize(&name, priority, reply),
            SweepRequest::Grow {
                name,
                folder,
                files,
                reply,
            } => self.grow(&name, folder, files, reply),
            SweepRequest::Restore { name, files, reply } => self.restore(name, files, reply),
            SweepRequest::Pictures { name, toml, reply } => self.pictures(&name, toml, reply),
            SweepRequest::Subscribe { name, reply } => {
                let _ = reply.send(self.subscribe(&name));
            }
            SweepRequest::Change {
                name,
                command,
                reply,
            } => self.change(&name, command, reply),
            SweepRequest::Inspect(inspect) => inspect(self.view()),
            SweepRequest::Pilots(pilots) => self.pilots = Some(pilots),
            SweepRequest::Settle { name, reply } => {
                let found = self.names.get(&name).copied();
                match found.and_then(|key| self.sweeps.get_mut(&key)) {
                    Some(sweep) if sweep.at_rest() => sweep.writer.list(reply),
                    Some(sweep) => sweep.settling.push(reply),
                    // The dropped reply says so.
                    None => {}
                }
            }
            SweepRequest::Stop { reply } => self.stop(reply),
        }
    }

    /// What a request waited for is durable, or could not become so.
    pub(super) fn complete(&mut self, completion: Completion) {
        match completion {
            Completion::Removed {
                name,
                failed,
                reply,
            } => self.removed(&name, failed.as_deref(), reply),
            Completion::Grown {
                open_guard: _open_guard,
                name,
                folder,
                files,
                reply,
            } => {
                let kept = self.grown(&name, folder, files);
                tokio::spawn(async move {
                    let _ = reply.send(kept.wait().await);
                });
            }
            Completion::Restored { name, files, reply } => {
                self.restored(&name, &files);
                let _ = reply.send(Ok(()));
            }
            Completion::Retried {
                open_guard: _open_guard,
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
                    let _ = reply.send(kept.wait().await.and(answer));
                });
            }
        }
    }

    /// A sweep's status from now on; `None` where there is none of that name.
    fn subscribe(&mut self, name: &str) -> Option<watch::Receiver<rpc::v1::SweepStatus>> {
        let found = self.names.get(name).copied();
        if let Some(key) = found {
            self.publish(key);
        }
        let open = found.and_then(|key| self.sweeps.get(&key));
        match open {
            Some(sweep) => Some(sweep.watch.subscribe()),
            // Nothing changes in one that is not open.
            None => Some(watch::channel(self.dormant.get(name)?.shown()).1),
        }
    }

    /// Grants nothing more, and makes the waiting columns due at once.
    fn stop(&mut self, reply: oneshot::Sender<()>) {
        let keys: Vec<_> = self.sweeps.keys().copied().collect();
        for sweep in keys {
            self.drive(scheduler::Event::Pause { sweep });
            if let Some(state) = self.sweeps.get_mut(&sweep) {
                state.settling.push(oneshot::channel().0);
            }
        }
        self.stopping = Some(reply);
    }

    pub(super) fn named(&self, name: &str) -> Option<(SweepKey, &super::open_sweep::OpenSweep)> {
        let key = *self.names.get(name)?;
        Some((key, self.sweeps.get(&key)?))
    }
}
