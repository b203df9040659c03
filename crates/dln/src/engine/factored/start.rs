//! Initial weights of the compressed network.

use ndarray::{Array2, Axis, concatenate, s};

use crate::config::{Given, InitKind, Trial};
use crate::data::{Data, check_finite, check_shape};
use crate::error::{Matrix, NotFactorable, TrialError};
use crate::init::{LayerStart, starts};
use crate::kernel::{Svd, svd};
use crate::law::orthonormal;

/// `U C_L .. C_1 V^T`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Start {
    /// `d_x x p_0`.
    pub(super) V: Array2<f64>,
    /// `C_1 .. C_L`, `p_l x p_(l-1)`.
    pub(super) C: Vec<Array2<f64>>,
    /// `d_y x p_L`.
    pub(super) U: Array2<f64>,
}

/// The compressed network of a trial at step 0.
///
/// # Errors
/// What is wrong with the scales; given matrices that do not chain or are not finite; a decomposition that
/// does not converge.
pub(super) fn start(trial: &Trial, data: &Data) -> Result<Start, TrialError> {
    if let InitKind::Given(given) = &trial.init.kind {
        return from_given(trial, given);
    }
    let layers = starts(trial)?;
    let (scales, rank) = (&trial.init.scales, trial.optimizer.rank_estimate);
    compressed(&layers, scales, data, rank)
}

/// `V^T, C_1 .. C_L, U` as they are.
fn from_given(trial: &Trial, given: &[Given]) -> Result<Start, TrialError> {
    let wanted = trial.network.depth() + 2;
    let (Some((Given(first), rest)), true) = (given.split_first(), given.len() == wanted) else {
        let found = given.len();
        return Err(NotFactorable::WeightCount { found, wanted }.into());
    };
    let mut columns = trial.problem.inputs_dim;
    for (layer, Given(W)) in (1..).zip(given) {
        let matrix = Matrix::Weights { layer };
        let rows = if layer == wanted {
            trial.problem.outputs_dim
        } else {
            W.nrows()
        };
        check_shape(matrix, W.dim(), (rows, columns))?;
        check_finite(matrix, W.view())?;
        columns = W.nrows();
    }
    let mut others: Vec<Array2<f64>> = rest
        .iter()
        .map(|Given(W)| W.as_standard_layout().into_owned())
        .collect();
    // There are at least two: the count was checked.
    let U = others.pop().unwrap_or_default();
    Ok(Start {
        V: first.t().as_standard_layout().into_owned(),
        C: others,
        U,
    })
}

/// The compressed network of an orthogonal start `W_l(0) = eps_l Q_l`.
///
/// `V` spans the top `rank` right singular vectors of `G_1`, the gradient of the first layer at the start,
/// and those of `G_1^T W_1(0)`; the two are found one by one, since they differ in size by the factor `eps`.
/// `U = Q_L .. Q_1 V`, and between them are `eps_l I`.
///
/// # Source
/// Yaras, Wang, Balzano, Qu, arXiv 2406.04112; the start of its deep matrix completion.
pub(super) fn compressed(
    layers: &[LayerStart],
    scales: &[f64],
    data: &Data,
    rank: usize,
) -> Result<Start, TrialError> {
    let scale: f64 = scales.iter().product();
    let (Some((first, above)), true) = (layers.split_first(), scale != 0.0) else {
        return Err(NotFactorable::Start.into());
    };
    let mut E = first.form();
    for layer in above {
        E = layer.apply(E.view());
    }
    E -= &*data.Y.dense();
    if let Some(mask) = &data.mask {
        E *= mask;
    }
    let mut G = E;
    for layer in above.iter().rev() {
        G = layer.apply_transpose(G.view());
    }
    // Left singular vectors of W_1^T G_1 are the right ones of G_1^T W_1.
    let turned = first.apply_transpose(G.view());
    let of_gradient = decomposed(&G)?.V;
    let of_turned = decomposed(&turned)?.U;
    let both = concatenate![
        Axis(1),
        of_gradient.slice(s![.., ..rank.min(of_gradient.ncols())]),
        of_turned.slice(s![.., ..rank.min(of_turned.ncols())])
    ];
    let V = orthonormal(both.view());
    let mut U = V.clone();
    for layer in layers {
        U = layer.apply(U.view());
    }
    U /= scale;
    let p = V.ncols();
    Ok(Start {
        V,
        C: scales.iter().map(|&scale| Array2::eye(p) * scale).collect(),
        U,
    })
}

fn decomposed(A: &Array2<f64>) -> Result<Svd, TrialError> {
    let matrix = Matrix::Weights { layer: 1 };
    svd(A.view()).ok_or(TrialError::NoConvergence { matrix })
}
