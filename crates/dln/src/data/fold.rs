//! Whitening and folding of samples: two uses of one thin factor of the training inputs.

use ndarray::{Array2, ArrayView2, Axis, concatenate, s};

use super::types::{Folded, scale_columns};
use crate::error::{Matrix, TrialError};
use crate::kernel::rank::{OF_FOLD, rank};
use crate::kernel::{Svd, Threads, multiply, square_sum, svd, triangle};

/// The inputs as `U diag(s) V^T`, cut to their numerical rank `r`.
pub(super) struct Factor {
    /// `d_x x r`.
    U: Array2<f64>,
    s: Vec<f64>,
    /// `n x r`.
    V: Array2<f64>,
}

impl Factor {
    /// # Errors
    /// [`TrialError::NoConvergence`].
    pub(super) fn new(X: ArrayView2<'_, f64>) -> Result<Self, TrialError> {
        let Svd { U, mut s, V } = svd(X).ok_or(TrialError::NoConvergence {
            matrix: Matrix::Inputs,
        })?;
        let rank = rank(&s, OF_FOLD);
        s.truncate(rank);
        Ok(Self {
            U: U.slice_move(s![.., ..rank]),
            s,
            V: V.slice_move(s![.., ..rank]),
        })
    }

    /// `(X X^T)^(-1/2) A`, `X` the inputs that were factored and the root pseudo-inverted.
    ///
    /// # Shapes
    /// `A`: `d_x x k`.
    pub(super) fn whiten(&self, A: ArrayView2<'_, f64>) -> Array2<f64> {
        let inverse: Vec<f64> = self.s.iter().map(|s| 1.0 / s).collect();
        let coordinates = multiply(Threads::Seq, self.U.t(), A);
        let scaled = scale_columns(self.U.view(), &inverse);
        multiply(Threads::Seq, scaled.view(), coordinates.view())
    }

    /// The factor of the whitened inputs: every singular value is 1.
    pub(super) fn whitened(mut self) -> Self {
        self.s.fill(1.0);
        self
    }

    /// The inputs themselves, `d_x x n`.
    pub(super) fn product(&self) -> Array2<f64> {
        let scaled = scale_columns(self.U.view(), &self.s);
        multiply(Threads::Seq, scaled.view(), self.V.t())
    }

    /// Samples folded into `r` columns, or `None` where that is no fewer.
    ///
    /// # Shapes
    /// `Y`: `d_y x n`, of the inputs that were factored; `c` is the scale of the loss.
    pub(super) fn fold(&self, Y: ArrayView2<'_, f64>, c: f64) -> Option<Folded> {
        let rank = self.s.len();
        if rank == 0 || rank == Y.ncols() {
            return None;
        }
        Some(Folded::by(&self.U, &self.s, &self.V, Y, c))
    }
}

/// The inputs as whitening makes them: `X X^T = I` on the directions that they have.
///
/// # Shapes
/// `X`: `d_x x n`.
/// # Errors
/// [`TrialError::NoConvergence`].
pub fn whitened(X: ArrayView2<'_, f64>) -> Result<Array2<f64>, TrialError> {
    Ok(Factor::new(X)?.whitened().product())
}

impl Folded {
    /// The samples `U diag(s) V^T` and `Y`, folded by that factor of theirs; `c` is the scale of the loss.
    ///
    /// # Shapes
    /// `U`: `d_x x r`, `V`: `n x r`, `Y`: `d_y x n`.
    pub(crate) fn by(
        U: &Array2<f64>,
        s: &[f64],
        V: &Array2<f64>,
        Y: ArrayView2<'_, f64>,
        c: f64,
    ) -> Folded {
        let folded = multiply(Threads::Seq, Y, V.view());
        let seen = multiply(Threads::Seq, folded.view(), V.t());
        let unseen = square_sum((&Y - &seen).view());
        Folded {
            X: scale_columns(U.view(), s),
            Y: folded,
            constant: 0.5 * c * unseen,
        }
    }
}

/// Fewer columns `X'`, `Y'` with `||M X - Y|| = ||M X' - Y'||` for every `M`, targets off the inputs included.
pub(crate) fn fold_both(X: Array2<f64>, Y: Array2<f64>) -> (Array2<f64>, Array2<f64>) {
    let (inputs, outputs) = (X.nrows(), Y.nrows());
    if X.ncols() <= inputs + outputs || inputs + outputs == 0 {
        return (X, Y);
    }
    let stacked = concatenate![Axis(0), X, Y];
    let R = triangle(stacked.t());
    (
        R.slice(s![.., ..inputs]).t().to_owned(),
        R.slice(s![.., inputs..]).t().to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Draw;
    use crate::stream::{Purpose, normal_rows};

    fn normals(replicate: u64, rows: usize, columns: usize) -> Array2<f64> {
        let draw = Draw { seed: 4, replicate };
        normal_rows(draw, Purpose::Inputs, 0, rows, columns)
    }

    fn of_rank(rank: usize, rows: usize, columns: usize) -> Array2<f64> {
        normals(1, rows, rank).dot(&normals(2, rank, columns))
    }

    fn loss(W: &Array2<f64>, X: &Array2<f64>, Y: &Array2<f64>, c: f64) -> f64 {
        0.5 * c * square_sum((W.dot(X) - Y).view())
    }

    fn check_same_loss(X: &Array2<f64>, rank: usize) {
        let (d, n) = X.dim();
        let (Y, c) = (normals(3, 4, n), 1.0 / (4 * n) as f64);
        let factor = Factor::new(X.view()).expect("converges");
        let folded = factor.fold(Y.view(), c).expect("fewer columns");
        assert_eq!(folded.X.dim(), (d, rank));
        assert_eq!(folded.Y.dim(), (4, rank));
        assert!(folded.X.is_standard_layout() && folded.Y.is_standard_layout());
        for replicate in 5..8 {
            let W = normals(replicate, 4, d);
            let full = loss(&W, X, &Y, c);
            let thin = loss(&W, &folded.X, &folded.Y, c) + folded.constant;
            assert!((full - thin).abs() < 1e-13 * full, "{full} is not {thin}");
        }
    }

    #[test]
    fn folded_samples_have_the_same_loss_up_to_the_constant() {
        check_same_loss(&normals(0, 6, 50), 6);
        check_same_loss(&of_rank(3, 6, 50), 3);
        check_same_loss(&of_rank(3, 20, 8), 3);
        check_same_loss(&of_rank(1, 1, 9), 1);
    }

    #[test]
    fn small_singular_values_are_kept() {
        let mut X = normals(0, 5, 30);
        X.row_mut(4).mapv_inplace(|x| x * 1e-11);
        check_same_loss(&X, 5);
    }

    #[test]
    fn independent_samples_are_not_folded() {
        for X in [normals(0, 9, 5), normals(0, 5, 5)] {
            let factor = Factor::new(X.view()).expect("converges");
            assert!(factor.fold(normals(1, 2, 5).view(), 1.0).is_none());
        }
        let zeros = Array2::zeros((3, 7));
        let factor = Factor::new(zeros.view()).expect("converges");
        assert!(factor.fold(normals(1, 2, 7).view(), 1.0).is_none());
    }

    #[test]
    fn the_constant_vanishes_where_the_targets_are_linear_in_the_inputs() {
        let X = normals(0, 6, 50);
        let Y = normals(1, 4, 6).dot(&X);
        let factor = Factor::new(X.view()).expect("converges");
        let folded = factor.fold(Y.view(), 1.0).expect("fewer columns");
        assert!(folded.constant < 1e-26 * square_sum(Y.view()));
    }

    fn check_identity(A: &Array2<f64>) {
        for ((i, j), value) in A.indexed_iter() {
            let expected = if i == j { 1.0 } else { 0.0 };
            assert!((value - expected).abs() < 1e-12, "({i}, {j}): {value}");
        }
    }

    #[test]
    fn whitened_inputs_have_the_identity_as_their_second_moment() {
        let X = normals(0, 6, 50);
        let factor = Factor::new(X.view()).expect("converges");
        // The same map serves samples that it was not fitted on.
        let by_map = factor.whiten(X.view());
        let white = factor.whitened();
        check_identity(&white.product().dot(&white.product().t()));
        let difference = &by_map - &white.product();
        assert!(difference.iter().all(|x| x.abs() < 1e-13));
        let folded = white.fold(normals(1, 4, 50).view(), 1.0).expect("fewer");
        check_identity(&folded.X.dot(&folded.X.t()));
    }

    #[test]
    fn whitening_is_symmetric_and_commutes_with_the_second_moment() {
        let X = normals(0, 6, 50);
        let factor = Factor::new(X.view()).expect("converges");
        let root = factor.whiten(Array2::eye(6).view());
        assert!((&root - &root.t()).iter().all(|x| x.abs() < 1e-14));
        check_identity(&root.dot(&X.dot(&X.t())).dot(&root));
    }

    #[test]
    fn rank_deficient_inputs_are_whitened_on_their_range() {
        let X = of_rank(3, 6, 50);
        let white = Factor::new(X.view()).expect("converges").whitened();
        let X = white.product();
        let projection = X.dot(&X.t());
        assert!((projection.diag().sum() - 3.0).abs() < 1e-12);
        let twice = projection.dot(&projection) - &projection;
        assert!(twice.iter().all(|x| x.abs() < 1e-12));
    }

    fn check_both(inputs: usize, outputs: usize, n: usize, columns: usize) {
        let (X, Y) = (normals(1, inputs, n), normals(2, outputs, n));
        let M = normals(3, outputs, inputs);
        let wanted = square_sum((M.dot(&X) - &Y).view());
        let (X, Y) = fold_both(X, Y);
        assert_eq!((X.ncols(), Y.ncols()), (columns, columns));
        let found = square_sum((M.dot(&X) - &Y).view());
        assert!((found - wanted).abs() <= 1e-12 * wanted, "{found} {wanted}");
    }

    #[test]
    fn test_samples_fold_to_inputs_and_outputs() {
        check_both(5, 2, 400, 7);
        check_both(5, 2, 6, 6);
        check_both(1, 1, 3, 2);
    }
}
