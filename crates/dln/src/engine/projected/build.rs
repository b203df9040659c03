//! The projected engine of a trial, at step 0.

use super::network::ProjectedNetwork;
use crate::config::{Precision, Trial};
use crate::data::Data;
use crate::engine::Engine;
use crate::error::TrialError;
use crate::kernel::Threads;

/// The engine in the precision that the trial asks for, ready at step 0.
///
/// # Errors
/// What is wrong with the initial weights; a decomposition of the data or of the first gradient that does not converge.
pub(in crate::engine) fn build<'a>(
    trial: &'a Trial,
    data: &'a Data,
    threads: Threads,
) -> Result<Box<dyn Engine + 'a>, TrialError> {
    Ok(match trial.train.precision {
        Precision::F64 => Box::new(ProjectedNetwork::<f64>::new(trial, data, threads)?),
        Precision::F32 => Box::new(ProjectedNetwork::<f32>::new(trial, data, threads)?),
    })
}
