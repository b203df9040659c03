//! The reduced engine: trains the exact core of the law and reports the wide network.
//!
//! `net` holds the core and its products, `off_core` the scalars off it, `network` puts
//! both under the optimizer, `views`, `updates` and `metrics` measure. `core_network` trains a core as a network of its own, where the
//! loss is not a squared one over all samples. What the core is, and that it is exact, is the
//! business of `law`.

mod core_network;
mod cost;
mod exported;
mod metrics;
mod net;
mod network;
mod off_core;
mod start;
mod steps;
mod updates;
mod views;

#[cfg(test)]
mod random_cases;
#[cfg(test)]
mod random_rows;
#[cfg(test)]
mod random_spans;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod tests;

pub(crate) use cost::{core_bytes, core_step, reduced_bytes, reduced_step};
pub(crate) use start::start;
