//! What is known of a key over a box of points, and whether it applies there.

use super::layout::{Layout, Written};
use super::region::{Region, Verdict};
use crate::filter::Known;
use crate::keys::{Id, Key, Lookup, keys};
use crate::value::Value;

/// Combinations of digits whose values are looked at one by one.
const FEW: u64 = 16;

/// Combinations of deciding digits whose effect on a key is looked at one by one.
const FEW_GATES: u64 = 64;

/// Values of a list without order that are looked at for the smallest and the largest.
const SCANNED: u64 = 256;

impl Layout {
    /// What is known of a key over `region`; exact where the axes of its reach are pinned.
    pub(crate) fn known(&self, region: &Region, id: Id) -> Known {
        let reach = self.reach(id);
        if region.points(reach) <= FEW {
            let mut values = Vec::new();
            region.each(reach, &mut |digits| {
                values.push(self.value(digits, id));
                true
            });
            values.sort();
            values.dedup();
            return match values.len() {
                1 => Known::Exactly(values.pop().flatten()),
                _ => Known::Among(values),
            };
        }
        match self.bounds(region, id) {
            Some((low, high)) => Known::Between(low, high),
            None => Known::Unknown,
        }
    }

    /// The smallest and the largest number of a swept key over `region`, where it applies everywhere.
    fn bounds(&self, region: &Region, id: Id) -> Option<(Value, Value)> {
        let Written::Axis { axis, position } = self.written(id) else {
            return None;
        };
        if !is_plain(&keys()[id as usize]) || self.applies(region, id) != Verdict::Holds {
            return None;
        }
        let values = &self.spec.axes[*axis].values[*position];
        let range = region.range(*axis);
        if self.monotone[*axis][*position] {
            let (first, last) = (values.get(range.start), values.get(range.end - 1));
            let (low, high) = if first <= last {
                (first, last)
            } else {
                (last, first)
            };
            return same_numbers(&low, &high).then_some((low, high));
        }
        let list = values.listed()?;
        if range.end - range.start > SCANNED {
            return None;
        }
        let part = &list[range.start as usize..range.end as usize];
        let (low, high) = (part.iter().min()?, part.iter().max()?);
        // Numbers sort between truth values and names, so two number ends leave room for numbers alone.
        same_numbers(low, high).then(|| (low.clone(), high.clone()))
    }

    /// Whether a key applies over `region`; exact where the axes that decide it are pinned.
    pub(crate) fn applies(&self, region: &Region, id: Id) -> Verdict {
        let key = &keys()[id as usize];
        let gates = &self.gates[id as usize];
        if region.points(gates) > FEW_GATES {
            return Verdict::Depends;
        }
        let (mut some, mut none) = (false, false);
        region.each(gates, &mut |digits| {
            let template = self.template(&|axis| digits[axis]);
            if key.applies.eval(&Lookup::new(&template.values)) {
                some = true;
            } else {
                none = true;
            }
            !(some && none)
        });
        match (some, none) {
            (true, false) => Verdict::Holds,
            (false, true) => Verdict::Fails,
            _ => Verdict::Depends,
        }
    }
}

/// The settled value of the key, where it applies, is the written one.
pub(crate) fn is_plain(key: &Key) -> bool {
    key.leaves().is_empty() && !matches!(key.kind, crate::keys::KeyKind::Table(_))
}

/// Both are numbers of one variant.
fn same_numbers(low: &Value, high: &Value) -> bool {
    matches!(
        (low, high),
        (Value::Int(_), Value::Int(_)) | (Value::Float(_), Value::Float(_))
    )
}
