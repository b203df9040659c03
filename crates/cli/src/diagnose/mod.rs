//! How low-dimensional data are, the core that they would need, the speed-up to expect, and the staged plan, on request
//! as a sweep that runs.
//!
//! The figures are `dln`'s. Which arrays are read is in `data`, the sweep in `plan_file`.

mod data;
mod diagnosis;
mod plan_file;

pub(crate) use self::data::{DataArguments, Sources};
pub(crate) use self::diagnosis::Diagnosis;
pub(crate) use self::plan_file::write as write_plan;
