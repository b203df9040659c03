//! Trials that are more than a worker's time or memory: others go first, and it is known what nobody can take.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use sweep::{CostLimits, IntervalSet};

use super::fixture::{Bench, S, config, set};
use crate::config::WALLTIME_MARGIN;
use crate::{Event, Fitting, Piece, SweepKey, Waiting, Work, WorkerId};

/// Numbers in blocks of `block`; the blocks' costs alternate between those of `levels`.
#[derive(Debug)]
struct Blocks {
    count: u64,
    block: u64,
    /// Seconds and bytes.
    levels: Vec<(f64, f64)>,
    /// Whether what does not fit is passed over by blocks, as in a grid; else one looks at each.
    searches: bool,
}

impl Blocks {
    fn level(&self, n: u64) -> (f64, f64) {
        let at = n / self.block % self.levels.len() as u64;
        self.levels[at as usize]
    }
}

impl Work for Blocks {
    fn end(&self) -> u64 {
        self.count
    }

    fn kept_run(&self, from: u64, end: u64, max_len: u64) -> Option<Range<u64>> {
        (from < end).then(|| from..end.min(from.saturating_add(max_len)))
    }

    fn count(&self) -> u64 {
        self.count
    }

    fn seconds(&self, n: u64) -> f64 {
        self.level(n).0
    }

    fn bytes(&self, n: u64) -> f64 {
        self.level(n).1
    }

    fn constant_run(&self, n: u64) -> u64 {
        (n / self.block + 1) * self.block
    }

    fn next_fitting(&self, from: u64, end: u64, limits: &CostLimits) -> Option<u64> {
        let fits = |&n: &u64| !self.searches || limits.fits(self.level(n).0, self.level(n).1);
        let starts = std::iter::successors(Some(from), |&n| Some(self.constant_run(n)));
        let within = starts.take_while(|&n| n < end).take(self.levels.len() + 1);
        within.into_iter().find(fits)
    }
}

fn add(bench: &mut Bench, work: Blocks) {
    bench.send(Event::AddSweep {
        sweep: S,
        work: Arc::new(work),
        done: IntervalSet::new(),
        failed: IntervalSet::new(),
        priority: 0,
        paused: false,
    });
}

fn join(bench: &mut Bench, worker: u64, time: Option<f64>, memory: Option<u64>) {
    let now = bench.now;
    bench.send(Event::Join {
        worker: WorkerId(worker),
        threads: 1,
        name: format!("w{worker}"),
        deadline: time.map(|time| now + WALLTIME_MARGIN + Duration::from_secs_f64(time)),
        memory,
        held: Vec::new(),
    });
}

/// Takes what was granted and finishes it, until nothing more is.
fn work_off(bench: &mut Bench) -> IntervalSet {
    let mut grants = Vec::new();
    let mut done = IntervalSet::new();
    loop {
        while !bench.actions.is_empty() {
            grants.push(bench.granted());
        }
        if grants.is_empty() {
            return done;
        }
        let grant = grants.remove(0);
        bench.report(&grant, &grant.numbers.clone());
        assert_eq!(bench.accepted(), grant.numbers);
        done.union(&grant.numbers);
    }
}

fn waiting(bench: &Bench, sweep: SweepKey) -> Option<Waiting> {
    bench.scheduler.sweep_status(sweep).unwrap().waiting
}

/// Four long trials before four short ones, twice.
fn long_first() -> Blocks {
    Blocks {
        count: 16,
        block: 4,
        levels: vec![(65.0, 10.0), (0.2, 10.0)],
        searches: true,
    }
}

#[test]
fn short_trials_do_not_wait_behind_long_ones() {
    let mut bench = Bench::with(config());
    add(&mut bench, long_first());
    join(&mut bench, 1, Some(43.0), None);
    assert_eq!(work_off(&mut bench), set(&[4..8, 12..16]));
    match waiting(&bench, S) {
        Some(Waiting::Misfit(misfit)) => {
            assert_eq!((misfit.name.as_str(), misfit.number), ("w1", 0));
            let (needs, has) = misfit.seconds.unwrap();
            assert!((needs - 65.0).abs() < 1e-9 && (has - 0.8 * 43.0).abs() < 1e-9);
            assert_eq!(misfit.bytes, None);
        }
        other => panic!("{other:?}"),
    }
    // One with more time takes them.
    join(&mut bench, 2, Some(100.0), None);
    let grant = bench.granted();
    assert_eq!(grant.numbers, set(&[0..1]));
    assert_eq!(waiting(&bench, S), None);
}

#[test]
fn no_worker_gets_more_than_its_memory_holds() {
    let mut bench = Bench::with(config());
    add(
        &mut bench,
        Blocks {
            count: 6,
            block: 1,
            levels: vec![(1.0, 1e12), (1.0, 2e9), (1.0, 4e9)],
            searches: true,
        },
    );
    join(&mut bench, 1, None, Some(2_000_000_000));
    assert_eq!(work_off(&mut bench), set(&[1..2, 4..5]));
    join(&mut bench, 2, None, Some(8_000_000_000));
    assert_eq!(work_off(&mut bench), set(&[2..3, 5..6]));
    let fitting = |memory| bench.scheduler.fitting(S, None, memory);
    let most = Fitting {
        trials: 2,
        seconds: 2.0,
    };
    assert_eq!(fitting(None), most);
    assert_eq!(fitting(Some(8_000_000_000)), Fitting::default());
}

#[test]
fn a_search_that_finds_no_end_goes_on_at_the_next_look() {
    let mut bench = Bench::with(config());
    add(
        &mut bench,
        Blocks {
            count: 2_000,
            block: 1,
            // Only the last fits.
            levels: std::iter::repeat_n((65.0, 0.0), 1_999)
                .chain([(1.0, 0.0)])
                .collect(),
            searches: false,
        },
    );
    join(&mut bench, 1, Some(43.0), None);
    for _ in 0..10 {
        bench.beat(1, &[]);
    }
    assert_eq!(bench.granted().numbers, set(&[1_999..2_000]));
    bench.none_left();
}

#[test]
fn why_nothing_runs_is_known() {
    let mut bench = Bench::with(config());
    add(&mut bench, long_first());
    assert_eq!(waiting(&bench, S), Some(Waiting::NoWorker));
    bench.add_with(SweepKey(2), 1, 60.0, 1, &[]);
    join(&mut bench, 1, None, None);
    let grant = bench.granted();
    assert_eq!(grant.sweep, SweepKey(2));
    assert_eq!(waiting(&bench, S), Some(Waiting::Busy { workers: 1 }));
    bench.send(Event::Drain {
        worker: WorkerId(1),
    });
    assert_eq!(waiting(&bench, S), Some(Waiting::Draining { workers: 1 }));
    bench.send(Event::Pause { sweep: S });
    assert_eq!(waiting(&bench, S), None);
}

#[test]
fn a_sweep_of_low_priority_waits_for_busy_workers() {
    let mut bench = Bench::new();
    bench.add_with(S, 100, 60.0, 1, &[]);
    bench.join(1, 1);
    bench.granted_of(1, 0..1);
    bench.add(SweepKey(2), 5, 60.0);
    assert_eq!(
        waiting(&bench, SweepKey(2)),
        Some(Waiting::Busy { workers: 1 })
    );
}

#[test]
fn what_lies_ahead_is_reported_in_its_order() {
    let mut bench = Bench::new();
    add(&mut bench, long_first());
    let piece = |trials, seconds| Piece {
        trials,
        seconds,
        bytes: 10.0,
    };
    let all = bench.scheduler.ahead(S, 9);
    let pieces = [piece(4, 65.0), piece(4, 0.2), piece(4, 65.0), piece(4, 0.2)];
    assert_eq!((all.pieces.as_slice(), all.more), (pieces.as_slice(), 0));
    let some = bench.scheduler.ahead(S, 2);
    assert_eq!((some.pieces.as_slice(), some.more), (&pieces[..2], 8));
    // What runs has begun.
    bench.join(1, 1);
    let grant = bench.granted();
    assert_eq!(grant.numbers, set(&[0..1]));
    bench.beat(1, &[0]);
    let rest = bench.scheduler.ahead(S, 9);
    assert_eq!(rest.pieces[0], piece(3, 65.0));
}
