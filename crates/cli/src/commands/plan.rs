//! `parsimony plan`: what would run, on which engine, and what it would cost.

use std::path::PathBuf;

use clap::Args;

use crate::arguments::Sets;
use crate::error::CliError;
use crate::exit::Exit;
use crate::load::{self, Begun};
use crate::render::{plan, trials};
use crate::{numbering, output};

/// Show a sweep's axes, trials, engines, cost
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony plan sweep.toml
  parsimony plan sweep.toml --list | head
  parsimony plan sweep.toml --set network.width=500 --json
  parsimony plan --defaults                     every key with its default")]
pub(crate) struct Plan {
    /// The sweep file
    #[arg(required_unless_present = "defaults")]
    file: Option<PathBuf>,
    /// Print every trial: its number in the run folder, its id and what varies
    #[arg(long)]
    list: bool,
    /// Run folder whose trials count as done and keep their numbers [default: runs/NAME]
    #[arg(long, value_name = "DIR", conflicts_with = "defaults")]
    out: Option<PathBuf>,
    /// Print every key with its default, as a sweep file
    #[arg(long, conflicts_with_all = ["list", "json", "file"])]
    defaults: bool,
    #[command(flatten)]
    sets: Sets,
    /// Machine-readable output
    #[arg(long)]
    json: bool,
}

impl Plan {
    /// Prints the plan.
    ///
    /// # Errors
    /// [`CliError`].
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        let Some(file) = &self.file else {
            output::data(&sweep::defaults_toml())?;
            return Ok(Exit::Done);
        };
        let folder = self.out.as_deref();
        let sweep = load::sweep(file, &self.sets.sets, Begun::In(folder))?;
        let data = sweep.data.clone();
        let numbered = numbering::of(sweep, folder)?;
        match (self.list, self.json) {
            (true, json) => trials::print(&numbered, json)?,
            (false, true) => output::json(&plan::as_json(&numbered, &data))?,
            (false, false) => output::data(&plan::as_text(&numbered, &data))?,
        }
        Ok(Exit::Done)
    }
}
