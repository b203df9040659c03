//! What an optimizer's file gives: facts, and a rule with its state.

use std::fmt::Debug;

use ndarray::Array2;

use super::gradient::Gradient;
use crate::config::Optimizer;
use crate::kernel::{Real, Threads};

/// What an optimizer's file says of it.
pub(super) struct Facts {
    /// Matrices of a layer's shape that it keeps.
    pub(super) states: usize,
    /// Whether it has the parameter `momentum`.
    pub(super) momentum: bool,
    /// For those that act on gradients linearly, so that the law holds for them.
    pub(super) linear: Option<fn(&Optimizer) -> LinearRule>,
}

/// A rule that is linear in the gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum LinearRule {
    Descent,
    HeavyBall { beta: f64 },
}

/// What the rules take from a step.
pub(super) struct Step {
    pub(super) threads: Threads,
    pub(super) rate: f64,
    pub(super) weight_decay: f64,
    /// From 1.
    pub(super) number: u64,
}

/// Parameters, state and step of an optimizer over a list of layers.
pub(super) trait Rule<T>: Debug + Send {
    /// One update of layer `layer`, from 0, with the gradient of the train loss alone.
    fn step(&mut self, step: &Step, layer: usize, W: &mut Array2<T>, gradient: &Gradient<'_, T>);

    /// Matrices by layer, a list for each thing that is kept, in the order of a checkpoint.
    fn state(&self) -> Vec<&[Array2<T>]>;

    /// As [`Rule::state`], writable.
    fn state_mut(&mut self) -> Vec<&mut [Array2<T>]>;
}

/// A state that starts at zero.
pub(super) fn zeros<T: Real>(shapes: &[(usize, usize)]) -> Vec<Array2<T>> {
    shapes.iter().map(|&shape| Array2::zeros(shape)).collect()
}
