//! `parsimony compare`: keys and results that differ between two runs.

use std::path::PathBuf;

use clap::Args;

use crate::error::CliError;
use crate::exit::Exit;
use crate::{output, run_dir};

/// Compare two runs: keys that differ, and results that differ in trials that both have
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony compare runs/before runs/after
  parsimony compare runs/laptop runs/cluster --json | jq .differing

Trials are matched by their ids: equal ids mean equal parameters and data. Times, hosts and workers are not compared.
The exit code says nothing about differences; `differing` of --json does.")]
pub(crate) struct Compare {
    /// A run folder
    a: PathBuf,
    /// Another one
    b: PathBuf,
    /// Trials that are listed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=10_000), default_value = "20")]
    limit: u64,
    /// Machine-readable output
    #[arg(long)]
    json: bool,
}

impl Compare {
    /// Prints the comparison.
    ///
    /// # Errors
    /// [`CliError`] where a folder is no run or cannot be read.
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        for run in [&self.a, &self.b] {
            run_dir::require(run)?;
        }
        let compared = report::compare(&self.a, &self.b, self.limit)?;
        if self.json {
            output::json(&compared.to_json())?;
        } else {
            output::data(&compared.to_text())?;
        }
        Ok(Exit::Done)
    }
}
