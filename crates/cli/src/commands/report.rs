//! `parsimony report`: one HTML file about a run, or about several.

use std::path::PathBuf;

use clap::Args;
use table::StagedFile;

use crate::arguments::positive;
use crate::error::CliError;
use crate::exit::Exit;
use crate::{output, run_dir};

/// Name of the file in the run folder.
const NAME: &str = "report.html";

/// Write a report: one HTML file with question, answer, tables, cost and provenance
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony report runs/quickstart                        writes runs/quickstart/report.html
  parsimony report runs/a runs/b --out both.html --watts 35

The file needs no network, prints on A4, and stays under 5 MB: long tables are sampled and say so.")]
pub(crate) struct Report {
    /// Run folders; of several, `run` is an axis
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// The file [default: report.html in the first run folder]
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
    /// Power of a core while it trains, for the energy saved
    #[arg(long, value_name = "N", value_parser = positive, default_value = "100")]
    watts: f64,
}

impl Report {
    /// Writes the report and prints its name.
    ///
    /// # Errors
    /// [`CliError`] where a folder is no run or cannot be read, or the file cannot be written.
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        for run in &self.runs {
            run_dir::require(run)?;
        }
        let out = match (&self.out, self.runs.first()) {
            (Some(out), _) => out.clone(),
            (None, Some(first)) => first.join(NAME),
            (None, None) => PathBuf::from(NAME),
        };
        let (pictures, missing) = report::pictures(&self.runs)?;
        for why in missing {
            say!("warning: {why}");
        }
        let page = report::report(&self.runs, &pictures, self.watts)?;
        let written = StagedFile::with_content(&out, page.as_bytes()).and_then(StagedFile::publish);
        written.map_err(|source| CliError::Write {
            path: out.clone(),
            source,
        })?;
        output::data(&format!("{}\n", out.display()))?;
        Ok(Exit::Done)
    }
}
