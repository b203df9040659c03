//! The reduced engine of a trial whose loss no double holds: the squares of its targets overflow, so the law's
//! certificate has no meaning and the run diverges at its first look, on every engine.

use super::{Engine, EngineReport};
use crate::data::{Data, TargetMatrix};
use crate::error::TrialError;
use crate::kernel::{Threads, square_sum};
use crate::measure::Rows;
use crate::outcome;

/// An engine that holds nothing and whose loss is infinite.
#[derive(Debug)]
pub(super) struct Unbounded;

impl Unbounded {
    /// Whether every loss of these data is infinite: `||Y||_F^2` is.
    pub(super) fn serves(data: &Data) -> bool {
        let squares = match &data.Y {
            TargetMatrix::LowRank { s, .. } => s.iter().map(|s| s * s).sum(),
            TargetMatrix::Dense(Y) => square_sum(Y.view()),
        };
        !squares.is_finite()
    }
}

impl Engine for Unbounded {
    fn loss(&mut self) -> f64 {
        f64::INFINITY
    }

    fn gradient_norm(&mut self) -> f64 {
        f64::INFINITY
    }

    fn update(&mut self) {}

    fn measure(&mut self, _: u64, _: &mut Rows) {}

    fn flops_per_step(&self) -> f64 {
        0.0
    }

    fn save(&self, _: &mut Vec<u8>) {}

    fn load(&mut self, _: &mut &[u8]) -> Result<(), TrialError> {
        Ok(())
    }

    fn set_threads(&mut self, _: Threads) {}

    fn report(&self) -> EngineReport {
        EngineReport {
            engine: outcome::EngineKind::Reduced,
            core_width: None,
            residual: None,
        }
    }
}
