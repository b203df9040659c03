//! Passes over a few samples at a time: the training samples laid out one after another, and the batch that an update
//! sees gathered from them.

use ndarray::{Array2, ArrayView2};

use super::fit::Fit;
use super::pass::{Pass, cheapest_of_samples};
use crate::batch::Batches;
use crate::config::Trial;
use crate::data::{Data, InputsMatrix};
use crate::kernel::simd::Lane;
use crate::kernel::{Real, Threads};

#[derive(Debug)]
pub(super) struct BatchPass<T> {
    batches: Batches,
    /// The training inputs, a sample a row.
    inputs: Array2<T>,
    /// The targets, a sample a row.
    targets: Array2<T>,
    /// Over batches of the full size.
    whole: Pass<T>,
    /// Over the last one of an epoch, where it is short.
    short: Option<Pass<T>>,
    flops: f64,
    /// Of the last batch.
    pub(super) loss: f64,
}

impl<T: Lane> BatchPass<T> {
    /// For layers of these shapes (rows, columns); `None` where every update sees all samples.
    pub(super) fn new(
        trial: &Trial,
        data: &Data,
        shapes: &[(usize, usize)],
    ) -> Option<BatchPass<T>> {
        let InputsMatrix::Dense(X) = &data.X else {
            return None;
        };
        let batches = Batches::of(trial)?;
        let epoch = batches.epoch();
        let pass = |size| cheapest_of_samples(trial, Fit::with_room(trial, size), shapes);
        let (whole, _) = pass(epoch.size());
        Some(BatchPass {
            inputs: by_sample(X.view()),
            targets: by_sample(data.Y.dense().view()),
            whole,
            short: epoch.short().map(|size| pass(size).0),
            flops: epoch.mean(|size| crate::flops::step_on(trial, size)),
            batches,
            loss: 0.0,
        })
    }

    /// The pass at these parameters over the batch of the update of this number, from 0.
    pub(super) fn forward(
        &mut self,
        threads: Threads,
        parameters: &[Array2<T>],
        update: u64,
    ) -> &mut Pass<T> {
        let size = self.batches.epoch().size();
        let samples = self.batches.at(update);
        let pass = match &mut self.short {
            Some(short) if samples.len() < size => short,
            Some(_) | None => &mut self.whole,
        };
        if let Some(fit) = pass.fit_mut() {
            fit.gather(&self.inputs, &self.targets, samples);
        }
        self.loss = pass.loss(threads, parameters);
        pass
    }

    /// Whether the loss of the last batch was a number.
    pub(super) fn is_finite(&self) -> bool {
        self.loss.is_finite()
    }

    /// Of an update, on average over an epoch.
    pub(super) fn flops(&self) -> f64 {
        self.flops
    }
}

/// The transpose in precision `T`, row-major.
fn by_sample<T: Real>(A: ArrayView2<'_, f64>) -> Array2<T> {
    let (rows, columns) = A.dim();
    let mut turned = Array2::zeros((columns, rows));
    turned.zip_mut_with(&A.t(), |to, &from| *to = T::of(from));
    turned
}
