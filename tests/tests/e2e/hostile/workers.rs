//! Workers that lie.

use rpc::v1;
use rpc::v1::session_request::Message as Request;
use rpc::v1::session_response::Message as Response;
use tests::process::{Coordinator, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tonic::Code;
use tonic::codegen::Bytes;

use super::test_worker::{
    PATIENCE, TestCluster, TestWorker, columns, columns_of, compared, register, report,
    with_columns,
};
use crate::common::{count, log, rows, state, workers};

#[test]
fn workers_without_permission_are_refused() {
    let mut cluster = TestCluster::new();
    let url = cluster.url().to_owned();
    let refused = |first: Request, code: Code, word: &str| {
        let opened = cluster.runtime.block_on(TestWorker::open(&url, first));
        let status = opened.err().expect("it was let in");
        assert_eq!(status.code(), code, "{status}");
        assert!(
            status.message().contains(word),
            "`{word}` is missing in {status}"
        );
    };
    let registered = |change: &dyn Fn(&mut v1::Register)| {
        let mut register = register(1);
        change(&mut register);
        Request::Register(register)
    };
    let version = registered(&|register| register.protocol_version = 77);
    refused(version, Code::FailedPrecondition, "77");
    let version = registered(&|register| register.protocol_version = 77);
    refused(
        version,
        Code::FailedPrecondition,
        &rpc::PROTOCOL_VERSION.to_string(),
    );
    for word in ["000000000000000b", "parsimony 0", "same build"] {
        let columns = registered(&|register| register.schema_fingerprint = 11);
        refused(columns, Code::FailedPrecondition, word);
    }
    refused(
        Request::Drain(v1::Drain {}),
        Code::InvalidArgument,
        "Register",
    );
    for threads in [0, 5000, u32::MAX] {
        let threads = registered(&|register| register.threads = threads);
        refused(threads, Code::InvalidArgument, "threads");
    }
    for name in [
        "".to_owned(),
        "a\nb".to_owned(),
        "\u{1b}[31m".to_owned(),
        "n".repeat(100_000),
    ] {
        let named = registered(&|register| register.name.clone_from(&name));
        refused(named, Code::InvalidArgument, "name");
        let hosted = registered(&|register| register.host.clone_from(&name));
        refused(hosted, Code::InvalidArgument, "host");
    }
    let held = |sweep: &str, start: u64, end: u64| v1::HeldLease {
        lease: 1,
        generation: 1,
        sweep: sweep.to_owned(),
        ranges: vec![v1::Range { start, end }],
        proof: vec![7_u8; 32].into(),
        outstanding: vec![v1::Range { start, end }],
    };
    let escaping = registered(&|register| register.held = vec![held("../small", 0, 10)]);
    refused(escaping, Code::InvalidArgument, "name");
    let backwards = registered(&|register| register.held = vec![held("small", 10, 0)]);
    refused(backwards, Code::InvalidArgument, "backwards");
    let many = registered(&|register| register.held = vec![held("small", 0, 10); 5000]);
    refused(many, Code::InvalidArgument, "more leases");
    cluster.check();
}

#[test]
fn a_lease_that_was_never_granted_is_dropped_and_its_report_writes_nothing() {
    let mut cluster = TestCluster::new();
    let url = cluster.url().to_owned();
    let lease = v1::Lease {
        lease: 1,
        generation: 1,
        sweep: "small".to_owned(),
        ranges: vec![v1::Range { start: 0, end: 10 }],
        proof: vec![7_u8; 32].into(),
        ..v1::Lease::default()
    };
    let mut forging = register(1);
    forging.held = vec![v1::HeldLease {
        lease: lease.lease,
        generation: lease.generation,
        sweep: lease.sweep.clone(),
        ranges: lease.ranges.clone(),
        proof: lease.proof.clone(),
        outstanding: lease.ranges.clone(),
    }];
    cluster.runtime.block_on(async {
        let opened = TestWorker::open(&url, Request::Register(forging)).await;
        let mut worker = opened.expect("an honest worker of another coordinator would be let in");
        let revoked = worker.receive(|message| match message {
            Response::Revoke(revoke) => Some((revoke.lease, revoke.ranges, revoke.stop_running)),
            _ => None,
        });
        let revoked = revoked.await.expect("the order to drop it");
        assert_eq!(revoked, (lease.lease, lease.ranges.clone(), true));
        // Forgotten, not written.
        worker.send(Request::Report(report(1, &lease))).await;
        worker.acknowledged(1).await;
        worker.leave().await;
    });
    let reported = count(&cluster.coordinator, cluster.at(), "small", "reported");
    assert_eq!(reported, 0);
    cluster.check();
}

#[test]
fn a_report_counts_for_nothing_without_the_proof_of_its_lease() {
    let mut cluster = TestCluster::new();
    let url = cluster.url().to_owned();
    type Change = fn(&mut v1::Report);
    let changes: [(&str, Change); 9] = [
        ("no proof", |report| report.proof = Bytes::new()),
        ("a made-up proof", |report| {
            report.proof = vec![1_u8; 32].into()
        }),
        ("a short proof", |report| {
            report.proof = report.proof.slice(..31)
        }),
        ("another lease", |report| report.lease += 1),
        ("another generation", |report| report.generation += 1),
        ("another sweep", |report| report.sweep = "other".to_owned()),
        ("a path for a sweep", |report| {
            report.sweep = "../small".to_owned()
        }),
        ("a wider lease", |report| report.lease_ranges[0].end += 1),
        ("no lease", |report| report.lease_ranges.clear()),
    ];
    cluster.runtime.block_on(async {
        for (instance, (what, change)) in (1..).zip(changes) {
            let mut worker = TestWorker::join(&url, instance).await;
            let lease = worker.lease().await;
            let mut forged = report(1, &lease);
            change(&mut forged);
            worker.send(Request::Report(forged)).await;
            let refused = worker.refused().await;
            assert!(!refused.is_empty(), "{what}");
        }
    });
    assert_eq!(
        count(&cluster.coordinator, cluster.at(), "small", "reported"),
        0
    );
    assert_eq!(rows(&cluster.at().join("data/small")), 0);
    cluster.check();
}

#[test]
fn nobody_writes_outside_a_lease_or_for_somebody_else() {
    let mut cluster = TestCluster::new();
    let at = cluster.at();
    let small = std::fs::read_to_string(at.join("small.toml")).unwrap();
    let decoy = small.replace("name = \"small\"", "name = \"decoy\"");
    assert_ne!(small, decoy);
    std::fs::write(at.join("decoy.toml"), decoy).unwrap();
    for words in [["submit", "decoy.toml"], ["pause", "decoy"]] {
        cluster.coordinator.call(at, &words).expect(0);
    }
    let url = cluster.url().to_owned();
    cluster.runtime.block_on(async {
        let mut victim = TestWorker::join(&url, 1).await;
        let own = victim.lease().await;
        let inside = own.ranges[0].start;
        // Outside of the lease, of the grid, of everything.
        for (instance, outside) in (10..).zip([inside, 1_000_000, u64::MAX - 1, u64::MAX]) {
            let mut worker = TestWorker::join(&url, instance).await;
            let lease = worker.lease().await;
            let numbers = [lease.ranges[0].start, outside];
            worker
                .send(Request::Report(with_columns(1, &lease, columns(&numbers))))
                .await;
            let refused = worker.refused().await;
            assert!(refused.contains("outside"), "{refused}");
        }
        // Another's lease with its true proof, as if it had been overheard.
        let mut thief = TestWorker::join(&url, 20).await;
        thief.send(Request::Report(report(1, &own))).await;
        let refused = thief.refused().await;
        assert!(refused.contains("another worker"), "{refused}");
        // The same on the way in, and in a heartbeat.
        let held = v1::HeldLease {
            lease: own.lease,
            generation: own.generation,
            sweep: own.sweep.clone(),
            ranges: own.ranges.clone(),
            proof: own.proof.clone(),
            outstanding: own.ranges.clone(),
        };
        let mut claiming = register(21);
        claiming.held = vec![held];
        let mut claimer = TestWorker::open(&url, Request::Register(claiming))
            .await
            .unwrap();
        let refused = claimer.refused().await;
        assert!(refused.contains("another worker"), "{refused}");
        let mut impostor = TestWorker::join(&url, 22).await;
        let beat = v1::LeaseBeat {
            lease: own.lease,
            begun: true,
            running: vec![inside],
            // Of nobody's trial.
            left_seconds: vec![f64::NAN, 1e300, -5.0],
        };
        impostor
            .send(Request::Heartbeat(v1::Heartbeat { leases: vec![beat] }))
            .await;
        let refused = impostor.refused().await;
        assert!(refused.contains("another worker"), "{refused}");
        // Giving another's lease back, or a checkpoint for it, does nothing.
        let mut meddler = TestWorker::join(&url, 23).await;
        let meddled = meddler.lease().await;
        for sweep in ["small", "../small", "nothing"] {
            meddler
                .send(Request::Checkpoint(v1::Checkpoint {
                    sweep: sweep.to_owned(),
                    lease: own.lease,
                    trial: inside,
                    step: 1,
                    state: vec![1_u8; 100].into(),
                }))
                .await;
        }
        // Its own lease under another sweep's name plants nothing there.
        meddler
            .send(Request::Checkpoint(v1::Checkpoint {
                sweep: "decoy".to_owned(),
                lease: meddled.lease,
                trial: meddled.ranges[0].start,
                step: 1,
                state: vec![1_u8; 100].into(),
            }))
            .await;
        let whole = v1::Range {
            start: 0,
            end: u64::MAX,
        };
        meddler
            .send(Request::GiveBack(v1::GiveBack {
                lease: own.lease,
                ranges: vec![whole],
                cannot_run: None,
            }))
            .await;
        meddler.leave().await;
        // The victim has kept its lease and is believed.
        victim.send(Request::Report(report(1, &own))).await;
        victim.acknowledged(1).await;
        victim.leave().await;
    });
    assert!(!cluster.at().join("data/small/checkpoints").exists());
    assert_eq!(
        state(&cluster.coordinator, cluster.at(), "small"),
        "running"
    );
    let planted = std::fs::read_dir(cluster.at().join("data/decoy/checkpoints"));
    assert_eq!(planted.map_or(0, |files| files.count()), 0);
    cluster.check();
}

#[test]
fn rows_that_do_not_fit_the_schema_are_refused() {
    let mut cluster = TestCluster::new();
    let url = cluster.url().to_owned();
    let mut noise = 0x2545_F491_4F6C_DD1D_u64;
    let mut draw = move || {
        // Xorshift: the bytes only have to be no table.
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        noise
    };
    cluster.runtime.block_on(async {
        for instance in 1..40 {
            let mut worker = TestWorker::join(&url, instance).await;
            let lease = worker.lease().await;
            let [trials, history, spectra, layers] = columns(&[lease.ranges[0].start]);
            let mut bytes = trials.to_vec();
            // Lengths and places are far below 2^32.
            let at = draw() as usize % bytes.len();
            let garbage: Vec<u8> = match instance % 5 {
                0 => (0..4096).map(|_| draw() as u8).collect(),
                1 => bytes[..at].to_vec(),
                2 => [bytes.clone(), bytes].concat(),
                3 => {
                    bytes[at] ^= 1_u8 << (draw() % 8);
                    bytes
                }
                _ => {
                    bytes.insert(at, draw() as u8);
                    bytes
                }
            };
            let columns: [Bytes; 4] = match instance % 3 {
                // Other tables' bytes in the place of a table, rows without their trial.
                0 => [garbage.into(), history, spectra, layers],
                1 => [trials.clone(), garbage.into(), spectra, layers],
                _ => [trials.clone(), history, trials, garbage.into()],
            };
            worker
                .send(Request::Report(with_columns(1, &lease, columns)))
                .await;
            // A flipped bit in the middle of a value makes another value, which the worker may report.
            let end = worker.receive(|message| match message {
                Response::Goodbye(_) | Response::Acknowledge(_) => Some(()),
                _ => None,
            });
            end.await.expect("an answer");
            worker.leave().await;
        }
        // Two rows for one trial.
        let mut worker = TestWorker::join(&url, 50).await;
        let lease = worker.lease().await;
        let trial = lease.ranges[0].start;
        worker
            .send(Request::Report(with_columns(
                1,
                &lease,
                columns(&[trial, trial]),
            )))
            .await;
        worker.refused().await;
        // More ranges than a message may name, and leases than a worker may have.
        let mut worker = TestWorker::join(&url, 51).await;
        let lease = worker.lease().await;
        let ranges = (0..200_000)
            .map(|k| v1::Range {
                start: 2 * k,
                end: 2 * k + 1,
            })
            .collect();
        let lease = lease.lease;
        worker
            .send(Request::GiveBack(v1::GiveBack {
                lease,
                ranges,
                cannot_run: None,
            }))
            .await;
        let refused = worker.refused().await;
        assert!(refused.contains("ranges"), "{refused}");
        let mut worker = TestWorker::join(&url, 52).await;
        let leases = (0..10_000)
            .map(|lease| v1::LeaseBeat {
                lease,
                begun: false,
                running: Vec::new(),
                left_seconds: Vec::new(),
            })
            .collect();
        worker
            .send(Request::Heartbeat(v1::Heartbeat { leases }))
            .await;
        worker.refused().await;
        // A second introduction.
        let mut worker = TestWorker::join(&url, 53).await;
        worker.send(Request::Register(register(54))).await;
        worker.refused().await;
    });
    assert!(
        workers(&cluster.coordinator, cluster.at()).is_empty(),
        "a refused worker is still listed"
    );
    cluster.check();
}

#[test]
fn a_comparison_that_nobody_asked_for_is_refused() {
    let mut cluster = TestCluster::new();
    let url = cluster.url().to_owned();
    cluster.runtime.block_on(async {
        let mut worker = TestWorker::join(&url, 1).await;
        let lease = worker.lease().await;
        let columns = compared(&[lease.ranges[0].start]);
        let report = with_columns(1, &lease, columns);
        worker.send(Request::Report(report)).await;
        let refused = worker.refused().await;
        assert!(refused.contains("nobody asked"), "{refused}");
    });
    assert_eq!(rows(&cluster.at().join("data/small")), 0);
    cluster.check();
}

#[test]
fn rows_of_other_points_are_refused() {
    let mut cluster = TestCluster::new();
    let url = cluster.url().to_owned();
    cluster.runtime.block_on(async {
        for (instance, what) in (1..).zip(["id", "parameters", "both"]) {
            let mut worker = TestWorker::join(&url, instance).await;
            let lease = worker.lease().await;
            let first = lease.ranges[0].start;
            let row = match what {
                "id" => (first, first + 1, first),
                "parameters" => (first, first, first + 1),
                _ => (first, first + 1, first + 1),
            };
            let columns = columns_of(&[row]);
            worker
                .send(Request::Report(with_columns(1, &lease, columns)))
                .await;
            let refused = worker.refused().await;
            assert!(refused.contains("its point"), "{what}: {refused}");
        }
    });
    assert_eq!(rows(&cluster.at().join("data/small")), 0);
    cluster.check();
}

/// A road to the coordinator on which its words get lost from some moment on, while the traveller's arrive.
async fn one_way(url: &str, closed: watch::Receiver<bool>) -> String {
    let to = url.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (near, _) = listener.accept().await.unwrap();
        let far = TcpStream::connect(to).await.unwrap();
        let (mut near_in, mut near_out) = near.into_split();
        let (mut far_in, mut far_out) = far.into_split();
        let there = tokio::spawn(async move { tokio::io::copy(&mut near_in, &mut far_out).await });
        let mut buffer = [0; 4096];
        while !*closed.borrow() {
            let Ok(Ok(read)) = timeout(PATIENCE / 100, far_in.read(&mut buffer)).await else {
                continue;
            };
            near_out.write_all(&buffer[..read]).await.unwrap();
        }
        // Neither read nor closed: the coordinator sees a peer that takes its time.
        let _ended = there.await;
        drop((far_in, near_out));
    });
    format!("http://{here}")
}

/// Words that nobody reads are not kept for ever.
#[test]
fn a_worker_that_does_not_read_is_sent_away() {
    let mut cluster = TestCluster::new();
    let url = cluster.url().to_owned();
    let (close, closed) = watch::channel(false);
    let (worker, lease) = cluster.runtime.block_on(async {
        let url = one_way(&url, closed).await;
        let mut worker = TestWorker::join(&url, 1).await;
        let lease = worker.lease().await;
        (worker, lease)
    });
    assert_eq!(workers(&cluster.coordinator, cluster.at()).len(), 1);
    close.send_replace(true);
    let talkative = cluster.runtime.spawn(async move {
        let nothing = [Bytes::new(), Bytes::new(), Bytes::new(), Bytes::new()];
        // Each is answered at once, since it brings nothing that could wait for the disk.
        for number in 1..50_000 {
            let report = with_columns(number, &lease, nothing.clone());
            worker.send(Request::Report(report)).await;
        }
        std::future::pending::<()>().await;
    });
    until("the worker to be sent away", || {
        workers(&cluster.coordinator, cluster.at()).is_empty()
    });
    talkative.abort();
    let talk = log(&cluster.at().join("log"));
    // Its own words may stop first: without the coordinator's, no more of them are let through, and it falls silent.
    let sent_away = talk.contains("does not read") || talk.contains("worker lost");
    assert!(sent_away, "{talk}");
    cluster.check();
}

/// A lease was for a sweep, and not for its name.
#[test]
fn results_of_a_sweep_that_was_taken_away_do_not_reach_the_next_of_its_name() {
    let mut cluster = TestCluster::new();
    let url = cluster.url().to_owned();
    let (lease, worker) = cluster.runtime.block_on(async {
        let mut worker = TestWorker::join(&url, 1).await;
        (worker.lease().await, worker)
    });
    drop(worker);
    cluster.coordinator.process.kill();
    std::fs::remove_dir_all(cluster.at().join("data/small")).unwrap();
    let small = std::fs::read_to_string(cluster.at().join("small.toml")).unwrap();
    let other = small.replace("seed = 5", "seed = 6");
    assert_ne!(small, other);
    std::fs::write(cluster.at().join("small.toml"), other).unwrap();
    cluster.coordinator = Coordinator::start(cluster.home.path(), "data");
    cluster
        .coordinator
        .call(cluster.at(), &["submit", "small.toml"])
        .expect(0);
    let url = cluster.url().to_owned();
    cluster.runtime.block_on(async {
        let mut again = register(1);
        again.held = vec![v1::HeldLease {
            lease: lease.lease,
            generation: lease.generation,
            sweep: lease.sweep.clone(),
            ranges: lease.ranges.clone(),
            proof: lease.proof.clone(),
            outstanding: Vec::new(),
        }];
        let mut worker = TestWorker::open(&url, Request::Register(again))
            .await
            .unwrap();
        // Its results are nobody's fault and nobody's wish: acknowledged, and dropped.
        worker.send(Request::Report(report(1, &lease))).await;
        worker.acknowledged(1).await;
        worker.leave().await;
    });
    assert_eq!(
        count(&cluster.coordinator, cluster.at(), "small", "reported"),
        0
    );
    cluster.check();
}

#[test]
fn a_repeated_report_is_acknowledged_only_once_it_is_durable() {
    let mut cluster = TestCluster::new();
    let url = cluster.url().to_owned();
    cluster.runtime.block_on(async {
        let mut worker = TestWorker::join(&url, 1).await;
        let lease = worker.lease().await;
        // The first waits for the next part; the second brings nothing new, but says the same.
        worker.send(Request::Report(report(1, &lease))).await;
        worker.send(Request::Report(report(2, &lease))).await;
        worker.acknowledged(2).await;
    });
    cluster.coordinator.process.kill();
    assert!(
        rows(&cluster.at().join("data/small")) > 0,
        "acknowledged and lost"
    );
    cluster.coordinator = Coordinator::start(cluster.home.path(), "data");
    cluster.check();
}
