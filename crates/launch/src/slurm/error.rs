//! What can go wrong between us and Slurm.

use crate::command::CommandError;

#[derive(Debug, thiserror::Error)]
pub enum SlurmError {
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(
        "sbatch answered `{0}` instead of a job id; it may have made a job all the same: look at `squeue --me` before \
         you try again"
    )]
    NoJobId(String),
    #[error("squeue did not answer with JSON: {0}")]
    NoJson(#[from] serde_json::Error),
    /// `squeue --json` says so inside its answer and ends with 0.
    #[error("squeue could not load the jobs: {0}")]
    Controller(String),
    #[error("{path}: {source}")]
    Submitted {
        path: std::path::PathBuf,
        source: std::io::Error,
    },
    #[error("{path} is not a list of jobs, as `parsimony launch slurm` writes it; move it away")]
    NotSubmitted { path: std::path::PathBuf },
    #[error("sbatch's option `{found}` is set by parsimony{help}")]
    Option { found: String, help: &'static str },
    #[error("`{0}` is no option of sbatch: the script is parsimony's own")]
    Script(String),
}

impl SlurmError {
    /// Whether the caller's own words are at fault.
    pub fn is_request(&self) -> bool {
        matches!(
            self,
            SlurmError::Option { .. } | SlurmError::Script(_) | SlurmError::NotSubmitted { .. }
        )
    }
}
