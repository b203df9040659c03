//! What the law looks at in the data where nothing is known of the loss or of the samples of a step: all that the
//! training inputs span.
//!
//! Every gradient of `W_l` is `W_{L:l+1}^T R X_B^T W_{l-1:1}^T` with some `R`, whatever the loss, the batch and the
//! biases; so the closure of the inputs' range and of all outputs holds every step. This file owns that range and its
//! part of the certificate.

use ndarray::{Array2, ArrayView2, s};

use super::basis::Basis;
use super::closure::Seeds;
use crate::data::{Data, InputsMatrix};
use crate::error::{Matrix, TrialError};
use crate::kernel::rank::{OF_DATA, rank};
use crate::kernel::{Svd, svd, triangle};

/// The range of the training inputs.
#[derive(Clone, Debug)]
pub(crate) enum Span {
    /// Inputs are the identity.
    Everything,
    /// Left singular vectors of `X` (`d_x x q`) with all singular values, descending, and how many count.
    Range {
        U: Array2<f64>,
        s: Vec<f64>,
        rank: usize,
    },
}

impl Span {
    /// # Errors
    /// [`TrialError::NoConvergence`].
    pub(crate) fn of(data: &Data) -> Result<Span, TrialError> {
        let InputsMatrix::Dense(X) = &data.X else {
            return Ok(Span::Everything);
        };
        let (U, s) = left_factor(X.view())?;
        let rank = rank(&s, OF_DATA);
        Ok(Span::Range { U, s, rank })
    }

    /// What `H_0` must contain.
    pub(super) fn seeds(&self) -> Seeds<'_> {
        match self {
            Span::Everything => Seeds::Everything,
            Span::Range { U, rank, .. } => Seeds::Columns(U.slice(s![.., ..*rank])),
        }
    }

    /// An orthonormal basis of it, `d_x x r_x`; `None` where that is the whole space in its own coordinates.
    pub(crate) fn directions(&self) -> Option<Array2<f64>> {
        match self {
            Span::Everything => None,
            Span::Range { U, rank, .. } => {
                Some(U.slice(s![.., ..*rank]).as_standard_layout().into_owned())
            }
        }
    }

    /// `||(I - P_0) X|| / ||X||`; 0 where there is nothing to leave out.
    pub(super) fn residual(&self, input: &Basis) -> f64 {
        match self {
            Span::Everything => 0.0,
            Span::Range { U, s, .. } => {
                let size = s.iter().map(|value| value * value).sum::<f64>().sqrt();
                // NaN where the squares overflow.
                if size == 0.0 {
                    0.0
                } else {
                    input.distance(U.view(), s) / size
                }
            }
        }
    }
}

/// Left singular vectors of a matrix, as many as it has, and all singular values.
///
/// # Errors
/// [`TrialError::NoConvergence`].
pub(super) fn left_factor(X: ArrayView2<'_, f64>) -> Result<(Array2<f64>, Vec<f64>), TrialError> {
    // Many columns have the range of the triangle that their transpose leaves.
    let thin = if X.ncols() > X.nrows() {
        svd(triangle(X.t()).t())
    } else {
        svd(X)
    };
    let Svd { U, s, .. } = thin.ok_or(TrialError::NoConvergence {
        matrix: Matrix::Inputs,
    })?;
    Ok((U, s))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixture::{classification, factorization, normals, trial};
    use crate::prepare;

    fn data(X: Array2<f64>) -> Data {
        let mut data = prepare(&trial(classification(6, 3, 4), &[4])).expect("data");
        data.X = InputsMatrix::Dense(X);
        data
    }

    fn check(X: &Array2<f64>, rank: usize) {
        let span = Span::of(&data(X.clone())).expect("converges");
        let Seeds::Columns(seeds) = span.seeds() else {
            panic!("dense inputs have a range");
        };
        assert_eq!(seeds.ncols(), rank);
        let mut basis = Basis::new(X.nrows());
        basis.extend(seeds, 1e-8);
        assert!(span.residual(&basis) < 1e-13);
        let outside = basis.coordinates(X.view()).outside;
        assert!(outside.iter().all(|x| x.abs() < 1e-12));
        if rank > 0 {
            let mut less = Basis::new(X.nrows());
            less.extend(seeds.slice(s![.., 1..]), 1e-8);
            assert!(
                span.residual(&less) > 0.1,
                "the largest direction is missed"
            );
        }
    }

    #[test]
    fn the_range_of_the_inputs_is_found_and_certified() {
        check(&normals(1, 9, 4), 4);
        check(&normals(1, 5, 60), 5);
        check(&normals(1, 9, 3).dot(&normals(2, 3, 50)), 3);
        check(&normals(1, 30, 3).dot(&normals(2, 3, 20)), 3);
        check(&Array2::zeros((4, 7)), 0);
    }

    #[test]
    fn identity_inputs_span_everything() {
        let data = prepare(&trial(factorization(6, 4, 2), &[4])).expect("data");
        let span = Span::of(&data).expect("nothing to decompose");
        assert!(span.directions().is_none());
        assert_eq!(span.residual(&Basis::whole(6)), 0.0);
    }
}
