//! What the event loop hears: from workers' sessions, from people's calls, from the writers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use rpc::v1;
use scheduler::{LeaseBeat, LeaseId, SweepKey, WorkerId};
use sweep::IntervalSet;
use table::{Batch, FolderError};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tonic::Status;

use crate::closed::{Awake, Found, Purpose};
use crate::observer::{PilotLimits, Pilots};
use crate::open::Opened;
use crate::presence::Place;
use crate::proof::Identity;
use crate::writer::{Committed, ListingReply};

/// Messages that may wait for one worker. The protocol needs a few (two leases, one spec a sweep, an
/// acknowledgement a part); a worker that lets so many wait has stopped to read.
const WAITING: usize = 4096;

/// Messages to one worker. The event loop never waits for a worker: one that does not read is sent away.
#[derive(Clone)]
pub(crate) struct Outgoing {
    queue: mpsc::Sender<Result<v1::SessionResponse, Status>>,
    full: Arc<Notify>,
}

impl Outgoing {
    /// The queue, and its end for the connection.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Result<v1::SessionResponse, Status>>) {
        let (queue, stream) = mpsc::channel(WAITING);
        let full = Arc::new(Notify::new());
        (Outgoing { queue, full }, stream)
    }

    /// Queues a message. A session that has ended hears nothing: its end is an event of its own.
    pub(crate) fn send(&self, message: v1::SessionResponse) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(Ok(message)) {
            self.full.notify_one();
        }
    }

    /// Completes when a message has found no room.
    pub(crate) async fn overflows(&self) {
        self.full.notified().await;
    }
}

pub(crate) enum Event {
    Joined(Box<Early>),
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
        left: Vec<Left>,
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
    Report(Box<Report>),
    Checkpoint(Box<Checkpoint>),
    Written {
        sweep: SweepKey,
        result: Result<Committed, (FolderError, Batch)>,
    },
    /// Small parts of a complete sweep have been joined.
    Tidied {
        sweep: SweepKey,
    },
    /// A stored file that a worker asked for is not as it was stored.
    FileDamaged {
        hash: String,
        path: PathBuf,
        what: &'static str,
    },
    /// A run folder is open, or why it did not open.
    Opened {
        name: String,
        result: Result<Box<Opened>, Status>,
    },
    /// The folder of a sweep that rests is closed.
    Closed {
        name: String,
    },
    /// Folders were looked at, and whether each is gone.
    Looked {
        seen: Vec<(Place, bool)>,
        reply: Option<oneshot::Sender<()>>,
    },
    User(User),
}

/// Why a worker cannot run a sweep, by whose fault.
#[derive(Clone, Debug)]
pub(crate) enum CannotRun {
    /// The worker's machine.
    Node(String),
    /// What it was sent does not fit.
    Source(String),
    /// The connection broke while a file was fetched.
    Interrupted(String),
}

/// A worker's connection before it has joined.
pub(crate) struct Early {
    pub(crate) since: Instant,
    pub(crate) hello: Hello,
    pub(crate) outgoing: Outgoing,
    /// Dropped when the worker is sent away or another connection takes this one's place.
    pub(crate) alive: oneshot::Sender<()>,
    /// The worker, and the number of this connection.
    pub(crate) reply: oneshot::Sender<(WorkerId, u64)>,
}

/// A running trial, and how long its worker expects it to take still, where that can be said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left {
    pub(crate) lease: LeaseId,
    pub(crate) trial: u64,
    pub(crate) seconds: Option<f64>,
}

/// A worker's introduction, checked.
#[derive(Clone, Debug)]
pub(crate) struct Hello {
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) threads: u32,
    pub(crate) isa: String,
    pub(crate) program_version: String,
    pub(crate) walltime: Option<std::time::Duration>,
    /// Bytes that its trials may take together, where it knows.
    pub(crate) memory: Option<u64>,
    /// Random number of the process: a worker that comes back is the same worker.
    pub(crate) instance: u64,
    /// Leases that it has in hand, by name and identity of the sweep.
    pub(crate) held: Vec<(String, Identity, LeaseId, IntervalSet)>,
    /// Leases in its hands that this coordinator never granted: those of another data folder, or from before its key
    /// was lost.
    pub(crate) unknown: Vec<(LeaseId, IntervalSet)>,
}

/// A report whose columns fit the schema and lie within the lease that its proof covers.
pub(crate) struct Report {
    pub(crate) worker: WorkerId,
    pub(crate) report: u64,
    pub(crate) sweep: String,
    /// Which sweep of that name its lease was granted for.
    pub(crate) identity: Identity,
    pub(crate) lease: LeaseId,
    pub(crate) generation: u32,
    pub(crate) batch: Batch,
    pub(crate) numbers: IntervalSet,
    pub(crate) failed: Vec<(u64, String)>,
    pub(crate) work_seconds: f64,
    /// Bytes of its columns as they came.
    pub(crate) wire_bytes: u64,
}

pub(crate) struct Checkpoint {
    pub(crate) worker: WorkerId,
    pub(crate) sweep: String,
    pub(crate) lease: LeaseId,
    pub(crate) trial: u64,
    pub(crate) state: Vec<u8>,
    /// Of the memory for large ones.
    pub(crate) share: Option<crate::incoming::Share>,
}

/// What people ask.
pub(crate) enum User {
    Add {
        opened: Box<Opened>,
        priority: Option<i32>,
        reply: oneshot::Sender<Result<i32, Status>>,
    },
    /// A sweep that is to be open, or is looked for.
    Wake {
        name: String,
        purpose: Purpose,
        reply: oneshot::Sender<Found>,
    },
    /// Whether the folder of one sweep, or of every one, is still there.
    Look {
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
    /// A folder is removed, or why not.
    Removed {
        name: String,
        failed: Option<String>,
        reply: oneshot::Sender<Result<(), Status>>,
    },
    /// Another priority, or which it is; answers with it once it is kept.
    Priority {
        name: String,
        priority: Option<i32>,
        reply: oneshot::Sender<Result<i32, Status>>,
    },
    /// The folder of a sweep that is open.
    Find {
        name: String,
        reply: oneshot::Sender<Option<Arc<sweep::Folder>>>,
    },
    Grow {
        name: String,
        folder: sweep::Folder,
        files: Vec<v1::FileName>,
        reply: oneshot::Sender<Result<(), Status>>,
    },
    /// A new generation is durable.
    Grown {
        awake: Awake,
        name: String,
        folder: Arc<sweep::Folder>,
        files: Vec<v1::FileName>,
        reply: oneshot::Sender<Result<(), Status>>,
    },
    /// A sweep was submitted again as it is: its files may be wanted again.
    Restore {
        name: String,
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
        awake: Awake,
        sweep: SweepKey,
        numbers: IntervalSet,
        counts: table::Counts,
        /// Why not every failed row is gone.
        problem: Option<String>,
        reply: oneshot::Sender<Result<u64, Status>>,
    },
    Statuses {
        reply: oneshot::Sender<Vec<v1::SweepStatus>>,
    },
    Subscribe {
        name: String,
        reply: oneshot::Sender<Option<watch::Receiver<v1::SweepStatus>>>,
    },
    Change {
        name: String,
        change: Change,
        reply: oneshot::Sender<Result<u64, Status>>,
    },
    Workers {
        reply: oneshot::Sender<Vec<v1::WorkerStatus>>,
    },
    /// What there is to do and who does it.
    Load {
        /// Of the workers that would be started.
        limits: PilotLimits,
        reply: oneshot::Sender<crate::observer::Load>,
    },
    /// What the batch system says of the workers that were asked for.
    Pilots(Pilots),
    /// Metrics as text.
    Metrics { reply: oneshot::Sender<String> },
    /// Waits until everything that was reported for the sweep is durable.
    Settle { name: String, reply: ListingReply },
    /// Grants nothing more, writes what it has, says goodbye.
    Stop { reply: oneshot::Sender<()> },
}

/// A change of a sweep's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Pause,
    Resume,
    Cancel,
    RetryFailed,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_worker_that_reads_nothing_is_noticed() {
        let (outgoing, _unread) = Outgoing::new();
        for _ in 0..WAITING {
            outgoing.send(v1::SessionResponse::default());
        }
        let none = Duration::from_millis(1);
        assert!(
            tokio::time::timeout(none, outgoing.overflows())
                .await
                .is_err()
        );
        outgoing.send(v1::SessionResponse::default());
        outgoing.overflows().await;
    }
}
