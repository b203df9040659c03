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
use crate::values::MAX_LISTED;

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
                firsts: Mutex::new(Firsts::default()),
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
        if kept().any(|(values, _)| values.listed().is_none()) {
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
/// they are written out.
struct FirstValues {
    ids: Vec<Id>,
    axis: usize,
    axes: Vec<usize>,
    layout: Arc<Layout>,
    firsts: Mutex<Firsts>,
}

/// Digits of an axis of which it is remembered whether they are the first of their kind, a byte each.
const MAX_FLAGS: usize = 1 << 24;

/// By the digits of the other axes: whether each digit is the first of its kind.
#[derive(Default)]
struct Firsts {
    flags: BTreeMap<Vec<u64>, Arc<[bool]>>,
    /// Of all flags together.
    count: usize,
}

impl FirstValues {
    /// Too long to be written out, so every column is a rule.
    fn is_long(&self) -> bool {
        self.layout.radix.len(self.axis) > MAX_LISTED as u64
    }

    /// A rule never repeats a value, so where one applies, every digit is the first of its kind.
    fn some_rule_applies(&self, region: &Region) -> bool {
        let columns = &self.layout.spec.axes[self.axis].values;
        self.ids.iter().zip(columns).any(|(id, values)| {
            values.listed().is_none() && self.layout.applies(region, *id) == Verdict::Holds
        })
    }

    /// Of a long axis, on which nothing but digits at which no key applies can be equal.
    fn is_first(&self, digits: &mut [u64]) -> bool {
        let digit = digits[self.axis];
        let mut values = |j: u64| -> Vec<Option<Value>> {
            digits[self.axis] = j;
            let value = |id: &Id| self.layout.value(digits, *id);
            self.ids.iter().map(value).collect()
        };
        let own = values(digit);
        own.iter().any(Option::is_some) || (0..digit).all(|before| values(before) != own)
    }

    /// Whether each digit of the axis is the first with its values, the others being those of `digits`.
    fn flags(&self, mut digits: Vec<u64>) -> Arc<[bool]> {
        digits[self.axis] = 0;
        let others: Vec<u64> = self.axes.iter().map(|&axis| digits[axis]).collect();
        let mut firsts = self.firsts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flags) = firsts.flags.get(&others) {
            return Arc::clone(flags);
        }
        let mut seen: BTreeSet<Vec<Option<Value>>> = BTreeSet::new();
        let flags: Arc<[bool]> = (0..self.layout.radix.len(self.axis))
            .map(|j| {
                digits[self.axis] = j;
                // Where a key does not apply, neither do those that it decides about; equal values are equal
                // points.
                let value = |id: &Id| self.layout.value(&digits, *id);
                seen.insert(self.ids.iter().map(value).collect())
            })
            .collect();
        firsts.count += flags.len();
        if firsts.count > MAX_FLAGS {
            firsts.flags.clear();
            firsts.count = flags.len();
        }
        firsts.flags.insert(others, Arc::clone(&flags));
        flags
    }
}

impl Test for FirstValues {
    fn axes(&self) -> &[usize] {
        &self.axes
    }

    fn verdict(&self, region: &Region) -> Verdict {
        let range = region.range(self.axis);
        if range == (0..1) {
            return Verdict::Holds;
        }
        if self.some_rule_applies(region) {
            return Verdict::Holds;
        }
        let others_pinned = self
            .axes
            .iter()
            .all(|&axis| axis == self.axis || region.pinned(axis).is_some());
        if !others_pinned {
            return Verdict::Depends;
        }
        if self.is_long() {
            return match region.pinned(self.axis) {
                Some(_) => Verdict::of(self.is_first(&mut region.corner())),
                None => Verdict::Depends,
            };
        }
        let flags = self.flags(region.corner());
        let mut own = (range.start..range.end).filter_map(|j| flags.get(j as usize));
        match own.next() {
            Some(first) if own.all(|other| other == first) => Verdict::of(*first),
            _ => Verdict::Depends,
        }
    }

    fn count_along(&self, region: &Region, axis: usize) -> Option<u64> {
        if axis != self.axis || self.is_long() {
            return None;
        }
        let flags = self.flags(region.corner());
        let range = region.range(axis);
        let own = flags.get(range.start as usize..range.end as usize)?;
        Some(own.iter().filter(|first| **first).count() as u64)
    }
}
