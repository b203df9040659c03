//! Optimizers: what becomes of weights and state once a layer's gradient is known.
//!
//! This file lists them and counts steps; each one's parameters, state and step are in a file of its own, the rate of
//! a step is in `schedule`. Gradients come as products not yet multiplied out, so that gradient descent adds them
//! straight to the weights. Which step comes when is the business of the engines.

mod adam;
mod adamw;
mod basis_change;
mod gd;
mod gradient;
mod lion;
mod momentum;
mod muon;
mod nesterov;
mod normalized;
mod rmsprop;
mod rule;
mod schedule;
mod shampoo;
mod sign;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_matrices;

use ndarray::{Array2, s};

use self::rule::{Biases, Facts, Layers, Rule, Step};
use crate::checkpoint::{put_matrix, put_u64, take_matrix, take_u64};
use crate::config::{Optimizer, OptimizerKind, Schedule};
use crate::error::TrialError;
use crate::kernel::{Real, Threads, entries, in_chunks, vectorized};

pub(crate) use basis_change::BasisChange;
pub(crate) use gradient::Gradient;
pub(crate) use rule::{Divides, LinearRule};

/// Lists the optimizers: each one's name in [`OptimizerKind`] and its file, which gives `FACTS` and `rule`.
macro_rules! optimizers {
    ($($Kind:ident = $file:ident),* $(,)?) => {
        impl OptimizerKind {
            fn facts(self) -> Facts {
                match self {
                    $(OptimizerKind::$Kind => $file::FACTS,)*
                }
            }

            fn rule<T: Real>(self, optimizer: &Optimizer, layers: Layers<'_>) -> Box<dyn Rule<T>> {
                match self {
                    $(OptimizerKind::$Kind => Box::new($file::rule(optimizer, layers)),)*
                }
            }
        }
    };
}

optimizers! {
    Gd = gd,
    Momentum = momentum,
    Adam = adam,
    Rmsprop = rmsprop,
    Nesterov = nesterov,
    Adamw = adamw,
    Lion = lion,
    Sign = sign,
    Normalized = normalized,
    Muon = muon,
    Shampoo = shampoo,
}

impl OptimizerKind {
    /// Numbers that it keeps of a weight matrix with these rows and columns.
    pub fn state_numbers(self, rows: usize, columns: usize) -> usize {
        (self.facts().state)(rows, columns)
    }

    /// The default of its parameter `momentum`, where it has one.
    pub fn default_momentum(self) -> Option<f64> {
        self.facts().momentum
    }

    /// Whether it has the parameter `momentum`.
    pub fn has_momentum(self) -> bool {
        self.default_momentum().is_some()
    }

    /// Whether it acts on gradients linearly.
    pub fn is_linear(self) -> bool {
        self.facts().linear.is_some()
    }

    /// Whether its updates commute with orthonormal changes of basis; else it acts on each entry by itself.
    pub fn commutes_with_rotations(self) -> bool {
        self.facts().rotates
    }

    /// Whether it works on a matrix as a whole, by products or decompositions of its own.
    pub fn works_on_matrices(self) -> bool {
        self.facts().whole
    }

    /// Whether its weight decay acts on the weights by itself; else it is added to the gradient.
    pub fn has_decoupled_decay(self) -> bool {
        self.facts().decoupled
    }

    /// The norm that its updates are divided by.
    pub(crate) fn divides(self) -> Divides {
        self.facts().divides
    }

    /// Whether biases follow Adam, entry by entry, whatever it does with weights.
    pub fn moves_biases_by_adam(self) -> bool {
        match self.facts().biases {
            Biases::Adam => true,
            Biases::AsWeights | Biases::Descent => false,
        }
    }
}

impl Optimizer {
    /// The rule, where it is linear in the gradients.
    pub(crate) fn linear_rule(&self) -> Option<LinearRule> {
        self.kind.facts().linear.map(|rule| rule(self))
    }

    /// `lambda` of the penalty `lambda/2 sum_l ||W_l||_F^2` that is part of the gradient: 0 where the decay acts on
    /// the weights by itself.
    pub(crate) fn penalty(&self) -> f64 {
        if self.kind.has_decoupled_decay() {
            0.0
        } else {
            self.weight_decay
        }
    }

    /// The rate of step `step`, from 0.
    pub(crate) fn rate_at(&self, step: u64) -> f64 {
        self.schedule.rate(self.rate, step)
    }

    /// Operations of one step on weight matrices of these shapes, products and decompositions alone.
    pub(crate) fn flops(&self, shapes: &[(usize, usize)]) -> f64 {
        let flops = self.kind.facts().flops;
        shapes.iter().map(|&(m, n)| flops(self, m, n)).sum()
    }
}

/// An optimizer at work over a list of layers: weight matrices, then biases.
#[derive(Debug)]
pub(crate) struct Descent<T> {
    rule: Box<dyn Rule<T>>,
    schedule: Schedule,
    /// `eta` of the schedule, and what its rates are multiplied by here.
    base: f64,
    factor: f64,
    /// Of the current step.
    rate: f64,
    weight_decay: f64,
    /// The part of `weight_decay` that is added to the gradient.
    penalty: f64,
    divides: Divides,
    /// As `Step::norm`.
    norm: f64,
    /// Steps begun.
    steps: u64,
    /// How many layers are weight matrices.
    weights: usize,
    /// What each layer's rate is multiplied by.
    ratios: Vec<f64>,
    /// Columns of the layers whose rows are filled up with zeros beyond them.
    columns: Vec<Option<usize>>,
}

impl<T: Real> Descent<T> {
    /// The state before the first step, for layers of these shapes (rows, columns), the last `biases` of which are
    /// biases, of one column.
    pub(crate) fn new(
        optimizer: &Optimizer,
        shapes: &[(usize, usize)],
        biases: usize,
    ) -> Descent<T> {
        let layers = Layers { shapes, biases };
        Descent {
            rule: optimizer.kind.rule(optimizer, layers),
            schedule: optimizer.schedule.clone(),
            base: optimizer.rate,
            factor: 1.0,
            rate: f64::NAN,
            weight_decay: optimizer.weight_decay,
            penalty: optimizer.penalty(),
            divides: optimizer.kind.divides(),
            norm: f64::NAN,
            steps: 0,
            weights: layers.count(),
            ratios: vec![1.0; shapes.len()],
            columns: vec![None; shapes.len()],
        }
    }

    /// Says that a layer has only these columns, and rows that are filled up with zeros. Not for optimizers that
    /// look at a matrix as a whole.
    pub(crate) fn with_columns(mut self, layer: usize, columns: usize) -> Descent<T> {
        self.columns[layer] = Some(columns);
        self
    }

    /// Says that the layers of these shapes stand for larger ones: a rule that scales its updates by the shape goes by
    /// those.
    pub(crate) fn stand_for(
        &mut self,
        kind: OptimizerKind,
        shapes: &[(usize, usize)],
        larger: &[(usize, usize)],
    ) {
        let scale = kind.facts().scale;
        for ((ratio, here), there) in self.ratios.iter_mut().zip(shapes).zip(larger) {
            *ratio = scale(there.0, there.1) / scale(here.0, here.1);
        }
    }

    /// Steps begun.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// Multiplies every rate.
    pub(crate) fn with_factor(mut self, factor: f64) -> Descent<T> {
        self.factor = factor;
        self
    }

    /// Whether [`Descent::begin`] needs the norm over all layers.
    pub(crate) fn needs_norm(&self) -> bool {
        match self.divides {
            Divides::Network => true,
            Divides::Nothing | Divides::Layer => false,
        }
    }

    /// The sum of squares of `scale` times the gradient of a layer, from 0, the penalty's included. With
    /// [`crate::kernel::norm_of`] over all layers it is the norm that [`Descent::begin`] takes.
    pub(crate) fn square(
        &self,
        threads: Threads,
        layer: usize,
        W: &Array2<T>,
        G: &Array2<T>,
        scale: f64,
    ) -> f64 {
        let penalty = if layer < self.weights {
            self.penalty
        } else {
            0.0
        };
        let decay = T::of(penalty);
        let parts = (entries(G), entries(W));
        in_chunks(threads, parts, &|(G, W): (&[T], &[T])| {
            vectorized(|| {
                let squares = G.iter().zip(W).map(|(&g, &w)| {
                    let g = scale * (g + decay * w).wide();
                    g * g
                });
                squares.sum::<f64>()
            })
        })
    }

    /// Counts a step; every layer is then updated once. `norm` is that of the step's gradient over all layers, the
    /// penalty's included; only what [`Descent::needs_norm`] needs it.
    pub(crate) fn begin(&mut self, norm: Option<f64>) {
        self.rate = self.factor * self.schedule.rate(self.base, self.steps);
        self.norm = norm.unwrap_or(f64::NAN);
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
        let weight_decay = if layer < self.weights {
            self.weight_decay
        } else {
            0.0
        };
        let step = Step {
            threads,
            rate: self.rate * self.ratios[layer],
            weight_decay,
            number: self.steps,
            norm: self.norm,
        };
        self.rule.step(&step, layer, W, gradient);
    }

    /// Writes the state without what fills rows up, which depends on the machine.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        put_u64(out, self.steps);
        for kept in self.rule.state() {
            for (matrix, columns) in kept.iter().zip(&self.columns) {
                match *columns {
                    Some(columns) => put_matrix(out, &matrix.slice(s![.., ..columns]).to_owned()),
                    None => put_matrix(out, matrix),
                }
            }
        }
    }

    /// # Errors
    /// [`crate::CheckpointError`] where the bytes end early or belong to other shapes.
    pub(crate) fn load(&mut self, bytes: &mut &[u8]) -> Result<(), TrialError> {
        self.steps = take_u64(bytes)?;
        for kept in self.rule.state_mut() {
            for (matrix, columns) in kept.iter_mut().zip(&self.columns) {
                let Some(columns) = *columns else {
                    take_matrix(bytes, matrix)?;
                    continue;
                };
                let mut held = matrix.slice_mut(s![.., ..columns]);
                let mut own = held.to_owned();
                take_matrix(bytes, &mut own)?;
                held.assign(&own);
            }
        }
        Ok(())
    }
}
