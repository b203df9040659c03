//! Sweeps that are known and not open: those not opened yet since the start, those at rest, those whose folder does
//! not open. A sweep at rest keeps what `list` shows and nothing else: no file, no numbering, no data. It is
//! opened again when somebody wants something of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rpc::v1;
use rpc::v1::SweepState;
use scheduler::SweepKey;
use tokio::sync::oneshot;
use tonic::{Code, Status};

use crate::event_loop::EventLoop;
use crate::events::{Early, Event};
use crate::open::{self, Opened};
use crate::sweeps::SweepState as Sweep;
use crate::{presence, wire};

/// Folders that are opened at a time. Since the start it is one; the others are for those that somebody waits for, and
/// for a few that take long.
const OPENERS: usize = 6;

/// A folder that takes longer to open lets the next one begin: its disk may not answer at all.
const LONG: Duration = Duration::from_secs(5);

/// A worker waits so long for sweeps of which it has leases; then it joins without them, and keeps what it has.
const EARLY: Duration = Duration::from_secs(20);

/// A paused sweep rests once nothing has happened to it for so long: whoever pauses for a moment waits for nothing.
const PAUSED_REST: Duration = Duration::from_secs(600);

/// Keeps a sweep open while somebody holds it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Awake(Arc<()>);

impl Awake {
    /// Nobody else holds it.
    fn is_free(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// Where a sweep that is not open stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Since the start it has not had its turn.
    Queued,
    /// A thread is at it.
    Opening { was: Was },
    /// Its folder is being closed; nobody can open it meanwhile.
    Closing,
    /// Nothing is to be done for it.
    Resting,
    /// Its folder did not open when it was last tried.
    Unopened,
    /// Its folder is being removed.
    Removing,
}

/// What a sweep that is being opened was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Was {
    /// It has its turn since the start.
    Queued,
    /// Somebody wants it, and it was not open since the start.
    Never,
    Resting,
}

/// One that is not open.
pub(crate) struct Closed {
    pub(crate) dir: PathBuf,
    /// Its folder is not there any more.
    pub(crate) gone: bool,
    phase: Phase,
    /// As it was last seen.
    status: v1::SweepStatus,
    /// Those who wait, and what for.
    waiting: Vec<(Purpose, oneshot::Sender<Found>)>,
}

/// What became of asking for a sweep.
pub(crate) enum Found {
    /// It is open as long as this is held.
    Open(Awake),
    /// Its folder is gone.
    Gone(PathBuf),
    /// Its folder does not open; why.
    Unopened(Status),
    Unknown,
}

/// What a sweep is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To do something with it: a folder that did not open is tried again.
    Use,
    /// To hand it in once more, which opens the folder in its own way.
    Submit,
    /// To show it, or to remove it: it is not opened for that.
    See,
}

/// The sweeps of a data folder that wait to be opened.
#[derive(Default)]
pub(crate) struct Openings {
    /// In the order of the folder.
    start: VecDeque<String>,
    /// Somebody waits for these.
    wanted: VecDeque<String>,
    under_way: usize,
    /// Since when the newest of the start is being opened.
    start_since: Option<Instant>,
    /// Workers that hold leases of sweeps that are not open yet.
    early: Vec<Early>,
}

/// Whoever asked may have gone.
fn answer(reply: oneshot::Sender<Found>, found: Found) {
    let _ = reply.send(found);
}

impl Closed {
    fn new(dir: PathBuf, phase: Phase, status: v1::SweepStatus) -> Self {
        Closed {
            dir,
            gone: false,
            phase,
            status,
            waiting: Vec::new(),
        }
    }

    /// What people see of it.
    pub(crate) fn shown(&self) -> v1::SweepStatus {
        let mut shown = self.status.clone();
        let state = match self.phase {
            _ if self.gone => SweepState::Gone,
            Phase::Queued
            | Phase::Opening {
                was: Was::Queued | Was::Never,
            } => SweepState::Opening,
            Phase::Unopened => SweepState::Unopened,
            Phase::Closing
            | Phase::Resting
            | Phase::Removing
            | Phase::Opening { was: Was::Resting } => shown.state(),
        };
        shown.state = state.into();
        if self.gone {
            shown.problem = presence::words(&self.dir);
        }
        shown
    }

    /// It may have something to do that nobody knows of yet.
    fn is_unknown(&self) -> bool {
        match self.phase {
            Phase::Queued
            | Phase::Opening {
                was: Was::Queued | Was::Never,
            } => true,
            Phase::Opening { was: Was::Resting }
            | Phase::Closing
            | Phase::Resting
            | Phase::Unopened
            | Phase::Removing => false,
        }
    }

    /// It was open, and nothing was to be done for it.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.phase == Phase::Resting
    }

    fn answer(&mut self, found: impl Fn() -> Found) {
        for (_, reply) in self.waiting.drain(..) {
            // Whoever waited may have gone.
            let _ = reply.send(found());
        }
    }
}

impl Sweep {
    /// Whether nothing is lost by closing its folder: it has ended, or has been paused for long, and nobody is at it.
    fn may_rest(&self, leased: u64) -> bool {
        let ended = match self.state {
            SweepState::Finished | SweepState::Cancelled => true,
            SweepState::Paused => leased == 0 && self.changed.elapsed() > PAUSED_REST,
            SweepState::Unspecified
            | SweepState::Running
            | SweepState::Stopped
            | SweepState::Opening
            | SweepState::Unopened
            | SweepState::Gone => false,
        };
        let nobody_waits = self.settling.is_empty() && self.settling_now.is_empty();
        ended && nobody_waits && self.settled() && self.awake.is_free() && !self.writer.is_read()
    }
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
            let closed = Closed::new(dir, Phase::Queued, status);
            self.closed.insert(name.clone(), closed);
            self.openings.start.push_back(name);
        }
        self.open_next();
    }

    /// A sweep that somebody wants something of. A sweep that rests is opened first.
    pub(crate) fn wake(&mut self, name: &str, purpose: Purpose, reply: oneshot::Sender<Found>) {
        if let Some(sweep) = self.names.get(name).and_then(|key| self.sweeps.get(key)) {
            let gone = matches!(sweep.state, SweepState::Gone);
            let found = if gone {
                Found::Gone(sweep.dir.clone())
            } else {
                Found::Open(sweep.awake.clone())
            };
            return answer(reply, found);
        }
        let Some(closed) = self.closed.get_mut(name) else {
            return answer(reply, Found::Unknown);
        };
        match (closed.phase, purpose) {
            (Phase::Removing | Phase::Opening { .. } | Phase::Closing, _) => {
                closed.waiting.push((purpose, reply));
            }
            _ if closed.gone => answer(reply, Found::Gone(closed.dir.clone())),
            (Phase::Unopened, Purpose::Submit | Purpose::See) | (Phase::Resting, Purpose::See) => {
                let why = Status::failed_precondition(closed.status.problem.clone());
                answer(reply, Found::Unopened(why));
            }
            (Phase::Queued, _)
            | (Phase::Resting, Purpose::Use | Purpose::Submit)
            | (Phase::Unopened, Purpose::Use) => {
                closed.waiting.push((purpose, reply));
                self.openings.wanted.push_back(name.to_owned());
                self.open_next();
            }
        }
    }

    /// Lets threads open what is due.
    pub(crate) fn open_next(&mut self) {
        while self.openings.under_way < OPENERS && self.stopping.is_none() {
            let openings = &mut self.openings;
            let of_start = openings.wanted.is_empty();
            let next = match of_start {
                false => openings.wanted.pop_front(),
                true if openings.start_since.is_some_and(|at| at.elapsed() < LONG) => None,
                true => openings.start.pop_front(),
            };
            let Some(name) = next else {
                return;
            };
            let Some(closed) = self.closed.get_mut(&name) else {
                continue;
            };
            let was = match closed.phase {
                Phase::Queued if of_start => Was::Queued,
                Phase::Queued | Phase::Unopened => Was::Never,
                Phase::Resting if !of_start => Was::Resting,
                Phase::Closing | Phase::Resting | Phase::Opening { .. } | Phase::Removing => {
                    continue;
                }
            };
            closed.phase = Phase::Opening { was };
            openings.under_way += 1;
            if was == Was::Queued {
                openings.start_since = Some(Instant::now());
            }
            let (config, events) = (Arc::clone(&self.config), self.events.clone());
            tokio::task::spawn_blocking(move || {
                let open = || open::reopen(&config, &name);
                let result = match catch_unwind(AssertUnwindSafe(open)) {
                    Ok(Ok(opened)) => Ok(Box::new(opened)),
                    Ok(Err(error)) => Err(wire::open_status(&error)),
                    Err(_) => Err(Status::internal(
                        "a defect of the program ended the opening of its folder",
                    )),
                };
                // A closed loop means that the coordinator is ending.
                let _ = events.blocking_send(Event::Opened { name, result });
            });
        }
    }

    /// A folder is open, or did not open.
    pub(crate) fn opened(&mut self, name: &str, result: Result<Box<Opened>, Status>) {
        self.openings.under_way -= 1;
        if self.stopping.is_some() {
            return;
        }
        let Some(mut closed) = self.closed.remove(name) else {
            return;
        };
        let was = match closed.phase {
            Phase::Opening { was } => was,
            Phase::Queued | Phase::Closing | Phase::Resting | Phase::Unopened | Phase::Removing => {
                Was::Never
            }
        };
        if was == Was::Queued {
            self.openings.start_since = None;
        }
        match result {
            Ok(mut opened) => {
                if was == Was::Resting {
                    opened.notes.clone_from(&closed.status.notes);
                }
                let priority = opened.priority;
                let key = self.add(*opened, priority);
                let problem = std::mem::take(&mut closed.status.problem);
                if let Some(sweep) = self.sweeps.get_mut(&key) {
                    if was == Was::Resting {
                        sweep.problem = problem;
                    }
                    let awake = sweep.awake.clone();
                    closed.answer(|| Found::Open(awake.clone()));
                }
            }
            Err(error) => {
                let why = Status::new(error.code(), format!("`{name}`: {}", error.message()));
                closed.answer(|| Found::Unopened(why.clone()));
                closed.phase = match was {
                    // What it had done stands.
                    Was::Resting => Phase::Resting,
                    Was::Queued | Was::Never => {
                        tracing::error!(sweep = %name, error = error.message(), "not opened");
                        error.message().clone_into(&mut closed.status.problem);
                        Phase::Unopened
                    }
                };
                self.closed.insert(name.to_owned(), closed);
            }
        }
        self.join_early();
        self.open_next();
    }

    /// Whether a worker brings leases of sweeps that are not open yet: they go first, and it waits.
    pub(crate) fn is_early(&mut self, early: &Early) -> bool {
        let names: BTreeSet<&str> = early
            .hello
            .held
            .iter()
            .map(|held| held.0.as_str())
            .collect();
        let mut waits = false;
        for name in names {
            let Some(closed) = self.closed.get(name).filter(|closed| closed.is_unknown()) else {
                continue;
            };
            waits = true;
            if closed.phase == Phase::Queued {
                self.openings.wanted.push_back(name.to_owned());
            }
        }
        self.open_next();
        waits && early.since.elapsed() < EARLY
    }

    /// Keeps a worker until its sweeps are open.
    pub(crate) fn wait_early(&mut self, early: Early) {
        self.openings.early.push(early);
    }

    /// Lets workers join whose sweeps are open, or take too long.
    pub(crate) fn join_early(&mut self) {
        for early in std::mem::take(&mut self.openings.early) {
            self.join_in_time(early);
        }
    }

    /// Whether reports for a sweep that is not open are to be kept by their workers: what cannot be written now may be
    /// wanted once its folder is mended.
    pub(crate) fn keeps_reports(&self, name: &str) -> bool {
        let unopened = |closed: &Closed| closed.phase == Phase::Unopened;
        let closed = self.closed.get(name);
        closed.is_some_and(|closed| closed.is_unknown() || unopened(closed))
    }

    /// Lets sweeps rest that may.
    pub(crate) fn rest_due(&mut self) {
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
            .filter(|&(&key, sweep)| sweep.may_rest(leased(key)))
            .map(|(&key, _)| key)
            .collect();
        for key in resting {
            self.rest(key);
        }
    }

    fn rest(&mut self, key: SweepKey) {
        self.publish(key);
        let Some(status) = self.sweeps.get(&key).map(|sweep| self.status(key, sweep)) else {
            return;
        };
        let Some(sweep) = self.close(key) else {
            return;
        };
        let closed = Closed::new(sweep.dir, Phase::Closing, status);
        self.closed.insert(sweep.name.clone(), closed);
        let (name, events) = (sweep.name, self.events.clone());
        sweep.writer.close(move || {
            // A closed loop means that the coordinator is ending.
            let _ = events.blocking_send(Event::Closed { name });
        });
    }

    /// A folder is closed: those who came meanwhile have their turn.
    pub(crate) fn closed(&mut self, name: &str) {
        let Some(closed) = self.closed.get_mut(name) else {
            return;
        };
        if closed.phase == Phase::Closing {
            closed.phase = Phase::Resting;
            for (purpose, reply) in std::mem::take(&mut closed.waiting) {
                self.wake(name, purpose, reply);
            }
        }
    }

    /// Takes a sweep from the scheduler and from those that are open. Dropping what is returned closes its folder.
    pub(crate) fn close(&mut self, key: SweepKey) -> Option<Sweep> {
        // Leases end while the sweep is still known by its name.
        self.drive(scheduler::Event::RemoveSweep { sweep: key });
        let mut sweep = self.sweeps.remove(&key)?;
        self.names.remove(&sweep.name);
        self.checkpoints.forget(&sweep.name);
        for worker in self.workers.values_mut() {
            worker.told.remove(&key);
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
        self.closed.remove(name);
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
        let (dir, status) = match self.names.get(name).copied() {
            Some(key) => {
                let sweep = self.sweeps.get(&key)?;
                (sweep.dir.clone(), self.status(key, sweep))
            }
            None => {
                let closed = self.closed.get(name)?;
                (closed.dir.clone(), closed.status.clone())
            }
        };
        let (reply, is_closed) = oneshot::channel();
        self.forget(name, reply);
        let closed = Closed::new(dir.clone(), Phase::Removing, status);
        self.closed.insert(name.to_owned(), closed);
        Some((dir, is_closed))
    }

    /// A folder is removed, or could not be.
    pub(crate) fn end_removal(&mut self, name: &str, failed: Option<&str>) {
        let Some(mut closed) = self.closed.remove(name) else {
            return;
        };
        let Some(why) = failed else {
            closed.answer(|| Found::Unknown);
            return;
        };
        closed.answer(|| Found::Unopened(Status::new(Code::FailedPrecondition, why)));
        closed.phase = Phase::Unopened;
        closed.status.problem = format!("not removed: {why}");
        self.closed.insert(name.to_owned(), closed);
    }

    /// Sweeps that are not open, as people see them.
    pub(crate) fn closed_statuses(&self) -> BTreeMap<&str, v1::SweepStatus> {
        self.closed
            .iter()
            .map(|(name, closed)| (name.as_str(), closed.shown()))
            .collect()
    }
}
