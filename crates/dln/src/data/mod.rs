//! The data of a trial: drawn or given inputs, targets and masks, held-out samples, folded samples.

mod check;
#[cfg(test)]
pub(crate) mod fixture;
mod fold;
mod inputs;
mod prepare;
mod samples;
mod target;
mod types;

pub(crate) use check::{check_finite, check_shape};
pub(crate) use fold::fold_both;
pub use prepare::prepare;
pub use types::Data;
pub(crate) use types::{Folded, InputsMatrix, TargetMatrix, TestSet, TrainSamples, scale_columns};
