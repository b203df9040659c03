//! What a process of ours runs with: threads, memory, its number, the time between checkpoints, the points at which fault
//! tests end it.

use std::time::Duration;

use launch::batch::JobLimits;

use crate::error::CliError;

/// Time between two checkpoints of one trial: a trial longer than this leaves some.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

/// Sets that time in seconds, for tests and for disks that are slow or precious.
const CHECKPOINT_VARIABLE: &str = "PARSIMONY_CHECKPOINT_SECONDS";

/// Source revision, where the build knows it.
pub(crate) const REVISION: &str = match option_env!("PARSIMONY_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// Memory for trials: as asked for, or what there is.
pub(crate) fn memory(asked: Option<u64>, threads: usize) -> Option<u64> {
    asked.or_else(|| worker::memory::for_trials(threads, of_job().memory))
}

/// Threads asked for, or those that a batch job was given for its task, or all cores.
pub(crate) fn threads(asked: Option<u32>) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    asked.map_or_else(
        || of_job().threads.unwrap_or_else(cores),
        |threads| threads as usize,
    )
}

/// What the batch job that this process runs in was given.
fn of_job() -> JobLimits {
    launch::batch::limits_of_job(&|name| std::env::var(name).ok())
}

/// This machine's name, for the column `host`.
pub(crate) fn host_name() -> String {
    let name = gethostname::gethostname();
    let name = name.to_string_lossy();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}

/// A random number for this process.
///
/// # Errors
/// Where the operating system has no randomness.
pub(crate) fn instance() -> Result<u64, CliError> {
    getrandom::u64().map_err(|error| CliError::Ended(format!("no randomness: {error}")))
}

/// Time between two checkpoints of one trial.
///
/// # Errors
/// Where the variable of the environment holds no number of seconds.
pub(crate) fn checkpoint_every() -> Result<Duration, CliError> {
    let Ok(text) = std::env::var(CHECKPOINT_VARIABLE) else {
        return Ok(CHECKPOINT_EVERY);
    };
    let seconds = text.parse().ok().map(Duration::try_from_secs_f64);
    seconds.and_then(Result::ok).ok_or_else(|| {
        CliError::Request(format!(
            "{CHECKPOINT_VARIABLE} is `{text}`, which is no number of seconds"
        ))
    })
}

/// Ends the process at a named point of the durable order, for fault tests: `PARSIMONY_FAULT=POINT:N` kills
/// it at the N-th passage.
pub(crate) fn fault_hook() -> Option<fn(&str)> {
    std::env::var_os("PARSIMONY_FAULT").map(|_| crate::fault::at_point as fn(&str))
}

/// Ends the process before a numbered trial, or waits before each, for fault tests: `PARSIMONY_FAULT_TRIAL=N`,
/// `PARSIMONY_FAULT_SLOW_MS=N`.
pub(crate) fn trial_hook() -> Option<fn(u64)> {
    let asked = ["PARSIMONY_FAULT_TRIAL", "PARSIMONY_FAULT_SLOW_MS"];
    let asked = asked.iter().any(|name| std::env::var_os(name).is_some());
    asked.then_some(crate::fault::before_trial as fn(u64))
}
