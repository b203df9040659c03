//! Why a trial's training ended as it did, in words.

use dln::{Outcome, Status};

/// Why a trial diverged. Its history has to be there still.
pub(crate) fn divergence(outcome: &Outcome) -> Option<String> {
    match outcome.status {
        Status::Completed => None,
        Status::Diverged if outcome.history.is_empty() => Some(
            "the train loss is not finite at the start: the data or the initial weights are too large".to_owned(),
        ),
        Status::Diverged => Some(format!(
            "the train loss is not finite after step {}: the rate is too large for these data and this start",
            outcome.steps
        )),
    }
}
