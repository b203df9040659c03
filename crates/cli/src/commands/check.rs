//! `parsimony check`: every file of a run folder against its hash.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args;
use rpc::sealed;
use table::RunFolder;

use crate::error::CliError;
use crate::exit::Exit;
use crate::output;
use crate::render::check::{self, Damage, Found};

/// Folder of the states of long trials, below the run folder.
const CHECKPOINTS: &str = "checkpoints";

/// Compare every file of a run folder with its hash and report damage
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony check runs/depth-rank-init
  parsimony check runs/depth-rank-init --mend && parsimony run sweep.toml

Parts, checkpoints and stored files are compared with the hashes stored when they were written.
The exit code is 3 if something is damaged.")]
pub(crate) struct Check {
    /// The run folder
    run: PathBuf,
    /// Move damaged parts and checkpoints aside; the next run computes their trials again
    #[arg(long)]
    mend: bool,
    /// Machine-readable output
    #[arg(long)]
    json: bool,
}

impl Check {
    /// Reads the folder and reports what is damaged.
    ///
    /// # Errors
    /// [`CliError`] where the folder is no run folder, or cannot be read or mended.
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        let run = &self.run;
        let checked = table::check_folder(run)?;
        let mut found = Found::default();
        for checked in &checked {
            found.add(checked);
        }
        let states = states(run, &mut found)?;
        let mut mended = 0;
        if self.mend {
            mended = RunFolder::set_damaged_aside(run, &checked)?;
            for path in states {
                std::fs::remove_file(&path).map_err(|source| CliError::Write { path, source })?;
                mended += 1;
            }
        }
        if self.json {
            output::json(&check::as_json(run, &found, mended))?;
        } else {
            output::data(&check::as_text(&found))?;
        }
        crate::talk::write(format_args!("{}", check::summary(run, &found, mended)));
        Ok(if found.damaged.is_empty() {
            Exit::Done
        } else {
            Exit::TrialsFailed
        })
    }
}

/// Checks the states that long trials continue from; returns those that nobody must continue from.
fn states(run: &Path, found: &mut Found) -> Result<Vec<PathBuf>, CliError> {
    let mut bad = Vec::new();
    let folder = run.join(CHECKPOINTS);
    let failed = |source| CliError::Read {
        path: folder.clone(),
        source,
    };
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(bad),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        // Other names are halves of writes.
        let Some(trial) = name.and_then(|name| name.parse::<u64>().ok()) else {
            continue;
        };
        let length = std::fs::metadata(&path).map_err(failed)?.len();
        found.files += 1;
        found.bytes += length;
        let file = File::open(&path).map_err(failed)?;
        if let Err(error) = sealed::check(trial, file, length).map_err(failed)? {
            found.damaged.push(Damage {
                kind: "checkpoint",
                path: path.clone(),
                what: format!("{error}; its trial begins again"),
                trials: 1,
            });
            bad.push(path);
        }
    }
    Ok(bad)
}
