//! The rows that a run has measured so far, and what later rows are compared with.

use super::Spectrum;
use crate::checkpoint::{
    put_bool, put_f64, put_option_f64, put_u64, take_bool, take_count, take_f64, take_option_f64,
    take_u32, take_u64,
};
use crate::error::TrialError;
use crate::metric::{HistoryRow, LayerRow, Scalars, SpectrumRow};

/// Rows in order of step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    pub(crate) history: Vec<HistoryRow>,
    pub(crate) spectra: Vec<SpectrumRow>,
    pub(crate) layers: Vec<LayerRow>,
    /// Singular vectors at step 1 by layer, 0 being the end-to-end map: what angles are measured against.
    /// Filled at step 1 where angles are asked for, by `push_spectrum`.
    pub(crate) reference: Vec<Option<Spectrum>>,
}

impl Rows {
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        put_u64(out, self.history.len() as u64);
        for row in &self.history {
            put_u64(out, row.step);
            put_measured(out, &row.scalars.measured());
        }
        put_u64(out, self.spectra.len() as u64);
        for row in &self.spectra {
            save_spectrum_row(row, out);
        }
        put_u64(out, self.layers.len() as u64);
        for row in &self.layers {
            save_layer_row(row, out);
        }
        put_u64(out, self.reference.len() as u64);
        for spectrum in &self.reference {
            put_bool(out, spectrum.is_some());
            if let Some(spectrum) = spectrum {
                spectrum.save(out);
            }
        }
    }

    /// # Errors
    /// [`crate::CheckpointError`] where the bytes end early or make no sense.
    pub(crate) fn load(bytes: &mut &[u8]) -> Result<Rows, TrialError> {
        let mut rows = Rows::default();
        for _ in 0..take_count(bytes, 8)? {
            rows.history.push(load_history_row(bytes)?);
        }
        for _ in 0..take_count(bytes, 8)? {
            rows.spectra.push(load_spectrum_row(bytes)?);
        }
        for _ in 0..take_count(bytes, 8)? {
            rows.layers.push(load_layer_row(bytes)?);
        }
        for _ in 0..take_count(bytes, 8)? {
            let there = take_bool(bytes)?;
            let spectrum = there.then(|| Spectrum::load(bytes)).transpose()?;
            rows.reference.push(spectrum);
        }
        Ok(rows)
    }
}

/// The number where it is finite: tables hold no NaN.
pub(crate) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn put_measured(out: &mut Vec<u8>, values: &[Option<f64>]) {
    for &value in values {
        put_option_f64(out, value);
    }
}

/// Fills the measured columns of a row.
fn take_measured(bytes: &mut &[u8], values: &mut [&mut Option<f64>]) -> Result<(), TrialError> {
    for value in values {
        **value = take_option_f64(bytes)?;
    }
    Ok(())
}

fn load_history_row(bytes: &mut &[u8]) -> Result<HistoryRow, TrialError> {
    let step = take_u64(bytes)?;
    let mut scalars = Scalars::default();
    take_measured(bytes, &mut scalars.measured_mut())?;
    Ok(HistoryRow { step, scalars })
}

fn save_spectrum_row(row: &SpectrumRow, out: &mut Vec<u8>) {
    put_u64(out, row.step);
    put_u64(out, u64::from(row.layer));
    put_u64(out, u64::from(row.index));
    put_f64(out, row.value);
    put_u64(out, u64::from(row.multiplicity));
    put_measured(out, &row.measured());
}

fn load_spectrum_row(bytes: &mut &[u8]) -> Result<SpectrumRow, TrialError> {
    let (step, layer) = (take_u64(bytes)?, take_u32(bytes)?);
    let mut row = SpectrumRow::new(
        step,
        layer,
        take_u32(bytes)?,
        take_f64(bytes)?,
        take_u32(bytes)?,
    );
    take_measured(bytes, &mut row.measured_mut())?;
    Ok(row)
}

fn save_layer_row(row: &LayerRow, out: &mut Vec<u8>) {
    put_u64(out, row.step);
    put_u64(out, u64::from(row.layer));
    put_measured(out, &row.measured());
}

fn load_layer_row(bytes: &mut &[u8]) -> Result<LayerRow, TrialError> {
    let mut row = LayerRow::new(take_u64(bytes)?, take_u32(bytes)?);
    take_measured(bytes, &mut row.measured_mut())?;
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn rows_read_back_as_they_were_written() {
        let spectrum =
            Spectrum::decomposed(array![[2.0, 0.5], [0.0, 1.0], [0.25, 0.0]].view(), true);
        let rows = Rows {
            history: vec![HistoryRow {
                step: 4,
                scalars: Scalars {
                    train_loss: Some(0.1),
                    alignment: Some(-0.0),
                    ..Scalars::default()
                },
            }],
            spectra: vec![SpectrumRow {
                step: 4,
                layer: 2,
                index: 1,
                value: 1.5,
                multiplicity: 7,
                left_angle: None,
                right_angle: Some(0.25),
            }],
            layers: vec![LayerRow {
                step: 4,
                layer: 0,
                separation: Some(3.0),
                balancedness: None,
                effective_rank: None,
                stable_rank: Some(2.0),
            }],
            reference: vec![None, spectrum],
        };
        let mut out = Vec::new();
        rows.save(&mut out);
        let mut bytes = out.as_slice();
        let read = Rows::load(&mut bytes).expect("reads back");
        assert!(bytes.is_empty());
        assert_eq!(rows.history, read.history);
        assert_eq!(rows.spectra, read.spectra);
        assert_eq!(rows.layers, read.layers);
        let mut again = Vec::new();
        read.save(&mut again);
        assert_eq!(out, again);
        for end in 0..out.len() {
            assert!(Rows::load(&mut &out[..end]).is_err());
        }
    }
}
