//! The full engine itself: weights, the kept pass, the optimizer.

use std::borrow::Cow;

use ndarray::Array2;

use super::batch_pass::BatchPass;
use super::exported::exported;
use super::fit::{cast, widened};
use super::metrics::{FullNetwork, Meter};
use super::pass::{Pass, cheapest};
use super::started::Started;
use crate::checkpoint::{put_matrix, take_matrix};
use crate::config::{Optimizer, OptimizerKind, Trial};
use crate::data::Data;
use crate::engine::{Engine, EngineReport};
use crate::error::TrialError;
use crate::exported::Exported;
use crate::kernel::simd::Lane;
use crate::kernel::{Threads, norm_of};
use crate::measure::{MeasuredNetwork, Rows, measure};
use crate::optimizer::{Descent, Gradient};
use crate::outcome;

#[derive(Debug)]
pub(in crate::engine) struct Full<'a, T> {
    /// Owned where a core is trained: that is a small network of its own.
    pub(super) trial: Cow<'a, Trial>,
    pub(super) data: Cow<'a, Data>,
    pub(super) threads: Threads,
    /// `W_1 .. W_L`, then the biases `b_1 .. b_L` where there are any, row-major.
    pub(super) parameters: Vec<Array2<T>>,
    /// Over all training samples.
    pub(super) pass: Pass<T>,
    /// What updates see, where that is not every sample.
    pub(super) batch: Option<BatchPass<T>>,
    /// Train loss of the kept pass.
    pub(super) loss: f64,
    pub(super) meter: Meter,
    descent: Descent<T>,
    /// Gradients of the parameters, kept where the norm was asked for so that the update need not make them again.
    pub(super) gradients: Vec<Array2<T>>,
    gradients_ready: bool,
    flops: f64,
}

impl<'a, T: Lane> Full<'a, T> {
    /// Starts from these weights `W_1 .. W_L`, and from biases of zero.
    pub(super) fn new(
        trial: &'a Trial,
        data: &'a Data,
        threads: Threads,
        weights: &[Array2<f64>],
    ) -> Full<'a, T> {
        Full::of(Cow::Borrowed(trial), Cow::Borrowed(data), threads, weights)
    }

    /// As [`Full::new`], of a trial and data that may be its own.
    pub(in crate::engine) fn of(
        trial: Cow<'a, Trial>,
        data: Cow<'a, Data>,
        threads: Threads,
        weights: &[Array2<f64>],
    ) -> Full<'a, T> {
        let optimizer = trial.optimizer.clone();
        Full::under(&optimizer, (trial, data), threads, weights)
    }

    /// A network that something else moves: it keeps nothing for an optimizer. Ready to be measured from this start.
    pub(in crate::engine) fn moved_from(
        trial: &'a Trial,
        data: &'a Data,
        threads: Threads,
        weights: &[Array2<f64>],
    ) -> Result<Full<'a, T>, TrialError> {
        let keeps_nothing = Optimizer {
            kind: OptimizerKind::Gd,
            weight_decay: trial.optimizer.penalty(),
            ..trial.optimizer.clone()
        };
        let started = Started::new(trial, data, weights, threads)?;
        let all = (Cow::Borrowed(trial), Cow::Borrowed(data));
        let mut full = Full::under(&keeps_nothing, all, threads, weights);
        full.meter.start(started);
        Ok(full)
    }

    fn under(
        optimizer: &Optimizer,
        (trial, data): (Cow<'a, Trial>, Cow<'a, Data>),
        threads: Threads,
        weights: &[Array2<f64>],
    ) -> Full<'a, T> {
        let mut shapes: Vec<(usize, usize)> = weights.iter().map(|W| W.dim()).collect();
        let (pass, flops) = cheapest(&trial, &data, &shapes);
        let flops = flops + optimizer.flops(&shapes);
        let batch = BatchPass::new(&trial, &data, &shapes);
        let mut parameters: Vec<Array2<T>> = weights.iter().map(|W| cast(W.view())).collect();
        if trial.network.bias {
            parameters.extend(shapes.iter().map(|&(rows, _)| Array2::zeros((rows, 1))));
        }
        let biases = parameters.len() - shapes.len();
        shapes.extend(parameters[shapes.len()..].iter().map(|b| b.dim()));
        Full {
            threads,
            parameters,
            pass,
            batch,
            loss: f64::NAN,
            meter: Meter::new(&trial, &data),
            descent: Descent::new(optimizer, &shapes, biases),
            gradients: Vec::new(),
            gradients_ready: false,
            flops,
            trial,
            data,
        }
    }

    /// `W_1 .. W_L`, and `b_1 .. b_L` where there are biases.
    pub(super) fn layers(&self) -> (&[Array2<T>], &[Array2<T>]) {
        self.parameters.split_at(self.trial.network.depth())
    }

    /// Says that its weights stand for larger ones of these shapes.
    pub(in crate::engine) fn standing_for(mut self, larger: &[(usize, usize)]) -> Full<'a, T> {
        let shapes: Vec<(usize, usize)> = self.layers().0.iter().map(|W| W.dim()).collect();
        let kind = self.trial.optimizer.kind;
        self.descent.stand_for(kind, &shapes, larger);
        self
    }

    /// Visits the gradients that the update after `taken` others goes by, as [`Pass::gradients`].
    pub(in crate::engine) fn visit_step(
        &mut self,
        taken: u64,
        visit: &mut impl FnMut(usize, &mut Array2<T>, &Gradient<'_, T>),
    ) {
        let (threads, parameters) = (self.threads, &mut self.parameters);
        let pass = match &mut self.batch {
            Some(batch) => batch.forward(threads, parameters, taken),
            None => &mut self.pass,
        };
        pass.gradients(threads, parameters, visit);
    }

    /// Visits the gradients of all training samples at the last [`Engine::loss`].
    pub(in crate::engine) fn visit_all(
        &mut self,
        visit: &mut impl FnMut(usize, &mut Array2<T>, &Gradient<'_, T>),
    ) {
        self.pass
            .gradients(self.threads, &mut self.parameters, visit);
    }

    /// `W_1 .. W_L`, and `b_1 .. b_L` where there are biases.
    pub(in crate::engine) fn parameters_mut(&mut self) -> &mut [Array2<T>] {
        &mut self.parameters
    }

    /// As [`Full::parameters_mut`], to be read.
    pub(in crate::engine) fn trained(&self) -> &[Array2<T>] {
        &self.parameters
    }

    /// Forgets the kept pass, after the parameters have changed.
    pub(in crate::engine) fn forget(&mut self) {
        self.gradients_ready = false;
        self.loss = f64::NAN;
    }

    pub(in crate::engine) fn threads(&self) -> Threads {
        self.threads
    }

    /// What rows are measured from.
    pub(in crate::engine) fn measured(&self) -> impl MeasuredNetwork {
        FullNetwork::new(
            (&*self.trial, &*self.data, self.threads),
            &self.meter,
            self.layers(),
            self.pass.features(),
        )
    }

    /// `W_1 .. W_L` in double precision.
    pub(in crate::engine) fn wide_weights(&self) -> Vec<Array2<f64>> {
        self.layers().0.iter().map(widened).collect()
    }

    /// `b_1 .. b_L` in double precision, where there are biases.
    pub(in crate::engine) fn wide_biases(&self) -> Vec<Array2<f64>> {
        self.layers().1.iter().map(widened).collect()
    }

    /// `sum ||scale (G + penalty W)||_F^2` of the kept gradients, biases without the penalty.
    fn gradient_squares(&self, scale: f64) -> f64 {
        let layers = self.gradients.iter().zip(&self.parameters).enumerate();
        let squares = layers.map(|(number, (G, W))| {
            let descent = &self.descent;
            descent.square(self.threads, number, W, G, scale)
        });
        squares.sum()
    }

    /// Room for the gradients of the parameters.
    fn make_room(&mut self) {
        if self.gradients.is_empty() {
            let zeros = self.parameters.iter().map(|W| Array2::zeros(W.dim()));
            self.gradients = zeros.collect();
        }
    }

    /// The norm of the gradient that the update after `taken` others takes; keeps the gradients for it.
    fn step_norm(&mut self, taken: u64) -> f64 {
        if !self.gradients_ready {
            self.make_room();
            let threads = self.threads;
            let (gradients, parameters) = (&mut self.gradients, &mut self.parameters);
            let pass = match &mut self.batch {
                Some(batch) => batch.forward(threads, parameters, taken),
                None => &mut self.pass,
            };
            pass.gradients(threads, parameters, &mut |number, _, gradient| {
                gradient.write_to(threads, gradients[number].view_mut());
            });
            self.gradients_ready = true;
        }
        norm_of(|scale| self.gradient_squares(scale))
    }
}

impl<T: Lane> Engine for Full<'_, T> {
    fn loss(&mut self) -> f64 {
        self.gradients_ready = false;
        self.loss = self.pass.loss(self.threads, &self.parameters);
        self.loss
    }

    fn gradient_norm(&mut self) -> f64 {
        self.make_room();
        let threads = self.threads;
        let gradients = &mut self.gradients;
        let parameters = &mut self.parameters;
        self.pass
            .gradients(threads, parameters, &mut |number, _, gradient| {
                gradient.write_to(threads, gradients[number].view_mut());
            });
        // Those of all samples are not the batch's.
        self.gradients_ready = self.batch.is_none();
        norm_of(|scale| self.gradient_squares(scale))
    }

    fn update(&mut self) {
        let taken = self.descent.steps();
        let needs_norm = self.descent.needs_norm();
        let norm = needs_norm.then(|| self.step_norm(taken));
        self.descent.begin(norm);
        let threads = self.threads;
        let (descent, parameters) = (&mut self.descent, &mut self.parameters);
        if self.gradients_ready {
            let all = parameters.iter_mut().zip(&self.gradients);
            for (number, (W, G)) in all.enumerate() {
                descent.apply(threads, number, W, &Gradient::of(G));
            }
            self.gradients_ready = false;
            return;
        }
        let pass = match &mut self.batch {
            Some(batch) => batch.forward(threads, parameters, taken),
            None => &mut self.pass,
        };
        pass.gradients(threads, parameters, &mut |number, W, gradient| {
            descent.apply(threads, number, W, gradient);
        });
    }

    fn sees_finite(&self) -> bool {
        self.batch.as_ref().is_none_or(BatchPass::is_finite)
    }

    fn measure(&mut self, step: u64, rows: &mut Rows) {
        let here = self.measured();
        measure(&here, &self.trial.measure.metrics, self.loss, step, rows);
    }

    fn parameters(&self) -> Vec<Array2<f64>> {
        self.parameters.iter().map(widened).collect()
    }

    fn flops_per_step(&self) -> f64 {
        self.batch.as_ref().map_or(self.flops, BatchPass::flops)
    }

    fn save(&self, out: &mut Vec<u8>) {
        for W in &self.parameters {
            put_matrix(out, W);
        }
        self.descent.save(out);
    }

    fn load(&mut self, bytes: &mut &[u8]) -> Result<(), TrialError> {
        for W in &mut self.parameters {
            take_matrix(bytes, W)?;
        }
        self.forget();
        self.descent.load(bytes)
    }

    fn set_threads(&mut self, threads: Threads) {
        self.threads = threads;
    }

    fn exported(&self) -> Option<Exported> {
        Some(exported(self.parameters(), &self.trial.network))
    }

    fn report(&self) -> EngineReport {
        EngineReport {
            engine: outcome::EngineKind::Full,
            core_width: None,
            residual: None,
        }
    }
}
