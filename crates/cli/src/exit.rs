//! Exit codes: scripts rely on them.

use std::process::ExitCode;

use rpc::v1::{SweepState, SweepStatus};

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

impl Exit {
    /// The exit code that a sweep's end calls for.
    pub(crate) fn of_sweep(status: &SweepStatus) -> Exit {
        let kept = status
            .comparisons
            .as_ref()
            .is_none_or(|found| found.beyond == 0);
        match status.state() {
            SweepState::Finished if !kept => Exit::Unexpected,
            SweepState::Finished if status.failed > 0 => Exit::TrialsFailed,
            SweepState::Finished => Exit::Done,
            SweepState::Cancelled => Exit::Interrupted,
            SweepState::Unspecified
            | SweepState::Running
            | SweepState::Paused
            | SweepState::Stopped
            | SweepState::Opening
            | SweepState::Unopened
            | SweepState::Gone => Exit::Unexpected,
        }
    }
}

#[cfg(test)]
mod tests {
    use rpc::v1;

    use super::*;

    #[test]
    fn a_law_that_does_not_hold_is_no_success() {
        let mut status = SweepStatus {
            state: SweepState::Finished.into(),
            ..SweepStatus::default()
        };
        assert_eq!(Exit::of_sweep(&status) as i32, 0);
        status.comparisons = Some(v1::Comparisons::default());
        assert_eq!(Exit::of_sweep(&status) as i32, 0);
        status.comparisons = Some(v1::Comparisons {
            beyond: 1,
            ..v1::Comparisons::default()
        });
        assert_eq!(Exit::of_sweep(&status) as i32, 1);
    }
}
