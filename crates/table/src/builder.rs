//! From rows to columns: gathers the trials of a report.
//!
//! Built for 100,000 trials and more a second: no map a row, no text copied that equals the one before, and
//! columns that hold one value cost a comparison (see `lane`).

use crate::batch::Batch;
use crate::columns::{History, Lanes, Layers, Of, Spectra, Trials};
use crate::error::TableError;
use crate::row::{TrialResult, TrialRow, bytes_of_rows};

/// Bytes that a row of `trials` takes, near enough to decide when a report is full: what varies from trial to trial
/// (number, id, a few parameters, metrics, times).
const TRIAL_BYTES: usize = 220;

/// Gathers trials and turns them into a [`Batch`].
pub struct BatchBuilder {
    trials: Lanes<Trials>,
    history: Lanes<History>,
    spectra: Lanes<Spectra>,
    layers: Lanes<Layers>,
    bytes: usize,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        BatchBuilder::new()
    }
}

impl BatchBuilder {
    pub fn new() -> Self {
        BatchBuilder {
            trials: Lanes::new(),
            history: Lanes::new(),
            spectra: Lanes::new(),
            layers: Lanes::new(),
            bytes: 0,
        }
    }

    /// Adds a trial with all its rows.
    pub fn push(&mut self, row: &TrialRow<'_>) {
        self.trials.push(row);
        self.bytes += TRIAL_BYTES;
        let trial = row.trial;
        match row.result {
            TrialResult::Failed { error, .. } => self.bytes += error.len(),
            TrialResult::Ran { outcome, .. } => {
                for row in &outcome.history {
                    self.history.push(&Of { trial, row });
                }
                for row in &outcome.spectra {
                    self.spectra.push(&Of { trial, row });
                }
                for row in &outcome.layers {
                    self.layers.push(&Of { trial, row });
                }
                self.bytes += bytes_of_rows([
                    outcome.history.len(),
                    outcome.spectra.len(),
                    outcome.layers.len(),
                ]);
            }
        }
    }

    /// Trials gathered so far.
    pub fn trials(&self) -> usize {
        self.trials.rows()
    }

    /// Bytes that the gathered columns take on the wire, near enough.
    pub fn bytes_estimate(&self) -> usize {
        self.bytes
    }

    /// The gathered trials; the builder is empty again.
    ///
    /// # Errors
    /// Where the columns do not make a table, which would be an error of this crate.
    pub fn finish(&mut self) -> Result<Batch, TableError> {
        let full = std::mem::take(self);
        Ok(Batch::of([
            full.trials.finish()?,
            full.history.finish()?,
            full.spectra.finish()?,
            full.layers.finish()?,
        ]))
    }
}
