//! What a cluster costs and how long it is without what it lost: figures, printed, nothing tested.
//!
//! `cargo build --release && cargo bench --workspace --bench cluster [-- leases|killed|restart|billion]`, on a quiet
//! machine. The coordinator is a process of its own; the 256 workers of `leases` share this one and train nothing.

#![expect(clippy::print_stdout, reason = "a benchmark's figures are its output")]

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rpc::v1;
use rpc::v1::session_request::Message as Say;
use rpc::v1::session_response::Message as Hear;
use rpc::v1::worker_service_client::WorkerServiceClient;
use table::{
    BatchBuilder, EngineKind, HistoryValues, Outcome, ScalarValues, Status, TrialResult, TrialRow,
};
use tests::process::Coordinator;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::codegen::Bytes;
use tonic::transport::Endpoint;

/// Workers of `leases`.
const WORKERS: u64 = 256;

/// How long `leases` looks, after its first seconds, in which the workers join and leases find their size.
const LOOK: Duration = Duration::from_secs(20);
const SETTLE: Duration = Duration::from_secs(5);

/// Predicted, and pretended, seconds of a trial of `leases`.
const TRIAL_SECONDS: f64 = 0.02;

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let is_asked = |name: &str| {
        let named = asked.iter().any(|word| word == name);
        named || !asked.iter().any(|word| !word.starts_with('-'))
    };
    type Part = (&'static str, fn(&Path));
    let parts: [Part; 4] = [
        ("leases", leases),
        ("killed", killed),
        ("restart", restart),
        ("billion", billion),
    ];
    for (name, part) in parts {
        if is_asked(name) {
            let home = tempfile::tempdir().expect("a temporary folder");
            part(home.path());
        }
    }
}

fn sweep(name: &str, trials: u64, dim: u64, steps: u64) -> String {
    format!(
        r#"
name = "{name}"
[axes]
"replicate" = {{ range = [0, {trials}] }}
[problem]
kind = "factorization"
dim = {dim}
[train]
steps = {steps}
engine = "full"
[measure]
every = 0
metrics = ["train_loss"]
"#
    )
}

fn grid(text: &str) -> sweep::Grid {
    let spec = sweep::Spec::parse(text, "bench.toml", &[]).expect("a sweep");
    sweep::Grid::new(spec, sweep::Arrays::new()).expect("a grid")
}

/// Steps after which a trial is predicted to take so many seconds.
fn steps_of(seconds: f64) -> u64 {
    let steps = 10_000;
    let predicted = grid(&sweep("s", 1, 40, steps)).cost(0).seconds;
    (seconds / predicted * steps as f64) as u64
}

fn submit(at: &Path, coordinator: &Coordinator, name: &str, text: &str) {
    let file = format!("{name}.toml");
    std::fs::write(at.join(&file), text).expect("the folder is ours");
    coordinator.call(at, &["submit", &file]).expect(0);
}

/// A line of the kernel's table of a process, in megabytes.
fn memory(coordinator: &Coordinator, line: &str) -> u64 {
    let path = format!("/proc/{}/status", coordinator.process.child.id());
    let status = std::fs::read_to_string(path).unwrap_or_default();
    let found = status.lines().find_map(|found| found.strip_prefix(line));
    let kilobytes = found.and_then(|rest| rest.trim_end_matches("kB").trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1024
}

/// A worker's stream, without the worker.
struct Session {
    say: mpsc::Sender<v1::SessionRequest>,
    hear: Streaming<v1::SessionResponse>,
}

impl Session {
    async fn join(url: &str, instance: u64) -> Session {
        let endpoint = Endpoint::from_shared(url.to_owned()).expect("an address");
        let channel = endpoint
            .tcp_nodelay(true)
            .connect()
            .await
            .expect("a coordinator");
        let mut client = WorkerServiceClient::new(channel)
            .max_decoding_message_size(rpc::limits::ANSWER_BYTES)
            .max_encoding_message_size(rpc::limits::FRAME_BYTES);
        let (say, requests) = mpsc::channel(16);
        let register = v1::Register {
            protocol_version: rpc::PROTOCOL_VERSION,
            name: format!("session-{instance}"),
            host: "here".to_owned(),
            threads: 1,
            isa: "none".to_owned(),
            program_version: "0".to_owned(),
            walltime_ms: 0,
            instance,
            held: Vec::new(),
            memory_bytes: 0,
            schema_fingerprint: table::schema_fingerprint(),
        };
        let session = Session::request(Say::Register(register));
        say.send(session).await.expect("an open stream");
        let hear = client.session(ReceiverStream::new(requests)).await;
        Session {
            say,
            hear: hear.expect("to be let in").into_inner(),
        }
    }

    fn request(message: Say) -> v1::SessionRequest {
        v1::SessionRequest {
            message: Some(message),
        }
    }

    /// The next lease, and when it came.
    async fn lease(&mut self) -> (v1::Lease, Instant) {
        loop {
            let message = self.hear.message().await.expect("an open stream");
            if let Some(Hear::Lease(lease)) = message.expect("a message").message {
                return (lease, Instant::now());
            }
        }
    }
}

fn report(grid: &sweep::Grid, number: u64, lease: &v1::Lease) -> v1::Report {
    let scalars = ScalarValues {
        train_loss: Some(1.0),
        ..ScalarValues::default()
    };
    let outcome = Outcome {
        last: scalars,
        history: vec![HistoryValues { step: 0, scalars }],
        train_seconds: TRIAL_SECONDS,
        ..Outcome::new(Status::Completed, EngineKind::Full)
    };
    let mut builder = BatchBuilder::new();
    let mut params = Vec::new();
    for trial in lease.ranges.iter().flat_map(|range| range.start..range.end) {
        grid.resolve_into(trial, &mut params).expect("a point");
        let id = grid.id_of(trial).expect("an id");
        let result = TrialResult::ran(&outcome);
        builder.push(&TrialRow {
            worker: "session",
            host: "here",
            run_isa: "none",
            run_version: "0",
            ..TrialRow::new(trial, id.as_str(), &params, result)
        });
    }
    let payload = builder.finish().and_then(|batch| batch.to_payload());
    let tables = payload.expect("columns").into_tables().map(Bytes::from);
    let [trials, history, spectra, layers] = tables;
    v1::Report {
        report: number,
        sweep: lease.sweep.clone(),
        lease: lease.lease,
        generation: lease.generation,
        lease_ranges: lease.ranges.clone(),
        proof: lease.proof.clone(),
        trials,
        history,
        spectra,
        layers,
        work_seconds: TRIAL_SECONDS * count(lease) as f64,
        rows: 0,
    }
}

fn count(lease: &v1::Lease) -> u64 {
    lease
        .ranges
        .iter()
        .map(|range| range.end - range.start)
        .sum()
}

/// Keeps a worker's two leases going: each is held for as long as its trials pretend to take, then reported. The
/// time from that report to the next lease is the coordinator's.
async fn keep_going(
    url: String,
    instance: u64,
    text: &'static str,
    seen: &Mutex<Vec<(Instant, f64, u64)>>,
    until: Instant,
) {
    let grid = grid(text);
    let mut session = Session::join(&url, instance).await;
    let say = session.say.clone();
    let beat = tokio::spawn(async move {
        let mut every = tokio::time::interval(rpc::limits::HEARTBEAT_INTERVAL);
        loop {
            every.tick().await;
            let heartbeat = Say::Heartbeat(v1::Heartbeat::default());
            if say.send(Session::request(heartbeat)).await.is_err() {
                return;
            }
        }
    });
    let mut in_hand = std::collections::VecDeque::new();
    let mut number = 0;
    while Instant::now() < until {
        while in_hand.is_empty() {
            in_hand.push_back(session.lease().await.0);
        }
        let Some(lease) = in_hand.pop_front() else {
            return;
        };
        // A tenth more or less, so that the workers do not march in step.
        let pretend = TRIAL_SECONDS
            * count(&lease) as f64
            * (0.9 + 0.2 * ((instance * 7919 + number * 104_729) % 1000) as f64 / 1000.0);
        let done = tokio::time::sleep(Duration::from_secs_f64(pretend));
        tokio::pin!(done);
        loop {
            tokio::select! {
                () = &mut done => break,
                (next, _) = session.lease() => in_hand.push_back(next),
            }
        }
        number += 1;
        let trials = count(&lease);
        let message = Session::request(Say::Report(report(&grid, number, &lease)));
        let reported = Instant::now();
        for piece in rpc::pieces::Pieces::of(message) {
            session.say.send(piece).await.expect("an open stream");
        }
        let (next, came) = session.lease().await;
        in_hand.push_back(next);
        let waited = (came - reported).as_secs_f64();
        seen.lock().expect("no panic").push((came, waited, trials));
    }
    beat.abort();
}

/// 256 workers: from a report to the lease that answers it.
fn leases(at: &Path) {
    let text: &'static str =
        Box::leak(sweep("leases", 50_000_000, 40, steps_of(TRIAL_SECONDS)).into_boxed_str());
    let coordinator = Coordinator::start(at, "data");
    submit(at, &coordinator, "leases", text);
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let seen: &'static Mutex<Vec<(Instant, f64, u64)>> = Box::leak(Box::default());
    let begun = Instant::now();
    runtime.block_on(async {
        let until = begun + SETTLE + LOOK;
        let workers = (1..=WORKERS).map(|instance| {
            tokio::spawn(keep_going(
                coordinator.url.clone(),
                instance,
                text,
                seen,
                until,
            ))
        });
        for worker in workers.collect::<Vec<_>>() {
            worker.await.expect("no panic");
        }
    });
    let seen = seen.lock().expect("no panic");
    let late = seen.iter().filter(|(came, ..)| *came >= begun + SETTLE);
    let mut waited: Vec<f64> = late.clone().map(|(_, waited, _)| *waited).collect();
    let trials: u64 = late.map(|(_, _, trials)| *trials).sum();
    waited.sort_by(f64::total_cmp);
    let quantile = |share: f64| 1e3 * waited[((waited.len() - 1) as f64 * share) as usize];
    println!(
        "{WORKERS} workers, {} leases of {:.0} trials in {:.0} s ({:.0} leases and {:.0} trials a second): from a report to the next lease p50 {:.2} ms, p99 {:.2} ms, largest {:.1} ms; coordinator's peak {} MB",
        waited.len(),
        trials as f64 / waited.len() as f64,
        LOOK.as_secs_f64(),
        waited.len() as f64 / LOOK.as_secs_f64(),
        trials as f64 / LOOK.as_secs_f64(),
        quantile(0.5),
        quantile(0.99),
        quantile(1.0),
        memory(&coordinator, "VmHWM:"),
    );
}

/// kill -9 of a worker: until all that it had in hand is in another's.
fn killed(at: &Path) {
    let mut seconds = Vec::new();
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    for round in 0..10 {
        let coordinator = Coordinator::start(at, &format!("data-{round}"));
        let name = format!("killed-{round}");
        // Two trials of a minute each, both in the hands of the only worker.
        let text = sweep(&name, 2, 40, steps_of(60.0));
        let grid = grid(&text);
        submit(at, &coordinator, &name, &text);
        let mut victim = coordinator.worker(at, "victim", 2);
        tests::process::until("the victim has both", || {
            let ended = coordinator.call(at, &["status", &name, "--json"]);
            ended.out.contains("\"leased\":2") || ended.out.contains("\"leased\": 2")
        });
        seconds.push(runtime.block_on(async {
            let mut other = Session::join(&coordinator.url, 99).await;
            let say = other.say.clone();
            let beat = tokio::spawn(async move {
                loop {
                    tokio::time::sleep(rpc::limits::HEARTBEAT_INTERVAL).await;
                    let heartbeat = Say::Heartbeat(v1::Heartbeat::default());
                    if say.send(Session::request(heartbeat)).await.is_err() {
                        return;
                    }
                }
            });
            // Let it be anywhere between two heartbeats.
            tokio::time::sleep(Duration::from_millis(600 + 97 * round)).await;
            let begun = Instant::now();
            victim.kill();
            let mut seen = std::collections::BTreeSet::new();
            let mut number = 0;
            // What ran on a dead worker comes in small leases, one at a time: each is answered at once.
            let last = loop {
                let (lease, came) = other.lease().await;
                seen.extend(lease.ranges.iter().flat_map(|range| range.start..range.end));
                if seen.len() == 2 {
                    break came;
                }
                number += 1;
                let message = Session::request(Say::Report(report(&grid, number, &lease)));
                for piece in rpc::pieces::Pieces::of(message) {
                    other.say.send(piece).await.expect("an open stream");
                }
            };
            let waited = (last - begun).as_secs_f64();
            beat.abort();
            waited
        }));
    }
    seconds.sort_by(f64::total_cmp);
    println!(
        "kill -9 of a worker, {} times: its trials are with another after {:.2} to {:.2} s, median {:.2} s (heartbeat timeout {:.0} s)",
        seconds.len(),
        seconds[0],
        seconds[seconds.len() - 1],
        seconds[seconds.len() / 2],
        rpc::limits::HEARTBEAT_TIMEOUT.as_secs_f64(),
    );
}

/// kill -9 of a coordinator with a million trials done: until it answers again.
fn restart(at: &Path) {
    let mut coordinator = Coordinator::start(at, "data");
    submit(
        at,
        &coordinator,
        "million",
        &sweep("million", 1_000_000, 2, 0),
    );
    let worker = coordinator.worker(at, "w", 2);
    coordinator.call(at, &["watch", "million"]).expect(0);
    println!(
        "10^6 trials finished: coordinator's peak {} MB",
        memory(&coordinator, "VmHWM:")
    );
    drop(worker);
    for _ in 0..3 {
        coordinator.process.kill();
        let begun = Instant::now();
        coordinator = Coordinator::start(at, "data");
        let ended = coordinator.call(at, &["status", "million", "--json"]);
        let seconds = begun.elapsed().as_secs_f64();
        assert!(ended.out.contains("1000000"), "{}", ended.out);
        println!(
            "restart with 10^6 done: listens and reports its status after {seconds:.2} s, {} MB",
            memory(&coordinator, "VmHWM:")
        );
    }
}

/// A grid of a billion, some of it done.
fn billion(at: &Path) {
    let coordinator = Coordinator::start(at, "data");
    let begun = Instant::now();
    submit(
        at,
        &coordinator,
        "billion",
        &sweep("billion", 1_000_000_000, 2, 0),
    );
    let submitted = begun.elapsed().as_secs_f64();
    let worker = coordinator.worker(at, "w", 2);
    std::thread::sleep(Duration::from_secs(15));
    let ended = coordinator.call(at, &["status", "billion"]);
    drop(worker);
    println!(
        "grid of 10^9: submitted in {submitted:.2} s; after 15 s of work the coordinator's peak is {} MB\n{}",
        memory(&coordinator, "VmHWM:"),
        ended.out.trim_end(),
    );
}
