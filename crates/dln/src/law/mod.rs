//! The law of parsimony: from a trial to the smallest exact core and what is left off it.
//!
//! Nothing here trains or knows an engine. `bounds` speak of a trial before anything is drawn; `reduction` draws it,
//! closes the subspaces (`closure`) from what the data ask for (`moments`), looks at what is off them
//! (`off_core`) and certifies the result. The engine `reduced` trains it.

mod assumptions;
mod basis;
mod bounds;
mod closure;
mod layers;
mod moments;
mod off_core;
mod reduction;

pub(crate) use basis::{Coordinates, orthonormal};
pub(crate) use bounds::{Bounds, bounds, widest_hidden};
pub(crate) use off_core::{OffCore, RankRun};
pub(crate) use reduction::{
    CERTIFIED, CoreProblem, Reduction, reduce, reduce_within, reducible, widths_of_data,
};

/// The larger of two residuals; NaN where one is.
fn worse(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}
