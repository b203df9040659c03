//! Optimizers: what becomes of weights and state once a layer's gradient is known.
//!
//! This file lists them and counts steps; each one's parameters, state and step are in a file of its own. Gradients
//! come as products not yet multiplied out, so that gradient descent adds them straight to the weights. Which step
//! comes when is the business of the engines.

mod adam;
mod gd;
mod gradient;
mod momentum;
mod rmsprop;
mod rule;
#[cfg(test)]
mod tests;

use ndarray::{Array2, s};

use self::rule::{Facts, Rule, Step};
use crate::checkpoint::{put_matrix, put_u64, take_matrix, take_u64};
use crate::config::{Optimizer, OptimizerKind};
use crate::error::TrialError;
use crate::kernel::{Real, Threads};

pub(crate) use gradient::Gradient;
pub(crate) use rule::LinearRule;

impl OptimizerKind {
    fn facts(self) -> Facts {
        match self {
            OptimizerKind::Gd => gd::FACTS,
            OptimizerKind::Momentum => momentum::FACTS,
            OptimizerKind::Adam => adam::FACTS,
            OptimizerKind::Rmsprop => rmsprop::FACTS,
        }
    }

    fn rule<T: Real>(self, optimizer: &Optimizer, shapes: &[(usize, usize)]) -> Box<dyn Rule<T>> {
        match self {
            OptimizerKind::Gd => Box::new(gd::Gd),
            OptimizerKind::Momentum => Box::new(momentum::Momentum::new(optimizer, shapes)),
            OptimizerKind::Adam => Box::new(adam::Adam::new(shapes)),
            OptimizerKind::Rmsprop => Box::new(rmsprop::Rmsprop::new(shapes)),
        }
    }

    /// Matrices of a layer's shape that it keeps.
    pub fn states(self) -> usize {
        self.facts().states
    }

    /// Whether it has the parameter `momentum`.
    pub fn has_momentum(self) -> bool {
        self.facts().momentum
    }

    /// Whether it acts on gradients linearly.
    pub fn is_linear(self) -> bool {
        self.facts().linear.is_some()
    }
}

impl Optimizer {
    /// The rule, where it is linear in the gradients.
    pub(crate) fn linear_rule(&self) -> Option<LinearRule> {
        self.kind.facts().linear.map(|rule| rule(self))
    }
}

/// An optimizer at work over a list of layers.
#[derive(Debug)]
pub(crate) struct Descent<T> {
    rule: Box<dyn Rule<T>>,
    rate: f64,
    weight_decay: f64,
    /// Layers that have weight decay; those after them have none.
    weights: usize,
    /// Steps begun.
    steps: u64,
    /// Columns of each layer; any further ones only fill its rows up.
    columns: Vec<usize>,
}

impl<T: Real> Descent<T> {
    /// The state before the first step, for layers of these shapes, of which the last `biases` are biases, without
    /// weight decay.
    pub(crate) fn new(
        optimizer: &Optimizer,
        shapes: &[(usize, usize)],
        biases: usize,
    ) -> Descent<T> {
        Descent {
            rule: optimizer.kind.rule(optimizer, shapes),
            rate: optimizer.rate,
            weight_decay: optimizer.weight_decay,
            weights: shapes.len() - biases,
            steps: 0,
            columns: shapes.iter().map(|&(_, columns)| columns).collect(),
        }
    }

    /// Says that a layer has only so many columns, and rows that are filled up with zeros.
    pub(crate) fn with_columns(mut self, layer: usize, columns: usize) -> Descent<T> {
        self.columns[layer] = columns;
        self
    }

    /// Steps begun.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// Counts a step; every layer is then updated once.
    pub(crate) fn begin(&mut self) {
        self.steps += 1;
    }

    /// One update of layer `layer`, from 0, with the gradient of the train loss alone.
    pub(crate) fn apply(
        &mut self,
        threads: Threads,
        layer: usize,
        W: &mut Array2<T>,
        gradient: &Gradient<'_, T>,
    ) {
        let step = Step {
            threads,
            rate: self.rate,
            weight_decay: if layer < self.weights {
                self.weight_decay
            } else {
                0.0
            },
            number: self.steps,
        };
        self.rule.step(&step, layer, W, gradient);
    }

    /// Writes the state without what fills rows up, which depends on the machine.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        put_u64(out, self.steps);
        for kept in self.rule.state() {
            for (matrix, &columns) in kept.iter().zip(&self.columns) {
                put_matrix(out, &matrix.slice(s![.., ..columns]).to_owned());
            }
        }
    }

    /// # Errors
    /// [`crate::CheckpointError`] where the bytes end early or belong to other shapes.
    pub(crate) fn load(&mut self, bytes: &mut &[u8]) -> Result<(), TrialError> {
        self.steps = take_u64(bytes)?;
        for kept in self.rule.state_mut() {
            for (matrix, &columns) in kept.iter_mut().zip(&self.columns) {
                let mut held = matrix.slice_mut(s![.., ..columns]);
                let mut own = held.to_owned();
                take_matrix(bytes, &mut own)?;
                held.assign(&own);
            }
        }
        Ok(())
    }
}
