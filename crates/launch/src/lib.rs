//! Workers elsewhere: on a Slurm cluster or over SSH.
//!
//! Owns the words that the outside programs are given and how their answers are read, as functions over
//! strings. Running the programs is one small file; what a worker does once it is up is `worker`'s.

mod command;
mod pilot;
pub mod slurm;
pub mod ssh;

pub use command::{CommandError, run};
pub use pilot::Pilot;
