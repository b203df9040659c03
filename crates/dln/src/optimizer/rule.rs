//! What an optimizer's file gives: facts, and a rule with its state.

use std::fmt::Debug;

use ndarray::Array2;

use super::gradient::Gradient;
use crate::config::Optimizer;
use crate::kernel::{Real, Threads};

/// What an optimizer's file says of it.
pub(super) struct Facts {
    /// Numbers that it keeps of a weight matrix with these rows and columns.
    pub(super) state: fn(usize, usize) -> usize,
    /// What each list of [`Rule::state`] holds, in order.
    pub(super) keeps: &'static [Kept],
    /// Operations of its step on a weight matrix with these rows and columns, products and decompositions alone.
    pub(super) flops: fn(&Optimizer, usize, usize) -> f64,
    /// The default of the parameter `momentum`, for those that have it.
    pub(super) momentum: Option<f64>,
    /// For those that act on gradients linearly, so that the law holds for them.
    pub(super) linear: Option<fn(&Optimizer) -> LinearRule>,
    /// Whether the update commutes with orthonormal changes of basis, `u(U G V^T) = U u(G) V^T`; else it acts on each
    /// entry by itself.
    pub(super) rotates: bool,
    /// What its updates of a weight matrix with these rows and columns are multiplied by for the shape.
    pub(super) scale: fn(usize, usize) -> f64,
    /// Whether it works on a matrix as a whole, by products or decompositions of its own.
    pub(super) whole: bool,
    /// What its updates are divided by.
    pub(super) divides: Divides,
    /// Whether the weight decay acts on the weights by itself, else it is added to the gradient.
    pub(super) decoupled: bool,
    pub(super) biases: Biases,
}

/// What the facts of most optimizers have in common; each file says where it differs.
pub(super) const PLAIN: Facts = Facts {
    state: |_, _| 0,
    keeps: &[],
    flops: |_, _, _| 0.0,
    scale: |_, _| 1.0,
    momentum: None,
    linear: None,
    rotates: false,
    whole: false,
    divides: Divides::Nothing,
    decoupled: false,
    biases: Biases::AsWeights,
};

/// What an optimizer keeps of gradients, a matrix a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// A sum of gradients.
    Gradients,
    /// A sum of squares, entry by entry.
    Squares,
    /// A sum of `g g^T`, of weight matrices alone.
    Rows,
    /// A sum of `g^T g`, of weight matrices alone.
    Columns,
    /// Something of biases alone.
    OfBiases,
}

/// A norm of the gradient that updates are divided by. Parts off the core count in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Divides {
    Nothing,
    /// The norm of a layer.
    Layer,
    /// The norm over all layers and biases, which must be known before the first update of a step.
    Network,
}

/// What is done with biases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Biases {
    /// The same as with weights, without weight decay.
    AsWeights,
    /// Adam at the same rate.
    Adam,
    /// Gradient descent.
    Descent,
}

/// A rule that is linear in the gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum LinearRule {
    Descent,
    HeavyBall { beta: f64 },
    Nesterov { beta: f64 },
}

/// The layers that an optimizer works on: weight matrices, then biases, which are matrices of one column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layers<'a> {
    pub(super) shapes: &'a [(usize, usize)],
    pub(super) biases: usize,
}

impl<'a> Layers<'a> {
    /// How many are weight matrices.
    pub(super) fn count(&self) -> usize {
        self.shapes.len() - self.biases
    }

    /// Shapes of the weight matrices.
    pub(super) fn weights(&self) -> &'a [(usize, usize)] {
        &self.shapes[..self.count()]
    }

    /// The largest of these numbers over the weight matrices.
    pub(super) fn largest(&self, number: impl Fn(usize, usize) -> usize) -> usize {
        let numbers = self.weights().iter().map(|&(m, n)| number(m, n));
        numbers.max().unwrap_or(0)
    }
}

/// What the rules take from a step.
pub(super) struct Step {
    pub(super) threads: Threads,
    pub(super) rate: f64,
    /// 0 for biases.
    pub(super) weight_decay: f64,
    /// From 1.
    pub(super) number: u64,
    /// Of the gradient and the penalty's over all layers; not a number unless [`Divides::Network`] asks for it.
    pub(super) norm: f64,
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
