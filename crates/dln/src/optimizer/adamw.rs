//! Adam with decoupled weight decay, as optax's `adamw`, entry by entry: with the moments of `adam` for the bare
//! gradient, `W <- W - rate ((m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps) + lambda W)`.

use ndarray::Array2;

use super::adam::{AdamParts, Constants};
use super::gradient::{Gradient, Scratch};
use super::rule::{Facts, Kept, Layers, PLAIN, Rule, Step, zeros};
use crate::config::Optimizer;
use crate::kernel::{Real, entries_mut, in_chunks, vectorized};

pub(super) const FACTS: Facts = Facts {
    state: |m, n| 2 * m * n,
    keeps: &[Kept::Gradients, Kept::Squares],
    decoupled: true,
    ..PLAIN
};

pub(super) fn rule<T: Real>(_: &Optimizer, layers: Layers<'_>) -> Adamw<T> {
    Adamw {
        first: zeros(layers.shapes),
        second: zeros(layers.shapes),
        scratch: Scratch::new(layers.shapes),
    }
}

#[derive(Debug)]
pub(super) struct Adamw<T> {
    /// `m` and `v`, by layer.
    first: Vec<Array2<T>>,
    second: Vec<Array2<T>>,
    scratch: Scratch<T>,
}

impl<T: Real> Rule<T> for Adamw<T> {
    fn step(&mut self, step: &Step, layer: usize, W: &mut Array2<T>, gradient: &Gradient<'_, T>) {
        let threads = step.threads;
        let G = &*self.scratch.multiplied_out(threads, W.dim(), gradient);
        let Constants {
            b1,
            c1,
            b2,
            c2,
            first_bias,
            second_bias,
            epsilon,
        } = Constants::<T>::of(step);
        let (rate, decay) = (T::of(step.rate), T::of(step.weight_decay));
        let parts = (
            (entries_mut(W), G),
            (
                entries_mut(&mut self.first[layer]),
                entries_mut(&mut self.second[layer]),
            ),
        );
        in_chunks(threads, parts, &|((W, G), (m, v)): AdamParts<'_, T>| {
            vectorized(|| {
                for (((w, &g), m), v) in W.iter_mut().zip(G).zip(m).zip(v) {
                    *m = b1 * *m + c1 * g;
                    *v = b2 * *v + c2 * (g * g);
                    let u = (*m / first_bias) / ((*v / second_bias).sqrt() + epsilon);
                    *w -= rate * (u + decay * *w);
                }
            });
            0.0
        });
    }

    fn state(&self) -> Vec<&[Array2<T>]> {
        vec![&self.first, &self.second]
    }

    fn state_mut(&mut self) -> Vec<&mut [Array2<T>]> {
        vec![&mut self.first, &mut self.second]
    }
}
