//! What the law looks at in the data: the second moment of the inputs and their correlation with the
//! targets.
//!
//! This file owns the choice of `sigma^2`, the seeds of the closure and the part of the
//! certificate that concerns the data. It depends on the data alone, not on the network.

use ndarray::{Array2, ArrayView2, Axis, concatenate, s};

use super::basis::Basis;
use super::worse;
use crate::data::{Data, TargetMatrix, TrainSamples, scale_columns};
use crate::error::{Matrix, TrialError};
use crate::kernel::rank::{OF_DATA, rank, widest_cluster};
use crate::kernel::{Svd, Threads, multiply, svd};

/// Spectra of `Sigma = X X^T` and `Phi = Y X^T`.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    /// The eigenvalue of `Sigma` of highest multiplicity.
    pub(crate) sigma2: f64,
    /// Left singular vectors of `X` (`d_x x q`) with their eigenvalues less `sigma^2`, over the largest
    /// eigenvalue; `None` where `Sigma` is `sigma^2 I`.
    inputs: Option<(Array2<f64>, Vec<f64>)>,
    /// Orthonormal basis of the range of `Sigma - sigma^2 I`, `d_x x a`.
    away: Array2<f64>,
    /// `Phi`.
    correlation: Svd,
}

impl Moments {
    /// # Errors
    /// [`TrialError::NoConvergence`].
    pub(super) fn of(data: &Data) -> Result<Moments, TrialError> {
        match data.samples(true) {
            TrainSamples::Identity => Moments::of_identity(&data.Y),
            TrainSamples::Dense { X, Y, .. } => Moments::of_samples(X, Y.view()),
        }
    }

    fn of_identity(Y: &TargetMatrix) -> Result<Moments, TrialError> {
        let matrix = Matrix::Target;
        let correlation = Y.decomposed().ok_or(TrialError::NoConvergence { matrix })?;
        Ok(Moments {
            sigma2: 1.0,
            inputs: None,
            away: Array2::zeros((correlation.V.nrows(), 0)),
            correlation,
        })
    }

    fn of_samples(X: ArrayView2<'_, f64>, Y: ArrayView2<'_, f64>) -> Result<Moments, TrialError> {
        let Svd { U, s, V } = factor(Matrix::Inputs, X)?;
        let largest = s.first().copied().unwrap_or(0.0);
        let rank = rank(&s, OF_DATA);
        let (sigma2, away) = split(&U, &s[..rank]);
        // Relative, so that inputs of any size do; a zero matrix deviates by nothing.
        let unit = if largest > 0.0 { largest } else { 1.0 };
        let deviations = s
            .iter()
            .map(|value| (value / unit).powi(2) - sigma2 / unit / unit)
            .collect();
        // Phi = Y X^T = (Y V S) U^T.
        let carried = multiply(Threads::Seq, Y, scale_columns(V.view(), &s).view());
        let outer = factor(Matrix::Targets, carried.view())?;
        let correlation = Svd {
            V: multiply(Threads::Seq, U.view(), outer.V.view()),
            U: outer.U,
            s: outer.s,
        };
        Ok(Moments {
            sigma2,
            inputs: Some((U, deviations)),
            away,
            correlation,
        })
    }

    /// Rank of `Phi`.
    fn correlation_rank(&self) -> usize {
        rank(&self.correlation.s, OF_DATA)
    }

    /// What `H_0` must contain, `d_x x k`.
    pub(super) fn input_seeds(&self) -> Array2<f64> {
        let rows = self.correlation.V.slice(s![.., ..self.correlation_rank()]);
        concatenate![Axis(1), self.away, rows]
    }

    /// What `H_L` must contain, `d_y x k`.
    pub(super) fn output_seeds(&self) -> ArrayView2<'_, f64> {
        self.correlation.U.slice(s![.., ..self.correlation_rank()])
    }

    /// `U_L^T Phi U_0`, and the squared norm of what that leaves out of `Phi`.
    pub(super) fn correlation_within(&self, input: &Basis, output: &Basis) -> (Array2<f64>, f64) {
        let Svd { U, s, V } = &self.correlation;
        let left = multiply(Threads::Seq, output.view().t(), U.view());
        let right = multiply(Threads::Seq, input.view().t(), V.view());
        let within = multiply(
            Threads::Seq,
            scale_columns(left.view(), s).view(),
            right.t(),
        );
        let above = output.distance(U.view(), s);
        let beside = input.distance(V.view(), s);
        (within, above * above + beside * beside)
    }

    /// The larger of `||Phi - P_L Phi P_0|| / ||Phi||` and `||(I - P_0)(Sigma - sigma^2 I)|| / ||Sigma||`.
    pub(super) fn residual(&self, input: &Basis, output: &Basis) -> f64 {
        let Svd { U, s, V } = &self.correlation;
        let size = s.iter().map(|p| p * p).sum::<f64>().sqrt();
        let of_correlation = if size > 0.0 {
            (output.distance(U.view(), s) + input.distance(V.view(), s)) / size
        } else {
            0.0
        };
        let of_inputs = match &self.inputs {
            Some((U, deviations)) => {
                // The null space of the inputs, where it is among the seeds, deviates by sigma^2.
                let seeds = vec![1.0; self.away.ncols()];
                input
                    .distance(U.view(), deviations)
                    .hypot(input.distance(self.away.view(), &seeds))
            }
            None => 0.0,
        };
        worse(of_inputs, of_correlation)
    }
}

fn factor(matrix: Matrix, A: ArrayView2<'_, f64>) -> Result<Svd, TrialError> {
    svd(A).ok_or(TrialError::NoConvergence { matrix })
}

/// `sigma^2` and a basis of the range of `Sigma - sigma^2 I`, from the left singular vectors of the inputs
/// (as many as there are) and the singular values that are not zero, descending.
///
/// The eigenvalue taken is the one that leaves the smallest range; 0, where that is as good.
fn split(U: &Array2<f64>, s: &[f64]) -> (f64, Array2<f64>) {
    let rank = s.len();
    let null = U.nrows() - rank;
    let squares: Vec<f64> = s.iter().map(|value| value * value).collect();
    let (first, count) = widest_cluster(&squares);
    if count < 2 || count <= null {
        return (0.0, U.slice(s![.., ..rank]).to_owned());
    }
    let sigma2 = squares[first..first + count].iter().sum::<f64>() / count as f64;
    let above = U.slice(s![.., ..first]);
    let below = U.slice(s![.., first + count..rank]);
    let known = concatenate![Axis(1), above, below];
    if null == 0 {
        return (sigma2, known);
    }
    // The rest of the space, from the unit vectors.
    let mut all = Basis::new(U.nrows());
    all.extend(U.slice(s![.., ..rank]), 0.5);
    all.extend(Array2::eye(U.nrows()).view(), OF_DATA.sqrt());
    let rest = all.columns(rank..all.width());
    (sigma2, concatenate![Axis(1), known, rest])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Draw;
    use crate::reflectors::Reflectors;
    use crate::stream::{Purpose, normal_rows};

    const DRAW: Draw = Draw {
        seed: 21,
        replicate: 0,
    };

    fn haar(purpose: Purpose, rows: usize, columns: usize) -> Array2<f64> {
        Reflectors::new(DRAW, purpose, 0, rows, columns).form()
    }

    /// `d x n` inputs of these singular values.
    fn inputs(d: usize, n: usize, s: &[f64]) -> Array2<f64> {
        let U = haar(Purpose::InputsLeft, d, s.len());
        let V = haar(Purpose::InputsRight, n, s.len());
        scale_columns(U.view(), s).dot(&V.t())
    }

    /// `sigma^2`, the dimension of the range away from it and the number of seeds.
    fn check(d: usize, n: usize, s: &[f64], sigma2: f64, away: usize) {
        let X = inputs(d, n, s);
        let Y = normal_rows(DRAW, Purpose::InputsNoise, 0, 2, n);
        let moments = Moments::of_samples(X.view(), Y.view()).expect("converges");
        assert!(
            (moments.sigma2 - sigma2).abs() < 1e-14,
            "{}",
            moments.sigma2
        );
        assert_eq!(moments.away.dim(), (d, away));
        assert_eq!(moments.input_seeds().ncols(), away + 2);
        assert_eq!(moments.output_seeds().dim(), (2, 2));
        // The seeds carry the second moment and the correlation, and nothing less does.
        let mut input = Basis::new(d);
        input.extend(moments.input_seeds().view(), 1e-8);
        let mut output = Basis::new(2);
        output.extend(moments.output_seeds(), 1e-8);
        assert!(moments.residual(&input, &output) < 1e-12);
        let mut less = Basis::new(d);
        less.extend(moments.input_seeds().slice(s![.., 1..]), 1e-8);
        let reached = less.width() < input.width();
        assert_eq!(reached, moments.residual(&less, &output) > 1e-8);
        let sigma = X.dot(&X.t()) - Array2::<f64>::eye(d) * moments.sigma2;
        let rest = input.coordinates(sigma.view()).outside;
        assert!(rest.iter().all(|x| x.abs() < 1e-11));
        let (within, left_out) = moments.correlation_within(&input, &output);
        let wanted = output.view().t().dot(&Y.dot(&X.t())).dot(&input.view());
        assert!((&within - &wanted).iter().all(|x| x.abs() < 1e-12));
        assert!(left_out < 1e-24);
    }

    #[test]
    fn generic_inputs_have_sigma_zero() {
        check(9, 4, &[3.0, 2.0, 1.0, 0.5], 0.0, 4);
        check(5, 20, &[3.0, 2.0, 1.0, 0.5, 1e-3], 0.0, 5);
        check(5, 20, &[3.0, 2.0, 1.0, 0.5, 1e-11], 0.0, 5);
        check(5, 20, &[3.0, 2.0, 1.0, 0.5, 1e-14], 0.0, 4);
    }

    #[test]
    fn the_largest_cluster_of_eigenvalues_is_taken_out() {
        check(8, 30, &[2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5], 1.0, 2);
        check(6, 6, &[1.0; 6], 1.0, 0);
        // Two null directions against four equal ones: sigma^2 = 1, and the null space is away from it.
        check(7, 30, &[3.0, 1.0, 1.0, 1.0, 1.0], 1.0, 3);
        // As many null directions as equal ones: 0.
        check(6, 30, &[1.0, 1.0, 1.0], 0.0, 3);
    }

    #[test]
    fn zero_inputs_have_no_seeds() {
        let X = Array2::zeros((4, 6));
        let Y = normal_rows(DRAW, Purpose::InputsNoise, 0, 3, 6);
        let moments = Moments::of_samples(X.view(), Y.view()).expect("converges");
        assert_eq!(moments.sigma2, 0.0);
        assert_eq!(moments.input_seeds().dim(), (4, 0));
        assert_eq!(moments.output_seeds().dim(), (3, 0));
    }
}
