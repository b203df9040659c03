//! Weights that no gradient reaches: weight decay alone moves them, all by the same share.

use ndarray::Array2;

use crate::checkpoint::{put_matrix, take_matrix};
use crate::config::Optimizer;
use crate::error::TrialError;
use crate::kernel::Threads;
use crate::optimizer::{Descent, Gradient};

/// What such weights have become of their start: one weight without a gradient, under the trial's own optimizer and
/// schedule.
#[derive(Debug)]
pub(super) struct Idle {
    /// `1 x 1`.
    share: Array2<f64>,
    /// The gradient.
    nothing: Array2<f64>,
    /// `None` without weight decay: the share stays 1.
    descent: Option<Descent<f64>>,
}

impl Idle {
    /// For an optimizer that is linear in the gradients, or has no weight decay.
    pub(super) fn new(optimizer: &Optimizer) -> Idle {
        let decays = optimizer.weight_decay != 0.0;
        Idle {
            share: Array2::ones((1, 1)),
            nothing: Array2::zeros((1, 1)),
            descent: decays.then(|| Descent::new(optimizer, &[(1, 1)], 0)),
        }
    }

    pub(super) fn share(&self) -> f64 {
        self.share[[0, 0]]
    }

    /// One step.
    pub(super) fn update(&mut self) {
        let Some(descent) = &mut self.descent else {
            return;
        };
        descent.begin(None);
        let gradient = Gradient::of(&self.nothing);
        descent.apply(Threads::Seq, 0, &mut self.share, &gradient);
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        if let Some(descent) = &self.descent {
            put_matrix(out, &self.share);
            descent.save(out);
        }
    }

    /// # Errors
    /// [`crate::CheckpointError`] where the bytes end early.
    pub(super) fn load(&mut self, bytes: &mut &[u8]) -> Result<(), TrialError> {
        match &mut self.descent {
            Some(descent) => {
                take_matrix(bytes, &mut self.share)?;
                descent.load(bytes)
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OptimizerKind;
    use crate::data::fixture::{factorization, trial};

    #[test]
    fn the_share_is_that_of_a_weight_without_a_gradient() {
        let mut optimizer = trial(factorization(3, 3, 1), &[3]).optimizer;
        optimizer.rate = 0.2;
        let mut still = Idle::new(&optimizer);
        still.update();
        assert_eq!(still.share(), 1.0);
        optimizer.weight_decay = 0.5;
        let mut plain = Idle::new(&optimizer);
        optimizer.kind = OptimizerKind::Momentum;
        optimizer.momentum = 0.5;
        let mut heavy = Idle::new(&optimizer);
        let (mut value, mut velocity) = (1.0, 0.0);
        for step in 1..4 {
            plain.update();
            heavy.update();
            velocity = 0.5 * velocity + 0.5 * value;
            value -= 0.2 * velocity;
            assert!((plain.share() - 0.9f64.powi(step)).abs() < 1e-15);
            assert!((heavy.share() - value).abs() < 1e-15);
        }
        let mut bytes = Vec::new();
        heavy.save(&mut bytes);
        let mut again = Idle::new(&optimizer);
        again
            .load(&mut bytes.as_slice())
            .expect("the same optimizer");
        heavy.update();
        again.update();
        assert_eq!(again.share().to_bits(), heavy.share().to_bits());
        assert!(again.load(&mut &bytes[..4]).is_err());
    }
}
