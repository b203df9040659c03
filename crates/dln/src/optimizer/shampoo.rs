//! Shampoo without momentum: with `g` the gradient and the penalty's, from `L = 1e-8 I`, `R = 1e-8 I`,
//! `L <- L + g g^T; R <- R + g^T g; W <- W - rate L^(-1/4) g R^(-1/4)`
//! (Gupta, Koren, Singer, arXiv 1802.09568, algorithm 1). Biases have gradient descent.

use ndarray::Array2;

use super::gd;
use super::gradient::{Gradient, Scratch, seen, seen_mut};
use super::rule::{Biases, Facts, Kept, Layers, PLAIN, Rule, Step};
use crate::config::Optimizer;
use crate::kernel::{
    Accum, Real, SymmetricScratch, Threads, entries, entries_mut, multiply_into, product,
    scaled_add,
};

pub(super) const FACTS: Facts = Facts {
    state: |m, n| m * m + n * n,
    keeps: &[Kept::Rows, Kept::Columns],
    flops: |_, m, n| {
        let (m, n) = (m as f64, n as f64);
        // Both sums, the two products with the roots; a decomposition and the product that makes a root of it.
        2.0 * 2.0 * (m * m * n + m * n * n) + (10.0 + 2.0) * (m * m * m + n * n * n)
    },
    rotates: true,
    whole: true,
    biases: Biases::Descent,
    ..PLAIN
};

/// What `L` and `R` start from, and no eigenvalue of theirs falls below.
const EPSILON: f64 = 1e-8;

pub(super) fn rule<T: Real>(_: &Optimizer, layers: Layers<'_>) -> Shampoo<T> {
    let start = |size: usize| Array2::from_diag_elem(size, T::of(EPSILON));
    let weights = layers.weights().iter();
    let side = layers.largest(|m, n| m.max(n));
    let largest = layers.largest(|m, n| m * n);
    Shampoo {
        weights: layers.count(),
        left: weights.clone().map(|&(m, _)| start(m)).collect(),
        right: weights.map(|&(_, n)| start(n)).collect(),
        scratch: Scratch::new(layers.weights()),
        half: vec![T::of(0.0); largest],
        symmetric: SymmetricScratch::new(layers.weights().iter().flat_map(|&(m, n)| [m, n])),
        wide: [vec![0.0; side * side], vec![0.0; side * side]],
        root: vec![T::of(0.0); side * side],
    }
}

#[derive(Debug)]
pub(super) struct Shampoo<T> {
    /// How many layers are weight matrices.
    weights: usize,
    /// `L` and `R`, by layer.
    left: Vec<Array2<T>>,
    right: Vec<Array2<T>>,
    scratch: Scratch<T>,
    /// `L^(-1/4) g`; as long as the largest weight matrix.
    half: Vec<T>,
    symmetric: SymmetricScratch,
    /// A sum and its root in double precision; as long as the largest.
    wide: [Vec<f64>; 2],
    /// The root.
    root: Vec<T>,
}

impl<T: Real> Rule<T> for Shampoo<T> {
    fn step(&mut self, step: &Step, layer: usize, W: &mut Array2<T>, gradient: &Gradient<'_, T>) {
        if layer >= self.weights {
            gd::descend(step, step.rate, W, gradient);
            return;
        }
        let threads = step.threads;
        let shape @ (rows, columns) = W.dim();
        let g = self.scratch.multiplied_out(threads, shape, gradient);
        if step.weight_decay != 0.0 {
            scaled_add(threads, g, T::of(step.weight_decay), entries(W));
        }
        let one = T::of(1.0);
        let G = seen(shape, g);
        let (L, R) = (&mut self.left[layer], &mut self.right[layer]);
        product(threads, L.view_mut(), Accum::Add, one, G, G.t());
        product(threads, R.view_mut(), Accum::Add, one, G.t(), G);
        let half = &mut self.half[..rows * columns];
        let room = (&mut self.symmetric, &mut self.wide, &mut self.root);
        let root = inverse_root(threads, L, room);
        multiply_into(threads, seen_mut(shape, half), seen((rows, rows), root), G);
        let room = (&mut self.symmetric, &mut self.wide, &mut self.root);
        let root = inverse_root(threads, R, room);
        let (half, root) = (seen(shape, half), seen((columns, columns), root));
        multiply_into(threads, seen_mut(shape, g), half, root);
        scaled_add(threads, entries_mut(W), T::of(-step.rate), g);
    }

    fn state(&self) -> Vec<&[Array2<T>]> {
        vec![&self.left, &self.right]
    }

    fn state_mut(&mut self) -> Vec<&mut [Array2<T>]> {
        vec![&mut self.left, &mut self.right]
    }
}

type Room<'a, T> = (
    &'a mut SymmetricScratch,
    &'a mut [Vec<f64>; 2],
    &'a mut Vec<T>,
);

/// `A^(-1/4)`, row by row.
fn inverse_root<'a, T: Real>(
    threads: Threads,
    A: &Array2<T>,
    (symmetric, [wide, wide_root], root): Room<'a, T>,
) -> &'a [T] {
    let size = A.nrows();
    let shape = (size, size);
    let count = size * size;
    for (to, &from) in wide.iter_mut().zip(entries(A)) {
        *to = from.wide();
    }
    let of = |value: f64| 1.0 / value.max(EPSILON).sqrt().sqrt();
    let out = seen_mut(shape, &mut wide_root[..count]);
    symmetric.apply(threads, seen(shape, &wide[..count]), of, out);
    let root = &mut root[..count];
    for (to, &from) in root.iter_mut().zip(&*wide_root) {
        *to = T::of(from);
    }
    root
}
