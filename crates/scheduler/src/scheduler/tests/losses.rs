//! Workers that vanish, come back, or die of a trial.

use std::time::Duration;

use super::fixture::{Bench, S, TIMEOUT, set};
use crate::{Action, Ended, Event, Running};

/// Two workers with one trial each; the first is lost.
fn one_lost() -> (Bench, super::fixture::Granted, super::fixture::Granted) {
    let mut bench = Bench::new();
    bench.add(S, 8, 1.0);
    bench.join(1, 1);
    let lost = bench.granted_of(1, 0..1);
    bench.join(2, 1);
    let other = bench.granted_of(2, 1..2);
    bench.begin(&lost);
    bench.leave(1);
    bench.none_left();
    bench.wait(TIMEOUT, &[2]);
    bench.lost(1, 1);
    bench.none_left();
    (bench, lost, other)
}

#[test]
fn what_a_lost_worker_held_goes_to_others() {
    let (mut bench, _, other) = one_lost();
    assert_eq!(bench.deaths(0), 1);
    bench.finish(&other);
    // In a lease of its own, beside another that is not suspected.
    let again = bench.granted_of(2, 0..1);
    assert_eq!(again.attempt, 2);
    assert_eq!(bench.granted_of(2, 2..3).attempt, 1);
    bench.none_left();
    bench.finish(&again);
    assert_eq!(bench.deaths(0), 0);
}

#[test]
fn a_late_result_is_welcome_if_nobody_was_faster() {
    let (mut bench, lost, other) = one_lost();
    bench.finish(&other);
    let again = bench.granted_of(2, 0..1);
    bench.granted_of(2, 2..3);
    bench.report(&lost, &set(&[0..1]));
    assert_eq!(bench.accepted(), set(&[0..1]));
    assert_eq!(bench.revoked(&again, Running::Stop), set(&[0..1]));
    bench.granted_of(2, 3..4);
    bench.none_left();
    bench.report(&again, &set(&[0..1]));
    bench.none_left();
}

#[test]
fn a_late_result_is_harmless_if_somebody_was_faster() {
    let (mut bench, lost, other) = one_lost();
    bench.finish(&other);
    let again = bench.granted_of(2, 0..1);
    bench.granted_of(2, 2..3);
    bench.finish(&again);
    bench.granted_of(2, 3..4);
    bench.report(&lost, &set(&[0..1]));
    bench.none_left();
}

#[test]
fn a_worker_that_was_only_silent_keeps_its_trials() {
    let mut bench = Bench::new();
    bench.add(S, 8, 1.0);
    bench.join(1, 1);
    let grant = bench.granted_of(1, 0..1);
    bench.begin(&grant);
    bench.wait(TIMEOUT, &[]);
    bench.lost(1, 1);
    assert_eq!(bench.deaths(0), 1);
    bench.now += Duration::from_secs(2);
    bench.beat(1, &[]);
    bench.none_left();
    let status = bench.scheduler.sweep_status(S).unwrap();
    assert_eq!((status.leased, status.suspected), (1, 0));
    assert_eq!(bench.deaths(0), 0);
    bench.finish(&grant);
    bench.granted_of(1, 1..2);
    bench.granted_of(1, 2..3);
    bench.none_left();
}

#[test]
fn a_worker_amid_a_long_message_is_not_given_up() {
    let mut bench = Bench::new();
    bench.add(S, 8, 1.0);
    bench.join(1, 1);
    let grant = bench.granted_of(1, 0..1);
    let heard = || Event::Heard {
        worker: crate::WorkerId(1),
    };
    // Many times as long as a worker may be silent.
    for _ in 0..40 {
        bench.wait(TIMEOUT / 2.0, &[]);
        bench.send(heard());
        bench.none_left();
    }
    assert_eq!(bench.deaths(0), 0);
    bench.beat(1, &[0]);
    bench.none_left();
    // One that was given up is back with the next byte, and its trial is not to blame.
    bench.wait(TIMEOUT, &[]);
    bench.lost(1, 1);
    assert_eq!(bench.deaths(0), 1);
    bench.send(heard());
    assert_eq!(bench.deaths(0), 0);
    bench.none_left();
    bench.finish(&grant);
    // A worker that nobody knows is no matter of ours.
    bench.send(Event::Heard {
        worker: crate::WorkerId(77),
    });
}

#[test]
fn an_end_that_was_announced_blames_nobody() {
    let mut bench = Bench::new();
    bench.add(S, 8, 1.0);
    // Killed by the end of its time.
    bench.rejoin(1, 1, Some(TIMEOUT + 1.9), Vec::new());
    bench.granted_of(1, 0..1);
    bench.wait(TIMEOUT, &[]);
    bench.lost(1, 1);
    assert_eq!(bench.deaths(0), 0);
    // Killed while draining.
    bench.join(2, 1);
    bench.granted_of(2, 0..1);
    bench.beat(2, &[0]);
    bench.send(Event::Drain {
        worker: crate::WorkerId(2),
    });
    bench.none_left();
    bench.wait(TIMEOUT, &[]);
    bench.lost(2, 1);
    assert_eq!(bench.deaths(0), 0);
    bench.none_left();
}

#[test]
fn a_coordinator_that_stood_still_gives_nobody_up() {
    let mut bench = Bench::new();
    bench.add(S, 8, 1.0);
    bench.join(1, 1);
    bench.granted_of(1, 0..1);
    bench.now += Duration::from_secs(30);
    bench.send(Event::Tick);
    bench.none_left();
    bench.beat(1, &[0]);
    bench.wait(9.0, &[1]);
    bench.none_left();
    // But whoever stays silent is given up.
    bench.wait(TIMEOUT, &[]);
    bench.lost(1, 1);
    bench.join(2, 1);
    bench.granted_of(2, 0..1);
    bench.now += Duration::from_secs(30);
    bench.send(Event::Tick);
    bench.none_left();
    bench.wait(TIMEOUT / 2.0, &[]);
    bench.lost(2, 1);
}

/// Runs a sweep with one worker at a time, each of which dies when it is to run one of `killers`, without a word, or just
/// after a heartbeat that names what it runs. Returns the deaths, and the failed trials with their attempts.
fn kill(
    (count, seconds): (u64, f64),
    threads: u32,
    killers: &[u64],
    reported: bool,
) -> (u32, Vec<(u64, u32)>) {
    let mut bench = Bench::new();
    bench.add(S, count, seconds);
    let mut worker = 1;
    let mut deaths = 0;
    let mut failed = Vec::new();
    bench.join(worker, threads);
    while let Some(action) = bench.actions.pop_front() {
        match action {
            Action::Grant(_) => {
                bench.actions.push_front(action);
                let grant = bench.granted();
                let killer = killers.iter().find(|n| grant.numbers.contains(**n));
                let Some(&killer) = killer else {
                    bench.report(&grant, &grant.numbers);
                    continue;
                };
                bench.begin(&grant);
                if reported {
                    bench.beat(worker, &[killer]);
                }
                deaths += 1;
                bench.leave(worker);
                bench
                    .actions
                    .retain(|action| !matches!(action, Action::Grant(_)));
                bench.wait(TIMEOUT, &[]);
                worker += 1;
                bench.join(worker, threads);
            }
            Action::Fail {
                number, attempts, ..
            } => failed.push((number, attempts)),
            Action::Finished { ended, .. } => {
                assert_eq!(ended, Ended::Complete);
                let status = bench.scheduler.sweep_status(S).unwrap();
                assert_eq!((status.done, status.failed), (count, failed.len() as u64));
                return (deaths, failed);
            }
            _ => {}
        }
    }
    panic!("the sweep is stuck after {deaths} deaths");
}

#[test]
fn a_trial_that_kills_three_workers_fails_alone() {
    let many = (100, 0.01);
    let long = (10, 60.0);
    for reported in [false, true] {
        assert_eq!(kill(many, 1, &[37], reported), (3, vec![(37, 3)]));
        assert_eq!(kill(many, 8, &[0], reported), (3, vec![(0, 3)]));
        assert_eq!(kill(long, 4, &[3], reported), (3, vec![(3, 3)]));
        assert_eq!(kill((1, 1.0), 1, &[0], reported), (3, vec![(0, 3)]));
        assert_eq!(
            kill((50_000, 1e-5), 2, &[31_415], reported),
            (3, vec![(31_415, 3)])
        );
        let (deaths, mut failed) = kill(many, 1, &[3, 37, 38], reported);
        failed.sort_unstable();
        assert_eq!(failed, [(3, 3), (37, 3), (38, 3)]);
        assert!((5..=9).contains(&deaths), "{deaths} deaths");
    }
}

/// The last worker that a trial may have is cut off, connection and all as it seems, while the trial alone is in
/// its hands.
fn cut_off_at_the_last_attempt() -> (Bench, super::fixture::Granted) {
    let mut bench = Bench::new();
    bench.add(S, 1, 1.0);
    for worker in 1..=2 {
        bench.join(worker, 1);
        let grant = bench.granted();
        bench.beat(worker, &[0]);
        assert!(grant.numbers.contains(0));
        bench.leave(worker);
        bench.wait(TIMEOUT, &[]);
        bench.actions.clear();
    }
    bench.join(3, 1);
    let grant = bench.granted();
    bench.beat(3, &[0]);
    bench.wait(TIMEOUT + 1.0, &[]);
    let failed = |action: &Action| matches!(action, Action::Fail { .. });
    assert!(
        !bench.actions.iter().any(failed),
        "failed without a word of its end"
    );
    bench.actions.clear();
    (bench, grant)
}

#[test]
fn a_live_trial_is_not_marked_failed_and_its_result_is_taken() {
    let (mut bench, grant) = cut_off_at_the_last_attempt();
    bench.report(&grant, &grant.numbers);
    let accepted = bench
        .actions
        .iter()
        .any(|action| matches!(action, Action::Accept { numbers, .. } if numbers.contains(0)));
    assert!(accepted, "{:?}", bench.actions);
}

#[test]
fn a_worker_that_stays_silent_has_its_trial_failed_in_the_end() {
    let (mut bench, _) = cut_off_at_the_last_attempt();
    bench.wait(40.0, &[]);
    let failed = |action: &Action| {
        matches!(
            action,
            Action::Fail {
                number: 0,
                attempts: 3,
                ..
            }
        )
    };
    assert!(bench.actions.iter().any(failed), "{:?}", bench.actions);
}

#[test]
fn a_machine_that_dies_of_everything_condemns_nothing() {
    let mut bench = Bench::new();
    bench.add(S, 20, 1.0);
    bench.join(1, 1);
    let grant = bench.granted_of(1, 0..1);
    bench.finish(&grant);
    let first = bench.granted_of(1, 1..2);
    let second = bench.granted_of(1, 2..3);
    for (worker, attempt) in [(2, 1), (3, 2)] {
        bench.join(worker, 1);
        let grant = bench.granted_of(worker, 3..4);
        assert_eq!(grant.attempt, attempt);
        bench.begin(&grant);
        bench.leave(worker);
        bench.wait(TIMEOUT, &[1]);
        bench.lost(worker, 1);
        bench.none_left();
    }
    assert_eq!(bench.deaths(3), 2);
    // The next from that machine gets something else; the worker that has shown that it works is set aside for the trial.
    bench.join(4, 1);
    bench.granted_of(4, 4..5);
    bench.none_left();
    bench.finish(&first);
    bench.none_left();
    bench.finish(&second);
    let alone = bench.granted();
    assert_eq!((alone.worker, &alone.numbers), (1, &set(&[3..4])));
    assert!(alone.isolated);
    assert_eq!(alone.attempt, 3);
    bench.none_left();
    bench.finish(&alone);
    bench.granted_of(1, 5..6);
    bench.granted_of(1, 6..7);
    bench.none_left();
}

#[test]
fn a_lease_that_was_not_begun_is_held_against_nothing() {
    let mut bench = Bench::new();
    bench.add(S, 100, 0.01);
    for worker in 1..=5 {
        bench.join(worker, 1);
        let grant = bench.granted();
        assert_eq!((grant.attempt, grant.isolated), (1, false));
        bench.beat(worker, &[]);
        bench.leave(worker);
        bench.wait(TIMEOUT, &[]);
        bench.actions.clear();
        assert_eq!(bench.scheduler.sweep_status(S).unwrap().suspected, 0);
        assert_eq!(bench.deaths(0), 0);
    }
}

#[test]
fn a_lease_of_one_trial_behind_a_running_one_was_not_tried() {
    let granted = |bench: &mut Bench| {
        let mut grants = Vec::new();
        while let Some(action) = bench.actions.pop_front() {
            if matches!(action, Action::Grant(_)) {
                bench.actions.push_front(action);
                grants.push(bench.granted());
            }
        }
        grants
    };
    let mut seen = 0;
    for count in 2..80 {
        let mut bench = Bench::new();
        bench.add(S, count, 0.01);
        bench.join(1, 1);
        let grants = granted(&mut bench);
        if !matches!(grants.as_slice(), [_, second] if second.numbers.len() == 1) {
            continue;
        }
        seen += 1;
        for grant in &grants {
            bench.begin(grant);
        }
        bench.beat(1, &[0]);
        bench.leave(1);
        bench.wait(TIMEOUT, &[]);
        bench.actions.clear();
        let last = count - 1;
        bench.join(2, 1);
        let mut attempt = None;
        while attempt.is_none() {
            let grants = granted(&mut bench);
            assert!(!grants.is_empty(), "trial {last} is never granted again");
            for again in grants {
                if again.numbers.contains(last) {
                    attempt = Some(again.attempt);
                }
                bench.report(&again, &again.numbers);
            }
        }
        assert_eq!(attempt, Some(1), "{count} trials");
    }
    assert!(seen > 0, "no sweep ends in a lease of one trial");
}

#[test]
fn only_trials_that_ran_are_counted_as_tried() {
    let mut bench = Bench::new();
    bench.add(S, 25, 0.01);
    bench.join(1, 1);
    let grant = bench.granted_of(1, 0..13);
    bench.begin(&grant);
    bench.beat(1, &[3]);
    bench.leave(1);
    bench.actions.clear();
    bench.wait(TIMEOUT, &[]);
    bench.actions.clear();
    bench.join(2, 1);
    while let Some(action) = bench.actions.pop_front() {
        if matches!(action, Action::Grant(_)) {
            bench.actions.push_front(action);
            let again = bench.granted();
            let ran = again.numbers.contains(3);
            assert_eq!(again.attempt, if ran { 2 } else { 1 }, "{again:?}");
            assert!(!ran || again.numbers.len() == 1, "{again:?}");
            bench.report(&again, &again.numbers);
        }
    }
}
