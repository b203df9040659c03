//! Memory for checkpoints on their way, of all workers together.

use std::sync::Arc;

use rpc::limits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that a permit of [`CheckpointBudget`] stands for.
const UNIT: usize = 1 << 20;

/// Memory for messages beyond the usual size: checkpoints, of all workers together.
#[derive(Clone, Debug)]
pub(crate) struct CheckpointBudget(Arc<Semaphore>);

/// A share of [`CheckpointBudget`], given back when this is dropped.
pub(crate) type BudgetShare = OwnedSemaphorePermit;

impl Default for CheckpointBudget {
    fn default() -> Self {
        CheckpointBudget(Arc::new(Semaphore::new(limits::CHECKPOINTS_BYTES / UNIT)))
    }
}

impl CheckpointBudget {
    /// `None` where there is no room at this moment.
    pub(crate) fn take(&self, bytes: u64) -> Option<BudgetShare> {
        let units = u32::try_from(bytes.div_ceil(UNIT as u64)).ok()?;
        Arc::clone(&self.0).try_acquire_many_owned(units).ok()
    }
}
