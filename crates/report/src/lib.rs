//! Summaries of runs for people. Reads tables through `table`, never writes them.

pub mod importance;
mod summary;

pub use importance::{AxisEffect, Factor, Importance, ImportanceError, PairEffect, importance};
pub use summary::{ReportError, summary};
