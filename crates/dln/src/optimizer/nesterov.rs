//! Nesterov's momentum, as optax's `sgd` with `nesterov`: with `g` the gradient and the penalty's,
//! `m <- g + beta m; W <- W - rate (g + beta m)`.

use ndarray::Array2;

use super::gradient::{Gradient, Scratch};
use super::rule::{Facts, Kept, Layers, LinearRule, PLAIN, Rule, Step, zeros};
use crate::config::Optimizer;
use crate::kernel::{Real, entries_mut, in_chunks, vectorized};

pub(super) const FACTS: Facts = Facts {
    state: |m, n| m * n,
    keeps: &[Kept::Gradients],
    momentum: Some(0.9),
    linear: Some(|optimizer| LinearRule::Nesterov {
        beta: optimizer.momentum,
    }),
    rotates: true,
    ..PLAIN
};

pub(super) fn rule<T: Real>(optimizer: &Optimizer, layers: Layers<'_>) -> Nesterov<T> {
    Nesterov {
        beta: optimizer.momentum,
        velocity: zeros(layers.shapes),
        scratch: Scratch::new(layers.shapes),
    }
}

#[derive(Debug)]
pub(super) struct Nesterov<T> {
    beta: f64,
    /// `m`, by layer.
    velocity: Vec<Array2<T>>,
    scratch: Scratch<T>,
}

/// Weights, gradient and velocity.
type NesterovParts<'a, T> = ((&'a mut [T], &'a [T]), &'a mut [T]);

impl<T: Real> Rule<T> for Nesterov<T> {
    fn step(&mut self, step: &Step, layer: usize, W: &mut Array2<T>, gradient: &Gradient<'_, T>) {
        let threads = step.threads;
        let G = &*self.scratch.multiplied_out(threads, W.dim(), gradient);
        let (beta, decay) = (T::of(self.beta), T::of(step.weight_decay));
        let rate = T::of(step.rate);
        let parts = ((entries_mut(W), G), entries_mut(&mut self.velocity[layer]));
        in_chunks(threads, parts, &|((W, G), m): NesterovParts<'_, T>| {
            vectorized(|| {
                for ((w, &g), m) in W.iter_mut().zip(G).zip(m) {
                    let g = g + decay * *w;
                    *m = g + beta * *m;
                    *w -= rate * (g + beta * *m);
                }
            });
            0.0
        });
    }

    fn state(&self) -> Vec<&[Array2<T>]> {
        vec![&self.velocity]
    }

    fn state_mut(&mut self) -> Vec<&mut [Array2<T>]> {
        vec![&mut self.velocity]
    }
}
