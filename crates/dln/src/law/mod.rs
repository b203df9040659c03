//! The law of parsimony: from a trial to the smallest exact core and what is left off it.
//!
//! Nothing here trains or knows an engine. `bounds` speak of a trial before anything is drawn; `reduction` draws it,
//! closes the subspaces (`closure`) from what the data ask for (`moments`, or `span` where neither the loss nor the
//! samples of a step are known), looks at what is off them
//! (`off_core`) and certifies the result. The engine `reduced` trains it. `predicted` closes the same subspaces
//! for any network, to say how far its updates keep to the law.

mod assumptions;
mod basis;
mod bounds;
mod closure;
mod first_gradient;
mod layers;
mod moments;
mod off_core;
mod predicted;
mod reduction;
mod span;
mod thin;

pub(crate) use assumptions::{Law, leaves_rest_out};
pub(crate) use basis::{Basis, Coordinates, completed, orthonormal};
pub(crate) use bounds::{
    Bounds, block_widths, bounds, natural_rank, rank_of_samples, widest_hidden,
};
pub(crate) use off_core::{OffCore, RankRun};
pub(crate) use predicted::{Origin, closed_from, predicted};
#[cfg(test)]
pub(crate) use reduction::reduce_under;
pub(crate) use reduction::{
    CERTIFIED, CoreProblem, OffWithin, Reduction, reduce, reduce_within, reducible, widths_of_data,
};

pub(crate) use span::Span;
pub(crate) use thin::{thin_inputs, with_inputs};

/// The larger of two residuals; NaN where one is.
fn worse(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}
