//! Gradients by the outputs: for linear networks with fewer outputs than samples.
//!
//! Carries `C_l = W_L .. W_(l+1)` (`d_y x d_l`) down and `S_l = R A_l^T` (`d_y x d_l`) up, where `R` is the loss's
//! gradient in the outputs and `A_l` what layer `l` gives: `S_0 = R X^T`, `S_l = S_(l-1) W_l^T + (R 1) b_l^T`. The
//! gradient of `W_l` is `C_l^T S_(l-1)`, that of `b_l` is `C_l^T R 1`, and the outputs are `C_0 X` plus
//! `sum_l C_l b_l` in every column. The sample count enters in two products alone.

use ndarray::Array2;

use super::fit::Fit;
use crate::kernel::{Accum, Real, Threads, add_to_rows, multiply_into, product, row_sums};
use crate::optimizer::Gradient;

#[derive(Debug)]
pub(super) struct OutputsSide<T> {
    fit: Fit<T>,
    /// `C_0 .. C_(L-2)`; `C_(L-1)` is `W_L` itself, `C_L` the identity. With identity inputs `C_0` is the
    /// output and turns into the residual.
    down: Vec<Array2<T>>,
    /// `S_0 .. S_(L-1)`; `S_0` is empty where it is the residual itself.
    up: Vec<Array2<T>>,
    /// `W_L .. W_1 X`, turned into the residual; empty where `C_0` takes its place.
    output: Array2<T>,
    /// `sum_l C_l b_l`, then `R 1`: `d_y x 1`. For networks with biases, whose inputs are never the identity.
    offset: Array2<T>,
}

impl<T: Real> OutputsSide<T> {
    /// For layers of these shapes (rows, columns).
    pub(super) fn new(fit: Fit<T>, shapes: &[(usize, usize)]) -> OutputsSide<T> {
        let depth = shapes.len();
        let d_y = fit.Y.nrows();
        let identity = fit.X.is_none();
        let down = shapes[..depth - 1]
            .iter()
            .map(|&(_, columns)| Array2::zeros((d_y, columns)));
        let up = shapes.iter().enumerate().map(|(l, &(_, columns))| {
            let rows = if l == 0 && identity { 0 } else { d_y };
            Array2::zeros((rows, columns))
        });
        let in_place = identity && depth > 1;
        let output = Array2::zeros(if in_place { (0, 0) } else { fit.Y.dim() });
        OutputsSide {
            down: down.collect(),
            up: up.collect(),
            output,
            offset: Array2::zeros((d_y, 1)),
            fit,
        }
    }

    pub(super) fn fit_mut(&mut self) -> &mut Fit<T> {
        &mut self.fit
    }

    pub(super) fn loss(&mut self, threads: Threads, parameters: &[Array2<T>]) -> f64 {
        let depth = self.up.len();
        let (weights, biases) = parameters.split_at(depth);
        for l in (0..depth - 1).rev() {
            let (down, above) = self.down.split_at_mut(l + 1);
            let C = above.first().unwrap_or(&weights[depth - 1]);
            multiply_into(threads, down[l].view_mut(), C.view(), weights[l].view());
        }
        let whole = self.down.first().unwrap_or(&weights[0]);
        match &self.fit.X {
            Some(X) => multiply_into(threads, self.output.view_mut(), whole.view(), X.view()),
            None if depth == 1 => self.output.assign(whole),
            None => return self.fit.loss_and_residual(threads, &mut self.down[0]),
        }
        if let Some((last, hidden)) = biases.split_last() {
            self.offset.assign(last);
            for (l, b) in hidden.iter().enumerate() {
                let C = self.down.get(l + 1).unwrap_or(&weights[depth - 1]);
                let offset = self.offset.view_mut();
                product(threads, offset, Accum::Add, T::of(1.0), C.view(), b.view());
            }
            add_to_rows(&mut self.output, &self.offset);
        }
        self.fit.loss_and_residual(threads, &mut self.output)
    }

    pub(super) fn gradients(
        &mut self,
        threads: Threads,
        parameters: &mut [Array2<T>],
        visit: &mut impl FnMut(usize, &mut Array2<T>, &Gradient<'_, T>),
    ) {
        let depth = self.up.len();
        let (weights, biases) = parameters.split_at_mut(depth);
        let OutputsSide {
            fit,
            down,
            up,
            output,
            offset,
        } = self;
        if let Some(X) = &fit.X {
            let S = up[0].view_mut();
            multiply_into(threads, S, output.view(), X.t());
        }
        if !biases.is_empty() {
            row_sums(output.view(), offset);
        }
        for l in 0..depth {
            let (below, above) = weights.split_at_mut(l + 1);
            let W = &mut below[l];
            let (up_below, up_above) = up.split_at_mut(l + 1);
            let S = match (l, &fit.X) {
                (0, None) if depth == 1 => output.view(),
                (0, None) => down[0].view(),
                _ => up_below[l].view(),
            };
            if let Some(next) = up_above.first_mut() {
                // Before W and b change.
                multiply_into(threads, next.view_mut(), S, W.t());
                if let Some(b) = biases.get(l) {
                    let (next, one) = (next.view_mut(), T::of(1.0));
                    product(threads, next, Accum::Add, one, offset.view(), b.t());
                }
            }
            // C_(l+1), the identity above the last layer.
            let C = above.last().map(|top| down.get(l + 1).unwrap_or(top));
            let gradient = match C {
                None => Gradient {
                    left: S,
                    right: None,
                },
                Some(C) => Gradient {
                    left: C.t(),
                    right: Some(S),
                },
            };
            visit(l, W, &gradient);
            if let Some(b) = biases.get_mut(l) {
                let gradient = match C {
                    None => Gradient::of(offset),
                    Some(C) => Gradient {
                        left: C.t(),
                        right: Some(offset.view()),
                    },
                };
                visit(depth + l, b, &gradient);
            }
        }
    }
}
