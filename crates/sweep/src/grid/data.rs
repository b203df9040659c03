//! The data of a grid: which sizes they have, and what is odd about the use of samples.
//!
//! Only the combinations of the axes that data depend on are looked at.

use super::checks::{each_combination, kept_point};
use super::model::Grid;
use super::region::union;
use super::work::{Meter, keep_on};
use crate::keys::Lookup;
use crate::point::{DataSizes, READ_BY_SIZES, ids, odd_uses};
use crate::refs::Role;
use crate::value::Value;

/// Combinations looked at.
const MAX_COMBINATIONS: u64 = 1000;

/// Values of labels gone through, which is done for each combination: a fraction of a second.
const MAX_VALUES: u64 = 200_000_000;

/// Questions that looking for kept points may take: a second. What is not found then is left out.
const MAX_WORK: u64 = 400_000;

/// Points of `include` looked at.
const MAX_INCLUDED: u64 = 1000;

/// Different sizes, and different warnings, that are kept: nobody reads more.
const MAX_KEPT: usize = 20;

/// What there is to know of the data of all kept points.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataSummary {
    /// Without repetitions, in the order of the points.
    pub sizes: Vec<DataSizes>,
    /// Sentences for people.
    pub warnings: Vec<String>,
    /// Every combination was looked at and everything found was kept.
    pub exact: bool,
}

impl Grid {
    /// Looks at the data of the kept points.
    pub fn data(&self) -> DataSummary {
        let layout = self.layout();
        let axes = union(ids(READ_BY_SIZES).map(|id| layout.reach(id)));
        let mut summary = DataSummary {
            exact: true,
            ..DataSummary::default()
        };
        let mut slots: Vec<Option<Value>> = Vec::new();
        let labels = self
            .arrays()
            .iter()
            .filter(|(array, _)| array.role == Role::Labels);
        let largest = labels.map(|(_, loaded)| loaded.array.len() as u64).max();
        let each = largest.unwrap_or(1).max(MAX_VALUES / MAX_COMBINATIONS);
        let limit = MAX_VALUES / each;
        let meter = Meter::new(MAX_WORK, &keep_on);
        let mut decided = true;
        let all = each_combination(layout, &axes, limit, &mut |digits| {
            layout.slots_into(digits, &mut slots);
            let found = self.found(&slots);
            if summary.lacks(&found) {
                match kept_point(layout, self.cached(), (axes.as_slice(), digits), &meter) {
                    Ok(Some(_)) => summary.add(found),
                    Ok(None) => {}
                    Err(_) => decided = false,
                }
            }
            decided
        });
        let included = (self.product_size()..self.size()).take(MAX_INCLUDED as usize);
        for point in included.filter_map(|index| self.point(index).ok()) {
            summary.add(self.found(&point.as_written()));
        }
        summary.exact &= all && decided && self.size() - self.product_size() <= MAX_INCLUDED;
        summary
    }

    fn found(&self, slots: &[Option<Value>]) -> (Option<DataSizes>, Vec<String>) {
        let values = Lookup::new(slots);
        (
            DataSizes::of(&values, self.arrays()),
            odd_uses(&values, self.arrays()),
        )
    }
}

impl DataSummary {
    /// Whether any of it is new.
    fn lacks(&self, (sizes, warnings): &(Option<DataSizes>, Vec<String>)) -> bool {
        sizes
            .as_ref()
            .is_some_and(|sizes| !self.sizes.contains(sizes))
            || warnings
                .iter()
                .any(|warning| !self.warnings.contains(warning))
    }

    fn add(&mut self, (sizes, warnings): (Option<DataSizes>, Vec<String>)) {
        self.exact &= push(&mut self.sizes, sizes) && push(&mut self.warnings, warnings);
    }
}

/// Adds what is new, as long as there is room; whether there was.
fn push<T: PartialEq>(kept: &mut Vec<T>, found: impl IntoIterator<Item = T>) -> bool {
    for item in found {
        if kept.contains(&item) {
            continue;
        }
        if kept.len() == MAX_KEPT {
            return false;
        }
        kept.push(item);
    }
    true
}
