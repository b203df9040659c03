//! Hostile clients that speak the protocol: workers with false reports, clients that send what they must not. Each is
//! refused, and the results of the sweep are as if it had never connected.

mod clients;
mod large;
mod test_worker;
mod workers;
