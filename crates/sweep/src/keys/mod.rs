//! The leaves of an experiment: one registry of keys with types, defaults and the conditions under which they apply.
//!
//! The registry knows single keys and how they depend on each other. How a file spells them is in `spec`, how
//! a point resolves them in `point`.

mod apply;
pub(crate) mod check;
mod defaults;
mod kind;
mod lookup;
mod problem_keys;
mod registry;
mod settle;
mod synonyms;
mod table;
mod trial_keys;

pub use defaults::{default_of, inputs_dim, outputs_dim, sample_count};
pub use kind::{Bounds, ColumnType, Field, FieldKind, Key, KeyKind, Preset, Schema};
pub use lookup::Lookup;
pub use registry::{Id, index_of, key, keys};
pub use settle::{leaf_of, merged, settle};
pub(crate) use synonyms::{hint, nearest_key};
