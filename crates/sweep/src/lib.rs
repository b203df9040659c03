//! The spec of a sweep: the grammar of the file, axes, filters, index <-> trial, identity, predicted cost.
//!
//! Everything here is a pure function of texts and arrays handed in: no file is opened, no clock read. Files
//! that a sweep names are read at the edge (crate `table`) and come in as [`Arrays`]; training is `dln`'s.

pub mod axis;
pub mod cost;
pub mod error;
pub mod excerpt;
pub mod filter;
pub mod grid;
pub mod growth;
pub mod intervals;
pub mod keys;
pub mod point;
pub mod refs;
pub mod shared;
pub mod spec;
pub mod value;
pub mod values;

pub use axis::Axis;
pub use cost::*;
pub use error::{Mistake, Place, SourceText, SweepError};
pub use excerpt::{Excerpt, MAX_MESSAGE_CHARS, shortened};
pub use filter::{Expr, Filter, FilterMistake, FilterMistakeKind, Known, Rules};
pub use grid::*;
pub use growth::*;
pub use intervals::IntervalSet;
pub use keys::{ColumnType, Id, Key, KeyKind, Lookup, Preset, index_of, key, keys};
pub use point::*;
pub use refs::{ArrayRef, Arrays, Loaded, Role};
pub use shared::SharedArrays;
pub use spec::{Source, Spec, defaults_toml, is_usable_name};
pub use value::{Value, float_text, round_15};
pub use values::{MAX_LISTED, MAX_POINTS, ValueList, Values};
