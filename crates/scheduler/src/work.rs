//! What the scheduler must know about a sweep's trials. The grid itself stays with `sweep::Folder`; the coordinator
//! implements [`Work`] over it, tests over plain formulas.

use std::fmt;
use std::ops::Range;

use sweep::CostLimits;

/// The trials of one sweep, by number. Numbers are `0..end`; only kept ones are trials.
///
/// Whether a number is kept never changes; growing adds numbers at the end.
pub trait Work {
    /// One past the largest number.
    fn end(&self) -> u64;

    /// The first run of kept numbers at or after `from` and before `end`, cut to `max_len` numbers. `None` where there
    /// is no kept number left. The run need not be maximal, but it is never empty.
    fn kept_run(&self, from: u64, end: u64, max_len: u64) -> Option<Range<u64>>;

    /// Kept numbers.
    fn count(&self) -> u64;

    /// Predicted seconds of trial `n` on one core at the nominal rate.
    fn seconds(&self, n: u64) -> f64;

    /// Predicted working memory of trial `n`.
    fn bytes(&self, _n: u64) -> f64 {
        0.0
    }

    /// End of a run of numbers that begins at `n` and whose predicted seconds and memory are those of `n`; at least
    /// `n + 1`.
    fn constant_run(&self, n: u64) -> u64;

    /// The first kept number at or after `from` and before `end` that may be within the limits. It may be outside of
    /// them all the same: this is for passing over many that are.
    fn next_fitting(&self, from: u64, end: u64, _limits: &CostLimits) -> Option<u64> {
        self.kept_run(from, end, 1).map(|run| run.start)
    }
}

impl fmt::Debug for dyn Work + Send + Sync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Work({} trials below {})", self.count(), self.end())
    }
}
