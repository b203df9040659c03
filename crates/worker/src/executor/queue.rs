//! Leases with numbers that no thread has taken yet.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use rpc::lease::Lease;

use super::columns::ColumnSlot;
use crate::files::Sweep;
use crate::lease::Revoked;

/// One lease with what it takes to run it.
pub(crate) struct LeaseRun {
    pub(crate) lease: Arc<Lease>,
    pub(crate) sweep: Arc<Sweep>,
    pub(crate) revoked: Revoked,
    /// States fetched for trials that continue.
    pub(crate) checkpoints: Vec<(u64, Vec<u8>)>,
}

/// Most numbers that a thread takes at a time: enough that taking costs nothing compared with the smallest trial.
const TAKEN: u64 = 64;

/// A lease that threads take numbers of.
pub(super) struct ActiveLease {
    pub(super) run: LeaseRun,
    /// By thread; made by the first trial of each.
    pub(super) gathered: Vec<ColumnSlot>,
    /// Numbers that no thread is through with.
    pub(super) left: AtomicU64,
}

/// A lease in the queue and what of it nobody has taken.
pub(super) struct QueuedLease {
    pub(super) active: Arc<ActiveLease>,
    pub(super) ranges: VecDeque<Range<u64>>,
}

/// Leases with numbers that nobody has taken, oldest first, and the memory that no counted trial takes.
pub(super) struct LeaseQueue {
    pub(super) leases: VecDeque<QueuedLease>,
    pub(super) free_bytes: u64,
}

/// Numbers in the hands of a thread, and the memory that is counted for them.
pub(super) struct Claim {
    pub(super) active: Arc<ActiveLease>,
    pub(super) numbers: Range<u64>,
    pub(super) bytes: u64,
}

impl QueuedLease {
    pub(super) fn left(&self) -> u64 {
        self.ranges
            .iter()
            .map(|range| range.end - range.start)
            .sum()
    }

    /// The first number that nobody has taken.
    pub(super) fn first(&self) -> Option<u64> {
        self.ranges.front().map(|range| range.start)
    }

    /// Takes at most this many numbers that lie together; `None` once none is left.
    pub(super) fn take(&mut self, threads: usize, most: u64) -> Option<Range<u64>> {
        let range = self.ranges.front_mut()?;
        let fair = (range.end - range.start) / (4 * threads as u64);
        let end = range.start + fair.min(most).clamp(1, TAKEN);
        let taken = range.start..end.min(range.end);
        range.start = taken.end;
        if range.is_empty() {
            self.ranges.pop_front();
        }
        Some(taken)
    }
}
