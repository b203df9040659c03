//! The spec of a sweep: the grammar of the file, axes, filters, index <-> trial, identity, predicted cost.
//!
//! Everything here is a pure function of texts and arrays handed in: no file is opened, no clock read. Files
//! that a sweep names are read at the edge (crate `table`) and come in as [`Arrays`]; training is `dln`'s.

pub mod axis;
pub mod cost;
pub mod error;
pub mod filter;
pub mod grid;
pub mod growth;
pub mod intervals;
pub mod keys;
mod logic;
pub mod plots;
pub mod point;
pub mod refs;
pub mod shared;
pub mod spec;
#[cfg(test)]
mod tests_of_dependence;
mod tree;
pub mod value;
pub mod values;

pub use axis::Axis;
pub use cost::*;
/// The metrics, the rows that hold them, and what a trial leaves behind, for crates that do not train.
pub use dln::{EngineKind, Measurements, Outcome, Status, metric};
pub use error::excerpt::{Excerpt, MAX_MESSAGE_CHARS, shortened};
pub use error::{FilterMistake, FilterMistakeKind, Mistake, Place, SourceText, SweepError};
pub use filter::{Expr, Filter, Known, Rules};
pub use grid::*;
pub use growth::*;
pub use intervals::IntervalSet;
pub use keys::{ColumnType, Id, Key, KeyKind, Lookup, Preset, index_of, key, keys};
pub use plots::{Aggregate, Band, LogScale, MAX_PLOT_TEXT, MAX_PLOTS, Plot, PlotKind, PlotPlaces};
pub use point::*;
pub use refs::{ArrayRef, Arrays, Columns, Loaded, Role};
pub use shared::SharedArrays;
pub use spec::{Source, Spec, defaults_toml, is_usable_name, plots_of, reference};
pub use value::{Value, float_text, round_15};
pub use values::{MAX_LISTED, MAX_POINTS, ValueList, Values};
