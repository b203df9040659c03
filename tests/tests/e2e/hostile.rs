//! Strangers that speak the protocol well enough to do harm: a worker that lies, a client that oversteps. Each is
//! refused, and the sweep comes out as if they had never been there.

mod large;
mod people;
mod stranger;
mod workers;
