//! Reports that a worker has no right to send.

use super::fixture::{Bench, GENERATION, Granted, S, set};
use crate::{Action, DropReason, Event, LeaseId, Report, SweepKey, WorkerId};

/// Sends a report to a scheduler where worker 1 holds `0..1` and worker 2 holds `1..2`.
fn check(change: impl Fn(&Granted, &Granted) -> Event, dropped: Option<(u64, DropReason)>) {
    let mut bench = Bench::new();
    bench.add(SweepKey(9), 0, 1.0);
    bench.take();
    bench.add(S, 8, 1.0);
    bench.join(1, 1);
    let first = bench.granted_of(1, 0..1);
    bench.join(2, 1);
    let second = bench.granted_of(2, 1..2);
    bench.send(change(&first, &second));
    if let Some((worker, reason)) = dropped {
        let worker = WorkerId(worker);
        assert_eq!(bench.take(), Action::DropWorker { worker, reason });
        assert!(bench.scheduler.worker_status(worker).is_none());
    }
    bench.none_left();
    let status = bench.scheduler.sweep_status(S).unwrap();
    let held = 2 - u64::from(dropped.is_some_and(|(worker, _)| worker < 3));
    assert_eq!((status.done, status.leased, status.suspected), (0, held, 0));
}

fn report(worker: u64, lease: LeaseId, numbers: std::ops::Range<u64>) -> Event {
    Event::Report(Report {
        worker: WorkerId(worker),
        sweep: S,
        lease,
        generation: GENERATION,
        numbers: set(&[numbers]),
        failed: set(&[]),
        work_seconds: f64::NAN,
    })
}

#[test]
fn what_is_not_its_own_is_refused() {
    check(
        |first, _| report(1, first.lease, 0..2),
        Some((
            1,
            DropReason::OutsideLease {
                lease: LeaseId::new(GENERATION, 0),
            },
        )),
    );
    check(
        |_, second| report(1, second.lease, 1..2),
        Some((
            1,
            DropReason::ForeignLease {
                lease: LeaseId::new(GENERATION, 1),
            },
        )),
    );
    check(
        |first, _| report(3, first.lease, 0..1),
        Some((3, DropReason::Unknown)),
    );
    let other_sweep = |first: &Granted, _: &Granted| match report(1, first.lease, 0..1) {
        Event::Report(Report {
            worker,
            lease,
            generation,
            numbers,
            failed,
            work_seconds,
            ..
        }) => {
            let sweep = SweepKey(9);
            Event::Report(Report {
                worker,
                sweep,
                lease,
                generation,
                numbers,
                failed,
                work_seconds,
            })
        }
        other => other,
    };
    check(
        other_sweep,
        Some((
            1,
            DropReason::OtherSweep {
                lease: LeaseId::new(GENERATION, 0),
            },
        )),
    );
}

#[test]
fn what_is_forgotten_or_old_changes_nothing() {
    check(|_, _| report(1, LeaseId::new(GENERATION, 99), 0..1), None);
    let old = |first: &Granted, _: &Granted| match report(1, first.lease, 0..1) {
        Event::Report(Report {
            worker,
            sweep,
            lease,
            numbers,
            failed,
            work_seconds,
            ..
        }) => {
            let generation = GENERATION - 1;
            Event::Report(Report {
                worker,
                sweep,
                lease,
                generation,
                numbers,
                failed,
                work_seconds,
            })
        }
        other => other,
    };
    check(old, None);
}
