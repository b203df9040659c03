//! The service around the scheduler and the tables.
//!
//! One task owns the scheduler and every sweep's state; RPC handlers check what comes from the wire and
//! send it there. One thread a sweep owns the run folder and writes. Nothing here decides who runs what
//! (that is `scheduler`) or how rows are stored (that is `table`).

mod actions;
mod checkpoints;
mod config;
mod data_lock;
mod event_loop;
mod events;
mod files;
mod open;
mod people;
mod proof;
mod serve;
mod session;
mod status;
mod sweeps;
mod users;
mod wire;
mod work;
mod writer;

pub use config::{Config, CoordinatorError, Layout};
pub use serve::{Connection, serve};
