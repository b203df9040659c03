//! The names of things: time, sweeps, workers, leases. What they stand for is kept elsewhere.

use std::fmt;
use std::time::Duration;

/// Time since an arbitrary start, the same start in every call. It must not run backwards; a smaller value than
/// the last is taken for the last.
pub type Now = Duration;

/// A sweep, named by the coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SweepKey(pub u64);

/// A worker process, named by the coordinator. A process that reconnects keeps its name; a restarted one is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub u64);

/// A lease. The upper 24 bits are the generation of the coordinator that granted it, so a lease of an earlier
/// coordinator is never mistaken for one of this; the lower 40 count, so later leases have greater names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub u64);

/// Bits of a lease's name that count within a generation: at 1,000 leases a second they last 34 years.
const COUNT_BITS: u32 = 40;

impl LeaseId {
    pub(crate) fn new(generation: u32, count: u64) -> LeaseId {
        LeaseId((u64::from(generation) << COUNT_BITS) | count)
    }

    /// The generation whose coordinator granted this lease.
    pub fn generation(self) -> u32 {
        // 24 bits are left, so this always fits.
        (self.0 >> COUNT_BITS) as u32
    }

    pub(crate) fn count(self) -> u64 {
        self.0 & ((1 << COUNT_BITS) - 1)
    }
}

impl fmt::Display for SweepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sweep {}", self.0)
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {}", self.0)
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lease {}.{}", self.generation(), self.count())
    }
}
