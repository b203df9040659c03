//! A folder's numbering as the scheduler sees it.

use std::ops::Range;
use std::sync::Arc;

use scheduler::Work;
use sweep::CostLimits;

/// The scheduler's view of a sweep.
#[derive(Clone, Debug)]
pub(crate) struct FolderWork(pub(crate) Arc<sweep::Folder>);

impl Work for FolderWork {
    fn end(&self) -> u64 {
        self.0.end()
    }

    fn count(&self) -> u64 {
        self.0.count()
    }

    fn kept_run(&self, from: u64, end: u64, max_len: u64) -> Option<Range<u64>> {
        self.0.kept_run(from, end, max_len)
    }

    fn seconds(&self, number: u64) -> f64 {
        self.0.cost(number).seconds
    }

    fn bytes(&self, number: u64) -> f64 {
        self.0.bytes(number)
    }

    fn next_fitting(&self, from: u64, end: u64, limits: &CostLimits) -> Option<u64> {
        self.0.next_fitting(from, end, limits)
    }

    fn constant_run(&self, number: u64) -> u64 {
        self.0.constant_run(number)
    }
}
