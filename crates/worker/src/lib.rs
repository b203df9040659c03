//! The executor: leases in, trials trained on a rayon pool, columns out.
//!
//! Owns everything between a lease and its acknowledged reports. It decides nothing about who runs what:
//! that is `scheduler`'s, behind the coordinator.

mod admission;
mod cache;
mod client;
mod comparison;
mod config;
mod encoding;
mod executor;
pub mod fault_point;
mod files;
mod lease;
pub mod memory;
mod outbox;
mod outcome;
mod rows;
mod run;
mod scratch;
mod send_queue;
mod session;
mod spec;
mod status_text;
mod trial;
mod wire;

pub use comparison::row as comparison_row;
pub use config::{Config, FileSource, Stop, WorkerError};
pub use run::run;
