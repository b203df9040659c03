//! The numbered points of a sweep.
//!
//! This file owns what others ask of a grid. How indices become values is in `templates`, how boxes of points
//! are tested, searched and counted in `conditions`, `canonical`, `search` and `count`; predicted cost is in
//! `crate::cost`.

use std::fmt;
use std::sync::Arc;

use super::cached::Cached;
use super::includes::Includes;
use super::kept_costs::Costs;
use super::layout::{Layout, too_large};
use super::refusal;
use super::region::{Test, Wanted};
use super::search::first_of_counted;
use super::work::{MAX_WORK, Meter, keep_on};
use super::{canonical, checks, conditions, count};
use crate::error::{Mistake, SweepError};
use crate::point::{CHECKS, ENGINE, Point, TrialId};
use crate::refs::Arrays;
use crate::spec::Spec;
use crate::value::Value;

/// Indices looked at one by one before a search: a filter that leaves out every other point is walked, not
/// searched.
const NEAR: u64 = 32;

/// One past the largest number of a trial: tables and journals hold numbers as signed ones of 64 bits.
pub const MAX_NUMBERS: u64 = i64::MAX.cast_unsigned();

/// Largest canonical text of a sweep ([`Spec::to_toml`]): as large as a sweep file may be. It goes into one message
/// of the wire, into the journal of the run folder, and to every worker.
pub const MAX_CANONICAL_BYTES: usize = 16 << 20;

/// A sweep with its files: the points `0..size()`, of which those are run that are kept.
///
/// The product of the axes comes first, the last axis fastest; then the points of `include`. Memory does not
/// depend on the size.
pub struct Grid {
    layout: Arc<Layout>,
    kept: Vec<Cached>,
    includes: Includes,
    size: u64,
    /// Kept points of the product.
    kept_count: u64,
    costs: Costs,
    hash: String,
    canonical_bytes: usize,
}

impl fmt::Debug for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grid")
            .field("name", &self.layout.spec.name)
            .field("size", &self.size)
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

impl Grid {
    /// Checks the sweep as a whole: files that are not loaded, ranks, ranges, lists and shapes that do not
    /// fit, engines that cannot serve. What depends on combinations of more than 100,000 values is checked at
    /// their corners, and else at the trial. Counts the trials.
    ///
    /// # Errors
    /// The first mistake with its place; a grid of more than [`MAX_NUMBERS`] points; trials that take more than [`MAX_WORK`] to
    /// count.
    pub fn new(spec: Spec, arrays: Arrays) -> Result<Grid, SweepError> {
        Grid::new_until(spec, arrays, &keep_on)
    }

    /// As [`Grid::new`], for a caller that may not want the answer any more: `stop` is asked every millisecond or
    /// so.
    ///
    /// # Errors
    /// As [`Grid::new`], and [`Mistake::Stopped`].
    pub fn new_until(
        spec: Spec,
        arrays: Arrays,
        stop: &dyn Fn() -> bool,
    ) -> Result<Grid, SweepError> {
        let text = spec.to_toml();
        if text.len() > MAX_CANONICAL_BYTES {
            return Err(too_long(text.len()));
        }
        let hash = hash(&spec.grid_toml(), &spec, &arrays);
        let layout = Arc::new(Layout::new(spec, arrays)?);
        let mut tests = conditions::tests(&layout.spec.filter, &layout);
        tests.extend(canonical::tests(&layout));
        let kept: Vec<Cached> = tests
            .into_iter()
            .map(|test| Cached::new(test, &layout.radix))
            .collect();
        let parts: Vec<&dyn Test> = kept.iter().map(|test| test as &dyn Test).collect();
        let kept_count = count::count_all(&layout.radix, &parts, &Meter::new(MAX_WORK, stop))
            .map_err(|spent| refusal::error(&layout, spent))?;
        let every = CHECKS.iter().chain([&ENGINE]);
        checks::run(every, &layout, &kept, &Meter::new(MAX_WORK, stop))?;
        let includes = Includes::new(&layout, &|point| {
            product_index(&layout, &kept, point).is_some()
        })?;
        let size = layout
            .radix
            .size()
            .checked_add(includes.len())
            .filter(|&size| size <= MAX_NUMBERS)
            .ok_or_else(|| too_large(&layout.spec))?;
        Ok(Grid {
            costs: Costs::new(&layout),
            hash,
            canonical_bytes: text.len(),
            layout,
            kept,
            includes,
            size,
            kept_count,
        })
    }

    pub fn spec(&self) -> &Spec {
        &self.layout.spec
    }

    /// The files' arrays.
    pub fn arrays(&self) -> &Arrays {
        &self.layout.arrays
    }

    /// Number of indices, kept or not.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Number of kept points. Filters are counted over the axes that they name alone.
    pub fn count(&self) -> u64 {
        self.product_count() + self.includes.len()
    }

    /// Whether the point at `index` is run: no filter leaves it out, and no point before it is equal. Points
    /// of `include` always are.
    pub fn kept(&self, index: u64) -> bool {
        if index >= self.product_size() {
            return index < self.size;
        }
        is_kept(&self.layout, &self.kept, index)
    }

    /// The first kept index in `from..end`.
    pub fn next_kept(&self, from: u64, end: u64) -> Option<u64> {
        let end = end.min(self.size);
        let near = from.saturating_add(NEAR).min(end);
        if let Some(index) = (from..near).find(|&index| self.kept(index)) {
            return Some(index);
        }
        let range = (near, end);
        let found = first_of_counted(&self.layout.radix, &self.tests(), Wanted::Passing, range);
        found.or_else(|| {
            let included = near.max(self.product_size());
            (included < end).then_some(included)
        })
    }

    /// The point at `index`.
    ///
    /// # Errors
    /// An index that is not below [`Grid::size`].
    pub fn point(&self, index: u64) -> Result<Point, SweepError> {
        if index < self.product_size() {
            return Ok(self.layout.point(index));
        }
        self.includes
            .point(&self.layout, index - self.product_size())
            .ok_or_else(|| self.outside(index))
    }

    /// Writes the values of the point at `index`, one a key, into a vector that is used again and again: the
    /// points of one lease then cost next to no allocation.
    ///
    /// # Errors
    /// As [`Grid::point`].
    pub fn resolve_into(
        &self,
        index: u64,
        values: &mut Vec<Option<Value>>,
    ) -> Result<(), SweepError> {
        if index < self.product_size() {
            self.layout.resolve_into(index, values);
        } else {
            values.clear();
            values.extend_from_slice(self.point(index)?.values());
        }
        Ok(())
    }

    /// Writes what the parameter columns of the row at `index` hold ([`Point::row`]), as [`Grid::resolve_into`] does.
    ///
    /// # Errors
    /// As [`Grid::point`].
    pub fn row_into(&self, index: u64, values: &mut Vec<Option<Value>>) -> Result<(), SweepError> {
        if index < self.product_size() {
            self.layout.row_into(index, values);
        } else {
            values.clear();
            values.extend_from_slice(&self.point(index)?.row());
        }
        Ok(())
    }

    /// The identity of the point at `index`, the same as [`Point::id`].
    ///
    /// # Errors
    /// As [`Grid::point`].
    pub fn id_of(&self, index: u64) -> Result<TrialId, SweepError> {
        if index < self.product_size() {
            return Ok(self.layout.id_of(index));
        }
        Ok(self.point(index)?.trial_id())
    }

    /// The experiment at `index`, ready to run.
    ///
    /// # Errors
    /// As [`Grid::point`], and what [`Point::trial`] refuses.
    pub fn trial(&self, index: u64) -> Result<dln::Trial, SweepError> {
        self.trial_in(index, &mut Vec::new())
    }

    /// As [`Grid::trial`], by way of a vector that is used again and again, as [`Grid::resolve_into`] does.
    ///
    /// # Errors
    /// As [`Grid::trial`].
    pub fn trial_in(
        &self,
        index: u64,
        slots: &mut Vec<Option<Value>>,
    ) -> Result<dln::Trial, SweepError> {
        if index >= self.product_size() {
            return self.point(index)?.trial(&self.layout.arrays);
        }
        self.layout.slots_of(index, slots);
        crate::point::trial(slots, &self.layout.arrays).map_err(crate::point::Fault::without_place)
    }

    /// The index of a point; `None` if the grid does not hold it, or does not keep it.
    pub fn locate(&self, point: &Point) -> Option<u64> {
        if point.values().len() != crate::keys::keys().len() {
            return None;
        }
        product_index(&self.layout, &self.kept, point).or_else(|| {
            let i = self.includes.find(&point.trial_id())?;
            Some(self.product_size() + i)
        })
    }

    /// Hash of the canonical spec and of the content of its files, `blake3:<hex>`.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Size of the canonical text.
    pub(crate) fn canonical_bytes(&self) -> usize {
        self.canonical_bytes
    }

    pub(crate) fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    pub(super) fn includes(&self) -> &Includes {
        &self.includes
    }

    /// The tests that a kept point of the product passes.
    pub(super) fn cached(&self) -> &[Cached] {
        &self.kept
    }

    pub(crate) fn costs(&self) -> &Costs {
        &self.costs
    }

    /// Points of the product of the axes, which come before those of `include`.
    pub(crate) fn product_size(&self) -> u64 {
        self.layout.radix.size()
    }

    /// Kept points of the product.
    pub(crate) fn product_count(&self) -> u64 {
        self.kept_count
    }

    /// The tests that a kept point of the product passes.
    pub(crate) fn tests(&self) -> Vec<&dyn Test> {
        self.kept.iter().map(|test| test as &dyn Test).collect()
    }

    fn outside(&self, index: u64) -> SweepError {
        Mistake::IndexOutside {
            index,
            size: self.size,
        }
        .into()
    }
}

fn is_kept(layout: &Layout, kept: &[Cached], index: u64) -> bool {
    kept.iter().all(|test| test.holds_at(&layout.radix, index))
}

fn product_index(layout: &Layout, kept: &[Cached], point: &Point) -> Option<u64> {
    let digits = layout.find(point.values())?;
    let index = layout.radix.index(&digits);
    is_kept(layout, kept, index).then_some(index)
}

fn too_long(bytes: usize) -> SweepError {
    SweepError::new(Mistake::SweepTooLong {
        bytes,
        limit: MAX_CANONICAL_BYTES,
    })
    .help(
        "write long lists as range, lin or log, leave points out by `where` instead of `exclude`, or split the sweep",
    )
}

fn hash(text: &str, spec: &Spec, arrays: &Arrays) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(text.as_bytes());
    for file in spec.file_names() {
        let content = arrays.hash_of_file(&file).unwrap_or("");
        for part in [file.as_str(), content] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
    }
    format!("blake3:{}", hasher.finalize().to_hex())
}
