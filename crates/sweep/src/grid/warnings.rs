//! Filters without an effect, and filters that leave nothing.
//!
//! What can be seen in the text alone is in `spec::warnings`. Stored sweeps are not asked: a folder of an earlier
//! program opens whatever its filters do.

use std::collections::BTreeMap;

use super::conditions;
use super::layout::Layout;
use super::model::Grid;
use super::region::{Region, Wanted};
use super::search::first;
use super::work::{Meter, keep_on};
use crate::error::{Mistake, SweepError};
use crate::filter::{Filter, Known};
use crate::keys::key;
use crate::value::Value;

/// Points of `exclude` whose effect is looked for, and points of `include` that are named: a warning must be quick,
/// and nobody reads more.
const MOST_POINTS: usize = 16;

/// Questions about the effect of one point: a tenth of a second. A point that takes longer is not warned of.
const EFFECT_WORK: u64 = 100_000;

impl Grid {
    /// Things that are allowed but hardly meant, one sentence each: those of [`crate::Spec::warnings`], and filters
    /// without an effect.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.spec().warnings();
        where_warnings(self, &mut warnings);
        let layout = self.layout();
        let exclude = self.spec().filter.exclude.iter();
        for point in exclude.take(MOST_POINTS) {
            if !names_absent_value(layout, point) && !excludes_something(self, point) {
                let words = words(point);
                warnings.push(format!("`exclude` leaves out no trial: none has {words}"));
            }
        }
        let include = self.spec().filter.include.iter().enumerate();
        let known = include.filter(|(at, _)| !self.includes().holds(*at));
        for (_, point) in known.take(MOST_POINTS) {
            let words = words(point);
            warnings.push(format!(
                "`include` adds nothing with {words}: the sweep has that trial already"
            ));
        }
        warnings
    }

    /// # Errors
    /// [`Mistake::NothingKept`] where filters leave no trial at all.
    pub fn refuse_nothing_kept(&self) -> Result<(), SweepError> {
        if self.count() > 0 {
            return Ok(());
        }
        let filter = &self.spec().filter;
        let source = &self.spec().source;
        let place = source.condition_place().or_else(|| source.exclude_place(0));
        let filters = match (&filter.condition, filter.exclude.is_empty()) {
            (Some(_), true) => "the filters in `where`",
            (None, _) => "the points of `exclude`",
            (Some(_), false) => "`where` and `exclude`",
        };
        let mistake = Mistake::NothingKept {
            filters: filters.to_owned(),
            points: self.product_size(),
        };
        Err(SweepError::new(mistake).at(place).help(
            "a key that does not apply to a trial is null there: == and < with it are false, != is true; `not` turns \
             a condition around",
        ))
    }
}

/// A `where` that leaves out nothing, or all, for a reason that its words hide.
fn where_warnings(grid: &Grid, warnings: &mut Vec<String>) {
    let layout = grid.layout();
    let Some(condition) = &grid.spec().filter.condition else {
        return;
    };
    let everywhere = Region::full((0..layout.radix.axes()).map(|axis| layout.radix.len(axis)));
    let read = condition.keys();
    for key in &read {
        if layout.known(&everywhere, key.id) == Known::Exactly(None) {
            warnings.push(format!(
                "`where` reads `{}`, which applies to no trial of the axes, or has no value there",
                key.name
            ));
        }
    }
    if grid.product_count() == 0 {
        warnings.push("`where` and `exclude` leave only the points of `include`".to_owned());
    } else if read.iter().all(|key| layout.reach(key.id).is_empty()) {
        warnings.push("`where` leaves out nothing: it reads no key that varies".to_owned());
    }
}

/// A value that the axis of its key lacks is warned of as such.
fn names_absent_value(layout: &Layout, point: &BTreeMap<&'static str, Value>) -> bool {
    let columns = layout.spec.axes.iter();
    columns
        .flat_map(|axis| axis.keys.iter().zip(&axis.values))
        .any(|(key, values)| {
            let wanted = point.get(key.name);
            wanted.is_some_and(|value| values.find(value).is_none())
        })
}

fn excludes_something(grid: &Grid, point: &BTreeMap<&'static str, Value>) -> bool {
    let filter = Filter {
        exclude: vec![point.clone()],
        ..Filter::default()
    };
    let layout = grid.layout();
    // A point whose keys are all known names is one test.
    let tests = conditions::tests(&filter, layout);
    tests.iter().all(|test| {
        let meter = Meter::new(EFFECT_WORK, &keep_on);
        let range = (0, layout.radix.size());
        let found = first(
            &layout.radix,
            &[test.as_ref()],
            Wanted::Failing,
            range,
            &meter,
        );
        found != Ok(None)
    })
}

/// A point in the words of the sweep file.
fn words(point: &BTreeMap<&'static str, Value>) -> String {
    let fields = point.iter().filter(|(name, _)| key(name).is_some());
    let fields: Vec<String> = fields
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    fields.join(", ")
}
