//! The reduced engine: trains the exact core of the law and reports the wide network.
//!
//! `net` holds the core and its products, `off_core` the scalars off it, `network` puts
//! both under the optimizer, `views` and `metrics` measure. What the core is, and that it is exact, is the
//! business of `law`.

mod cost;
mod metrics;
mod net;
mod network;
mod off_core;
mod steps;
mod views;

#[cfg(test)]
mod random_cases;
#[cfg(test)]
mod random_rows;
#[cfg(test)]
mod tests;

pub(crate) use cost::{core_bytes, core_step};
pub(crate) use network::start;
