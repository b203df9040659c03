//! How many trials make a lease. Which sweep and which worker are decided elsewhere.

use sweep::{CostLimits, IntervalSet};

use crate::config::{LEAST_SECONDS, MAX_LEASE_RUNS, MAX_LEASE_TRIALS, MAX_MISFITS, MAX_PIECES};
use crate::pool::Pool;
use crate::{Work, sets};

/// What one lease may hold. Seconds are predicted ones.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    /// Work to aim at.
    pub(crate) seconds: f64,
    /// Trials beyond which only `least_seconds` of work go on: near the end of a sweep, what is left is shared.
    pub(crate) tail: u64,
    /// Work below which a lease is not worth its message.
    pub(crate) least_seconds: f64,
    /// So many trials whatever they cost: one for each thread that would idle. At least one.
    pub(crate) floor: u64,
    /// What the worker's time and memory leave.
    pub(crate) reach: Reach,
    /// Numbers below are passed over: an earlier look at them came to no end.
    pub(crate) from: u64,
}

/// What a worker can still take. Seconds are predicted ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    /// Of one trial.
    pub(crate) limits: CostLimits,
    /// Seconds over all threads.
    pub(crate) total: f64,
}

/// A pending trial that is more than a worker can take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TooMuch {
    pub(crate) number: u64,
    /// Predicted.
    pub(crate) seconds: f64,
    pub(crate) bytes: f64,
}

/// What a look for a lease has found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) cut: Option<Cut>,
    /// The first trial that was passed over.
    pub(crate) too_much: Option<TooMuch>,
    /// Where to look on: the bound on one look was met.
    pub(crate) next: Option<u64>,
}

/// Numbers cut for a lease, with what they are predicted to take.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    pub(crate) numbers: IntervalSet,
    pub(crate) cost: Cost,
}

/// Predicted seconds and memory of a set of trials.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cost {
    pub(crate) total: f64,
    pub(crate) longest: f64,
    /// Bytes of the largest.
    pub(crate) largest: f64,
}

impl Reach {
    /// Whether such trials may be begun.
    pub(crate) fn fits(&self, cost: Cost) -> bool {
        self.limits.fits(cost.longest, cost.largest)
    }
}

impl Budget {
    /// How many more trials of `each` seconds a lease takes that has `taken` trials and `spent` seconds.
    fn room(&self, taken: u64, spent: f64, each: f64) -> u64 {
        let seconds = self.seconds.min(self.reach.total);
        let by_cost = whole((seconds - spent) / each);
        let by_tail = self
            .tail
            .saturating_sub(taken)
            .max(whole((self.least_seconds - spent) / each));
        let by_floor = self.floor.saturating_sub(taken);
        by_cost
            .min(by_tail)
            .max(by_floor)
            .min(MAX_LEASE_TRIALS.saturating_sub(taken))
    }
}

/// The whole part of a number of trials; what is negative or not a number is none.
pub(crate) fn whole(trials: f64) -> u64 {
    // The conversion saturates at both ends.
    trials as u64
}

/// Predicted seconds of a trial, within reason.
pub(crate) fn seconds(work: &dyn Work, n: u64) -> f64 {
    let seconds = work.seconds(n);
    if seconds.is_finite() {
        seconds.max(LEAST_SECONDS)
    } else {
        LEAST_SECONDS
    }
}

/// Takes open numbers off `pool` for one lease, smallest first. Those that are more than the worker can take are passed
/// over, whole blocks at a time.
pub(crate) fn cut(pool: &mut Pool, work: &dyn Work, budget: &Budget) -> Found {
    let mut found = Found::default();
    let mut numbers = IntervalSet::new();
    let mut cost = Cost::default();
    let mut taken = 0;
    let mut from = budget.from;
    let (mut pieces, mut misfits) = (0, 0);
    while let Some(run) = pool.next_open(work, from, MAX_LEASE_TRIALS - taken) {
        if pieces == MAX_PIECES || misfits == MAX_MISFITS {
            found.next = Some(run.start);
            break;
        }
        pieces += 1;
        let (each, bytes) = (seconds(work, run.start), work.bytes(run.start));
        let same_end = work.constant_run(run.start).clamp(run.start + 1, run.end);
        if !budget.reach.limits.fits(each, bytes) {
            misfits += 1;
            found.too_much.get_or_insert(TooMuch {
                number: run.start,
                seconds: each,
                bytes,
            });
            match work.next_fitting(same_end, pool.end, &budget.reach.limits) {
                Some(next) => from = next.max(same_end),
                None => break,
            }
            continue;
        }
        let room = budget.room(taken, cost.total, each);
        if room == 0 || numbers.run_count() == MAX_LEASE_RUNS {
            break;
        }
        let end = same_end.min(run.start + room);
        pool.open.remove(run.start..end);
        numbers.insert(run.start..end);
        taken += end - run.start;
        cost.total += each * (end - run.start) as f64;
        cost.longest = cost.longest.max(each);
        cost.largest = cost.largest.max(bytes);
        from = end;
        if end < same_end || taken == MAX_LEASE_TRIALS {
            break;
        }
    }
    if taken > 0 {
        found.cut = Some(Cut { numbers, cost });
        found.next = None;
    }
    found
}

/// Predicted seconds of `numbers`. Past a bound of pieces the rest counts as the mean of what was seen.
pub(crate) fn cost(work: &dyn Work, numbers: &IntervalSet) -> Cost {
    let mut cost = Cost::default();
    let mut seen = 0;
    let mut pieces = 0;
    'runs: for run in numbers.runs() {
        let mut from = run.start;
        while from < run.end {
            if pieces == MAX_PIECES {
                break 'runs;
            }
            pieces += 1;
            let end = work.constant_run(from).clamp(from + 1, run.end);
            let each = seconds(work, from);
            cost.total += each * (end - from) as f64;
            cost.longest = cost.longest.max(each);
            cost.largest = cost.largest.max(work.bytes(from));
            seen += end - from;
            from = end;
        }
    }
    if seen > 0 && seen < numbers.len() {
        cost.total *= numbers.len() as f64 / seen as f64;
    }
    cost
}

/// Those of `numbers` below the end that are kept.
pub(crate) fn kept(work: &dyn Work, numbers: &IntervalSet) -> IntervalSet {
    let mut kept = IntervalSet::new();
    for run in numbers.runs() {
        let end = run.end.min(work.end());
        let mut from = run.start;
        while from < end {
            let Some(found) = work.kept_run(from, end, end - from) else {
                break;
            };
            let found = found.start.max(from)..found.end.min(end);
            if found.is_empty() {
                break;
            }
            from = found.end;
            kept.insert(found);
        }
    }
    kept
}

/// The mean of a lease's predicted seconds over its trials.
pub(crate) fn per_trial(cost: Cost, numbers: &IntervalSet) -> f64 {
    (cost.total / numbers.len().max(1) as f64).max(LEAST_SECONDS)
}

/// The first `count` of `numbers`, for a lease that helps another.
pub(crate) fn head(numbers: &IntervalSet, count: u64) -> IntervalSet {
    sets::first(numbers, count.clamp(1, MAX_LEASE_TRIALS))
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    /// Numbers below `end`, those divisible by `skip` not kept; the first `cheap` cost 1 second, the others 10.
    #[derive(Debug)]
    struct Plain {
        end: u64,
        skip: u64,
        cheap: u64,
    }

    impl Work for Plain {
        fn end(&self) -> u64 {
            self.end
        }

        fn kept_run(&self, from: u64, end: u64, max_len: u64) -> Option<Range<u64>> {
            let kept = |n: &u64| self.skip == 0 || !n.is_multiple_of(self.skip);
            let start = (from..end).find(kept)?;
            let stop = (start..end).find(|n| !kept(n)).unwrap_or(end);
            Some(start..stop.min(start + max_len))
        }

        fn count(&self) -> u64 {
            (0..self.end)
                .filter(|n| self.skip == 0 || !n.is_multiple_of(self.skip))
                .count() as u64
        }

        fn seconds(&self, n: u64) -> f64 {
            if n < self.cheap { 1.0 } else { 10.0 }
        }

        fn constant_run(&self, n: u64) -> u64 {
            if n < self.cheap { self.cheap } else { self.end }
        }
    }

    const BUDGET: Budget = Budget {
        seconds: 8.0,
        tail: u64::MAX,
        least_seconds: 0.0,
        floor: 1,
        reach: Reach {
            limits: CostLimits::NONE,
            total: f64::INFINITY,
        },
        from: 0,
    };

    fn check(work: &Plain, budget: &Budget, expected: &[Range<u64>], total: f64) {
        let none = IntervalSet::new();
        let mut pool = Pool::new(work.end, &none, &none, 3);
        match cut(&mut pool, work, budget).cut {
            Some(cut) => {
                assert_eq!(sets::ranges(&cut.numbers), expected);
                assert_eq!(cut.cost.total, total);
                assert_eq!(cost(work, &cut.numbers), cut.cost);
                assert!(pool.open.intersection(&cut.numbers).is_empty());
            }
            None => assert!(expected.is_empty()),
        }
    }

    #[test]
    fn leases_follow_cost_tail_and_time() {
        let plain = Plain {
            end: 100,
            skip: 0,
            cheap: 20,
        };
        check(&plain, &BUDGET, &[0..8], 8.0);
        // Twenty cheap trials and the dear ones that still fit.
        let large = Budget {
            seconds: 45.0,
            ..BUDGET
        };
        check(&plain, &large, &[0..22], 40.0);
        // One trial at least, and one for each idle thread.
        let dear = Plain {
            end: 100,
            skip: 0,
            cheap: 0,
        };
        check(&dear, &BUDGET, &[0..1], 10.0);
        check(&dear, &Budget { floor: 4, ..BUDGET }, &[0..4], 40.0);
        // Near the end, less; but not less than is worth a message.
        check(&plain, &Budget { tail: 3, ..BUDGET }, &[0..3], 3.0);
        let worth = Budget {
            tail: 3,
            least_seconds: 5.0,
            ..BUDGET
        };
        check(&plain, &worth, &[0..5], 5.0);
        // Gaps are passed over.
        let gaps = Plain {
            end: 100,
            skip: 3,
            cheap: 100,
        };
        check(
            &gaps,
            &Budget {
                seconds: 5.0,
                ..BUDGET
            },
            &[1..3, 4..6, 7..8],
            5.0,
        );
        // A worker's end.
        let wall = |seconds, total, long: Option<f64>| Budget {
            seconds: 1e6,
            reach: Reach {
                limits: CostLimits {
                    seconds,
                    long_seconds: long.unwrap_or(f64::INFINITY),
                    ..CostLimits::NONE
                },
                total,
            },
            ..BUDGET
        };
        check(&plain, &wall(5.0, 12.0, None), &[0..12], 12.0);
        check(&plain, &wall(5.0, 1e9, None), &[0..20], 20.0);
        check(&plain, &wall(0.5, 1e9, None), &[], 0.0);
        check(&dear, &wall(5.0, 25.0, Some(10.0)), &[0..2], 20.0);
    }

    #[test]
    fn nothing_kept_is_nothing_to_lease() {
        let none = IntervalSet::new();
        let work = Plain {
            end: 100,
            skip: 1,
            cheap: 0,
        };
        let mut pool = Pool::new(100, &none, &none, 3);
        assert!(cut(&mut pool, &work, &BUDGET).cut.is_none());
        assert!(pool.exhausted(&work));
        assert_eq!(pool.closed.len(), 100);
    }
}
