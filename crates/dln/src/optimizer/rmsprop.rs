//! RMSProp, as optax's `rmsprop` at its defaults, entry by entry: with `g` the gradient and the penalty's,
//! `v <- d v + (1 - d) g^2; W <- W - rate g / sqrt(v + eps)`.

use ndarray::Array2;

use super::gradient::{Gradient, Scratch};
use super::rule::{Facts, Kept, Layers, PLAIN, Rule, Step, zeros};
use crate::config::Optimizer;
use crate::kernel::{Real, entries_mut, in_chunks, vectorized};

pub(super) const FACTS: Facts = Facts {
    state: |m, n| m * n,
    keeps: &[Kept::Squares],
    ..PLAIN
};

/// Decay of the second moment.
const SECOND: f64 = 0.9;
/// Added inside the root.
const EPSILON: f64 = 1e-8;

pub(super) fn rule<T: Real>(_: &Optimizer, layers: Layers<'_>) -> Rmsprop<T> {
    Rmsprop {
        second: zeros(layers.shapes),
        scratch: Scratch::new(layers.shapes),
    }
}

#[derive(Debug)]
pub(super) struct Rmsprop<T> {
    /// `v`, by layer.
    second: Vec<Array2<T>>,
    scratch: Scratch<T>,
}

/// Weights, gradient and the moment.
type RmspropParts<'a, T> = ((&'a mut [T], &'a [T]), &'a mut [T]);

impl<T: Real> Rule<T> for Rmsprop<T> {
    fn step(&mut self, step: &Step, layer: usize, W: &mut Array2<T>, gradient: &Gradient<'_, T>) {
        let threads = step.threads;
        let G = &*self.scratch.multiplied_out(threads, W.dim(), gradient);
        let decay = T::of(step.weight_decay);
        let (b, c) = (T::of(SECOND), T::of(1.0 - SECOND));
        let (rate, epsilon) = (T::of(step.rate), T::of(EPSILON));
        let parts = ((entries_mut(W), G), entries_mut(&mut self.second[layer]));
        in_chunks(threads, parts, &|((W, G), v): RmspropParts<'_, T>| {
            vectorized(|| {
                for ((w, &g), v) in W.iter_mut().zip(G).zip(v) {
                    let g = g + decay * *w;
                    *v = b * *v + c * (g * g);
                    *w -= rate * g / (*v + epsilon).sqrt();
                }
            });
            0.0
        });
    }

    fn state(&self) -> Vec<&[Array2<T>]> {
        vec![&self.second]
    }

    fn state_mut(&mut self) -> Vec<&mut [Array2<T>]> {
        vec![&mut self.second]
    }
}
