//! One connection to the coordinator after another: register, take leases, send reports, keep the heart
//! beating. The executor and the unacknowledged reports outlive each connection.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rpc::auth::Bearer;
use rpc::limits;
use rpc::trust::{self, PermanentFailure};
use rpc::v1;
use rpc::v1::worker_service_client::WorkerServiceClient;
use sweep::IntervalSet;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use crate::config::{Config, FileSource, Stop, WorkerError};
use crate::executor::{Executor, LeaseRun};
use crate::fault_point;
use crate::files::{Files, SpecFailure, Sweep};
use crate::lease::{Lease, Output, Revoked};
use crate::outbox::Outbox;
use crate::send_queue::SendQueue;
use crate::status_text;
use crate::wire::{self, Incoming, Spec};

/// Messages queued towards the connection: one being written and one ready.
const OUTGOING: usize = 2;

/// A coordinator may take so long to hear the last words of a worker that leaves.
const GOODBYE: Duration = Duration::from_secs(5);

/// A lease is said to be begun this long before its first trial: by then the word is on its way, whatever the trial
/// does to this process.
const BEGUN_AHEAD: Duration = Duration::from_millis(2);

/// The connection takes a message within this time, unless the coordinator does not read.
const TAKEN: Duration = Duration::from_millis(100);

/// How a session ended.
pub(crate) enum Ended {
    /// The coordinator has nothing more.
    Finished,
    /// This worker was asked to leave and everything is acknowledged.
    Drained,
    Idle,
    Lost {
        /// Whether the coordinator had answered at all.
        welcomed: bool,
        why: String,
        /// Why no later try can succeed.
        permanent: Option<PermanentFailure>,
    },
}

/// The coordinator's side, with this worker's token on every call.
pub(crate) type Client = WorkerServiceClient<InterceptedService<Channel, Bearer>>;

/// A spec that has been built, or why not.
type Built = (Arc<str>, Result<Sweep, SpecFailure>);

pub(crate) struct Session {
    client: Client,
    config: Config,
    executor: Executor,
    outputs: mpsc::Receiver<Output>,
    stop: watch::Receiver<Stop>,
    files: Arc<Mutex<Files>>,
    outbox: Outbox,
    begun: Instant,
    draining: bool,
    held: BTreeMap<u64, HeldLease>,
    last_lease: Instant,
    /// Since when the coordinator is away, where that was said.
    pub(crate) away: Option<Instant>,
}

/// A lease from its grant until the last of its reports is acknowledged.
struct HeldLease {
    lease: Arc<Lease>,
    revoked: Revoked,
    /// Numbers that no report holds yet.
    unreported: IntervalSet,
    /// Numbers that no acknowledgement covers yet.
    outstanding: IntervalSet,
    /// The executor has it; before that it waits for its sweep or its checkpoints.
    started: bool,
    ended: bool,
}

/// What lives as long as one connection.
struct Connection {
    outgoing: mpsc::Sender<v1::SessionRequest>,
    /// What is said in pieces, or after such.
    large: SendQueue,
    /// The message on its way is a report.
    reporting: bool,
    built_sender: mpsc::Sender<Built>,
    ready_sender: mpsc::Sender<LeaseRun>,
    credit_bytes: u64,
    heartbeat: Duration,
    sweeps: BTreeMap<Arc<str>, Arc<Sweep>>,
    /// Sweeps that cannot be run here.
    unrunnable: BTreeMap<Arc<str>, SpecFailure>,
    /// Leases whose sweep is still being built.
    waiting: Vec<Arc<Lease>>,
    /// Leases whose sweep cannot be run here, to be given back.
    returned: Vec<(Arc<Lease>, SpecFailure)>,
    /// Leases that can begin.
    runs: Vec<LeaseRun>,
    /// Fetches and builds; they end with the connection.
    tasks: JoinSet<()>,
}

impl Connection {
    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        while self.tasks.try_join_next().is_some() {}
        self.tasks.spawn(task);
    }
}

impl Session {
    pub(crate) fn new(
        channel: Channel,
        config: Config,
        executor: Executor,
        outputs: mpsc::Receiver<Output>,
        stop: watch::Receiver<Stop>,
    ) -> Result<Self, WorkerError> {
        let client = WorkerServiceClient::with_interceptor(channel, config.bearer.clone())
            .max_decoding_message_size(limits::ANSWER_BYTES)
            .max_encoding_message_size(limits::FRAME_BYTES);
        let files = Arc::new(Mutex::new(Files::new(config.files.clone())?));
        Ok(Session {
            client,
            config,
            executor,
            outputs,
            stop,
            files,
            outbox: Outbox::default(),
            begun: Instant::now(),
            draining: false,
            held: BTreeMap::new(),
            last_lease: Instant::now(),
            away: None,
        })
    }

    /// Waits between two connections; true where the worker is to end instead.
    pub(crate) async fn wait_or_stop(&mut self, wait: Duration) -> bool {
        if self.draining {
            return true;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => false,
            () = drain_requested(&mut self.stop) => true,
        }
    }

    /// One connection, from its first message to its end.
    ///
    /// # Errors
    /// [`WorkerError`] where a new connection would not help.
    pub(crate) async fn run(&mut self) -> Result<Ended, WorkerError> {
        let lost = |welcomed, why: &dyn std::fmt::Display| Ended::Lost {
            welcomed,
            why: why.to_string(),
            permanent: None,
        };
        let (outgoing, outgoing_end) = mpsc::channel(OUTGOING);
        let walltime_ms = self.walltime_ms();
        // What waited for a lost connection's spec or checkpoints would wait for ever: not named as held, it
        // goes back.
        self.held.retain(|_, held| held.started);
        // The channel is new and empty: it cannot refuse.
        let held = self
            .held
            .values()
            .map(|held| wire::held(&held.lease, &held.outstanding));
        let _ = outgoing.try_send(wire::register(&self.config, walltime_ms, held));
        let requests = ReceiverStream::new(outgoing_end);
        let mut inbound = match self.client.session(requests).await {
            Ok(response) => response.into_inner(),
            Err(status) if refused_for_good(&status) => {
                return Err(WorkerError::Refused(status.message().to_owned()));
            }
            Err(status) => {
                return Ok(Ended::Lost {
                    welcomed: false,
                    why: status_text::innermost(&status),
                    permanent: permanent_failure(&status, self.config.plain_address.as_deref())
                        .await,
                });
            }
        };
        let (built_sender, mut built) = mpsc::channel(1);
        let (ready_sender, mut ready) = mpsc::channel(1);
        let mut connection = Connection {
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
        };
        self.outbox.reconnect();
        let mut welcomed = false;
        let mut stop = self.stop.clone();
        let mut heartbeat = tokio::time::interval(connection.heartbeat);
        heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            if welcomed {
                self.next_report(&mut connection);
            }
            self.give_back(&mut connection).await;
            self.begin(&mut connection).await;
            let said = connection.large.is_empty();
            if self.draining && self.nothing_is_due() && said {
                self.leave_reports();
                // The last words are on their way: the coordinator closes its side once it has heard them.
                drop(connection);
                let heard = async { while let Ok(Some(_)) = inbound.message().await {} };
                // One that does not answer gives the lease to others by itself.
                let _ = tokio::time::timeout(GOODBYE, heard).await;
                return Ok(Ended::Drained);
            }
            tokio::select! {
                message = inbound.message() => match message {
                    Ok(Some(message)) => {
                        if let Some(ended) = self.handle(&mut connection, message, &mut welcomed)? {
                            return Ok(ended);
                        }
                        if heartbeat.period() != connection.heartbeat {
                            heartbeat = tokio::time::interval(connection.heartbeat);
                        }
                    }
                    Ok(None) => return Ok(lost(welcomed, &"the stream ended")),
                    Err(status) if refused_for_good(&status) => {
                        return Err(WorkerError::Refused(status.message().to_owned()));
                    }
                    Err(status) => return Ok(lost(welcomed, &status_text::innermost(&status))),
                },
                place = connection.outgoing.clone().reserve_owned(), if welcomed && !said => match place {
                    Ok(place) => {
                        if let Some(message) = connection.large.next()? {
                            place.send(message);
                        }
                    }
                    Err(_) => return Ok(lost(welcomed, &"the stream ended")),
                },
                Some(output) = self.outputs.recv(), if !self.outbox.is_full() => self.take(&mut connection, output),
                Some(built) = built.recv() => self.built(&mut connection, built)?,
                Some(run) = ready.recv() => connection.runs.push(run),
                _ = heartbeat.tick(), if welcomed => {
                    if connection.outgoing.send(self.heartbeat(&connection)).await.is_err() {
                        return Ok(lost(welcomed, &"the stream ended"));
                    }
                    if said && self.idle() {
                        self.leave_reports();
                        return Ok(Ended::Idle);
                    }
                }
                () = drain_requested(&mut stop), if !self.draining => {
                    self.draining = true;
                    // What runs at this moment is checkpointed or ends here; the coordinator must not
                    // take it for something that has not begun.
                    let _ = connection.outgoing.send(self.heartbeat(&connection)).await;
                    self.executor.drain();
                    // A closed stream shows at the next message.
                    let _ = connection.outgoing.send(wire::drain()).await;
                    self.return_unstarted(&mut connection).await;
                }
            }
        }
    }

    fn walltime_ms(&self) -> u64 {
        self.config.walltime.map_or(0, |walltime| {
            let left = walltime.saturating_sub(self.begun.elapsed());
            // Zero means "not known" on the wire.
            u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1)
        })
    }

    fn idle(&self) -> bool {
        let Some(timeout) = self.config.idle_timeout else {
            return false;
        };
        self.nothing_is_due() && self.last_lease.elapsed() >= timeout
    }

    /// Whether nothing is being worked on, and no acknowledgement will come by itself.
    fn nothing_is_due(&self) -> bool {
        self.held.values().all(|held| held.ended) && self.outbox.awaits_nothing()
    }

    /// Says what this worker leaves without.
    fn leave_reports(&self) {
        let reports = self.outbox.deferred();
        if reports > 0 {
            tracing::warn!(
                reports,
                "leaving with reports that the coordinator cannot store: their sweep is stopped"
            );
        }
    }

    /// Every lease in held, with what runs of it.
    fn heartbeat(&self, connection: &Connection) -> v1::SessionRequest {
        let running = self.executor.running();
        let held = self.held.iter();
        let mut leases: BTreeMap<u64, bool> =
            held.map(|(&lease, held)| (lease, held.started)).collect();
        for lease in connection.large.given_back() {
            leases.entry(lease).or_insert(true);
        }
        let leases = leases.into_iter().map(|(lease, started)| {
            let of_lease = running.iter().filter(|running| running.lease == lease);
            (
                lease,
                started,
                of_lease
                    .map(|running| (running.trial, running.left))
                    .collect(),
            )
        });
        wire::heartbeat(leases)
    }

    /// Lets the next report follow once everything before it is said.
    fn next_report(&mut self, connection: &mut Connection) {
        while connection.large.is_empty() {
            if std::mem::take(&mut connection.reporting) {
                self.pass(fault_point::REPORT_SENT);
            }
            let Some((number, body)) = self.outbox.next_to_send(connection.credit_bytes) else {
                return;
            };
            if let Some(spool) = &body.spool {
                connection.large.put_rows(number, Arc::clone(spool));
            }
            connection.large.put(wire::report(number, body));
            connection.reporting = true;
        }
    }

    fn take(&mut self, connection: &mut Connection, output: Output) {
        match output {
            Output::Report(body) => {
                if let Some(held) = self.held.get_mut(&body.lease.lease) {
                    held.unreported.subtract(&body.numbers);
                }
                self.outbox.put(body);
            }
            Output::Checkpoint {
                lease,
                trial,
                step,
                state,
            } => {
                self.pass(fault_point::CHECKPOINT_TAKEN);
                // A checkpoint that is lost with the connection only costs the steps since the last one.
                connection
                    .large
                    .put(wire::checkpoint(&lease, trial, step, state));
            }
            Output::Ended(lease) => {
                self.last_lease = Instant::now();
                let Some(held) = self.held.get_mut(&lease.lease) else {
                    return;
                };
                held.ended = true;
                let left = std::mem::take(&mut held.unreported);
                if !left.is_empty() {
                    held.outstanding.subtract(&left);
                    // After the checkpoints from which others go on. Without a connection the next one's
                    // Register says as much.
                    connection.large.put(wire::give_back(lease.lease, &left));
                }
                self.forget_if_through(lease.lease);
            }
        }
    }

    /// Fault tests stop the process here.
    fn pass(&self, point: &str) {
        if let Some(hook) = self.config.fault_hook {
            hook(point);
        }
    }

    fn forget_if_through(&mut self, lease: u64) {
        let through = |held: &HeldLease| held.ended && held.outstanding.is_empty();
        if self.held.get(&lease).is_some_and(through) {
            self.held.remove(&lease);
        }
    }

    /// Handles one message; `Some` where it ends the session.
    fn handle(
        &mut self,
        connection: &mut Connection,
        message: v1::SessionResponse,
        welcomed: &mut bool,
    ) -> Result<Option<Ended>, WorkerError> {
        match wire::incoming(message)? {
            Incoming::Welcome {
                worker_id,
                heartbeat,
                credit_bytes,
            } => {
                tracing::info!(worker_id, "joined the coordinator");
                if let Some(since) = self.away.take() {
                    // As loud as the word that it was away.
                    tracing::warn!("reconnected after {} s", since.elapsed().as_secs());
                }
                *welcomed = true;
                connection.credit_bytes = credit_bytes;
                connection.heartbeat = heartbeat;
                self.last_lease = Instant::now();
            }
            Incoming::Sweep(spec) => self.build(connection, spec),
            Incoming::Lease(lease) => self.lease(connection, lease),
            Incoming::Revoke(revoke) => {
                if let Some(held) = self.held.get(&revoke.lease) {
                    held.revoked.add(&revoke.numbers, revoke.stop_running);
                }
            }
            Incoming::Acknowledge { reports, deferred } => {
                self.pass(fault_point::ACKNOWLEDGED);
                self.outbox.defer(&deferred);
                for body in self.outbox.acknowledge(&reports) {
                    let lease = body.lease.lease;
                    if let Some(held) = self.held.get_mut(&lease) {
                        held.outstanding.subtract(&body.numbers);
                    }
                    self.forget_if_through(lease);
                }
            }
            Incoming::Stopping { finished: true } => return Ok(Some(Ended::Finished)),
            Incoming::Stopping { finished: false } => {
                return Ok(Some(Ended::Lost {
                    welcomed: *welcomed,
                    why: "the coordinator stops".to_owned(),
                    permanent: None,
                }));
            }
            Incoming::Refused(what) => return Err(WorkerError::Refused(what)),
        }
        Ok(None)
    }

    fn build(&self, connection: &mut Connection, spec: Spec) {
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

    fn built(&mut self, connection: &mut Connection, built: Built) -> Result<(), WorkerError> {
        let (name, result) = built;
        let (ready, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut connection.waiting)
            .into_iter()
            .partition(|lease| lease.sweep == name);
        connection.waiting = waiting;
        match result {
            Ok(sweep) => {
                connection.sweeps.insert(name, Arc::new(sweep));
            }
            // A local run has no other worker, and nobody who would mend its coordinator.
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
    fn lease(&mut self, connection: &mut Connection, lease: Lease) {
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
    async fn begin(&mut self, connection: &mut Connection) {
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
    async fn give_back(&mut self, connection: &mut Connection) {
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
    async fn return_unstarted(&mut self, connection: &mut Connection) {
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
    fn start(&mut self, connection: &mut Connection, lease: Arc<Lease>) {
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

/// Why no later try can make the connection, if that is so.
async fn permanent_failure(
    status: &tonic::Status,
    plain_address: Option<&str>,
) -> Option<PermanentFailure> {
    if let Some(permanent) = trust::permanent_failure(status) {
        return Some(permanent);
    }
    let address = plain_address?;
    trust::speaks_tls(address)
        .await
        .then(|| PermanentFailure::WantsTls(address.to_owned()))
}

/// Completes when the worker is asked to leave; never where nobody can ask any more.
async fn drain_requested(stop: &mut watch::Receiver<Stop>) {
    let told = stop.wait_for(|stop| *stop == Stop::Drain).await.is_ok();
    if !told {
        std::future::pending::<()>().await;
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

/// Errors that a later try would meet again.
fn refused_for_good(status: &tonic::Status) -> bool {
    matches!(
        status.code(),
        tonic::Code::FailedPrecondition
            | tonic::Code::Unauthenticated
            | tonic::Code::PermissionDenied
            | tonic::Code::InvalidArgument
    )
}
