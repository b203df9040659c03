//! Why a worker's session ends before its worker ends it.

use tonic::Status;

/// Why a session ends before its worker ends it.
pub(crate) enum SessionError {
    /// The connection is lost, and the worker may come back.
    Connection(Status),
    /// The worker broke a rule.
    Rule(Status),
}

impl From<Status> for SessionError {
    fn from(status: Status) -> Self {
        SessionError::Rule(status)
    }
}
