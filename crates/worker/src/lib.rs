//! The executor: leases in, trials trained on a rayon pool, columns out.
//!
//! Owns everything between a lease and its acknowledged reports. It decides nothing about who runs what:
//! that is `scheduler`'s, behind the coordinator.

mod admission;
mod cache;
mod comparison;
mod config;
mod encoded;
mod executor;
pub mod fault_point;
mod files;
mod lease;
pub mod memory;
mod outcome;
mod outgoing;
mod plain;
mod rows;
mod run;
mod scratch;
mod session;
mod shelf;
mod trial;
mod wire;

pub use comparison::row as comparison_row;
pub use config::{Config, FileSource, Stop, WorkerError};
pub use run::run;
