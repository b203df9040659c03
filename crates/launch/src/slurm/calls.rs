//! The calls themselves. Each waits for Slurm, which may be down.

use std::time::Duration;

use super::error::SlurmError;
use super::queue::{self, Job, Ours, State};
use super::script::{self, check_options};
use crate::command::{CommandError, run, run_without};
use crate::pilot::Pilot;

/// Wait for one call. Slurm's programs give up by themselves after some ten seconds without a controller; one
/// that is swamped answers late.
const PATIENCE: Duration = Duration::from_secs(60);

/// Submits pilots as one job array; `options` go to `sbatch` as they are. Returns the array's job id.
///
/// # Errors
/// [`SlurmError`].
pub fn submit(
    pilot: &Pilot,
    workers: u32,
    time: Option<Duration>,
    options: &[String],
) -> Result<String, SlurmError> {
    check_options(options)?;
    let mut words = vec!["--parsable".to_owned()];
    words.extend(script::options(pilot, workers, time));
    words.extend_from_slice(options);
    let text = script::script(pilot, time);
    let answer = run_without("sbatch", &words, &text, PATIENCE, &script::is_harmful)?;
    queue::job_id(&answer.out)
}

/// Asks whether `sbatch` would take a pilot; nothing is submitted.
///
/// # Errors
/// [`SlurmError`] with what `sbatch` says against it.
pub fn check(pilot: &Pilot, time: Option<Duration>, options: &[String]) -> Result<(), SlurmError> {
    check_options(options)?;
    let mut words = vec!["--test-only".to_owned()];
    words.extend(script::options(pilot, 1, time));
    words.extend_from_slice(options);
    let text = script::script(pilot, time);
    run_without("sbatch", &words, &text, PATIENCE, &script::is_harmful)?;
    Ok(())
}

/// The pilots of a coordinator that wait or run: those with its comment, whoever submitted them, and those of the
/// ids in `submitted`, since a site may rewrite comments and names.
///
/// # Errors
/// [`SlurmError`]; a `squeue` that is down is an error, not an empty list.
pub fn jobs(coordinator: &str, submitted: &[String]) -> Result<Vec<Job>, SlurmError> {
    let ours = Ours::new(coordinator, submitted);
    let asked = run("squeue", &["--json".to_owned()], "", PATIENCE);
    let read = asked
        .map_err(SlurmError::from)
        .and_then(|answer| queue::from_json(&answer.out, &ours));
    match read {
        // Builds without the JSON plugin, and releases before 21.08.
        Err(SlurmError::Command(CommandError::Failed { .. }) | SlurmError::NoJson(_)) => {
            let words = ["--noheader", "--array", "--format", "%i|%T|%U|%j|%r|%k"];
            let answer = run("squeue", &words.map(str::to_owned), "", PATIENCE)?;
            queue::from_text(&answer.out, &ours)
        }
        read => read,
    }
}

/// Lets pilots of this user go: those that wait are cancelled, and the workers of those that run are told to
/// drain, for which they have all the time they need. Returns the pilots' ids.
///
/// # Errors
/// [`SlurmError`].
pub fn drain(jobs: &[Job]) -> Result<Vec<String>, SlurmError> {
    let mine = own_user();
    let is_mine = |job: &&Job| mine.is_none() || job.user.is_none() || job.user == mine;
    let jobs: Vec<Job> = jobs.iter().filter(is_mine).cloned().collect();
    cancel_waiting(&jobs)?;
    let running = ids(&jobs, State::Running);
    // The batch step alone is signalled: `exec` has made it the worker. A plain `scancel` would kill what has
    // not ended within the site's KillWait, half a minute where nobody changed it.
    scancel(&["--batch", "--signal=TERM"], &running)?;
    Ok(jobs.into_iter().map(|job| job.id).collect())
}

/// Cancels pilots that still wait; one that has started meanwhile goes on.
///
/// # Errors
/// [`SlurmError`].
pub fn cancel_waiting(jobs: &[Job]) -> Result<(), SlurmError> {
    scancel(&["--state=PENDING"], &ids(jobs, State::Waiting))
}

fn ids(jobs: &[Job], state: State) -> Vec<String> {
    let jobs = jobs.iter().filter(|job| job.state == state);
    jobs.map(|job| job.id.clone()).collect()
}

fn scancel(flags: &[&str], ids: &[String]) -> Result<(), SlurmError> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut words: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
    words.extend_from_slice(ids);
    match run("scancel", &words, "", PATIENCE) {
        // A job that has ended since it was listed is as good as cancelled.
        Err(CommandError::Failed { error, .. }) if only_gone(&error) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

/// Whether every complaint of `scancel` is about a job that is no more.
fn only_gone(error: &str) -> bool {
    let gone = ["Invalid job id", "already completing or completed"];
    let mut lines = error
        .lines()
        .filter(|line| !line.trim().is_empty())
        .peekable();
    lines.peek().is_some() && lines.all(|line| gone.iter().any(|words| line.contains(words)))
}

/// Number of this process's user.
fn own_user() -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    let own = std::fs::metadata("/proc/self").ok()?;
    Some(own.uid().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_has_ended_is_no_complaint() {
        let check = |error, gone| assert_eq!(only_gone(error), gone, "{error}");
        check(
            "scancel: error: Kill job error on job id 4: Invalid job id specified\n",
            true,
        );
        check(
            "scancel: error: Kill job error on job id 4: Job/step already completing or completed",
            true,
        );
        check(
            "scancel: error: Kill job error on job id 4: Access/permission denied",
            false,
        );
        check(
            "scancel: error: x 4: Invalid job id specified\nscancel: error: y",
            false,
        );
        check("", false);
    }
}
