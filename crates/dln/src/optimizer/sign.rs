//! Descent by signs, as optax's `sign_sgd`, entry by entry: with `g` the gradient and the penalty's,
//! `W <- W - rate sign(g)`, `sign(0) = 0`.

use ndarray::Array2;

use super::gradient::{Gradient, Scratch};
use super::rule::{Facts, Layers, PLAIN, Rule, Step};
use crate::config::Optimizer;
use crate::kernel::{Real, entries_mut, in_chunks, vectorized};

pub(super) const FACTS: Facts = PLAIN;

pub(super) fn rule<T: Real>(_: &Optimizer, layers: Layers<'_>) -> Sign<T> {
    Sign {
        scratch: Scratch::new(layers.shapes),
    }
}

#[derive(Debug)]
pub(super) struct Sign<T> {
    scratch: Scratch<T>,
}

/// -1, 0 or 1; not a number stays one.
#[inline(always)]
pub(super) fn sign<T: Real>(x: T) -> T {
    let zero = T::of(0.0);
    if x == zero { zero } else { x.signum() }
}

impl<T: Real> Rule<T> for Sign<T> {
    fn step(&mut self, step: &Step, _: usize, W: &mut Array2<T>, gradient: &Gradient<'_, T>) {
        let threads = step.threads;
        let G = &*self.scratch.multiplied_out(threads, W.dim(), gradient);
        let (rate, decay) = (T::of(step.rate), T::of(step.weight_decay));
        in_chunks(threads, (entries_mut(W), G), &|(W, G): (&mut [T], &[T])| {
            vectorized(|| {
                for (w, &g) in W.iter_mut().zip(G) {
                    *w -= rate * sign(g + decay * *w);
                }
            });
            0.0
        });
    }

    fn state(&self) -> Vec<&[Array2<T>]> {
        Vec::new()
    }

    fn state_mut(&mut self) -> Vec<&mut [Array2<T>]> {
        Vec::new()
    }
}
