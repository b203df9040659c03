//! A sweep whose stored file is not as it was stored: it stops with the name of that file, and goes on once the good
//! one has been submitted again.

use std::path::Path;

use rpc::v1;
use scheduler::{Change, SweepKey, SweepState};
use tonic::Status;

use super::EventLoop;
use super::events::{Completion, Event};
use crate::wire;

impl EventLoop {
    /// Stops every sweep that reads a damaged file.
    pub(crate) fn file_damaged(&mut self, hash: &str, path: &Path, what: &str) {
        let names_it = |files: &Vec<Vec<v1::FileName>>| {
            let file = files.iter().flatten().find(|file| file.hash == hash);
            file.map(|file| file.name.clone())
        };
        let reading: Vec<(SweepKey, String)> = self
            .sweeps
            .iter()
            .filter(|(_, state)| state.state.grants())
            .filter_map(|(&key, state)| Some((key, names_it(&state.files)?)))
            .collect();
        for (key, name) in reading {
            let Some(state) = self.sweeps.get_mut(&key) else {
                continue;
            };
            state.apply(Change::Stop);
            state.lacks_file = true;
            state.problem = format!(
                "the coordinator's copy of `{name}`, {}, {what}; submit the sweep again with the file as it was",
                path.display()
            );
            tracing::error!(sweep = %state.name, problem = %state.problem, "the sweep stops");
            self.drive(scheduler::Event::Pause { sweep: key });
            self.publish(key);
        }
    }

    /// Stores again what was submitted again, and takes the sweep up where it had stopped for want of it.
    pub(crate) fn restore(
        &mut self,
        name: String,
        files: Vec<v1::FileName>,
        reply: tokio::sync::oneshot::Sender<Result<(), Status>>,
    ) {
        let sweep = self.names.get(&name).and_then(|key| self.sweeps.get(key));
        let Some(sweep) = sweep else {
            let _ = reply.send(Err(wire::no_sweep(&name)));
            return;
        };
        let uploaded = |file: &v1::FileName| {
            let path = self.files.find(&file.hash)?;
            Some((file.hash.clone(), path))
        };
        let stored = sweep
            .writer
            .store_files(files.iter().filter_map(uploaded).collect());
        let events = self.events.clone();
        tokio::spawn(async move {
            let answer = match stored.await {
                Ok(Ok(())) => {
                    let restored = Completion::Restored { name, files, reply };
                    // A closed loop means that the coordinator is ending.
                    let _ = events.send(Event::Completed(restored)).await;
                    return;
                }
                Ok(Err(error)) => Status::internal(error.to_string()),
                Err(_) => wire::coordinator_stops(),
            };
            let _ = reply.send(Err(answer));
        });
    }

    /// The second half of [`EventLoop::restore`].
    pub(crate) fn restored(&mut self, name: &str, files: &[v1::FileName]) {
        let Some(key) = self.names.get(name).copied() else {
            return;
        };
        let Some(state) = self.sweeps.get_mut(&key) else {
            return;
        };
        let dir = state.dir.clone();
        let resumes = state.state == SweepState::Stopped && state.lacks_file;
        if resumes {
            state.apply(Change::Resume);
            state.problem.clear();
        }
        state.lacks_file = false;
        self.know_files(&dir, files);
        if resumes {
            self.resend_specs(key);
            self.drive(scheduler::Event::Resume { sweep: key });
        }
        self.publish(key);
    }

    /// Takes up where a run folder keeps files, in place of where they were uploaded to.
    pub(crate) fn know_files(&self, dir: &Path, files: &[v1::FileName]) {
        for file in files {
            if let Some(digits) = crate::files::digits(&file.hash) {
                let path = dir.join("files").join(digits);
                if path.exists() {
                    self.files.add(file.hash.clone(), path);
                    if let crate::Layout::Many(data) = &self.config.layout {
                        crate::files::forget_upload(data, &file.hash);
                    }
                }
            }
        }
    }
}
