//! Points that single precision cannot hold, asked of a sweep when it is new.
//!
//! Which numbers those are is in `crate::point`. A folder that holds such points opens, continues and grows.

use super::checks;
use super::model::Grid;
use super::work::{MAX_WORK, Meter};
use crate::error::SweepError;
use crate::point::PRECISION;

impl Grid {
    /// Refuses points that are to be trained in single precision with numbers that it cannot hold: the engines would
    /// disagree about them. `stop` is asked every millisecond or so.
    ///
    /// # Errors
    /// The first such point, at the value of its axis, with the key and the cure.
    pub fn refuse_lost_precision(&self, stop: &dyn Fn() -> bool) -> Result<(), SweepError> {
        let layout = self.layout();
        let meter = Meter::new(MAX_WORK, stop);
        checks::run(PRECISION.iter(), layout, self.cached(), &meter)?;
        self.includes().check(layout, PRECISION)
    }
}
