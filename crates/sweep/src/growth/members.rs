//! Whether an older grid's product has a point of a newer one: tests over boxes of the newer grid, one for
//! each group of keys that the older grid ties together.
//!
//! Equal points settle to equal values, key by key in the order of the registry. So a point is in the older
//! product exactly when, for every group, the values that it has are those of some digits of the older axes
//! of that group, given its values of the keys before. Groups that both grids write alike need no test.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::digits::{DigitSet, shared_axis, shared_column};
use crate::grid::{Layout, Region, Test, Verdict, Written, filter_tests, find_plain, is_plain};
use crate::keys::{Id, Key, Lookup, keys, reads, settle};
use crate::value::Value;
use crate::values::Values;

/// Tests that hold together, at a kept point of `new`, exactly where `old` holds the point in its product and
/// keeps it.
pub(super) fn tests(old: &Arc<Layout>, new: &Arc<Layout>) -> Vec<Box<dyn Test>> {
    let mut tests: Vec<Box<dyn Test>> = Vec::new();
    for ids in groups(old) {
        if !ids.iter().all(|&id| is_alike(old, new, id)) {
            tests.push(Box::new(Member::new(ids, old, new)));
        }
    }
    // A filter that both share is among the new grid's own tests.
    let (ours, theirs) = (&new.spec.filter, &old.spec.filter);
    if ours.condition != theirs.condition || ours.exclude != theirs.exclude {
        tests.extend(filter_tests(theirs, new));
    }
    tests
}

/// The table that a key is a leaf of, or the key itself.
fn whole(key: &Key) -> Id {
    key.parent.unwrap_or(key.id)
}

/// Keys that are no leaves, those together that an axis of `layout` moves together.
fn groups(layout: &Layout) -> Vec<Vec<Id>> {
    let mut groups: Vec<BTreeSet<Id>> = keys()
        .iter()
        .filter(|key| key.parent.is_none())
        .map(|key| BTreeSet::from([key.id]))
        .collect();
    for axis in &layout.spec.axes {
        let tied: BTreeSet<Id> = axis.keys.iter().map(|key| whole(key)).collect();
        let (together, mut apart): (Vec<_>, Vec<_>) = groups
            .into_iter()
            .partition(|group| !group.is_disjoint(&tied));
        apart.push(together.into_iter().flatten().collect());
        groups = apart;
    }
    groups
        .into_iter()
        .map(|group| group.into_iter().collect())
        .collect()
}

/// A key and the leaves of its table.
fn with_leaves(id: Id) -> impl Iterator<Item = &'static Key> {
    let key = &keys()[id as usize];
    std::iter::once(key).chain(key.leaves())
}

/// Both grids give the key, and the leaves of its table, the same values in the same way.
fn is_alike(old: &Layout, new: &Layout, id: Id) -> bool {
    with_leaves(id).all(|key| match (old.written(key.id), new.written(key.id)) {
        (Written::Nothing, Written::Nothing) => true,
        (Written::Fixed(before), Written::Fixed(after)) => {
            before == after && old.with_hash(before) == new.with_hash(after)
        }
        (Written::Axis { axis: before, .. }, Written::Axis { axis: after, .. }) => {
            let (before, after) = (&old.spec.axes[*before], &new.spec.axes[*after]);
            before == after
                && before.values.iter().all(|values| {
                    let list = values.listed().map_or(&[] as &[Value], |list| list);
                    list.iter()
                        .all(|value| old.with_hash(value) == new.with_hash(value))
                })
        }
        _ => false,
    })
}

/// The values of one group are values of the older grid.
struct Member {
    old: Arc<Layout>,
    new: Arc<Layout>,
    /// Keys that are no leaves, in the order of the registry.
    ids: Vec<Id>,
    /// Of the newer grid.
    axes: Vec<usize>,
    /// Of the older grid: those of the group's keys and leaves.
    old_axes: Vec<usize>,
    /// Where one axis of the newer grid decides alone as long as the keys apply: its digits that the older
    /// grid has.
    digits: Option<(usize, DigitSet)>,
}

impl Member {
    fn new(ids: Vec<Id>, old: &Arc<Layout>, new: &Arc<Layout>) -> Member {
        let mut axes = BTreeSet::new();
        let mut old_axes = BTreeSet::new();
        for key in ids.iter().flat_map(|&id| with_leaves(id)) {
            axes.extend(new.reach(key.id));
            // The older grid may let a default stand where the newer one writes a value.
            let is_written = *old.written(key.id) != Written::Nothing;
            for read in reads(key, is_written).chain(key.controls().iter().copied()) {
                axes.extend(new.reach(read));
            }
            if let Written::Axis { axis, .. } = old.written(key.id) {
                old_axes.insert(*axis);
            }
        }
        Member {
            digits: digits(&ids, old, new),
            old: Arc::clone(old),
            new: Arc::clone(new),
            ids,
            axes: axes.into_iter().collect(),
            old_axes: old_axes.into_iter().collect(),
        }
    }

    fn applies_throughout(&self, region: &Region) -> bool {
        self.ids
            .iter()
            .all(|&id| self.new.applies(region, id) == Verdict::Holds)
    }

    /// At one point of the newer grid.
    fn holds(&self, digits: &[u64]) -> bool {
        let mut values = Vec::new();
        self.new
            .resolve_into(self.new.radix.index(digits), &mut values);
        let mut slots = Vec::new();
        self.new.slots_into(digits, &mut slots);
        let mut old_digits = vec![0; self.old.radix.axes()];
        let mut open = Vec::new();
        for &axis in &self.old_axes {
            if !self.old.is_plain_axis(axis) {
                open.push(axis);
                continue;
            }
            match find_plain(&self.old.spec.axes[axis], &values) {
                Some(digit) => old_digits[axis] = digit,
                None => return false,
            }
        }
        self.some_digits(&open, &mut old_digits, &slots, &values)
    }

    /// Whether some digits of the `open` older axes, which hold tables, settle to the values.
    fn some_digits(
        &self,
        open: &[usize],
        old_digits: &mut [u64],
        slots: &[Option<Value>],
        values: &[Option<Value>],
    ) -> bool {
        let Some((&axis, rest)) = open.split_first() else {
            return self.settles_to(old_digits, slots, values);
        };
        (0..self.old.radix.len(axis)).any(|digit| {
            old_digits[axis] = digit;
            self.some_digits(rest, old_digits, slots, values)
        })
    }

    /// Whether what the older grid writes at these digits settles, beside the other keys' values, to the
    /// values.
    fn settles_to(
        &self,
        old_digits: &[u64],
        slots: &[Option<Value>],
        values: &[Option<Value>],
    ) -> bool {
        let written = |key: &'static Key| self.old.written_at(key, &|axis| old_digits[axis]);
        self.ids.iter().all(|&id| {
            let key = &keys()[id as usize];
            let settled = settle(key, &written, &Lookup::new(slots), &self.new.arrays);
            settled.map(|value| self.old.shown(value)) == values[id as usize]
        })
    }
}

impl Test for Member {
    fn axes(&self) -> &[usize] {
        &self.axes
    }

    fn verdict(&self, region: &Region) -> Verdict {
        if let Some((axis, digits)) = &self.digits {
            match digits.verdict(&region.range(*axis)) {
                // Where a key does not apply, its value does not matter.
                Verdict::Holds => return Verdict::Holds,
                verdict if self.applies_throughout(region) => return verdict,
                _ => {}
            }
        }
        if region.is_pinned(&self.axes) {
            return Verdict::of(self.holds(&region.corner()));
        }
        Verdict::Depends
    }

    fn count_along(&self, region: &Region, axis: usize) -> Option<u64> {
        let (own, digits) = self.digits.as_ref()?;
        (*own == axis && self.applies_throughout(region))
            .then(|| digits.count_within(&region.range(axis)))
    }
}

/// The digits of the newer axis that the older grid has, where the group is one axis on both sides.
fn digits(ids: &[Id], old: &Layout, new: &Layout) -> Option<(usize, DigitSet)> {
    let first = *ids.first()?;
    if !ids.iter().all(|&id| is_plain(&keys()[id as usize])) {
        return None;
    }
    let Written::Axis { axis, position } = new.written(first) else {
        return None;
    };
    let new_axis = &new.spec.axes[*axis];
    if ids.len() > 1 {
        let Written::Axis { axis: old_axis, .. } = old.written(first) else {
            return None;
        };
        return Some((*axis, shared_axis(new_axis, &old.spec.axes[*old_axis])?));
    }
    let column = &new_axis.values[*position];
    let set = match old.written(first) {
        Written::Axis { axis, position } => {
            shared_column(column, &old.spec.axes[*axis].values[*position])
        }
        Written::Fixed(value) => shared_column(column, &Values::list(vec![value.clone()])),
        Written::Nothing => {
            let default = keys()[first as usize].fixed_default()?;
            shared_column(column, &Values::list(vec![default]))
        }
    };
    Some((*axis, set?))
}
