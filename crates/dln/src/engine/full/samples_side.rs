//! Gradients by the samples: activations forward, their gradients back, `d_l x n` each.
//!
//! Serves every activation, loss, mask and input, with and without biases; the only way for networks that are not
//! linear.

use ndarray::{Array2, ArrayView2};

use super::fit::Fit;
use crate::activation::LayerFunction;
use crate::config::Network;
use crate::kernel::{Real, Threads, add_to_rows, multiply_into, row_sums};
use crate::optimizer::Gradient;

#[derive(Debug)]
pub(super) struct SamplesSide<T> {
    fit: Fit<T>,
    /// After each hidden layer.
    functions: Vec<LayerFunction>,
    /// `A_1 .. A_L` after the activation, the last one turned into the residual. `A_1` is empty where it is
    /// `W_1` itself.
    forward: Vec<Array2<T>>,
    /// `B_1 .. B_(L-1)`: gradient of the loss in each layer before its activation.
    back: Vec<Array2<T>>,
    /// `B_l 1`, the gradients of the biases; none without biases.
    sums: Vec<Array2<T>>,
    /// Slopes of the hidden layers' functions, empty where they follow from the values.
    slopes: Vec<Array2<T>>,
}

impl<T: Real> SamplesSide<T> {
    /// For layers of these shapes (rows, columns).
    pub(super) fn new(fit: Fit<T>, network: &Network, shapes: &[(usize, usize)]) -> SamplesSide<T> {
        let n = fit.samples();
        let depth = shapes.len();
        let functions = network.functions();
        let bare = fit.X.is_none() && is_bare(&functions);
        let forward = shapes.iter().enumerate().map(|(l, &(rows, _))| {
            let n = if l == 0 && bare { 0 } else { n };
            Array2::zeros((rows, n))
        });
        let back = shapes[..depth - 1]
            .iter()
            .map(|&(rows, _)| Array2::zeros((rows, n)));
        let biased = if network.bias { shapes } else { &[] };
        let sums = biased.iter().map(|&(rows, _)| Array2::zeros((rows, 1)));
        let slopes = shapes.iter().zip(&functions).map(|(&(rows, _), function)| {
            let n = if function.keeps_slope() { n } else { 0 };
            Array2::zeros((rows, n))
        });
        SamplesSide {
            forward: forward.collect(),
            back: back.collect(),
            sums: sums.collect(),
            slopes: slopes.collect(),
            functions,
            fit,
        }
    }

    pub(super) fn fit_mut(&mut self) -> &mut Fit<T> {
        &mut self.fit
    }

    /// The hidden activations `A_1 .. A_(L-1)` of the last [`SamplesSide::loss`].
    pub(super) fn hidden(&self) -> &[Array2<T>] {
        &self.forward[..self.forward.len() - 1]
    }

    pub(super) fn loss(&mut self, threads: Threads, parameters: &[Array2<T>]) -> f64 {
        let depth = self.forward.len();
        let bare = self.bare();
        let (weights, biases) = parameters.split_at(depth);
        for (l, W) in weights.iter().enumerate() {
            let (below, above) = self.forward.split_at_mut(l);
            let A = &mut above[0];
            let input = match (l, &self.fit.X) {
                (0, X) => X.as_ref(),
                (1, _) if bare => weights.first(),
                _ => below.last(),
            };
            match input {
                Some(input) => multiply_into(threads, A.view_mut(), W.view(), input.view()),
                None if bare => {}
                None => A.assign(W),
            }
            if let Some(b) = biases.get(l) {
                add_to_rows(A, b);
            }
            if let Some(function) = self.functions.get(l) {
                function.apply_keeping(threads, A, &mut self.slopes[l]);
            }
        }
        self.fit
            .loss_and_residual(threads, &mut self.forward[depth - 1])
    }

    pub(super) fn gradients(
        &mut self,
        threads: Threads,
        parameters: &mut [Array2<T>],
        visit: &mut impl FnMut(usize, &mut Array2<T>, &Gradient<'_, T>),
    ) {
        let depth = self.forward.len();
        let bare = self.bare();
        let (weights, biases) = parameters.split_at_mut(depth);
        let SamplesSide {
            fit,
            functions,
            forward,
            back,
            sums,
            slopes,
        } = self;
        for l in (0..depth).rev() {
            let (below, above) = weights.split_at_mut(l);
            let W = &mut above[0];
            let (back_below, back_above) = back.split_at_mut(l);
            let B = match back_above.first() {
                Some(B) => B.view(),
                None => forward[depth - 1].view(),
            };
            if l > 0 {
                // Before W changes.
                let next = &mut back_below[l - 1];
                multiply_into(threads, next.view_mut(), W.t(), B);
                functions[l - 1].slope(threads, next, &forward[l - 1], &slopes[l - 1]);
            }
            let right: Option<ArrayView2<'_, T>> = match l {
                0 => fit.X.as_ref().map(|X| X.t()),
                1 if bare => Some(below[0].t()),
                _ => Some(forward[l - 1].t()),
            };
            visit(l, W, &Gradient { left: B, right });
            if let (Some(b), Some(sum)) = (biases.get_mut(l), sums.get_mut(l)) {
                row_sums(B, sum);
                visit(depth + l, b, &Gradient::of(sum));
            }
        }
    }

    /// Whether `A_1` is `W_1`: identity inputs, no activation after the first layer and another one above.
    fn bare(&self) -> bool {
        self.fit.X.is_none() && is_bare(&self.functions)
    }
}

fn is_bare(functions: &[LayerFunction]) -> bool {
    functions.first().is_some_and(|first| first.is_linear())
}
