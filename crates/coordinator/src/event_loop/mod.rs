//! The one task that owns the scheduler and every sweep's state, with its request handlers. One file an activity; all
//! of them work on the state in `state.rs`, and those that only read on the view in `view.rs`.

mod actions;
mod closing;
mod dispatch;
pub(crate) mod dormant;
mod durable;
pub(crate) mod events;
mod membership;
mod metrics_page;
pub(crate) mod open_sweep;
mod opening;
mod probes;
mod publish;
mod quarantine;
mod recent;
mod requests;
mod results;
mod state;
mod status;
mod stored_files;
mod sweep_changes;
mod sweep_growth;
pub(crate) mod view;
mod worker_state;

pub(crate) use state::EventLoop;
