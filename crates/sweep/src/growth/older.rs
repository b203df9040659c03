//! What a generation has in common with the one before it.

use std::collections::BTreeSet;

use super::members;
use crate::error::SweepError;
use crate::grid::{Cached, Grid, MAX_WORK, Meter, Test, count_all, refusal};

/// The points of a grid that the grid before it holds.
pub(super) struct Older {
    /// Hold together at the kept points of the product that the older product holds.
    pub(super) tests: Vec<Cached>,
    /// Indices of the product that hold a point which the older grid includes.
    pub(super) extra: BTreeSet<u64>,
    /// One for each point that the newer grid includes.
    pub(super) includes: Vec<bool>,
}

impl Older {
    /// `None` if `new` lacks a point of `old`.
    ///
    /// # Errors
    /// More than [`MAX_WORK`], or a caller that asks to `stop`.
    pub(super) fn between(
        old: &Grid,
        new: &Grid,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Older>, SweepError> {
        let after = new.layout();
        let tests: Vec<Cached> = members::tests(old.layout(), after)
            .into_iter()
            .map(|test| Cached::new(test, &after.radix))
            .collect();
        let Some(extra) = extra(old, new) else {
            return Ok(None);
        };

        // Of the points that the new grid includes, the old one may hold some in its product.
        let mut includes = Vec::new();
        let mut held = 0;
        for index in new.product_size()..new.size() {
            let found = old.locate(&new.point(index)?);
            includes.push(found.is_some());
            if found.is_some_and(|found| found < old.product_size()) {
                held += 1;
            }
        }

        // No two points of a grid are equal, so all of the old ones are held if they are as many.
        let mut all = new.tests();
        all.extend(tests.iter().map(|test| test as &dyn Test));
        held += count_all(&after.radix, &all, &Meter::new(MAX_WORK, stop))
            .map_err(|spent| refusal(after, spent))?;
        Ok((held == old.product_count()).then_some(Older {
            tests,
            extra,
            includes,
        }))
    }
}

/// Indices of the newer product that hold a point which the older grid includes; `None` if the newer grid lacks one.
fn extra(old: &Grid, new: &Grid) -> Option<BTreeSet<u64>> {
    let mut extra = BTreeSet::new();
    for index in old.product_size()..old.size() {
        let found = new.locate(&old.point(index).ok()?)?;
        if found < new.product_size() {
            extra.insert(found);
        }
    }
    Some(extra)
}
