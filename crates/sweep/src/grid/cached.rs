//! A test that remembers its answers on single points.

use std::sync::atomic::{AtomicU8, Ordering};

use super::radix::Radix;
use super::region::{Region, Test, Verdict};
use super::summed::Summed;

/// Answers kept a test, a byte each. A test over more combinations than this is asked anew every time.
const MAX_ANSWERS: u64 = 1 << 18;

const UNKNOWN: u8 = 0;
const HOLDS: u8 = 1;
const FAILS: u8 = 2;

/// A test with a table of answers, one a combination of the digits of its axes. Filled in as points are asked
/// for; who fills it does not matter, since every thread comes to the same answer.
pub(crate) struct Cached {
    test: Box<dyn Test>,
    /// Of the test's axes in the table.
    strides: Vec<u64>,
    answers: Vec<AtomicU8>,
}

impl Cached {
    pub(crate) fn new(test: Box<dyn Test>, radix: &Radix) -> Cached {
        let lens = test.axes().iter().map(|&axis| radix.len(axis)).collect();
        let own = Radix::new(lens).filter(|own| own.size() <= MAX_ANSWERS);
        let size = own.as_ref().map_or(0, Radix::size);
        Cached {
            strides: (0..test.axes().len())
                .map(|at| own.as_ref().map_or(0, |own| own.stride(at)))
                .collect(),
            answers: (0..size).map(|_| AtomicU8::new(UNKNOWN)).collect(),
            test,
        }
    }

    /// Whether the test holds at the point of `index`.
    pub(crate) fn holds_at(&self, radix: &Radix, index: u64) -> bool {
        let region = || Region::point(&radix.digits(index));
        if self.answers.is_empty() {
            return self.test.verdict(&region()) == Verdict::Holds;
        }
        self.answer(&|axis| radix.digit(index, axis), &region)
    }

    fn answer(&self, digit: &dyn Fn(usize) -> u64, region: &dyn Fn() -> Region) -> bool {
        let pairs = self.test.axes().iter().zip(&self.strides);
        let number: u64 = pairs.map(|(&axis, stride)| digit(axis) * stride).sum();
        let answer = &self.answers[number as usize];
        match answer.load(Ordering::Relaxed) {
            UNKNOWN => {
                let holds = self.test.verdict(&region()) == Verdict::Holds;
                answer.store(if holds { HOLDS } else { FAILS }, Ordering::Relaxed);
                holds
            }
            answer => answer == HOLDS,
        }
    }
}

impl Test for Cached {
    fn axes(&self) -> &[usize] {
        self.test.axes()
    }

    fn verdict(&self, region: &Region) -> Verdict {
        if self.answers.is_empty() || !region.is_pinned(self.test.axes()) {
            return self.test.verdict(region);
        }
        let holds = self.answer(&|axis| region.range(axis).start, &|| region.clone());
        Verdict::of(holds)
    }

    fn count_along(&self, region: &Region, axis: usize) -> Option<u64> {
        self.test.count_along(region, axis)
    }

    fn sums(&self, region: &Region) -> Option<Summed<'_>> {
        self.test.sums(region)
    }

    fn weight(&self) -> u64 {
        self.test.weight()
    }
}
