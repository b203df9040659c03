//! One point of a grid: its settled values, its identity, and the trial that they describe.
//!
//! Where a point stands in a grid is the business of `grid`; what a key means and defaults to that of `keys`.

mod checks;
mod fault;
mod fits;
mod identity;
mod precision;
mod readings;
mod resolved;
mod sizes;
mod splits;
mod trial;

#[cfg(test)]
pub(crate) use checks::trial_of;
pub(crate) use checks::{CHECKS, Check, ENGINE, WHEN_NEW, ids, trial};
pub(crate) use fault::Fault;
pub use identity::TrialId;
pub(crate) use identity::{put, text};
pub(crate) use precision::PRECISION;
pub(crate) use resolved::FromFiles;
pub use resolved::Point;
pub use sizes::{DataSizes, is_size_column};
pub(crate) use sizes::{READ_BY_SIZES, odd_uses, sizes_from_files};
