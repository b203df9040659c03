//! The numbers of a run folder: generations of a growing sweep, one after the other.
//!
//! A point's number is its generation's base plus its index in that generation's grid. Points that the
//! generation before holds keep their old number; their new index is a gap. Every generation contains the
//! ones before it, so one look back is enough.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::difference;
use super::older::Older;
use super::part::GenerationNumbers;
use super::verified::Verified;
use crate::cost::Cost;
use crate::error::{Mistake, SweepError};
use crate::grid::{CostLimits, Grid, MAX_NUMBERS, keep_on};
use crate::intervals::IntervalSet;
use crate::point::{Point, TrialId};
use crate::value::Value;

/// Largest canonical texts of all generations together: a worker gets them in one message, of at most 512 MiB.
const MAX_FOLDER_BYTES: usize = 256 << 20;

/// One accepted spec of a folder.
#[derive(Clone, Debug)]
pub struct Generation {
    /// The number of its index 0.
    pub base: u64,
    pub grid: Arc<Grid>,
}

/// What growing a folder did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// The folder has every point already; nothing has changed.
    Same,
    /// A generation was added.
    Grown,
}

/// The numbering of a run folder. Numbers are never reused; gaps cost nothing.
#[derive(Clone)]
pub struct Folder {
    generations: Vec<Generation>,
    /// One a generation; `None` for the first.
    older: Vec<Option<Arc<Older>>>,
    verified: Verified,
}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.generations).finish()
    }
}

impl Folder {
    pub fn new(first: Arc<Grid>) -> Folder {
        let fresh = if first.spec().verify() > 0 {
            first.count()
        } else {
            0
        };
        let mut folder = Folder {
            generations: vec![Generation {
                base: 0,
                grid: first,
            }],
            older: vec![None],
            verified: Verified::default(),
        };
        folder.choose(fresh);
        folder
    }

    /// Chooses among the newest generation's trials, of which `fresh` are new.
    fn choose(&mut self, fresh: u64) {
        let wanted = self.newest().spec().verify();
        let mut verified = std::mem::take(&mut self.verified);
        verified.add(&self.part(self.generations.len() - 1), fresh, wanted);
        self.verified = verified;
    }

    /// Adds a generation, if `grid` has points that the folder lacks.
    ///
    /// # Errors
    /// A grid that lacks a point of the newest generation, naming the first key that differs; more than 2^63
    /// numbers; points that take more than [`crate::MAX_WORK`] to compare. The folder is unchanged then.
    pub fn grow(&mut self, grid: Arc<Grid>) -> Result<Growth, SweepError> {
        self.grow_until(grid, &keep_on)
    }

    /// As [`Folder::grow`], for a caller that may not want the answer any more: `stop` is asked every millisecond
    /// or so.
    ///
    /// # Errors
    /// As [`Folder::grow`], and [`Mistake::Stopped`].
    pub fn grow_until(
        &mut self,
        grid: Arc<Grid>,
        stop: &dyn Fn() -> bool,
    ) -> Result<Growth, SweepError> {
        let newest = self.newest();
        if grid.hash() == newest.hash() {
            return Ok(Growth::Same);
        }
        let Some(older) = Older::between(newest, &grid, stop)? else {
            return Err(difference::error(newest, &grid));
        };
        let fresh = grid.count() - newest.count();
        if fresh == 0 {
            return Ok(Growth::Same);
        }
        let texts = self
            .generations
            .iter()
            .map(|own| own.grid.canonical_bytes());
        let bytes = texts.sum::<usize>() + grid.canonical_bytes();
        if bytes > MAX_FOLDER_BYTES {
            return Err(SweepError::new(Mistake::FolderTooLong {
                bytes,
                limit: MAX_FOLDER_BYTES,
            })
            .help("give the new sweep a name or a folder of its own"));
        }
        let base = self.end();
        let end = base.checked_add(grid.size());
        if end.is_none_or(|end| end > MAX_NUMBERS) {
            return Err(Mistake::GridTooLarge.into());
        }
        self.generations.push(Generation { base, grid });
        self.older.push(Some(Arc::new(older)));
        self.choose(fresh);
        Ok(Growth::Grown)
    }

    /// Refuses a grid with points that single precision cannot hold, unless the newest generation has such points:
    /// a folder that was begun with them grows. `stop` is asked every millisecond or so.
    ///
    /// # Errors
    /// As [`Grid::refuse_when_new`].
    pub fn refuse_when_new(&self, grid: &Grid, stop: &dyn Fn() -> bool) -> Result<(), SweepError> {
        let Err(error) = grid.refuse_when_new(stop) else {
            return Ok(());
        };
        match self.newest().refuse_when_new(stop) {
            Ok(()) => Err(error),
            Err(_) => Ok(()),
        }
    }

    /// One past the largest number.
    pub fn end(&self) -> u64 {
        let last = &self.generations[self.generations.len() - 1];
        last.base + last.grid.size()
    }

    /// Number of points, each counted once: those of the newest grid, which contains all others.
    pub fn count(&self) -> u64 {
        self.newest().count()
    }

    /// Whether `number` is a trial of the folder.
    pub fn kept(&self, number: u64) -> bool {
        self.generation_of(number)
            .is_some_and(|generation| self.part(generation).kept(number))
    }

    /// The first kept number in `from..end`.
    pub fn next_kept(&self, from: u64, end: u64) -> Option<u64> {
        let mut from = from;
        while from < end {
            let part = self.part(self.generation_of(from)?);
            if let Some(number) = part.next(from, end) {
                return Some(number);
            }
            from = part.end();
        }
        None
    }

    /// The first run of kept numbers in `from..end`, cut to `max_len` numbers (at least one). A run need not
    /// be maximal: it ends where a generation ends.
    pub fn kept_run(&self, from: u64, end: u64, max_len: u64) -> Option<Range<u64>> {
        let start = self.next_kept(from, end)?;
        let part = self.part(self.generation_of(start)?);
        let cap = start
            .saturating_add(max_len.max(1))
            .min(end)
            .min(part.end());
        Some(start..part.run_end(start, cap))
    }

    /// The first kept number in `from..end` whose cost may be within the limits: what lies before it is left out, or is
    /// outside of them. What a comparison adds is not looked at.
    pub fn next_fitting(&self, from: u64, end: u64, limits: &CostLimits) -> Option<u64> {
        let mut from = from;
        while from < end {
            let part = self.part(self.generation_of(from)?);
            if let Some(number) = part.next_fitting(from, end, limits) {
                return Some(number);
            }
            from = part.end();
        }
        None
    }

    /// The grid that a number belongs to, and its index there; `None` from [`Folder::end`] on.
    pub fn grid_of(&self, number: u64) -> Option<(&Arc<Grid>, u64)> {
        let generation = &self.generations[self.generation_of(number)?];
        Some((&generation.grid, number - generation.base))
    }

    /// Position of a number's generation in [`Folder::generations`].
    pub fn generation_of(&self, number: u64) -> Option<usize> {
        if number >= self.end() {
            return None;
        }
        let after = self
            .generations
            .partition_point(|generation| generation.base <= number);
        after.checked_sub(1)
    }

    /// In order of their bases.
    pub fn generations(&self) -> &[Generation] {
        &self.generations
    }

    /// The newest grid, which holds every point of the folder.
    pub fn newest(&self) -> &Arc<Grid> {
        &self.generations[self.generations.len() - 1].grid
    }

    /// The point of a number.
    ///
    /// # Errors
    /// A number that is not below [`Folder::end`].
    pub fn point(&self, number: u64) -> Result<Point, SweepError> {
        let (grid, index) = self.place(number)?;
        grid.point(index)
    }

    /// As [`Grid::resolve_into`].
    ///
    /// # Errors
    /// As [`Folder::point`].
    pub fn resolve_into(
        &self,
        number: u64,
        values: &mut Vec<Option<Value>>,
    ) -> Result<(), SweepError> {
        let (grid, index) = self.place(number)?;
        grid.resolve_into(index, values)
    }

    /// The identity of a number's point.
    ///
    /// # Errors
    /// As [`Folder::point`].
    pub fn id_of(&self, number: u64) -> Result<TrialId, SweepError> {
        let (grid, index) = self.place(number)?;
        grid.id_of(index)
    }

    /// The experiment of a number, ready to run.
    ///
    /// # Errors
    /// As [`Grid::trial`].
    pub fn trial(&self, number: u64) -> Result<dln::Trial, SweepError> {
        let (grid, index) = self.place(number)?;
        grid.trial(index)
    }

    /// The number of a point; `None` if the folder does not hold it.
    pub fn locate(&self, point: &Point) -> Option<u64> {
        // The first generation that has it numbered it.
        self.generations.iter().find_map(|generation| {
            let index = generation.grid.locate(point)?;
            Some(generation.base + index)
        })
    }

    /// The trials that are compared on both engines.
    pub fn verified(&self) -> &Verified {
        &self.verified
    }

    /// Predicted cost of a trial, a comparison of both engines included; nothing from [`Folder::end`] on.
    pub fn cost(&self, number: u64) -> Cost {
        let alone = self
            .grid_of(number)
            .map_or_else(Cost::default, |(grid, index)| grid.cost(index));
        match self.verified.cost(number) {
            Some(comparison) => alone.and(comparison),
            None => alone,
        }
    }

    /// Predicted working memory of a trial, without a comparison: a worker that cannot hold one leaves it out.
    pub fn bytes(&self, number: u64) -> f64 {
        self.grid_of(number)
            .map_or(0.0, |(grid, index)| grid.cost(index).bytes)
    }

    /// Predicted cost of all trials and comparisons.
    pub fn total_cost(&self) -> Cost {
        self.newest().total_cost().and(self.verified.total())
    }

    /// Predicted cost of a set of numbers.
    pub fn cost_of(&self, numbers: &IntervalSet) -> Cost {
        let mut cost = Cost::default();
        for run in numbers.runs() {
            let mut at = run.start;
            while at < run.end {
                let end = self.constant_run(at).clamp(at + 1, run.end);
                cost = cost.and(self.cost(at).times(end - at));
                at = end;
            }
        }
        cost
    }

    /// End of a run of numbers from `number` on whose predicted costs are the same.
    pub fn constant_run(&self, number: u64) -> u64 {
        match self.grid_of(number) {
            Some((grid, index)) => {
                let end = number - index + grid.constant_run(index);
                self.verified.cut(number, end)
            }
            None => number.saturating_add(1),
        }
    }

    fn place(&self, number: u64) -> Result<(&Arc<Grid>, u64), SweepError> {
        self.grid_of(number).ok_or_else(|| {
            Mistake::IndexOutside {
                index: number,
                size: self.end(),
            }
            .into()
        })
    }

    fn part(&self, generation: usize) -> GenerationNumbers<'_> {
        GenerationNumbers {
            base: self.generations[generation].base,
            grid: &self.generations[generation].grid,
            older: self.older[generation].as_deref(),
        }
    }
}
