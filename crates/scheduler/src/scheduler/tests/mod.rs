//! Tests of the state machine: an event, the actions that follow taken out one by one, and none left.
mod fits;
mod fixture;
mod leases;
mod losses;
mod stragglers;
mod sweeps;
mod trust;
