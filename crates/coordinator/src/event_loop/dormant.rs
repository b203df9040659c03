//! Sweeps that are known and not open: those not opened yet since the start, those at rest, those whose folder does
//! not open. A sweep at rest keeps what `list` shows and nothing else: no file, no numbering, no data. It is
//! opened again when a request needs it.

use std::collections::VecDeque;
use std::path::PathBuf;

use rpc::v1;
use scheduler::SweepState;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tonic::Status;

use super::open_sweep::OpenGuard;
use crate::messages::PendingJoin;
use crate::{folder_probe, wire};

/// Where a sweep that is not open stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Since the start it has not had its turn.
    Queued,
    /// A thread is at it.
    Opening { was: PhaseBefore },
    /// Its folder is being closed; nobody can open it meanwhile.
    Closing,
    /// Nothing is to be done for it.
    Closed,
    /// Its folder did not open when it was last tried.
    FailedToOpen,
    /// Its folder is being removed.
    Removing,
}

/// What a sweep that is being opened was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PhaseBefore {
    /// It has its turn since the start.
    Queued,
    /// A request needs it, and it was not open since the start.
    Never,
    Closed,
}

/// One that is not open.
pub(crate) struct DormantSweep {
    pub(crate) dir: PathBuf,
    /// Its folder is not there any more.
    pub(crate) gone: bool,
    pub(super) phase: Phase,
    /// What it was at while it was open.
    pub(super) state: SweepState,
    /// As it was last seen.
    pub(super) status: v1::SweepStatus,
    /// Those who wait, and what for.
    pub(super) waiting: Vec<(LookupPurpose, oneshot::Sender<Lookup>)>,
}

/// What became of asking for a sweep.
pub(crate) enum Lookup {
    /// It is open as long as this is held.
    Open(OpenGuard),
    /// Its folder is gone.
    Gone(PathBuf),
    /// Its folder does not open; why.
    Unopened(Status),
    Unknown,
}

/// What a sweep is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LookupPurpose {
    /// To do something with it: a folder that did not open is tried again.
    Use,
    /// To hand it in once more, which opens the folder in its own way.
    Submit,
    /// To show it, or to remove it: it is not opened for that.
    See,
}

/// The sweeps of a data folder that wait to be opened.
#[derive(Default)]
pub(crate) struct OpenQueue {
    /// In the order of the folder.
    pub(super) start: VecDeque<String>,
    /// Requests wait for these.
    pub(super) wanted: VecDeque<String>,
    pub(super) under_way: usize,
    /// Since when the newest of the start is being opened.
    pub(super) start_since: Option<Instant>,
    /// Workers that hold leases of sweeps that are not open yet.
    pub(super) pending: Vec<PendingJoin>,
}

impl DormantSweep {
    pub(super) fn new(
        dir: PathBuf,
        phase: Phase,
        state: SweepState,
        status: v1::SweepStatus,
    ) -> Self {
        DormantSweep {
            dir,
            gone: false,
            phase,
            state,
            status,
            waiting: Vec::new(),
        }
    }

    /// What it is at, as far as is known.
    pub(super) fn state(&self) -> SweepState {
        match self.phase {
            _ if self.gone => SweepState::Gone,
            Phase::Queued
            | Phase::Opening {
                was: PhaseBefore::Queued | PhaseBefore::Never,
            } => SweepState::Opening,
            Phase::FailedToOpen => SweepState::Unopened,
            Phase::Closing
            | Phase::Closed
            | Phase::Removing
            | Phase::Opening {
                was: PhaseBefore::Closed,
            } => self.state,
        }
    }

    /// What is shown of it.
    pub(crate) fn shown(&self) -> v1::SweepStatus {
        let mut shown = self.status.clone();
        shown.state = wire::sweep_state(self.state()).into();
        if self.gone {
            shown.problem = folder_probe::missing_message(&self.dir);
        }
        shown
    }

    /// It may have something to do that nobody knows of yet.
    pub(super) fn is_unknown(&self) -> bool {
        match self.phase {
            Phase::Queued
            | Phase::Opening {
                was: PhaseBefore::Queued | PhaseBefore::Never,
            } => true,
            Phase::Opening {
                was: PhaseBefore::Closed,
            }
            | Phase::Closing
            | Phase::Closed
            | Phase::FailedToOpen
            | Phase::Removing => false,
        }
    }

    /// It was open, and nothing was to be done for it.
    pub(crate) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    pub(super) fn answer(&mut self, found: impl Fn() -> Lookup) {
        for (_, reply) in self.waiting.drain(..) {
            // Whoever waited may have gone.
            let _ = reply.send(found());
        }
    }
}
