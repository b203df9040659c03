//! The way back: from the values of a point to its digits.

use super::known::is_plain;
use super::layout::Layout;
use crate::axis::Axis;
use crate::keys::Id;
use crate::value::Value;

impl Layout {
    /// The digits at which the product has exactly these values (files standing by their hash), the first of
    /// equal points. `None` if it has no such point.
    pub(crate) fn find(&self, values: &[Option<Value>]) -> Option<Vec<u64>> {
        let mut digits = vec![0; self.radix.axes()];
        for (axis, digit) in digits.iter_mut().enumerate() {
            if self.is_plain_axis(axis) {
                *digit = find_plain(&self.spec.axes[axis], values)?;
            }
        }
        for axis in self.settled_axes() {
            digits[axis] = self.find_settled(axis, values, &mut digits.clone())?;
        }
        let mut found = Vec::new();
        self.resolve_into(self.radix.index(&digits), &mut found);
        (found == values).then_some(digits)
    }

    pub(crate) fn is_plain_axis(&self, axis: usize) -> bool {
        self.spec.axes[axis].keys.iter().all(|key| is_plain(key))
    }

    /// The axes that hold tables, those first whose values the others are completed with.
    fn settled_axes(&self) -> Vec<usize> {
        let mut axes: Vec<usize> = (0..self.radix.axes())
            .filter(|&axis| !self.is_plain_axis(axis))
            .collect();
        let first_key = |axis: &usize| -> Option<Id> {
            let keys = &self.spec.axes[*axis].keys;
            keys.iter().map(|key| key.id).min()
        };
        axes.sort_by_key(first_key);
        axes
    }

    /// The first digit of an axis with tables at which its keys settle to these values.
    fn find_settled(
        &self,
        axis: usize,
        values: &[Option<Value>],
        digits: &mut [u64],
    ) -> Option<u64> {
        (0..self.radix.len(axis)).find(|&j| {
            digits[axis] = j;
            self.spec.axes[axis]
                .keys
                .iter()
                .all(|key| self.value(digits, key.id) == values[key.id as usize])
        })
    }
}

/// The first digit of an axis of plain keys that agrees with all values that are there; a key that does not
/// apply has none.
pub(crate) fn find_plain(axis: &Axis, values: &[Option<Value>]) -> Option<u64> {
    let wanted: Vec<Option<&Value>> = axis
        .keys
        .iter()
        .map(|key| values[key.id as usize].as_ref())
        .collect();
    let present: Vec<&Value> = wanted.iter().copied().flatten().collect();
    if present.is_empty() {
        return Some(0);
    }
    if present.len() == wanted.len() {
        return axis.find(&present);
    }
    let agrees = |j: u64| {
        axis.values
            .iter()
            .zip(&wanted)
            .all(|(column, value)| value.is_none_or(|value| column.get(j) == *value))
    };
    // A rule computes the digit; lists are bounded.
    let by_rule = axis
        .values
        .iter()
        .zip(&wanted)
        .find(|(column, value)| value.is_some() && column.listed().is_none());
    match by_rule {
        Some((column, Some(value))) => column.find(value).filter(|&j| agrees(j)),
        _ => (0..axis.len()).find(|&j| agrees(j)),
    }
}
