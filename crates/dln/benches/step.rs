//! One step of the full engine, by depth, width and threads: `cargo bench -p dln --bench step`.
//!
//! Every product is dense here (half of the entries are observed); `step_rate` has the sparse case.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod setting;

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dln::{Run, Threads, Trial, prepare};

const DEPTHS: [usize; 3] = [2, 3, 6];
const WIDTHS: [usize; 4] = [20, 100, 300, 1000];
const THREADS: [usize; 2] = [1, 2];

fn steps(criterion: &mut Criterion) {
    for threads in THREADS {
        let mut group = criterion.benchmark_group(format!("full_step_{threads}_threads"));
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool");
        for depth in DEPTHS {
            for width in WIDTHS {
                // A step at width 1000 takes a tenth of a second or more.
                let samples = if width < 1000 { 20 } else { 10 };
                group.sample_size(samples);
                group.measurement_time(Duration::from_secs(3));
                let trial = setting::completion(width, width, depth, 0.5, 0);
                let id = BenchmarkId::new(format!("depth_{depth}"), width);
                group.bench_function(id, |bencher| {
                    bencher.iter_custom(|count| pool.install(|| train(&trial, count)));
                });
            }
        }
        group.finish();
    }
}

/// Time of `count` steps, setup left out.
fn train(trial: &Trial, count: u64) -> Duration {
    let data = prepare(trial).expect("data");
    let mut run = Run::new(trial, &data, Threads::Pool, &|| 0.0).expect("starts");
    // Step 0 is measured; that is no part of a step.
    run.advance(1).expect("advances");
    let begun = Instant::now();
    run.advance(count).expect("advances");
    begun.elapsed()
}

criterion_group!(benches, steps);
criterion_main!(benches);
