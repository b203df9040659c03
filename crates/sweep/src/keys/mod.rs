//! The leaves of an experiment: one registry of keys with types, defaults and the conditions under which they apply.
//!
//! The registry knows single keys and how they depend on each other. How a file spells them is in `spec`, how
//! a point resolves them in `point`.

mod apply;
pub(crate) mod check;
mod condition;
mod defaults;
mod depends;
#[cfg(test)]
mod dummy;
mod id;
mod kind;
mod lookup;
mod problem_keys;
mod registry;
mod scalars;
mod settle;
mod sizes;
mod synonyms;
mod table;
mod trial_keys;
mod words;

pub(crate) use apply::{INIT_WEIGHTS, INPUTS, NEGATIVE_SLOPE, NONLINEAR};
pub use condition::Condition;
pub(crate) use condition::{ALWAYS, Facts};
pub use defaults::Derived;
pub(crate) use depends::reads;
pub use id::Id;
pub use kind::{Bounds, ColumnType, Field, FieldKind, Key, KeyKind, Preset, Schema, Side};
pub use lookup::Lookup;
#[cfg(test)]
pub(crate) use lookup::Recorded;
pub use registry::{index_of, key, keys};
pub(crate) use scalars::{allowed, name_help};
pub(crate) use settle::{settle, settle_all};
pub(crate) use sizes::FILES;
pub use sizes::{INPUTS_DIM, OUTPUTS_DIM, SAMPLE_COUNT, Size};
pub(crate) use synonyms::{hint, nearest_key};
