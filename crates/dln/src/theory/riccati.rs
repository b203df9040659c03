//! The flow of two layers that start balanced up to a multiple of the identity.
//!
//! With `X X^T = sigma^2 I`, `T = Y X^T / sigma^2` and `W_2(0)^T W_2(0) - W_1(0) W_1(0)^T = lambda I`, which the flow
//! keeps, let `Q = [W_1^T; W_2]` and `F = [[-lambda/2 I, T^T], [T, lambda/2 I]]`. Then `Q' = F Q - Q Q^T Q / 2`, so
//!
//! ```text
//! Q Q^T(t) = e^(F t) Q_0 [I + Q_0^T M Q_0]^(-1) Q_0^T e^(F t),    M = integral from 0 to t of e^(2 F s) ds
//! ```
//!
//! (Fukumizu 1998; Braun, Domine, Fitzgerald, Saxe 2022; Domine et al., arXiv 2409.14623). The eigenvectors of `F` follow
//! from the singular ones of `T`; with them, and with `a = (eigenvectors)^T Q_0`, the middle factor is the Gram matrix
//! of `K = [I; sqrt(m) a]`, `m = (e^(2 f t) - 1) / (2 f)`. If the columns of `[J; H]` are an orthonormal basis of those of
//! `K`, then `Q(t)` is `(eigenvectors) diag(p) H` up to a rotation of the hidden layer, `p = sqrt(2 f / (1 - e^(-2 f t)))`,
//! in which nothing overflows.
//!
//! `K` itself would: `e^(f t)` of one mode may be beyond all doubles while that of another is not. But only its range
//! counts. Rotated so that `a`, its rows in the order of falling `f`, is a staircase, every column of `K` is divided by its
//! largest entry before any exponential is taken.
//!
//! The law makes all of it as small as the core: outside of it are directions that the scalar flow describes.

use ndarray::{Array2, s};

use super::closed_form::is_balanced;
use super::scalar::{Mode, flow};
use super::{Modes, Prediction, sorted};
use crate::config::Trial;
use crate::data::Data;
use crate::kernel::{Threads, multiply, singular_values, square_sum, svd};
use crate::law::{OffCore, Reduction, completed, reduce};

/// `X X^T` of the core this near to a multiple of the identity is one.
const FLAT: f64 = 1e-10;
/// Rows of `a` that leave less than this of a unit vector outside those before them make no new stair.
const STAIR: f64 = 1e-9;

#[derive(Debug)]
pub(super) struct Riccati {
    /// `c sigma^2 rate`.
    rate: f64,
    /// `Q_0`, `(k_0 + k_2) x k_1`.
    start: Array2<f64>,
    inputs: usize,
    /// Eigenvalues of `F`, falling, and eigenvectors as columns.
    f: Vec<f64>,
    vectors: Array2<f64>,
    stairs: Stairs,
    /// The target's bases in the core's coordinates.
    U: Array2<f64>,
    V: Array2<f64>,
    /// Off the core: scales of both layers, how many directions go through both, and how many others each has.
    scales: [f64; 2],
    live: u64,
    idle: [u64; 2],
    zeros: [u64; 2],
}

/// `a B` for an orthogonal `B`, in stairs.
#[derive(Debug)]
struct Stairs {
    B: Array2<f64>,
    L: Array2<f64>,
    /// The row of the first entry of each column that is not 0; none for columns without one.
    pivots: Vec<Option<usize>>,
}

impl Riccati {
    /// `None` where the inputs' second moment is no multiple of the identity, the start is not balanced, or no core can
    /// be had.
    pub(super) fn new(trial: &Trial, data: &Data, modes: &Modes) -> Option<Riccati> {
        let reduction = reduce(trial, data, &|_| true).ok()?;
        let [one, other] = &reduction.cores[..] else {
            return None;
        };
        if reduction.sigma2 <= 0.0 || !is_balanced(one, other) || one.nrows() == 0 {
            return None;
        }
        let T = target(&reduction)?;
        let lambda = balance(one, other);
        let (inputs, width) = (one.ncols(), one.nrows());
        let mut start = Array2::zeros((inputs + other.nrows(), width));
        start.slice_mut(s![..inputs, ..]).assign(&one.t());
        start.slice_mut(s![inputs.., ..]).assign(other);
        let (f, vectors) = eigen(&T, lambda)?;
        let a = multiply(Threads::Seq, vectors.t(), start.view());
        let OffCore::Runs(runs) = &reduction.off else {
            return None;
        };
        let live = reduction.off.live(2) as u64;
        let idle = [1, 2].map(|layer| {
            let passing = runs.iter().filter(|run| run.passes(layer));
            passing.map(|run| run.count as u64).sum::<u64>() - live
        });
        let sizes = trial.sizes();
        let zeros = [0, 1].map(|l| {
            let all = sizes[l].min(sizes[l + 1]) as u64;
            let (rows, columns) = reduction.cores[l].dim();
            all.saturating_sub(rows.min(columns) as u64 + live + idle[l])
        });
        Some(Riccati {
            rate: data.c * reduction.sigma2 * trial.optimizer.rate,
            stairs: Stairs::new(&a),
            start,
            inputs,
            f,
            vectors,
            U: reduction.bases[2].coordinates(modes.U.view()).within,
            V: reduction.bases[0].coordinates(modes.V.view()).within,
            scales: [reduction.scale(1), reduction.scale(2)],
            live,
            idle,
            zeros,
        })
    }

    pub(super) fn at(&self, step: u64, threads: Threads) -> Prediction {
        let time = self.rate * step as f64;
        let Some(Q) = self.layers(time, threads) else {
            return Prediction::default();
        };
        let (first, second) = (
            Q.slice(s![..self.inputs, ..]),
            Q.slice(s![self.inputs.., ..]),
        );
        let left = multiply(threads, second.t(), self.U.view());
        let right = multiply(threads, first.t(), self.V.view());
        let columns = left.columns().into_iter().zip(right.columns());
        let off = Mode {
            s: 0.0,
            w: self.scales.to_vec(),
        };
        let off = if self.live > 0 {
            flow(&off, time).unwrap_or_else(|| vec![f64::NAN; 2])
        } else {
            off.w
        };
        let layers = [first, second].into_iter().enumerate().map(|(l, W)| {
            let inside = singular_values(W).unwrap_or_default();
            let mut values: Vec<(f64, u64)> = inside.into_iter().map(|value| (value, 1)).collect();
            values.push((off[l].abs(), self.live));
            values.push((self.scales[l].abs(), self.idle[l]));
            values.push((0.0, self.zeros[l]));
            sorted(values)
        });
        Prediction {
            modes: columns.map(|(left, right)| left.dot(&right)).collect(),
            layers: layers.collect(),
        }
    }

    /// `Q(t)` up to a rotation of the hidden layer.
    fn layers(&self, time: f64, threads: Threads) -> Option<Array2<f64>> {
        if time <= 0.0 {
            return Some(self.start.clone());
        }
        let Stairs { B, L, pivots } = &self.stairs;
        let (modes, width) = L.dim();
        let logarithms: Vec<f64> = self.f.iter().map(|&f| 0.5 * log_growth(f, time)).collect();
        let mut K = Array2::zeros((width + modes, width));
        for (j, pivot) in pivots.iter().enumerate() {
            // The logarithm of the column's largest entry, near enough: of its stair, or of the part above.
            let stair = pivot.map(|row| logarithms[row] + L[[row, j]].abs().ln());
            let top = stair.unwrap_or(0.0).max(0.0);
            for i in 0..width {
                K[[i, j]] = B[[i, j]] * (-top).exp();
            }
            for (k, &logarithm) in logarithms.iter().enumerate() {
                if L[[k, j]] != 0.0 {
                    K[[width + k, j]] = L[[k, j]] * (logarithm - top).exp();
                }
            }
        }
        let mut H = svd(K.view())?.U.slice(s![width.., ..]).to_owned();
        for (mut row, &f) in H.rows_mut().into_iter().zip(&self.f) {
            row *= amplitude(f, time);
        }
        Some(multiply(threads, self.vectors.view(), H.view()))
    }
}

/// `T` of the core; `None` where its inputs' second moment is no multiple of the identity.
fn target(reduction: &Reduction) -> Option<Array2<f64>> {
    let problem = &reduction.problem;
    let Some(X) = &problem.inputs else {
        return Some(problem.targets.clone());
    };
    let mut off = multiply(Threads::Seq, X.view(), X.t());
    let mut diagonal = off.diag_mut();
    diagonal -= reduction.sigma2;
    let bound = FLAT * reduction.sigma2 * (X.nrows() as f64).sqrt();
    if square_sum(off.view()).sqrt() > bound {
        return None;
    }
    Some(multiply(Threads::Seq, problem.targets.view(), X.t()) / reduction.sigma2)
}

/// `lambda` of balanced layers.
fn balance(one: &Array2<f64>, other: &Array2<f64>) -> f64 {
    (square_sum(other.view()) - square_sum(one.view())) / one.nrows() as f64
}

/// A singular vector, by its index, and the share that an eigenvector has of it.
type Share = Option<(usize, f64)>;

/// Eigenvalues of `F`, falling, and its eigenvectors: those of 2 x 2 blocks `[[-lambda/2, s], [s, lambda/2]]`, and what the
/// target does not reach.
fn eigen(T: &Array2<f64>, lambda: f64) -> Option<(Vec<f64>, Array2<f64>)> {
    let (outputs, inputs) = T.dim();
    let found = svd(T.view())?;
    let U = completed(found.U.view(), outputs);
    let V = completed(found.V.view(), inputs);
    let half = 0.5 * lambda;
    // Value, then the shares of a right and of a left singular vector.
    let mut pairs: Vec<(f64, Share, Share)> = Vec::new();
    for (i, &s) in found.s.iter().enumerate() {
        let f = half.hypot(s);
        let (x, y) = if half >= 0.0 {
            (s, f + half)
        } else {
            (f - half, s)
        };
        let norm = x.hypot(y);
        // Both are 0 where the target and lambda are.
        let (x, y) = if norm > 0.0 {
            (x / norm, y / norm)
        } else {
            (0.0, 1.0)
        };
        pairs.push((f, Some((i, x)), Some((i, y))));
        pairs.push((-f, Some((i, -y)), Some((i, x))));
    }
    let paired = found.s.len();
    pairs.extend((paired..inputs).map(|i| (-half, Some((i, 1.0)), None)));
    pairs.extend((paired..outputs).map(|i| (half, None, Some((i, 1.0)))));
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut vectors = Array2::zeros((inputs + outputs, pairs.len()));
    for (mut column, &(_, right, left)) in vectors.columns_mut().into_iter().zip(&pairs) {
        if let Some((i, share)) = right {
            let mut part = column.slice_mut(s![..inputs]);
            part.scaled_add(share, &V.column(i));
        }
        if let Some((i, share)) = left {
            let mut part = column.slice_mut(s![inputs..]);
            part.scaled_add(share, &U.column(i));
        }
    }
    Some((pairs.iter().map(|pair| pair.0).collect(), vectors))
}

impl Stairs {
    fn new(a: &Array2<f64>) -> Stairs {
        let (modes, width) = a.dim();
        let mut found = Array2::<f64>::zeros((width, 0));
        let mut pivots = Vec::new();
        for (k, row) in a.rows().into_iter().enumerate() {
            if pivots.len() == width {
                break;
            }
            let norm = row.dot(&row).sqrt();
            if norm == 0.0 {
                continue;
            }
            let mut rest = row.to_owned() / norm;
            // Twice, so that what is left is orthogonal to rounding.
            for _ in 0..2 {
                let along = found.t().dot(&rest);
                rest -= &found.dot(&along);
            }
            let left = rest.dot(&rest).sqrt();
            if left > STAIR {
                rest /= left;
                found.push_column(rest.view()).ok();
                pivots.push(Some(k));
            }
        }
        pivots.resize(width, None);
        let B = completed(found.view(), width);
        let mut L = multiply(Threads::Seq, a.view(), B.view());
        for (mut column, pivot) in L.columns_mut().into_iter().zip(&pivots) {
            // Nothing but rounding stands above a stair.
            column.slice_mut(s![..pivot.unwrap_or(modes)]).fill(0.0);
        }
        Stairs { B, L, pivots }
    }
}

/// The logarithm of `(e^(2 f t) - 1) / (2 f)`, which is `t` at `f = 0`.
fn log_growth(f: f64, time: f64) -> f64 {
    let x = 2.0 * f * time;
    if x.abs() < 1e-8 {
        // ln(t (1 + x/2)).
        return time.ln() + 0.5 * x;
    }
    if x > 0.0 {
        x + (-(-x).exp_m1()).ln() - (2.0 * f).ln()
    } else {
        (-x.exp_m1()).ln() - (-2.0 * f).ln()
    }
}

/// `sqrt(2 f / (1 - e^(-2 f t)))`, which is `1 / sqrt(t)` at `f = 0`.
fn amplitude(f: f64, time: f64) -> f64 {
    let x = 2.0 * f * time;
    if x.abs() < 1e-8 {
        return ((1.0 + 0.5 * x) / time).sqrt();
    }
    (-2.0 * f / (-x).exp_m1()).sqrt()
}
