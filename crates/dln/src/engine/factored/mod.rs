//! The factored engine: the papers' compressed network for completion, an approximation of the wide one.
//!
//! `U C_L .. C_1 V^T` with small cores and two thin factors that train at a rate of their own (THEORY.md,
//! section 4). `start` makes its initial weights, `crate::kernel` has two ways over the entries, `network` puts them under the optimizer, `metrics` measures, `cost` plans.

mod cost;
mod metrics;
mod network;
mod start;

#[cfg(test)]
mod tests;

pub(crate) use cost::{check, cost};
pub(crate) use network::build;
