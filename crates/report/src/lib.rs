//! Summaries of runs for people. Reads tables through `table`, never writes them.

mod summary;

pub use summary::{ReportError, summary};
