//! Sweeps whose folders are closed: those with nothing to do, those that are forgotten, those that are removed.

use std::path::PathBuf;

use scheduler::SweepKey;
use tokio::sync::oneshot;
use tonic::{Code, Status};

use super::EventLoop;
use super::dormant::{DormantSweep, Lookup, Phase};
use super::events::{Completion, Event};
use super::open_sweep::OpenSweep;
use crate::config::Layout;
use crate::removal::remove_folder;
use crate::wire;

impl EventLoop {
    /// Lets sweeps rest that may.
    pub(crate) fn close_idle_sweeps(&mut self) {
        if self.is_local() || self.stopping.is_some() {
            return;
        }
        let leased = |key| {
            self.scheduler
                .sweep_status(key)
                .map_or(0, |seen| seen.leased)
        };
        let resting: Vec<_> = self
            .sweeps
            .iter()
            .filter(|&(&key, sweep)| sweep.may_close(leased(key)))
            .map(|(&key, _)| key)
            .collect();
        for key in resting {
            self.close_idle(key);
        }
    }

    fn close_idle(&mut self, key: SweepKey) {
        self.publish(key);
        let Some(status) = self
            .sweeps
            .get(&key)
            .map(|sweep| self.view().status(key, sweep))
        else {
            return;
        };
        let Some(sweep) = self.close(key) else {
            return;
        };
        let closed = DormantSweep::new(sweep.dir, Phase::Closing, sweep.state, status);
        self.dormant.insert(sweep.name.clone(), closed);
        let (name, events) = (sweep.name, self.events.clone());
        sweep.writer.close(move || {
            // A closed loop means that the coordinator is ending.
            let _ = events.blocking_send(Event::FolderClosed { name });
        });
    }

    /// A folder is closed: those who came meanwhile have their turn.
    pub(crate) fn folder_closed(&mut self, name: &str) {
        let Some(closed) = self.dormant.get_mut(name) else {
            return;
        };
        if closed.phase == Phase::Closing {
            closed.phase = Phase::Closed;
            for (purpose, reply) in std::mem::take(&mut closed.waiting) {
                self.look_up(name, purpose, reply);
            }
        }
    }

    /// Takes a sweep from the scheduler and from those that are open. Dropping what is returned closes its folder.
    pub(crate) fn close(&mut self, key: SweepKey) -> Option<OpenSweep> {
        // Leases end while the sweep is still known by its name.
        self.drive(scheduler::Event::RemoveSweep { sweep: key });
        let mut sweep = self.sweeps.remove(&key)?;
        self.names.remove(&sweep.name);
        self.checkpoints.forget(&sweep.name);
        for worker in self.workers.values_mut() {
            worker.specs_sent.remove(&key);
        }
        let mut reports = sweep.writing.take().unwrap_or_default();
        reports.append(&mut sweep.buffer.reports);
        if !reports.is_empty() {
            self.acknowledge(&reports);
        }
        Some(sweep)
    }

    /// Forgets a sweep, and answers once its folder is closed: a new one may then take its place.
    pub(crate) fn forget(&mut self, name: &str, reply: oneshot::Sender<()>) {
        self.dormant.remove(name);
        let key = self.names.get(name).copied();
        // Whoever waits may have gone.
        let answer = move || {
            let _ = reply.send(());
        };
        match key.and_then(|key| self.close(key)) {
            Some(sweep) => sweep.writer.close(answer),
            None => answer(),
        }
    }

    /// Marks a sweep as being removed, and forgets the rest of it.
    pub(crate) fn begin_removal(&mut self, name: &str) -> Option<(PathBuf, oneshot::Receiver<()>)> {
        let (dir, state, status) = match self.names.get(name).copied() {
            Some(key) => {
                let sweep = self.sweeps.get(&key)?;
                (
                    sweep.dir.clone(),
                    sweep.state,
                    self.view().status(key, sweep),
                )
            }
            None => {
                let closed = self.dormant.get(name)?;
                (closed.dir.clone(), closed.state, closed.status.clone())
            }
        };
        let (reply, is_closed) = oneshot::channel();
        self.forget(name, reply);
        let closed = DormantSweep::new(dir.clone(), Phase::Removing, state, status);
        self.dormant.insert(name.to_owned(), closed);
        Some((dir, is_closed))
    }

    /// A folder is removed, or could not be.
    pub(crate) fn end_removal(&mut self, name: &str, failed: Option<&str>) {
        let Some(mut closed) = self.dormant.remove(name) else {
            return;
        };
        let Some(why) = failed else {
            closed.answer(|| Lookup::Unknown);
            return;
        };
        closed.answer(|| Lookup::Unopened(Status::new(Code::FailedPrecondition, why)));
        closed.phase = Phase::FailedToOpen;
        closed.status.problem = format!("not removed: {why}");
        self.dormant.insert(name.to_owned(), closed);
    }

    /// Forgets a sweep, then removes its folder, then answers.
    pub(crate) fn remove(&mut self, name: String, reply: oneshot::Sender<Result<(), Status>>) {
        let Layout::Many(data) = &self.config.layout else {
            let _ = reply.send(Err(Status::failed_precondition(
                "a local run has one sweep; remove its folder",
            )));
            return;
        };
        let data = data.clone();
        let Some((dir, is_closed)) = self.begin_removal(&name) else {
            let _ = reply.send(Err(wire::no_sweep(&name)));
            return;
        };
        let events = self.events.clone();
        tokio::spawn(async move {
            // A dropped sender means that the folder is closed as well.
            let _ = is_closed.await;
            let removed = tokio::task::spawn_blocking(move || remove_folder(&data, &dir)).await;
            let failed = match removed {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(error) => Some(error.to_string()),
            };
            let removed = Completion::Removed {
                name,
                failed,
                reply,
            };
            // A closed loop means that the coordinator is ending.
            let _ = events.send(Event::Completed(removed)).await;
        });
    }

    /// The second half of [`EventLoop::remove`].
    pub(crate) fn removed(
        &mut self,
        name: &str,
        failed: Option<&str>,
        reply: oneshot::Sender<Result<(), Status>>,
    ) {
        self.end_removal(name, failed);
        let answer = match failed {
            None => {
                tracing::info!(sweep = %name, "removed");
                Ok(())
            }
            Some(why) => Err(Status::failed_precondition(format!("`{name}`: {why}"))),
        };
        // Whoever asked may have gone.
        let _ = reply.send(answer);
    }
}
