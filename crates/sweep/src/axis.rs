//! One axis of the product: a key and its values, or several keys that move together.
//!
//! This file owns the tuple of columns and the way back from a tuple to its position. A single column is in
//! `values`; which axes a sweep has is read in `spec`; their product is `grid`.

use crate::keys::Key;
use crate::value::Value;
use crate::values::{ValueList, Values};

/// A parameter and its values, or parameters that move together.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// One key, or those of a `[[zip]]` in file order.
    pub keys: Vec<&'static Key>,
    /// One a key, all of one length, never empty; the tuples at two positions differ.
    pub values: Vec<Values>,
    /// Positions in the order of their tuples, where every column is a list and there are several.
    order: Option<Vec<u32>>,
}

impl Axis {
    /// # Panics
    /// If there is no key, or the columns do not have one length for each key; `spec` has checked that.
    pub fn new(keys: Vec<&'static Key>, values: Vec<Values>) -> Axis {
        assert!(!keys.is_empty() && keys.len() == values.len());
        assert!(values.iter().all(|column| column.len() == values[0].len()));
        let lists: Vec<&ValueList> = values.iter().filter_map(Values::listed).collect();
        // A column that is a rule computes the position.
        let order = (values.len() > 1 && lists.len() == values.len()).then(|| {
            let mut order: Vec<u32> = (0..lists[0].len() as u32).collect();
            order.sort_by(|a, b| {
                let tuple = |i: u32| lists.iter().map(move |list| &list[i as usize]);
                tuple(*a).cmp(tuple(*b))
            });
            order
        });
        Axis {
            keys,
            values,
            order,
        }
    }

    pub fn len(&self) -> u64 {
        self.values[0].len()
    }

    /// Never: an empty axis is refused where it is read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of the `key_position`-th key at position `j`.
    ///
    /// # Panics
    /// If either is out of range.
    pub fn value(&self, key_position: usize, j: u64) -> Value {
        self.values[key_position].get(j)
    }

    /// Position at which every key has its value of `values` (one a key, in the order of `keys`).
    pub fn find(&self, values: &[&Value]) -> Option<u64> {
        if values.len() != self.keys.len() {
            return None;
        }
        if let Some(order) = &self.order {
            let compare = |j: u32| {
                self.values
                    .iter()
                    .map(|column| column.get(u64::from(j)))
                    .cmp(values.iter().map(|value| (*value).clone()))
            };
            let at = order.partition_point(|j| compare(*j).is_lt());
            let j = *order.get(at)?;
            return compare(j).is_eq().then_some(u64::from(j));
        }
        let rule = self
            .values
            .iter()
            .position(|column| column.listed().is_none())
            .unwrap_or(0);
        let j = self.values[rule].find(values[rule])?;
        let all = self
            .values
            .iter()
            .zip(values)
            .all(|(column, value)| column.get(j) == **value);
        all.then_some(j)
    }

    /// Names of the keys, joined: "network.width + train.steps".
    pub fn name(&self) -> String {
        let names: Vec<&str> = self.keys.iter().map(|key| key.name).collect();
        names.join(" + ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::key;

    fn zip(columns: Vec<Values>) -> Axis {
        let keys = ["network.width", "train.steps"]
            .map(|name| key(name).expect("a key"))
            .to_vec();
        Axis::new(keys, columns)
    }

    #[test]
    fn tuples_are_found_again() {
        let ints = |numbers: &[i64]| Values::list(numbers.iter().map(|i| Value::Int(*i)).collect());
        let range = |start, end| Values::range("x", start, end, 1).expect("a range");
        for axis in [
            // Both columns repeat values; only the pairs differ.
            zip(vec![ints(&[50, 50, 10, 10]), ints(&[2, 1, 2, 1])]),
            zip(vec![ints(&[7, 7, 7]), range(0, 3)]),
            zip(vec![range(0, 3), range(5, 8)]),
        ] {
            for j in 0..axis.len() {
                let tuple = [axis.value(0, j), axis.value(1, j)];
                assert_eq!(axis.find(&[&tuple[0], &tuple[1]]), Some(j));
            }
            assert_eq!(axis.find(&[&Value::Int(50), &Value::Int(9)]), None);
            assert_eq!(axis.find(&[&Value::Int(50)]), None);
        }
    }
}
