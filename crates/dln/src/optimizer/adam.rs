//! Adam, as optax's `adam` at its defaults, entry by entry: with `g` the gradient and the penalty's,
//! `m <- b1 m + (1 - b1) g; v <- b2 v + (1 - b2) g^2;`
//! `W <- W - rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)`.

use ndarray::Array2;

use super::gradient::{Gradient, Scratch};
use super::rule::{Facts, Rule, Step, zeros};
use crate::kernel::{Real, entries_mut, in_chunks, vectorized};

pub(super) const FACTS: Facts = Facts {
    states: 2,
    momentum: false,
    linear: None,
};

/// Decay of the first moment.
const FIRST: f64 = 0.9;
/// Decay of the second moment.
const SECOND: f64 = 0.999;
/// Added to the root.
const EPSILON: f64 = 1e-8;

#[derive(Debug)]
pub(super) struct Adam<T> {
    /// `m` and `v`, by layer.
    first: Vec<Array2<T>>,
    second: Vec<Array2<T>>,
    scratch: Scratch<T>,
}

impl<T: Real> Adam<T> {
    pub(super) fn new(shapes: &[(usize, usize)]) -> Adam<T> {
        Adam {
            first: zeros(shapes),
            second: zeros(shapes),
            scratch: Scratch::new(shapes),
        }
    }
}

/// Weights, gradient and both moments.
type AdamParts<'a, T> = ((&'a mut [T], &'a [T]), (&'a mut [T], &'a mut [T]));

impl<T: Real> Rule<T> for Adam<T> {
    fn step(&mut self, step: &Step, layer: usize, W: &mut Array2<T>, gradient: &Gradient<'_, T>) {
        let threads = step.threads;
        let G = self.scratch.multiplied_out(threads, W.dim(), gradient);
        let decay = T::of(step.weight_decay);
        let (b1, c1) = (T::of(FIRST), T::of(1.0 - FIRST));
        let (b2, c2) = (T::of(SECOND), T::of(1.0 - SECOND));
        let first_bias = T::of(1.0 - power(FIRST, step.number));
        let second_bias = T::of(1.0 - power(SECOND, step.number));
        let (rate, epsilon) = (T::of(step.rate), T::of(EPSILON));
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
                    let g = g + decay * *w;
                    *m = b1 * *m + c1 * g;
                    *v = b2 * *v + c2 * (g * g);
                    *w -= rate * (*m / first_bias) / ((*v / second_bias).sqrt() + epsilon);
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

/// `base^steps`, 0 beyond the range of `i32`, where it has long vanished.
fn power(base: f64, steps: u64) -> f64 {
    i32::try_from(steps).map_or(0.0, |steps| base.powi(steps))
}
