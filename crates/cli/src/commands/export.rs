//! `parsimony export`: a run's tables as one file each.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use table::ExportFormat;

use crate::error::CliError;
use crate::exit::Exit;
use crate::{output, run_dir};

/// Write a run's tables as one file each, rows in order of trial
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony export runs/quickstart --to csv tables        tables/trials.csv, history.csv, spectra.csv, layers.csv
  parsimony export runs/quickstart --to parquet tables

CSV has a header, nothing for null, and floats that read back to the same bits. The files appear when all are whole.")]
pub(crate) struct Export {
    /// The run folder
    run: PathBuf,
    /// Form of the files
    #[arg(long, value_parser = PossibleValuesParser::new(ExportFormat::ALL.map(ExportFormat::name)), value_name = "FORM")]
    to: String,
    /// Folder of the files; made if it is not there
    dir: PathBuf,
    /// Replace files of the same names
    #[arg(long)]
    force: bool,
}

impl Export {
    /// Writes the files and prints their names.
    ///
    /// # Errors
    /// [`CliError`] where the folder is no run, a file is there already, or the disk refuses.
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        run_dir::require(&self.run)?;
        let named = |format: &ExportFormat| format.name() == self.to;
        let Some(format) = ExportFormat::ALL.into_iter().find(named) else {
            return Err(CliError::Request(format!(
                "`{}` is no form of files",
                self.to
            )));
        };
        let exported = table::export(&self.run, &self.dir, format, self.force)?;
        for file in &exported {
            say!(
                "{}: {}, {}B",
                file.path.display(),
                report::words::counted(file.rows, "row"),
                report::words::scaled(file.bytes as f64)
            );
        }
        let names = exported
            .iter()
            .map(|file| format!("{}\n", file.path.display()));
        output::data(&names.collect::<String>())?;
        Ok(Exit::Done)
    }
}
