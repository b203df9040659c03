//! The state machine. One file an activity; all of them work on the state in `state.rs`.

mod admin;
mod check;
mod forecast;
mod grant;
mod loss;
mod membership;
mod quarantine;
mod release;
mod report;
mod speculation;
mod state;
mod status;
#[cfg(test)]
mod tests;

pub use check::{InvariantError, Place};
pub use state::Scheduler;
pub use status::{LeaseStatus, Numbers, SweepStatus, WorkerStatus};
