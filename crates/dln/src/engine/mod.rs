//! The engines: what turns initial weights into measured rows.
//!
//! `full` trains every weight, `reduced` the exact core of the law, `factored` the papers' compressed
//! network for completion, `projected` every weight within a block. `plan` says beforehand which engine would serve a trial and what it costs, `choice` builds
//! it; `unbounded` stands in where no loss is finite.

mod choice;
mod factored;
mod full;
mod idle;
mod interface;
mod plan;
mod projected;
pub(crate) mod reduced;
mod row_counts;
mod unbounded;

#[cfg(test)]
mod tests_of_updates;

pub(crate) use choice::build;
pub(crate) use interface::{Engine, EngineReport};
pub use plan::{EnginePlan, plan};
pub use row_counts::RowCounts;
