//! The rows of a trial while it runs. A long history leaves memory now and then for a file without a name, and goes
//! with the trial's checkpoints and its report.

use std::sync::{Mutex, MutexGuard, PoisonError};

use dln::{Measurements, Outcome, Run};
use rpc::limits;
use table::{Chunk, Spool, SpoolError, bytes_of_rows};

/// First bytes of a checkpoint that brings rows along, with the version of their columns. A run's own state begins
/// otherwise: with the small number of its format.
const MARK: &[u8; 8] = b"rows   2";

/// The same of every version.
const ANY_MARK: &[u8; 4] = b"rows";

/// Slices of a run in the time that it takes to fill what may be in memory.
const SLICES: f64 = 2.0;

/// Rows of one trial that are not in its run any more.
#[derive(Debug)]
pub(crate) struct Rows {
    trial: u64,
    expected_bytes: f64,
    spool: Mutex<Option<Spool>>,
}

impl Rows {
    /// Of a trial whose rows are expected to take this many bytes.
    pub(crate) fn new(trial: u64, expected_bytes: f64) -> Self {
        Rows {
            trial,
            expected_bytes,
            spool: Mutex::default(),
        }
    }

    /// The least number of slices in which the run is looked at.
    pub(crate) fn slices(&self) -> f64 {
        SLICES * self.expected_bytes / limits::ROWS_BYTES as f64
    }

    /// Takes rows out of a run that has many.
    ///
    /// # Errors
    /// Where there are more than a trial may have, or the disk refuses.
    pub(crate) fn take(&self, run: &mut Run<'_>) -> Result<(), SpoolError> {
        if bytes_of_rows(run.rows()) < limits::ROWS_BYTES {
            return Ok(());
        }
        self.push(&run.take_rows())
    }

    /// Keeps the rows of an outcome apart where they are too many for a report.
    ///
    /// # Errors
    /// Where there is no room for them.
    pub(crate) fn split(&self, outcome: &mut Outcome) -> Result<(), SpoolError> {
        let rows = [
            outcome.history.len(),
            outcome.spectra.len(),
            outcome.layers.len(),
        ];
        if bytes_of_rows(rows) < limits::REPORT_BYTES {
            return Ok(());
        }
        self.push(&Measurements {
            history: std::mem::take(&mut outcome.history),
            spectra: std::mem::take(&mut outcome.spectra),
            layers: std::mem::take(&mut outcome.layers),
        })
    }

    /// Keeps rows apart.
    ///
    /// # Errors
    /// As [`Rows::take`].
    pub(crate) fn push(&self, measured: &Measurements) -> Result<(), SpoolError> {
        let mut spool = self.spool();
        self.opened(&mut spool)?.push(measured)
    }

    /// What was kept apart.
    pub(crate) fn into_spool(self) -> Option<Spool> {
        let spool = self.spool.into_inner();
        spool.unwrap_or_else(PoisonError::into_inner)
    }

    /// A run's state together with the rows that are not in it; `None` where that is larger than a checkpoint may
    /// be, or the rows cannot be read.
    pub(crate) fn checkpoint(&self, state: Vec<u8>) -> Option<Vec<u8>> {
        let spool = self.spool();
        let Some(spool) = spool.as_ref() else {
            return Some(state);
        };
        if spool.bytes() + state.len() as u64 > limits::CHECKPOINT_BYTES as u64 {
            return None;
        }
        let mut bytes = MARK.to_vec();
        put(&mut bytes, spool.chunks());
        for number in 0..spool.chunks() {
            for table in &spool.chunk(number).ok()? {
                put(&mut bytes, table.len());
                bytes.extend_from_slice(table);
            }
        }
        bytes.extend_from_slice(&state);
        Some(bytes)
    }

    /// The run's own state of a checkpoint, whose rows are kept apart again; `None` where they cannot be, as where
    /// a program wrote them whose tables have other columns.
    pub(crate) fn restored<'b>(&self, checkpoint: &'b [u8]) -> Option<&'b [u8]> {
        self.forget();
        if !checkpoint.starts_with(ANY_MARK) {
            return Some(checkpoint);
        }
        let Some(mut rest) = checkpoint.strip_prefix(MARK) else {
            tracing::warn!("another version wrote the rows of a checkpoint: its trial begins anew");
            return None;
        };
        let mut spool = self.spool();
        let spool = self.opened(&mut spool).ok()?;
        for _ in 0..take(&mut rest)? {
            let mut chunk = Chunk::default();
            for table in &mut chunk {
                let length = take(&mut rest)?;
                let (bytes, tail) = rest.split_at_checked(length)?;
                *table = bytes.to_vec();
                rest = tail;
            }
            if let Err(error) = spool.take(&chunk) {
                tracing::warn!(%error, "the rows of a checkpoint do not fit: its trial begins anew");
                return None;
            }
        }
        Some(rest)
    }

    /// The trial begins anew.
    pub(crate) fn forget(&self) {
        *self.spool() = None;
    }

    fn opened<'s>(&self, spool: &'s mut Option<Spool>) -> Result<&'s mut Spool, SpoolError> {
        if spool.is_none() {
            let dir = std::env::temp_dir();
            *spool = Some(Spool::new(self.trial, &dir, limits::TRIAL_BYTES)?);
        }
        match spool {
            Some(spool) => Ok(spool),
            None => Err(SpoolError::Gone),
        }
    }

    fn spool(&self) -> MutexGuard<'_, Option<Spool>> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn put(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend_from_slice(&(number as u64).to_le_bytes());
}

fn take(bytes: &mut &[u8]) -> Option<usize> {
    let (head, tail) = bytes.split_first_chunk::<8>()?;
    *bytes = tail;
    usize::try_from(u64::from_le_bytes(*head)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured() -> Measurements {
        Measurements {
            history: (0..100)
                .map(|step| table::HistoryValues {
                    step,
                    scalars: table::ScalarValues::default(),
                })
                .collect(),
            ..Measurements::default()
        }
    }

    #[test]
    fn a_checkpoint_brings_its_rows_along() {
        let rows = Rows::new(5, 0.0);
        assert_eq!(rows.checkpoint(vec![2, 0]), Some(vec![2, 0]));
        rows.push(&measured()).unwrap();
        rows.push(&measured()).unwrap();
        let state = rows.checkpoint(vec![2, 0]).unwrap();
        let again = Rows::new(5, 0.0);
        assert_eq!(again.restored(&state), Some(&[2, 0][..]));
        let (sent, received) = (rows.into_spool().unwrap(), again.into_spool().unwrap());
        assert_eq!(received.chunks(), 2);
        for number in 0..2 {
            assert_eq!(sent.chunk(number).unwrap(), received.chunk(number).unwrap());
        }
        // Another trial's, one that ends early, one without rows.
        assert_eq!(Rows::new(6, 0.0).restored(&state), None);
        let older = [b"rows   1", &state[8..]].concat();
        assert_eq!(Rows::new(5, 0.0).restored(&older), None);
        let again = Rows::new(5, 0.0);
        for end in (8..state.len() - 2).step_by(11) {
            assert_eq!(again.restored(&state[..end]), None, "{end}");
        }
        assert_eq!(again.restored(&[2, 0]), Some(&[2, 0][..]));
        assert!(again.into_spool().is_none());
    }
}
