//! A worker's connection: checks every message before the event loop sees it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use rpc::convert;
use rpc::guard::Peer;
use rpc::v1;
use rpc::v1::session_request::Message;
use rpc::v1::worker_service_server::WorkerService;
use scheduler::{LeaseId, WorkerId};
use table::Spool;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::checkpoint_budget::CheckpointBudget;
use crate::event_loop::events::Event;
use crate::files::{self, FileIndex, Unsound};
use crate::inbox::Inbox;
use crate::lease_token::TokenKey;
use crate::messages::{PendingJoin, ReceivedReport};
use crate::outbox::Outbox;
use crate::row_spool::RowSpool;
use crate::session_error::SessionError;
use crate::{wire, worker_messages};

/// The service for workers.
#[derive(Clone)]
pub(crate) struct WorkerHandler {
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) key: TokenKey,
    pub(crate) files: FileIndex,
    pub(crate) checkpoints: crate::checkpoints::Checkpoints,
    pub(crate) room: CheckpointBudget,
    /// Where rows wait for their report.
    pub(crate) spools: PathBuf,
}

/// A registered worker must say its first word within this time.
const REGISTER_TIMEOUT: Duration = Duration::from_secs(10);

#[tonic::async_trait]
impl WorkerService for WorkerHandler {
    type SessionStream = wire::ResponseStream<v1::SessionResponse>;
    type FetchFileStream = wire::ResponseStream<v1::FetchFileResponse>;
    type FetchCheckpointStream = wire::ResponseStream<v1::FetchCheckpointResponse>;

    async fn session(
        &self,
        request: Request<Streaming<v1::SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let place = request.extensions().get::<Peer>().map(Peer::session);
        let place = place.transpose()?;
        let mut incoming = request.into_inner();
        let first = tokio::time::timeout(REGISTER_TIMEOUT, incoming.message())
            .await
            .map_err(|_| Status::deadline_exceeded("no Register message came"))??;
        let Some(Message::Register(register)) = first.and_then(|request| request.message) else {
            return Err(Status::invalid_argument(
                "the first message must be Register",
            ));
        };
        let registration = worker_messages::registration(register, &self.key)?;
        let unknown: BTreeSet<u64> = registration
            .unknown
            .iter()
            .map(|(lease, _)| lease.0)
            .collect();
        let (outgoing, stream) = Outbox::new();
        let (alive, sent_away) = oneshot::channel();
        let (reply, joined) = oneshot::channel();
        let pending = PendingJoin {
            since: Instant::now(),
            registration,
            outgoing: outgoing.clone(),
            alive,
            reply,
        };
        let event = Event::Joined(Box::new(pending));
        self.events
            .send(event)
            .await
            .map_err(|_| wire::coordinator_stops())?;
        let (worker, connection) = joined.await.map_err(|_| wire::coordinator_stops())?;
        let service = self.clone();
        tokio::spawn(async move {
            let _place = place;
            let incoming = Inbox::new(incoming, service.room.clone());
            let listened = service
                .listen(worker, incoming, &unknown, &outgoing, sent_away)
                .await;
            let for_good = matches!(listened, Err(SessionError::Rule(_)));
            match listened {
                Ok(()) => {}
                Err(SessionError::Connection(status)) => {
                    tracing::info!(worker = worker.0, why = status.message(), "connection lost");
                }
                Err(SessionError::Rule(status)) => {
                    tracing::warn!(worker = worker.0, %status, "worker dropped");
                    outgoing.send(wire::refused(status.message()));
                }
            }
            let gone = Event::Gone {
                worker,
                connection,
                for_good,
            };
            // A closed loop means that the coordinator is ending.
            let _ = service.events.send(gone).await;
        });
        let stream = ReceiverStream::new(stream);
        Ok(Response::new(Box::pin(stream)))
    }

    async fn fetch_file(
        &self,
        request: Request<v1::FetchFileRequest>,
    ) -> Result<Response<Self::FetchFileStream>, Status> {
        let hash = request.into_inner().hash;
        let path = match self.files.sound(&hash).await {
            Ok(path) => path,
            Err(error @ Unsound::Unknown) => return Err(Status::not_found(error.to_string())),
            Err(Unsound::Damaged { path, what }) => {
                let lost =
                    Status::data_loss(format!("the coordinator's copy {} {what}", path.display()));
                let damaged = Event::FileDamaged { hash, path, what };
                self.events
                    .send(damaged)
                    .await
                    .map_err(|_| wire::coordinator_stops())?;
                return Err(lost);
            }
        };
        let wrap = |piece: Vec<u8>| v1::FetchFileResponse {
            piece: piece.into(),
        };
        let pieces = files::stream(&self.files, path, wrap);
        Ok(Response::new(Box::pin(pieces)))
    }

    async fn fetch_checkpoint(
        &self,
        request: Request<v1::FetchCheckpointRequest>,
    ) -> Result<Response<Self::FetchCheckpointStream>, Status> {
        let request = request.into_inner();
        let checkpoints = self.checkpoints.clone();
        let sound = move || checkpoints.sound(&request.sweep, request.trial);
        let path = tokio::task::spawn_blocking(sound)
            .await
            .map_err(|_| wire::coordinator_stops())?
            .map_err(|error| Status::internal(error.to_string()))?
            .ok_or_else(|| Status::not_found("this trial has no checkpoint that is whole"))?;
        let wrap = |piece: Vec<u8>| v1::FetchCheckpointResponse {
            piece: piece.into(),
        };
        let pieces = files::stream(&self.files, path, wrap);
        Ok(Response::new(Box::pin(pieces)))
    }
}

impl WorkerHandler {
    /// Reads the worker's messages until it ends, or the worker is sent away.
    async fn listen(
        &self,
        worker: WorkerId,
        mut incoming: Inbox,
        unknown: &BTreeSet<u64>,
        outgoing: &Outbox,
        mut sent_away: oneshot::Receiver<()>,
    ) -> Result<(), SessionError> {
        let mut spooled = RowSpool::new(self.spools.clone());
        loop {
            let request = tokio::select! {
                // In this order, so that a simulation repeats.
                biased;
                _ = &mut sent_away => return Ok(()),
                () = outgoing.overflows() => {
                    return Err(Status::resource_exhausted("it does not read its messages").into());
                }
                request = incoming.next(worker, &self.events) => request?,
            };
            let Some((message, share)) = request else {
                return Ok(());
            };
            let event = match message {
                Message::Register(_) => {
                    return Err(Status::invalid_argument("Register comes once, first").into());
                }
                Message::Piece(_) => {
                    return Err(Status::invalid_argument("a piece of a piece").into());
                }
                Message::Rows(rows) => {
                    spooled.take(rows, worker, &self.events).await?;
                    continue;
                }
                Message::Heartbeat(heartbeat) => {
                    let (leases, left) = worker_messages::beats(heartbeat)?;
                    Event::Heartbeat {
                        worker,
                        leases,
                        left,
                    }
                }
                Message::Drain(_) => Event::Drain { worker },
                Message::GiveBack(give_back) => Event::GiveBack {
                    worker,
                    lease: LeaseId(give_back.lease),
                    numbers: convert::intervals(&give_back.ranges)
                        .map_err(|error| wire::status(&error))?,
                    cannot_run: wire::cannot_run(give_back.cannot_run),
                },
                Message::Checkpoint(checkpoint) => Event::Checkpoint(Box::new(
                    worker_messages::checkpoint(worker, checkpoint, share)?,
                )),
                Message::Report(report) => {
                    let spool = spooled.of(&report)?;
                    if unknown.contains(&report.lease)
                        && !worker_messages::is_granted(&report, &self.key)
                    {
                        // Computed for another coordinator: nobody here can take it.
                        outgoing.send(wire::acknowledge(vec![report.report]));
                        continue;
                    }
                    Event::Report(Box::new(self.checked(worker, report, spool).await?))
                }
            };
            let sent = self.events.send(event).await;
            sent.map_err(|_| SessionError::Connection(wire::coordinator_stops()))?;
        }
    }

    /// Checks a report on a thread that may take a while.
    async fn checked(
        &self,
        worker: WorkerId,
        report: v1::Report,
        spool: Option<Spool>,
    ) -> Result<ReceivedReport, Status> {
        let key = self.key.clone();
        let check = move || worker_messages::report(worker, report, spool, &key);
        let checked = tokio::task::spawn_blocking(check);
        checked
            .await
            .map_err(|error| Status::internal(error.to_string()))?
    }
}
