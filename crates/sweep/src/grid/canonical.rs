//! One point a set of equal ones: the test that a point of the product is the first of those equal to it.
//!
//! A key that does not apply is ignored, so points that differ in such keys alone are one point; kept is the
//! one whose digits there are the first. Points can also be equal because tables are: fields that do not
//! apply are dropped, and files stand by their content.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::known::is_plain;
use super::layout::Layout;
use super::region::{Region, Test, Verdict, union};
use crate::keys::Id;
use crate::value::Value;
use crate::values::Values;

/// The tests of every axis that can repeat a point.
pub(super) fn tests(layout: &Arc<Layout>) -> Vec<Box<dyn Test>> {
    let mut tests: Vec<Box<dyn Test>> = Vec::new();
    let first = Region::point(&vec![0; layout.radix.axes()]);
    for (axis, columns) in layout.spec.axes.iter().enumerate() {
        if columns.len() == 1 {
            continue;
        }
        let ids: Vec<Id> = columns.keys.iter().map(|key| key.id).collect();
        let always = |id: &Id| {
            layout.gates[*id as usize].is_empty() && layout.applies(&first, *id) == Verdict::Holds
        };
        let plain = columns.keys.iter().all(|key| is_plain(key));
        if plain && ids.iter().all(always) {
            continue;
        }
        let axes = union(
            ids.iter()
                .map(|id| layout.reach(*id))
                .chain([[axis].as_slice()]),
        );
        let gated_by_itself = ids
            .iter()
            .any(|id| layout.gates[*id as usize].contains(&axis));
        let layout = Arc::clone(layout);
        if plain && ids.len() == 1 {
            tests.push(Box::new(FirstUnlessApplies {
                id: ids[0],
                axis,
                axes,
                layout,
            }));
        } else if plain && !gated_by_itself {
            tests.push(Box::new(FirstTuple {
                ids,
                axis,
                axes,
                layout,
                firsts: Mutex::new(BTreeMap::new()),
            }));
        } else {
            tests.push(Box::new(FirstValues {
                ids,
                axis,
                axes,
                layout,
            }));
        }
    }
    tests
}

/// An axis of one plain key: every digit where the key applies, the first one where it does not.
struct FirstUnlessApplies {
    id: Id,
    axis: usize,
    axes: Vec<usize>,
    layout: Arc<Layout>,
}

impl Test for FirstUnlessApplies {
    fn axes(&self) -> &[usize] {
        &self.axes
    }

    fn verdict(&self, region: &Region) -> Verdict {
        let range = region.range(self.axis);
        if range == (0..1) {
            return Verdict::Holds;
        }
        match self.layout.applies(region, self.id) {
            Verdict::Fails if range.start == 0 => Verdict::Depends,
            verdict => verdict,
        }
    }
}

/// A `[[zip]]` of plain keys: the first digit with its values of the keys that apply.
struct FirstTuple {
    ids: Vec<Id>,
    axis: usize,
    axes: Vec<usize>,
    layout: Arc<Layout>,
    /// By which keys apply: whether each digit is the first of its kind.
    firsts: Mutex<BTreeMap<Vec<bool>, Arc<[bool]>>>,
}

impl FirstTuple {
    fn is_first(&self, applying: Vec<bool>, digit: u64) -> bool {
        let columns = &self.layout.spec.axes[self.axis].values;
        let kept = || {
            columns
                .iter()
                .zip(&applying)
                .filter(|(_, applies)| **applies)
        };
        if digit == 0 {
            return true;
        }
        // A rule never repeats a value.
        if kept().any(|(values, _)| !matches!(values, Values::List(_))) {
            return true;
        }
        if kept().next().is_none() {
            return false;
        }
        // A list is left, so the axis is not longer than a list may be.
        let mut firsts = self.firsts.lock().unwrap_or_else(PoisonError::into_inner);
        let flags = firsts.entry(applying.clone()).or_insert_with(|| {
            let mut seen: BTreeSet<Vec<Value>> = BTreeSet::new();
            let len = self.layout.radix.len(self.axis);
            (0..len)
                .map(|j| seen.insert(kept().map(|(values, _)| values.get(j)).collect()))
                .collect()
        });
        flags.get(digit as usize).copied().unwrap_or(false)
    }
}

impl Test for FirstTuple {
    fn axes(&self) -> &[usize] {
        &self.axes
    }

    fn verdict(&self, region: &Region) -> Verdict {
        if region.range(self.axis) == (0..1) {
            return Verdict::Holds;
        }
        let mut applying = Vec::with_capacity(self.ids.len());
        for id in &self.ids {
            match self.layout.applies(region, *id) {
                Verdict::Holds => applying.push(true),
                Verdict::Fails => applying.push(false),
                Verdict::Depends => return Verdict::Depends,
            }
        }
        if applying.iter().all(|applies| *applies) {
            return Verdict::Holds;
        }
        match region.pinned(self.axis) {
            Some(digit) => Verdict::of(self.is_first(applying, digit)),
            None => Verdict::Depends,
        }
    }
}

/// Any other axis: the first digit with its settled values. Such axes hold tables or decide about themselves;
/// they are written out, and short.
struct FirstValues {
    ids: Vec<Id>,
    axis: usize,
    axes: Vec<usize>,
    layout: Arc<Layout>,
}

impl Test for FirstValues {
    fn axes(&self) -> &[usize] {
        &self.axes
    }

    fn verdict(&self, region: &Region) -> Verdict {
        if region.range(self.axis) == (0..1) {
            return Verdict::Holds;
        }
        if !region.is_pinned(&self.axes) {
            return Verdict::Depends;
        }
        let mut digits = region.corner();
        let digit = digits[self.axis];
        // Where a key does not apply, neither do those that it decides about; equal values are equal points.
        let mut values = |j: u64| -> Vec<Option<Value>> {
            digits[self.axis] = j;
            let value = |id: &Id| self.layout.value(&digits, *id);
            self.ids.iter().map(value).collect()
        };
        let own = values(digit);
        Verdict::of((0..digit).all(|before| values(before) != own))
    }
}
