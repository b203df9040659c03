//! How many pilots a coordinator's queue needs, as functions over what was seen and the time.

use std::time::Duration;

/// Work that makes a pilot worth its start: a batch system needs some ten seconds to begin a job, and a minute
/// and more where it is busy. In predicted seconds of one thread.
const WORTH_SECONDS: f64 = 30.0;

/// First wait after pilots have ended without a worker of theirs ever joining, doubled up to [`LONGEST_HOLD`].
const FIRST_HOLD: Duration = Duration::from_secs(10);

/// Longest wait before another try with pilots that fail.
const LONGEST_HOLD: Duration = Duration::from_secs(600);

/// What a coordinator has to do and who does it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Demand {
    /// Trials of running sweeps that no worker has and a pilot could take.
    pub pending: u64,
    /// Those that no worker has and a pilot could not take either.
    pub misfit: u64,
    /// Trials that workers have.
    pub leased: u64,
    /// Predicted seconds, one thread, of both.
    pub seconds: f64,
    /// Workers that are here and stay.
    pub workers: u32,
    /// Their threads.
    pub threads: u32,
    /// Worker processes that have ever joined.
    pub joined: u64,
}

/// Pilots in the batch system's queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PilotCount {
    pub(crate) waiting: u32,
    pub(crate) running: u32,
}

impl PilotCount {
    fn total(self) -> u32 {
        self.waiting.saturating_add(self.running)
    }
}

/// What the user has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Pilots at a time.
    pub(crate) max_workers: u32,
    /// Threads of a pilot, where known.
    pub(crate) threads: Option<u32>,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Nothing,
    Submit(u32),
    /// The queue is empty: nobody needs the pilots that wait. Those that run leave by themselves.
    CancelWaiting(u32),
}

/// Workers that the unfinished work keeps busy: none that would have no trial for each thread, or not enough
/// work to be worth the start. 0 where nothing waits for a worker.
pub(crate) fn wanted(policy: &Policy, demand: &Demand) -> u32 {
    if demand.pending == 0 {
        return 0;
    }
    let here = demand.threads.checked_div(demand.workers);
    let threads = policy.threads.or(here).unwrap_or(1).max(1);
    let unfinished = demand.pending.saturating_add(demand.leased);
    let by_trials = unfinished.div_ceil(threads.into());
    // A cast of what is too large, or no number, saturates, or gives 0.
    let by_work = (demand.seconds / (WORTH_SECONDS * f64::from(threads))).ceil() as u64;
    let wanted = by_trials.min(by_work).max(1);
    u32::try_from(wanted)
        .unwrap_or(u32::MAX)
        .min(policy.max_workers)
}

/// Decides from one look at both sides. Workers that are no pilots count as help, and not against the bound.
pub(crate) fn decide(policy: &Policy, demand: &Demand, pilots: PilotCount) -> Decision {
    let wanted = wanted(policy, demand);
    if wanted == 0 {
        return match pilots.waiting {
            0 => Decision::Nothing,
            waiting => Decision::CancelWaiting(waiting),
        };
    }
    let others = demand.workers.saturating_sub(pilots.running);
    let have = pilots.total().saturating_add(others);
    let room = policy.max_workers.saturating_sub(pilots.total());
    match wanted.saturating_sub(have).min(room) {
        0 => Decision::Nothing,
        count => Decision::Submit(count),
    }
}

/// Decides again and again, and holds back where pilots end without ever joining. A new one begins with what is in
/// the batch system's queue.
#[derive(Clone, Debug)]
pub(crate) struct Decider {
    policy: Policy,
    /// Pilots at the last look, with what was done about them since.
    expected: u32,
    /// Pilots that have left the queue by themselves.
    gone: u64,
    /// Workers that had joined at the last look.
    joined: u64,
    /// Of the pilots that are gone, those that no worker that joined and left accounts for.
    fruitless: u64,
    /// Fruitless looks in a row.
    failures: u32,
    hold_until: Duration,
}

impl Decider {
    pub(crate) fn new(policy: Policy) -> Self {
        Decider {
            policy,
            expected: 0,
            gone: 0,
            joined: 0,
            fruitless: 0,
            failures: 0,
            hold_until: Duration::ZERO,
        }
    }

    /// Whether the batch system has to be asked at all.
    pub(crate) fn must_look(&self, demand: &Demand) -> bool {
        demand.pending > 0 || self.expected > 0
    }

    /// Decides at time `now`, counted from any start. The caller does what is decided.
    pub(crate) fn look(&mut self, now: Duration, demand: &Demand, pilots: PilotCount) -> Decision {
        self.learn(now, demand, pilots);
        let decision = decide(&self.policy, demand, pilots);
        match decision {
            Decision::Submit(_) if now < self.hold_until => return Decision::Nothing,
            Decision::Submit(count) => self.expected = self.expected.saturating_add(count),
            Decision::CancelWaiting(_) => self.expected = pilots.running,
            Decision::Nothing => {}
        }
        decision
    }

    /// What was decided could not be done.
    pub(crate) fn undone(&mut self, decision: Decision) {
        self.expected = match decision {
            Decision::Submit(count) => self.expected.saturating_sub(count),
            Decision::CancelWaiting(count) => self.expected.saturating_add(count),
            Decision::Nothing => self.expected,
        };
    }

    /// Pilots in a row that ended without joining: the person should look at their logs.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// Compares who has left the queue with who had joined. A worker leaves the coordinator before its job
    /// leaves the queue, so nobody is accused who was there.
    fn learn(&mut self, now: Duration, demand: &Demand, pilots: PilotCount) {
        self.gone += u64::from(self.expected.saturating_sub(pilots.total()));
        self.expected = pilots.total();
        if demand.joined > self.joined {
            self.joined = demand.joined;
            self.failures = 0;
            self.hold_until = Duration::ZERO;
        }
        let came_and_went = demand.joined.saturating_sub(demand.workers.into());
        let fruitless = self.gone.saturating_sub(came_and_went);
        if fruitless > self.fruitless {
            self.fruitless = fruitless;
            self.failures = self.failures.saturating_add(1);
            let doublings = (self.failures - 1).min(16);
            self.hold_until = now + (FIRST_HOLD * (1 << doublings)).min(LONGEST_HOLD);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy {
        max_workers: 8,
        threads: Some(4),
    };

    fn demand(pending: u64, seconds: f64, workers: u32) -> Demand {
        Demand {
            pending,
            misfit: 0,
            leased: 0,
            seconds,
            workers,
            threads: workers * 4,
            joined: workers.into(),
        }
    }

    fn pilots(waiting: u32, running: u32) -> PilotCount {
        PilotCount { waiting, running }
    }

    #[test]
    fn the_queue_is_met_with_no_more_workers_than_it_feeds() {
        let check = |demand: Demand, pilots, expected| {
            assert_eq!(
                decide(&POLICY, &demand, pilots),
                expected,
                "{demand:?} {pilots:?}"
            );
        };
        // Nothing to do.
        check(demand(0, 0.0, 0), pilots(0, 0), Decision::Nothing);
        check(demand(0, 50.0, 2), pilots(0, 2), Decision::Nothing);
        check(demand(0, 0.0, 1), pilots(3, 1), Decision::CancelWaiting(3));
        // Little work needs one worker, however many trials.
        check(demand(10_000, 5.0, 0), pilots(0, 0), Decision::Submit(1));
        check(
            demand(10_000, f64::NAN, 0),
            pilots(0, 0),
            Decision::Submit(1),
        );
        // Each worker is worth 30 s on each of its 4 threads.
        check(demand(10_000, 360.0, 0), pilots(0, 0), Decision::Submit(3));
        check(demand(10_000, 1e12, 0), pilots(0, 0), Decision::Submit(8));
        check(
            demand(10_000, f64::INFINITY, 0),
            pilots(0, 0),
            Decision::Submit(8),
        );
        // Few long trials: no worker without one for each thread.
        check(demand(9, 1e6, 0), pilots(0, 0), Decision::Submit(3));
        // What is there or on its way counts.
        check(demand(10_000, 1e6, 3), pilots(2, 3), Decision::Submit(3));
        check(demand(10_000, 1e6, 8), pilots(0, 8), Decision::Nothing);
        check(demand(10_000, 360.0, 2), pilots(0, 2), Decision::Submit(1));
        // Workers from elsewhere help, and do not use up the bound.
        check(demand(10_000, 360.0, 3), pilots(0, 0), Decision::Nothing);
        check(demand(10_000, 1e6, 5), pilots(0, 0), Decision::Submit(3));
    }

    #[test]
    fn threads_are_those_of_the_workers_where_nobody_said() {
        let policy = Policy {
            max_workers: 8,
            threads: None,
        };
        assert_eq!(wanted(&policy, &demand(100, 1e6, 0)), 8);
        assert_eq!(wanted(&policy, &demand(8, 1e6, 1)), 2);
    }

    #[test]
    fn pilots_that_fail_are_tried_again_later_and_later() {
        let mut scaler = Decider::new(POLICY);
        let second = Duration::from_secs(1);
        let work = demand(100, 5.0, 0);
        let mut now = Duration::ZERO;
        assert!(scaler.must_look(&work));
        assert_eq!(scaler.look(now, &work, pilots(0, 0)), Decision::Submit(1));
        for (failures, hold) in [(1, 10), (2, 20), (3, 40)] {
            // It is seen once, and gone at the next look.
            now += second;
            assert_eq!(scaler.look(now, &work, pilots(0, 1)), Decision::Nothing);
            now += second;
            assert_eq!(scaler.look(now, &work, pilots(0, 0)), Decision::Nothing);
            assert_eq!(scaler.failures(), failures);
            now += Duration::from_secs(hold - 1);
            assert_eq!(scaler.look(now, &work, pilots(0, 0)), Decision::Nothing);
            now += second;
            assert_eq!(scaler.look(now, &work, pilots(0, 0)), Decision::Submit(1));
        }
        // One that joins ends the waiting.
        let joined = demand(100, 5.0, 1);
        assert_eq!(
            scaler.look(now + second, &joined, pilots(0, 1)),
            Decision::Nothing
        );
        assert_eq!(scaler.failures(), 0);
    }

    #[test]
    fn pilots_that_worked_and_left_are_no_failures() {
        let mut scaler = Decider::new(POLICY);
        let mut now = Duration::ZERO;
        let mut look = |scaler: &mut Decider, demand: Demand, pilots| {
            now += Duration::from_secs(5);
            scaler.look(now, &demand, pilots)
        };
        assert_eq!(
            look(&mut scaler, demand(10_000, 240.0, 0), pilots(0, 0)),
            Decision::Submit(2)
        );
        assert_eq!(
            look(&mut scaler, demand(9_000, 240.0, 2), pilots(0, 2)),
            Decision::Nothing
        );
        let left = Demand {
            joined: 2,
            ..demand(0, 0.0, 0)
        };
        // They leave the coordinator first, then the queue.
        assert_eq!(look(&mut scaler, left, pilots(0, 2)), Decision::Nothing);
        assert!(scaler.must_look(&left));
        assert_eq!(look(&mut scaler, left, pilots(0, 0)), Decision::Nothing);
        assert_eq!(scaler.failures(), 0);
        assert!(!scaler.must_look(&left));
        // More work comes later.
        let more = Demand {
            pending: 5,
            seconds: 1.0,
            ..left
        };
        assert_eq!(look(&mut scaler, more, pilots(0, 0)), Decision::Submit(1));
    }

    #[test]
    fn what_could_not_be_done_is_no_failure_of_a_pilot() {
        let mut scaler = Decider::new(POLICY);
        let work = demand(100, 5.0, 0);
        let decision = scaler.look(Duration::ZERO, &work, pilots(0, 0));
        scaler.undone(decision);
        let again = scaler.look(Duration::from_secs(1), &work, pilots(0, 0));
        assert_eq!((again, scaler.failures()), (Decision::Submit(1), 0));
        // Cancelled ones are not missed either.
        scaler.undone(again);
        let idle = demand(0, 0.0, 0);
        let cancel = scaler.look(Duration::from_secs(2), &idle, pilots(2, 0));
        assert_eq!(cancel, Decision::CancelWaiting(2));
        assert!(!scaler.must_look(&idle));
        assert_eq!(
            scaler.look(Duration::from_secs(3), &idle, pilots(0, 0)),
            Decision::Nothing
        );
        assert_eq!(scaler.failures(), 0);
        // If they could not be cancelled, they are looked at again.
        scaler.undone(cancel);
        assert!(scaler.must_look(&idle));
    }
}
