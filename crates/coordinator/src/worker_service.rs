//! A worker's connection: checks every message before the event loop sees it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rpc::convert::{self, WireError};
use rpc::guard::Peer;
use rpc::v1::session_request::Message;
use rpc::v1::worker_service_server::WorkerService;
use rpc::{limits, v1};
use scheduler::{LeaseBeat, LeaseId, WorkerId};
use sweep::IntervalSet;
use table::{Batch, Payload, Spool};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::checkpoint_budget::CheckpointBudget;
use crate::event_loop::events::Event;
use crate::files::{self, FileIndex, Unsound};
use crate::inbox::Inbox;
use crate::lease_token::{SweepIdentity, TokenKey};
use crate::messages::{PendingJoin, ReceivedCheckpoint, ReceivedReport, Registration, TimeLeft};
use crate::outbox::Outbox;
use crate::row_spool::{self, RowSpool};
use crate::session_error::SessionError;
use crate::wire;

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
        let registration = registration(register, &self.key)?;
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
                let told =
                    Status::data_loss(format!("the coordinator's copy {} {what}", path.display()));
                let damaged = Event::FileDamaged { hash, path, what };
                self.events
                    .send(damaged)
                    .await
                    .map_err(|_| wire::coordinator_stops())?;
                return Err(told);
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
                request = incoming.next(worker, &self.events) => request?,
                _ = &mut sent_away => return Ok(()),
                () = outgoing.overflows() => {
                    return Err(Status::resource_exhausted("it does not read what it is told").into());
                }
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
                    let (leases, left) = beats(heartbeat)?;
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
                Message::Checkpoint(checkpoint) => {
                    if checkpoint.state.len() > limits::CHECKPOINT_BYTES {
                        return Err(Status::out_of_range("larger than a checkpoint may be").into());
                    }
                    Event::Checkpoint(Box::new(ReceivedCheckpoint {
                        worker,
                        sweep: checkpoint.sweep,
                        lease: LeaseId(checkpoint.lease),
                        trial: checkpoint.trial,
                        state: checkpoint.state.into(),
                        share,
                    }))
                }
                Message::Report(report) => {
                    let spool = spooled.of(&report)?;
                    if unknown.contains(&report.lease) && !is_granted(&report, &self.key) {
                        // Computed for another coordinator: nobody here can take it.
                        outgoing.send(wire::acknowledge(vec![report.report]));
                        continue;
                    }
                    let key = self.key.clone();
                    let check = move || check(worker, report, spool, &key);
                    let checked = tokio::task::spawn_blocking(check);
                    let report = checked
                        .await
                        .map_err(|error| Status::internal(error.to_string()))??;
                    Event::Report(Box::new(report))
                }
            };
            let sent = self.events.send(event).await;
            sent.map_err(|_| SessionError::Connection(wire::coordinator_stops()))?;
        }
    }
}

/// Seconds past which nobody can tell how long a trial takes still.
const TELLING: std::ops::Range<f64> = 0.0..1e9;

/// The trials that run, and how long they take still where that is told.
fn left(heartbeat: &v1::Heartbeat) -> Vec<TimeLeft> {
    let mut all = Vec::new();
    for beat in &heartbeat.leases {
        for (at, &trial) in beat.running.iter().enumerate() {
            let told = beat.left_seconds.get(at).copied();
            all.push(TimeLeft {
                lease: LeaseId(beat.lease),
                trial,
                seconds: told.filter(|seconds| TELLING.contains(seconds)),
            });
        }
    }
    all
}

fn beats(heartbeat: v1::Heartbeat) -> Result<(Vec<LeaseBeat>, Vec<TimeLeft>), Status> {
    let running: usize = heartbeat
        .leases
        .iter()
        .map(|lease| lease.running.len())
        .sum();
    if heartbeat.leases.len() > scheduler::MAX_HELD_LEASES || running > limits::THREADS as usize {
        return Err(Status::invalid_argument(
            "more leases or running trials than one worker has",
        ));
    }
    let left = left(&heartbeat);
    let beats = heartbeat.leases.into_iter().map(|beat| LeaseBeat {
        lease: LeaseId(beat.lease),
        begun: beat.begun,
        running: beat.running,
    });
    Ok((beats.collect(), left))
}

/// Leases that a worker brings along.
#[derive(Default)]
struct BroughtLeases {
    /// Those with their proof.
    held: Vec<(String, SweepIdentity, LeaseId, IntervalSet)>,
    /// Those that were never granted here.
    unknown: Vec<(LeaseId, IntervalSet)>,
}

/// Checks what a worker brings along.
fn brought(leases: Vec<v1::HeldLease>, key: &TokenKey) -> Result<BroughtLeases, Status> {
    if leases.len() > scheduler::MAX_HELD_LEASES {
        return Err(Status::invalid_argument("more leases than one worker has"));
    }
    let mut brought = BroughtLeases::default();
    for lease in leases {
        let proven = proven(
            key,
            &lease.sweep,
            lease.lease,
            lease.generation,
            &lease.ranges,
            &lease.proof,
        )?;
        let outstanding =
            convert::intervals(&lease.outstanding).map_err(|error| wire::status(&error))?;
        let Some((identity, granted)) = proven else {
            let lease = LeaseId(lease.lease);
            brought.unknown.push((lease, outstanding));
            continue;
        };
        within(&outstanding, &granted)?;
        let number = LeaseId(lease.lease);
        brought
            .held
            .push((lease.sweep, identity, number, outstanding));
    }
    Ok(brought)
}

/// Whether a report's lease was granted here.
fn is_granted(report: &v1::Report, key: &TokenKey) -> bool {
    let proven = proven(
        key,
        &report.sweep,
        report.lease,
        report.generation,
        &report.lease_ranges,
        &report.proof,
    );
    proven.is_ok_and(|proven| proven.is_some())
}

/// The sweep and the numbers of a lease that was truly granted.
fn granted(
    key: &TokenKey,
    sweep: &str,
    lease: u64,
    generation: u32,
    ranges: &[v1::Range],
    proof: &[u8],
) -> Result<(SweepIdentity, IntervalSet), Status> {
    proven(key, sweep, lease, generation, ranges, proof)?
        .ok_or_else(|| Status::permission_denied("a lease that was never granted"))
}

/// The same; `None` where its proof is not of this coordinator's key.
fn proven(
    key: &TokenKey,
    sweep: &str,
    lease: u64,
    generation: u32,
    ranges: &[v1::Range],
    proof: &[u8],
) -> Result<Option<(SweepIdentity, IntervalSet)>, Status> {
    convert::sweep_name(sweep).map_err(|error| wire::status(&error))?;
    let numbers = convert::intervals(ranges).map_err(|error| wire::status(&error))?;
    let ranges: Vec<_> = ranges.iter().map(|range| range.start..range.end).collect();
    let identity = key.verify(proof, sweep, lease, generation, &ranges);
    Ok(identity.map(|identity| (identity, numbers)))
}

fn within(numbers: &IntervalSet, granted: &IntervalSet) -> Result<(), Status> {
    let mut outside = numbers.clone();
    outside.subtract(granted);
    if outside.is_empty() {
        return Ok(());
    }
    Err(Status::permission_denied("trials outside the lease"))
}

fn registration(register: v1::Register, key: &TokenKey) -> Result<Registration, Status> {
    if register.protocol_version != rpc::PROTOCOL_VERSION {
        return Err(Status::failed_precondition(format!(
            "the worker speaks protocol {} and this coordinator speaks {}",
            register.protocol_version,
            rpc::PROTOCOL_VERSION
        )));
    }
    let number = |field, found: u64, allowed| {
        Err(wire::status(&WireError::Number {
            field,
            found,
            allowed,
        }))
    };
    if register.threads == 0 || register.threads > limits::THREADS {
        return number("threads", register.threads.into(), "1 to 4096");
    }
    let checked = |field, text: &str| {
        convert::name(field, text)
            .map(str::to_owned)
            .map_err(|error| wire::status(&error))
    };
    let brought = brought(register.held, key)?;
    Ok(Registration {
        name: checked("name", &register.name)?,
        host: convert::host_name(&register.host)
            .map(str::to_owned)
            .map_err(|error| wire::status(&error))?,
        threads: register.threads,
        isa: checked("isa", &register.isa)?,
        program_version: checked("program_version", &register.program_version)?,
        instance: register.instance,
        held: brought.held,
        unknown: brought.unknown,
        memory: (register.memory_bytes > 0).then_some(register.memory_bytes),
        walltime: (register.walltime_ms > 0).then(|| Duration::from_millis(register.walltime_ms)),
    })
}

/// Decodes a report and holds it against its lease. A worker cannot write outside what it was granted.
fn check(
    worker: WorkerId,
    report: v1::Report,
    spool: Option<Spool>,
    key: &TokenKey,
) -> Result<ReceivedReport, Status> {
    let (identity, granted) = granted(
        key,
        &report.sweep,
        report.lease,
        report.generation,
        &report.lease_ranges,
        &report.proof,
    )?;
    let tables = [report.trials, report.history, report.spectra, report.layers];
    let wire_bytes = tables.iter().map(|table| table.len() as u64).sum();
    let batch = if tables.iter().all(|table| table.is_empty()) {
        Batch::empty()
    } else {
        let payload = Payload::from_tables(tables.map(Vec::from));
        let decoded = Batch::from_ipc(&payload, &table::Limits::default());
        decoded.map_err(|error| Status::invalid_argument(error.to_string()))?
    };
    let batch = row_spool::joined(batch, spool)?;
    batch
        .check_consistent()
        .map_err(|error| Status::invalid_argument(error.to_string()))?;
    let numbers = batch.trial_numbers();
    within(&numbers, &granted)?;
    // A set of ranges cannot hold the largest number of all: a row of it would slip through.
    if numbers.len() != batch.trials() as u64 {
        return Err(Status::permission_denied("trials outside the lease"));
    }
    Ok(ReceivedReport {
        worker,
        report: report.report,
        sweep: report.sweep,
        identity,
        lease: LeaseId(report.lease),
        generation: report.generation,
        failed: batch.failed(),
        batch,
        numbers,
        wire_bytes,
        work_seconds: if report.work_seconds.is_finite() {
            report.work_seconds.max(0.0)
        } else {
            0.0
        },
    })
}
