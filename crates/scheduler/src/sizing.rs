//! How many trials make a lease. Which sweep and which worker are decided elsewhere.

use sweep::IntervalSet;

use crate::config::{LEAST_SECONDS, MAX_LEASE_RUNS, MAX_LEASE_TRIALS, MAX_PIECES};
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
    /// What the end of the worker's time leaves, if it has one.
    pub(crate) wall: Option<Wall>,
}

/// What a worker with an end of its time can still take. Seconds are predicted ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wall {
    /// The longest trial that would end in time.
    pub(crate) each: f64,
    /// Over all threads.
    pub(crate) total: f64,
    /// Trials from this length on leave checkpoints and may be begun all the same.
    pub(crate) long: Option<f64>,
}

/// Numbers cut for a lease, with what they are predicted to take.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    pub(crate) numbers: IntervalSet,
    pub(crate) cost: Cost,
}

/// Predicted seconds of a set of trials.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cost {
    pub(crate) total: f64,
    pub(crate) longest: f64,
}

impl Wall {
    /// Whether a trial of so many seconds may be begun.
    pub(crate) fn fits(&self, seconds: f64) -> bool {
        seconds <= self.each || self.long.is_some_and(|long| seconds >= long)
    }
}

impl Budget {
    /// How many more trials of `each` seconds a lease takes that has `taken` trials and `spent` seconds.
    fn room(&self, taken: u64, spent: f64, each: f64) -> u64 {
        let seconds = self
            .wall
            .map_or(self.seconds, |wall| self.seconds.min(wall.total));
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

fn seconds(work: &dyn Work, n: u64) -> f64 {
    let seconds = work.seconds(n);
    if seconds.is_finite() {
        seconds.max(LEAST_SECONDS)
    } else {
        LEAST_SECONDS
    }
}

/// Takes open numbers off `pool` for one lease, smallest first. `None` where there is none or the first does not fit.
pub(crate) fn cut(pool: &mut Pool, work: &dyn Work, budget: &Budget) -> Option<Cut> {
    let mut numbers = IntervalSet::new();
    let mut cost = Cost::default();
    let mut taken = 0;
    for _ in 0..MAX_PIECES {
        let Some(run) = pool.first_open(work, MAX_LEASE_TRIALS - taken) else {
            break;
        };
        let each = seconds(work, run.start);
        let same_end = work.constant_run(run.start).clamp(run.start + 1, run.end);
        let room = budget.room(taken, cost.total, each);
        let fits = budget.wall.is_none_or(|wall| wall.fits(each));
        if room == 0 || !fits || numbers.run_count() == MAX_LEASE_RUNS {
            break;
        }
        let end = same_end.min(run.start + room);
        pool.open.remove(run.start..end);
        numbers.insert(run.start..end);
        taken += end - run.start;
        cost.total += each * (end - run.start) as f64;
        cost.longest = cost.longest.max(each);
        if end < same_end || taken == MAX_LEASE_TRIALS {
            break;
        }
    }
    (taken > 0).then_some(Cut { numbers, cost })
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
        wall: None,
    };

    fn check(work: &Plain, budget: &Budget, expected: &[Range<u64>], total: f64) {
        let none = IntervalSet::new();
        let mut pool = Pool::new(work.end, &none, &none, 3);
        match cut(&mut pool, work, budget) {
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
        let wall = |each, total, long| Budget {
            seconds: 1e6,
            wall: Some(Wall { each, total, long }),
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
        assert!(cut(&mut pool, &work, &BUDGET).is_none());
        assert!(pool.exhausted(&work));
        assert_eq!(pool.closed.len(), 100);
    }
}
