//! Which engine trains a core: the one of its scalars and cores, or the core as a network of its own.

use super::core_network::CoreNetwork;
use super::network::Reduced;
use crate::config::{Precision, Trial};
use crate::data::Data;
use crate::engine::Engine;
use crate::error::TrialError;
use crate::kernel::Threads;
use crate::law::{Law, Reduction};

/// The engine of a reduced trial, in the precision that it asks for.
///
/// # Errors
/// [`TrialError::NoConvergence`]; what is wrong with the initial weights.
pub(crate) fn start<'a>(
    trial: &'a Trial,
    data: &'a Data,
    threads: Threads,
    reduction: Reduction,
) -> Result<Box<dyn Engine + 'a>, TrialError> {
    let all = (trial, data, threads);
    Ok(match (reduction.law, trial.train.precision) {
        (Law::Moments(rule), Precision::F64) => {
            Box::new(Reduced::<f64>::new(all, reduction, rule)?)
        }
        (Law::Moments(rule), Precision::F32) => {
            Box::new(Reduced::<f32>::new(all, reduction, rule)?)
        }
        (Law::Span, Precision::F64) => Box::new(CoreNetwork::<f64>::new(all, reduction)?),
        (Law::Span, Precision::F32) => Box::new(CoreNetwork::<f32>::new(all, reduction)?),
    })
}
