//! What is known of one run or of several, gathered from sweep files and tables: what was asked, what came out, what
//! it took, where it comes from. `describe` and `report` put it into words.

mod ask;
mod asked;
mod expense;
mod folder;
mod levels;
pub(crate) mod measure;
mod origin;
mod outcome;

pub(crate) use ask::{Ask, Row, level, named_columns};
pub(crate) use asked::all_axes;
pub use asked::{Asked, Axis};
pub use expense::{EngineShare, Expense, Saving, SlowAxis, kwh};
pub use levels::Unexplained;
pub(crate) use levels::explained;
pub(crate) use measure::measures;
pub use measure::{Goal, Measure};
pub use origin::{Machine, Origin};
pub use outcome::{Extreme, Outcome, Place, Reason, Setting, Where};
pub(crate) use outcome::{place, with_comma};
