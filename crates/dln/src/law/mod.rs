//! The law of parsimony: from a trial to the smallest exact core and what is left off it.
//!
//! Nothing here trains. `bounds` and `plan` speak of a trial before anything is drawn; `reduction` draws it,
//! closes the subspaces (`closure`) from what the data ask for (`moments`), looks at what is off them
//! (`off_core`) and certifies the result. The engine `reduced` trains it.

mod assumptions;
mod basis;
mod bounds;
mod closure;
mod layers;
mod moments;
mod off_core;
mod plan;
mod ranks;
mod reduction;
mod rows;

pub(crate) use basis::{Coordinates, orthonormal};
pub(crate) use off_core::{OffCore, Run};
pub(crate) use plan::{Choice, choose, core_bytes, core_step, widths_of_data};
pub use plan::{EnginePlan, plan};
pub(crate) use reduction::{CoreProblem, Reduction, reduce};
pub use rows::RowCounts;
#[cfg(test)]
pub(crate) use {plan::choose_within, reduction::reduce_within};

/// The larger of two residuals; NaN where one is.
fn worse(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}
