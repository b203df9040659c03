//! What can go wrong between us and the hosts.

use std::path::PathBuf;

use crate::command::CommandError;

#[derive(Debug, thiserror::Error)]
pub enum SshError {
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("the connection was dropped again and again before it was made: {0}")]
    Dropped(String),
    #[error("the host answered `{0}` instead of a process id")]
    NoProcess(String),
    #[error(
        "line {line} of the hosts file is `{found}`: a host is [USER@]NAME, and an option would be one of ssh's"
    )]
    Host { line: usize, found: String },
    #[error("{path}: {source}")]
    Membership {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} is no list of workers, as `parsimony launch ssh` writes it; move it away")]
    NotMembership { path: PathBuf },
}

impl SshError {
    /// Whether the caller's own words are at fault.
    pub fn is_request(&self) -> bool {
        matches!(self, SshError::Host { .. } | SshError::NotMembership { .. })
    }
}
