//! The calls of Slurm's programs. Each waits for Slurm, which may be down.

use std::time::Duration;

use super::{job, queue, script};
use crate::batch::error::BatchError;
use crate::batch::jobs::{Job, Ours};
use crate::batch::system::{BatchSystem, JobLimits, Order, Words};
use crate::command::{CommandError, run, run_without};

/// Wait for one call. Slurm's programs give up by themselves after some ten seconds without a controller; one
/// that is swamped answers late.
const PATIENCE: Duration = Duration::from_secs(60);

const WORDS: Words = Words {
    name: "slurm",
    title: "Slurm",
    submit: "sbatch",
    options: "SBATCH OPTIONS",
    memory_option: "--mem",
    about: "Job arrays of workers, by sbatch",
    help: "Examples:
  parsimony launch slurm --workers 8 --time 4h --threads 16 \\
      --coordinator https://head.lab:7070 --ca certs/ca.pem --token-file certs/worker.token -- --partition=short
  parsimony launch slurm --stop --coordinator https://head.lab:7070

One sbatch call with a job per worker; prints the job's id. The nodes must see the token file at the same path.
--stop lets workers finish or checkpoint running trials, and cancels waiting jobs.",
};

/// Slurm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slurm;

impl BatchSystem for Slurm {
    fn words(&self) -> Words {
        WORDS
    }

    fn check_options(&self, options: &[String]) -> Result<(), BatchError> {
        script::check_options(options)
    }

    fn script(&self, order: &Order) -> String {
        script::script(&order.pilot, order.time)
    }

    fn submit(&self, order: &Order, workers: u32) -> Result<String, BatchError> {
        queue::job_id(&self.sbatch("--parsable", order, workers)?)
    }

    fn check(&self, order: &Order) -> Result<(), BatchError> {
        self.sbatch("--test-only", order, 1).map(drop)
    }

    fn queue(&self) -> Result<String, BatchError> {
        match run("squeue", &["--json".to_owned()], "", PATIENCE) {
            Ok(answer) if queue::is_json(&answer.out) => Ok(answer.out),
            Ok(_) | Err(CommandError::Failed { .. }) => {
                let words = ["--noheader", "--array", "--format", queue::FORMAT];
                let answer = run("squeue", &words.map(str::to_owned), "", PATIENCE)?;
                Ok(answer.out)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn parse(&self, queue: &str, ours: &Ours) -> Result<Vec<Job>, BatchError> {
        if queue::is_json(queue) {
            queue::from_json(queue, ours)
        } else {
            queue::from_text(queue, ours)
        }
    }

    fn cancel(&self, jobs: &[Job]) -> Result<(), BatchError> {
        scancel(&["--state=PENDING"], jobs)
    }

    fn drain(&self, jobs: &[Job]) -> Result<(), BatchError> {
        // The batch step alone is signalled: `exec` has made it the worker. A plain `scancel` would kill what has
        // not ended within the site's KillWait, half a minute where nobody changed it.
        scancel(&["--batch", "--signal=TERM"], jobs)
    }

    fn limits_of_job(&self, variable: &dyn Fn(&str) -> Option<String>) -> Option<JobLimits> {
        job::limits(variable)
    }
}

impl Slurm {
    /// What `sbatch` answers to a job array of pilots; the options of the order go to it as they are.
    fn sbatch(&self, flag: &str, order: &Order, workers: u32) -> Result<String, BatchError> {
        script::check_options(&order.options)?;
        let mut words = vec![flag.to_owned()];
        words.extend(script::options(&order.pilot, workers, order.time));
        words.extend_from_slice(&order.options);
        let text = self.script(order);
        let answer = run_without("sbatch", &words, &text, PATIENCE, &script::is_harmful)?;
        Ok(answer.out)
    }
}

fn scancel(flags: &[&str], jobs: &[Job]) -> Result<(), BatchError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let mut words: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
    words.extend(jobs.iter().map(|job| job.id.clone()));
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
