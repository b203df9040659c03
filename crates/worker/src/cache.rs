//! Prepared data shared between trials: what depends on the problem alone is done once per problem.

use std::sync::{Arc, Mutex, PoisonError};

use dln::{Data, Trial, TrialError};

/// Prepared problems kept: as many as the distinct problems that neighbouring trials of a grid alternate
/// between (an axis over ranks or samples seldom has more values in one lease).
const KEPT: usize = 16;

/// The most recently used data, newest last.
#[derive(Debug)]
pub(crate) struct Cache(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    problems: Vec<Arc<Data>>,
    most: usize,
}

impl Default for Cache {
    fn default() -> Self {
        Cache(Mutex::new(Kept {
            problems: Vec::new(),
            most: KEPT,
        }))
    }
}

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
        kept.problems.push(Arc::clone(&data));
        kept.shrink();
        Ok(data)
    }

    /// From now on at most this number of problems is kept, and never more than [`KEPT`]: they count for no trial.
    pub(crate) fn bound(&self, most: usize) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.most = most.min(KEPT);
        kept.shrink();
    }

    fn find(&self, trial: &Trial) -> Option<Arc<Data>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let problems = &mut kept.problems;
        let at = problems.iter().rposition(|data| data.serves(trial))?;
        if at + 1 < problems.len() {
            let data = problems.remove(at);
            problems.push(data);
        }
        problems.last().cloned()
    }
}

impl Kept {
    fn shrink(&mut self) {
        let over = self.problems.len().saturating_sub(self.most);
        drop(self.problems.drain(..over));
    }
}
