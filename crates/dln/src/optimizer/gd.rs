//! Gradient descent: `W <- W - rate (g + lambda W)`, as optax's `sgd`.

use ndarray::Array2;

use super::gradient::Gradient;
use super::rule::{Facts, Layers, LinearRule, PLAIN, Rule, Step};
use crate::config::Optimizer;
use crate::kernel::{Real, entries_mut, scale};

pub(super) const FACTS: Facts = Facts {
    linear: Some(|_| LinearRule::Descent),
    rotates: true,
    ..PLAIN
};

pub(super) fn rule(_: &Optimizer, _: Layers<'_>) -> Gd {
    Gd
}

#[derive(Debug)]
pub(super) struct Gd;

/// `W <- W - rate (g + weight_decay W)`.
pub(super) fn descend<T: Real>(
    step: &Step,
    rate: f64,
    W: &mut Array2<T>,
    gradient: &Gradient<'_, T>,
) {
    if step.weight_decay != 0.0 {
        let shrink = T::of(1.0 - rate * step.weight_decay);
        scale(step.threads, entries_mut(W), shrink);
    }
    gradient.add_to(step.threads, W, T::of(-rate));
}

impl<T: Real> Rule<T> for Gd {
    fn step(&mut self, step: &Step, _: usize, W: &mut Array2<T>, gradient: &Gradient<'_, T>) {
        descend(step, step.rate, W, gradient);
    }

    fn state(&self) -> Vec<&[Array2<T>]> {
        Vec::new()
    }

    fn state_mut(&mut self) -> Vec<&mut [Array2<T>]> {
        Vec::new()
    }
}
