//! What is wrong with a sweep, where it is written, and what to do about it.

pub(crate) mod condition;
pub mod excerpt;
mod mistake;
mod nearest;
mod place;
#[cfg(test)]
mod render;
mod report;

pub use condition::{FilterMistake, FilterMistakeKind};
pub use mistake::Mistake;
pub(crate) use nearest::{did_you_mean, nearest};
pub use place::{Place, SourceText};
pub(crate) use report::Errors;
pub use report::SweepError;
