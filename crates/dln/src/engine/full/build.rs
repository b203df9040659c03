//! Which network the full engine trains for a trial: the whole one, or one on thinner inputs.

use super::network::Full;
use super::started::Started;
use super::thin_inputs;
use crate::config::{Precision, Trial};
use crate::data::Data;
use crate::engine::Engine;
use crate::error::TrialError;
use crate::init;
use crate::kernel::Threads;

/// The full engine for a trial, in the precision it asks for, ready at step 0.
///
/// # Errors
/// What is wrong with the initial weights; a decomposition of the inputs that does not converge.
pub(crate) fn build<'a>(
    trial: &'a Trial,
    data: &'a Data,
    threads: Threads,
) -> Result<Box<dyn Engine + 'a>, TrialError> {
    if let Some(thin) = thin_inputs::build(trial, data, threads)? {
        return Ok(thin);
    }
    let weights = init::weights(trial)?;
    let started = Started::new(trial, data, &weights, threads)?;
    let engine: Box<dyn Engine + 'a> = match trial.train.precision {
        Precision::F64 => {
            let mut full = Full::<f64>::new(trial, data, threads, &weights);
            full.meter.start(started);
            Box::new(full)
        }
        Precision::F32 => {
            let mut full = Full::<f32>::new(trial, data, threads, &weights);
            full.meter.start(started);
            Box::new(full)
        }
    };
    Ok(engine)
}
