//! The service around the scheduler and the tables.
//!
//! One task owns the scheduler and every sweep's state; RPC handlers check what comes from the wire and
//! send it there. A few threads own the run folders and write. Nothing here decides who runs what
//! (that is `scheduler`) or how rows are stored (that is `table`).

mod checkpoints;
mod closed;
mod comparisons;
mod config;
mod data_lock;
mod eta;
mod event_loop;
mod events;
pub mod fault_point;
mod files;
mod incoming;
mod metrics;
mod observer;
mod open;
mod people;
mod planning;
mod presence;
mod proof;
mod removal;
mod serve;
mod session;
mod spooled;
mod status;
mod stopwatch;
mod stored;
mod sweeps;
mod users;
mod wake;
mod wire;
mod work;
mod writer;
mod writer_pool;

pub use comparisons::told as told_comparisons;
pub use config::{Config, CoordinatorError, Layout};
pub use observer::{Load, Observer, PilotLimits, Pilots};
pub use serve::{Connection, serve, serve_observed};
