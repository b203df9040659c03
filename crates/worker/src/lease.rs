//! A lease in the worker's hands and what comes out of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rpc::lease::Lease;
use sweep::IntervalSet;
use table::Spool;
use tonic::codegen::Bytes;

/// Shared word that something should stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flag(Arc<AtomicBool>);

impl Flag {
    pub(crate) fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Numbers of a lease that the coordinator no longer wants. Looked at before each trial and between slices
/// of a long one; the flag keeps the usual case, nothing revoked, free of locks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Revoked(Arc<RevokedSets>);

#[derive(Debug, Default)]
struct RevokedSets {
    any: AtomicBool,
    /// Not to be begun; and those that are to stop even while they run.
    sets: Mutex<(IntervalSet, IntervalSet)>,
}

impl Revoked {
    pub(crate) fn add(&self, numbers: &IntervalSet, stop_running: bool) {
        let mut sets = self.0.sets.lock().unwrap_or_else(PoisonError::into_inner);
        for run in numbers.runs() {
            if stop_running {
                sets.1.insert(run.clone());
            }
            sets.0.insert(run);
        }
        self.0.any.store(true, Ordering::Release);
    }

    pub(crate) fn is_unwanted(&self, number: u64) -> bool {
        self.look(|sets| sets.0.contains(number))
    }

    pub(crate) fn must_stop(&self, number: u64) -> bool {
        self.look(|sets| sets.1.contains(number))
    }

    fn look(&self, find: impl Fn(&(IntervalSet, IntervalSet)) -> bool) -> bool {
        self.0.any.load(Ordering::Acquire)
            && find(&self.0.sets.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Some trials of a lease, as columns.
#[derive(Debug)]
pub(crate) struct ReportBody {
    pub(crate) lease: Arc<Lease>,
    pub(crate) numbers: IntervalSet,
    /// Columns of the tables in the order trials, history, spectra, layers.
    pub(crate) tables: [Bytes; 4],
    pub(crate) work_seconds: f64,
    /// Rows of the only trial that are sent ahead.
    pub(crate) spool: Option<Arc<Spool>>,
}

/// What the executor hands to the session.
#[derive(Debug)]
pub(crate) enum Output {
    Report(ReportBody),
    Checkpoint {
        lease: Arc<Lease>,
        trial: u64,
        step: u64,
        state: Vec<u8>,
    },
    /// The lease is through: what has not been reported of it was not run.
    Ended(Arc<Lease>),
}
