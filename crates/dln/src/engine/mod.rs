//! The engines: what turns initial weights into measured rows.
//!
//! `full` trains every weight, `reduced` the exact core of the law, `factored` the papers' compressed
//! network for completion; `observed` is the pass over observed entries that `full` and `factored` share. `choice`
//! picks an engine for a trial; `unbounded` stands in where no loss is finite.

mod choice;
pub(crate) mod factored;
pub(crate) mod full;
mod interface;
pub(crate) mod observed;
pub(crate) mod reduced;
mod unbounded;

pub(crate) use choice::build;
pub(crate) use interface::{Engine, EngineReport};
