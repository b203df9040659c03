//! Initial weights.
//!
//! This file owns the shapes of the layers and what every kind of initialization draws: formed, for the full
//! engine, or as something that can be applied to a few columns, for the reduced one. Both are the same
//! draw. The factored engine makes its own start.

use std::iter::once;

use ndarray::{Array2, ArrayView2};
use rand_distr::{Distribution, StandardUniform};

use crate::config::{Given, StartKind, Trial};
use crate::data::{check_finite, check_shape, scale_columns};
use crate::error::{Dimension, Matrix, TrialError};
use crate::frame::{Frame, aligned_frames};
use crate::kernel::{Threads, multiply};
use crate::reflectors::Reflectors;
use crate::spectrum_draw::gaussian_singular_values;
use crate::stream::{Purpose, normal_rows, stream};

/// `W_1(0) .. W_L(0)`, formed.
///
/// # Shapes
/// Those of [`layer_shapes`], row-major.
/// # Errors
/// A number of scales or of given matrices that is not the depth, a given matrix of another shape or with
/// a value that is not finite, a layer without rows or columns.
pub(crate) fn weights(trial: &Trial) -> Result<Vec<Array2<f64>>, TrialError> {
    Ok(starts(trial)?.iter().map(LayerStart::form).collect())
}

/// (rows, columns) of `W_1 .. W_L`: output x input.
pub(crate) fn layer_shapes(trial: &Trial) -> Vec<(usize, usize)> {
    trial.sizes().windows(2).map(|d| (d[1], d[0])).collect()
}

/// One layer's initial weights, formed no further than they must be.
#[derive(Clone, Debug)]
pub(crate) enum LayerStart {
    /// `scale Q`.
    Reflected {
        scale: f64,
        Q: Reflectors,
    },
    /// `scale` times the `rows x columns` identity.
    ScaledIdentity {
        scale: f64,
        rows: usize,
        columns: usize,
    },
    /// `R_l D R_(l-1)^T`.
    Balanced {
        /// `rows x p`, orthonormal columns.
        left: Reflectors,
        /// `p` numbers.
        D: Vec<f64>,
        /// `columns x p`, orthonormal columns.
        right: Reflectors,
    },
    /// `scale L R^T`, `L` and `R` with as many orthonormal columns as the smaller side has.
    Framed {
        scale: f64,
        left: Frame,
        right: Frame,
    },
    Dense(Array2<f64>),
}

impl LayerStart {
    /// (rows, columns).
    pub(crate) fn shape(&self) -> (usize, usize) {
        match self {
            LayerStart::Reflected { Q, .. } => Q.shape(),
            LayerStart::ScaledIdentity { rows, columns, .. } => (*rows, *columns),
            LayerStart::Balanced { left, right, .. } => (left.shape().0, right.shape().0),
            LayerStart::Framed { left, right, .. } => (left.rows(), right.rows()),
            LayerStart::Dense(W) => W.dim(),
        }
    }

    /// `W X`, `X` `columns x k`.
    ///
    /// # Panics
    /// When `X` has another number of rows.
    pub(crate) fn apply(&self, X: ArrayView2<'_, f64>) -> Array2<f64> {
        match self {
            LayerStart::Reflected { scale, Q } => Q.apply(X) * *scale,
            LayerStart::ScaledIdentity {
                scale,
                rows,
                columns,
            } => {
                assert_eq!(X.nrows(), *columns, "rows of the matrix applied to");
                padded(X, *rows, *scale)
            }
            LayerStart::Balanced { left, D, right } => carried(left, D, right, X),
            LayerStart::Framed { scale, left, right } => {
                left.apply(right.apply_transpose(X).view()) * *scale
            }
            LayerStart::Dense(W) => multiply(Threads::Seq, W.view(), X),
        }
    }

    /// `W^T X`, `X` `rows x k`.
    ///
    /// # Panics
    /// When `X` has another number of rows.
    pub(crate) fn apply_transpose(&self, X: ArrayView2<'_, f64>) -> Array2<f64> {
        match self {
            LayerStart::Reflected { scale, Q } => Q.apply_transpose(X) * *scale,
            LayerStart::ScaledIdentity {
                scale,
                rows,
                columns,
            } => {
                assert_eq!(X.nrows(), *rows, "rows of the matrix applied to");
                padded(X, *columns, *scale)
            }
            LayerStart::Balanced { left, D, right } => carried(right, D, left, X),
            LayerStart::Framed { scale, left, right } => {
                right.apply(left.apply_transpose(X).view()) * *scale
            }
            LayerStart::Dense(W) => multiply(Threads::Seq, W.t(), X),
        }
    }

    /// `W` itself, row-major.
    pub(crate) fn form(&self) -> Array2<f64> {
        match self {
            LayerStart::Reflected { scale, Q } => Q.form() * *scale,
            LayerStart::ScaledIdentity {
                scale,
                rows,
                columns,
            } => {
                let mut W = Array2::zeros((*rows, *columns));
                W.diag_mut().fill(*scale);
                W
            }
            LayerStart::Balanced { left, D, right } => {
                let left = scale_columns(left.form().view(), D);
                multiply(Threads::Seq, left.view(), right.form().t())
            }
            LayerStart::Framed { right, .. } => self.apply(Array2::eye(right.rows()).view()),
            LayerStart::Dense(W) => W.clone(),
        }
    }
}

/// The initial weights of every layer.
///
/// # Errors
/// As [`weights`].
/// # Source
/// Orthogonal: `eps Q`, Haar (Yaras et al., arXiv 2306.01154). Gaussian: standard deviation
/// `eps / sqrt(max(m, n))`; uniform on `+- eps sqrt(3 / max(m, n))`, of the same variance. Balanced:
/// `W_l = R_l D R_(l-1)^T` (Arora, Cohen, Golowich, Hu, arXiv 1810.02281, Procedure 1), `D` the `L`-th roots
/// of a Gaussian end-to-end map's singular values over the largest, so that every layer's norm is `eps`.
pub(crate) fn starts(trial: &Trial) -> Result<Vec<LayerStart>, TrialError> {
    let shapes = layer_shapes(trial);
    check_dimensions(trial)?;
    let scales = &trial.init.scales;
    if trial.init.kind.is_scaled() && scales.len() != shapes.len() {
        return Err(TrialError::ScaleCount {
            found: scales.len(),
            depth: shapes.len(),
        });
    }
    let each = |draw: fn(&Trial, u64, (usize, usize), f64) -> LayerStart| {
        let layers = (1..).zip(&shapes).zip(scales);
        layers
            .map(|((layer, &shape), &scale)| draw(trial, layer, shape, scale))
            .collect::<Vec<_>>()
    };
    match trial.init.kind {
        StartKind::Orthogonal => Ok(each(orthogonal)),
        StartKind::Gaussian => Ok(each(gaussian)),
        StartKind::Uniform => Ok(each(uniform)),
        StartKind::Identity => Ok(each(identity)),
        StartKind::Balanced => Ok(balanced_starts(trial, &shapes)),
        StartKind::File => given_starts(&trial.init.weights, &shapes),
        StartKind::Aligned => {
            let frames = aligned_frames(trial, &shapes)?;
            let layers = frames.into_iter().zip(scales);
            Ok(layers
                .map(|((left, right), &scale)| LayerStart::Framed { scale, left, right })
                .collect())
        }
    }
}

fn orthogonal(
    trial: &Trial,
    layer: u64,
    (rows, columns): (usize, usize),
    scale: f64,
) -> LayerStart {
    LayerStart::Reflected {
        scale,
        Q: Reflectors::new(trial.draw, Purpose::Init, layer, rows, columns),
    }
}

fn gaussian(trial: &Trial, layer: u64, (rows, columns): (usize, usize), scale: f64) -> LayerStart {
    let deviation = scale / (rows.max(columns) as f64).sqrt();
    LayerStart::Dense(normal_rows(trial.draw, Purpose::Init, layer, rows, columns) * deviation)
}

fn uniform(trial: &Trial, layer: u64, shape: (usize, usize), scale: f64) -> LayerStart {
    let limit = scale * (3.0 / shape.0.max(shape.1) as f64).sqrt();
    LayerStart::Dense(uniform_rows(trial, layer, shape) * limit)
}

fn identity(
    _trial: &Trial,
    _layer: u64,
    (rows, columns): (usize, usize),
    scale: f64,
) -> LayerStart {
    LayerStart::ScaledIdentity {
        scale,
        rows,
        columns,
    }
}

/// Uniform on [-1, 1), row `i` (from 0) from stream `i`.
fn uniform_rows(trial: &Trial, layer: u64, shape: (usize, usize)) -> Array2<f64> {
    let mut A = Array2::<f64>::zeros(shape);
    for (i, mut row) in A.rows_mut().into_iter().enumerate() {
        let mut rng = stream(trial.draw, Purpose::Init, layer, i as u64);
        row.mapv_inplace(|_| {
            let unit: f64 = StandardUniform.sample(&mut rng);
            2.0 * unit - 1.0
        });
    }
    A
}

fn balanced_starts(trial: &Trial, shapes: &[(usize, usize)]) -> Vec<LayerStart> {
    let (inputs_dim, outputs_dim) = (trial.problem.inputs_dim, trial.problem.outputs_dim);
    let sizes = trial.sizes();
    // The rank of the end-to-end map: a bottleneck lets no more through.
    let rank = sizes.iter().copied().fold(usize::MAX, usize::min);
    let purpose = Purpose::BalancedValues;
    let sigma = gaussian_singular_values(trial.draw, purpose, outputs_dim, inputs_dim, rank);
    let root = 1.0 / shapes.len() as f64;
    let roots: Vec<f64> = sigma.iter().map(|s| (s / sigma[0]).powf(root)).collect();
    let bases: Vec<Reflectors> = (0..)
        .zip(&sizes)
        .map(|(index, &size)| {
            Reflectors::new(trial.draw, Purpose::BalancedBasis, index, size, rank)
        })
        .collect();
    bases
        .windows(2)
        .zip(&trial.init.scales)
        .map(|(pair, &scale)| LayerStart::Balanced {
            left: pair[1].clone(),
            D: roots.iter().map(|root| scale * root).collect(),
            right: pair[0].clone(),
        })
        .collect()
}

/// `to D from^T X`.
fn carried(to: &Reflectors, D: &[f64], from: &Reflectors, X: ArrayView2<'_, f64>) -> Array2<f64> {
    let mut inner = from.apply_transpose(X);
    for (mut row, &value) in inner.rows_mut().into_iter().zip(D) {
        row *= value;
    }
    to.apply(inner.view())
}

fn given_starts(given: &[Given], shapes: &[(usize, usize)]) -> Result<Vec<LayerStart>, TrialError> {
    if given.len() != shapes.len() {
        return Err(TrialError::WeightCount {
            found: given.len(),
            depth: shapes.len(),
        });
    }
    let mut starts = Vec::with_capacity(given.len());
    for ((layer, Given(W)), &shape) in (1..).zip(given).zip(shapes) {
        let matrix = Matrix::Weights { layer };
        check_shape(matrix, W.dim(), shape)?;
        check_finite(matrix, W.view())?;
        starts.push(LayerStart::Dense(W.as_standard_layout().into_owned()));
    }
    Ok(starts)
}

fn check_dimensions(trial: &Trial) -> Result<(), TrialError> {
    let widths = (1..).zip(&trial.network.widths);
    let sizes = once((Dimension::Inputs, trial.problem.inputs_dim))
        .chain(widths.map(|(layer, &width)| (Dimension::Width { layer }, width)))
        .chain(once((Dimension::Outputs, trial.problem.outputs_dim)));
    for (dimension, size) in sizes {
        if size == 0 {
            return Err(TrialError::Empty { dimension });
        }
    }
    Ok(())
}

/// `scale` times the first rows of `X`, or all of them and zeros below: the identity applied.
fn padded(X: ArrayView2<'_, f64>, rows: usize, scale: f64) -> Array2<f64> {
    let mut result = Array2::zeros((rows, X.ncols()));
    for (mut to, from) in result.rows_mut().into_iter().zip(X.rows()) {
        to.assign(&from);
        to *= scale;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixture;
    /// Input 7, hidden 5 and 9, output 4.
    fn trial(kind: StartKind) -> Trial {
        let mut trial = fixture::trial(fixture::factorization(7, 4, 2), &[5, 9]);
        trial.init.kind = kind;
        trial.init.scales = vec![0.5, 1.0, 2.0];
        trial
    }

    fn check_close(found: &Array2<f64>, expected: &Array2<f64>, what: &str) {
        assert_eq!(found.dim(), expected.dim(), "{what}");
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < 1e-13, "{what}: {a} is not {b}");
        }
    }

    #[test]
    fn layers_chain_from_inputs_to_outputs() {
        let shapes = layer_shapes(&trial(StartKind::Orthogonal));
        assert_eq!(shapes, [(5, 7), (9, 5), (4, 9)]);
        let shallow = fixture::trial(fixture::factorization(7, 4, 2), &[]);
        assert_eq!(layer_shapes(&shallow), [(4, 7)]);
    }

    #[test]
    fn what_is_applied_is_what_is_formed() {
        let given = weights(&trial(StartKind::Gaussian)).expect("drawn");
        let given: Vec<Given> = given.into_iter().map(Given::from).collect();
        for &kind in StartKind::ALL {
            let mut trial = trial(kind);
            trial.init.weights.clone_from(&given);
            let formed = weights(&trial).expect("drawn");
            let starts = starts(&trial).expect("drawn");
            for ((W, start), shape) in formed.iter().zip(&starts).zip(layer_shapes(&trial)) {
                let what = format!("{:?}", trial.init.kind);
                assert_eq!(W.dim(), shape, "{what}");
                assert_eq!(start.shape(), shape, "{what}");
                assert!(W.is_standard_layout(), "{what}");
                check_close(&start.apply(Array2::eye(shape.1).view()), W, &what);
                let transposed = start.apply_transpose(Array2::eye(shape.0).view());
                check_close(&transposed, &W.t().to_owned(), &what);
            }
        }
    }

    #[test]
    fn an_orthogonal_start_is_a_scaled_isometry() {
        let trial = trial(StartKind::Orthogonal);
        let formed = weights(&trial).expect("drawn");
        for (W, eps) in formed.iter().zip(&trial.init.scales) {
            let wide = W.nrows() < W.ncols();
            let gram = if wide { W.dot(&W.t()) } else { W.t().dot(W) };
            let expected = Array2::eye(gram.nrows()) * (eps * eps);
            check_close(&gram, &expected, "gram");
        }
    }

    #[test]
    fn gaussian_and_uniform_starts_have_the_same_variance() {
        for kind in [StartKind::Gaussian, StartKind::Uniform] {
            let mut trial = fixture::trial(fixture::factorization(300, 100, 2), &[200]);
            trial.init.kind = kind;
            trial.init.scales = vec![0.5, 2.0];
            let formed = weights(&trial).expect("drawn");
            for (W, eps) in formed.iter().zip([0.5, 2.0]) {
                let larger = W.nrows().max(W.ncols()) as f64;
                let variance = W.iter().map(|w| w * w).sum::<f64>() / W.len() as f64;
                let ratio = variance * larger / (eps * eps);
                // Five standard errors of a Gaussian mean square over 20,000 entries.
                assert!((ratio - 1.0).abs() < 0.05, "{kind:?}: {ratio}");
                if matches!(kind, StartKind::Uniform) {
                    let limit = eps * (3.0 / larger).sqrt();
                    assert!(W.iter().all(|w| w.abs() <= limit));
                }
            }
        }
    }

    #[test]
    fn a_balanced_start_is_balanced_with_norm_eps() {
        let mut trial = trial(StartKind::Balanced);
        trial.init.scales = vec![0.3; 3];
        let W = weights(&trial).expect("drawn");
        for pair in W.windows(2) {
            check_close(
                &pair[1].t().dot(&pair[1]),
                &pair[0].dot(&pair[0].t()),
                "balance",
            );
        }
        for W in &W {
            let s = crate::kernel::singular_values(W.view()).expect("converges");
            assert!((s[0] - 0.3).abs() < 1e-14, "{s:?}");
        }
        let end = W[2].dot(&W[1]).dot(&W[0]);
        let s = crate::kernel::singular_values(end.view()).expect("converges");
        let drawn = gaussian_singular_values(trial.draw, Purpose::BalancedValues, 4, 7, 4);
        for (found, value) in s.iter().zip(&drawn) {
            let expected = 0.3f64.powi(3) * value / drawn[0];
            assert!(
                (found - expected).abs() < 1e-15,
                "{found} is not {expected}"
            );
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut few = trial(StartKind::Orthogonal);
        few.init.scales.pop();
        assert_eq!(
            weights(&few),
            Err(TrialError::ScaleCount { found: 2, depth: 3 })
        );
        let given = |rows, columns| Given::from(Array2::zeros((rows, columns)));
        let mut wrong = trial(StartKind::File);
        wrong.init.weights = vec![given(5, 7), given(9, 5), given(9, 4)];
        assert_eq!(
            weights(&wrong)
                .expect_err("the last is transposed")
                .to_string(),
            "expected 4 x 9 for the weights of layer 3, found 9 x 4"
        );
        let mut short = wrong.clone();
        short.init.weights.truncate(1);
        assert_eq!(
            weights(&short),
            Err(TrialError::WeightCount { found: 1, depth: 3 })
        );
        let empty = fixture::trial(fixture::factorization(7, 4, 2), &[5, 0]);
        assert_eq!(
            weights(&empty),
            Err(TrialError::Empty {
                dimension: Dimension::Width { layer: 2 }
            })
        );
    }
}
