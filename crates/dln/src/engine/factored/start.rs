//! Initial weights of the compressed network.

use ndarray::{Array2, ArrayView2, Axis, concatenate, s};
use rayon::prelude::*;

use crate::config::{Given, StartLayers, Trial};
use crate::data::{Data, check_finite, check_shape};
use crate::error::{Matrix, NotFactorable, TrialError};
use crate::init::{LayerStart, starts};
use crate::kernel::{Threads, multiply, square_sum, svd};
use crate::law::orthonormal;

/// `U C_L .. C_1 V^T`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FactoredStart {
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
pub(super) fn start(
    trial: &Trial,
    data: &Data,
    threads: Threads,
) -> Result<FactoredStart, TrialError> {
    match trial.init.kind.layers() {
        StartLayers::Given => from_given(trial, &trial.init.weights),
        StartLayers::Isometric | StartLayers::Chained | StartLayers::Generic => {
            let layers = starts(trial)?;
            let (scales, rank) = (&trial.init.scales, trial.optimizer.rank_estimate);
            compressed(&layers, scales, data, rank, threads)
        }
    }
}

/// `V^T, C_1 .. C_L, U` as they are.
fn from_given(trial: &Trial, given: &[Given]) -> Result<FactoredStart, TrialError> {
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
    Ok(FactoredStart {
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
    threads: Threads,
) -> Result<FactoredStart, TrialError> {
    let scale: f64 = scales.iter().product();
    let (Some((first, above)), true) = (layers.split_first(), scale != 0.0) else {
        return Err(NotFactorable::Start.into());
    };
    let (G, turned) = gradients(first, above, data, threads);
    // Left singular vectors of W_1^T G_1 are the right ones of G_1^T W_1.
    let (of_gradient, of_turned) = both(
        threads,
        || top_right(G.view(), rank),
        || top_right(turned.t(), rank),
    );
    let (of_gradient, of_turned) = (of_gradient?, of_turned?);
    let stacked = concatenate![Axis(1), of_gradient, of_turned];
    let V = orthonormal(stacked.view());
    let mut U = V.clone();
    for layer in layers {
        U = layer.apply(U.view());
    }
    U /= scale;
    let p = V.ncols();
    Ok(FactoredStart {
        V,
        C: scales.iter().map(|&scale| Array2::eye(p) * scale).collect(),
        U,
    })
}

/// Columns that are taken through the layers together: wide enough for products at full speed.
const PANEL: usize = 256;

/// `G_1`, the gradient of the first layer at the start without its factor `c`, `d x d_x`, and `W_1^T G_1`.
///
/// Each column goes through the layers by itself, so panels of them are shared among threads; panels are the same
/// for any number of threads, and so are the bits.
fn gradients(
    first: &LayerStart,
    above: &[LayerStart],
    data: &Data,
    threads: Threads,
) -> (Array2<f64>, Array2<f64>) {
    let Y = data.Y.dense();
    let (_, inputs) = Y.dim();
    let panel = |start: usize| {
        let columns = start..(start + PANEL).min(inputs);
        let mut E = Array2::zeros((inputs, columns.len()));
        for (k, j) in columns.clone().enumerate() {
            E[[j, k]] = 1.0;
        }
        for layer in std::iter::once(first).chain(above) {
            E = layer.apply(E.view());
        }
        E -= &Y.slice(s![.., columns.clone()]);
        if let Some(mask) = &data.mask {
            E *= &mask.slice(s![.., columns]);
        }
        let mut G = E;
        for layer in above.iter().rev() {
            G = layer.apply_transpose(G.view());
        }
        let turned = first.apply_transpose(G.view());
        (G, turned)
    };
    let starts = (0..inputs).step_by(PANEL);
    let panels: Vec<_> = match threads {
        Threads::Seq => starts.map(panel).collect(),
        Threads::Pool => {
            let starts: Vec<usize> = starts.collect();
            starts.into_par_iter().map(panel).collect()
        }
    };
    let (gradient, turned): (Vec<_>, Vec<_>) = panels.into_iter().unzip();
    (joined(&gradient), joined(&turned))
}

/// Panels side by side; all have as many rows.
fn joined(panels: &[Array2<f64>]) -> Array2<f64> {
    let views: Vec<_> = panels.iter().map(|panel| panel.view()).collect();
    concatenate(Axis(1), &views).unwrap_or_default()
}

/// Both results, side by side where there are threads for it.
fn both<A: Send, B: Send>(
    threads: Threads,
    one: impl FnOnce() -> A + Send,
    other: impl FnOnce() -> B + Send,
) -> (A, B) {
    match threads {
        Threads::Seq => (one(), other()),
        Threads::Pool => rayon::join(one, other),
    }
}

/// Steps of the iteration below; without a gap behind the values wanted it may take more, and the whole
/// decomposition is then the shorter way.
const ITERATIONS: usize = 150;

/// Residual of a singular vector, in units of the largest squared singular value, at which it is exact to rounding.
const EXACT: f64 = 1e-14;

/// The top `rank` right singular vectors of `A`, `m x n`, up to a rotation among them: subspace iteration with
/// twice as many columns as wanted, some milliseconds each, where a whole decomposition of a wide network's gradient
/// takes most of a second.
fn top_right(A: ArrayView2<'_, f64>, rank: usize) -> Result<Array2<f64>, TrialError> {
    let (m, n) = A.dim();
    let block = 2 * rank + 8;
    if 4 * block <= m.min(n)
        && let Some(found) = iterated(A, rank, block)
    {
        return Ok(found);
    }
    let matrix = Matrix::Weights { layer: 1 };
    let all = svd(A).ok_or(TrialError::NoConvergence { matrix })?.V;
    Ok(all.slice(s![.., ..rank.min(all.ncols())]).to_owned())
}

/// `None` where the vectors are not exact within [`ITERATIONS`].
fn iterated(A: ArrayView2<'_, f64>, rank: usize, block: usize) -> Option<Array2<f64>> {
    let threads = Threads::Seq;
    // Any block that is not orthogonal to what is wanted will do; the golden ratio spreads its multiples evenly.
    let start = Array2::from_shape_fn((A.nrows(), block), |(i, j)| {
        (0.618_033_988_749_894_9 * (1 + i * block + j) as f64).fract() - 0.5
    });
    let mut Q = orthonormal(multiply(threads, A.t(), start.view()).view());
    for _ in 0..ITERATIONS {
        let image = multiply(threads, A, Q.view());
        let back = multiply(threads, A.t(), image.view());
        let small = svd(image.view())?;
        if small.s.len() < rank || Q.ncols() < rank {
            return None;
        }
        let turn = small.V.slice(s![.., ..rank]);
        let vectors = multiply(threads, Q.view(), turn);
        let mut residual = multiply(threads, back.view(), turn);
        for (k, mut column) in residual.columns_mut().into_iter().enumerate() {
            column.scaled_add(-small.s[k] * small.s[k], &vectors.column(k));
        }
        if square_sum(residual.view()).sqrt() <= EXACT * small.s[0] * small.s[0] {
            return Some(vectors);
        }
        Q = orthonormal(back.view());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Draw, StartKind};
    use crate::data::{fixture, prepare};
    use crate::stream::{Purpose, normal_rows};

    /// The subspaces agree: each contains the other.
    fn check(A: &Array2<f64>, rank: usize, iterates: bool) {
        let found = top_right(A.view(), rank).expect("it converges");
        let all = svd(A.view()).expect("it converges").V;
        let expected = all.slice(s![.., ..rank]);
        let overlap = multiply(Threads::Seq, expected.t(), found.view());
        let lost = rank as f64 - square_sum(overlap.view());
        assert!(lost.abs() < 1e-12, "{lost:e}");
        assert_eq!(iterated(A.view(), rank, 2 * rank + 8).is_some(), iterates);
    }

    /// More columns than a panel has, and every size its own.
    #[test]
    fn panels_give_the_gradient_of_the_formed_network() {
        let mut trial = fixture::trial(fixture::factorization(300, 280, 2), &[290, 270]);
        trial.init.kind = StartKind::Orthogonal;
        trial.init.scales = vec![0.5, 0.25, 2.0];
        let data = prepare(&trial).expect("data");
        let layers = starts(&trial).expect("drawn");
        let (first, above) = layers.split_first().expect("three layers");
        let formed: Vec<Array2<f64>> = layers.iter().map(LayerStart::form).collect();
        let E = formed[2].dot(&formed[1]).dot(&formed[0]) - &*data.Y.dense();
        let G = formed[1].t().dot(&formed[2].t().dot(&E));
        let mut seen = Vec::new();
        for threads in [Threads::Seq, Threads::Pool] {
            let (found, turned) = gradients(first, above, &data, threads);
            let near = |a: &Array2<f64>, b: &Array2<f64>| {
                assert_eq!(a.dim(), b.dim());
                assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-13));
            };
            near(&found, &G);
            near(&turned, &formed[0].t().dot(&G));
            seen.push((found, turned));
        }
        assert!(seen[0] == seen[1], "the same bits on any threads");
    }

    #[test]
    fn the_top_vectors_are_those_of_the_whole_decomposition() {
        let noise = |replicate, rows, columns| {
            let draw = Draw { seed: 7, replicate };
            normal_rows(draw, Purpose::TargetLeft, 0, rows, columns)
        };
        let signal = multiply(
            Threads::Seq,
            noise(1, 150, 3).view(),
            noise(2, 3, 120).view(),
        );
        check(&(&signal * 20.0 + noise(3, 150, 120)), 3, true);
        check(&noise(4, 100, 100), 3, true);
        // Nothing stands out: decomposed as a whole.
        let flat = Array2::from_diag(&ndarray::Array1::from_shape_fn(100, |i| {
            1.0 - 1e-3 * i as f64
        }));
        check(&flat, 3, false);
    }
}
