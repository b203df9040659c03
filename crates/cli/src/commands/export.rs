//! `parsimony export`: a run's tables as one file each, or one trained network.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;
use table::ExportFormat;

use crate::error::CliError;
use crate::exit::Exit;
use crate::{export_core, output, run_dir};

/// Write a run's tables as one file each, rows in order of trial; or one trained core
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony export runs/quickstart --to csv tables        tables/trials.csv, history.csv, spectra.csv, layers.csv
  parsimony export runs/quickstart --to parquet tables
  parsimony export runs/digits --trial 3 --core core.npz  core.npz and core.json; or core.safetensors

CSV has a header, nothing for null, and floats that read back to the same bits. The files appear when all are whole.
A core comes with its bases, its end-to-end map, and what was done to the inputs; the trial is trained again for it.")]
pub(crate) struct Export {
    /// The run folder
    run: PathBuf,
    /// Form of the files
    #[arg(long, value_parser = PossibleValuesParser::new(ExportFormat::ALL.map(ExportFormat::name)), value_name = "FORM", required_unless_present = "core", requires = "dir")]
    to: Option<String>,
    /// Folder of the files; made if it is not there
    #[arg(required_unless_present = "core", conflicts_with = "core")]
    dir: Option<PathBuf>,
    /// Number of the trial whose core is written
    #[arg(long, value_name = "N", requires = "core")]
    trial: Option<u64>,
    /// File of the core: its ending says what it is, safetensors or npz
    #[arg(long, value_name = "FILE", requires = "trial", conflicts_with = "to")]
    core: Option<PathBuf>,
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
        let files = match (&self.core, self.trial, &self.to, &self.dir) {
            (Some(core), Some(trial), _, _) => {
                export_core::write(&self.run, trial, core, self.force)?
            }
            (_, _, Some(to), Some(dir)) => self.tables(to, dir)?,
            _ => {
                return Err(CliError::Request(
                    "name --to and a folder, or --trial and --core".to_owned(),
                ));
            }
        };
        let names = files.iter().map(|file| format!("{}\n", file.display()));
        output::data(&names.collect::<String>())?;
        Ok(Exit::Done)
    }

    fn tables(&self, to: &str, dir: &Path) -> Result<Vec<PathBuf>, CliError> {
        let named = |format: &ExportFormat| format.name() == to;
        let Some(format) = ExportFormat::ALL.into_iter().find(named) else {
            return Err(CliError::Request(format!("`{to}` is no form of files")));
        };
        let exported = table::export(&self.run, dir, format, self.force)?;
        for file in &exported {
            say!(
                "{}: {}, {}B",
                file.path.display(),
                report::words::counted(file.rows, "row"),
                report::words::scaled(file.bytes as f64)
            );
        }
        Ok(exported.into_iter().map(|file| file.path).collect())
    }
}
