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

    /// Reads rows that were written when tables had this version: columns that came later are null in them.
    ///
    /// # Errors
    /// [`crate::CheckpointError`] where the bytes end early or make no sense.
    pub(crate) fn load(bytes: &mut &[u8], tables: u32) -> Result<Rows, TrialError> {
        let mut rows = Rows::default();
        for _ in 0..take_count(bytes, 8)? {
            rows.history.push(load_history_row(bytes, tables)?);
        }
        for _ in 0..take_count(bytes, 8)? {
            rows.spectra.push(load_spectrum_row(bytes, tables)?);
        }
        for _ in 0..take_count(bytes, 8)? {
            rows.layers.push(load_layer_row(bytes, tables)?);
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

/// Fills the measured columns of a row that tables of this version had.
fn take_measured(
    bytes: &mut &[u8],
    values: &mut [&mut Option<f64>],
    since: &[u32],
    tables: u32,
) -> Result<(), TrialError> {
    for (value, &since) in values.iter_mut().zip(since) {
        if since <= tables {
            **value = take_option_f64(bytes)?;
        }
    }
    Ok(())
}

fn load_history_row(bytes: &mut &[u8], tables: u32) -> Result<HistoryRow, TrialError> {
    let step = take_u64(bytes)?;
    let mut scalars = Scalars::default();
    take_measured(bytes, &mut scalars.measured_mut(), &Scalars::SINCE, tables)?;
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

fn load_spectrum_row(bytes: &mut &[u8], tables: u32) -> Result<SpectrumRow, TrialError> {
    let (step, layer) = (take_u64(bytes)?, take_u32(bytes)?);
    let mut row = SpectrumRow::new(
        step,
        layer,
        take_u32(bytes)?,
        take_f64(bytes)?,
        take_u32(bytes)?,
    );
    take_measured(bytes, &mut row.measured_mut(), &SpectrumRow::SINCE, tables)?;
    Ok(row)
}

fn save_layer_row(row: &LayerRow, out: &mut Vec<u8>) {
    put_u64(out, row.step);
    put_u64(out, u64::from(row.layer));
    put_measured(out, &row.measured());
}

fn load_layer_row(bytes: &mut &[u8], tables: u32) -> Result<LayerRow, TrialError> {
    let mut row = LayerRow::new(take_u64(bytes)?, take_u32(bytes)?);
    take_measured(bytes, &mut row.measured_mut(), &LayerRow::SINCE, tables)?;
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn columns_that_came_later_are_null_in_older_bytes() {
        let mut out = Vec::new();
        put_u64(&mut out, 3);
        put_measured(&mut out, &[Some(1.0), Some(2.0)]);
        let (mut first, mut later, mut last) = (None, Some(9.0), None);
        let mut bytes = &out[8..];
        let mut values = [&mut first, &mut later, &mut last];
        take_measured(&mut bytes, &mut values, &[1, 4, 3], 3).expect("reads");
        assert_eq!((first, later, last), (Some(1.0), Some(9.0), Some(2.0)));
        assert!(bytes.is_empty());
    }

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
                right_angle: Some(0.25),
                update_value: Some(0.5),
                ..SpectrumRow::new(4, 2, 1, 1.5, 7)
            }],
            layers: vec![LayerRow {
                separation: Some(3.0),
                stable_rank: Some(2.0),
                leak: Some(0.125),
                ..LayerRow::new(4, 0)
            }],
            reference: vec![None, spectrum],
        };
        let mut out = Vec::new();
        rows.save(&mut out);
        let mut bytes = out.as_slice();
        let read = Rows::load(&mut bytes, u32::MAX).expect("reads back");
        assert!(bytes.is_empty());
        assert_eq!(rows.history, read.history);
        assert_eq!(rows.spectra, read.spectra);
        assert_eq!(rows.layers, read.layers);
        let mut again = Vec::new();
        read.save(&mut again);
        assert_eq!(out, again);
        for end in 0..out.len() {
            assert!(Rows::load(&mut &out[..end], u32::MAX).is_err());
        }
    }

    #[test]
    fn rows_of_older_checkpoints_lack_the_later_columns() {
        let mut out = Vec::new();
        for count in [0, 1] {
            put_u64(&mut out, count);
        }
        for word in [4, 2, 1] {
            put_u64(&mut out, word);
        }
        put_f64(&mut out, 1.5);
        put_u64(&mut out, 7);
        // The angles, and no column more.
        put_measured(&mut out, &[None, Some(0.25)]);
        for count in [0, 0] {
            put_u64(&mut out, count);
        }
        let mut bytes = out.as_slice();
        let read = Rows::load(&mut bytes, 3).expect("an older format");
        assert!(bytes.is_empty());
        let wanted = SpectrumRow {
            right_angle: Some(0.25),
            ..SpectrumRow::new(4, 2, 1, 1.5, 7)
        };
        assert_eq!(read.spectra, [wanted]);
        assert!(Rows::load(&mut out.as_slice(), u32::MAX).is_err());
    }
}
