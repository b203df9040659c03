//! What each event does.

use tokio::time::Instant;

use super::EventLoop;
use super::events::Event;
use super::worker_state::running_trials;
use crate::messages::TimeLeft;

impl EventLoop {
    pub(super) fn handle(&mut self, event: Event) {
        match event {
            Event::Joined(pending) => self.join_when_ready(*pending),
            Event::Gone {
                worker,
                connection,
                for_good,
            } => self.gone(worker, connection, for_good),
            Event::Heartbeat {
                worker,
                leases,
                left,
            } => {
                self.hear(worker);
                self.drive(scheduler::Event::Heartbeat { worker, leases });
                if let Some(state) = self.workers.get_mut(&worker) {
                    let known = |left: &TimeLeft| self.scheduler.sweep_of(worker, left.lease);
                    let named = left.iter().filter_map(|left| Some((known(left)?, *left)));
                    state.beat = Instant::now();
                    state.running = running_trials(&state.running, state.beat, named);
                }
            }
            Event::Heard { worker } => {
                self.hear(worker);
                self.drive(scheduler::Event::Heard { worker });
            }
            Event::GiveBack {
                worker,
                lease,
                numbers,
                cannot_run,
            } => {
                self.hear(worker);
                if let Some(why) = &cannot_run {
                    self.cannot_run(worker, lease, why);
                }
                self.drive(scheduler::Event::GiveBack {
                    worker,
                    lease,
                    numbers,
                    unfit: cannot_run.is_some(),
                });
            }
            Event::Drain { worker } => {
                if let Some(state) = self.workers.get_mut(&worker) {
                    state.draining = true;
                    state.heard = Instant::now();
                }
                self.drive(scheduler::Event::Drain { worker });
            }
            Event::Report(report) => self.report(*report),
            Event::Checkpoint(checkpoint) => self.checkpoint(*checkpoint),
            Event::Written { sweep, result } => self.written(sweep, result),
            Event::Compacted { sweep } => self.compacted(sweep),
            Event::FileDamaged { hash, path, what } => self.file_damaged(&hash, &path, what),
            Event::FolderOpened { name, result } => self.folder_opened(&name, result),
            Event::FolderClosed { name } => self.folder_closed(&name),
            Event::FoldersProbed { seen, reply } => {
                self.folders_probed(seen);
                // Whoever asked may have gone.
                let _ = reply.map(|reply| reply.send(()));
            }
            Event::Request(request) => self.request(request),
            Event::Completed(completion) => self.complete(completion),
        }
    }
}
