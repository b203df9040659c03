//! Where each number of one sweep stands: open, suspected, leased, closed. Who works on a lease, and what a lease should
//! hold, is decided elsewhere.
//!
//! A number is in exactly one of
//! - `open`: to be run, or not looked at yet (numbers that are not kept are found when they are met);
//! - `doubtful`: to be run in a small lease, since a worker died that held it;
//! - `last_chance`: to be run alone, since the next death would be its last;
//! - `owners`: leased;
//! - `closed`: it has a row (`failed` where the row says so), or is not kept.

use std::collections::VecDeque;
use std::ops::Range;

use sweep::IntervalSet;

use crate::owners::Owners;
use crate::{LeaseId, Work, sets};

/// The numbers of one sweep.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) end: u64,
    pub(crate) open: IntervalSet,
    pub(crate) doubtful: IntervalSet,
    pub(crate) last_chance: IntervalSet,
    pub(crate) owners: Owners,
    pub(crate) closed: IntervalSet,
    pub(crate) failed: IntervalSet,
    /// `blame[i]`: numbers that were in `i + 1` leases whose workers died. Those of the last set get their last chance.
    pub(crate) blame: Vec<IntervalSet>,
    /// `tried[i]`: numbers that ran `i + 1` times when a worker died; more often counts as often as the last.
    pub(crate) tried: Vec<IntervalSet>,
    /// How doubtful numbers are cut into leases. Numbers in here that are no longer doubtful are passed over.
    groups: VecDeque<Group>,
    /// Kept numbers among the closed.
    pub(crate) done: u64,
}

#[derive(Debug)]
struct Group {
    numbers: IntervalSet,
    /// Numbers in one lease.
    size: u64,
}

/// What closing numbers led to.
pub(crate) struct Closing {
    /// Those that were not closed before.
    pub(crate) fresh: IntervalSet,
    /// Those of them that were leased, with their lease.
    pub(crate) held: Vec<(Range<u64>, LeaseId)>,
}

impl Pool {
    /// A sweep of numbers `0..end`. A number that has caused `attempts` deaths is not run again (at least two).
    pub(crate) fn new(end: u64, done: &IntervalSet, failed: &IntervalSet, attempts: u32) -> Pool {
        let failed = failed.intersect_range(0..end);
        let mut closed = done.intersect_range(0..end);
        closed.union(&failed);
        let open = sets::gaps(&closed, 0..end).collect();
        let levels = usize::try_from(attempts.max(2) - 1).unwrap_or(1);
        Pool {
            end,
            open,
            doubtful: IntervalSet::new(),
            last_chance: IntervalSet::new(),
            owners: Owners::default(),
            done: closed.len(),
            closed,
            failed,
            blame: vec![IntervalSet::new(); levels],
            tried: vec![IntervalSet::new(); levels],
            groups: VecDeque::new(),
        }
    }

    pub(crate) fn grow(&mut self, end: u64) {
        if end > self.end {
            self.open.insert(self.end..end);
            self.end = end;
        }
    }

    /// Whether a lease could be made.
    pub(crate) fn has_work(&self) -> bool {
        !(self.open.is_empty() && self.doubtful.is_empty() && self.last_chance.is_empty())
    }

    /// Kept numbers that wait to be run.
    pub(crate) fn pending(&self, work: &dyn Work) -> u64 {
        work.count()
            .saturating_sub(self.done)
            .saturating_sub(self.owners.len())
    }

    /// Whether every kept number is closed. Numbers that are not kept are closed on the way.
    pub(crate) fn exhausted(&mut self, work: &dyn Work) -> bool {
        self.owners.is_empty()
            && self.doubtful.is_empty()
            && self.last_chance.is_empty()
            && self.first_open(work, 1).is_none()
    }

    /// The first run of open kept numbers, cut to `max_len`. Numbers before it that are not kept are closed.
    pub(crate) fn first_open(&mut self, work: &dyn Work, max_len: u64) -> Option<Range<u64>> {
        self.next_open(work, 0, max_len)
    }

    /// As [`Pool::first_open`], of the numbers from `from` on.
    pub(crate) fn next_open(
        &mut self,
        work: &dyn Work,
        from: u64,
        max_len: u64,
    ) -> Option<Range<u64>> {
        loop {
            let run = self.open.runs_within(from..self.end).next()?;
            let kept = work
                .kept_run(run.start, run.end, max_len.max(1))
                .filter(|kept| kept.start >= run.start && kept.start < kept.end.min(run.end));
            let skipped = run.start..kept.as_ref().map_or(run.end, |kept| kept.start);
            if !skipped.is_empty() {
                self.open.remove(skipped.clone());
                self.closed.insert(skipped);
            }
            if let Some(kept) = kept {
                return Some(kept.start..kept.end.min(run.end));
            }
        }
    }

    /// Closes kept numbers: they have a row now.
    pub(crate) fn close(&mut self, numbers: &IntervalSet) -> Closing {
        let fresh = sets::minus(numbers, &self.closed);
        let mut held = Vec::new();
        for run in fresh.runs() {
            held.extend(self.owners.remove(run.clone()));
            self.open.remove(run.clone());
            self.doubtful.remove(run.clone());
            self.last_chance.remove(run.clone());
            for level in self.blame.iter_mut().chain(&mut self.tried) {
                level.remove(run.clone());
            }
            self.closed.insert(run);
        }
        self.done += fresh.len();
        Closing { fresh, held }
    }

    /// Opens failed numbers again, with a clean record. Returns those that were failed.
    pub(crate) fn reopen(&mut self, numbers: &IntervalSet) -> IntervalSet {
        let again = numbers.intersection(&self.failed);
        self.failed.subtract(&again);
        self.closed.subtract(&again);
        self.open.union(&again);
        self.done -= again.len();
        again
    }

    /// Workers that died with number `n` in a lease that they had begun.
    pub(crate) fn deaths(&self, n: u64) -> u32 {
        level_of(&self.blame, n)
    }

    /// Workers that died while number `n` ran, as far as is known.
    pub(crate) fn tries(&self, n: u64) -> u32 {
        level_of(&self.tried, n)
    }

    /// Whether a worker died that held one of these numbers.
    pub(crate) fn is_blamed(&self, numbers: &IntervalSet) -> bool {
        self.blame
            .iter()
            .any(|level| !level.intersection(numbers).is_empty())
    }

    /// A worker died that held these numbers, and ran those `tried`. No number gets past its last chance here.
    pub(crate) fn blame(&mut self, numbers: &IntervalSet, tried: &IntervalSet) {
        raise(&mut self.blame, numbers);
        raise(&mut self.tried, tried);
    }

    /// The worker had not died: takes one death back from each of these numbers, and one try from those `tried`.
    pub(crate) fn forgive(&mut self, numbers: &IntervalSet, tried: &IntervalSet) {
        lower(&mut self.blame, numbers);
        lower(&mut self.tried, tried);
        let mut waiting = self.doubtful.intersection(numbers);
        waiting.union(&self.last_chance.intersection(numbers));
        if !waiting.is_empty() {
            self.doubtful.subtract(&waiting);
            self.last_chance.subtract(&waiting);
            self.put_back(&waiting, waiting.len().isqrt());
        }
    }

    /// Numbers that nobody holds any more are to be run, each as its record asks for; doubtful ones in leases of `size`.
    pub(crate) fn put_back(&mut self, numbers: &IntervalSet, size: u64) {
        if numbers.is_empty() {
            return;
        }
        let top = self.blame.len() - 1;
        let last_chance = self.blame[top].intersection(numbers);
        let mut doubtful = IntervalSet::new();
        for level in &self.blame[..top] {
            doubtful.union(&level.intersection(numbers));
        }
        let mut open = numbers.clone();
        open.subtract(&last_chance);
        open.subtract(&doubtful);
        self.open.union(&open);
        self.last_chance.union(&last_chance);
        self.doubtful.union(&doubtful);
        if !doubtful.is_empty() {
            self.groups.push_back(Group {
                numbers: doubtful,
                size: size.max(1),
            });
        }
    }

    /// Takes doubtful numbers for one lease, and the size they were cut to.
    pub(crate) fn take_group(&mut self) -> Option<(IntervalSet, u64)> {
        while let Some(group) = self.groups.front_mut() {
            let mut taken = IntervalSet::new();
            let mut looked_at = IntervalSet::new();
            for run in group.numbers.runs() {
                let here = self.doubtful.intersect_range(run.clone());
                let here = sets::first(&here, group.size - taken.len());
                taken.union(&here);
                if taken.len() == group.size {
                    let end = sets::end(&here).unwrap_or(run.end);
                    looked_at.insert(run.start..end);
                    break;
                }
                looked_at.insert(run);
            }
            group.numbers.subtract(&looked_at);
            let size = group.size;
            if group.numbers.is_empty() {
                self.groups.pop_front();
            }
            if !taken.is_empty() {
                self.doubtful.subtract(&taken);
                return Some((taken, size));
            }
        }
        None
    }

    /// Puts back what [`Pool::take_group`] took, to be taken after the others.
    pub(crate) fn postpone_group(&mut self, numbers: IntervalSet, size: u64) {
        self.doubtful.union(&numbers);
        self.groups.push_back(Group { numbers, size });
    }

    /// Takes those of `numbers` that wait, whatever their record.
    pub(crate) fn claim(&mut self, numbers: &IntervalSet) -> IntervalSet {
        let mut claimed = IntervalSet::new();
        for waiting in [&mut self.open, &mut self.doubtful, &mut self.last_chance] {
            let here = waiting.intersection(numbers);
            waiting.subtract(&here);
            claimed.union(&here);
        }
        claimed
    }

    /// Whether some group holds every doubtful number; else it would wait for ever.
    pub(crate) fn groups_cover(&self) -> bool {
        let mut bare = self.doubtful.clone();
        for group in &self.groups {
            bare.subtract(&group.numbers);
        }
        bare.is_empty()
    }
}

/// The level that a number is at, from 1; 0 for none.
fn level_of(levels: &[IntervalSet], n: u64) -> u32 {
    levels
        .iter()
        .zip(1..)
        .find(|(level, _)| level.contains(n))
        .map_or(0, |(_, level)| level)
}

/// Moves numbers one level up; those of the last stay.
fn raise(levels: &mut [IntervalSet], numbers: &IntervalSet) {
    let top = levels.len() - 1;
    let mut rest = numbers.clone();
    // From the top down, so that none moves twice.
    for level in (0..=top).rev() {
        let here = levels[level].intersection(&rest);
        rest.subtract(&here);
        if level < top {
            levels[level].subtract(&here);
            levels[level + 1].union(&here);
        }
    }
    levels[0].union(&rest);
}

/// Moves numbers one level down, and out of the first.
fn lower(levels: &mut [IntervalSet], numbers: &IntervalSet) {
    let mut rest = numbers.clone();
    for level in 0..levels.len() {
        let here = levels[level].intersection(&rest);
        rest.subtract(&here);
        levels[level].subtract(&here);
        if let Some(below) = level.checked_sub(1) {
            levels[below].union(&here);
        }
    }
}
