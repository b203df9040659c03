//! Sweeps by formula: which numbers are kept, and what they cost, repeat.

use std::ops::Range;

use scheduler::Work;
use sweep::IntervalSet;

/// Of every `period` blocks of numbers the first `kept` are kept; the predicted cost steps through `levels` multiples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pattern {
    pub(crate) end: u64,
    pub(crate) block: u64,
    pub(crate) period: u64,
    pub(crate) kept: u64,
    /// Predicted seconds of the cheapest trial.
    pub(crate) seconds: f64,
    pub(crate) cost_block: u64,
    pub(crate) levels: u64,
    /// Predicted memory of the cheapest trial, and so many times that of the others.
    pub(crate) bytes: f64,
}

impl Pattern {
    /// `count` numbers, all kept, of one cost.
    pub(crate) fn plain(count: u64, seconds: f64) -> Pattern {
        Pattern {
            end: count,
            block: 1,
            period: 1,
            kept: 1,
            seconds,
            cost_block: u64::MAX / 2,
            levels: 1,
            bytes: 0.0,
        }
    }

    fn cycle(&self) -> u64 {
        self.block * self.period
    }

    /// Whether all of `range` is kept.
    pub(crate) fn keeps(&self, range: Range<u64>) -> bool {
        let mut from = range.start;
        while from < range.end {
            match self.kept_run(from, range.end, range.end - from) {
                Some(run) if run.start == from => from = run.end,
                _ => return false,
            }
        }
        true
    }

    /// Predicted memory of the largest of `numbers`.
    pub(crate) fn largest(&self, numbers: &IntervalSet) -> f64 {
        let all = numbers.runs().flatten();
        all.map(|n| self.bytes(n)).fold(0.0, f64::max)
    }

    /// Predicted seconds of all of `numbers`, and of the longest.
    pub(crate) fn cost(&self, numbers: &IntervalSet) -> (f64, f64) {
        let mut total = 0.0;
        let mut longest: f64 = 0.0;
        for run in numbers.runs() {
            let mut from = run.start;
            while from < run.end {
                let end = self.constant_run(from).min(run.end);
                let each = self.seconds(from);
                total += each * (end - from) as f64;
                longest = longest.max(each);
                from = end;
            }
        }
        (total, longest)
    }
}

impl Work for Pattern {
    fn end(&self) -> u64 {
        self.end
    }

    fn kept_run(&self, from: u64, end: u64, max_len: u64) -> Option<Range<u64>> {
        let end = end.min(self.end);
        let most = |start: u64| start.saturating_add(max_len);
        if self.kept == self.period {
            return (from < end).then(|| from..end.min(most(from)));
        }
        let cycle = self.cycle();
        let kept = self.kept * self.block;
        let mut start = from;
        if start % cycle >= kept {
            start = (start / cycle + 1) * cycle;
        }
        let stop = start / cycle * cycle + kept;
        (start < end && start < stop).then(|| start..stop.min(end).min(most(start)))
    }

    fn count(&self) -> u64 {
        let kept = self.kept * self.block;
        self.end / self.cycle() * kept + (self.end % self.cycle()).min(kept)
    }

    fn seconds(&self, n: u64) -> f64 {
        self.seconds * (1 + n / self.cost_block % self.levels) as f64
    }

    fn bytes(&self, n: u64) -> f64 {
        self.bytes * (1 + n / self.cost_block % self.levels) as f64
    }

    fn constant_run(&self, n: u64) -> u64 {
        (n / self.cost_block + 1).saturating_mul(self.cost_block)
    }
}
