//! What a run looks like: summaries for people, and pictures. Reads tables through `table`, never writes them.

pub mod importance;
pub mod plot;
pub mod render;
mod summary;

pub use importance::{AxisEffect, Factor, Importance, ImportanceError, PairEffect, importance};
pub use summary::{ReportError, summary};
