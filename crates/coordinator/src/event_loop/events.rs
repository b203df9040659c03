//! What the event loop takes in: from workers' sessions, from clients' calls, from the writers.

use std::path::PathBuf;
use std::sync::Arc;

use rpc::v1;
use scheduler::{LeaseBeat, LeaseId, SweepKey, WorkerId};
use sweep::IntervalSet;
use table::{Batch, FolderError};
use tokio::sync::{oneshot, watch};
use tonic::Status;

use super::dormant::{Lookup, LookupPurpose};
use super::open_sweep::OpenGuard;
use super::view::View;
use crate::folder_probe::Probe;
use crate::load::Pilots;
use crate::messages::{CannotRun, PendingJoin, ReceivedCheckpoint, ReceivedReport, TimeLeft};
use crate::recovery::RecoveredSweep;
use crate::writer::{Committed, ListingReply};

pub(crate) enum Event {
    Joined(Box<PendingJoin>),
    /// A connection has ended; another of the same worker may have begun.
    Gone {
        worker: WorkerId,
        connection: u64,
        /// The worker broke a rule and is not expected back.
        for_good: bool,
    },
    Heartbeat {
        worker: WorkerId,
        leases: Vec<LeaseBeat>,
        left: Vec<TimeLeft>,
    },
    /// A piece of a message that is still on its way.
    Heard {
        worker: WorkerId,
    },
    Drain {
        worker: WorkerId,
    },
    GiveBack {
        worker: WorkerId,
        lease: LeaseId,
        numbers: IntervalSet,
        /// Why the worker can run nothing of the lease's sweep, where that is so.
        cannot_run: Option<CannotRun>,
    },
    Report(Box<ReceivedReport>),
    Checkpoint(Box<ReceivedCheckpoint>),
    Written {
        sweep: SweepKey,
        result: Result<Committed, (FolderError, Batch)>,
    },
    /// Small parts of a complete sweep have been joined.
    Compacted {
        sweep: SweepKey,
    },
    /// A stored file that a worker asked for is not as it was stored.
    FileDamaged {
        hash: String,
        path: PathBuf,
        what: &'static str,
    },
    /// A run folder is open, or why it did not open.
    FolderOpened {
        name: String,
        result: Result<Box<RecoveredSweep>, Status>,
    },
    /// The folder of a sweep that rests is closed.
    FolderClosed {
        name: String,
    },
    /// Folders were looked at, and whether each is gone.
    FoldersProbed {
        seen: Vec<(Probe, bool)>,
        reply: Option<oneshot::Sender<()>>,
    },
    Request(SweepRequest),
    Completed(Completion),
}

/// What people ask.
pub(crate) enum SweepRequest {
    Add {
        opened: Box<RecoveredSweep>,
        priority: Option<i32>,
        reply: oneshot::Sender<Result<i32, Status>>,
    },
    /// A sweep that is to be open, or is looked for.
    LookUp {
        name: String,
        purpose: LookupPurpose,
        reply: oneshot::Sender<Lookup>,
    },
    /// Whether the folder of one sweep, or of every one, is still there.
    Probe {
        name: Option<String>,
        reply: oneshot::Sender<()>,
    },
    /// A sweep whose folder is gone is to be forgotten.
    Forget {
        name: String,
        reply: oneshot::Sender<()>,
    },
    Remove {
        name: String,
        reply: oneshot::Sender<Result<(), Status>>,
    },
    /// Another priority, or which it is; answers with it once it is kept.
    Priority {
        name: String,
        priority: Option<i32>,
        reply: oneshot::Sender<Result<i32, Status>>,
    },
    Grow {
        name: String,
        folder: sweep::Folder,
        files: Vec<v1::FileName>,
        reply: oneshot::Sender<Result<(), Status>>,
    },
    /// A sweep was submitted again as it is: its files may be wanted again.
    Restore {
        name: String,
        files: Vec<v1::FileName>,
        reply: oneshot::Sender<Result<(), Status>>,
    },
    /// A sweep was submitted again, maybe with other pictures: its text with them.
    Pictures {
        name: String,
        toml: String,
        reply: oneshot::Sender<Result<(), Status>>,
    },
    Subscribe {
        name: String,
        reply: oneshot::Sender<Option<watch::Receiver<v1::SweepStatus>>>,
    },
    Change {
        name: String,
        command: Command,
        reply: oneshot::Sender<Result<u64, Status>>,
    },
    /// Reads the state.
    Inspect(Inspect),
    /// What the batch system says of the workers that were asked for.
    Pilots(Pilots),
    /// Waits until everything that was reported for the sweep is durable.
    Settle { name: String, reply: ListingReply },
    /// Grants nothing more, writes what it has, says goodbye.
    Stop { reply: oneshot::Sender<()> },
}

/// A request that only reads.
pub(crate) type Inspect = Box<dyn FnOnce(View<'_>) + Send>;

/// Something that a request waited for.
pub(crate) enum Completion {
    /// A folder is removed, or why not.
    Removed {
        name: String,
        failed: Option<String>,
        reply: oneshot::Sender<Result<(), Status>>,
    },
    /// A new generation is durable.
    Grown {
        open_guard: OpenGuard,
        name: String,
        folder: Arc<sweep::Folder>,
        files: Vec<v1::FileName>,
        reply: oneshot::Sender<Result<(), Status>>,
    },
    /// Its files are stored.
    Restored {
        name: String,
        files: Vec<v1::FileName>,
        reply: oneshot::Sender<Result<(), Status>>,
    },
    /// Failed rows are gone from the tables.
    Retried {
        open_guard: OpenGuard,
        sweep: SweepKey,
        numbers: IntervalSet,
        counts: table::Counts,
        /// Why not every failed row is gone.
        problem: Option<String>,
        reply: oneshot::Sender<Result<u64, Status>>,
    },
}

/// What a client asks of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Pause,
    Resume,
    Cancel,
    RetryFailed,
}
