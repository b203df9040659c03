//! What lives as long as one connection.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rpc::lease::Lease;
use rpc::{limits, v1};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::executor::LeaseRun;
use crate::files::{SpecFailure, Sweep};
use crate::send_queue::SendQueue;

/// A spec that has been built, or why not.
pub(super) type Built = (Arc<str>, Result<Sweep, SpecFailure>);

/// What lives as long as one connection.
pub(super) struct Connection {
    pub(super) outgoing: mpsc::Sender<v1::SessionRequest>,
    /// What is said in pieces, or after such.
    pub(super) large: SendQueue,
    /// The message on its way is a report.
    pub(super) reporting: bool,
    pub(super) built_sender: mpsc::Sender<Built>,
    pub(super) ready_sender: mpsc::Sender<LeaseRun>,
    pub(super) credit_bytes: u64,
    pub(super) heartbeat: Duration,
    pub(super) sweeps: BTreeMap<Arc<str>, Arc<Sweep>>,
    /// Sweeps that cannot be run here.
    pub(super) unrunnable: BTreeMap<Arc<str>, SpecFailure>,
    /// Leases whose sweep is still being built.
    pub(super) waiting: Vec<Arc<Lease>>,
    /// Leases whose sweep cannot be run here, to be given back.
    pub(super) returned: Vec<(Arc<Lease>, SpecFailure)>,
    /// Leases that can begin.
    pub(super) runs: Vec<LeaseRun>,
    /// Fetches and builds; they end with the connection.
    pub(super) tasks: JoinSet<()>,
}

impl Connection {
    pub(super) fn new(
        outgoing: mpsc::Sender<v1::SessionRequest>,
        built_sender: mpsc::Sender<Built>,
        ready_sender: mpsc::Sender<LeaseRun>,
    ) -> Self {
        Connection {
            outgoing,
            large: SendQueue::default(),
            reporting: false,
            built_sender,
            ready_sender,
            credit_bytes: 0,
            heartbeat: limits::HEARTBEAT_INTERVAL,
            sweeps: BTreeMap::new(),
            unrunnable: BTreeMap::new(),
            waiting: Vec::new(),
            returned: Vec::new(),
            runs: Vec::new(),
            tasks: JoinSet::new(),
        }
    }

    pub(super) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        while self.tasks.try_join_next().is_some() {}
        self.tasks.spawn(task);
    }
}
