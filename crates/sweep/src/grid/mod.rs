//! The grid of a sweep: from an index to its point and back, which points are kept, how many, and at what
//! cost.
//!
//! Nothing here walks over points: a grid of 10^9 costs what its axes and filters cost. What a single point
//! means is in `crate::point`, how a folder's numbers grow in `crate::growth`.

mod cached;
mod canonical;
mod checks;
mod conditions;
mod cost_tree;
mod costs;
mod count;
mod data;
mod find;
mod guided;
mod includes;
mod kept_costs;
mod known;
mod layout;
mod limits;
mod model;
mod precision;
mod radix;
mod refusal;
mod region;
mod search;
mod summary;
mod summed;
mod sums;
mod template;
mod templates;
#[cfg(test)]
mod tests;
mod warnings;
mod work;

pub(crate) use cached::Cached;
pub(crate) use conditions::tests as filter_tests;
pub use cost_tree::CostLimits;
pub(crate) use count::count_all;
pub use data::DataSummary;
pub(crate) use find::find_plain;
pub use kept_costs::{EngineGroup, Survey};
pub(crate) use known::is_plain;
pub(crate) use layout::{Layout, Written};
pub use model::{Grid, MAX_CANONICAL_BYTES, MAX_NUMBERS};
pub(crate) use refusal::error as refusal;
pub(crate) use region::{All, Not, Region, Test, Verdict, Wanted};
pub(crate) use search::first_of_counted;
pub use summary::AxisSummary;
pub use work::MAX_WORK;
pub(crate) use work::{Meter, keep_on};
