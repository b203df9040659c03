//! Boxes of digits and three-valued tests over them: the common ground of skipping and counting.
//!
//! A test (a part of `where`, an `exclude`, whether a point is the canonical one, whether an older grid holds
//! it) answers for a whole box at once: it holds everywhere, it fails everywhere, or that depends. `search`
//! and `count` work on answers alone, so that a grid of 10^9 points costs as many answers as its tests have
//! edges.

use std::ops::Range;

use super::summed::Summed;
use crate::logic::Truth;

/// What a test says of all points of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Holds,
    Fails,
    /// Or not known; never said of a region of a single point.
    Depends,
}

impl Verdict {
    pub(crate) fn of(holds: bool) -> Verdict {
        if holds {
            Verdict::Holds
        } else {
            Verdict::Fails
        }
    }
}

impl Truth for Verdict {
    fn of(known: bool) -> Verdict {
        Verdict::of(known)
    }

    fn known(self) -> Option<bool> {
        match self {
            Verdict::Holds => Some(true),
            Verdict::Fails => Some(false),
            Verdict::Depends => None,
        }
    }
}

/// Points that are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Those that pass all tests.
    Passing,
    /// The others.
    Failing,
}

/// A half-open range of digits an axis, none empty.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    ranges: Vec<Range<u64>>,
}

impl Region {
    /// All digits of axes of these lengths.
    pub(crate) fn full(lens: impl Iterator<Item = u64>) -> Region {
        Region {
            ranges: lens.map(|len| 0..len).collect(),
        }
    }

    /// The single point of these digits.
    pub(crate) fn point(digits: &[u64]) -> Region {
        Region {
            ranges: digits.iter().map(|&digit| digit..digit + 1).collect(),
        }
    }

    pub(crate) fn range(&self, axis: usize) -> Range<u64> {
        self.ranges[axis].clone()
    }

    pub(crate) fn width(&self, axis: usize) -> u64 {
        let range = &self.ranges[axis];
        range.end - range.start
    }

    /// The digit of `axis` where the region has only one.
    pub(crate) fn pinned(&self, axis: usize) -> Option<u64> {
        (self.width(axis) == 1).then(|| self.ranges[axis].start)
    }

    pub(crate) fn set(&mut self, axis: usize, range: Range<u64>) {
        debug_assert!(range.start < range.end);
        self.ranges[axis] = range;
    }

    pub(crate) fn pin(&mut self, axis: usize, digit: u64) {
        self.ranges[axis] = digit..digit + 1;
    }

    /// The smallest digit of every axis: one point of the region.
    pub(crate) fn corner(&self) -> Vec<u64> {
        self.ranges.iter().map(|range| range.start).collect()
    }

    /// How many combinations of digits `axes` have; `u64::MAX` for more than that.
    pub(crate) fn points(&self, axes: &[usize]) -> u64 {
        axes.iter()
            .fold(1, |points, &axis| points.saturating_mul(self.width(axis)))
    }

    pub(crate) fn is_pinned(&self, axes: &[usize]) -> bool {
        axes.iter().all(|&axis| self.width(axis) == 1)
    }

    /// Calls `visit` with the digits of every combination of `axes`, the other axes at their smallest digit,
    /// as long as it returns true.
    pub(crate) fn each(&self, axes: &[usize], visit: &mut dyn FnMut(&[u64]) -> bool) {
        let mut digits = self.corner();
        while visit(&digits) {
            // Counts up by one, the last axis fastest; done when all have turned over.
            let turned = axes.iter().rev().all(|&axis| {
                let range = &self.ranges[axis];
                digits[axis] += 1;
                let over = digits[axis] == range.end;
                if over {
                    digits[axis] = range.start;
                }
                over
            });
            if turned {
                return;
            }
        }
    }
}

/// A property of points that depends on the digits of some axes alone.
pub(crate) trait Test: Send + Sync {
    /// The axes it depends on, ascending (the slowest first).
    fn axes(&self) -> &[usize];

    /// Exact wherever all its axes are pinned.
    fn verdict(&self, region: &Region) -> Verdict;

    /// At how many digits of `axis` within the region it holds, all its other axes being pinned; where it
    /// knows without trying them.
    fn count_along(&self, _region: &Region, _axis: usize) -> Option<u64> {
        None
    }

    /// The test as a function of sums of its axes over the region, where it is one.
    fn sums(&self, _region: &Region) -> Option<Summed<'_>> {
        None
    }

    /// Questions that one verdict counts as.
    fn weight(&self) -> u64 {
        1
    }
}

/// Holds where all of its parts do.
pub(crate) struct All<'a> {
    parts: Vec<&'a dyn Test>,
    axes: Vec<usize>,
}

impl<'a> All<'a> {
    pub(crate) fn new(parts: Vec<&'a dyn Test>) -> All<'a> {
        let axes = union(parts.iter().map(|part| part.axes()));
        All { parts, axes }
    }
}

impl Test for All<'_> {
    fn axes(&self) -> &[usize] {
        &self.axes
    }

    fn verdict(&self, region: &Region) -> Verdict {
        Truth::all(self.parts.iter().map(|part| part.verdict(region)))
    }
}

/// Holds at the points with these digits of these axes.
pub(crate) struct Pinned<'a> {
    pub(crate) axes: &'a [usize],
    /// One an axis of the product; those of other axes do not matter.
    pub(crate) digits: &'a [u64],
}

impl Test for Pinned<'_> {
    fn axes(&self) -> &[usize] {
        self.axes
    }

    fn verdict(&self, region: &Region) -> Verdict {
        let mut all = Verdict::Holds;
        for &axis in self.axes {
            if !region.range(axis).contains(&self.digits[axis]) {
                return Verdict::Fails;
            }
            if region.width(axis) > 1 {
                all = Verdict::Depends;
            }
        }
        all
    }
}

/// Holds where the other fails.
pub(crate) struct Not<'a>(pub(crate) &'a dyn Test);

impl Test for Not<'_> {
    fn axes(&self) -> &[usize] {
        self.0.axes()
    }

    fn verdict(&self, region: &Region) -> Verdict {
        self.0.verdict(region).opposite()
    }
}

/// The sorted union of lists of axes.
pub(crate) fn union<'a>(lists: impl Iterator<Item = &'a [usize]>) -> Vec<usize> {
    let mut axes: Vec<usize> = lists.flatten().copied().collect();
    axes.sort_unstable();
    axes.dedup();
    axes
}
