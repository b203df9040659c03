//! What an event costs: sweeps of 10^5 trials over 10^3 workers, large leases through one worker, and heartbeats. Nothing
//! is sent or written; this is the scheduler alone.

use std::collections::VecDeque;
use std::hint::black_box;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use scheduler::{
    Action, Config, Event, Grant, LeaseBeat, Now, Report, Scheduler, SweepKey, Work, WorkerId,
};
use sweep::IntervalSet;

const SWEEP: SweepKey = SweepKey(1);

/// Numbers `0..count`, all kept, of equal cost.
struct Flat {
    count: u64,
    seconds: f64,
}

impl Work for Flat {
    fn end(&self) -> u64 {
        self.count
    }

    fn kept_run(&self, from: u64, end: u64, max_len: u64) -> Option<Range<u64>> {
        (from < end).then(|| from..end.min(from.saturating_add(max_len)))
    }

    fn count(&self) -> u64 {
        self.count
    }

    fn seconds(&self, _: u64) -> f64 {
        self.seconds
    }

    fn constant_run(&self, _: u64) -> u64 {
        self.count
    }
}

/// A scheduler with one sweep and workers of two threads, and the grants that they have.
fn cluster(count: u64, seconds: f64, workers: u64) -> (Scheduler, VecDeque<Action>) {
    let mut scheduler = Scheduler::new(Config {
        generation: 1,
        heartbeat_timeout: Duration::from_secs(10),
        late_window: Duration::from_secs(600),
        lease_target: Duration::from_secs(1),
        max_attempts: 3,
        checkpoint_after: None,
    });
    let mut actions = VecDeque::new();
    actions.extend(scheduler.handle(
        Now::ZERO,
        Event::AddSweep {
            sweep: SWEEP,
            work: Arc::new(Flat { count, seconds }),
            done: IntervalSet::new(),
            failed: IntervalSet::new(),
            priority: 0,
            paused: false,
        },
    ));
    for worker in 0..workers {
        actions.extend(scheduler.handle(
            Now::ZERO,
            Event::Join {
                worker: WorkerId(worker),
                threads: 2,
                name: String::new(),
                deadline: None,
                memory: None,
                held: Vec::new(),
            },
        ));
    }
    (scheduler, actions)
}

/// Reports every grant in `parts` parts, each trial having taken `seconds`, until the sweep has ended. Returns the
/// events.
fn work_off(
    (mut scheduler, mut actions): (Scheduler, VecDeque<Action>),
    seconds: f64,
    parts: u64,
) -> u64 {
    let mut events = 0;
    let mut now = Now::ZERO;
    while let Some(action) = actions.pop_front() {
        let Action::Grant(Grant {
            worker,
            lease,
            generation,
            sweep,
            ranges,
            ..
        }) = action
        else {
            continue;
        };
        for range in ranges {
            let part = (range.end - range.start).div_ceil(parts);
            let mut from = range.start;
            while from < range.end {
                let end = range.end.min(from + part);
                let mut numbers = IntervalSet::new();
                numbers.insert(from..end);
                now += Duration::from_micros(1);
                events += 1;
                actions.extend(scheduler.handle(
                    now,
                    Event::Report(Report {
                        worker,
                        sweep,
                        lease,
                        generation,
                        numbers,
                        failed: IntervalSet::new(),
                        work_seconds: seconds * (end - from) as f64,
                    }),
                ));
                from = end;
            }
        }
    }
    events
}

fn sweeps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sweep");
    group.sample_size(10);
    let cases = [
        // Leases of some trials over a thousand workers.
        ("1e5 trials of 0.1 s, 1000 workers", 100_000, 0.1, 1_000, 2),
        // The largest leases through one worker, as no-op trials come.
        ("1e8 trials of 10 us, 1 worker", 100_000_000, 1e-5, 1, 8),
    ];
    for (name, count, seconds, workers, parts) in cases {
        group.throughput(Throughput::Elements(count));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || cluster(count, seconds, workers),
                |cluster| black_box(work_off(cluster, seconds, parts)),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn heartbeats(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("heartbeat");
    for workers in [10, 1_000] {
        let (mut scheduler, _) = cluster(1_000_000, 0.1, workers);
        let beats: Vec<Event> = (0..workers)
            .map(|worker| Event::Heartbeat {
                worker: WorkerId(worker),
                leases: scheduler
                    .leases()
                    .filter(|lease| lease.worker == WorkerId(worker))
                    .map(|lease| LeaseBeat {
                        lease: lease.lease,
                        begun: true,
                        running: Vec::new(),
                    })
                    .collect(),
            })
            .collect();
        let mut now = Now::ZERO;
        let mut next = beats.iter().cycle();
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("one of {workers} workers"), |bencher| {
            bencher.iter(|| {
                now += Duration::from_micros(1);
                let beat = next.next().cloned().unwrap_or(Event::Tick);
                black_box(scheduler.handle(now, beat))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, sweeps, heartbeats);
criterion_main!(benches);
