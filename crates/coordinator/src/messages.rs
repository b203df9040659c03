//! What workers send, checked: the session makes these, the event loop takes them.

use scheduler::{LeaseId, WorkerId};
use sweep::IntervalSet;
use table::Batch;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::checkpoint_budget::BudgetShare;
use crate::lease_token::SweepIdentity;
use crate::outbox::Outbox;

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
pub(crate) struct PendingJoin {
    pub(crate) since: Instant,
    pub(crate) registration: Registration,
    pub(crate) outgoing: Outbox,
    /// Dropped when the worker is sent away or another connection takes this one's place.
    pub(crate) alive: oneshot::Sender<()>,
    /// The worker, and the number of this connection.
    pub(crate) reply: oneshot::Sender<(WorkerId, u64)>,
}

/// A running trial, and how long its worker expects it to take still, where that can be said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeLeft {
    pub(crate) lease: LeaseId,
    pub(crate) trial: u64,
    pub(crate) seconds: Option<f64>,
}

/// A worker's introduction, checked.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
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
    pub(crate) held: Vec<(String, SweepIdentity, LeaseId, IntervalSet)>,
    /// Leases in its hands that this coordinator never granted: those of another data folder, or from before its key
    /// was lost.
    pub(crate) unknown: Vec<(LeaseId, IntervalSet)>,
}

/// A report whose columns fit the schema and lie within the lease that its proof covers.
pub(crate) struct ReceivedReport {
    pub(crate) worker: WorkerId,
    pub(crate) report: u64,
    pub(crate) sweep: String,
    /// Which sweep of that name its lease was granted for.
    pub(crate) identity: SweepIdentity,
    pub(crate) lease: LeaseId,
    pub(crate) generation: u32,
    pub(crate) batch: Batch,
    pub(crate) numbers: IntervalSet,
    pub(crate) failed: Vec<(u64, String)>,
    pub(crate) work_seconds: f64,
    /// Bytes of its columns as they came.
    pub(crate) wire_bytes: u64,
}

pub(crate) struct ReceivedCheckpoint {
    pub(crate) worker: WorkerId,
    pub(crate) sweep: String,
    pub(crate) lease: LeaseId,
    pub(crate) trial: u64,
    pub(crate) state: Vec<u8>,
    /// Of the memory for large ones.
    pub(crate) share: Option<BudgetShare>,
}
