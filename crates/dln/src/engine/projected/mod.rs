//! The projected engine: every weight of the network, but updates within a block of each layer alone.
//!
//! ```text
//! W_l(t) = W_l(0) + U_l (C_l(t) - C_l(0)) V_l^T
//! ```
//!
//! `U_l` and `V_l` have orthonormal columns, and the optimizer works on the coordinates `C_l`. Fixed blocks are closed at
//! the start, as those of the metric `leak`; refreshed ones are leading singular vectors of the layer's gradient on one
//! side, taken anew at regular steps (GaLore: Zhao, Zhang, Chen, Wang, Anandkumar, Tian, arXiv 2403.03507). `block` is such
//! a block, `start` makes those of a trial, `layer` is a layer that moves in one, `look` says what lies outside and what
//! to add, `network` puts them under an optimizer, `checkpoint` writes it down, `cost` counts.

mod block;
mod build;
mod checkpoint;
mod cost;
mod layer;
mod look;
mod network;
mod start;

#[cfg(test)]
mod tests;

pub(super) use build::build;
pub(super) use cost::{ProjectedCost, cost};
