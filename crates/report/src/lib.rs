//! What a run looks like: summaries, descriptions, comparisons, pictures and reports for people. Reads tables through
//! `table`, never writes them.

pub mod compare;
pub mod decision;
pub mod describe;
mod error;
pub mod facts;
mod html;
pub mod importance;
pub mod plot;
pub mod render;
pub mod sentences;
mod summary;
#[cfg(test)]
mod test_runs;
pub mod words;

pub use compare::{Comparison, compare};
pub use describe::{Description, describe};
pub use error::ReportError;
pub use html::{Picture as ReportPicture, pictures, report};
pub use importance::{AxisEffect, Factor, Importance, ImportanceError, PairEffect, importance};
pub use summary::summary;
