//! The work that counting and searching may take, counted in questions instead of seconds: the same sweep is
//! accepted or refused on every machine.
//!
//! Leaves to `model` and `crate::growth` what a refusal says.

use std::cell::Cell;

use super::region::{Region, Test, Verdict};

/// Questions that counting the trials of one sweep may take. A question, put to one filter about one box of
/// points, takes about a microsecond, so a sweep is planned or refused within some ten seconds. A filter that is
/// settled by the edges of its boxes takes thousands.
pub const MAX_WORK: u64 = 4_000_000;

/// Steps of a sum over residues that count as one question: each is an addition in an array.
const STEPS: u64 = 64;

/// Questions between two looks at whether the caller still wants the answer: a millisecond.
const PATIENCE: u64 = 1024;

/// Why counting or searching ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spent {
    /// It takes more work than allowed.
    Work,
    /// The caller asked to stop.
    Stopped,
}

/// Counts questions, and ends the work when there are too many or when the caller does not want it any more.
pub(crate) struct Meter<'a> {
    left: Cell<u64>,
    stop: &'a dyn Fn() -> bool,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(work: u64, stop: &'a dyn Fn() -> bool) -> Meter<'a> {
        Meter {
            left: Cell::new(work),
            stop,
        }
    }

    /// A meter of its own with at most `work` of what is left here.
    pub(crate) fn part(&self, work: u64) -> Meter<'a> {
        Meter::new(work.min(self.left.get()), self.stop)
    }

    /// # Errors
    /// [`Spent`] once the work is used up or nobody wants it.
    pub(crate) fn spend(&self, questions: u64) -> Result<(), Spent> {
        let before = self.left.get();
        let Some(left) = before.checked_sub(questions) else {
            self.left.set(0);
            return Err(Spent::Work);
        };
        self.left.set(left);
        if before / PATIENCE != left / PATIENCE && (self.stop)() {
            return Err(Spent::Stopped);
        }
        Ok(())
    }

    /// As [`Meter::spend`], for additions instead of questions.
    ///
    /// # Errors
    /// As [`Meter::spend`].
    pub(crate) fn spend_steps(&self, steps: u64) -> Result<(), Spent> {
        self.spend(steps / STEPS + 1)
    }

    /// Puts one question.
    ///
    /// # Errors
    /// As [`Meter::spend`].
    pub(crate) fn ask(&self, test: &dyn Test, region: &Region) -> Result<Verdict, Spent> {
        self.spend(test.weight())?;
        Ok(test.verdict(region))
    }
}

/// Never stops.
pub(crate) fn keep_on() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_ends_and_callers_leave() {
        let meter = Meter::new(3, &keep_on);
        assert_eq!(meter.spend(2), Ok(()));
        assert_eq!(meter.part(10).spend(2), Err(Spent::Work));
        assert_eq!(meter.spend(1), Ok(()));
        assert_eq!(meter.spend(1), Err(Spent::Work));

        let stop = || true;
        let meter = Meter::new(MAX_WORK, &stop);
        let ended = (0..10_000).find_map(|_| meter.spend(1).err());
        assert_eq!(ended, Some(Spent::Stopped));
    }
}
