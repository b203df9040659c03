//! `parsimony describe`: what a run was asked, what came out, and what it took.

use std::path::PathBuf;

use clap::Args;

use crate::arguments::positive;
use crate::error::CliError;
use crate::exit::Exit;
use crate::{output, run_dir};

/// Describe a run: axes, best and worst trials, where time and operations went, what the reduction saved
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony describe runs/quickstart
  parsimony describe runs/quickstart --json | jq .importance")]
pub(crate) struct Describe {
    /// The run folder
    run: PathBuf,
    /// Power of a core while it trains, for the energy saved
    #[arg(long, value_name = "N", value_parser = positive, default_value = "100")]
    watts: f64,
    /// Machine-readable output
    #[arg(long)]
    json: bool,
}

impl Describe {
    /// Prints the description.
    ///
    /// # Errors
    /// [`CliError`] where the folder is no run or cannot be read.
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        run_dir::require(&self.run)?;
        let about = report::describe(std::slice::from_ref(&self.run))?;
        if self.json {
            output::json(&about.to_json(self.watts))?;
        } else {
            output::data(&about.to_text(self.watts))?;
        }
        Ok(Exit::Done)
    }
}
