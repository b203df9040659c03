//! The service around the scheduler and the tables.
//!
//! One task owns the scheduler and every sweep's state; RPC handlers check what comes from the wire and
//! send it there. A few threads own the run folders and write. Nothing here decides who runs what
//! (that is `scheduler`) or how rows are stored (that is `table`).

mod checkpoint_budget;
mod checkpoints;
mod comparisons;
mod config;
mod data_lock;
mod eta;
mod event_loop;
pub mod fault_point;
mod files;
mod folder_probe;
mod inbox;
mod lease_token;
mod live;
mod load;
mod messages;
mod metrics;
mod observer;
mod outbox;
mod planning;
mod recovery;
mod removal;
mod row_spool;
mod serve;
mod session_error;
#[cfg(test)]
mod simulation;
mod skew;
mod stopwatch;
mod sweep_lookup;
mod sweep_service;
mod wire;
mod work;
mod worker_messages;
mod worker_service;
mod writer;
mod writer_pool;

pub use comparisons::summary as comparison_summary;
pub use config::{Config, CoordinatorError, Layout};
pub use event_loop::events::Command;
pub use live::{Now, SweepNow, WorkerNow};
pub use load::{Load, PilotLimits, Pilots};
pub use metrics::CONTENT_TYPE as METRICS_CONTENT_TYPE;
pub use observer::Observer;
pub use serve::{Connection, serve, serve_observed};
