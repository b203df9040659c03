//! Lion, as optax's `lion` with its decoupled weight decay at 0 unless set, entry by entry:
//! `W <- W - rate (sign(b1 m + (1 - b1) g) + lambda W); m <- b2 m + (1 - b2) g`, `sign(0) = 0`.

use ndarray::Array2;

use super::gradient::{Gradient, Scratch};
use super::rule::{Facts, Kept, Layers, PLAIN, Rule, Step, zeros};
use super::sign::sign;
use crate::config::Optimizer;
use crate::kernel::{Real, entries_mut, in_chunks, vectorized};

pub(super) const FACTS: Facts = Facts {
    state: |m, n| m * n,
    keeps: &[Kept::Gradients],
    decoupled: true,
    ..PLAIN
};

/// Share of the average in the update's sign.
const FIRST: f64 = 0.9;
/// Decay of the average.
const SECOND: f64 = 0.99;

pub(super) fn rule<T: Real>(_: &Optimizer, layers: Layers<'_>) -> Lion<T> {
    Lion {
        average: zeros(layers.shapes),
        scratch: Scratch::new(layers.shapes),
    }
}

#[derive(Debug)]
pub(super) struct Lion<T> {
    /// `m`, by layer.
    average: Vec<Array2<T>>,
    scratch: Scratch<T>,
}

/// Weights, gradient and the average.
type LionParts<'a, T> = ((&'a mut [T], &'a [T]), &'a mut [T]);

impl<T: Real> Rule<T> for Lion<T> {
    fn step(&mut self, step: &Step, layer: usize, W: &mut Array2<T>, gradient: &Gradient<'_, T>) {
        let threads = step.threads;
        let G = &*self.scratch.multiplied_out(threads, W.dim(), gradient);
        let (b1, c1) = (T::of(FIRST), T::of(1.0 - FIRST));
        let (b2, c2) = (T::of(SECOND), T::of(1.0 - SECOND));
        let (rate, decay) = (T::of(step.rate), T::of(step.weight_decay));
        let parts = ((entries_mut(W), G), entries_mut(&mut self.average[layer]));
        in_chunks(threads, parts, &|((W, G), m): LionParts<'_, T>| {
            vectorized(|| {
                for ((w, &g), m) in W.iter_mut().zip(G).zip(m) {
                    let u = sign(c1 * g + b1 * *m);
                    *m = c2 * g + b2 * *m;
                    *w -= rate * (u + decay * *w);
                }
            });
            0.0
        });
    }

    fn state(&self) -> Vec<&[Array2<T>]> {
        vec![&self.average]
    }

    fn state_mut(&mut self) -> Vec<&mut [Array2<T>]> {
        vec![&mut self.average]
    }
}
