//! What a diagnosis found.

use dln::diagnose::held_out::{HeldOut, Preparation, Verdict};
use dln::diagnose::{Proposal, Report};
use sweep::Role;

use super::data::Sources;
use super::words::Call;

/// All that is printed and written.
pub(crate) struct Diagnosis {
    pub(crate) sources: Sources,
    /// Classes, or targets of a sample; `None` for a matrix.
    pub(crate) outputs: Option<usize>,
    pub(crate) proposal: Proposal,
    /// Steps asked for, else the report's.
    pub(crate) steps: u64,
    pub(crate) report: Report,
    /// What was found on held-out samples.
    pub(crate) held: HeldOut,
    /// What is done to the inputs.
    pub(crate) preparation: Preparation,
    /// Largest over smallest deviation of the inputs as they are trained on; 1 for a matrix.
    pub(crate) scales: f64,
    /// The call without what it writes, for the command that follows.
    pub(crate) call: Call,
}

impl Diagnosis {
    /// What stands next to the inputs: labels or targets; nothing for a matrix.
    pub(crate) fn role(&self) -> Option<Role> {
        let answers = self.sources.answers.as_ref();
        answers.map(|source| source.array.role)
    }

    /// A rate at which the plan learns, where networks were trained; else the one at which descent rises at once.
    pub(crate) fn safe_rate(&self) -> f64 {
        let learned = match self.held.verdict {
            Verdict::CannotTell(_) => None,
            Verdict::SmallIsEnough(_) | Verdict::SmallCosts(_) | Verdict::NotLowDimensional(_) => {
                self.held.recipe
            }
        };
        learned
            .map(|recipe| recipe.rate)
            .filter(|&rate| rate > 0.0)
            .unwrap_or(self.report.safe_rate)
    }
}
