//! Which engine serves a trial.

use super::unbounded::Unbounded;
use super::{Engine, factored, full, reduced};
use crate::config::{EngineChoice, Trial};
use crate::data::Data;
use crate::error::{NotReducible, TrialError};
use crate::kernel::Threads;
use crate::law::{self, Choice};

/// The engine that the trial asks for, ready at step 0. Under [`EngineChoice::Auto`] that is the reduced
/// engine where it is exact and cheaper, else the full one; then with the residual of a reduction that was
/// refused, if that is the reason.
///
/// # Errors
/// What is wrong with the initial weights; why the reduced or the factored engine cannot serve the trial
/// that asks for it.
pub(crate) fn build<'a>(
    trial: &'a Trial,
    data: &'a Data,
    threads: Threads,
) -> Result<(Box<dyn Engine + 'a>, Option<f64>), TrialError> {
    let plain = |engine| (engine, None);
    match trial.train.engine {
        EngineChoice::Full => full::build(trial, data, threads).map(plain),
        EngineChoice::Reduced => match reduced::build(trial, data, threads) {
            Err(TrialError::NotReducible(NotReducible::Overflow)) if Unbounded::serves(data) => {
                Ok(plain(Box::new(Unbounded)))
            }
            built => built.map(plain),
        },
        EngineChoice::Factored => factored::build(trial, data, threads).map(plain),
        EngineChoice::Auto => match law::choose(trial, data, threads)? {
            Choice::Overflow if Unbounded::serves(data) => Ok(plain(Box::new(Unbounded))),
            Choice::Overflow => full::build(trial, data, threads).map(plain),
            Choice::Reduced(engine) => Ok(plain(engine)),
            Choice::Full { refused_residual } => {
                Ok((full::build(trial, data, threads)?, refused_residual))
            }
        },
    }
}
