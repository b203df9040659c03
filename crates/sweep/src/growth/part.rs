//! The numbers of one generation of a folder: which of them are kept, and the next one.

use super::older::Older;
use crate::grid::{All, CostLimits, Grid, Not, Test, Wanted, first_of_counted};

/// Numbers looked at one by one before a search.
const NEAR: u64 = 32;

/// One generation's numbers.
pub(super) struct GenerationNumbers<'a> {
    pub(super) base: u64,
    pub(super) grid: &'a Grid,
    pub(super) older: Option<&'a Older>,
}

impl GenerationNumbers<'_> {
    pub(super) fn end(&self) -> u64 {
        self.base + self.grid.size()
    }

    /// The trial of a number of this generation, if its point makes one.
    pub(super) fn trial(&self, number: u64) -> Option<dln::Trial> {
        self.grid.trial(number - self.base).ok()
    }

    pub(super) fn kept(&self, number: u64) -> bool {
        let index = number - self.base;
        self.grid.kept(index) && !self.is_held(index)
    }

    /// Whether the generation before holds the kept point at `index`.
    fn is_held(&self, index: u64) -> bool {
        let Some(older) = self.older else {
            return false;
        };
        let radix = &self.grid.layout().radix;
        if index >= radix.size() {
            let included = usize::try_from(index - radix.size()).ok();
            return included.is_some_and(|i| older.includes.get(i) == Some(&true));
        }
        older.extra.contains(&index) || older.tests.iter().all(|test| test.holds_at(radix, index))
    }

    /// The first kept number in `from..end`, all of this generation.
    pub(super) fn next(&self, from: u64, end: u64) -> Option<u64> {
        let end = end.min(self.end());
        let near = from.saturating_add(NEAR).min(end);
        if let Some(number) = (from..near).find(|&number| self.kept(number)) {
            return Some(number);
        }
        let product_end = self.base + self.grid.product_size();
        let mut from = near;
        while from < end.min(product_end) {
            // Every point that an older generation includes is a gap that the tests do not see.
            match self.search(true, None, from, end.min(product_end)) {
                Some(number) if self.kept(number) => return Some(number),
                Some(number) => from = number + 1,
                None => break,
            }
        }
        (near.max(product_end)..end).find(|&number| self.kept(number))
    }

    /// The first kept number in `from..end`, all of this generation, that may be within the limits.
    pub(super) fn next_fitting(&self, from: u64, end: u64, limits: &CostLimits) -> Option<u64> {
        let end = end.min(self.end());
        let product_end = self.base + self.grid.product_size();
        let found = self.grid.with_limits(limits, |fits| {
            let mut from = from;
            while from < end.min(product_end) {
                // As in the search for any kept number.
                match self.search(true, fits, from, end.min(product_end)) {
                    Some(number) if self.kept(number) => return Some(number),
                    Some(number) => from = number + 1,
                    None => break,
                }
            }
            None
        });
        found.or_else(|| (from.max(product_end)..end).find(|&number| self.kept(number)))
    }

    /// The end of the run of kept numbers that begins at `start`, at most `cap`, which is within this
    /// generation.
    pub(super) fn run_end(&self, start: u64, cap: u64) -> u64 {
        let near = start.saturating_add(NEAR).min(cap);
        if let Some(gap) = (start..near).find(|&number| !self.kept(number)) {
            return gap;
        }
        let product_end = (self.base + self.grid.product_size()).min(cap);
        if near >= product_end {
            return (near..cap)
                .find(|&number| !self.kept(number))
                .unwrap_or(cap);
        }
        let gap = self
            .search(false, None, near, product_end)
            .unwrap_or(product_end);
        let extra = self.older.and_then(|older| {
            let index = older.extra.range(near - self.base..).next()?;
            Some(self.base + index)
        });
        gap.min(extra.unwrap_or(gap))
    }

    /// The first number of the product in `from..end` at which the tests say `kept`; `more` is one more of them.
    fn search(&self, kept: bool, more: Option<&dyn Test>, from: u64, end: u64) -> Option<u64> {
        let held = self
            .older
            .map(|older| All::new(older.tests.iter().map(|test| test as &dyn Test).collect()));
        let fresh = held.as_ref().map(|held| Not(held));
        let mut parts = self.grid.tests();
        parts.extend(fresh.as_ref().map(|fresh| fresh as &dyn Test));
        parts.extend(more);
        let wanted = if kept {
            Wanted::Passing
        } else {
            Wanted::Failing
        };
        let radix = &self.grid.layout().radix;
        let range = (from - self.base, end - self.base);
        first_of_counted(radix, &parts, wanted, range).map(|index| self.base + index)
    }
}
