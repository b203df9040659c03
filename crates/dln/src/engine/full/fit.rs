//! What a network is fitted to, in the precision it trains in.

use ndarray::{Array2, ArrayView2};

use crate::config::{Loss, Trial};
use crate::data::{Data, TrainSamples};
use crate::kernel::{Real, Threads};

/// The loss of the outputs `f(X)` for the targets `Y`, and a constant, all matrices row-major.
#[derive(Clone, Debug)]
pub(super) struct Fit<T> {
    /// `d_x x n`; `None` is the identity, `n = d_x`.
    pub(super) X: Option<Array2<T>>,
    /// `d_y x n`.
    pub(super) Y: Array2<T>,
    /// 0 or 1, `d_y x n`.
    pub(super) mask: Option<Array2<T>>,
    loss: Loss,
    c: f64,
    /// What folding took out of the loss.
    constant: f64,
}

impl<T: Real> Fit<T> {
    /// All training samples; folded where they may be.
    pub(super) fn new(trial: &Trial, data: &Data) -> Fit<T> {
        let (X, Y, constant) = match data.samples(trial.folds()) {
            TrainSamples::Identity => (None, data.Y.dense(), 0.0),
            TrainSamples::Dense { X, Y, constant } => (Some(cast(X)), Y, constant),
        };
        Fit {
            X,
            Y: cast(Y.view()),
            mask: data.mask.as_ref().map(|mask| cast(mask.view())),
            loss: trial.problem.loss,
            c: data.c,
            constant,
        }
    }

    /// Room for this many samples of a trial that has samples.
    pub(super) fn with_room(trial: &Trial, samples: usize) -> Fit<T> {
        let (inputs, outputs) = (trial.problem.inputs_dim, trial.problem.outputs_dim);
        let loss = trial.problem.loss;
        Fit {
            X: Some(Array2::zeros((inputs, samples))),
            Y: Array2::zeros((outputs, samples)),
            mask: None,
            loss,
            c: loss.scale(outputs, samples),
            constant: 0.0,
        }
    }

    /// Takes these samples of all inputs and targets, a sample a row.
    pub(super) fn gather(&mut self, inputs: &Array2<T>, targets: &Array2<T>, samples: &[usize]) {
        if let Some(X) = &mut self.X {
            take(X, inputs, samples);
        }
        take(&mut self.Y, targets, samples);
    }

    /// Samples that a step sees.
    pub(super) fn samples(&self) -> usize {
        self.Y.ncols()
    }

    /// The loss of the outputs `E`, which become the gradient of the loss in them.
    pub(super) fn loss_and_residual(&self, threads: Threads, E: &mut Array2<T>) -> f64 {
        let fitted_to = (&self.Y, self.mask.as_ref());
        self.loss.derive(threads, E, fitted_to, self.c) + self.constant
    }
}

/// The columns of `to` become these rows of `from`.
fn take<T: Real>(to: &mut Array2<T>, from: &Array2<T>, samples: &[usize]) {
    for (mut column, &sample) in to.columns_mut().into_iter().zip(samples) {
        column.assign(&from.row(sample));
    }
}

/// A row-major copy in precision `T`.
pub(super) fn cast<T: Real>(A: ArrayView2<'_, f64>) -> Array2<T> {
    let mut copy = Array2::zeros(A.dim());
    copy.zip_mut_with(&A, |to, &from| *to = T::of(from));
    copy
}

/// A row-major copy in double precision.
pub(super) fn widened<T: Real>(A: &Array2<T>) -> Array2<f64> {
    let mut copy = Array2::zeros(A.dim());
    copy.zip_mut_with(A, |to, &from| *to = from.wide());
    copy
}
