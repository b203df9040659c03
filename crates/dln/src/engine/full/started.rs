//! The weights at the start and the predicted blocks: what the layers' updates are measured against.

use ndarray::Array2;

use crate::config::Trial;
use crate::data::Data;
use crate::error::TrialError;
use crate::kernel::Threads;
use crate::law::{Basis, predicted};
use crate::measure::{Moved, rounded};

/// Made once, where updates are asked for.
#[derive(Debug)]
pub(super) struct Started {
    /// `W_1(0) .. W_L(0)` as they are trained.
    W: Vec<Array2<f64>>,
    /// `H_0 .. H_L`; `None` where no leak is asked for, or no block can be had.
    block: Option<Vec<Basis>>,
}

impl Started {
    /// From the weights `W_1(0) .. W_L(0)`; `None` where no metric asks for it.
    ///
    /// # Errors
    /// What is wrong with the initial weights.
    pub(super) fn new(
        trial: &Trial,
        data: &Data,
        weights: &[Array2<f64>],
        threads: Threads,
    ) -> Result<Option<Started>, TrialError> {
        let metrics = &trial.measure.metrics;
        if !metrics.any(|about| about.updates) {
            return Ok(None);
        }
        let precision = trial.train.precision;
        let block = if metrics.leak {
            predicted(trial, data, threads)?
        } else {
            None
        };
        Ok(Some(Started {
            W: weights.iter().map(|W| rounded(precision, W)).collect(),
            block,
        }))
    }

    /// What layer `layer`, from 1, has moved to become `W`.
    pub(super) fn moved(&self, layer: usize, W: &Array2<f64>, threads: Threads) -> Option<Moved> {
        let D = W - &self.W[layer - 1];
        let block = self.block.as_ref();
        let block = block.map(|bases| (bases[layer].view(), bases[layer - 1].view()));
        Moved::of(&D, block, threads)
    }
}
