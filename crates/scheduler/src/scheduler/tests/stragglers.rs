//! Idle workers that take over from loaded and slow ones.

use super::fixture::{Bench, S, TIMEOUT, set};
use crate::{Action, Ended, Running};

fn finished() -> Action {
    Action::Finished {
        sweep: S,
        ended: Ended::Complete,
    }
}

#[test]
fn an_idle_worker_takes_what_another_has_not_begun() {
    let mut bench = Bench::new();
    bench.add(S, 20, 0.0625);
    bench.join(1, 1);
    let a = bench.granted_of(1, 0..4);
    let b = bench.granted_of(1, 4..8);
    bench.finish(&a);
    let c = bench.granted_of(1, 8..14);
    bench.finish(&b);
    let d = bench.granted_of(1, 14..17);
    bench.join(2, 1);
    let e = bench.granted_of(2, 17..18);
    let f = bench.granted_of(2, 18..19);
    bench.finish(&e);
    let g = bench.granted_of(2, 19..20);
    bench.finish(&f);
    bench.none_left();
    bench.finish(&g);
    // Half of the newest lease, from its end.
    assert_eq!(bench.revoked(&d, Running::Finish), set(&[16..17]));
    let stolen = bench.granted_of(2, 16..17);
    bench.none_left();
    // It had begun it all the same, and is first.
    bench.report(&d, &set(&[14..17]));
    assert_eq!(bench.accepted(), set(&[14..17]));
    assert_eq!(bench.revoked(&stolen, Running::Stop), set(&[16..17]));
    bench.none_left();
    bench.report(&c, &set(&[8..14]));
    assert_eq!(bench.accepted(), set(&[8..14]));
    assert_eq!(bench.take(), finished());
    bench.none_left();
}

/// Of two trials one is slow, and has just been copied.
fn one_copied() -> (Bench, super::fixture::Granted, super::fixture::Granted) {
    let mut bench = Bench::new();
    bench.add(S, 2, 1.0);
    bench.join(1, 1);
    let slow = bench.granted_of(1, 0..1);
    bench.join(2, 1);
    let quick = bench.granted_of(2, 1..2);
    bench.finish(&quick);
    bench.none_left();
    // Twice the time that it should take, and two seconds more.
    bench.wait(3.5, &[1, 2]);
    bench.none_left();
    bench.wait(0.5, &[1, 2]);
    let copy = bench.granted();
    assert_eq!((copy.worker, &copy.numbers), (2, &set(&[0..1])));
    assert!(copy.speculative && !copy.isolated);
    assert_eq!(copy.attempt, 1);
    bench.none_left();
    (bench, slow, copy)
}

#[test]
fn a_straggler_is_copied_and_the_first_result_wins() {
    let (mut bench, slow, copy) = one_copied();
    bench.report(&slow, &set(&[0..1]));
    assert_eq!(bench.accepted(), set(&[0..1]));
    assert_eq!(bench.revoked(&copy, Running::Stop), set(&[0..1]));
    assert_eq!(bench.take(), finished());
    bench.report(&copy, &set(&[0..1]));
    bench.none_left();

    let (mut bench, slow, copy) = one_copied();
    bench.report(&copy, &set(&[0..1]));
    assert_eq!(bench.accepted(), set(&[0..1]));
    assert_eq!(bench.revoked(&slow, Running::Stop), set(&[0..1]));
    assert_eq!(bench.take(), finished());
    bench.none_left();
}

#[test]
fn a_copy_outlives_its_original() {
    let (mut bench, slow, copy) = one_copied();
    bench.begin(&slow);
    bench.leave(1);
    bench.wait(TIMEOUT, &[2]);
    bench.lost(1, 1);
    bench.none_left();
    assert_eq!(bench.deaths(0), 1);
    bench.report(&copy, &set(&[0..1]));
    assert_eq!(bench.accepted(), set(&[0..1]));
    assert_eq!(bench.take(), finished());
    bench.none_left();
}

#[test]
fn an_original_outlives_its_copy() {
    let (mut bench, slow, _) = one_copied();
    bench.leave(2);
    bench.wait(TIMEOUT, &[1]);
    bench.lost(2, 1);
    bench.none_left();
    let status = bench.scheduler.sweep_status(S).unwrap();
    assert_eq!((status.leased, status.pending, status.leases), (1, 0, 1));
    bench.report(&slow, &set(&[0..1]));
    assert_eq!(bench.accepted(), set(&[0..1]));
    assert_eq!(bench.take(), finished());
    bench.none_left();
}
