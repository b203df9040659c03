//! SQL over run folders: four tables, each there even when empty.
//!
//! SQLite is the engine. `statement` checks what was asked and rewrites it to SQLite's dialect, `functions` adds what
//! SQLite lacks, `vtab` serves the tables from Parquet, `grouped` gathers the groups of joined rows, `engine` runs the
//! statement, `answer` takes its rows.

mod answer;
mod engine;
mod error;
mod functions;
mod grouped;
mod lookup;
mod order;
mod plan;
mod runs;
mod sought;
mod source;
mod statement;
mod table;
#[cfg(test)]
mod tests;
pub(crate) mod values;
mod vtab;

pub use answer::{Answer, Cell, Column, Sink, Value};
pub use engine::{query, query_into, query_newest};
pub use error::QueryError;
pub use functions::{Declared as Function, all as functions};
pub use runs::run_names;
pub use statement::StatementError;
