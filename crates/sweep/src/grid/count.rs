//! How many points pass a set of tests, without visiting them.
//!
//! A box on which every test is settled counts at once. Otherwise its axes fall into groups that no open test
//! connects, whose counts multiply. A group whose tests are functions of sums of its axes is counted over the
//! values of the sums (`sums`); any other is split along the axis that settles most. Axes that no test names are
//! never looked at.

use super::radix::Radix;
use super::region::{Region, Test, Verdict};
use super::sums;
use super::work::{Meter, Spent};

/// Groups with no more points than this are counted point by point: cheaper there than asking about their
/// halves.
const SMALL: u64 = 32;

/// Axes with no more values than this are split first: they are switches (a kind, a depth) that settle other
/// keys.
const SWITCH: u64 = 16;

/// Number of points of `region` that pass all `tests`.
///
/// # Errors
/// [`Spent`] where that takes more work than the meter allows.
pub(crate) fn count(
    region: &Region,
    axes: usize,
    tests: &[&dyn Test],
    meter: &Meter<'_>,
) -> Result<u64, Spent> {
    let all: Vec<usize> = (0..axes).collect();
    count_group(&mut region.clone(), &all, tests, meter)
}

/// Number of points of the product that pass all `tests`.
///
/// # Errors
/// As [`count`].
pub(crate) fn count_all(
    radix: &Radix,
    tests: &[&dyn Test],
    meter: &Meter<'_>,
) -> Result<u64, Spent> {
    let region = Region::full((0..radix.axes()).map(|axis| radix.len(axis)));
    count(&region, radix.axes(), tests, meter)
}

/// Points of the region's projection on `axes` that pass; what the tests need of other axes is pinned.
fn count_group(
    region: &mut Region,
    axes: &[usize],
    tests: &[&dyn Test],
    meter: &Meter<'_>,
) -> Result<u64, Spent> {
    let mut open: Vec<&dyn Test> = Vec::with_capacity(tests.len());
    for &test in tests {
        match meter.ask(test, region)? {
            Verdict::Holds => {}
            Verdict::Fails => return Ok(0),
            Verdict::Depends => open.push(test),
        }
    }
    let mut total = 1;
    for group in groups(region, axes, &open) {
        let points: u64 = if group.tests.is_empty() {
            group.axes.iter().map(|&axis| region.width(axis)).product()
        } else {
            split(region, &group, meter)?
        };
        if points == 0 {
            return Ok(0);
        }
        total *= points;
    }
    Ok(total)
}

struct Group<'a> {
    axes: Vec<usize>,
    tests: Vec<&'a dyn Test>,
}

/// Sets of axes that no open test connects. Pinned axes connect nothing and are left out: their factor is
/// one.
fn groups<'a>(region: &Region, axes: &[usize], open: &[&'a dyn Test]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = axes
        .iter()
        .filter(|&&axis| region.width(axis) > 1)
        .map(|&axis| Group {
            axes: vec![axis],
            tests: Vec::new(),
        })
        .collect();
    for &test in open {
        let mut joined = Group {
            axes: Vec::new(),
            tests: vec![test],
        };
        let mut apart = Vec::with_capacity(groups.len());
        for group in groups {
            if group.axes.iter().any(|axis| test.axes().contains(axis)) {
                joined.axes.extend(group.axes);
                joined.tests.extend(group.tests);
            } else {
                apart.push(group);
            }
        }
        apart.push(joined);
        groups = apart;
    }
    groups
}

/// Counts a group with open tests: point by point if small, over sums where its tests have some, else as two
/// halves along one axis.
fn split(region: &mut Region, group: &Group<'_>, meter: &Meter<'_>) -> Result<u64, Spent> {
    let points = group
        .axes
        .iter()
        .try_fold(1u64, |points, &axis| points.checked_mul(region.width(axis)));
    if points.is_some_and(|points| points <= SMALL) {
        return count_points(region, &group.axes, &group.tests, meter);
    }
    if let ([axis], [test]) = (group.axes.as_slice(), group.tests.as_slice())
        && let Some(known) = test.count_along(region, *axis)
    {
        return Ok(known);
    }
    if let Some(known) = sums::count(region, &group.axes, &group.tests, meter)? {
        return Ok(known);
    }
    let Some(axis) = axis_to_split(region, group) else {
        return Ok(0);
    };
    let range = region.range(axis);
    let middle = range.start + (range.end - range.start) / 2;
    region.set(axis, range.start..middle);
    let lower = count_group(region, &group.axes, &group.tests, meter)?;
    region.set(axis, middle..range.end);
    let upper = count_group(region, &group.axes, &group.tests, meter)?;
    region.set(axis, range);
    Ok(lower + upper)
}

/// Switches before long axes, then the axis that most tests name, then the longest.
fn axis_to_split(region: &Region, group: &Group<'_>) -> Option<usize> {
    group
        .axes
        .iter()
        .copied()
        .filter(|&axis| region.width(axis) > 1)
        .max_by_key(|&axis| {
            let width = region.width(axis);
            let named = group
                .tests
                .iter()
                .filter(|test| test.axes().contains(&axis))
                .count();
            (width <= SWITCH && named > 0, named, width)
        })
}

fn count_points(
    region: &mut Region,
    axes: &[usize],
    tests: &[&dyn Test],
    meter: &Meter<'_>,
) -> Result<u64, Spent> {
    let Some((&axis, rest)) = axes.split_first() else {
        for &test in tests {
            if meter.ask(test, region)? != Verdict::Holds {
                return Ok(0);
            }
        }
        return Ok(1);
    };
    let range = region.range(axis);
    let mut total = 0;
    for digit in range.clone() {
        region.pin(axis, digit);
        total += count_points(region, rest, tests, meter)?;
    }
    region.set(axis, range);
    Ok(total)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::guided;
    use super::super::region::Wanted;
    use super::super::search::first;
    use super::super::work::{MAX_WORK, keep_on};
    use super::*;

    /// A test for tests: holds where a weighted sum of digits is below a bound, or has a remainder.
    #[derive(Debug)]
    struct Total {
        axes: Vec<usize>,
        weights: Vec<u64>,
        below: u64,
        modulo: Option<u64>,
    }

    impl Test for Total {
        fn axes(&self) -> &[usize] {
            &self.axes
        }

        fn verdict(&self, region: &Region) -> Verdict {
            let (mut low, mut high) = (0, 0);
            for (&axis, weight) in self.axes.iter().zip(&self.weights) {
                let range = region.range(axis);
                low += weight * range.start;
                high += weight * (range.end - 1);
            }
            match self.modulo {
                Some(modulo) if low == high => Verdict::of(low % modulo == 0),
                Some(_) => Verdict::Depends,
                None if high < self.below => Verdict::Holds,
                None if low >= self.below => Verdict::Fails,
                None => Verdict::Depends,
            }
        }
    }

    fn passes(radix: &Radix, tests: &[Total], index: u64) -> bool {
        let region = Region::point(&radix.digits(index));
        tests
            .iter()
            .all(|test| test.verdict(&region) == Verdict::Holds)
    }

    fn sum(axes: usize) -> impl Strategy<Value = Total> {
        (
            proptest::collection::vec(0u64..4, axes),
            1u64..12,
            proptest::option::of(2u64..4),
        )
            .prop_map(|(weights, below, modulo)| {
                let axes: Vec<usize> = (0..weights.len()).filter(|&a| weights[a] > 0).collect();
                let weights = weights.into_iter().filter(|&w| w > 0).collect();
                Total {
                    axes,
                    weights,
                    below,
                    modulo,
                }
            })
    }

    fn grid() -> impl Strategy<Value = (Vec<u64>, Vec<Total>)> {
        proptest::collection::vec(1u64..6, 0..5).prop_flat_map(|lens| {
            let axes = lens.len();
            (Just(lens), proptest::collection::vec(sum(axes), 0..4))
        })
    }

    proptest! {
        #[test]
        fn counting_and_searching_agree_with_walking((lens, tests) in grid()) {
            let radix = Radix::new(lens).expect("small");
            let parts: Vec<&dyn Test> = tests.iter().map(|t| t as &dyn Test).collect();
            let walked: Vec<u64> =
                (0..radix.size()).filter(|&i| passes(&radix, &tests, i)).collect();
            let meter = Meter::new(MAX_WORK, &keep_on);
            prop_assert_eq!(count_all(&radix, &parts, &meter), Ok(walked.len() as u64));
            for from in 0..radix.size() {
                let next = walked.iter().copied().find(|&i| i >= from);
                let gap = (from..radix.size()).find(|i| walked.binary_search(i).is_err());
                for end in [from + 3, u64::MAX] {
                    for (wanted, found) in [(Wanted::Passing, next), (Wanted::Failing, gap)] {
                        let found = Ok(found.filter(|&found| found < end));
                        let range = (from, end);
                        prop_assert_eq!(first(&radix, &parts, wanted, range, &meter), found);
                        let by_counts = guided::first(&radix, &parts, wanted, range, &meter);
                        prop_assert_eq!(by_counts, found);
                    }
                }
            }
        }
    }

    #[test]
    fn a_billion_points_are_counted_by_their_edges() {
        let radix = Radix::new(vec![1_000_000_000, 1000, 1000]).expect("fits");
        let tests = [
            Total {
                axes: vec![0],
                weights: vec![1],
                below: 5,
                modulo: None,
            },
            Total {
                axes: vec![1, 2],
                weights: vec![1, 1],
                below: 1000,
                modulo: None,
            },
        ];
        let parts: Vec<&dyn Test> = tests.iter().map(|t| t as &dyn Test).collect();
        let meter = Meter::new(MAX_WORK, &keep_on);
        assert_eq!(count_all(&radix, &parts, &meter), Ok(5 * 500_500));
        for search in [first, guided::first] {
            let next = |from| search(&radix, &parts, Wanted::Passing, (from, u64::MAX), &meter);
            assert_eq!(next(5_000_000), Ok(None));
            assert_eq!(next(999_001), Ok(Some(1_000_000)));
        }
    }
}
