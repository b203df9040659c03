//! What the event loop hears: from workers' sessions, from people's calls, from the writers.

use std::sync::Arc;

use rpc::v1;
use scheduler::{LeaseBeat, LeaseId, SweepKey, WorkerId};
use sweep::IntervalSet;
use table::{Batch, CommitInfo, FolderError};
use tokio::sync::{mpsc, oneshot, watch};
use tonic::Status;

use crate::open::Opened;
use crate::writer::ListingReply;

/// Messages to one worker. Unbounded on purpose: the event loop must never wait for a worker, and what it
/// queues is bounded by the protocol (two leases, one spec a sweep, one acknowledgement a report in credit).
pub(crate) type Outgoing = mpsc::UnboundedSender<Result<v1::SessionResponse, Status>>;

pub(crate) enum Event {
    Joined {
        hello: Hello,
        outgoing: Outgoing,
        /// Dropped when the worker is sent away or another connection takes this one's place.
        alive: oneshot::Sender<()>,
        /// The worker, and the number of this connection.
        reply: oneshot::Sender<(WorkerId, u64)>,
    },
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
    },
    Drain {
        worker: WorkerId,
    },
    GiveBack {
        worker: WorkerId,
        lease: LeaseId,
        numbers: IntervalSet,
    },
    Report(Box<Report>),
    Checkpoint(Box<Checkpoint>),
    Written {
        sweep: SweepKey,
        result: Result<CommitInfo, (FolderError, Batch)>,
    },
    /// Small parts of a complete sweep have been joined.
    Tidied {
        sweep: SweepKey,
    },
    User(User),
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
    /// Random number of the process: a worker that comes back is the same worker.
    pub(crate) instance: u64,
    /// Leases that it has in hand, by sweep name.
    pub(crate) held: Vec<(String, LeaseId, IntervalSet)>,
}

/// A report whose columns fit the schema and lie within the lease that its proof covers.
pub(crate) struct Report {
    pub(crate) worker: WorkerId,
    pub(crate) report: u64,
    pub(crate) sweep: String,
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
}

/// What people ask.
pub(crate) enum User {
    Add {
        opened: Box<Opened>,
        priority: i32,
        reply: oneshot::Sender<()>,
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
        name: String,
        folder: Arc<sweep::Folder>,
        files: Vec<v1::FileName>,
        reply: oneshot::Sender<Result<(), Status>>,
    },
    /// Failed rows are gone from the tables.
    Retried {
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
        reply: oneshot::Sender<crate::observer::Load>,
    },
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
