//! The full engine itself: weights, the kept pass, the optimizer.

use std::borrow::Cow;

use ndarray::Array2;

use super::fit::{Fit, cast};
use super::metrics::{FullNetwork, Meter};
use super::observed_side::ObservedSide;
use super::outputs_side::OutputsSide;
use super::pass::Pass;
use super::samples_side::SamplesSide;
use crate::checkpoint::{put_matrix, take_matrix};
use crate::config::{Precision, Trial};
use crate::data::{Data, InputsMatrix};
use crate::engine::{Engine, EngineReport};
use crate::error::TrialError;
use crate::flops;
use crate::init;
use crate::kernel::simd::Lane;
use crate::kernel::{Threads, entries, in_chunks, norm_of, vectorized};
use crate::measure::{Rows, measure};
use crate::optimizer::{Descent, Gradient};
use crate::outcome;

/// The full engine for a trial, in the precision it asks for, ready at step 0.
///
/// # Errors
/// What is wrong with the initial weights.
pub(crate) fn build<'a>(
    trial: &'a Trial,
    data: &'a Data,
    threads: Threads,
) -> Result<Box<dyn Engine + 'a>, TrialError> {
    let weights = init::weights(trial)?;
    let engine: Box<dyn Engine + 'a> = match trial.train.precision {
        Precision::F64 => Box::new(Full::<f64>::new(trial, data, threads, &weights)),
        Precision::F32 => Box::new(Full::<f32>::new(trial, data, threads, &weights)),
    };
    Ok(engine)
}

#[derive(Debug)]
pub(in crate::engine) struct Full<'a, T> {
    /// Owned where a core is trained: that is a small network of its own.
    pub(super) trial: Cow<'a, Trial>,
    pub(super) data: Cow<'a, Data>,
    pub(super) threads: Threads,
    /// `W_1 .. W_L`, row-major.
    pub(super) weights: Vec<Array2<T>>,
    pub(super) pass: Pass<T>,
    /// Train loss of the kept pass.
    pub(super) loss: f64,
    pub(super) meter: Meter,
    descent: Descent<T>,
    /// Gradients by layer, kept where the norm was asked for so that the update need not make them again.
    pub(super) gradients: Vec<Array2<T>>,
    gradients_ready: bool,
    flops: f64,
}

impl<'a, T: Lane> Full<'a, T> {
    /// Starts from these weights `W_1 .. W_L`.
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
        let shapes: Vec<(usize, usize)> = weights.iter().map(|W| W.dim()).collect();
        let (pass, flops) = cheapest(&trial, &data, &shapes);
        Full {
            threads,
            weights: weights.iter().map(|W| cast(W.view())).collect(),
            pass,
            loss: f64::NAN,
            meter: Meter::new(&trial, &data),
            descent: Descent::new(&trial.optimizer, &shapes),
            gradients: Vec::new(),
            gradients_ready: false,
            flops,
            trial,
            data,
        }
    }

    /// `sum_l ||scale (G_l + weight_decay W_l)||_F^2` of the kept gradients.
    fn gradient_squares(&self, scale: f64) -> f64 {
        let decay = T::of(self.trial.optimizer.weight_decay);
        let layers = self.gradients.iter().zip(&self.weights);
        layers
            .map(|(G, W)| {
                let parts = (entries(G), entries(W));
                in_chunks(self.threads, parts, &|(G, W): (&[T], &[T])| {
                    vectorized(|| {
                        let squares = G.iter().zip(W).map(|(&g, &w)| {
                            let g = scale * (g + decay * w).wide();
                            g * g
                        });
                        squares.sum::<f64>()
                    })
                })
            })
            .sum()
    }
}

/// The way to the gradients with the fewest operations for these shapes, and how many they are a step.
fn cheapest<T: Lane>(trial: &Trial, data: &Data, shapes: &[(usize, usize)]) -> (Pass<T>, f64) {
    let activation = trial.network.activation;
    let linear = activation.is_linear();
    let dims = trial.sizes();
    if let (Some(mask), InputsMatrix::Identity, true) = (&data.mask, &data.X, linear) {
        let observed = mask.iter().filter(|&&m| m != 0.0).count();
        if flops::observed_pays(&dims, observed as f64) {
            let pass = ObservedSide::new(data.c, mask, &data.Y.dense(), shapes);
            let flops = flops::observed_side(&dims, pass.count() as f64);
            return (Pass::Observed(pass), flops);
        }
    }
    let fit = Fit::<T>::new(data, linear);
    let (n, identity) = (fit.samples(), fit.X.is_none());
    let samples = flops::samples_side(&dims, n, identity);
    let outputs = flops::outputs_side(&dims, n, identity);
    if linear && outputs < samples {
        (Pass::Outputs(OutputsSide::new(fit, shapes)), outputs)
    } else {
        (
            Pass::Samples(SamplesSide::new(fit, activation, shapes)),
            samples,
        )
    }
}

impl<T: Lane> Engine for Full<'_, T> {
    fn loss(&mut self) -> f64 {
        self.gradients_ready = false;
        self.loss = self.pass.loss(self.threads, &self.weights);
        self.loss
    }

    fn gradient_norm(&mut self) -> f64 {
        if self.gradients.is_empty() {
            let zeros = self.weights.iter().map(|W| Array2::zeros(W.dim()));
            self.gradients = zeros.collect();
        }
        let threads = self.threads;
        let gradients = &mut self.gradients;
        let weights = &mut self.weights;
        self.pass
            .gradients(threads, weights, &mut |layer, _, gradient| {
                gradient.write_to(threads, gradients[layer].view_mut());
            });
        self.gradients_ready = true;
        norm_of(|scale| self.gradient_squares(scale))
    }

    fn update(&mut self) {
        self.descent.begin();
        let threads = self.threads;
        let descent = &mut self.descent;
        if self.gradients_ready {
            let layers = self.weights.iter_mut().zip(&self.gradients);
            for (layer, (W, G)) in layers.enumerate() {
                let gradient = Gradient {
                    left: G.view(),
                    right: None,
                };
                descent.apply(threads, layer, W, &gradient);
            }
            self.gradients_ready = false;
        } else {
            let weights = &mut self.weights;
            self.pass
                .gradients(threads, weights, &mut |layer, W, gradient| {
                    descent.apply(threads, layer, W, gradient);
                });
        }
    }

    fn measure(&mut self, step: u64, rows: &mut Rows) {
        let here = FullNetwork::new(
            (&*self.trial, &*self.data, self.threads),
            &self.meter,
            &self.weights,
            self.pass.features(),
        );
        measure(&here, &self.trial.measure.metrics, self.loss, step, rows);
    }

    fn flops_per_step(&self) -> f64 {
        self.flops
    }

    fn save(&self, out: &mut Vec<u8>) {
        for W in &self.weights {
            put_matrix(out, W);
        }
        self.descent.save(out);
    }

    fn load(&mut self, bytes: &mut &[u8]) -> Result<(), TrialError> {
        for W in &mut self.weights {
            take_matrix(bytes, W)?;
        }
        self.gradients_ready = false;
        self.loss = f64::NAN;
        self.descent.load(bytes)
    }

    fn set_threads(&mut self, threads: Threads) {
        self.threads = threads;
    }

    fn report(&self) -> EngineReport {
        EngineReport {
            engine: outcome::EngineKind::Full,
            core_width: None,
            residual: None,
        }
    }
}
