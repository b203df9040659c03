//! A sweep's life: its states, what each means, the name under which it is kept and shown, and which change leads
//! where. The scheduler and the coordinator go by this one table.

/// What a sweep is at. The scheduler knows those of an open folder that grants or waits: running, paused, cancelled and
/// finished. What stops a sweep is a pause to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweepState {
    /// Its folder is being opened.
    Opening,
    /// Its folder does not open.
    Unopened,
    Running,
    Paused,
    /// It cannot go on before somebody mends something.
    Stopped,
    /// Its folder is gone.
    Gone,
    Cancelled,
    /// Every kept number has a row.
    Finished,
}

/// Something that changes what a sweep is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing more is begun.
    Pause,
    /// It goes on.
    Resume,
    /// Nothing more is begun or accepted.
    Cancel,
    /// Failed trials are pending again. A cancelled sweep waits to be resumed.
    Retry,
    /// There is more to run, and somebody wants it.
    Reopen,
    /// Its last row is durable.
    Finish,
    /// Its tables cannot be written, or a file that it reads is damaged.
    Stop,
    /// Its folder is gone.
    LoseFolder,
    /// Its folder is back.
    FindFolder,
}

/// One row of the table.
struct Row {
    name: &'static str,
    /// Leases are made of it.
    grants: bool,
    /// Results are taken.
    accepts: bool,
    /// Nothing more happens to it by itself.
    has_ended: bool,
}

const fn row(name: &'static str, grants: bool, accepts: bool, has_ended: bool) -> Row {
    Row {
        name,
        grants,
        accepts,
        has_ended,
    }
}

impl SweepState {
    pub const ALL: [SweepState; 8] = [
        SweepState::Opening,
        SweepState::Unopened,
        SweepState::Running,
        SweepState::Paused,
        SweepState::Stopped,
        SweepState::Gone,
        SweepState::Cancelled,
        SweepState::Finished,
    ];

    const fn row(self) -> Row {
        match self {
            SweepState::Opening => row("opening", false, false, false),
            SweepState::Unopened => row("unopened", false, false, true),
            SweepState::Running => row("running", true, true, false),
            SweepState::Paused => row("paused", false, true, false),
            SweepState::Stopped => row("stopped", false, true, true),
            SweepState::Gone => row("gone", false, true, true),
            SweepState::Cancelled => row("cancelled", false, false, true),
            SweepState::Finished => row("finished", false, false, true),
        }
    }

    /// The word for it in the journal and in metrics.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The state that a journal's word stands for. A sweep without one runs, and whether it has finished is seen from
    /// its rows; what stopped it is found out anew.
    pub fn of_journal(word: Option<&str>) -> SweepState {
        let kept = [SweepState::Paused, SweepState::Cancelled];
        let found = kept.into_iter().find(|state| word == Some(state.name()));
        found.unwrap_or(SweepState::Running)
    }

    /// Whether leases may be made of it.
    pub const fn grants(self) -> bool {
        self.row().grants
    }

    /// Whether results are taken.
    pub const fn accepts(self) -> bool {
        self.row().accepts
    }

    /// Whether nothing more will happen to it by itself.
    pub const fn has_ended(self) -> bool {
        self.row().has_ended
    }

    /// Where a change leads; `None` where it is not allowed. A state that stays says that it is so already.
    pub const fn after(self, change: Change) -> Option<SweepState> {
        use SweepState::{Cancelled, Finished, Gone, Opening, Paused, Running, Stopped, Unopened};
        match (change, self) {
            (_, Opening | Unopened) => None,
            (Change::FindFolder, Gone) => Some(Stopped),
            (_, Gone) | (Change::FindFolder, _) => None,
            (Change::LoseFolder, _) => Some(Gone),
            (Change::Stop, _) => Some(Stopped),
            (Change::Pause, Running | Paused) => Some(Paused),
            (Change::Pause, Stopped | Cancelled | Finished) => None,
            (Change::Resume, Running | Paused | Stopped | Cancelled) => Some(Running),
            (Change::Resume, Finished) => None,
            (Change::Cancel, Running | Paused | Stopped | Cancelled) => Some(Cancelled),
            (Change::Cancel, Finished) => None,
            (Change::Retry, Finished) => Some(Running),
            (Change::Reopen, Finished | Cancelled) => Some(Running),
            (Change::Retry, stays @ (Running | Paused | Stopped | Cancelled))
            | (Change::Reopen, stays @ (Running | Paused | Stopped)) => Some(stays),
            (Change::Finish, Running | Paused | Stopped | Finished) => Some(Finished),
            (Change::Finish, Cancelled) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGES: [Change; 9] = [
        Change::Pause,
        Change::Resume,
        Change::Cancel,
        Change::Retry,
        Change::Reopen,
        Change::Finish,
        Change::Stop,
        Change::LoseFolder,
        Change::FindFolder,
    ];

    #[test]
    fn names_are_distinct_and_the_journals_words_are_read_back() {
        for (at, state) in SweepState::ALL.into_iter().enumerate() {
            let others = &SweepState::ALL[at + 1..];
            assert!(others.iter().all(|other| other.name() != state.name()));
        }
        for state in [
            SweepState::Running,
            SweepState::Paused,
            SweepState::Cancelled,
        ] {
            assert_eq!(SweepState::of_journal(Some(state.name())), state);
        }
        assert_eq!(SweepState::of_journal(None), SweepState::Running);
        assert_eq!(SweepState::of_journal(Some("?")), SweepState::Running);
    }

    #[test]
    fn what_grants_accepts_and_has_not_ended() {
        for state in SweepState::ALL {
            assert!(
                !state.grants() || (state.accepts() && !state.has_ended()),
                "{state:?}"
            );
        }
    }

    #[test]
    fn changes_lead_where_the_table_says() {
        use SweepState::*;
        let check = |from: SweepState, expected: [Option<SweepState>; 9]| {
            assert_eq!(
                CHANGES.map(|change| from.after(change)),
                expected,
                "{from:?}"
            );
        };
        let (run, pause, stop) = (Some(Running), Some(Paused), Some(Stopped));
        let (end, done, gone) = (Some(Cancelled), Some(Finished), Some(Gone));
        check(Opening, [None; 9]);
        check(Unopened, [None; 9]);
        check(Running, [pause, run, end, run, run, done, stop, gone, None]);
        check(
            Paused,
            [pause, run, end, pause, pause, done, stop, gone, None],
        );
        check(
            Stopped,
            [None, run, end, stop, stop, done, stop, gone, None],
        );
        check(
            Cancelled,
            [None, run, end, end, run, None, stop, gone, None],
        );
        check(
            Finished,
            [None, None, None, run, run, done, stop, gone, None],
        );
        let mut back = [None; 9];
        back[8] = stop;
        check(Gone, back);
    }
}
