//! Which engine serves a trial.

use super::{Engine, factored, full, reduced};
use crate::config::{EngineChoice, Trial};
use crate::data::Data;
use crate::error::TrialError;
use crate::kernel::Threads;
use crate::law;

/// The engine that the trial asks for, ready at step 0. Under [`EngineChoice::Auto`] that is the reduced
/// engine where it is exact and cheaper, else the full one.
///
/// # Errors
/// What is wrong with the initial weights; why the reduced or the factored engine cannot serve the trial
/// that asks for it.
pub(crate) fn build<'a>(
    trial: &'a Trial,
    data: &'a Data,
    threads: Threads,
) -> Result<Box<dyn Engine + 'a>, TrialError> {
    match trial.train.engine {
        EngineChoice::Full => full::build(trial, data, threads),
        EngineChoice::Reduced => reduced::build(trial, data, threads),
        EngineChoice::Factored => factored::build(trial, data, threads),
        EngineChoice::Auto => match law::choose(trial, data, threads)? {
            Some(engine) => Ok(engine),
            None => full::build(trial, data, threads),
        },
    }
}
