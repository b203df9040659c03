//! The data of a trial: drawn or given inputs, targets and masks, held-out samples, folded samples.

mod check;
#[cfg(test)]
mod engines_agree;
#[cfg(test)]
pub(crate) mod fixture;
mod fold;
mod inputs;
mod noise;
mod prepare;
mod preprocessing;
mod samples;
mod split;
mod target;
mod types;

pub(crate) use check::{check_finite, check_shape};
pub(crate) use fold::fold_both;
pub use fold::whitened;
pub use prepare::prepare;
pub use preprocessing::preprocessing;
pub use split::Parts;
pub use types::Data;
pub(crate) use types::{Folded, InputsMatrix, TargetMatrix, TestSet, TrainSamples, scale_columns};
