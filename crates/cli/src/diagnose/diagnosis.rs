//! What a diagnosis found.

use dln::diagnose::{Proposal, Report};
use sweep::Role;

use super::data::Sources;

/// All that is printed and written.
pub(crate) struct Diagnosis {
    pub(crate) sources: Sources,
    /// Classes, or targets of a sample; `None` for a matrix.
    pub(crate) outputs: Option<usize>,
    pub(crate) proposal: Proposal,
    /// Steps asked for, else the report's.
    pub(crate) steps: u64,
    pub(crate) report: Report,
}

impl Diagnosis {
    /// What stands next to the inputs: labels or targets; nothing for a matrix.
    pub(crate) fn role(&self) -> Option<Role> {
        let answers = self.sources.answers.as_ref();
        answers.map(|source| source.array.role)
    }
}
