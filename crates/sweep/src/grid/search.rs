//! The first point at or after an index that passes a test, without walking over those that fail.
//!
//! A depth-first descent over the axes, slowest first. Whole blocks are left out as soon as the test fails on
//! all of them; within an axis the next digit worth a look is found by doubling steps and halving.

use super::radix::Radix;
use super::region::{Region, Test, Verdict};

/// The smallest index in `from..end` whose point passes `test`; `end` is cut to the size of the product.
pub(crate) fn first(radix: &Radix, test: &dyn Test, from: u64, end: u64) -> Option<u64> {
    let end = end.min(radix.size());
    if from >= end {
        return None;
    }
    let start = radix.digits(from);
    let mut relevant = vec![false; radix.axes()];
    for &axis in test.axes() {
        relevant[axis] = true;
    }
    let mut search = Search {
        radix,
        test,
        levels: test.axes().last().map_or(0, |axis| axis + 1),
        relevant,
        region: Region::full((0..radix.axes()).map(|axis| radix.len(axis))),
        found: start.clone(),
        start,
    };
    if !search.descend(0, true) {
        return None;
    }
    let index = radix.index(&search.found);
    (index < end).then_some(index)
}

struct Search<'a> {
    radix: &'a Radix,
    test: &'a dyn Test,
    /// Axes from here on do not matter to the test.
    levels: usize,
    relevant: Vec<bool>,
    start: Vec<u64>,
    /// Pinned on the relevant axes above the current one, full on the others.
    region: Region,
    found: Vec<u64>,
}

impl Search<'_> {
    /// Fills `found` from `axis` on with the smallest digits that pass, given those of the slower axes.
    /// `tight`: the slower digits are those of the start, so the digits from here on must not be below the
    /// start's.
    fn descend(&mut self, axis: usize, tight: bool) -> bool {
        match self.test.verdict(&self.region) {
            Verdict::Fails => return false,
            Verdict::Holds => {
                self.fill(axis, tight);
                return true;
            }
            Verdict::Depends => {}
        }
        if axis >= self.levels {
            // Nothing is left to pin, and a test is exact on a point; a test that breaks this passes nothing.
            return false;
        }
        if self.relevant[axis] {
            self.descend_relevant(axis, tight)
        } else {
            self.descend_free(axis, tight)
        }
    }

    fn fill(&mut self, axis: usize, tight: bool) {
        for later in axis..self.found.len() {
            self.found[later] = if tight { self.start[later] } else { 0 };
        }
    }

    /// All digits of this axis are alike to the test: the start's first, then the one after it with all
    /// faster axes anew.
    fn descend_free(&mut self, axis: usize, tight: bool) -> bool {
        if !tight {
            self.found[axis] = 0;
            return self.descend(axis + 1, false);
        }
        let start = self.start[axis];
        self.found[axis] = start;
        if self.descend(axis + 1, true) {
            return true;
        }
        if start + 1 >= self.radix.len(axis) {
            return false;
        }
        self.found[axis] = start + 1;
        self.descend(axis + 1, false)
    }

    fn descend_relevant(&mut self, axis: usize, tight: bool) -> bool {
        let len = self.radix.len(axis);
        let mut low = 0;
        let mut found = false;
        if tight {
            let start = self.start[axis];
            self.region.pin(axis, start);
            self.found[axis] = start;
            found = self.descend(axis + 1, true);
            low = start + 1;
        }
        while !found && low < len {
            let Some(digit) = self.next_possible(axis, low, len) else {
                break;
            };
            self.region.pin(axis, digit);
            self.found[axis] = digit;
            found = self.descend(axis + 1, false);
            low = digit + 1;
        }
        self.region.set(axis, 0..len);
        found
    }

    /// The smallest digit in `low..high` on which the test does not fail for certain. Steps double, so that a
    /// near one is found at once.
    fn next_possible(&mut self, axis: usize, low: u64, high: u64) -> Option<u64> {
        let mut low = low;
        let mut step = 1;
        while low < high {
            let upto = low.saturating_add(step).min(high);
            if let Some(digit) = self.possible_within(axis, low, upto) {
                return Some(digit);
            }
            low = upto;
            step = step.saturating_mul(2);
        }
        None
    }

    fn possible_within(&mut self, axis: usize, low: u64, high: u64) -> Option<u64> {
        self.region.set(axis, low..high);
        match self.test.verdict(&self.region) {
            Verdict::Fails => None,
            Verdict::Holds => Some(low),
            Verdict::Depends if high - low == 1 => Some(low),
            Verdict::Depends => {
                let middle = low + (high - low) / 2;
                self.possible_within(axis, low, middle)
                    .or_else(|| self.possible_within(axis, middle, high))
            }
        }
    }
}
