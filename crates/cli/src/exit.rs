//! Exit codes: scripts rely on them.

use std::process::ExitCode;

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All trials completed or diverged.
    Done = 0,
    /// Something that should not happen, or the world's fault: a full disk, a panic.
    Unexpected = 1,
    /// The request was wrong: a sweep file, a flag, a folder.
    Request = 2,
    /// Some trials failed.
    TrialsFailed = 3,
    /// The coordinator cannot be reached.
    Unreachable = 4,
    /// Interrupted: run again to go on.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}
