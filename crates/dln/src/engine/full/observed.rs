//! Gradients by the observed entries: for masked linear networks of small width on identity inputs.
//!
//! The output is computed where it is observed alone, between the last layer and the transposed product of
//! those below; below that, everything is as on the samples' side.

use ndarray::Array2;

use crate::kernel::{Accum, Real, Sampled, Threads, product};
use crate::optimizer::Gradient;

#[derive(Debug)]
pub(super) struct Observed<T> {
    c: f64,
    sampled: Sampled<T>,
    /// `c (E - Y)` at the observed entries.
    residual: Vec<T>,
    scratch: Vec<T>,
    /// `A_2 .. A_(L-2)`; `A_1` is `W_1` itself.
    forward: Vec<Array2<T>>,
    /// `A_(L-1)^T`, `d_x x d_(L-1)`.
    last: Array2<T>,
    /// Gradient of the last layer.
    top: Array2<T>,
    /// `B_(L-1)^T`, `d_x x d_(L-1)`: gradient of the loss in the last hidden layer.
    back_last: Array2<T>,
    /// `B_1 .. B_(L-2)`.
    back: Vec<Array2<T>>,
}

impl<T: Real> Observed<T> {
    /// For at least two layers of these shapes (rows, columns).
    pub(super) fn new(
        c: f64,
        mask: &Array2<T>,
        Y: &Array2<T>,
        shapes: &[(usize, usize)],
    ) -> Observed<T> {
        let depth = shapes.len();
        let d_x = shapes[0].1;
        let (d_y, width) = shapes[depth - 1];
        let activations = |layers: &[(usize, usize)]| -> Vec<Array2<T>> {
            let rows = layers.iter().map(|&(rows, _)| rows);
            rows.map(|rows| Array2::zeros((rows, d_x))).collect()
        };
        let sampled = Sampled::new(mask, Y);
        let zeros = vec![T::of(0.0); sampled.count()];
        Observed {
            c,
            sampled,
            residual: zeros.clone(),
            scratch: zeros,
            forward: activations(shapes.get(1..depth - 2).unwrap_or_default()),
            last: Array2::zeros((d_x, width)),
            top: Array2::zeros((d_y, width)),
            back_last: Array2::zeros((d_x, width)),
            back: activations(&shapes[..depth - 2]),
        }
    }

    pub(super) fn loss(&mut self, threads: Threads, weights: &[Array2<T>]) -> f64 {
        let depth = weights.len();
        for l in 1..depth.saturating_sub(2) {
            let (below, above) = self.forward.split_at_mut(l - 1);
            let A = below.last().unwrap_or(&weights[0]);
            let W = weights[l].view();
            let C = above[0].view_mut();
            product(threads, C, Accum::Replace, T::of(1.0), W, A.view());
        }
        if depth == 2 {
            self.last.assign(&weights[0].t());
        } else {
            let A = self.forward.last().unwrap_or(&weights[0]);
            let W = &weights[depth - 2];
            let C = self.last.view_mut();
            product(threads, C, Accum::Replace, T::of(1.0), A.t(), W.t());
        }
        let factor = T::of(self.c);
        let top = &weights[depth - 1];
        let squares = self
            .sampled
            .residual(threads, top, &self.last, factor, &mut self.residual);
        0.5 * self.c * squares
    }

    pub(super) fn gradients(
        &mut self,
        threads: Threads,
        weights: &mut [Array2<T>],
        visit: &mut impl FnMut(usize, &mut Array2<T>, &Gradient<'_, T>),
    ) {
        let depth = weights.len();
        let sampled = &self.sampled;
        sampled.times(threads, &self.residual, &self.last, &mut self.top);
        sampled.transpose_times(
            threads,
            &self.residual,
            &weights[depth - 1],
            &mut self.scratch,
            &mut self.back_last,
        );
        let top = Gradient {
            left: self.top.view(),
            right: None,
        };
        visit(depth - 1, &mut weights[depth - 1], &top);
        for l in (0..depth - 1).rev() {
            let (below, above) = weights.split_at_mut(l);
            let W = &mut above[0];
            let (back_below, back_above) = self.back.split_at_mut(l);
            let B = match back_above.first() {
                Some(B) => B.view(),
                None => self.back_last.t(),
            };
            if l > 0 {
                // Before W changes.
                let next = back_below[l - 1].view_mut();
                product(threads, next, Accum::Replace, T::of(1.0), W.t(), B);
            }
            let right = match l {
                0 => None,
                1 => Some(below[0].t()),
                _ => Some(self.forward[l - 2].t()),
            };
            visit(l, W, &Gradient { left: B, right });
        }
    }

    /// Observed entries.
    pub(super) fn count(&self) -> usize {
        self.sampled.count()
    }
}
