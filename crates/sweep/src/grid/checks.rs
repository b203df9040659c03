//! Whether every point of a grid makes a trial, without visiting the points.
//!
//! Each check of a point is put once to every combination of the axes that it depends on. A combination that
//! fails is a mistake only if some point that is kept has it: what a filter leaves out may be as wrong as it
//! likes.

use super::cached::Cached;
use super::layout::{Layout, Written};
use super::refusal;
use super::region::{All, Pinned, Region, Test, Verdict, Wanted, union};
use super::search::first;
use super::work::{Meter, Spent};
use crate::error::SweepError;
use crate::keys::{Id, keys};
use crate::point::{Check, Fault, ids};

/// Combinations that one check looks at: a fraction of a second. Beyond it only the corners are looked at,
/// and the rest is found at the trials.
const MAX_COMBINATIONS: u64 = 100_000;

/// Axes whose ends make the corners: 2^10 of them.
const MAX_CORNER_AXES: usize = 10;

/// # Errors
/// The first check that fails at a point that is kept, pointing at the value that it is about; more work than the
/// meter allows.
pub(super) fn run<'a>(
    checks: impl Iterator<Item = &'a Check>,
    layout: &Layout,
    kept: &[Cached],
    meter: &Meter<'_>,
) -> Result<(), SweepError> {
    for check in checks {
        if check.only.eval(&layout.spec) == Some(false) {
            continue;
        }
        let axes = union(ids(check.reads).map(|id| layout.reach(id)));
        run_one(layout, kept, check, &axes, meter)?;
    }
    Ok(())
}

fn run_one(
    layout: &Layout,
    kept: &[Cached],
    check: &Check,
    axes: &[usize],
    meter: &Meter<'_>,
) -> Result<(), SweepError> {
    let mut slots = Vec::new();
    let mut result = Ok(());
    each_combination(layout, axes, MAX_COMBINATIONS, &mut |digits| {
        layout.slots_into(digits, &mut slots);
        let lookup = crate::keys::Lookup::new(&slots);
        if let Err(fault) = (check.test)(&lookup, &layout.arrays) {
            result = match kept_point(layout, kept, (axes, digits), meter) {
                Ok(Some(digits)) => Err(placed(layout, fault, &digits)),
                Ok(None) => Ok(()),
                Err(spent) => Err(refusal::error(layout, spent)),
            };
        }
        result.is_ok()
    });
    result
}

/// Visits every combination of these axes, or their corners where there are more than `limit`, until `visit`
/// says no. Returns whether every combination was to be visited.
pub(super) fn each_combination(
    layout: &Layout,
    axes: &[usize],
    limit: u64,
    visit: &mut dyn FnMut(&[u64]) -> bool,
) -> bool {
    let all = Region::full((0..layout.radix.axes()).map(|axis| layout.radix.len(axis)));
    let exact = all.points(axes) <= limit;
    if exact {
        all.each(axes, visit);
    } else {
        each_corner(layout, axes, visit);
    }
    exact
}

/// Visits the combinations of first and last digits.
fn each_corner(layout: &Layout, axes: &[usize], visit: &mut dyn FnMut(&[u64]) -> bool) {
    let long: Vec<usize> = axes
        .iter()
        .copied()
        .filter(|&axis| layout.radix.len(axis) > 1)
        .take(MAX_CORNER_AXES)
        .collect();
    let mut digits = vec![0; layout.radix.axes()];
    for corner in 0..1_u32 << long.len() {
        for (bit, &axis) in long.iter().enumerate() {
            let at_end = (corner >> bit) & 1 == 1;
            digits[axis] = if at_end {
                layout.radix.len(axis) - 1
            } else {
                0
            };
        }
        if !visit(&digits) {
            return;
        }
    }
}

/// The digits of the first kept point with these digits of `axes`.
pub(super) fn kept_point(
    layout: &Layout,
    kept: &[Cached],
    (axes, digits): (&[usize], &[u64]),
    meter: &Meter<'_>,
) -> Result<Option<Vec<u64>>, Spent> {
    let pinned = Pinned { axes, digits };
    let mut parts: Vec<&dyn Test> = vec![&pinned];
    parts.extend(kept.iter().map(|test| test as &dyn Test));
    let mut region = Region::full((0..layout.radix.axes()).map(|axis| layout.radix.len(axis)));
    for &axis in axes {
        region.pin(axis, digits[axis]);
    }
    if meter.ask(&All::new(parts.clone()), &region)? == Verdict::Fails {
        return Ok(None);
    }
    let index = first(&layout.radix, &parts, Wanted::Passing, (0, u64::MAX), meter)?;
    Ok(index.map(|index| layout.radix.digits(index)))
}

/// The fault at the first of its keys that is written: at its value of the point, where it is swept.
fn placed(layout: &Layout, fault: Fault, digits: &[u64]) -> SweepError {
    let source = &layout.spec.source;
    let found = fault.about.iter().find_map(|&id| {
        let name = keys()[id as usize].name;
        match layout.written(id) {
            Written::Axis { axis, .. } => {
                let place = source.value_place(name, digits[*axis])?;
                Some((place, Some(format!("in axis `{name}`"))))
            }
            Written::Fixed(_) => Some((source.place(name)?, None)),
            Written::Nothing => leaf_place(layout, id).map(|place| (place, None)),
        }
    });
    let (place, label) = found.map_or((None, None), |(place, label)| (Some(place), label));
    fault.placed(place, label)
}

/// Where a table is given a value through one of its leaves.
fn leaf_place(layout: &Layout, id: Id) -> Option<crate::error::Place> {
    let leaves = keys()[id as usize].leaves();
    leaves
        .iter()
        .find_map(|leaf| layout.spec.source.place(leaf.name))
}
