//! Gradients by the outputs: for linear networks with fewer outputs than samples.
//!
//! Carries `C_l = W_L .. W_(l+1)` (`d_y x d_l`) down and `S_l = R X^T W_1^T .. W_l^T` (`d_y x d_l`) up, where
//! `R` is the residual; the gradient of layer `l` is `C_l^T S_(l-1)`. The sample count enters in two products
//! alone.

use ndarray::Array2;

use super::fit::Fit;
use crate::kernel::{Real, Threads, multiply_into};
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
            fit,
        }
    }

    pub(super) fn loss(&mut self, threads: Threads, weights: &[Array2<T>]) -> f64 {
        let depth = weights.len();
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
        self.fit.loss_and_residual(threads, &mut self.output)
    }

    pub(super) fn gradients(
        &mut self,
        threads: Threads,
        weights: &mut [Array2<T>],
        visit: &mut impl FnMut(usize, &mut Array2<T>, &Gradient<'_, T>),
    ) {
        let depth = weights.len();
        let OutputsSide {
            fit,
            down,
            up,
            output,
        } = self;
        if let Some(X) = &fit.X {
            let S = up[0].view_mut();
            multiply_into(threads, S, output.view(), X.t());
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
                // Before W changes.
                multiply_into(threads, next.view_mut(), S, W.t());
            }
            let gradient = match above.last() {
                None => Gradient {
                    left: S,
                    right: None,
                },
                Some(top) => {
                    let C = down.get(l + 1).unwrap_or(top);
                    Gradient {
                        left: C.t(),
                        right: Some(S),
                    }
                }
            };
            visit(l, W, &gradient);
        }
    }
}
