//! Leases on their way to the executor: specs are built and checkpoints fetched first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rpc::lease::Lease;
use rpc::{limits, v1};
use tokio::sync::mpsc;

use super::Session;
use super::connection::{Built, Connection};
use super::held_lease::HeldLease;
use crate::client::Client;
use crate::config::{FileSource, WorkerError};
use crate::executor::LeaseRun;
use crate::files::SpecFailure;
use crate::lease::Revoked;
use crate::spec::Spec;
use crate::wire;

/// A lease is said to be begun this long before its first trial: by then the word is on its way, whatever the trial
/// does to this process.
const BEGUN_AHEAD: Duration = Duration::from_millis(2);

/// The connection takes a message within this time, unless the coordinator does not read.
const TAKEN: Duration = Duration::from_millis(100);

impl Session {
    pub(super) fn build(&self, connection: &mut Connection, spec: Spec) {
        let name: Arc<str> = spec.name.as_str().into();
        connection.sweeps.remove(&name);
        connection.unrunnable.remove(&name);
        let files = Arc::clone(&self.files);
        let mut client = self.client.clone();
        let built = connection.built_sender.clone();
        connection.spawn(async move {
            let result = files.lock().await.build(&mut client, spec).await;
            // A closed channel means that the connection ended meanwhile.
            let _ = built.send((name, result.map_err(SpecFailure::from))).await;
        });
    }

    pub(super) fn built(
        &mut self,
        connection: &mut Connection,
        built: Built,
    ) -> Result<(), WorkerError> {
        let (name, result) = built;
        let (ready, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut connection.waiting)
            .into_iter()
            .partition(|lease| lease.sweep == name);
        connection.waiting = waiting;
        match result {
            Ok(sweep) => {
                connection.sweeps.insert(name, Arc::new(sweep));
            }
            // A local run has no other worker, and nobody who would repair its coordinator.
            Err(unrunnable) if matches!(self.config.files, FileSource::InPlace(_)) => {
                return Err(WorkerError::Spec {
                    sweep: name.to_string(),
                    why: unrunnable.why().to_owned(),
                });
            }
            Err(unrunnable) => {
                tracing::warn!(sweep = %name, "cannot run this sweep: {}", unrunnable.why());
                connection.unrunnable.insert(name, unrunnable);
            }
        }
        for lease in ready {
            self.start(connection, lease);
        }
        Ok(())
    }

    /// Takes a lease in held.
    pub(super) fn lease(&mut self, connection: &mut Connection, lease: Lease) {
        self.last_lease = Instant::now();
        tracing::info!(
            lease = lease.lease,
            sweep = %lease.sweep,
            first = lease.ranges.first().map(|range| range.start),
            trials = lease.numbers().len(),
            "lease"
        );
        let lease = Arc::new(lease);
        let held = HeldLease {
            lease: Arc::clone(&lease),
            revoked: Revoked::default(),
            unreported: lease.numbers(),
            outstanding: lease.numbers(),
            started: false,
            ended: false,
        };
        self.held.insert(lease.lease, held);
        self.start(connection, lease);
    }

    /// Hands leases that can begin to the executor. The coordinator hears of it first: if one of their trials takes
    /// this process down, it knows which they were.
    pub(super) async fn begin(&mut self, connection: &mut Connection) {
        let mut runs = std::mem::take(&mut connection.runs);
        runs.retain(|run| match self.held.get_mut(&run.lease.lease) {
            Some(held) => {
                held.started = true;
                true
            }
            None => false,
        });
        if runs.is_empty() {
            return;
        }
        // A local run's coordinator goes down with it.
        if matches!(self.config.files, FileSource::Fetched) {
            // A closed stream shows at the next message.
            let _ = connection.outgoing.send(self.heartbeat(connection)).await;
            let all = connection
                .outgoing
                .reserve_many(connection.outgoing.max_capacity());
            let _ = tokio::time::timeout(TAKEN, all).await;
            tokio::time::sleep(BEGUN_AHEAD).await;
        }
        for run in runs {
            self.executor.start(run);
        }
    }

    /// Gives leases back whose sweep cannot be run here.
    pub(super) async fn give_back(&mut self, connection: &mut Connection) {
        for (lease, unrunnable) in std::mem::take(&mut connection.returned) {
            self.held.remove(&lease.lease);
            // Without a connection the next one's Register says as much.
            let _ = connection
                .outgoing
                .send(wire::cannot_run(&lease, &unrunnable))
                .await;
        }
    }

    /// Gives back what waits for its sweep or its checkpoints.
    pub(super) async fn return_unstarted(&mut self, connection: &mut Connection) {
        connection.waiting.clear();
        connection.runs.clear();
        let unstarted = self.held.values().filter(|held| !held.started);
        let leases: Vec<_> = unstarted.map(|held| Arc::clone(&held.lease)).collect();
        for lease in leases {
            self.held.remove(&lease.lease);
            // As above.
            let _ = connection
                .outgoing
                .send(wire::give_back(lease.lease, &lease.numbers()))
                .await;
        }
    }

    /// Hands a lease on once its sweep is built and its checkpoints are here.
    pub(super) fn start(&mut self, connection: &mut Connection, lease: Arc<Lease>) {
        if let Some(unrunnable) = connection.unrunnable.get(&lease.sweep) {
            connection.returned.push((lease, unrunnable.clone()));
            return;
        }
        let Some(sweep) = connection.sweeps.get(&lease.sweep).map(Arc::clone) else {
            connection.waiting.push(lease);
            return;
        };
        let Some(held) = self.held.get(&lease.lease) else {
            return;
        };
        let run = LeaseRun {
            lease,
            sweep,
            revoked: held.revoked.clone(),
            checkpoints: Vec::new(),
        };
        if run.lease.checkpoints.is_empty() {
            connection.runs.push(run);
        } else {
            let ready = connection.ready_sender.clone();
            connection.spawn(with_checkpoints(self.client.clone(), run, ready));
        }
    }
}

/// Fetches the states that a lease's trials continue from, then hands the run on. A state that cannot be
/// had only means that its trial begins anew.
async fn with_checkpoints(mut client: Client, mut run: LeaseRun, ready: mpsc::Sender<LeaseRun>) {
    for &trial in &run.lease.checkpoints {
        let request = v1::FetchCheckpointRequest {
            sweep: run.lease.sweep.to_string(),
            trial,
        };
        match fetch_checkpoint(&mut client, request).await {
            Ok(state) => run.checkpoints.push((trial, state)),
            Err(status) => tracing::warn!(trial, %status, "no checkpoint: the trial begins anew"),
        }
    }
    // A closed channel means that the connection ended: the lease is others' now.
    let _ = ready.send(run).await;
}

async fn fetch_checkpoint(
    client: &mut Client,
    request: v1::FetchCheckpointRequest,
) -> Result<Vec<u8>, tonic::Status> {
    let mut pieces = client.fetch_checkpoint(request).await?.into_inner();
    let mut state = Vec::new();
    while let Some(piece) = pieces.message().await? {
        state.extend_from_slice(&piece.piece);
        if state.len() > limits::CHECKPOINT_BYTES {
            return Err(tonic::Status::out_of_range(
                "larger than a checkpoint may be",
            ));
        }
    }
    Ok(state)
}
