//! Heavy-ball momentum: `m <- g + lambda W + beta m; W <- W - rate m`, as optax's `sgd`.

use ndarray::Array2;

use super::gradient::Gradient;
use super::rule::{Facts, Kept, Layers, LinearRule, PLAIN, Rule, Step, zeros};
use crate::config::Optimizer;
use crate::kernel::{Real, entries, entries_mut, in_chunks, scaled_add, vectorized};

pub(super) const FACTS: Facts = Facts {
    state: |m, n| m * n,
    keeps: &[Kept::Gradients],
    momentum: Some(0.9),
    linear: Some(|optimizer| LinearRule::HeavyBall {
        beta: optimizer.momentum,
    }),
    rotates: true,
    ..PLAIN
};

pub(super) fn rule<T: Real>(optimizer: &Optimizer, layers: Layers<'_>) -> Momentum<T> {
    Momentum {
        beta: optimizer.momentum,
        velocity: zeros(layers.shapes),
    }
}

#[derive(Debug)]
pub(super) struct Momentum<T> {
    beta: f64,
    /// `m`, by layer.
    velocity: Vec<Array2<T>>,
}

impl<T: Real> Rule<T> for Momentum<T> {
    fn step(&mut self, step: &Step, layer: usize, W: &mut Array2<T>, gradient: &Gradient<'_, T>) {
        let threads = step.threads;
        let m = &mut self.velocity[layer];
        let (beta, decay) = (T::of(self.beta), T::of(step.weight_decay));
        let parts = (entries_mut(m), entries(W));
        in_chunks(threads, parts, &|(m, W): (&mut [T], &[T])| {
            vectorized(|| {
                for (m, &w) in m.iter_mut().zip(W) {
                    *m = beta * *m + decay * w;
                }
            });
            0.0
        });
        gradient.add_to(threads, m, T::of(1.0));
        scaled_add(threads, entries_mut(W), T::of(-step.rate), entries(m));
    }

    fn state(&self) -> Vec<&[Array2<T>]> {
        vec![&self.velocity]
    }

    fn state_mut(&mut self) -> Vec<&mut [Array2<T>]> {
        vec![&mut self.velocity]
    }
}
