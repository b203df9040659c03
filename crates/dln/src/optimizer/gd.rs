//! Gradient descent: `W <- W - rate (g + lambda W)`, as optax's `sgd`.

use ndarray::Array2;

use super::gradient::Gradient;
use super::rule::{Facts, LinearRule, Rule, Step};
use crate::kernel::{Real, entries_mut, scale};

pub(super) const FACTS: Facts = Facts {
    states: 0,
    momentum: false,
    linear: Some(|_| LinearRule::Descent),
};

#[derive(Debug)]
pub(super) struct Gd;

impl<T: Real> Rule<T> for Gd {
    fn step(&mut self, step: &Step, _: usize, W: &mut Array2<T>, gradient: &Gradient<'_, T>) {
        if step.weight_decay != 0.0 {
            let shrink = T::of(1.0 - step.rate * step.weight_decay);
            scale(step.threads, entries_mut(W), shrink);
        }
        gradient.add_to(step.threads, W, T::of(-step.rate));
    }

    fn state(&self) -> Vec<&[Array2<T>]> {
        Vec::new()
    }

    fn state_mut(&mut self) -> Vec<&mut [Array2<T>]> {
        Vec::new()
    }
}
