//! Sweeps that grow: the new generation is durable first, then workers and the scheduler hear of it.

use std::sync::Arc;

use rpc::v1;
use tokio::sync::oneshot;
use tonic::Status;

use super::EventLoop;
use super::durable::Durable;
use super::events::{Completion, Event};
use crate::work::FolderWork;
use crate::{recovery, wire};

impl EventLoop {
    /// The new generation is made durable first; then workers and the scheduler hear of it.
    pub(super) fn grow(
        &mut self,
        name: &str,
        folder: sweep::Folder,
        files: Vec<v1::FileName>,
        reply: oneshot::Sender<Result<(), Status>>,
    ) {
        let Some(key) = self.names.get(name).copied() else {
            let _ = reply.send(Err(wire::no_sweep(name)));
            return;
        };
        let Some(state) = self.sweeps.get_mut(&key) else {
            let _ = reply.send(Err(wire::no_sweep(name)));
            return;
        };
        let record = recovery::record(&folder, &files);
        let toml = record.toml.clone();
        let uploaded = |file: &v1::FileName| {
            let path = self.files.find(&file.hash)?;
            Some((file.hash.clone(), path))
        };
        let kept = files.iter().filter_map(uploaded).collect();
        let durable = state.writer.add_generation(record, toml, kept);
        let open_guard = state.open_guard.clone();
        let folder = Arc::new(folder);
        let events = self.events.clone();
        let name = name.to_owned();
        tokio::spawn(async move {
            let answer = match durable.await {
                Ok(Ok(())) => {
                    let grown = Completion::Grown {
                        open_guard,
                        name,
                        folder,
                        files,
                        reply,
                    };
                    // A closed loop means that the coordinator is ending.
                    let _ = events.send(Event::Completed(grown)).await;
                    return;
                }
                Ok(Err(error)) => Status::internal(error.to_string()),
                Err(_) => wire::coordinator_stops(),
            };
            let _ = reply.send(Err(answer));
        });
    }

    /// A sweep's folder gets the text with its newest pictures: no trial, no lease and no worker depends on them.
    pub(super) fn pictures(
        &self,
        name: &str,
        toml: String,
        reply: oneshot::Sender<Result<(), Status>>,
    ) {
        let sweep = self.names.get(name).and_then(|key| self.sweeps.get(key));
        let Some(sweep) = sweep else {
            let _ = reply.send(Err(wire::no_sweep(name)));
            return;
        };
        let written = sweep.writer.replace_sweep(toml);
        tokio::spawn(async move {
            let answer = match written.await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(Status::internal(error.to_string())),
                Err(_) => Err(wire::coordinator_stops()),
            };
            let _ = reply.send(answer);
        });
    }

    /// The second half of [`EventLoop::grow`].
    pub(super) fn grown(
        &mut self,
        name: &str,
        folder: Arc<sweep::Folder>,
        files: Vec<v1::FileName>,
    ) -> Durable {
        let Some(key) = self.names.get(name).copied() else {
            return Durable::default();
        };
        let Some(state) = self.sweeps.get_mut(&key) else {
            return Durable::default();
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
        let kept = self.reactivate(key);
        self.publish(key);
        kept
    }
}
