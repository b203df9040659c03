//! A forward pass that is kept, and the gradients that follow from it.

use ndarray::Array2;

use super::observed_side::ObservedSide;
use super::outputs_side::OutputsSide;
use super::samples_side::SamplesSide;
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
    /// The train loss at these weights.
    pub(super) fn loss(&mut self, threads: Threads, weights: &[Array2<T>]) -> f64 {
        match self {
            Pass::Samples(pass) => pass.loss(threads, weights),
            Pass::Outputs(pass) => pass.loss(threads, weights),
            Pass::Observed(pass) => pass.loss(threads, weights),
        }
    }

    /// Features after each hidden layer of the last [`Pass::loss`], where they are kept.
    pub(super) fn features(&self) -> Option<&[Array2<T>]> {
        match self {
            Pass::Samples(pass) => Some(pass.hidden()),
            Pass::Outputs(_) | Pass::Observed(_) => None,
        }
    }

    /// Visits every layer (its number from 0, its weights, its gradient at the weights of the last
    /// [`Pass::loss`]) once the layers still to come do not need its weights any more, so that the visitor
    /// may change them.
    pub(super) fn gradients(
        &mut self,
        threads: Threads,
        weights: &mut [Array2<T>],
        visit: &mut impl FnMut(usize, &mut Array2<T>, &Gradient<'_, T>),
    ) {
        match self {
            Pass::Samples(pass) => pass.gradients(threads, weights, visit),
            Pass::Outputs(pass) => pass.gradients(threads, weights, visit),
            Pass::Observed(pass) => pass.gradients(threads, weights, visit),
        }
    }
}
