//! What a run asks of an engine.

use ndarray::Array2;

use crate::error::TrialError;
use crate::exported::Exported;
use crate::kernel::Threads;
use crate::measure::Rows;
use crate::outcome;

/// A network in training. A run calls, at every step (with batches, at measured steps), [`Engine::loss`], then [`Engine::gradient_norm`] where
/// a stop rule needs it and [`Engine::measure`] where a row is due, then [`Engine::update`].
pub(crate) trait Engine: Send {
    /// Train loss at the current weights, without the penalty. Keeps the forward pass for the calls that
    /// follow.
    fn loss(&mut self) -> f64;

    /// Frobenius norm, over all layers, of the gradient of the train loss and the penalty at the current
    /// weights. After [`Engine::loss`].
    fn gradient_norm(&mut self) -> f64;

    /// One optimizer step, from the kept forward pass or from the step's batch. Allocates nothing. After
    /// [`Engine::loss`]; with batches, after any other update too.
    fn update(&mut self);

    /// Whether what the last [`Engine::update`] went by was finite, as far as [`Engine::loss`] did not show it: an engine
    /// that takes a batch looks at that alone.
    fn sees_finite(&self) -> bool {
        true
    }

    /// Pushes the rows of `step` that the trial's metrics ask for: one of `history`, then `spectra` and
    /// `layers`. After [`Engine::loss`]; leaves weights, optimizer and kept forward pass as they are.
    fn measure(&mut self, step: u64, rows: &mut Rows);

    /// The weights `W_1 .. W_L`, and after them the biases `b_1 .. b_L` (columns) where there are any, in double
    /// precision; nothing of an engine that does not train the network itself.
    fn parameters(&self) -> Vec<Array2<f64>> {
        Vec::new()
    }

    /// Floating-point operations of one [`Engine::loss`] and one [`Engine::update`]: products alone,
    /// `2 m n k` each.
    fn flops_per_step(&self) -> f64;

    /// Appends weights and optimizer state, bit for bit.
    fn save(&self, out: &mut Vec<u8>);

    /// Reads what [`Engine::save`] wrote and forgets any kept forward pass.
    ///
    /// # Errors
    /// [`crate::CheckpointError`] where the bytes end early or belong to another trial.
    fn load(&mut self, bytes: &mut &[u8]) -> Result<(), TrialError>;

    /// Where the blocks of large products run. Changes no bit.
    fn set_threads(&mut self, threads: Threads);

    /// The network at the current weights as matrices; `None` where there is none to take away.
    fn exported(&self) -> Option<Exported> {
        None
    }

    /// What the `trials` table reports about the engine.
    fn report(&self) -> EngineReport;
}

/// What the `trials` table reports about the engine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct EngineReport {
    pub(crate) engine: outcome::EngineKind,
    /// Widest hidden core of the reduced engine, inner width of the factored one.
    pub(crate) core_width: Option<u64>,
    /// Certificate of the reduction.
    pub(crate) residual: Option<f64>,
}
