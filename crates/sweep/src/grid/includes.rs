//! The extra points of a sweep: numbered after the product, not filtered, each held once.

use std::collections::BTreeMap;

use super::layout::Layout;
use crate::error::SweepError;
use crate::keys::{Key, Lookup, settle_all};
use crate::point::{Check, ENGINE, Point, TrialId, trial};
use crate::value::Value;

/// The points of `include` that are in neither the product nor the list before them.
#[derive(Debug)]
pub(super) struct Includes {
    /// Positions in the spec's list, ascending.
    listed: Vec<usize>,
    /// Positions in `listed`.
    by_id: BTreeMap<TrialId, usize>,
}

impl Includes {
    /// `is_kept` says whether the product holds a point.
    ///
    /// # Errors
    /// A point that makes no trial, at its place in the file.
    pub(super) fn new(
        layout: &Layout,
        is_kept: &dyn Fn(&Point) -> bool,
    ) -> Result<Includes, SweepError> {
        let mut includes = Includes {
            listed: Vec::new(),
            by_id: BTreeMap::new(),
        };
        for at in 0..layout.spec.filter.include.len() {
            let slots = slots(layout, at);
            check(layout, &slots).map_err(|fault| {
                let place = layout.spec.source.include_place(at);
                fault.placed(place, Some("in `filter.include`".to_owned()))
            })?;
            let point = shown(layout, slots);
            let id = point.trial_id();
            if includes.by_id.contains_key(&id) || is_kept(&point) {
                continue;
            }
            includes.by_id.insert(id, includes.listed.len());
            includes.listed.push(at);
        }
        Ok(includes)
    }

    /// Whether the `at`-th point of the spec's list is held: it is new.
    pub(super) fn holds(&self, at: usize) -> bool {
        self.listed.binary_search(&at).is_ok()
    }

    /// Puts more checks to the points that are held.
    ///
    /// # Errors
    /// The first point that fails one, at its place in the file.
    pub(super) fn check(&self, layout: &Layout, checks: &[Check]) -> Result<(), SweepError> {
        for &at in &self.listed {
            let slots = slots(layout, at);
            for check in checks {
                (check.test)(&Lookup::new(&slots), &layout.arrays).map_err(|fault| {
                    let place = layout.spec.source.include_place(at);
                    fault.placed(place, Some("in `filter.include`".to_owned()))
                })?;
            }
        }
        Ok(())
    }

    pub(super) fn len(&self) -> u64 {
        self.listed.len() as u64
    }

    /// The `i`-th of the points that are held. They are settled anew each time: there are few, and a point is
    /// larger than what it is made from.
    pub(super) fn point(&self, layout: &Layout, i: u64) -> Option<Point> {
        let at = *self.listed.get(usize::try_from(i).ok()?)?;
        Some(shown(layout, slots(layout, at)))
    }

    /// Position of the point with this identity.
    pub(super) fn find(&self, id: &TrialId) -> Option<u64> {
        self.by_id.get(id).map(|&i| i as u64)
    }
}

/// Settles the `at`-th point: keys that it does not name are as fixed, or at the first value of their axis.
fn slots(layout: &Layout, at: usize) -> Vec<Option<Value>> {
    let named = &layout.spec.filter.include[at];
    let written = |key: &'static Key| match named.get(key.name) {
        Some(value) => Some(value.clone()),
        None => layout.written_at(key, &|_| 0),
    };
    settle_all(&written, &layout.arrays)
}

fn shown(layout: &Layout, slots: Vec<Option<Value>>) -> Point {
    let (values, files) = layout.show(slots);
    Point::new(values, files)
}

fn check(layout: &Layout, slots: &[Option<Value>]) -> Result<(), crate::point::Fault> {
    trial(slots, &layout.arrays)?;
    (ENGINE.test)(&Lookup::new(slots), &layout.arrays)
}
