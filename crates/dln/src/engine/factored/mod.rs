//! The factored engine: the papers' compressed network for completion, an approximation of the wide one.
//!
//! `U C_L .. C_1 V^T` with small cores and two thin factors that train at a rate of their own (THEORY.md,
//! section 4). `start` makes its initial weights, `dense` and `crate::engine::observed` are two ways over the entries,
//! `network` puts them under the optimizer, `metrics` measures, `cost` plans.

mod cost;
mod dense;
mod metrics;
mod network;
mod start;

#[cfg(test)]
mod tests;

pub(crate) use cost::{check, cost};
#[cfg(test)]
pub(crate) use dense::Dense;
pub(crate) use network::build;
