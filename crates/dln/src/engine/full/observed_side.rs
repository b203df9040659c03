//! Gradients by the observed entries: for masked linear networks of small width on identity inputs.
//!
//! The output is computed where it is observed alone, between the last layer and the transposed product of
//! those below; below that, everything is as on the samples' side.

use ndarray::{Array2, ArrayView2, s};

use crate::kernel::simd::Lane;
use crate::kernel::simd::Observed;
use crate::kernel::{Threads, multiply_into};
use crate::optimizer::Gradient;

#[derive(Debug)]
pub(super) struct ObservedSide<T> {
    c: f64,
    observed: Observed<T>,
    /// `d_(L-1)`: columns of the next four, whose rows are filled up with zeros.
    width: usize,
    /// `W_L`, `d_y x stride`.
    upper: Array2<T>,
    /// `A_(L-1)^T`, `d_x x stride`.
    last: Array2<T>,
    /// Gradient of the last layer, `d_y x stride`.
    top: Array2<T>,
    /// `B_(L-1)^T`, `d_x x stride`: gradient of the loss in the last hidden layer.
    back_last: Array2<T>,
    /// `A_2 .. A_(L-2)`; `A_1` is `W_1` itself.
    forward: Vec<Array2<T>>,
    /// `B_1 .. B_(L-2)`.
    back: Vec<Array2<T>>,
}

impl<T: Lane> ObservedSide<T> {
    /// For at least two layers of these shapes (rows, columns). `mask` and `Y`: `d_y x d_x`.
    pub(super) fn new(
        c: f64,
        mask: &Array2<f64>,
        Y: &Array2<f64>,
        shapes: &[(usize, usize)],
    ) -> ObservedSide<T> {
        let depth = shapes.len();
        let d_x = shapes[0].1;
        let (d_y, width) = shapes[depth - 1];
        let activations = |layers: &[(usize, usize)]| -> Vec<Array2<T>> {
            let rows = layers.iter().map(|&(rows, _)| rows);
            rows.map(|rows| Array2::zeros((rows, d_x))).collect()
        };
        let observed = Observed::new(Y, mask, width, true, T::of(c));
        let filled = |rows| Array2::zeros((rows, observed.stride()));
        ObservedSide {
            c,
            width,
            upper: filled(d_y),
            last: filled(d_x),
            top: filled(d_y),
            back_last: filled(d_x),
            forward: activations(shapes.get(1..depth - 2).unwrap_or_default()),
            back: activations(&shapes[..depth - 2]),
            observed,
        }
    }

    pub(super) fn loss(&mut self, threads: Threads, weights: &[Array2<T>]) -> f64 {
        let depth = weights.len();
        for l in 1..depth.saturating_sub(2) {
            let (below, above) = self.forward.split_at_mut(l - 1);
            let A = below.last().unwrap_or(&weights[0]);
            multiply_into(threads, above[0].view_mut(), weights[l].view(), A.view());
        }
        let mut last = self.last.slice_mut(s![.., ..self.width]);
        if depth == 2 {
            last.assign(&weights[0].t());
        } else {
            let A = self.forward.last().unwrap_or(&weights[0]);
            let W = &weights[depth - 2];
            multiply_into(threads, last, A.t(), W.t());
        }
        let mut upper = self.upper.slice_mut(s![.., ..self.width]);
        upper.assign(&weights[depth - 1]);
        let both = [&self.upper, &self.last];
        let back = Some(&mut self.back_last);
        0.5 * self.c * self.observed.pass(threads, both, &mut self.top, back)
    }

    pub(super) fn gradients(
        &mut self,
        threads: Threads,
        weights: &mut [Array2<T>],
        visit: &mut impl FnMut(usize, &mut Array2<T>, &Gradient<'_, T>),
    ) {
        let depth = weights.len();
        let top = Gradient {
            left: self.top.slice(s![.., ..self.width]),
            right: None,
        };
        visit(depth - 1, &mut weights[depth - 1], &top);
        let back_last: ArrayView2<'_, T> = self.back_last.slice(s![.., ..self.width]);
        for l in (0..depth - 1).rev() {
            let (below, above) = weights.split_at_mut(l);
            let W = &mut above[0];
            let (back_below, back_above) = self.back.split_at_mut(l);
            let B = match back_above.first() {
                Some(B) => B.view(),
                None => back_last.t(),
            };
            if l > 0 {
                // Before W changes.
                multiply_into(threads, back_below[l - 1].view_mut(), W.t(), B);
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
        self.observed.count()
    }
}
