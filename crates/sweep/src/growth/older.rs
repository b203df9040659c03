//! What a generation has in common with the one before it.

use std::collections::BTreeSet;

use super::members;
use crate::grid::{Cached, Grid, Test, count_all};

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
    pub(super) fn between(old: &Grid, new: &Grid) -> Option<Older> {
        let (before, after) = (old.layout(), new.layout());
        let tests: Vec<Cached> = members::tests(before, after)
            .into_iter()
            .map(|test| Cached::new(test, &after.radix))
            .collect();

        // Every point that the old grid includes is somewhere in the new one.
        let mut extra = BTreeSet::new();
        for index in old.product_size()..old.size() {
            let point = old.point(index).ok()?;
            let found = new.locate(&point)?;
            if found < new.product_size() {
                extra.insert(found);
            }
        }

        // Of the points that the new grid includes, the old one may hold some in its product.
        let mut includes = Vec::new();
        let mut held = 0;
        for index in new.product_size()..new.size() {
            let point = new.point(index).ok()?;
            let found = old.locate(&point);
            includes.push(found.is_some());
            if found.is_some_and(|found| found < old.product_size()) {
                held += 1;
            }
        }

        // No two points of a grid are equal, so all of the old ones are held if they are as many.
        let mut all = new.tests();
        all.extend(tests.iter().map(|test| test as &dyn Test));
        held += count_all(&after.radix, &all);
        (held == old.product_count()).then_some(Older {
            tests,
            extra,
            includes,
        })
    }
}
