//! How low-dimensional data are, the core that they would need, the speed-up to expect, and the staged plan, on request
//! as a sweep that runs.
//!
//! The figures are `dln`'s. Which arrays are read is in `data`, the sweep in `plan_file`, the page for people who decide in
//! `decision`.

mod criteria;
mod data;
mod decision;
mod diagnosis;
mod plan_file;
mod plan_folder;
mod words;

pub(crate) use self::criteria::{Criteria, Criterion, Stage};
pub(crate) use self::data::{DataArguments, Sources};
pub(crate) use self::decision::decision;
pub(crate) use self::diagnosis::Diagnosis;
pub(crate) use self::plan_file::write as write_plan;
pub(crate) use self::plan_folder::write as write_stages;
pub(crate) use self::words::Call;
