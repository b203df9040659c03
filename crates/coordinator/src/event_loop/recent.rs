//! The last trials of a sweep and the last that failed, for those who look on. A few numbers and texts a sweep; a
//! coordinator that starts again begins without them.

use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};

use rpc::v1;
use sweep::IntervalSet;
use table::FailedTrial;

/// Trials kept: those whose curves a page draws, and as many again that may not be durable yet.
const TRIALS: usize = 64;

/// Failures kept; the table has all of them.
const FAILURES: usize = 5;

/// Longest text of a failure: a status holds a few, and a list of sweeps many statuses.
const ERROR_CHARS: usize = 300;

/// Newest first.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    trials: VecDeque<u64>,
    failures: VecDeque<v1::RecentFailure>,
}

impl Recent {
    /// What a folder knows: when its trials failed is not kept.
    pub(super) fn of_folder(failed: &[FailedTrial]) -> Recent {
        let last = failed.iter().rev().take(FAILURES);
        let failures = last.map(|failed| v1::RecentFailure {
            trial: failed.trial,
            error: sweep::shortened(&failed.error, ERROR_CHARS),
            at_seconds: 0,
        });
        Recent {
            trials: VecDeque::new(),
            failures: failures.collect(),
        }
    }

    /// Trials were reported. Of many the last ones are kept.
    pub(super) fn reported(&mut self, numbers: &IntervalSet) {
        let last = numbers.runs().rev().flat_map(Iterator::rev).take(TRIALS);
        let last: Vec<u64> = last.collect();
        for number in last.into_iter().rev() {
            self.trials.push_front(number);
        }
        self.trials.truncate(TRIALS);
    }

    /// A trial has failed.
    pub(super) fn failed(&mut self, trial: u64, error: &str) {
        let at = SystemTime::now().duration_since(UNIX_EPOCH);
        self.failures.push_front(v1::RecentFailure {
            trial,
            error: sweep::shortened(error, ERROR_CHARS),
            at_seconds: at.map_or(0, |at| at.as_secs()),
        });
        self.failures.truncate(FAILURES);
    }

    /// Failed trials run again: what failed before is no news.
    pub(super) fn forget_failures(&mut self) {
        self.failures.clear();
    }

    pub(crate) fn trials(&self) -> Vec<u64> {
        self.trials.iter().copied().collect()
    }

    pub(super) fn failures(&self) -> Vec<v1::RecentFailure> {
        self.failures.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_come_first_and_few_are_kept() {
        let mut recent = Recent::default();
        recent.reported(&[0..1, 5..7].into_iter().collect());
        assert_eq!(recent.trials(), [6, 5, 0]);
        recent.reported(&std::iter::once(1000..1_000_000).collect());
        assert_eq!(recent.trials().len(), TRIALS);
        assert_eq!(recent.trials()[..2], [999_999, 999_998]);
        for trial in 0..100 {
            recent.failed(trial, &"x".repeat(10_000));
        }
        let failures = recent.failures();
        assert_eq!((failures.len(), failures[0].trial), (FAILURES, 99));
        assert!(failures[0].error.len() < 400);
        recent.forget_failures();
        assert!(recent.failures().is_empty());
    }
}
