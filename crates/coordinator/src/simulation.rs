//! The whole service with three workers in virtual time: connections break, workers fall silent, are started again or
//! killed, and the coordinator is started again, all as one seed decides. At the end every trial has its one row.
//!
//! tokio's clock is paused: it moves to the next timer when nothing is left to do, and stands still while a blocking
//! thread works, which is where folders are opened, checked and written here. So a simulation takes the time of its
//! disk, and a seed replays it: what each worker saw, and when, is the same again. The workers are made up; they speak
//! the protocol and compute nothing.
//!
//! `PARSIMONY_SIMULATION_SEED` runs one seed instead of those listed.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rpc::auth::{Gate, Role};
use rpc::lease::Lease;
use rpc::memory::{MemoryConnector, pair};
use rpc::pieces::Pieces;
use rpc::v1;
use rpc::v1::session_request::Message as Request;
use rpc::v1::session_response::Message as Response;
use rpc::v1::sweep_service_client::SweepServiceClient;
use rpc::v1::worker_service_client::WorkerServiceClient;
use sweep::IntervalSet;
use table::{BatchBuilder, RunFolder, TrialResult, TrialRow};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::codegen::Bytes;
use tonic::transport::{Channel, Server};

use crate::config::{Config, Layout};
use crate::observer::Observer;
use crate::serve::serve_with;
use crate::writer_pool::WriterPool;

/// Run where no other is asked for.
const SEEDS: [u64; 6] = [1, 2, 3, 4, 5, 6];

const WORKERS: u64 = 3;

const TRIALS: u64 = 120;

/// A worker that dies again and again takes its trials with it: fewer deaths than the scheduler allows of one.
const DEATHS: u64 = 2;

/// Virtual time after which a simulation has failed.
const PATIENCE: Duration = Duration::from_secs(600);

const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(3);

const SWEEP: &str = r#"
name = "simulated"
seed = 1

[axes]
"replicate" = { range = [0, 120] }

[problem]
kind = "factorization"
dim = 4

[train]
steps = 10

[optimizer]
rate = 0.1
"#;

/// SplitMix64.
#[derive(Clone)]
struct Chance(u64);

impl Chance {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.draw() % end
    }

    fn milliseconds(&mut self, from: u64, to: u64) -> Duration {
        // No two workers act at the same instant.
        Duration::from_micros(1000 * from + self.below(1000 * (to - from)))
    }
}

/// What happened, and when.
#[derive(Clone)]
struct Trace {
    begun: Instant,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Trace {
    fn note(&self, worker: u64, what: std::fmt::Arguments<'_>) {
        let at = self.begun.elapsed().as_micros();
        let line = format!("{at:>12} w{worker} {what}");
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line);
    }
}

/// How one session of a worker ended.
enum SessionEnd {
    /// The connection is lost: the process lives on.
    Lost,
    /// The process dies.
    Died,
    /// All is done.
    Left,
}

/// A worker's process.
struct Worker {
    number: u64,
    instance: u64,
    chance: Chance,
    trace: Trace,
    folder: Option<Arc<sweep::Folder>>,
    leases: VecDeque<(Lease, VecDeque<u64>)>,
    /// Reports by their number until they are acknowledged.
    reports: BTreeMap<u64, (Lease, Vec<u64>)>,
    next_report: u64,
    next_fault: Instant,
    deaths: Arc<Mutex<u64>>,
}

fn words(trial: u64) -> String {
    format!("made up for trial {trial}")
}

fn columns(folder: &sweep::Folder, numbers: &[u64]) -> [Bytes; 4] {
    let mut builder = BatchBuilder::new();
    for &trial in numbers {
        let point = folder.point(trial).expect("a trial of the sweep");
        let result = TrialResult::Failed {
            error: &words(trial),
            seconds: 0.0,
        };
        builder.push(&TrialRow::new(trial, &point.id(), &point.row(), result));
    }
    let batch = builder.finish().expect("columns");
    let payload = batch.to_payload().expect("columns that can be encoded");
    payload.into_tables().map(Bytes::from)
}

fn folder_of(spec: &v1::SweepSpec) -> sweep::Folder {
    let toml = &spec.generations[0].toml;
    let spec = sweep::Spec::parse_stored(toml, "simulated.toml", &[]).expect("a sweep");
    let grid = sweep::Grid::new(spec, sweep::Arrays::new()).expect("a grid");
    sweep::Folder::new(Arc::new(grid))
}

async fn say(requests: &mpsc::Sender<v1::SessionRequest>, message: Request) {
    let request = v1::SessionRequest {
        message: Some(message),
    };
    for piece in Pieces::of(request) {
        // A closed stream shows at the next message.
        let _ = requests.send(piece).await;
    }
}

/// Completes once the sweep is finished.
async fn is_done(done: &mut watch::Receiver<bool>) {
    // The sender lives until every worker has left.
    let _ = done.wait_for(|done| *done).await.is_ok();
}

impl Worker {
    fn new(number: u64, mut chance: Chance, trace: Trace, deaths: Arc<Mutex<u64>>) -> Self {
        let instance = chance.draw();
        let next_fault = Instant::now() + chance.milliseconds(200, 6000);
        Worker {
            number,
            instance,
            chance,
            trace,
            folder: None,
            leases: VecDeque::new(),
            reports: BTreeMap::new(),
            next_report: 1,
            next_fault,
            deaths,
        }
    }

    fn note(&self, what: std::fmt::Arguments<'_>) {
        self.trace.note(self.number, what);
    }

    /// Sessions one after another until all is done.
    async fn live(
        mut self,
        mut connector: watch::Receiver<MemoryConnector>,
        mut done: watch::Receiver<bool>,
    ) {
        loop {
            let channel = connector.borrow_and_update().channel();
            match self.session(channel, &mut done).await {
                SessionEnd::Left => return,
                SessionEnd::Lost => {}
                SessionEnd::Died => {
                    self.note(format_args!("dies"));
                    let (chance, trace) = (self.chance.clone(), self.trace.clone());
                    self = Worker::new(self.number, chance, trace, Arc::clone(&self.deaths));
                }
            }
            let wait = self.chance.milliseconds(50, 1500);
            sleep(wait).await;
        }
    }

    fn register(&self) -> v1::Register {
        let mut held: BTreeMap<u64, (Lease, IntervalSet)> = BTreeMap::new();
        let working = self
            .leases
            .iter()
            .map(|(lease, left)| (lease, Vec::from_iter(left)));
        let reported = self.reports.values();
        let reported = reported.map(|(lease, numbers)| (lease, Vec::from_iter(numbers)));
        for (lease, numbers) in working.chain(reported) {
            let (_, outstanding) = held
                .entry(lease.lease)
                .or_insert_with(|| (lease.clone(), IntervalSet::new()));
            for &number in numbers {
                outstanding.insert(number..number + 1);
            }
        }
        v1::Register {
            protocol_version: rpc::PROTOCOL_VERSION,
            name: format!("w{}", self.number),
            host: "simulated".to_owned(),
            threads: 1,
            isa: "none".to_owned(),
            program_version: "0".to_owned(),
            instance: self.instance,
            schema_fingerprint: table::schema_fingerprint(),
            held: held
                .values()
                .map(|(lease, outstanding)| lease.to_held(outstanding))
                .collect(),
            ..v1::Register::default()
        }
    }

    async fn session(&mut self, channel: Channel, done: &mut watch::Receiver<bool>) -> SessionEnd {
        let (requests, stream) = mpsc::channel(64);
        say(&requests, Request::Register(self.register())).await;
        let mut client = WorkerServiceClient::new(channel);
        let session = client.session(ReceiverStream::new(stream)).await;
        let Ok(mut inbound) = session.map(tonic::Response::into_inner) else {
            return SessionEnd::Lost;
        };
        for (&number, report) in &self.reports {
            say(&requests, self.report(number, report)).await;
        }
        let mut heartbeat = tokio::time::interval(Duration::from_millis(1000));
        let mut ready_at = None;
        loop {
            let working = !self.leases.is_empty();
            if working && ready_at.is_none() {
                ready_at = Some(Instant::now() + self.chance.milliseconds(20, 200));
            }
            let ready = ready_at.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                message = inbound.message() => match message {
                    Ok(Some(message)) => {
                        if !self.hear(message, &requests).await {
                            return SessionEnd::Lost;
                        }
                    }
                    Ok(None) | Err(_) => return SessionEnd::Lost,
                },
                () = is_done(done) => {
                    self.leave(requests, inbound).await;
                    return SessionEnd::Left;
                }
                () = sleep_until(self.next_fault) => {
                    if let Some(end) = self.fault().await {
                        return end;
                    }
                }
                () = sleep_until(ready), if working => {
                    ready_at = None;
                    self.compute(&requests).await;
                }
                _ = heartbeat.tick() => say(&requests, self.heartbeat()).await,
            }
        }
    }

    /// Bad luck: `Some` where it ends the session.
    async fn fault(&mut self) -> Option<SessionEnd> {
        self.next_fault = Instant::now() + self.chance.milliseconds(500, 8000);
        match self.chance.below(4) {
            0 if self.may_die() => Some(SessionEnd::Died),
            0 | 1 => {
                // As good as dead to the scheduler, if it lasts.
                let longest = if self.may_die() { 8000 } else { 2500 };
                let silence = self.chance.milliseconds(500, longest);
                self.note(format_args!("falls silent for {silence:?}"));
                sleep(silence).await;
                None
            }
            _ => {
                self.note(format_args!("loses its connection"));
                Some(SessionEnd::Lost)
            }
        }
    }

    /// Counts the death.
    fn may_die(&self) -> bool {
        let mut deaths = self.deaths.lock().unwrap_or_else(PoisonError::into_inner);
        let may_die = *deaths < DEATHS;
        *deaths += u64::from(may_die);
        may_die
    }

    /// False where the session is over.
    async fn hear(
        &mut self,
        message: v1::SessionResponse,
        requests: &mpsc::Sender<v1::SessionRequest>,
    ) -> bool {
        match message.message {
            Some(Response::Sweep(spec)) => self.folder = Some(Arc::new(folder_of(&spec))),
            Some(Response::Lease(lease)) => {
                let lease = Lease::of_grant(lease).expect("a sound lease");
                self.note(format_args!("gets {:?}", lease.ranges));
                let numbers = lease.ranges.iter().cloned().flatten().collect();
                self.leases.push_back((lease, numbers));
                // As a worker that hands its lease to a thread at once.
                say(requests, self.heartbeat()).await;
            }
            Some(Response::Revoke(revoke)) => {
                let gone = rpc::convert::intervals(&revoke.ranges).expect("sound ranges");
                let of = |lease: &&mut (Lease, VecDeque<u64>)| lease.0.lease == revoke.lease;
                if let Some((_, numbers)) = self.leases.iter_mut().find(of) {
                    numbers.retain(|&number| !gone.contains(number));
                }
                self.leases.retain(|(_, numbers)| !numbers.is_empty());
            }
            Some(Response::Acknowledge(acknowledge)) => {
                assert!(acknowledge.deferred.is_empty(), "nothing stops this sweep");
                for report in acknowledge.reports {
                    self.reports.remove(&report);
                    self.note(format_args!("report {report} is acknowledged"));
                }
            }
            Some(Response::Goodbye(goodbye)) => {
                let refused = matches!(goodbye.reason, Some(v1::goodbye::Reason::Refused(_)));
                assert!(!refused, "an honest worker is sent away: {goodbye:?}");
                return false;
            }
            Some(Response::Welcome(_)) | None => {}
        }
        true
    }

    /// The next trial is done, and reported.
    async fn compute(&mut self, requests: &mpsc::Sender<v1::SessionRequest>) {
        let Some((lease, numbers)) = self.leases.front_mut() else {
            return;
        };
        let done: Vec<u64> = numbers.pop_front().into_iter().collect();
        let lease = lease.clone();
        if numbers.is_empty() {
            self.leases.pop_front();
        }
        let number = self.next_report;
        self.next_report += 1;
        let report = (lease, done);
        say(requests, self.report(number, &report)).await;
        self.reports.insert(number, report);
    }

    fn report(&self, number: u64, (lease, numbers): &(Lease, Vec<u64>)) -> Request {
        let folder = self.folder.as_deref().expect("a spec before a lease");
        let [trials, history, spectra, layers] = columns(folder, numbers);
        Request::Report(v1::Report {
            report: number,
            trials,
            history,
            spectra,
            layers,
            work_seconds: 0.1 * numbers.len() as f64,
            ..lease.to_report()
        })
    }

    fn heartbeat(&self) -> Request {
        let first = self.leases.front().map(|(lease, _)| lease.lease);
        let beats = self.leases.iter().map(|(lease, numbers)| {
            let begun = first == Some(lease.lease);
            v1::LeaseBeat {
                lease: lease.lease,
                running: numbers
                    .front()
                    .filter(|_| begun)
                    .copied()
                    .into_iter()
                    .collect(),
                left_seconds: Vec::new(),
                begun,
            }
        });
        Request::Heartbeat(v1::Heartbeat {
            leases: beats.collect(),
        })
    }

    async fn leave(
        &self,
        requests: mpsc::Sender<v1::SessionRequest>,
        mut inbound: Streaming<v1::SessionResponse>,
    ) {
        say(&requests, Request::Drain(v1::Drain {})).await;
        drop(requests);
        while let Ok(Some(_)) = inbound.message().await {}
    }
}

/// A coordinator over the folder; what is returned stops it and waits for its end.
fn start(data: &Path) -> (MemoryConnector, impl Future<Output = ()> + use<>) {
    let (connector, listener) = pair();
    let config = Config {
        layout: Layout::Many(data.to_owned()),
        heartbeat_timeout: HEARTBEAT_TIMEOUT,
        checkpoint_after: Duration::from_secs(3600),
        revision: "simulated".to_owned(),
        workers: Gate::open(Role::Worker),
        users: Gate::open(Role::User),
        fault_hook: None,
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(async move {
        let pool = WriterPool::on_runtime(tokio::runtime::Handle::current());
        let stop = async {
            // A dropped sender stops it as well.
            let _ = stopped.await;
        };
        let observer = Observer::default();
        let incoming = listener.into_stream();
        serve_with(incoming, Server::builder(), config, &observer, stop, pool).await
    });
    let end = async move {
        drop(stop);
        served.await.expect("no panic").expect("a good end");
        // Folders are closed on blocking threads, which virtual time waits for.
        sleep(Duration::from_secs(1)).await;
    };
    (connector, end)
}

async fn is_finished(connector: &MemoryConnector) -> bool {
    let mut client = SweepServiceClient::new(connector.channel());
    let request = v1::StatusRequest {
        name: "simulated".to_owned(),
    };
    let status = client
        .status(request)
        .await
        .map(tonic::Response::into_inner);
    let state = status.ok().and_then(|response| response.status);
    state.is_some_and(|status| status.state() == v1::SweepState::Finished)
}

/// One simulation. Returns what the workers saw.
async fn simulate(seed: u64, data: &Path) -> Vec<String> {
    let mut chance = Chance(seed);
    let trace = Trace {
        begun: Instant::now(),
        lines: Arc::default(),
    };
    let (first, mut end) = start(data);
    let (connectors, connector) = watch::channel(first);
    let done = watch::Sender::new(false);
    let deaths = Arc::new(Mutex::new(0));
    let mut workers = tokio::task::JoinSet::new();
    for number in 0..WORKERS {
        let own = Chance(chance.draw());
        let worker = Worker::new(number, own, trace.clone(), Arc::clone(&deaths));
        workers.spawn(worker.live(connector.clone(), done.subscribe()));
    }
    let mut client = SweepServiceClient::new(connector.borrow().channel());
    let submit = v1::SubmitRequest {
        toml: SWEEP.to_owned(),
        ..v1::SubmitRequest::default()
    };
    client.submit(submit).await.expect("a sweep that is taken");
    drop(client);
    // One coordinator takes over from another in the middle.
    sleep(chance.milliseconds(500, 4000)).await;
    trace.note(99, format_args!("the coordinator starts again"));
    end.await;
    let (second, next_end) = start(data);
    end = next_end;
    connectors.send_replace(second);
    let newest = connector.borrow().clone();
    while !is_finished(&newest).await {
        sleep(Duration::from_millis(500)).await;
    }
    done.send_replace(true);
    while let Some(ended) = workers.join_next().await {
        ended.expect("a worker that does not panic");
    }
    end.await;
    std::mem::take(&mut *trace.lines.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Every trial has its row, and only one.
fn check(data: &Path) {
    let folder = RunFolder::open(&data.join("simulated"), None).expect("a run folder");
    let done = folder.done().expect("a journal");
    assert_eq!(Vec::from_iter(done.runs()), [0..TRIALS]);
    let counts = folder.counts().expect("a journal");
    assert_eq!(
        (counts.completed, counts.diverged, counts.failed),
        (0, 0, TRIALS)
    );
    let mut rows = folder.failed().expect("a journal");
    rows.sort_by_key(|row| row.trial);
    let rows = rows.into_iter().map(|row| (row.trial, row.error));
    let expected = (0..TRIALS).map(|trial| (trial, words(trial)));
    assert_eq!(Vec::from_iter(rows), Vec::from_iter(expected));
}

/// Runs a seed in a runtime of its own, so that its clock begins anew.
fn run(seed: u64) -> Vec<String> {
    let home = tempfile::tempdir().expect("a temporary folder");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let simulated = async { timeout(PATIENCE, simulate(seed, home.path())).await };
    let trace = runtime.block_on(simulated).expect("an end in time");
    drop(runtime);
    check(home.path());
    trace
}

#[test]
fn every_trial_has_one_row_whatever_breaks() {
    let asked = std::env::var("PARSIMONY_SIMULATION_SEED").ok();
    let asked = asked.map(|text| text.parse().expect("a seed is a number"));
    for seed in asked.map_or_else(|| SEEDS.to_vec(), |seed| vec![seed]) {
        eprintln!("PARSIMONY_SIMULATION_SEED={seed}");
        for line in run(seed) {
            eprintln!("{line}");
        }
    }
}

#[test]
fn a_seed_replays_what_happened() {
    let (first, second) = (run(7), run(7));
    let differs = first.iter().zip(&second).find(|(a, b)| a != b);
    assert_eq!(differs, None);
    assert_eq!(first.len(), second.len());
    assert_ne!(first, run(8));
}
