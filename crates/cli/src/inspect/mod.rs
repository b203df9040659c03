//! `parsimony inspect`: checkpoints of any network in, measured layers out. The mathematics is in `dln::inspect`, files
//! of arrays in `table`; what is printed, in `render::inspection`.

mod checkpoints;
mod matrices;
mod measure;
mod tables;

#[cfg(test)]
pub(crate) use checkpoints::Weights;
pub(crate) use checkpoints::{Checkpoint, Checkpoints, Pattern};
#[cfg(test)]
pub(crate) use measure::StepMeasured;
pub(crate) use measure::{BlockKind, Inspection, LayerMeasured, Sources, inspect};
pub(crate) use tables::{check_folder, files_json, write};
