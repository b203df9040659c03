//! `parsimony launch slurm`.

use std::time::Duration;

use clap::Args;
use launch::slurm;
use serde_json::json;

use crate::arguments::{CoordinatorUrl, Elsewhere, duration};
use crate::error::CliError;
use crate::exit::Exit;
use crate::{output, pilot};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony launch slurm --workers 8 --time 4h --threads 16 \\
      --coordinator https://head.lab:7070 --ca certs/ca.pem --token-file certs/worker.token -- --partition=short
  parsimony launch slurm --stop --coordinator https://head.lab:7070

One sbatch call with a job per worker; prints the job's id. The nodes must see the token file at the same path.
--stop lets workers finish or checkpoint running trials, and cancels waiting jobs.")]
pub(crate) struct LaunchSlurm {
    /// Workers to submit, one job each
    #[arg(long, required_unless_present = "stop", value_parser = clap::value_parser!(u32).range(1..=1000))]
    workers: Option<u32>,
    /// Stop this coordinator's workers instead
    #[arg(long, conflicts_with_all = ["workers", "time", "sbatch"])]
    stop: bool,
    /// Walltime of each job, at least 1m; workers take no lease that they cannot finish [default: the partition's]
    #[arg(long, value_parser = duration, value_name = "TIME")]
    time: Option<Duration>,
    #[command(flatten)]
    elsewhere: Elsewhere,
    #[command(flatten)]
    coordinator: CoordinatorUrl,
    /// Options for sbatch, passed unchanged
    #[arg(last = true, value_name = "SBATCH OPTIONS")]
    sbatch: Vec<String>,
}

impl LaunchSlurm {
    /// Starts workers, or lets them go.
    ///
    /// # Errors
    /// [`CliError`].
    pub(super) fn run(&self) -> Result<Exit, CliError> {
        if self.stop { self.stop() } else { self.start() }
    }

    fn start(&self) -> Result<Exit, CliError> {
        pilot::check_time(self.time)?;
        let worker = pilot::new(&self.elsewhere, &self.coordinator)?;
        pilot::worker_token(&self.coordinator)?;
        let workers = self.workers.unwrap_or(1);
        let submitted = pilot::submitted();
        let job = slurm::submit(&worker, workers, self.time, &self.sbatch)?;
        pilot::remember(submitted.as_ref(), &worker.coordinator, &job);
        say!(
            "job {job}: {workers} worker{}, {job}_1 to {job}_{workers}",
            pilot::plural(workers as usize)
        );
        if self.elsewhere.json {
            output::json(&json!({ "job": job, "workers": workers }))?;
        } else {
            output::data(&format!("{job}\n"))?;
        }
        Ok(Exit::Done)
    }

    fn stop(&self) -> Result<Exit, CliError> {
        let url = pilot::url(&self.coordinator.url)?;
        let known = match pilot::submitted() {
            Some(submitted) => submitted.of(url)?,
            None => Vec::new(),
        };
        let jobs = slurm::jobs(url, &known)?;
        let stopped = slurm::drain(&jobs)?;
        if stopped.is_empty() {
            say!("no worker of {url} in the queue");
        } else {
            say!("asked to leave: {}", stopped.join(" "));
        }
        if self.elsewhere.json {
            output::json(&json!({ "stopped": stopped }))?;
        } else {
            output::data(
                &stopped
                    .iter()
                    .map(|job| format!("{job}\n"))
                    .collect::<String>(),
            )?;
        }
        Ok(Exit::Done)
    }
}
