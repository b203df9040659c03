//! The first point at or after an index that passes a test, without walking over those that fail.
//!
//! A depth-first descent over the axes, slowest first. Whole blocks are left out as soon as the test fails on
//! all of them; within an axis the next digit worth a look is found by doubling steps and halving. Where points
//! that pass are too rare for that, the search goes by counts (`guided`).

use super::guided;
use super::radix::Radix;
use super::region::{All, Not, Region, Test, Verdict, Wanted};
use super::work::{Meter, Spent, keep_on};

/// Questions of a search before it goes by counts: a dozen milliseconds.
const PLAIN_WORK: u64 = 10_000;

/// The smallest index in `from..end` whose point is one of those that are wanted; `end` is cut to the size of the
/// product.
///
/// # Errors
/// [`Spent`] where that takes more work than the meter allows.
pub(crate) fn first(
    radix: &Radix,
    tests: &[&dyn Test],
    wanted: Wanted,
    (from, end): (u64, u64),
    meter: &Meter<'_>,
) -> Result<Option<u64>, Spent> {
    let all = All::new(tests.to_vec());
    let not = Not(&all);
    let test: &dyn Test = match wanted {
        Wanted::Passing => &all,
        Wanted::Failing => &not,
    };
    let plain = meter.part(PLAIN_WORK);
    match descend(radix, test, (from, end), &plain) {
        Err(Spent::Work) => {
            meter.spend(PLAIN_WORK)?;
            guided::first(radix, tests, wanted, (from, end), meter)
        }
        answer => answer,
    }
}

/// As [`first`], however long it takes: of a grid whose points have been counted.
pub(crate) fn first_of_counted(
    radix: &Radix,
    tests: &[&dyn Test],
    wanted: Wanted,
    range: (u64, u64),
) -> Option<u64> {
    // A meter that large is never used up, and nobody stops it.
    let meter = Meter::new(u64::MAX, &keep_on);
    first(radix, tests, wanted, range, &meter).unwrap_or(None)
}

/// The smallest index in `from..end` whose point passes `test`.
fn descend(
    radix: &Radix,
    test: &dyn Test,
    (from, end): (u64, u64),
    meter: &Meter<'_>,
) -> Result<Option<u64>, Spent> {
    let end = end.min(radix.size());
    if from >= end {
        return Ok(None);
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
        meter,
    };
    if !search.descend(0, true)? {
        return Ok(None);
    }
    let index = radix.index(&search.found);
    Ok((index < end).then_some(index))
}

struct Search<'a> {
    radix: &'a Radix,
    test: &'a dyn Test,
    meter: &'a Meter<'a>,
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
    fn descend(&mut self, axis: usize, tight: bool) -> Result<bool, Spent> {
        match self.meter.ask(self.test, &self.region)? {
            Verdict::Fails => return Ok(false),
            Verdict::Holds => {
                self.fill(axis, tight);
                return Ok(true);
            }
            Verdict::Depends => {}
        }
        if axis >= self.levels {
            // Nothing is left to pin, and a test is exact on a point; a test that breaks this passes nothing.
            return Ok(false);
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
    fn descend_free(&mut self, axis: usize, tight: bool) -> Result<bool, Spent> {
        if !tight {
            self.found[axis] = 0;
            return self.descend(axis + 1, false);
        }
        let start = self.start[axis];
        self.found[axis] = start;
        if self.descend(axis + 1, true)? {
            return Ok(true);
        }
        if start + 1 >= self.radix.len(axis) {
            return Ok(false);
        }
        self.found[axis] = start + 1;
        self.descend(axis + 1, false)
    }

    fn descend_relevant(&mut self, axis: usize, tight: bool) -> Result<bool, Spent> {
        let len = self.radix.len(axis);
        let mut low = 0;
        let mut found = false;
        if tight {
            let start = self.start[axis];
            self.region.pin(axis, start);
            self.found[axis] = start;
            found = self.descend(axis + 1, true)?;
            low = start + 1;
        }
        while !found && low < len {
            let Some(digit) = self.next_possible(axis, low, len)? else {
                break;
            };
            self.region.pin(axis, digit);
            self.found[axis] = digit;
            found = self.descend(axis + 1, false)?;
            low = digit + 1;
        }
        self.region.set(axis, 0..len);
        Ok(found)
    }

    /// The smallest digit in `low..high` on which the test does not fail for certain. Steps double, so that a
    /// near one is found at once.
    fn next_possible(&mut self, axis: usize, low: u64, high: u64) -> Result<Option<u64>, Spent> {
        let mut low = low;
        let mut step = 1;
        while low < high {
            let upto = low.saturating_add(step).min(high);
            if let Some(digit) = self.possible_within(axis, low, upto)? {
                return Ok(Some(digit));
            }
            low = upto;
            step = step.saturating_mul(2);
        }
        Ok(None)
    }

    fn possible_within(&mut self, axis: usize, low: u64, high: u64) -> Result<Option<u64>, Spent> {
        self.region.set(axis, low..high);
        match self.meter.ask(self.test, &self.region)? {
            Verdict::Fails => Ok(None),
            Verdict::Holds => Ok(Some(low)),
            Verdict::Depends if high - low == 1 => Ok(Some(low)),
            Verdict::Depends => {
                let middle = low + (high - low) / 2;
                match self.possible_within(axis, low, middle)? {
                    Some(digit) => Ok(Some(digit)),
                    None => self.possible_within(axis, middle, high),
                }
            }
        }
    }
}
