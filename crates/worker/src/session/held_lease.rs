//! A lease in the hands of this worker.

use std::sync::Arc;

use rpc::lease::Lease;
use sweep::IntervalSet;

use crate::lease::Revoked;

/// A lease from its grant until the last of its reports is acknowledged.
pub(super) struct HeldLease {
    pub(super) lease: Arc<Lease>,
    pub(super) revoked: Revoked,
    /// Numbers that no report holds yet.
    pub(super) unreported: IntervalSet,
    /// Numbers that no acknowledgement covers yet.
    pub(super) outstanding: IntervalSet,
    /// The executor has it; before that it waits for its sweep or its checkpoints.
    pub(super) started: bool,
    pub(super) ended: bool,
}
