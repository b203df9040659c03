//! The target's singular values and bases.

use std::cmp::Ordering;

use ndarray::{Array2, s};

use super::closed_form::is_diagonal;
use crate::data::{Data, InputsMatrix, TargetMatrix};
use crate::kernel::rank::{OF_TARGET, rank};
use crate::kernel::{Svd, Threads, multiply};
use crate::measure::target_factors;

/// `T = U diag(s) V^T`: the target matrix, or the least-squares map where there are samples.
#[derive(Clone, Debug)]
pub(crate) struct Modes {
    /// `d_y x r`.
    pub(crate) U: Array2<f64>,
    pub(crate) s: Vec<f64>,
    /// `d_x x r`.
    pub(crate) V: Array2<f64>,
    /// The coordinate of each mode, where the target is diagonal: from an identity start, a mode is a coordinate.
    pub(super) coordinates: Option<Vec<usize>>,
}

impl Modes {
    /// `None` where the target is zero or its decomposition does not converge.
    pub(super) fn of(data: &Data) -> Option<Modes> {
        let diagonal = match (&data.X, &data.Y) {
            (InputsMatrix::Identity, TargetMatrix::Dense(Y)) if is_diagonal(Y) => Some(Y),
            (InputsMatrix::Identity | InputsMatrix::Dense(_), _) => None,
        };
        let modes = match diagonal {
            Some(Y) => Modes::of_diagonal(Y),
            None => {
                let Svd { U, s, V } = target_factors(data)?;
                Modes {
                    U,
                    s,
                    V,
                    coordinates: None,
                }
            }
        };
        modes.cut()
    }

    /// A diagonal matrix is its own decomposition: unit vectors, with the signs on the left. Equal values keep their
    /// order.
    fn of_diagonal(Y: &Array2<f64>) -> Modes {
        let diagonal: Vec<f64> = Y.diag().to_vec();
        let mut order: Vec<usize> = (0..diagonal.len()).collect();
        order.sort_by(|&a, &b| {
            let (a, b) = (diagonal[a].abs(), diagonal[b].abs());
            b.partial_cmp(&a).unwrap_or(Ordering::Equal)
        });
        let (rows, columns) = Y.dim();
        let mut U = Array2::zeros((rows, order.len()));
        let mut V = Array2::zeros((columns, order.len()));
        for (mode, &at) in order.iter().enumerate() {
            U[[at, mode]] = if diagonal[at] < 0.0 { -1.0 } else { 1.0 };
            V[[at, mode]] = 1.0;
        }
        Modes {
            U,
            s: order.iter().map(|&at| diagonal[at].abs()).collect(),
            V,
            coordinates: Some(order),
        }
    }

    /// Without the modes of value 0.
    fn cut(self) -> Option<Modes> {
        let rank = rank(&self.s, OF_TARGET);
        (rank > 0).then(|| Modes {
            U: self.U.slice(s![.., ..rank]).to_owned(),
            s: self.s[..rank].to_vec(),
            V: self.V.slice(s![.., ..rank]).to_owned(),
            coordinates: self.coordinates.map(|all| all[..rank].to_vec()),
        })
    }

    /// `(U^T M V)_ii` of a map `M`, with `U` and `V` in the map's coordinates.
    pub(crate) fn values_of(
        M: &Array2<f64>,
        (U, V): (&Array2<f64>, &Array2<f64>),
        threads: Threads,
    ) -> Vec<f64> {
        let image = multiply(threads, M.view(), V.view());
        let columns = U.columns().into_iter().zip(image.columns());
        columns.map(|(u, image)| u.dot(&image)).collect()
    }
}
