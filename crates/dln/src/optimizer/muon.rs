//! Muon, as optax's `contrib.muon`: momentum whose updates are made orthogonal. With `g` the gradient and the
//! penalty's, `t = 1, 2, ..`,
//! `mu <- b mu + (1 - b) g; m = b mu / (1 - b^(t+1)) + (1 - b) g / (1 - b^t)`,
//! `W <- W - rate sqrt(max(1, rows / columns)) P(m)`.
//!
//! `P(m)` is the polar factor of `m`, nearly or exactly. Nearly: `X = m / (||m||_F + 1e-8)`, then five times
//! `X <- a X + (b A + c A^2) X`, `A = X X^T` (where `X` is tall, the same with `A = X^T X` on the other side). Exactly:
//! `U V^T` of the singular value decomposition, over the singular values that are not rounding errors.
//!
//! Biases have Adam at the same rate.

use ndarray::{Array2, s};

use super::adam;
use super::gradient::{Gradient, Scratch, seen, seen_mut};
use super::rule::{Biases, Divides, Facts, Kept, Layers, PLAIN, Rule, Step, zeros};
use crate::config::{Optimizer, Polar};
use crate::kernel::{
    Accum, Real, Svd, Threads, entries, entries_mut, in_chunks, multiply_into, product, scale,
    scaled_add, square_sum, svd, vectorized,
};

pub(super) const FACTS: Facts = Facts {
    state: |m, n| m * n,
    keeps: &[Kept::Gradients, Kept::OfBiases],
    flops,
    scale: longer,
    momentum: Some(0.95),
    rotates: true,
    whole: true,
    divides: Divides::Layer,
    biases: Biases::Adam,
    ..PLAIN
};

/// Of the iteration's polynomial.
const COEFFICIENTS: [f64; 3] = [3.4445, -4.775, 2.0315];
/// Steps of the iteration.
const ITERATIONS: usize = 5;
/// Added to the norm.
const EPSILON: f64 = 1e-8;

pub(super) fn rule<T: Real>(optimizer: &Optimizer, layers: Layers<'_>) -> Muon<T> {
    let count = layers.count();
    let (largest, side, wide) = match optimizer.polar {
        Polar::NewtonSchulz => (
            layers.largest(|m, n| m * n),
            layers.largest(|m, n| m.min(n) * m.min(n)),
            0,
        ),
        Polar::Exact => (0, 0, layers.largest(|m, n| m * n)),
    };
    let numbers = |count: usize| vec![T::of(0.0); count];
    Muon {
        beta: optimizer.momentum,
        polar: optimizer.polar,
        weights: count,
        first: zeros(layers.shapes),
        second: zeros(&layers.shapes[count..]),
        scratch: Scratch::new(layers.shapes),
        other: numbers(largest),
        squares: [numbers(side), numbers(side)],
        wide: vec![0.0; wide],
    }
}

#[derive(Debug)]
pub(super) struct Muon<T> {
    beta: f64,
    polar: Polar,
    /// How many layers are weight matrices.
    weights: usize,
    /// `mu` by layer; of biases Adam's first moment.
    first: Vec<Array2<T>>,
    /// Of biases alone, Adam's second moment.
    second: Vec<Array2<T>>,
    /// The gradient, which becomes `m`, then `X`.
    scratch: Scratch<T>,
    /// The next `X`; as long as the largest weight matrix.
    other: Vec<T>,
    /// `A` and `b A + c A^2`.
    squares: [Vec<T>; 2],
    /// `m` in double precision, for its decomposition.
    wide: Vec<f64>,
}

/// Weights, gradient and average.
type MuonParts<'a, T> = ((&'a mut [T], &'a [T]), &'a mut [T]);

impl<T: Real> Rule<T> for Muon<T> {
    fn step(&mut self, step: &Step, layer: usize, W: &mut Array2<T>, gradient: &Gradient<'_, T>) {
        let threads = step.threads;
        let shape = W.dim();
        if let Some(bias) = layer.checked_sub(self.weights) {
            let G = self.scratch.multiplied_out(threads, shape, gradient);
            let (m, v) = (&mut self.first[layer], &mut self.second[bias]);
            adam::descend(step, W, G, m, v);
            return;
        }
        let (beta, decay) = (self.beta, step.weight_decay);
        let m = self.scratch.multiplied_out(threads, shape, gradient);
        let parts = ((&mut *m, entries(W)), entries_mut(&mut self.first[layer]));
        average(threads, parts, (beta, decay), step.number);
        let (rows, columns) = shape;
        let rate = -step.rate * longer(rows, columns);
        match self.polar {
            Polar::NewtonSchulz => {
                let X = newton_schulz(threads, shape, m, &mut self.other, &mut self.squares);
                scaled_add(threads, entries_mut(W), T::of(rate), X);
            }
            Polar::Exact => {
                let P = &mut self.wide[..rows * columns];
                polar(threads, shape, m, P);
                for (w, &p) in entries_mut(W).iter_mut().zip(&*P) {
                    *w += T::of(rate * p);
                }
            }
        }
    }

    fn state(&self) -> Vec<&[Array2<T>]> {
        vec![&self.first, &self.second]
    }

    fn state_mut(&mut self) -> Vec<&mut [Array2<T>]> {
        vec![&mut self.first, &mut self.second]
    }
}

/// `sqrt(max(1, rows / columns))`.
fn longer(rows: usize, columns: usize) -> f64 {
    (rows as f64 / columns as f64).max(1.0).sqrt()
}

/// `g <- g + decay W; mu <- b mu + (1 - b) g`, then the gradient's place takes `m`.
fn average<T: Real>(
    threads: Threads,
    parts: MuonParts<'_, T>,
    (beta, decay): (f64, f64),
    number: u64,
) {
    let next = number.saturating_add(1);
    let of_average = T::of(beta / (1.0 - adam::power(beta, next)));
    let of_gradient = T::of((1.0 - beta) / (1.0 - adam::power(beta, number)));
    let (b, c, decay) = (T::of(beta), T::of(1.0 - beta), T::of(decay));
    in_chunks(threads, parts, &|((g, W), mu): MuonParts<'_, T>| {
        vectorized(|| {
            for ((g, &w), mu) in g.iter_mut().zip(W).zip(mu) {
                let whole = *g + decay * w;
                *mu = b * *mu + c * whole;
                *g = of_average * *mu + of_gradient * whole;
            }
        });
        0.0
    });
}

/// The iteration from `X`, which is not normed yet; uses it and `other` in turn.
fn newton_schulz<'a, T: Real>(
    threads: Threads,
    (rows, columns): (usize, usize),
    X: &'a mut [T],
    other: &'a mut [T],
    [A, B]: &mut [Vec<T>; 2],
) -> &'a [T] {
    let side = rows.min(columns);
    let (mut X, mut next) = (X, &mut other[..rows * columns]);
    let (A, B) = (&mut A[..side * side], &mut B[..side * side]);
    let norm = square_sum(seen((1, X.len()), X)).sqrt();
    scale(threads, X, T::of(1.0 / (norm + EPSILON)));
    let [a, b, c] = COEFFICIENTS.map(T::of);
    for _ in 0..ITERATIONS {
        let view = seen((rows, columns), X);
        let (left, right) = if rows <= columns {
            (view, view.reversed_axes())
        } else {
            (view.reversed_axes(), view)
        };
        multiply_into(threads, seen_mut((side, side), A), left, right);
        scaled(threads, B, b, A);
        let square = seen((side, side), A);
        product(
            threads,
            seen_mut((side, side), B),
            Accum::Add,
            c,
            square,
            square,
        );
        scaled(threads, next, a, X);
        let target = seen_mut((rows, columns), next);
        let (one, X_view) = (T::of(1.0), seen((rows, columns), X));
        let B = seen((side, side), B);
        if rows <= columns {
            product(threads, target, Accum::Add, one, B, X_view);
        } else {
            product(threads, target, Accum::Add, one, X_view, B);
        }
        std::mem::swap(&mut X, &mut next);
    }
    X
}

/// `to <- factor from`.
fn scaled<T: Real>(threads: Threads, to: &mut [T], factor: T, from: &[T]) {
    in_chunks(threads, (to, from), &|(to, from): (&mut [T], &[T])| {
        vectorized(|| {
            for (to, &from) in to.iter_mut().zip(from) {
                *to = factor * from;
            }
        });
        0.0
    });
}

/// `P <- U V^T` of `M`, over the singular values above the rounding errors of the largest; not a number where there
/// is no decomposition, so that the run ends as diverged.
fn polar<T: Real>(threads: Threads, shape: (usize, usize), M: &[T], P: &mut [f64]) {
    for (p, &m) in P.iter_mut().zip(M) {
        *p = m.wide();
    }
    let Some(Svd { U, s, V }) = svd(seen(shape, P)) else {
        P.fill(f64::NAN);
        return;
    };
    let largest = s.first().copied().unwrap_or(0.0);
    let floor = largest * T::ROUNDING * shape.0.max(shape.1) as f64;
    let rank = s.iter().take_while(|&&value| value > floor).count();
    let (U, V) = (U.slice(s![.., ..rank]), V.slice(s![.., ..rank]));
    multiply_into(threads, seen_mut(shape, P), U, V.t());
}

fn flops(optimizer: &Optimizer, rows: usize, columns: usize) -> f64 {
    let (side, length) = (rows.min(columns) as f64, rows.max(columns) as f64);
    match optimizer.polar {
        Polar::NewtonSchulz => {
            ITERATIONS as f64 * (2.0 * 2.0 * side * side * length + 2.0 * side * side * side)
        }
        // As the decompositions of measurements count, and the product of the factors.
        Polar::Exact => (30.0 + 2.0) * side * side * length,
    }
}
