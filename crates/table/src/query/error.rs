//! Why a query has no answer.

use crate::error::TableError;
use crate::folder::FolderError;

use super::statement::StatementError;

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    #[error("no run folder was named")]
    NoRun,
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// A part that cannot be read.
    #[error(transparent)]
    Part(#[from] TableError),
    /// Rows were sent already when a part was joined with others.
    #[error("the run was rewritten while it was read; run the query again")]
    Moved,
    #[error("interrupted")]
    Interrupted,
    #[error("the query engine did not start: {0}")]
    Engine(#[source] rusqlite::Error),
    #[error("the query engine ended unexpectedly; a simpler query may work")]
    Panic,
    #[error("the answer cannot be written: {0}")]
    Write(#[from] std::io::Error),
}

impl QueryError {
    /// Whether the question is wrong, and not the machine.
    pub fn is_request_error(&self) -> bool {
        match self {
            QueryError::NoRun | QueryError::Statement(_) => true,
            QueryError::Folder(error) => error.is_request_error(),
            QueryError::Part(_)
            | QueryError::Moved
            | QueryError::Interrupted
            | QueryError::Engine(_)
            | QueryError::Panic
            | QueryError::Write(_) => false,
        }
    }
}
