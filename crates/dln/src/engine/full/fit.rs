//! What a network is fitted to, in the precision it trains in.

use ndarray::{Array2, ArrayView2};

use crate::data::{Data, TrainSamples};
use crate::kernel::{Real, Threads, squared_residual};

/// The loss `c/2 ||mask (f(X) - Y)||_F^2 + constant`, all matrices row-major.
#[derive(Clone, Debug)]
pub(super) struct Fit<T> {
    /// `d_x x n`; `None` is the identity, `n = d_x`.
    pub(super) X: Option<Array2<T>>,
    /// `d_y x n`.
    pub(super) Y: Array2<T>,
    /// 0 or 1, `d_y x n`.
    pub(super) mask: Option<Array2<T>>,
    pub(super) c: f64,
    /// What folding took out of the loss.
    pub(super) constant: f64,
}

impl<T: Real> Fit<T> {
    /// The training data; folded where `linear` networks may be.
    pub(super) fn new(data: &Data, linear: bool) -> Fit<T> {
        let (X, Y, constant) = match data.samples(linear) {
            TrainSamples::Identity => (None, data.Y.dense(), 0.0),
            TrainSamples::Dense { X, Y, constant } => (Some(cast(X)), Y, constant),
        };
        Fit {
            X,
            Y: cast(Y.view()),
            mask: data.mask.as_ref().map(|mask| cast(mask.view())),
            c: data.c,
            constant,
        }
    }

    /// Samples that a step sees.
    pub(super) fn samples(&self) -> usize {
        self.Y.ncols()
    }

    /// The loss of the outputs `E`, which become `c mask (E - Y)`, the gradient of the loss in them.
    pub(super) fn loss_and_residual(&self, threads: Threads, E: &mut Array2<T>) -> f64 {
        let factor = T::of(self.c);
        let squares = squared_residual(threads, E, &self.Y, self.mask.as_ref(), factor);
        0.5 * self.c * squares + self.constant
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
