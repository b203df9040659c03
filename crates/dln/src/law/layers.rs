//! The initial weights as the law sees them: operators that take a few columns up or down a layer.
//!
//! This file owns what is known of each layer (its size, whether it is a scaled isometry). The draw is the
//! business of `init`.

use ndarray::{Array2, ArrayView2};

use super::basis::Basis;
use crate::data::scale_columns;
use crate::init::LayerStart;
use crate::kernel::{Threads, multiply, square_sum};

/// A Gram matrix this close to a multiple of the identity, relative to it and in the Frobenius norm, is one.
/// Given weights are orthogonal to some 1e-15 a row where they come from a QR factorization; what is off by
/// more than this would show in the tenth digit of a spectrum.
const ISOMETRY: f64 = 1e-11;
/// Weights this small off a subspace, relative to their root mean square singular value, are zero there: a
/// hundred times what rounding leaves of a thousand rows.
const NOTHING: f64 = 1e-12;

/// `W_l(0)`.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    start: LayerStart,
    /// Root mean square of the singular values; 1 where all are 0.
    norm: f64,
    /// `eps`, where the weights are `eps` times a semi-orthogonal matrix.
    isometry: Option<f64>,
}

impl Layer {
    pub(super) fn new(start: LayerStart) -> Layer {
        let (norm, isometry) = match &start {
            LayerStart::Reflected { scale, .. }
            | LayerStart::ScaledIdentity { scale, .. }
            | LayerStart::Framed { scale, .. } => (scale.abs(), Some(*scale)),
            LayerStart::Balanced { D, .. } => {
                let (rows, columns) = start.shape();
                size_of_values(D, rows.min(columns))
            }
            LayerStart::Dense(W) => size(W),
        };
        Layer {
            start,
            norm: if norm > 0.0 { norm } else { 1.0 },
            isometry,
        }
    }

    /// (rows, columns).
    pub(super) fn shape(&self) -> (usize, usize) {
        self.start.shape()
    }

    /// Root mean square of the singular values, so that it is never above the spectral norm; 1 where all
    /// are 0.
    pub(super) fn norm(&self) -> f64 {
        self.norm
    }

    /// `eps`, where the weights are `eps` times a semi-orthogonal matrix.
    pub(crate) fn isometry(&self) -> Option<f64> {
        self.isometry
    }

    /// Whether the weights are a multiple of a square orthogonal matrix.
    pub(super) fn is_rotation(&self) -> bool {
        let (rows, columns) = self.shape();
        rows == columns && self.isometry.is_some()
    }

    /// Whether the weights make nothing of what is off this subspace of their inputs.
    pub(super) fn ends_at(&self, below: &Basis) -> bool {
        match &self.start {
            LayerStart::Dense(W) => {
                let off = below.coordinates(W.t()).outside;
                square_sum(off.view()).sqrt() <= NOTHING * self.norm
            }
            LayerStart::Balanced { D, right, .. } => {
                let rank = D.iter().filter(|&&value| value != 0.0).count();
                // A subspace holds no more directions than it has; below that the basis is as thin as it.
                rank <= below.width() && {
                    let rows = scale_columns(right.form().view(), D);
                    let off = below.coordinates(rows.view()).outside;
                    square_sum(off.view()).sqrt() <= NOTHING * self.norm
                }
            }
            LayerStart::Reflected { scale, .. }
            | LayerStart::ScaledIdentity { scale, .. }
            | LayerStart::Framed { scale, .. } => *scale == 0.0,
        }
    }

    /// `W X / norm`.
    pub(crate) fn up(&self, X: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut image = self.start.apply(X);
        image /= self.norm;
        image
    }

    /// `W^T X / norm`.
    pub(super) fn down(&self, X: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut image = self.start.apply_transpose(X);
        image /= self.norm;
        image
    }
}

/// As [`size`], from the singular values that are not 0 of a matrix that has `count`.
fn size_of_values(values: &[f64], count: usize) -> (f64, Option<f64>) {
    let mean = values.iter().map(|d| d * d).sum::<f64>() / count as f64;
    let zeros = count.saturating_sub(values.len()) as f64;
    let off = values.iter().map(|d| (d * d - mean).powi(2)).sum::<f64>() + zeros * mean * mean;
    let norm = mean.sqrt();
    (norm, (off.sqrt() <= ISOMETRY * mean).then_some(norm))
}

/// Root mean square of the singular values, and the scale where all of them are equal.
fn size(W: &Array2<f64>) -> (f64, Option<f64>) {
    let (rows, columns) = W.dim();
    let mut gram = if rows >= columns {
        multiply(Threads::Seq, W.t(), W.view())
    } else {
        multiply(Threads::Seq, W.view(), W.t())
    };
    let mean = gram.diag().sum() / gram.nrows() as f64;
    let norm = mean.sqrt();
    let mut diagonal = gram.diag_mut();
    diagonal -= mean;
    let off = square_sum(gram.view()).sqrt();
    let equal = off <= ISOMETRY * mean;
    (norm, equal.then_some(norm))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn equal_singular_values_are_recognised() {
        let rotation = array![[0.6, -0.8], [0.8, 0.6]] * 3.0;
        let layer = Layer::new(LayerStart::Dense(rotation));
        assert!(layer.is_rotation());
        assert!((layer.isometry().expect("a rotation") - 3.0).abs() < 1e-14);
        let tall = array![[2.0, 0.0], [0.0, 0.0], [0.0, 2.0]];
        let layer = Layer::new(LayerStart::Dense(tall));
        assert!(layer.isometry().is_some() && !layer.is_rotation());
        let other = Layer::new(LayerStart::Dense(array![[1.0, 0.0], [0.0, 2.0]]));
        assert_eq!(other.isometry(), None);
        assert!((other.norm() - 2.5f64.sqrt()).abs() < 1e-15);
    }

    #[test]
    fn zero_weights_are_an_isometry_of_scale_zero() {
        let layer = Layer::new(LayerStart::Dense(Array2::zeros((3, 2))));
        assert_eq!((layer.isometry(), layer.norm()), (Some(0.0), 1.0));
        assert_eq!(layer.up(array![[1.0], [1.0]].view()).sum(), 0.0);
    }

    #[test]
    fn images_are_in_units_of_the_norm() {
        let start = LayerStart::ScaledIdentity {
            scale: -0.25,
            rows: 3,
            columns: 2,
        };
        let layer = Layer::new(start);
        assert_eq!(layer.isometry(), Some(-0.25));
        let up = layer.up(array![[1.0], [2.0]].view());
        assert_eq!(up, array![[-1.0], [-2.0], [0.0]]);
        assert_eq!(layer.down(up.view()), array![[1.0], [2.0]]);
    }

    #[test]
    fn a_balanced_layer_is_known_as_the_matrix_that_it_is() {
        let mut trial =
            crate::data::fixture::trial(crate::data::fixture::factorization(7, 4, 2), &[5, 2, 9]);
        trial.init.kind = crate::config::StartKind::Balanced;
        trial.init.scales = vec![0.5, 1.0, 2.0, 1.0];
        for start in crate::init::starts(&trial).expect("drawn") {
            let (thin, formed) = (
                Layer::new(start.clone()),
                Layer::new(LayerStart::Dense(start.form())),
            );
            assert!((thin.norm() - formed.norm()).abs() < 1e-14 * formed.norm());
            assert_eq!(thin.isometry().is_some(), formed.isometry().is_some());
            let (_, columns) = thin.shape();
            let mut below = Basis::new(columns);
            for wider in 0..3 {
                assert_eq!(thin.ends_at(&below), formed.ends_at(&below), "{wider}");
                // Two directions pass the bottleneck: those, and then another.
                let rows = start.form();
                let more = rows.slice(ndarray::s![..=wider.min(1), ..]).t().to_owned();
                below.extend(more.view(), 1e-8);
            }
            assert!(thin.ends_at(&below));
        }
    }
}
