//! Gradient descent by the direction alone: `W <- W - rate g / (||g|| + 1e-6)`, `g` the gradient and the penalty's, its
//! norm over all layers and biases, as optax's `normalize_by_update_norm` before `sgd`.

use ndarray::Array2;

use super::gd::descend;
use super::gradient::Gradient;
use super::rule::{Divides, Facts, Layers, PLAIN, Rule, Step};
use crate::config::Optimizer;
use crate::kernel::Real;

pub(super) const FACTS: Facts = Facts {
    rotates: true,
    divides: Divides::Network,
    ..PLAIN
};

/// Added to the norm.
const EPSILON: f64 = 1e-6;

pub(super) fn rule(_: &Optimizer, _: Layers<'_>) -> Normalized {
    Normalized
}

#[derive(Debug)]
pub(super) struct Normalized;

impl<T: Real> Rule<T> for Normalized {
    fn step(&mut self, step: &Step, _: usize, W: &mut Array2<T>, gradient: &Gradient<'_, T>) {
        descend(step, step.rate / (step.norm + EPSILON), W, gradient);
    }

    fn state(&self) -> Vec<&[Array2<T>]> {
        Vec::new()
    }

    fn state_mut(&mut self) -> Vec<&mut [Array2<T>]> {
        Vec::new()
    }
}
