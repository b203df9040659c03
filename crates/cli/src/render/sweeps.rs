//! Sweeps: a table of them, how one begins and ends, and each under names that stay.

use rpc::v1::{Accepted, SweepState, SweepStatus};
use serde_json::{Value, json};

use super::table::{self, Column};
use super::{comparisons, numbers, waiting};
use crate::error::CliError;
use crate::output;

/// A row for each sweep.
pub(crate) fn table(sweeps: &[SweepStatus]) -> String {
    let rows: Vec<Vec<String>> = sweeps
        .iter()
        .map(|sweep| {
            vec![
                sweep.name.clone(),
                state_name(sweep.state()).to_owned(),
                sweep.trials.to_string(),
                (sweep.completed + sweep.diverged).to_string(),
                sweep.failed.to_string(),
                sweep.leased.to_string(),
                match (sweep.eta_seconds, sweep.state()) {
                    (eta, _) if eta >= 0.0 => numbers::duration(eta),
                    (_, SweepState::Running) => "?".to_owned(),
                    _ => "-".to_owned(),
                },
                waiting::short(sweep),
            ]
        })
        .collect();
    let columns = [
        Column::Text("SWEEP"),
        Column::Text("STATE"),
        Column::Number("TRIALS"),
        Column::Number("DONE"),
        Column::Number("FAILED"),
        Column::Number("LEASED"),
        Column::Number("ETA"),
        Column::Text("WAITING"),
    ];
    table::columns(&columns, &rows)
}

/// What else there is to say of one sweep: why nothing runs, its notes, its comparisons.
pub(crate) fn remarks(status: &SweepStatus) -> String {
    let mut text = String::new();
    if let Some(words) = waiting::words(status) {
        text += &format!("waiting: {words}\n");
    }
    for words in [&status.problem].into_iter().chain(&status.notes) {
        if !words.is_empty() {
            text += &format!("{words}\n");
        }
    }
    if let Some(found) = &status.comparisons {
        text += &comparisons::as_text(found);
    }
    text
}

/// Prints what there is to say before a sweep's progress.
pub(crate) fn print_start(status: &SweepStatus, accepted: Accepted) {
    for note in &status.notes {
        say!("note: {note}");
    }
    let done = status.completed + status.diverged + status.failed;
    match accepted {
        Accepted::Continued if done > 0 => {
            say!(
                "continuing: {} of {} trials are done",
                numbers::grouped(done),
                numbers::grouped(status.trials)
            );
        }
        Accepted::Grown => say!(
            "grown: {} of {} trials are done",
            numbers::grouped(done),
            numbers::grouped(status.trials)
        ),
        _ => {}
    }
}

/// Prints how a sweep ended.
///
/// # Errors
/// [`CliError::Output`].
pub(crate) fn print_end(status: &SweepStatus, as_data: bool) -> Result<(), CliError> {
    if as_data {
        output::announce(&format!("{:#}\n", as_json(status)))?;
    }
    let seconds = status.elapsed_ms as f64 / 1e3;
    let rate = if seconds > 0.0 {
        status.reported as f64 / seconds
    } else {
        0.0
    };
    say!(
        "{} {}: {} completed, {} diverged, {} failed of {} trials; {} computed in {} ({} trials/s)",
        status.name,
        state_name(status.state()),
        numbers::grouped(status.completed),
        numbers::grouped(status.diverged),
        numbers::grouped(status.failed),
        numbers::grouped(status.trials),
        numbers::grouped(status.reported),
        numbers::duration(seconds),
        numbers::scaled((rate * 10.0).round() / 10.0)
    );
    if !status.problem.is_empty() {
        say!("problem: {}", status.problem);
    }
    if let Some(found) = &status.comparisons {
        crate::talk::write(format_args!("{}", comparisons::as_text(found)));
    }
    Ok(())
}

/// The word of a state.
pub(crate) fn state_name(state: SweepState) -> &'static str {
    match state {
        SweepState::Unspecified => "unknown",
        SweepState::Running => "running",
        SweepState::Paused => "paused",
        SweepState::Cancelled => "cancelled",
        SweepState::Finished => "finished",
        SweepState::Stopped => "stopped",
        SweepState::Opening => "opening",
        SweepState::Unopened => "unopened",
        SweepState::Gone => "gone",
    }
}

/// A sweep's status under names that stay.
pub(crate) fn as_json(status: &SweepStatus) -> Value {
    json!({
        "name": status.name,
        "state": state_name(status.state()),
        "trials": status.trials,
        "completed": status.completed,
        "diverged": status.diverged,
        "failed": status.failed,
        "leased": status.leased,
        "leases": status.leases,
        "reported": status.reported,
        "elapsed_seconds": status.elapsed_ms as f64 / 1e3,
        "eta_seconds": if status.eta_seconds < 0.0 { Value::Null } else { json!(status.eta_seconds) },
        "predicted_seconds": status.predicted_seconds,
        "waiting": waiting::as_json(status),
        "priority": status.priority,
        "folder": status.folder,
        "problem": if status.problem.is_empty() { Value::Null } else { json!(status.problem) },
        "notes": status.notes,
        "recent_failures": status.recent_failures.iter().map(|failure| json!({
            "trial": failure.trial,
            "error": failure.error,
            "at_seconds": if failure.at_seconds == 0 { Value::Null } else { json!(failure.at_seconds) },
        })).collect::<Vec<_>>(),
        "verify": status.comparisons.as_ref().map(comparisons::as_json),
    })
}
