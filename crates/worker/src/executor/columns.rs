//! Columns that a thread has gathered for a lease and not reported yet.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use table::{BatchBuilder, Spool};

/// Columns wait at most so long before they are reported, so that people see progress and a lost worker
/// loses little.
const REPORT_EVERY: Duration = Duration::from_millis(500);

/// Columns gathered by one thread for one lease, and the numbers that the thread has finished.
pub(super) struct PendingColumns {
    pub(super) builder: BatchBuilder,
    pub(super) begun: Instant,
    pub(super) work_seconds: f64,
    pub(super) numbers: Vec<u64>,
    /// Rows of the only trial that are not in the columns.
    pub(super) spool: Option<Spool>,
}

pub(super) type ColumnSlot = Mutex<Option<PendingColumns>>;

impl PendingColumns {
    pub(super) fn new(begun: Instant) -> Self {
        PendingColumns {
            builder: BatchBuilder::new(),
            begun,
            work_seconds: 0.0,
            numbers: Vec::new(),
            spool: None,
        }
    }

    pub(super) fn is_due(&self) -> bool {
        self.builder.bytes_estimate() >= rpc::limits::REPORT_BYTES
            || self.begun.elapsed() >= REPORT_EVERY
    }
}
