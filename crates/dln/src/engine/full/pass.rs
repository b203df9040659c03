//! A forward pass that is kept, and the gradients that follow from it.

use ndarray::Array2;

use super::fit::Fit;
use super::observed_side::ObservedSide;
use super::outputs_side::OutputsSide;
use super::samples_side::SamplesSide;
use crate::config::Trial;
use crate::data::{Data, InputsMatrix};
use crate::flops;
use crate::kernel::Threads;
use crate::kernel::simd::Lane;
use crate::optimizer::Gradient;

/// The three ways to a gradient, by what they multiply; chosen once by cost.
#[derive(Debug)]
pub(super) enum Pass<T> {
    Samples(SamplesSide<T>),
    Outputs(OutputsSide<T>),
    Observed(ObservedSide<T>),
}

impl<T: Lane> Pass<T> {
    /// The loss at these weights, and biases after them.
    pub(super) fn loss(&mut self, threads: Threads, parameters: &[Array2<T>]) -> f64 {
        match self {
            Pass::Samples(pass) => pass.loss(threads, parameters),
            Pass::Outputs(pass) => pass.loss(threads, parameters),
            Pass::Observed(pass) => pass.loss(threads, parameters),
        }
    }

    /// Features after each hidden layer of the last [`Pass::loss`], where they are kept.
    pub(super) fn features(&self) -> Option<&[Array2<T>]> {
        match self {
            Pass::Samples(pass) => Some(pass.hidden()),
            Pass::Outputs(_) | Pass::Observed(_) => None,
        }
    }

    /// What is fitted, where it is made of samples.
    pub(super) fn fit_mut(&mut self) -> Option<&mut Fit<T>> {
        match self {
            Pass::Samples(pass) => Some(pass.fit_mut()),
            Pass::Outputs(pass) => Some(pass.fit_mut()),
            Pass::Observed(_) => None,
        }
    }

    /// Visits the weights and the biases of every layer (their number among the parameters, themselves, their gradient
    /// at the parameters of the last [`Pass::loss`]) once nothing still to come needs them any more, so that the
    /// visitor may change them.
    pub(super) fn gradients(
        &mut self,
        threads: Threads,
        parameters: &mut [Array2<T>],
        visit: &mut impl FnMut(usize, &mut Array2<T>, &Gradient<'_, T>),
    ) {
        match self {
            Pass::Samples(pass) => pass.gradients(threads, parameters, visit),
            Pass::Outputs(pass) => pass.gradients(threads, parameters, visit),
            Pass::Observed(pass) => pass.gradients(threads, parameters, visit),
        }
    }
}

/// The way to the gradients of all training samples with the fewest operations for these shapes, and how many they
/// are a step.
pub(super) fn cheapest<T: Lane>(
    trial: &Trial,
    data: &Data,
    shapes: &[(usize, usize)],
) -> (Pass<T>, f64) {
    let linear = trial.network.is_linear();
    let dims = trial.sizes();
    if let (Some(mask), InputsMatrix::Identity, true) = (&data.mask, &data.X, linear) {
        let observed = mask.iter().filter(|&&m| m != 0.0).count();
        if flops::observed_pays(&dims, observed as f64) {
            let pass = ObservedSide::new(data.c, mask, &data.Y.dense(), shapes);
            let flops = flops::observed_side(&dims, pass.count() as f64);
            return (Pass::Observed(pass), flops);
        }
    }
    cheapest_of_samples(trial, Fit::new(trial, data), shapes)
}

/// As [`cheapest`], for what is to be fitted.
pub(super) fn cheapest_of_samples<T: Lane>(
    trial: &Trial,
    fit: Fit<T>,
    shapes: &[(usize, usize)],
) -> (Pass<T>, f64) {
    let dims = trial.sizes();
    let (n, identity) = (fit.samples(), fit.X.is_none());
    let samples = flops::samples_side(&dims, n, identity);
    let outputs = flops::outputs_side(&dims, n, identity);
    if trial.network.is_linear() && outputs < samples {
        return (Pass::Outputs(OutputsSide::new(fit, shapes)), outputs);
    }
    let pass = SamplesSide::new(fit, &trial.network, shapes);
    (Pass::Samples(pass), samples)
}
