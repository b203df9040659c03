//! The sweep file: from TOML text to a validated [`Spec`], and back to canonical text.
//!
//! This module owns the grammar of the file and the places that errors point at. What a key allows is in
//! `keys`, the condition language in `filter`; combinations of keys and shapes of files are checked by `grid`.

mod axes;
mod build;
mod collect;
mod filters;
mod model;
mod names;
mod plots;
mod reference;
mod set;
mod warnings;
mod write;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_rules;
#[cfg(test)]
mod tests_of_sets;

pub use model::{Source, Spec};
pub use names::is_usable_name;
pub use plots::plots_of;
pub use reference::reference;
pub use write::defaults_toml;
