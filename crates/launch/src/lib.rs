//! Workers elsewhere: on a batch system or over SSH.
//!
//! Owns the words that the outside programs are given and how their answers are read, as functions over
//! strings, and the decision how many workers a queue needs. Running the programs is one small file; what a
//! worker does once it is up is `worker`'s.

pub mod autoscale;
pub mod batch;
mod command;
mod parallel;
mod pilot;
pub mod ssh;
mod state_file;

pub use command::{CommandError, Output, run};
pub use parallel::for_each_parallel;
pub use pilot::Pilot;
