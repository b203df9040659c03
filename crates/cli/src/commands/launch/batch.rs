//! `parsimony launch slurm`, and the same for every other batch system of the list.

use std::time::Duration;

use clap::{Args, Command};
use launch::batch::{self, BatchSystem, Order, Ours};
use serde_json::json;

use crate::arguments::{CoordinatorUrl, Elsewhere, System, duration, options_help};
use crate::error::CliError;
use crate::exit::Exit;
use crate::{output, pilot};

// No doc comment: the help of each batch system is its own.
#[derive(Debug, Args)]
pub(crate) struct LaunchBatch {
    /// Workers to submit, one job each
    #[arg(long, required_unless_present = "stop", value_parser = clap::value_parser!(u32).range(1..=1000))]
    workers: Option<u32>,
    /// Stop this coordinator's workers instead
    #[arg(long, conflicts_with_all = ["workers", "time", "options"])]
    stop: bool,
    /// Walltime of each job, at least 1m; workers take no lease that they cannot finish [default: the partition's]
    #[arg(long, value_parser = duration, value_name = "TIME")]
    time: Option<Duration>,
    #[command(flatten)]
    elsewhere: Elsewhere,
    #[command(flatten)]
    coordinator: CoordinatorUrl,
    #[arg(last = true)]
    options: Vec<String>,
}

impl LaunchBatch {
    /// The command of a batch system, with its own words.
    pub(super) fn command(system: System) -> Command {
        let words = system.words();
        let command = Command::new(words.name)
            .about(format!("Submit workers to {}, or stop them", words.title));
        LaunchBatch::augment_args(command)
            .after_help(words.help)
            .mut_arg("options", |options| {
                options
                    .value_name(words.options)
                    .help(options_help(&[system]))
            })
    }

    /// Starts workers, or lets them go.
    ///
    /// # Errors
    /// [`CliError`].
    pub(super) fn run(&self, system: &dyn BatchSystem) -> Result<Exit, CliError> {
        if self.stop {
            self.stop(system)
        } else {
            self.start(system)
        }
    }

    fn start(&self, system: &dyn BatchSystem) -> Result<Exit, CliError> {
        batch::check_time(self.time)?;
        let order = Order {
            pilot: pilot::new(&self.elsewhere, &self.coordinator)?,
            time: self.time,
            options: self.options.clone(),
        };
        order.check(system)?;
        pilot::worker_token(&self.coordinator)?;
        let workers = self.workers.unwrap_or(1);
        let job = system.submit(&order, workers)?;
        let kept = pilot::submitted(system);
        let kept = kept.map(|submitted| submitted.add(&order.pilot.coordinator, &job));
        if let Some(Err(error)) = kept {
            pilot::warn_not_kept(&job, &error.to_string());
        }
        say!(
            "job {job}: {workers} worker{}, {}",
            if workers == 1 { "" } else { "s" },
            system.names(&job, workers)
        );
        if self.elsewhere.json {
            output::json(&json!({ "job": job, "workers": workers }))?;
        } else {
            output::data(&format!("{job}\n"))?;
        }
        Ok(Exit::Done)
    }

    fn stop(&self, system: &dyn BatchSystem) -> Result<Exit, CliError> {
        let url = pilot::url(&self.coordinator.url)?;
        let known = match pilot::submitted(system) {
            Some(submitted) => submitted.of(url)?,
            None => Vec::new(),
        };
        let jobs = system.list(&Ours::new(url, &known))?;
        let stopped = batch::drain(system, &jobs)?;
        if stopped.is_empty() {
            say!("no worker of {url} in the queue");
        } else {
            say!("asked to leave: {}", stopped.join(" "));
        }
        if self.elsewhere.json {
            output::json(&json!({ "stopped": stopped }))?;
        } else {
            let lines = stopped.iter().map(|job| format!("{job}\n"));
            output::data(&lines.collect::<String>())?;
        }
        Ok(Exit::Done)
    }
}
