//! Tests of the state machine: an event, the actions that follow taken out one by one, and none left.
#![expect(
    clippy::single_range_in_vec_init,
    reason = "sets of one range are meant"
)]

mod fixture;
mod leases;
mod losses;
mod stragglers;
mod sweeps;
mod trust;
