//! What can go wrong between us and a batch system.

use std::io;
use std::path::PathBuf;

use crate::command::CommandError;

#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(
        "{program} answered `{answer}` instead of a job id; it may have made a job all the same: look at `{queue}` before \
         you try again"
    )]
    NoJobId {
        program: &'static str,
        answer: String,
        /// The command that shows this user's jobs.
        queue: &'static str,
    },
    #[error("{program} did not answer with JSON: {source}")]
    NoJson {
        program: &'static str,
        source: serde_json::Error,
    },
    /// Some programs say so inside their answer and end with 0.
    #[error("{program} could not load the jobs: {why}")]
    Controller { program: &'static str, why: String },
    #[error("{path}: {source}")]
    Submitted { path: PathBuf, source: io::Error },
    #[error("{path} is not a list of jobs, as `parsimony launch {system}` writes it; move it away")]
    NotSubmitted { path: PathBuf, system: String },
    #[error("{program}'s option `{found}` is set by parsimony{help}")]
    Option {
        program: &'static str,
        found: String,
        help: &'static str,
    },
    #[error("`{found}` is no option of {program}: the script is parsimony's own")]
    Script {
        program: &'static str,
        found: String,
    },
    #[error("a walltime is at least a minute")]
    ShortTime,
}

impl BatchError {
    /// Whether the request is at fault, and not the batch system.
    pub fn is_request(&self) -> bool {
        match self {
            BatchError::Option { .. }
            | BatchError::Script { .. }
            | BatchError::NotSubmitted { .. }
            | BatchError::ShortTime => true,
            BatchError::Command(_)
            | BatchError::NoJobId { .. }
            | BatchError::NoJson { .. }
            | BatchError::Controller { .. }
            | BatchError::Submitted { .. } => false,
        }
    }
}
