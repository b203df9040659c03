//! One connection to the coordinator after another: register, take leases, send reports, keep the heart
//! beating. The executor and the unacknowledged reports outlive each connection.

mod connection;
mod conversation;
mod held_lease;
mod leases;
mod reports;
mod state;

pub(crate) use state::{Ended, Session};
