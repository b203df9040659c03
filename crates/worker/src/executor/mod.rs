//! Leases on the worker's threads. Parallel over trials first: every thread takes numbers of the oldest lease, and a
//! second lease fills the threads that the first one's tail leaves idle. Only what is idle even so helps inside
//! the products of the trials that run.
//!
//! Trials do not run on the rayon pool themselves. A thread of a pool that waits for the other half of a product
//! takes up whatever waits there, and a whole trial taken up so would hold up the one that waits for as long as
//! it lasts.

mod columns;
mod point_values;
mod queue;
mod threads;
mod trials;

pub(crate) use queue::LeaseRun;
pub(crate) use threads::Executor;
