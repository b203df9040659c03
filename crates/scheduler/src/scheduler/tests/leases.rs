//! Sizes of leases, and workers that come and go in good order.

use super::fixture::{Bench, GENERATION, S, config, set};
use crate::{
    Action, DropReason, Ended, Event, Grant, Held, LeaseId, Report, Running, SweepKey, WorkerId,
    config::WALLTIME_MARGIN,
};
use std::time::Duration;

#[test]
fn leases_follow_the_measured_speed_two_deep() {
    let mut bench = Bench::new();
    bench.add(S, 1_000, 0.01);
    bench.none_left();
    // Of a worker of unknown speed a quarter of a second, and as much in its queue.
    bench.join(1, 1);
    let first = bench.granted_of(1, 0..25);
    let second = bench.granted_of(1, 25..50);
    bench.none_left();
    // As fast as predicted: a second from now on.
    bench.finish(&first);
    let third = bench.granted_of(1, 50..150);
    bench.none_left();
    // Half as slow again as predicted: over all that is known of it 50 trials in 0.625 seconds.
    bench.report_at(&second, &second.numbers, 1.5);
    assert_eq!(bench.accepted(), second.numbers);
    bench.granted_of(1, 150..230);
    bench.none_left();
    // A part of a lease is no room for another.
    bench.report(&third, &set(&[50..60]));
    assert_eq!(bench.accepted(), set(&[50..60]));
    bench.none_left();
    let status = bench.scheduler.sweep_status(S).unwrap();
    assert_eq!((status.done, status.leased, status.pending), (60, 170, 770));
}

#[test]
fn a_thread_never_idles_for_a_long_trial() {
    let mut bench = Bench::new();
    bench.add(S, 40, 60.0);
    bench.join(1, 4);
    let grant = bench.granted_of(1, 0..4);
    bench.none_left();
    bench.report(&grant, &set(&[2..3]));
    assert_eq!(bench.accepted(), set(&[2..3]));
    bench.granted_of(1, 4..5);
    bench.none_left();
}

#[test]
fn the_end_of_a_sweep_is_shared() {
    let mut bench = Bench::new();
    for worker in 1..=4 {
        bench.join(worker, 1);
    }
    bench.add(S, 16, 0.125);
    // A lease would be two trials, and is: sixteen over four workers twice is two.
    for worker in 1..=4 {
        bench.granted_of(worker, 2 * (worker - 1)..2 * worker);
    }
    // Eight are left: one each.
    for worker in 1..=4 {
        bench.granted_of(worker, 7 + worker..8 + worker);
    }
    bench.none_left();
}

#[test]
fn a_finished_sweep_says_so_once() {
    let mut bench = Bench::new();
    bench.join(1, 2);
    bench.add_with(S, 10, 1.0, 0, &[0..3, 5..10]);
    let first = bench.granted();
    let second = bench.granted();
    assert_eq!((first.numbers.len(), second.numbers.len()), (1, 1));
    bench.finish(&first);
    bench.none_left();
    bench.finish(&second);
    let finished = Action::Finished {
        sweep: S,
        ended: Ended::Complete,
    };
    assert_eq!(bench.take(), finished);
    bench.send(Event::Tick);
    bench.none_left();
    // One that comes complete is finished at once.
    bench.add_with(S, 10, 1.0, 0, &[0..10]);
    assert_eq!(bench.take(), finished);
    bench.none_left();
}

#[test]
fn drain_gives_back_what_has_not_begun() {
    let mut bench = Bench::new();
    bench.add(S, 1_000, 0.01);
    bench.join(1, 1);
    let first = bench.granted_of(1, 0..25);
    let second = bench.granted_of(1, 25..50);
    bench.beat(1, &[3]);
    bench.none_left();
    bench.send(Event::Drain {
        worker: WorkerId(1),
    });
    assert_eq!(bench.revoked(&first, Running::Finish), set(&[0..3, 4..25]));
    assert_eq!(bench.revoked(&second, Running::Finish), set(&[25..50]));
    bench.none_left();
    // It had begun another before it heard of that: welcome.
    bench.report(&first, &set(&[3..5]));
    assert_eq!(bench.accepted(), set(&[3..5]));
    bench.none_left();
    bench.send(Event::Goodbye {
        worker: WorkerId(1),
    });
    bench.none_left();
    assert!(bench.scheduler.worker_status(WorkerId(1)).is_none());
    bench.join(2, 1);
    let grant = bench.granted();
    assert_eq!(grant.numbers, set(&[0..3, 5..27]));
    assert_eq!(grant.attempt, 1);
}

#[test]
fn goodbye_gives_everything_back_without_blame() {
    let mut bench = Bench::new();
    bench.add(S, 100, 0.01);
    bench.join(1, 1);
    bench.granted_of(1, 0..25);
    bench.granted_of(1, 25..50);
    bench.send(Event::Goodbye {
        worker: WorkerId(1),
    });
    bench.none_left();
    assert_eq!(bench.scheduler.sweep_status(S).unwrap().suspected, 0);
    assert_eq!(bench.scheduler.sweep_status(S).unwrap().pending, 100);
}

#[test]
fn what_is_given_back_goes_to_others() {
    let mut bench = Bench::new();
    bench.add(S, 4, 60.0);
    bench.join(1, 1);
    let grant = bench.granted_of(1, 0..1);
    let back = Event::GiveBack {
        worker: WorkerId(1),
        lease: grant.lease,
        numbers: set(&[0..1]),
        unfit: false,
    };
    bench.send(back);
    bench.none_left();
    bench.join(2, 1);
    // The first asks again with its next heartbeat.
    let again = bench.granted();
    assert_eq!((again.worker, again.numbers), (2, set(&[0..1])));
    bench.beat(1, &[]);
    bench.granted_of(1, 1..2);
    bench.none_left();
}

/// Gives a whole lease back because its sweep cannot be run here.
fn cannot_run(bench: &mut Bench, grant: &super::fixture::Granted) {
    bench.send(Event::GiveBack {
        worker: WorkerId(grant.worker),
        lease: grant.lease,
        numbers: grant.numbers.clone(),
        unfit: true,
    });
}

#[test]
fn a_worker_that_cannot_run_a_sweep_works_for_others_and_is_asked_again() {
    let other = SweepKey(2);
    let mut bench = Bench::new();
    bench.add_with(S, 8, 60.0, 5, &[]);
    bench.add_with(other, 1, 60.0, 0, &[]);
    bench.join(1, 1);
    let grant = bench.granted_of(1, 0..1);
    cannot_run(&mut bench, &grant);
    bench.none_left();
    bench.beat(1, &[]);
    let grant = bench.granted();
    assert_eq!(grant.sweep, other);
    bench.finish(&grant);
    assert!(matches!(bench.take(), Action::Finished { .. }));
    bench.none_left();
    // The waits grow; a number that nobody could run has a clean record.
    for wait in [5.0, 10.0, 20.0] {
        bench.wait(wait - 1.5, &[1]);
        bench.none_left();
        bench.wait(1.5, &[1]);
        let again = bench.granted_of(1, 0..1);
        assert_eq!(again.attempt, 1);
        cannot_run(&mut bench, &again);
        bench.none_left();
    }
    // Another may run it at once, and so may this one once somebody resumes the sweep.
    bench.join(2, 1);
    assert_eq!(bench.granted().worker, 2);
    bench.send(Event::Pause { sweep: S });
    bench.actions.clear();
    bench.send(Event::Resume { sweep: S });
    let asked = bench.actions.iter().any(
        |action| matches!(action, Action::Grant(Grant { worker, .. }) if *worker == WorkerId(1)),
    );
    assert!(asked, "{:?}", bench.actions);
}

#[test]
fn no_lease_outlives_its_worker() {
    let mut bench = Bench::new();
    bench.add(S, 1_000, 1.0);
    let margin = WALLTIME_MARGIN.as_secs_f64();
    // Ten seconds left, eight to plan with: eight trials in a row, but no lease is that long.
    bench.rejoin(1, 1, Some(10.0 + margin), Vec::new());
    let grant = bench.granted_of(1, 0..1);
    bench.none_left();
    // A second left.
    bench.wait(9.0, &[1]);
    bench.finish(&grant);
    bench.none_left();
    // Another has the time.
    bench.join(2, 1);
    bench.granted_of(2, 1..2);
    bench.none_left();
}

#[test]
fn a_trial_with_checkpoints_may_be_begun_late() {
    let mut config = config();
    config.checkpoint_after = Some(Duration::from_secs(60));
    let mut bench = Bench::with(config);
    bench.add(S, 10, 3_600.0);
    let margin = WALLTIME_MARGIN.as_secs_f64();
    bench.rejoin(1, 1, Some(59.0 + margin), Vec::new());
    bench.none_left();
    bench.rejoin(2, 1, Some(61.0 + margin), Vec::new());
    bench.granted_of(2, 0..1);
    bench.none_left();
}

#[test]
fn a_lease_that_no_heartbeat_names_expires() {
    let mut bench = Bench::new();
    bench.add(S, 2, 60.0);
    bench.join(1, 1);
    let grant = bench.granted_of(1, 0..1);
    // The worker lives, but the grant did not reach it.
    for _ in 0..9 {
        bench.now += Duration::from_secs(1);
        let leases = Vec::new();
        let worker = WorkerId(1);
        bench.send(Event::Heartbeat { worker, leases });
    }
    bench.none_left();
    bench.now += Duration::from_secs(1);
    let leases = Vec::new();
    let worker = WorkerId(1);
    bench.send(Event::Heartbeat { worker, leases });
    assert_eq!(bench.revoked(&grant, Running::Finish), set(&[0..1]));
    let again = bench.granted_of(1, 0..1);
    assert_ne!(again.lease, grant.lease);
    assert_eq!(again.attempt, 1);
    bench.none_left();
}

#[test]
fn a_worker_that_reconnects_goes_on() {
    let mut bench = Bench::new();
    bench.add(S, 1_000, 0.01);
    bench.join(1, 1);
    let first = bench.granted_of(1, 0..25);
    bench.granted_of(1, 25..50);
    bench.leave(1);
    bench.now += Duration::from_secs(5);
    // It never got the second lease.
    let held = vec![Held {
        lease: first.lease,
        sweep: S,
        numbers: set(&[0..25]),
    }];
    bench.rejoin(1, 1, None, held);
    bench.granted_of(1, 25..50);
    bench.none_left();
    bench.finish(&first);
    bench.granted_of(1, 50..150);
    bench.none_left();
}

#[test]
fn a_restarted_coordinator_takes_over_what_workers_hold() {
    let mut bench = Bench::new();
    bench.add_with(S, 100, 60.0, 0, &[0..10]);
    bench.join(2, 1);
    bench.granted_of(2, 10..11);
    // Of the coordinator before: one that is done, one that another has, one that is free.
    let lease = LeaseId::new(GENERATION - 1, 5);
    let held = Held {
        lease,
        sweep: S,
        numbers: set(&[9..12]),
    };
    bench.rejoin(1, 1, None, vec![held]);
    let revoke = Action::Revoke {
        worker: WorkerId(1),
        lease,
        ranges: vec![9..10],
        running: Running::Stop,
    };
    assert_eq!(bench.take(), revoke);
    bench.none_left();
    assert_eq!(bench.scheduler.sweep_status(S).unwrap().leased, 2);
    // It brings both, and is the first.
    bench.send(Event::Report(Report {
        worker: WorkerId(1),
        sweep: S,
        lease,
        generation: GENERATION - 1,
        numbers: set(&[10..12]),
        failed: set(&[]),
        work_seconds: 120.0,
    }));
    assert_eq!(bench.accepted(), set(&[10..12]));
}

#[test]
fn more_than_can_be_held_is_refused() {
    let mut bench = Bench::new();
    bench.add(S, 1 << 40, 1e-6);
    let held = Held {
        lease: LeaseId::new(GENERATION - 1, 0),
        sweep: S,
        numbers: set(&[0..1 << 30]),
    };
    bench.rejoin(1, 1, None, vec![held]);
    let dropped = Action::DropWorker {
        worker: WorkerId(1),
        reason: DropReason::TooMuchHeld,
    };
    assert_eq!(bench.take(), dropped);
    bench.none_left();
}
