//! A worker that a test controls, made-up columns, and the coordinator that hostile clients meet.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use rpc::v1;
use rpc::v1::session_request::Message as Request;
use rpc::v1::session_response::Message as Response;
use rpc::v1::worker_service_client::WorkerServiceClient;
use table::{BatchBuilder, ComparisonRow, TrialResult, TrialRow, Verdict};
use tests::process::{Coordinator, run};
use tests::tables::{assert_equal, number};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::Bytes;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};

use crate::common::{count, logged, long, until_finished};
use crate::folder_with;

/// Longest wait for an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Predicted seconds of a trial: a first lease then holds a dozen trials, and several workers get one.
const TRIAL_SECONDS: f64 = 0.02;

fn grid(text: &str) -> sweep::Grid {
    let spec = sweep::Spec::parse(text, "small.toml", &[]).unwrap();
    sweep::Grid::new(spec, sweep::Arrays::new()).unwrap()
}

/// The sweep of these tests.
fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let steps = 10_000;
        let each = grid(&long("small", 1, steps)).cost(0).seconds / steps as f64;
        // A step is predicted to take microseconds.
        long("small", 72, (TRIAL_SECONDS / each) as u64)
    })
}

pub(super) async fn channel(url: &str) -> Channel {
    // HTTP/2's own smallest windows: what is not read stays with the coordinator.
    let endpoint = Endpoint::from_shared(url.to_owned())
        .unwrap()
        .initial_stream_window_size(65_535)
        .initial_connection_window_size(65_535);
    endpoint.connect().await.unwrap()
}

pub(super) fn register(instance: u64) -> v1::Register {
    v1::Register {
        protocol_version: rpc::PROTOCOL_VERSION,
        name: "stranger".to_owned(),
        host: "elsewhere".to_owned(),
        threads: 1,
        isa: "none".to_owned(),
        program_version: "0".to_owned(),
        walltime_ms: 0,
        instance,
        held: Vec::new(),
        memory_bytes: 0,
        schema_fingerprint: table::schema_fingerprint(),
    }
}

/// A worker's session, controlled by the test.
pub(super) struct TestWorker {
    requests: mpsc::Sender<v1::SessionRequest>,
    responses: Streaming<v1::SessionResponse>,
}

impl TestWorker {
    /// Opens a session with this message.
    pub(super) async fn open(url: &str, first: Request) -> Result<Self, Status> {
        let mut client = WorkerServiceClient::new(channel(url).await);
        let (requests, received) = mpsc::channel(16);
        let request = v1::SessionRequest {
            message: Some(first),
        };
        requests.send(request).await.unwrap();
        let session = client.session(ReceiverStream::new(received));
        let responses = timeout(PATIENCE, session)
            .await
            .expect("an answer in time")?;
        Ok(TestWorker {
            requests,
            responses: responses.into_inner(),
        })
    }

    /// Registers as a worker of its own.
    pub(super) async fn join(url: &str, instance: u64) -> Self {
        let joined = TestWorker::open(url, Request::Register(register(instance))).await;
        joined.unwrap_or_else(|status| panic!("not let in: {status}"))
    }

    /// Sends a message; nothing happens where the stream is closed already.
    pub(super) async fn send(&self, message: Request) {
        let request = v1::SessionRequest {
            message: Some(message),
        };
        for piece in rpc::pieces::Pieces::of(request) {
            // If the stream is closed, the response says why.
            let _ = self.requests.send(piece).await;
        }
    }

    /// As [`TestWorker::send`], however large it is.
    pub(super) async fn send_whole(&self, message: Request) {
        let request = v1::SessionRequest {
            message: Some(message),
        };
        let _ = self.requests.send(request).await;
    }

    /// The first message that `pick` takes; `None` where the stream ends before.
    pub(super) async fn receive<T>(
        &mut self,
        mut pick: impl FnMut(Response) -> Option<T>,
    ) -> Option<T> {
        loop {
            let message = timeout(PATIENCE, self.responses.message()).await;
            let message = message.expect("a message in time").ok()??;
            if let Some(found) = message.message.and_then(&mut pick) {
                return Some(found);
            }
        }
    }

    pub(super) async fn lease(&mut self) -> v1::Lease {
        let lease = self.receive(|message| match message {
            Response::Lease(lease) => Some(lease),
            _ => None,
        });
        lease.await.expect("a lease")
    }

    /// Waits for the message that refuses it, and for the end of the stream.
    pub(super) async fn refused(&mut self) -> String {
        let refused = self.receive(|message| match message {
            Response::Goodbye(v1::Goodbye {
                reason: Some(v1::goodbye::Reason::Refused(refused)),
            }) => Some(refused.what),
            _ => None,
        });
        let refused = refused.await.expect("to be refused");
        while self.receive(Some).await.is_some() {}
        refused
    }

    pub(super) async fn acknowledged(&mut self, report: u64) {
        let acknowledged = self.receive(|message| match message {
            Response::Acknowledge(acknowledge) => {
                acknowledge.reports.contains(&report).then_some(())
            }
            _ => None,
        });
        acknowledged.await.expect("an acknowledgement");
    }

    /// Leaves in good order.
    pub(super) async fn leave(self) {
        self.send(Request::Drain(v1::Drain {})).await;
        drop(self.requests);
        let mut responses = self.responses;
        while let Ok(Ok(Some(_))) = timeout(PATIENCE, responses.message()).await {}
    }
}

/// Columns as a worker sends them, with a failed row for each number. What the rows say is made up.
pub(super) fn columns(numbers: &[u64]) -> [Bytes; 4] {
    let own: Vec<_> = numbers
        .iter()
        .map(|&number| (number, number, number))
        .collect();
    columns_of(&own)
}

/// As [`columns`], with a comparison that nobody asked for.
pub(super) fn compared(numbers: &[u64]) -> [Bytes; 4] {
    let comparison = ComparisonRow::without(Verdict::Beyond(Some("made up".to_owned())));
    let own: Vec<_> = numbers
        .iter()
        .map(|&number| (number, number, number))
        .collect();
    rows_of(&own, Some(&comparison))
}

/// As [`columns`], from each row's number, the trial whose id it carries and the one whose parameters it carries.
pub(super) fn columns_of(rows: &[(u64, u64, u64)]) -> [Bytes; 4] {
    rows_of(rows, None)
}

fn rows_of(rows: &[(u64, u64, u64)], comparison: Option<&ComparisonRow>) -> [Bytes; 4] {
    let grid = grid(text());
    let mut builder = BatchBuilder::new();
    let mut params = Vec::new();
    for &(number, of_id, of_params) in rows {
        grid.resolve_into(of_params % grid.size(), &mut params)
            .unwrap();
        let result = TrialResult::Failed {
            error: "made up",
            seconds: 0.0,
        };
        let id = grid.id_of(of_id % grid.size()).unwrap();
        builder.push(&TrialRow {
            worker: "stranger",
            host: "elsewhere",
            comparison,
            ..TrialRow::new(number, id.as_str(), &params, result)
        });
    }
    let payload = builder.finish().unwrap().to_payload().unwrap();
    payload.into_tables().map(Bytes::from)
}

/// A report that is in order: every number of the lease.
pub(super) fn report(number: u64, lease: &v1::Lease) -> v1::Report {
    let numbers: Vec<u64> = lease
        .ranges
        .iter()
        .flat_map(|range| range.start..range.end)
        .collect();
    with_columns(number, lease, columns(&numbers))
}

pub(super) fn with_columns(number: u64, lease: &v1::Lease, columns: [Bytes; 4]) -> v1::Report {
    let granted: u64 = lease
        .ranges
        .iter()
        .map(|range| range.end - range.start)
        .sum();
    let [trials, history, spectra, layers] = columns;
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
        // As fast as predicted: leases stay small.
        work_seconds: TRIAL_SECONDS * granted as f64,
        rows: 0,
    }
}

/// A coordinator with the small sweep and no worker.
pub(super) struct TestCluster {
    pub(super) home: tempfile::TempDir,
    pub(super) coordinator: Coordinator,
    pub(super) runtime: Runtime,
}

impl TestCluster {
    pub(super) fn new() -> Self {
        let home = folder_with("small.toml", text());
        let talk = home.path().join("log");
        let coordinator = Coordinator::with(home.path(), "data", "127.0.0.1:0", |command| {
            logged(command, &talk);
        });
        coordinator
            .call(home.path(), &["submit", "small.toml"])
            .expect(0);
        TestCluster {
            home,
            coordinator,
            runtime: Runtime::new().unwrap(),
        }
    }

    pub(super) fn at(&self) -> &Path {
        self.home.path()
    }

    pub(super) fn url(&self) -> &str {
        &self.coordinator.url
    }

    /// Lets an honest worker finish the sweep and compares it with a run without hostile clients. Rows that a hostile
    /// worker was allowed to write, those of its own leases, say that they failed and run again.
    pub(super) fn check(&mut self) {
        let alive = self.coordinator.process.child.try_wait().unwrap().is_none();
        assert!(alive, "the coordinator died");
        let (at, coordinator) = (self.home.path(), &self.coordinator);
        let _honest = coordinator.worker(at, "honest", 2);
        until_finished(coordinator, at, "small");
        if count(coordinator, at, "small", "failed") > 0 {
            coordinator
                .call(at, &["retry", "small", "--failed"])
                .expect(0);
            coordinator.call(at, &["watch", "small"]).expect(0);
        }
        let run_folder = at.join("data/small");
        let by_others = "SELECT count(*) AS n FROM trials WHERE worker <> 'honest'";
        assert_eq!(number(&run_folder, by_others), 0.0);
        run(at, &["run", "small.toml", "--out", "local"]).expect(0);
        assert_equal(&at.join("local"), &run_folder);
    }
}
