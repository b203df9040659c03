//! Sweeps that are looked up, opened, and put under the scheduler. Folders are opened one by one while others are
//! served.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rpc::v1;
use scheduler::{SweepKey, SweepState};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tonic::Status;

use super::EventLoop;
use super::dormant::{DormantSweep, Lookup, LookupPurpose, Phase, PhaseBefore};
use super::events::Event;
use super::open_sweep::{self, Buffer, Compaction, OpenGuard, OpenSweep};
use super::recent::Recent;
use crate::eta::Pace;
use crate::lease_token::SweepIdentity;
use crate::messages::PendingJoin;
use crate::recovery::{self, RecoveredSweep};
use crate::stopwatch::Stopwatch;
use crate::wire;
use crate::work::FolderWork;
use crate::writer::Writer;

/// Folders that are opened at a time. Since the start it is one; the others are for those that a client waits for, and
/// for a few that take long.
const OPENERS: usize = 6;

/// A folder that takes longer to open lets the next one begin: its disk may not answer at all.
const LONG: Duration = Duration::from_secs(5);

/// A worker waits so long for sweeps of which it has leases; then it joins without them, and keeps what it has.
const JOIN_HOLD: Duration = Duration::from_secs(20);

/// Whoever asked may have gone.
fn answer(reply: oneshot::Sender<Lookup>, found: Lookup) {
    let _ = reply.send(found);
}

impl EventLoop {
    /// Takes up the run folders that a data folder holds; they are opened one by one while others are served.
    pub(crate) fn expect(&mut self, folders: Vec<(String, PathBuf)>) {
        for (name, dir) in folders {
            let status = v1::SweepStatus {
                name: name.clone(),
                folder: dir.display().to_string(),
                eta_seconds: -1.0,
                ..v1::SweepStatus::default()
            };
            let closed = DormantSweep::new(dir, Phase::Queued, SweepState::Opening, status);
            self.dormant.insert(name.clone(), closed);
            self.open_queue.start.push_back(name);
        }
        self.open_next();
    }

    /// Puts an opened sweep under the scheduler.
    pub(crate) fn add(&mut self, opened: RecoveredSweep, priority: i32) -> SweepKey {
        let sweep = SweepKey(self.next_sweep);
        let writer = Writer::new(&self.pool, opened.run_folder);
        self.next_sweep += 1;
        for files in &opened.files {
            self.know_files(&opened.dir, files);
        }
        let done = opened.progress.done;
        self.checkpoints
            .take_up(&opened.name, &opened.dir, |trial| !done.contains(trial));
        let folder = Arc::new(opened.folder);
        let predicted_seconds = folder.total_cost().seconds;
        let done_seconds = open_sweep::predicted(&folder, &done).min(predicted_seconds);
        let complete = done.len() == folder.count();
        let compaction = self.compaction_at_start(sweep, &writer, complete);
        let state = OpenSweep {
            name: opened.name.clone(),
            identity: SweepIdentity::of_folder(&folder),
            dir: opened.dir,
            folder_id: opened.folder_id,
            folder: Arc::clone(&folder),
            files: opened.files,
            writer,
            buffer: Buffer::default(),
            writing: None,
            last_flush: Instant::now(),
            begun: Instant::now(),
            running_time: Stopwatch::default(),
            state: opened.state,
            complete: false,
            counts: opened.progress.counts,
            comparisons: opened.progress.comparisons,
            predicted_seconds,
            done_seconds,
            reported: 0,
            pace: Pace::default(),
            problem: String::new(),
            lacks_file: false,
            priority,
            notes: opened.notes,
            watch: watch::channel(v1::SweepStatus::default()).0,
            settling: Vec::new(),
            settling_now: Vec::new(),
            compaction,
            open_guard: OpenGuard::default(),
            changed: Instant::now(),
            recent: Recent::of_folder(&opened.progress.failed),
        };
        let paused = !state.state.grants();
        self.dormant.remove(&opened.name);
        self.names.insert(opened.name, sweep);
        self.sweeps.insert(sweep, state);
        let failed = opened.progress.failed.iter().map(|f| f.trial..f.trial + 1);
        self.drive(scheduler::Event::AddSweep {
            sweep,
            work: Arc::new(FolderWork(folder)),
            done,
            failed: failed.collect(),
            priority,
            paused,
        });
        self.publish(sweep);
        sweep
    }

    /// A sweep that is complete since an earlier process is shown as finished at once, and what small parts that one
    /// left are joined meanwhile.
    fn compaction_at_start(&self, sweep: SweepKey, writer: &Writer, complete: bool) -> Compaction {
        if !complete {
            return Compaction::Due;
        }
        let events = self.events.clone();
        writer.join(table::Joining::AtEnd, move || {
            // A closed loop means that the coordinator is ending.
            let _ = events.blocking_send(Event::Compacted { sweep });
        });
        Compaction::Late
    }

    /// A sweep that a request names. A sweep that rests is opened first.
    pub(crate) fn look_up(
        &mut self,
        name: &str,
        purpose: LookupPurpose,
        reply: oneshot::Sender<Lookup>,
    ) {
        if let Some(sweep) = self.names.get(name).and_then(|key| self.sweeps.get(key)) {
            let gone = matches!(sweep.state, SweepState::Gone);
            let found = if gone {
                Lookup::Gone(sweep.dir.clone())
            } else {
                Lookup::Open(sweep.open_guard.clone())
            };
            return answer(reply, found);
        }
        let Some(closed) = self.dormant.get_mut(name) else {
            return answer(reply, Lookup::Unknown);
        };
        match (closed.phase, purpose) {
            (Phase::Removing | Phase::Opening { .. } | Phase::Closing, _) => {
                closed.waiting.push((purpose, reply));
            }
            _ if closed.gone => answer(reply, Lookup::Gone(closed.dir.clone())),
            (Phase::FailedToOpen, LookupPurpose::Submit | LookupPurpose::See)
            | (Phase::Closed, LookupPurpose::See) => {
                let why = Status::failed_precondition(closed.status.problem.clone());
                answer(reply, Lookup::Unopened(why));
            }
            (Phase::Queued, _)
            | (Phase::Closed, LookupPurpose::Use | LookupPurpose::Submit)
            | (Phase::FailedToOpen, LookupPurpose::Use) => {
                closed.waiting.push((purpose, reply));
                self.open_queue.wanted.push_back(name.to_owned());
                self.open_next();
            }
        }
    }

    /// Lets threads open what is due.
    pub(crate) fn open_next(&mut self) {
        while self.open_queue.under_way < OPENERS && self.stopping.is_none() {
            let open_queue = &mut self.open_queue;
            let of_start = open_queue.wanted.is_empty();
            let next = match of_start {
                false => open_queue.wanted.pop_front(),
                true if open_queue.start_since.is_some_and(|at| at.elapsed() < LONG) => None,
                true => open_queue.start.pop_front(),
            };
            let Some(name) = next else {
                return;
            };
            let Some(closed) = self.dormant.get_mut(&name) else {
                continue;
            };
            let was = match closed.phase {
                Phase::Queued if of_start => PhaseBefore::Queued,
                Phase::Queued | Phase::FailedToOpen => PhaseBefore::Never,
                Phase::Closed if !of_start => PhaseBefore::Closed,
                Phase::Closing | Phase::Closed | Phase::Opening { .. } | Phase::Removing => {
                    continue;
                }
            };
            closed.phase = Phase::Opening { was };
            open_queue.under_way += 1;
            if was == PhaseBefore::Queued {
                open_queue.start_since = Some(Instant::now());
            }
            let (config, events) = (Arc::clone(&self.config), self.events.clone());
            tokio::task::spawn_blocking(move || {
                let open = || recovery::reopen(&config, &name);
                let result = match catch_unwind(AssertUnwindSafe(open)) {
                    Ok(Ok(opened)) => Ok(Box::new(opened)),
                    Ok(Err(error)) => Err(wire::open_status(&error)),
                    Err(_) => Err(Status::internal(
                        "a defect of the program ended the opening of its folder",
                    )),
                };
                // A closed loop means that the coordinator is ending.
                let _ = events.blocking_send(Event::FolderOpened { name, result });
            });
        }
    }

    /// A folder is open, or did not open.
    pub(crate) fn folder_opened(
        &mut self,
        name: &str,
        result: Result<Box<RecoveredSweep>, Status>,
    ) {
        self.open_queue.under_way -= 1;
        if self.stopping.is_some() {
            return;
        }
        let Some(mut closed) = self.dormant.remove(name) else {
            return;
        };
        let was = match closed.phase {
            Phase::Opening { was } => was,
            Phase::Queued
            | Phase::Closing
            | Phase::Closed
            | Phase::FailedToOpen
            | Phase::Removing => PhaseBefore::Never,
        };
        if was == PhaseBefore::Queued {
            self.open_queue.start_since = None;
        }
        match result {
            Ok(mut opened) => {
                if was == PhaseBefore::Closed {
                    opened.notes.clone_from(&closed.status.notes);
                }
                let priority = opened.priority;
                let key = self.add(*opened, priority);
                let problem = std::mem::take(&mut closed.status.problem);
                if let Some(sweep) = self.sweeps.get_mut(&key) {
                    if was == PhaseBefore::Closed {
                        sweep.problem = problem;
                    }
                    let open_guard = sweep.open_guard.clone();
                    closed.answer(|| Lookup::Open(open_guard.clone()));
                }
            }
            Err(error) => {
                let why = Status::new(error.code(), format!("`{name}`: {}", error.message()));
                closed.answer(|| Lookup::Unopened(why.clone()));
                closed.phase = match was {
                    // What it had done stands.
                    PhaseBefore::Closed => Phase::Closed,
                    PhaseBefore::Queued | PhaseBefore::Never => {
                        tracing::error!(sweep = %name, error = error.message(), "not opened");
                        error.message().clone_into(&mut closed.status.problem);
                        Phase::FailedToOpen
                    }
                };
                self.dormant.insert(name.to_owned(), closed);
            }
        }
        self.retry_held_joins();
        self.open_next();
    }

    /// Whether a worker brings leases of sweeps that are not open yet: they go first, and it waits.
    pub(crate) fn must_wait_to_join(&mut self, pending: &PendingJoin) -> bool {
        let names: BTreeSet<&str> = pending
            .registration
            .held
            .iter()
            .map(|held| held.0.as_str())
            .collect();
        let mut waits = false;
        for name in names {
            let Some(closed) = self.dormant.get(name).filter(|closed| closed.is_unknown()) else {
                continue;
            };
            waits = true;
            if closed.phase == Phase::Queued {
                self.open_queue.wanted.push_back(name.to_owned());
            }
        }
        self.open_next();
        waits && pending.since.elapsed() < JOIN_HOLD
    }

    /// Keeps a worker until its sweeps are open.
    pub(crate) fn hold_join(&mut self, pending: PendingJoin) {
        self.open_queue.pending.push(pending);
    }

    /// Lets workers join whose sweeps are open, or take too long.
    pub(crate) fn retry_held_joins(&mut self) {
        for pending in std::mem::take(&mut self.open_queue.pending) {
            self.join_when_ready(pending);
        }
    }

    /// Whether reports for a sweep that is not open are to be kept by their workers: what cannot be written now may be
    /// wanted once its folder is mended.
    pub(crate) fn keeps_reports(&self, name: &str) -> bool {
        let unopened = |closed: &DormantSweep| closed.phase == Phase::FailedToOpen;
        let closed = self.dormant.get(name);
        closed.is_some_and(|closed| closed.is_unknown() || unopened(closed))
    }
}
