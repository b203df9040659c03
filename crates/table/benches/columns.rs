//! The way of 100,000 no-op trials from rows to durable Parquet, each stage on its own.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sweep::Value;
use table::{
    Batch, BatchBuilder, EngineKind, HistoryValues, Limits, Meta, Outcome, RunFolder, ScalarValues,
    Status, TrialResult, TrialRow,
};

const TRIALS: u64 = 100_000;

fn outcome(trial: u64) -> Outcome {
    let scalars = ScalarValues {
        train_loss: Some(1.0 / (1 + trial) as f64),
        effective_rank: Some(1.9),
        stable_rank: Some(1.7),
        nuclear_norm: Some(2.0),
        ..ScalarValues::default()
    };
    Outcome {
        last: scalars,
        history: vec![HistoryValues { step: 0, scalars }],
        setup_seconds: 1e-6 * (trial % 97) as f64,
        measure_seconds: 1e-6 * (trial % 89) as f64,
        ..Outcome::new(Status::Completed, EngineKind::Full)
    }
}

/// Rows as a worker has them: every parameter with a fixed default, the replicate varying.
fn build(first: u64) -> Batch {
    let mut params: Vec<Option<Value>> = sweep::keys()
        .iter()
        .map(sweep::Key::fixed_default)
        .collect();
    let replicate = sweep::index_of("replicate").expect("a key of the registry");
    let mut builder = BatchBuilder::new();
    for trial in first..first + TRIALS {
        params[replicate] = Some(Value::Int(trial as i64));
        let ran = outcome(trial);
        let id = format!(
            "{:032x}",
            u128::from(trial).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
        );
        builder.push(&TrialRow {
            worker: "bench",
            host: "bench",
            started_at_us: 1_700_000_000_000_000 + trial as i64,
            run_isa: "scalar",
            run_version: "0",
            ..TrialRow::new(trial, &id, &params, TrialResult::ran(&ran))
        });
    }
    builder.finish().expect("columns of the schema")
}

fn columns(c: &mut Criterion) {
    let mut group = c.benchmark_group("100,000 trials");
    group.throughput(Throughput::Elements(TRIALS));
    group.sample_size(10);
    group.bench_function("build", |bencher| bencher.iter(|| build(0)));
    let batch = build(0);
    group.bench_function("encode", |bencher| {
        bencher.iter(|| batch.to_payload().expect("own columns"))
    });
    let payload = batch.to_payload().expect("own columns");
    group.bench_function("decode and check", |bencher| {
        bencher.iter(|| {
            let batch = Batch::from_payload(&payload, &Limits::default()).expect("own bytes");
            batch.check_consistent().expect("own rows");
            batch
        });
    });
    let home = tempfile::tempdir().expect("a temporary folder");
    let meta = Meta {
        name: "bench".to_owned(),
        program_version: "0".to_owned(),
        revision: "0".to_owned(),
    };
    let mut folder =
        RunFolder::create(&home.path().join("run"), &meta, None).expect("an empty folder");
    let mut first = 0;
    group.bench_function("commit", |bencher| {
        bencher.iter_batched(
            || {
                first += TRIALS;
                build(first)
            },
            |batch| folder.commit(&batch).expect("room on the disk"),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, columns);
criterion_main!(benches);
