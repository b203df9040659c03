//! Prepared data shared between trials: what depends on the problem alone is done once per problem.

use std::sync::{Arc, Mutex, PoisonError};

use dln::{Data, Trial, TrialError};

/// Prepared problems kept: as many as the distinct problems that neighbouring trials of a grid alternate
/// between (an axis over ranks or samples seldom has more values in one lease).
const KEPT: usize = 16;

/// The most recently used data, newest last.
#[derive(Debug, Default)]
pub(crate) struct Cache(Mutex<Vec<Arc<Data>>>);

impl Cache {
    /// Data that serve the trial, prepared if they are not here. Two threads may prepare the same problem at
    /// once; the bits are the same either way, and neither waits for the other.
    ///
    /// # Errors
    /// [`TrialError`] where the problem cannot be prepared.
    pub(crate) fn get(&self, trial: &Trial) -> Result<Arc<Data>, TrialError> {
        if let Some(data) = self.find(trial) {
            return Ok(data);
        }
        let data = Arc::new(dln::prepare(trial)?);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push(Arc::clone(&data));
        Ok(data)
    }

    fn find(&self, trial: &Trial) -> Option<Arc<Data>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().rposition(|data| data.serves(trial))?;
        if at + 1 < kept.len() {
            let data = kept.remove(at);
            kept.push(data);
        }
        kept.last().cloned()
    }
}
