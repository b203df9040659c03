//! Several sweeps, and what users do to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use sweep::IntervalSet;

use super::fixture::{Bench, Flat, GENERATION, S, set};
use crate::{Action, Ended, Event, Report, Running, SweepKey, SweepState, WorkerId};

const T: SweepKey = SweepKey(2);
const U: SweepKey = SweepKey(3);

#[test]
fn priority_goes_first() {
    let mut bench = Bench::new();
    bench.add(S, 100, 1.0);
    bench.add_with(T, 2, 1.0, 5, &[]);
    bench.join(1, 1);
    let first = bench.granted();
    assert_eq!(first.sweep, T);
    bench.finish(&first);
    let (second, third) = (bench.granted(), bench.granted());
    assert_eq!((second.sweep, third.sweep), (T, S));
    bench.none_left();
    // The lower goes first once it is the higher.
    bench.add_with(U, 100, 1.0, 1, &[]);
    bench.send(Event::SetPriority {
        sweep: S,
        priority: 2,
    });
    bench.none_left();
    bench.finish(&second);
    let finished = Action::Finished {
        sweep: T,
        ended: Ended::Complete,
    };
    assert_eq!(bench.take(), finished);
    assert_eq!(bench.granted().sweep, S);
    bench.none_left();
}

#[test]
fn equals_share_and_nobody_is_owed_the_past() {
    let mut bench = Bench::new();
    bench.add(S, 1_000, 1.0);
    bench.add(T, 1_000, 4.0);
    bench.join(1, 1);
    let mut seconds: BTreeMap<SweepKey, f64> = BTreeMap::new();
    let mut run = |bench: &mut Bench, grants: usize| {
        seconds.clear();
        for _ in 0..grants {
            let grant = bench.granted();
            let each = if grant.sweep == T { 4.0 } else { 1.0 };
            *seconds.entry(grant.sweep).or_default() += each * grant.numbers.len() as f64;
            bench.report(&grant, &grant.numbers);
            bench
                .actions
                .retain(|action| matches!(action, Action::Grant(_)));
        }
        seconds.clone()
    };
    let shares = run(&mut bench, 100);
    assert!((shares[&S] - shares[&T]).abs() <= 20.0, "{shares:?}");
    bench.add(U, 1_000, 1.0);
    let shares = run(&mut bench, 150);
    assert!((shares[&U] - shares[&T]).abs() <= 20.0, "{shares:?}");
    assert!((shares[&S] - shares[&T]).abs() <= 20.0, "{shares:?}");
}

#[test]
fn pause_lets_end_what_runs_and_resume_goes_on() {
    let mut bench = Bench::new();
    bench.add(S, 1_000, 0.01);
    bench.join(1, 1);
    let first = bench.granted_of(1, 0..25);
    let second = bench.granted_of(1, 25..50);
    bench.beat(1, &[3]);
    bench.send(Event::Pause { sweep: S });
    assert_eq!(bench.revoked(&first, Running::Finish), set(&[0..3, 4..25]));
    assert_eq!(bench.revoked(&second, Running::Finish), set(&[25..50]));
    bench.join(2, 1);
    bench.none_left();
    bench.report(&first, &set(&[3..4]));
    assert_eq!(bench.accepted(), set(&[3..4]));
    bench.none_left();
    let status = bench.scheduler.sweep_status(S).unwrap();
    assert_eq!((status.state, status.leased), (SweepState::Paused, 0));
    bench.send(Event::Resume { sweep: S });
    let workers: Vec<u64> = (0..4).map(|_| bench.granted().worker).collect();
    assert_eq!(workers, [1, 2, 1, 2]);
    bench.none_left();
}

#[test]
fn cancel_keeps_what_is_done_and_takes_no_more() {
    let mut bench = Bench::new();
    bench.add(S, 1_000, 0.01);
    bench.join(1, 1);
    let first = bench.granted_of(1, 0..25);
    let second = bench.granted_of(1, 25..50);
    bench.report(&first, &set(&[0..10]));
    assert_eq!(bench.accepted(), set(&[0..10]));
    bench.send(Event::Cancel { sweep: S });
    assert_eq!(bench.revoked(&first, Running::Stop), set(&[10..25]));
    assert_eq!(bench.revoked(&second, Running::Stop), set(&[25..50]));
    let finished = Action::Finished {
        sweep: S,
        ended: Ended::Cancelled,
    };
    assert_eq!(bench.take(), finished);
    bench.none_left();
    bench.report(&second, &set(&[25..50]));
    bench.none_left();
    assert_eq!(bench.scheduler.sweep_status(S).unwrap().done, 10);
    bench.send(Event::Resume { sweep: S });
    assert!(bench.granted().numbers.contains(10));
}

#[test]
fn a_sweep_that_grows_runs_what_is_new() {
    let mut bench = Bench::new();
    bench.add_with(S, 10, 1.0, 0, &[0..10]);
    bench.take();
    bench.join(1, 1);
    bench.none_left();
    bench.send(Event::GrowSweep {
        sweep: S,
        work: Arc::new(Flat {
            count: 12,
            seconds: 1.0,
        }),
    });
    let grant = bench.granted_of(1, 10..11);
    bench.none_left();
    bench.finish(&grant);
    let last = bench.granted_of(1, 11..12);
    bench.finish(&last);
    assert!(matches!(bench.take(), Action::Finished { .. }));
    bench.none_left();
}

#[test]
fn failed_trials_run_again_when_asked_to() {
    let mut bench = Bench::new();
    bench.add(S, 2, 1.0);
    bench.join(1, 2);
    let first = bench.granted_of(1, 0..1);
    let second = bench.granted_of(1, 1..2);
    let failing = Event::Report(Report {
        worker: WorkerId(1),
        sweep: S,
        lease: first.lease,
        generation: GENERATION,
        numbers: set(&[0..1]),
        failed: set(&[0..1]),
        work_seconds: 1.0,
    });
    bench.send(failing.clone());
    let accepted = Action::Accept {
        worker: WorkerId(1),
        lease: first.lease,
        sweep: S,
        numbers: set(&[0..1]),
        failed: set(&[0..1]),
    };
    assert_eq!(bench.take(), accepted);
    bench.none_left();
    let again = |numbers: IntervalSet| Event::Retry { sweep: S, numbers };
    // What did not fail is not run again.
    bench.send(again(set(&[1..2])));
    bench.none_left();
    bench.finish(&second);
    assert!(matches!(bench.take(), Action::Finished { .. }));
    bench.send(again(set(&[0..2])));
    let third = bench.granted_of(1, 0..1);
    bench.none_left();
    // The result of before the retry, repeated, changes nothing.
    bench.send(failing);
    bench.none_left();
    bench.finish(&third);
    assert!(matches!(bench.take(), Action::Finished { .. }));
    bench.none_left();
    assert_eq!(bench.scheduler.sweep_status(S).unwrap().failed, 0);
}

#[test]
fn a_removed_sweep_is_forgotten() {
    let mut bench = Bench::new();
    bench.add(S, 10, 1.0);
    bench.join(1, 1);
    let grant = bench.granted_of(1, 0..1);
    bench.send(Event::RemoveSweep { sweep: S });
    assert_eq!(bench.revoked(&grant, Running::Stop), set(&[0..1]));
    bench.none_left();
    assert!(bench.scheduler.sweep_status(S).is_none());
    assert_eq!(bench.scheduler.leases().count(), 0);
    bench.send(Event::Report(Report {
        worker: WorkerId(1),
        sweep: S,
        lease: grant.lease,
        generation: GENERATION,
        numbers: set(&[0..1]),
        failed: set(&[]),
        work_seconds: 1.0,
    }));
    bench.none_left();
}
