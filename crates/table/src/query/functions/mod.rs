//! The functions that analysts know from DuckDB and SQLite lacks, one table of entries each file; registering them
//! on a connection and naming them. What the functions compute is in the files below; parsing is the engine's.
//!
//! SQLite has no NaN: a function whose result is not a number returns null. Infinities pass. An argument that is null
//! makes a scalar function null, and an aggregate skips the row, where the words of a function do not say otherwise.
//! Every aggregate is a window function too: rows leave a frame in the order in which they came.

mod calendar;
mod casts;
mod counts;
mod cuts;
mod dates;
mod entry;
mod error;
mod exact;
mod formats;
mod making;
mod moments;
mod numbers;
mod only;
mod patterns;
mod picks;
mod quantiles;
mod shape;
mod sorted;
mod sums;
mod table;
mod text;
mod values;

#[cfg(test)]
mod tests;

pub use entry::Declared;
pub(crate) use only::ONLY_ROW;
#[cfg(test)]
pub(crate) use only::register as register_only_row;
pub use table::all;
pub(crate) use table::register;
