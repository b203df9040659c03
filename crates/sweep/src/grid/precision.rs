//! What is asked of a sweep when it is new: numbers that single precision cannot hold, samples that train and test.
//!
//! What is refused is in `crate::point`. A folder that holds such points opens, continues and grows.

use super::checks;
use super::model::Grid;
use super::work::{MAX_WORK, Meter};
use crate::error::SweepError;
use crate::point::{PRECISION, WHEN_NEW};

impl Grid {
    /// Refuses points that earlier programs took and that nobody should begin: those that are to be trained in single
    /// precision with numbers that it cannot hold, about which the engines would disagree, and those that test on
    /// samples they train on. `stop` is asked every millisecond or so.
    ///
    /// # Errors
    /// The first such point, at the value of its axis, with the key and the cure.
    pub fn refuse_when_new(&self, stop: &dyn Fn() -> bool) -> Result<(), SweepError> {
        let layout = self.layout();
        let meter = Meter::new(MAX_WORK, stop);
        let all = PRECISION.iter().chain(WHEN_NEW);
        checks::run(all, layout, self.cached(), &meter)?;
        self.includes().check(layout, PRECISION)?;
        self.includes().check(layout, WHEN_NEW)
    }
}
