//! What a checkpoint holds: of fixed blocks their coordinates alone, for the start is drawn again.

use ndarray::Array2;

use super::block::LayerBlock;
use super::layer::HeldLayer;
use super::network::{Look, ProjectedNetwork, layers};
use crate::checkpoint::{
    put_bool, put_f64, put_matrix, put_option_f64, put_option_u64, put_u64, take_any_matrix,
    take_bool, take_count, take_f64, take_matrix, take_option_f64, take_option_u64, take_u32,
    take_u64,
};
use crate::error::{CheckpointError, TrialError};
use crate::init;
use crate::kernel::Real;
use crate::kernel::simd::Lane;

/// Roundings of the largest coordinate by which instruction sets may differ.
const SAME: f64 = 1e5;

impl<T: Lane> ProjectedNetwork<'_, T> {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let (W, b) = self.full.trained().split_at(self.layers.len());
        for (layer, W) in self.layers.iter().zip(W) {
            put_bool(out, layer.is_as_started);
            if !layer.is_as_started {
                put_side(out, layer.block.left.as_ref());
                put_side(out, layer.block.right.as_ref());
            }
            put_matrix(out, &layer.C);
            if let Some(C) = layer.coordinates_at_start() {
                put_matrix(out, C);
            }
            if !layer.is_made_of_its_start() {
                put_matrix(out, W);
            }
        }
        for b in b {
            put_matrix(out, b);
        }
        self.descent.save(out);
        put_f64(out, self.spent.flops());
        put_option_u64(out, self.measured);
        put_u64(out, self.looks.len() as u64);
        for look in &self.looks {
            put_u64(out, look.step);
            put_u64(out, u64::from(look.layer));
            put_u64(out, look.block.0 as u64);
            put_u64(out, look.block.1 as u64);
            put_option_f64(out, look.outside);
        }
    }

    /// # Errors
    /// [`CheckpointError`] where the bytes end early or belong to another trial; as [`super::build`] where a run goes
    /// back to blocks that it has left.
    pub(super) fn take(&mut self, bytes: &mut &[u8]) -> Result<(), TrialError> {
        let threads = self.full.threads();
        if self.layers.iter().any(|layer| !layer.is_as_started) {
            let weights = init::weights(self.trial)?;
            let start: Vec<Array2<T>> = weights.iter().map(|W| W.mapv(T::of)).collect();
            self.layers = layers(self.trial, self.data, threads, &start)?;
        }
        let depth = self.layers.len();
        let (W, b) = self.full.parameters_mut().split_at_mut(depth);
        for (layer, W) in self.layers.iter_mut().zip(W) {
            if !take_bool(bytes)? {
                let (m, n) = W.dim();
                let block = LayerBlock {
                    left: take_side(bytes, m)?,
                    right: take_side(bytes, n)?,
                };
                layer.settle(threads, block, W.view());
            }
            take_matrix(bytes, &mut layer.C)?;
            check_start(bytes, layer)?;
            if layer.is_made_of_its_start() {
                layer.make(threads, W, &mut self.scratch);
            } else {
                take_matrix(bytes, W)?;
            }
        }
        for b in b {
            take_matrix(bytes, b)?;
        }
        self.descent = self.fresh_descent();
        self.descent.load(bytes)?;
        let flops = take_f64(bytes)?;
        self.spent.settle(&self.layers);
        self.spent.go_on(flops, self.descent.steps());
        // A run that goes back has the rows of the steps that it takes again.
        self.measured = self.measured.max(take_option_u64(bytes)?);
        self.looks.clear();
        for _ in 0..take_count(bytes, 8)? {
            let look = Look {
                step: take_u64(bytes)?,
                layer: take_u32(bytes)?,
                block: (take_u64(bytes)? as usize, take_u64(bytes)? as usize),
                outside: take_option_f64(bytes)?,
            };
            self.looks.push(look);
        }
        if let Some(measured) = self.measured {
            self.looks.retain(|look| look.step > measured);
        }
        self.full.forget();
        Ok(())
    }
}

fn put_side<T: Real>(out: &mut Vec<u8>, basis: Option<&Array2<T>>) {
    put_bool(out, basis.is_some());
    if let Some(basis) = basis {
        put_matrix(out, basis);
    }
}

/// A basis in this many dimensions.
fn take_side<T: Real>(bytes: &mut &[u8], rows: usize) -> Result<Option<Array2<T>>, TrialError> {
    if !take_bool(bytes)? {
        return Ok(None);
    }
    let basis = take_any_matrix(bytes)?;
    if basis.nrows() != rows || basis.ncols() > rows {
        return Err(CheckpointError::OtherTrial.into());
    }
    Ok(Some(basis.mapv(T::of)))
}

/// The coordinates of the start are those that the checkpoint was written in: where singular values are equal, another
/// instruction set may find other bases of one block.
///
/// # Errors
/// [`CheckpointError::OtherTrial`] where they are not.
fn check_start<T: Real>(bytes: &mut &[u8], layer: &HeldLayer<T>) -> Result<(), TrialError> {
    let Some(here) = layer.coordinates_at_start() else {
        return Ok(());
    };
    let mut written = Array2::<T>::zeros(here.dim());
    take_matrix(bytes, &mut written)?;
    let size = here.iter().fold(0.0f64, |a, b| a.max(b.wide().abs()));
    let limit = SAME * T::ROUNDING * size;
    let pairs = here.iter().zip(&written);
    let mut differences = pairs.map(|(a, b)| (a.wide() - b.wide()).abs());
    if differences.any(|off| off > limit) {
        return Err(CheckpointError::OtherTrial.into());
    }
    Ok(())
}
