//! The state machine. One file an activity; all of them work on the state in `state.rs`.

mod admin;
mod check;
mod grant;
mod hands;
mod joining;
mod loss;
mod outlook;
mod report;
mod rescue;
mod rest;
mod state;
mod status;
#[cfg(test)]
mod tests;

pub use check::{InvariantError, Place};
pub use outlook::{Ahead, Fitting, Misfit, Piece, Waiting};
pub use state::Scheduler;
pub use status::{LeaseStatus, SweepState, SweepStatus, WorkerStatus};
