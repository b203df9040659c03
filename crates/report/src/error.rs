//! Why nothing can be said about a run.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error(transparent)]
    Query(#[from] table::QueryError),
    #[error("{dir} was named twice; name two run folders")]
    OneRun { dir: PathBuf },
}

impl ReportError {
    /// Whether the request is wrong, and not the machine.
    pub fn is_request_error(&self) -> bool {
        match self {
            ReportError::Query(error) => error.is_request_error(),
            ReportError::OneRun { .. } => true,
        }
    }
}
