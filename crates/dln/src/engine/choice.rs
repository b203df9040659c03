//! Which engine serves a trial, once it is drawn: [`super::plan`] carried out.

use super::plan::{is_cheaper, plan};
use super::unbounded::Unbounded;
use super::{Engine, factored, full, projected, reduced};
use crate::combinations;
use crate::config::{EngineChoice, Trial};
use crate::data::Data;
use crate::engines;
use crate::error::{NotReducible, TrialError};
use crate::kernel::Threads;
use crate::law::{CERTIFIED, Reduction, bounds, reduce, reduce_within};

/// The engine that the trial asks for, ready at step 0. Under [`EngineChoice::Auto`] that is the reduced
/// engine where it is exact and cheaper, else the full one; then with the residual of a reduction that was
/// refused, if that is the reason.
///
/// # Errors
/// Choices that have no meaning together; what is wrong with the initial weights; why the reduced or the factored engine cannot serve the trial
/// that asks for it.
pub(crate) fn build<'a>(
    trial: &'a Trial,
    data: &'a Data,
    threads: Threads,
) -> Result<(Box<dyn Engine + 'a>, Option<f64>), TrialError> {
    combinations::check(trial)?;
    let plain = |engine| (engine, None);
    match trial.train.engine {
        EngineChoice::Full => full::build(trial, data, threads).map(plain),
        EngineChoice::Reduced => match reduce(trial, data, &|_| true) {
            Err(TrialError::NotReducible(NotReducible::Overflow)) if Unbounded::serves(data) => {
                Ok(plain(Box::new(Unbounded)))
            }
            reduction => reduced::start(trial, data, threads, reduction?).map(plain),
        },
        EngineChoice::Factored => factored::build(trial, data, threads).map(plain),
        EngineChoice::Projected => projected::build(trial, data, threads).map(plain),
        EngineChoice::Auto => match choose(trial, data, CERTIFIED)? {
            Choice::Overflow if Unbounded::serves(data) => Ok(plain(Box::new(Unbounded))),
            Choice::Overflow => full::build(trial, data, threads).map(plain),
            Choice::Reduced(reduction) => {
                reduced::start(trial, data, threads, *reduction).map(plain)
            }
            Choice::Full { refused_residual } => {
                Ok((full::build(trial, data, threads)?, refused_residual))
            }
        },
    }
}

/// What `auto` comes to once the trial is drawn.
pub(super) enum Choice {
    Reduced(Box<Reduction>),
    /// Left to the full engine. With the residual, where a core was found and its certificate refused it.
    Full {
        refused_residual: Option<f64>,
    },
    /// The squares of the data overflow, so that no certificate can be had.
    Overflow,
}

/// The reduced engine where it is exact, to this residual, and cheaper, else the full one.
///
/// # Errors
/// What is wrong with the initial weights or the data.
pub(super) fn choose(trial: &Trial, data: &Data, certified: f64) -> Result<Choice, TrialError> {
    let left = |refused_residual| Ok(Choice::Full { refused_residual });
    match plan(trial).engine {
        engines::EngineKind::Reduced => {}
        engines::EngineKind::Full
        | engines::EngineKind::Factored
        | engines::EngineKind::Projected => return left(None),
    }
    let bounds = bounds(trial);
    let worth = |widths: &[usize]| is_cheaper(trial, &bounds, widths);
    match reduce_within(trial, data, &worth, certified) {
        Ok(reduction) => Ok(Choice::Reduced(Box::new(reduction))),
        Err(TrialError::NotReducible(NotReducible::Residual { residual, .. })) => {
            left(Some(residual))
        }
        Err(TrialError::NotReducible(NotReducible::Overflow)) => Ok(Choice::Overflow),
        Err(TrialError::NotReducible(_)) => left(None),
        Err(error) => Err(error),
    }
}
