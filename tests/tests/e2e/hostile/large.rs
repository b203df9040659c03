//! Workers that send more than a message may hold, and rows ahead of the report that they belong to.

use rpc::v1;
use rpc::v1::session_request::Message as Request;
use tonic::Code;
use tonic::codegen::Bytes;

use super::test_worker::{TestCluster, TestWorker, columns, register, report, with_columns};
use crate::common::rows;

/// What nobody has introduced, and what introduces itself, takes no memory to speak of.
#[test]
fn large_messages_are_refused_before_they_are_taken() {
    let mut cluster = TestCluster::new();
    let url = cluster.url().to_owned();
    let peak = || {
        let status = format!("/proc/{}/status", cluster.coordinator.process.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM"))
            .unwrap();
        let kilobytes = line.split_whitespace().nth(1).unwrap();
        kilobytes.parse::<u64>().unwrap() / 1024
    };
    let before = peak();
    let piece = |total_bytes: u64, byte: u8, bytes: usize| {
        Request::Piece(v1::Piece {
            total_bytes,
            data: vec![byte; bytes].into(),
        })
    };
    cluster.runtime.block_on(async {
        for first in [
            // A megabyte too much, and a hundred.
            Request::Register(v1::Register {
                name: "n".repeat(1 << 20),
                ..register(1)
            }),
            Request::Register(v1::Register {
                name: "n".repeat(100 << 20),
                ..register(1)
            }),
            Request::Checkpoint(v1::Checkpoint {
                state: vec![1; 100 << 20].into(),
                ..v1::Checkpoint::default()
            }),
        ] {
            let refused = TestWorker::open(&url, first).await.err();
            // The answer may be lost with the stream, on which the worker still writes.
            assert!(refused.is_some(), "it was let in");
        }
        let refused = TestWorker::open(&url, piece(100, 1, 10)).await.err();
        assert_eq!(
            refused.expect("it was let in").code(),
            Code::InvalidArgument
        );
        // A report beyond the bound, a checkpoint beyond its own, pieces of nothing, of two things at once.
        for (instance, said) in (10..).zip([
            vec![piece(100 << 20, 0x12, 1000)],
            vec![piece(1 << 40, 0x2a, 1000)],
            vec![piece(1000, 0x12, 0)],
            vec![piece(1000, 0x12, 2000)],
            vec![piece(1000, 0x12, 100), piece(2000, 0x12, 100)],
            vec![piece(1000, 0xff, 1000)],
        ]) {
            let mut worker = TestWorker::join(&url, instance).await;
            for message in said {
                worker.send(message).await;
            }
            let refused = worker.refused().await;
            assert!(!refused.is_empty());
        }
        // A whole message that should have come in pieces.
        let mut worker = TestWorker::join(&url, 30).await;
        let lease = worker.lease().await.lease;
        let whole = Request::Checkpoint(v1::Checkpoint {
            sweep: "small".to_owned(),
            lease,
            state: vec![1; 100 << 20].into(),
            ..v1::Checkpoint::default()
        });
        worker.send_whole(whole).await;
        // To the end of the stream, with a word or without.
        while worker.receive(Some).await.is_some() {}
        // Announced and never sent takes what has come; nine of the largest checkpoints are more than there is
        // room for.
        let mut many = Vec::new();
        for instance in 40..49 {
            let worker = TestWorker::join(&url, instance).await;
            let size = rpc::limits::CHECKPOINT_BYTES as u64;
            worker.send(piece(size, 0x2a, 1000)).await;
            many.push(worker);
        }
        for worker in many {
            worker.leave().await;
        }
    });
    let grown = peak() - before;
    assert!(grown < 100, "{grown} MB more than before");
    cluster.check();
}

#[test]
fn rows_ahead_of_a_report_are_held_against_it() {
    let mut cluster = TestCluster::new();
    let url = cluster.url().to_owned();
    let ahead = |report: u64, trial: u64| {
        let mut spool = table::Spool::new(trial, &std::env::temp_dir(), u64::MAX).unwrap();
        let step = table::HistoryValues {
            step: 0,
            scalars: table::ScalarValues::default(),
        };
        let measured = table::Measurements {
            history: vec![step; 10],
            ..table::Measurements::default()
        };
        spool.push(&measured).unwrap();
        let [history, spectra, layers] = spool.chunk(0).unwrap().map(Bytes::from);
        v1::Rows {
            report,
            trial,
            history,
            spectra,
            layers,
        }
    };
    type Lie = fn(&v1::Lease, &dyn Fn(u64, u64) -> v1::Rows) -> Vec<Request>;
    let lies: [(&str, Lie); 7] = [
        ("nothing came", |lease, _| {
            let mut report = report(1, lease);
            report.rows = 1;
            vec![Request::Report(report)]
        }),
        ("fewer than it says", |lease, rows| {
            let trial = lease.ranges[0].start;
            let mut report = with_columns(1, lease, columns(&[trial]));
            report.rows = 2;
            vec![Request::Rows(rows(1, trial)), Request::Report(report)]
        }),
        ("those of another report", |lease, rows| {
            let trial = lease.ranges[0].start;
            let mut report = with_columns(2, lease, columns(&[trial]));
            report.rows = 1;
            vec![Request::Rows(rows(1, trial)), Request::Report(report)]
        }),
        ("another trial's", |lease, rows| {
            let trial = lease.ranges[0].start;
            let mut report = with_columns(1, lease, columns(&[trial]));
            report.rows = 1;
            vec![Request::Rows(rows(1, trial + 1)), Request::Report(report)]
        }),
        ("of a trial that failed", |lease, rows| {
            let trial = lease.ranges[0].start;
            let mut report = with_columns(1, lease, columns(&[trial]));
            report.rows = 1;
            vec![Request::Rows(rows(1, trial)), Request::Report(report)]
        }),
        ("a wrong number", |lease, rows| {
            let trial = lease.ranges[0].start;
            let rows = v1::Rows {
                trial: trial + 1,
                ..rows(1, trial)
            };
            vec![Request::Rows(rows)]
        }),
        ("no columns", |lease, rows| {
            let trial = lease.ranges[0].start;
            let rows = v1::Rows {
                history: vec![7; 1000].into(),
                ..rows(1, trial)
            };
            vec![Request::Rows(rows)]
        }),
    ];
    cluster.runtime.block_on(async {
        for (instance, (what, lie)) in (1..).zip(lies) {
            let mut worker = TestWorker::join(&url, instance).await;
            let lease = worker.lease().await;
            for message in lie(&lease, &ahead) {
                worker.send(message).await;
            }
            let refused = worker.refused().await;
            assert!(!refused.is_empty(), "{what}");
        }
    });
    assert_eq!(rows(&cluster.at().join("data/small")), 0);
    cluster.check();
}
