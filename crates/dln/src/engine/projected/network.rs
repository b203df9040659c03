//! The network in training: blocks, the optimizer on their coordinates, and what is seen outside them.

use ndarray::Array2;

use super::block::{LayerBlock, ProjectionScratch};
use super::cost::Spent;
use super::layer::HeldLayer;
use super::look::{leading, multiplied_out, norm, outside, wider};
use super::start::blocks;
use crate::config::{Projected, ProjectedKind, Trial};
use crate::data::Data;
use crate::engine::full::Full;
use crate::engine::{Engine, EngineReport};
use crate::error::TrialError;
use crate::exported::Exported;
use crate::init;
use crate::kernel::simd::Lane;
use crate::kernel::{Threads, norm_of};
use crate::measure::{Rows, finite};
use crate::metric::LayerRow;
use crate::optimizer::{BasisChange, Descent, Gradient};
use crate::outcome;

/// A layer's block at a step of a look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Look {
    pub(super) step: u64,
    /// From 1.
    pub(super) layer: u32,
    pub(super) block: (usize, usize),
    /// Relative to the first gradient; `None` where that is zero.
    pub(super) outside: Option<f64>,
}

impl Look {
    fn fill(&self, row: &mut LayerRow) {
        row.block_left = Some(self.block.0 as f64);
        row.block_right = Some(self.block.1 as f64);
        row.outside = self.outside;
    }
}

#[derive(Debug)]
pub(super) struct ProjectedNetwork<'a, T> {
    pub(super) trial: &'a Trial,
    pub(super) data: &'a Data,
    pub(super) full: Full<'a, T>,
    pub(super) layers: Vec<HeldLayer<T>>,
    /// Of the biases, at the step.
    bias_gradients: Vec<Array2<T>>,
    pub(super) descent: Descent<T>,
    pub(super) scratch: ProjectionScratch<T>,
    /// `||G_l(0)||_F`, over all samples.
    first: Vec<f64>,
    /// Looks since the last measured step.
    pub(super) looks: Vec<Look>,
    /// The last measured step: the rows of looks before it are there.
    pub(super) measured: Option<u64>,
    pub(super) spent: Spent,
}

/// The layers at the start.
///
/// # Errors
/// As [`super::build`].
pub(super) fn layers<T: Lane>(
    trial: &Trial,
    data: &Data,
    threads: Threads,
    W: &[Array2<T>],
) -> Result<Vec<HeldLayer<T>>, TrialError> {
    let is_fixed = match trial.train.projected.kind {
        ProjectedKind::Fixed => true,
        ProjectedKind::Refreshed => false,
    };
    let blocks = blocks(trial, data, threads)?;
    let layers = blocks.into_iter().zip(W);
    let layers = layers.map(|(block, W)| HeldLayer::new(threads, block, W.view(), is_fixed));
    Ok(layers.collect())
}

impl<'a, T: Lane> ProjectedNetwork<'a, T> {
    /// # Errors
    /// As [`super::build`].
    pub(super) fn new(
        trial: &'a Trial,
        data: &'a Data,
        threads: Threads,
    ) -> Result<ProjectedNetwork<'a, T>, TrialError> {
        let weights = init::weights(trial)?;
        let depth = weights.len();
        let mut full = Full::<T>::moved_from(trial, data, threads, &weights)?;
        let (W, b) = full.parameters_mut().split_at(depth);
        let bias_gradients = b.iter().map(|b| Array2::zeros(b.dim())).collect();
        let layers = layers(trial, data, threads, W)?;
        let mut first = vec![0.0; depth];
        full.loss();
        full.visit_all(&mut |number, W, gradient| {
            if let Some(first) = first.get_mut(number) {
                *first = norm(&multiplied_out(threads, gradient, W.dim()));
            }
        });
        let mut network = ProjectedNetwork {
            descent: Descent::new(&trial.optimizer, &[], 0),
            spent: Spent::new(trial, &layers),
            trial,
            data,
            full,
            layers,
            bias_gradients,
            scratch: ProjectionScratch::new(),
            first,
            looks: Vec::new(),
            measured: None,
        };
        network.descent = network.fresh_descent();
        Ok(network)
    }

    /// An optimizer for the blocks as they are, that has taken no step.
    pub(super) fn fresh_descent(&self) -> Descent<T> {
        let (shapes, biases) = self.shapes();
        let mut descent = Descent::new(&self.trial.optimizer, &shapes, biases);
        stand_for_layers(&mut descent, self.trial, &shapes);
        descent
    }

    /// Shapes of what the optimizer works on, and how many of them are biases.
    fn shapes(&self) -> (Vec<(usize, usize)>, usize) {
        let layers = self.layers.iter().map(|layer| layer.G.dim());
        let biases = self.bias_gradients.iter().map(|G| G.dim());
        (layers.chain(biases).collect(), self.bias_gradients.len())
    }

    /// Takes the gradients of the update after `taken` others into the blocks, which may change with them.
    fn take_gradients(&mut self, taken: u64) {
        let threads = self.full.threads();
        let depth = self.layers.len();
        let is_new = self.measured.is_none_or(|measured| taken > measured);
        let rules = &self.trial.train.projected;
        let ProjectedNetwork {
            full,
            layers,
            bias_gradients,
            scratch,
            first,
            looks,
            spent,
            ..
        } = self;
        let mut changes: Vec<(usize, BasisChange<T>)> = Vec::new();
        let known = looks.len();
        full.visit_step(taken, &mut |number, W, gradient| {
            let Some(layer) = layers.get_mut(number) else {
                gradient.write_to(threads, bias_gradients[number - depth].view_mut());
                return;
            };
            if is_refreshed(rules, &layer.block, taken) {
                spent.decompose(number);
                let next = refreshed(threads, layer, gradient, W.dim());
                changes.extend(next.map(|next| (number, layer.enter(threads, next, W.view()))));
            }
            if is_looked_at(rules, taken) {
                spent.look(number, &layer.block);
                let found = outside(threads, &layer.block, gradient, W.dim(), scratch);
                let size = norm(&found);
                if is_new {
                    looks.push(Look {
                        step: taken,
                        layer: number as u32 + 1,
                        block: layer.G.dim(),
                        outside: finite(size / first[number]),
                    });
                }
                let limit = rules.bound.map(|bound| bound * first[number]);
                if let Some(limit) = limit.filter(|&limit| limit > 0.0 && size > limit) {
                    spent.decompose(number);
                    let next = wider(&layer.block, &found, limit);
                    changes.extend(next.map(|next| (number, layer.enter(threads, next, W.view()))));
                }
            }
            layer.take(threads, gradient, scratch);
        });
        // Some passes begin at the last layer.
        looks[known..].sort_by_key(|look| look.layer);
        self.follow(&changes);
    }

    /// Carries what the optimizer keeps over to the blocks that have changed.
    fn follow(&mut self, changes: &[(usize, BasisChange<T>)]) {
        if changes.is_empty() {
            return;
        }
        self.scratch.clear();
        let (shapes, biases) = self.shapes();
        for (layer, change) in changes {
            let optimizer = &self.trial.optimizer;
            self.descent
                .change_basis(optimizer, (&shapes, biases), *layer, change);
        }
        stand_for_layers(&mut self.descent, self.trial, &shapes);
        self.spent.settle(&self.layers);
    }

    /// The norm of the step's gradient within the blocks, the penalty's included.
    fn step_norm(&self) -> f64 {
        let threads = self.full.threads();
        let (W, b) = self.full.trained().split_at(self.layers.len());
        norm_of(|scale| {
            let square = |number, W: &Array2<T>, G: &Array2<T>| {
                self.descent.square(threads, number, W, G, scale)
            };
            let layers = self.layers.iter().zip(W).enumerate();
            let layers = layers.map(|(l, (layer, W))| square(l, layer.trained(W), &layer.G));
            let biases = b.iter().zip(&self.bias_gradients).enumerate();
            let biases = biases.map(|(l, (b, G))| square(W.len() + l, b, G));
            layers.chain(biases).sum()
        })
    }

    /// How every layer's gradient over all samples lies to its block, at the last loss.
    fn look(&mut self, step: u64) -> Vec<Look> {
        let threads = self.full.threads();
        let ProjectedNetwork {
            full,
            layers,
            scratch,
            first,
            ..
        } = self;
        let mut looks = Vec::with_capacity(layers.len());
        full.visit_all(&mut |number, W, gradient| {
            let Some(layer) = layers.get(number) else {
                return;
            };
            let found = outside(threads, &layer.block, gradient, W.dim(), scratch);
            looks.push(Look {
                step,
                layer: number as u32 + 1,
                block: layer.G.dim(),
                outside: finite(norm(&found) / first[number]),
            });
        });
        looks.sort_by_key(|look| look.layer);
        looks
    }
}

/// Has rules that scale their updates by the shape go by the layers' shapes, not the blocks'.
fn stand_for_layers<T: Lane>(descent: &mut Descent<T>, trial: &Trial, shapes: &[(usize, usize)]) {
    let kind = trial.optimizer.kind;
    descent.stand_for(kind, shapes, &init::layer_shapes(trial));
}

/// Whether a block is taken anew with the gradient of the update after `taken` others.
fn is_refreshed<T>(rules: &Projected, block: &LayerBlock<T>, taken: u64) -> bool {
    match rules.kind {
        ProjectedKind::Refreshed => !block.is_whole() && taken.is_multiple_of(rules.refresh.max(1)),
        ProjectedKind::Fixed => false,
    }
}

/// Whether the update after `taken` others looks at what lies outside.
fn is_looked_at(rules: &Projected, taken: u64) -> bool {
    rules.check > 0 && taken.is_multiple_of(rules.check)
}

/// The refreshed block of a layer; `None` where its gradient has no decomposition.
fn refreshed<T: Lane>(
    threads: Threads,
    layer: &HeldLayer<T>,
    gradient: &Gradient<'_, T>,
    shape: (usize, usize),
) -> Option<LayerBlock<T>> {
    let (a, b) = layer.G.dim();
    leading(&multiplied_out(threads, gradient, shape), a.min(b))
}

impl<T: Lane> Engine for ProjectedNetwork<'_, T> {
    fn loss(&mut self) -> f64 {
        self.full.loss()
    }

    fn gradient_norm(&mut self) -> f64 {
        self.full.gradient_norm()
    }

    fn update(&mut self) {
        let taken = self.descent.steps();
        self.take_gradients(taken);
        let norm = self.descent.needs_norm().then(|| self.step_norm());
        self.descent.begin(norm);
        self.spent.step();
        let threads = self.full.threads();
        let ProjectedNetwork {
            full,
            layers,
            bias_gradients,
            descent,
            scratch,
            ..
        } = self;
        let (W, b) = full.parameters_mut().split_at_mut(layers.len());
        for (number, (layer, W)) in layers.iter_mut().zip(W).enumerate() {
            layer.update(threads, W, scratch, |C, G| {
                descent.apply(threads, number, C, G);
            });
        }
        for (number, (b, G)) in (layers.len()..).zip(b.iter_mut().zip(&*bias_gradients)) {
            descent.apply(threads, number, b, &Gradient::of(G));
        }
    }

    fn sees_finite(&self) -> bool {
        self.full.sees_finite()
    }

    /// Besides what is asked for, the blocks and what lies outside them: of looks since the last measured step, and of
    /// this step.
    fn measure(&mut self, step: u64, rows: &mut Rows) {
        let here = self.look(step);
        let before = self.looks.drain(..).filter(|look| look.step < step);
        rows.layers.extend(before.map(|look| {
            let mut row = LayerRow::new(look.step, look.layer);
            look.fill(&mut row);
            row
        }));
        let from = rows.layers.len();
        self.full.measure(step, rows);
        for look in here {
            let row = rows.layers[from..]
                .iter_mut()
                .find(|row| row.layer == look.layer);
            match row {
                Some(row) => look.fill(row),
                None => {
                    let mut row = LayerRow::new(step, look.layer);
                    look.fill(&mut row);
                    rows.layers.push(row);
                }
            }
        }
        self.measured = Some(step);
    }

    fn parameters(&self) -> Vec<Array2<f64>> {
        Engine::parameters(&self.full)
    }

    /// The mean of the steps taken; what the next one takes where none is.
    fn flops_per_step(&self) -> f64 {
        self.spent.mean()
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.put(out);
    }

    fn load(&mut self, bytes: &mut &[u8]) -> Result<(), TrialError> {
        self.take(bytes)
    }

    fn set_threads(&mut self, threads: Threads) {
        self.full.set_threads(threads);
    }

    fn exported(&self) -> Option<Exported> {
        self.full.exported()
    }

    fn report(&self) -> EngineReport {
        let shapes: Vec<(usize, usize)> = self.layers.iter().map(|layer| layer.G.dim()).collect();
        EngineReport {
            engine: outcome::EngineKind::Projected,
            core_width: super::cost::widest_inner(&shapes).map(|width| width as u64),
            residual: None,
        }
    }
}
