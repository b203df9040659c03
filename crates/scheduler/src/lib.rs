//! Who runs which trials: leases, retries, fairness, speculation, as a state machine.
//!
//! [`Scheduler::handle`] takes the time and an event and returns the actions that follow. There is no clock, socket,
//! file or chance in here; sending leases, writing tables and measuring time are the coordinator's. Memory is a
//! matter of intervals, leases and workers, never of trials.

mod action;
mod ahead;
mod config;
mod event;
mod ids;
mod lease;
mod life;
mod owners;
mod pool;
mod scheduler;
mod sets;
mod sizing;
mod speed;
mod sweeps;
mod work;
mod workers;

pub use action::{Action, DropReason, Ended, Grant, Running};
pub use ahead::{Ahead, Fitting, Misfit, Piece, Waiting};
pub use config::{
    Config, MAX_HELD_LEASES, MAX_HELD_TRIALS, MAX_LATE_LEASES, MAX_LEASE_RUNS, MAX_LEASE_TRIALS,
};
pub use event::{Event, Held, LeaseBeat, Report};
pub use ids::{LeaseId, Now, SweepKey, WorkerId};
pub use life::{Change, SweepState};
pub use scheduler::{
    InvariantError, LeaseStatus, Numbers, Place, Scheduler, SweepStatus, WorkerStatus,
};
pub use work::Work;
