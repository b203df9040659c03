//! The first point at or after an index that passes some tests, by counting: for points that are rare.
//!
//! What comes after an index falls into one box an axis, in the order of the indices. The first box that has a
//! point is halved along one axis after the other. That takes a count for each halving, however many points fail.

use super::count::count;
use super::radix::Radix;
use super::region::{Region, Test, Wanted};
use super::work::{Meter, Spent};

/// As [`super::search::first`].
///
/// # Errors
/// [`Spent`].
pub(super) fn first(
    radix: &Radix,
    tests: &[&dyn Test],
    wanted: Wanted,
    (from, end): (u64, u64),
    meter: &Meter<'_>,
) -> Result<Option<u64>, Spent> {
    let end = end.min(radix.size());
    if from >= end {
        return Ok(None);
    }
    let search = Guided {
        radix,
        tests,
        wanted,
        meter,
    };
    let start = radix.digits(from);
    let mut region = Region::point(&start);
    // The point itself, then what differs from it first at the fastest axis, at the one before, ...
    if search.has_some(&region)? {
        return Ok(Some(from));
    }
    for axis in (0..radix.axes()).rev() {
        let len = radix.len(axis);
        if start[axis] + 1 < len {
            region.set(axis, start[axis] + 1..len);
            if radix.index(&region.corner()) >= end {
                return Ok(None);
            }
            if search.has_some(&region)? {
                let index = search.first_within(region)?;
                return Ok((index < end).then_some(index));
            }
        }
        region.set(axis, 0..len);
    }
    Ok(None)
}

struct Guided<'a> {
    radix: &'a Radix,
    tests: &'a [&'a dyn Test],
    wanted: Wanted,
    meter: &'a Meter<'a>,
}

impl Guided<'_> {
    fn has_some(&self, region: &Region) -> Result<bool, Spent> {
        let axes = self.radix.axes();
        let passing = count(region, axes, self.tests, self.meter)?;
        Ok(match self.wanted {
            Wanted::Passing => passing > 0,
            Wanted::Failing => {
                let all: Vec<usize> = (0..axes).collect();
                passing < region.points(&all)
            }
        })
    }

    /// The smallest index that is wanted in a region that has one.
    fn first_within(&self, mut region: Region) -> Result<u64, Spent> {
        for axis in 0..self.radix.axes() {
            while region.width(axis) > 1 {
                let range = region.range(axis);
                let middle = range.start + (range.end - range.start) / 2;
                region.set(axis, range.start..middle);
                if !self.has_some(&region)? {
                    region.set(axis, middle..range.end);
                }
            }
        }
        Ok(self.radix.index(&region.corner()))
    }
}
