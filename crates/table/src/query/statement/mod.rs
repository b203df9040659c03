//! The layer between a user's SQL and SQLite: the statement is parsed, checked and written anew.
//!
//! SQLite takes much that means nothing: a text that is compared with a number, a column outside of an aggregate. What
//! DuckDB refuses is refused here, in words; what DuckDB writes differently is rewritten. It leaves reading tables and
//! the functions themselves to others.

mod arguments;
mod binder;
mod call;
mod casts;
mod compare;
mod compose;
mod constants;
mod describe;
mod dialect;
mod error;
mod exclude;
mod explain;
mod expr;
mod from;
mod functions;
mod hashed;
mod interval;
mod join;
mod keywords;
mod kinds;
mod limit;
mod names;
mod operators;
mod order;
mod parse;
mod prepare;
mod query;
mod select;
mod single;
mod special;
mod suggest;
#[cfg(test)]
mod tests;
mod tokens;
mod types;
mod window;

pub use error::StatementError;
pub(crate) use explain::explain;
pub(crate) use prepare::prepare;
pub(crate) use types::{Catalog, ColumnType, Prepared, TableInfo};
