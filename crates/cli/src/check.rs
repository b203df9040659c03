//! `parsimony check`: every file of a run folder against its hash.

use std::fs::File;
use std::path::{Path, PathBuf};

use rpc::sealed;
use serde_json::{Value, json};
use table::{Checked, Finding, RunFolder};

use crate::args::Check;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output;

/// Folder of the states of long trials, below the run folder.
const CHECKPOINTS: &str = "checkpoints";

/// One damaged file in words.
struct Damage {
    kind: &'static str,
    path: PathBuf,
    what: String,
    /// Trials that run again if it is set aside.
    trials: u64,
}

/// What the files of a folder are like.
#[derive(Default)]
struct Found {
    files: u64,
    bytes: u64,
    unhashed: u64,
    damaged: Vec<Damage>,
}

/// Reads the folder and reports what is damaged.
///
/// # Errors
/// [`CliError`] where the folder is no run folder, or cannot be read or mended.
pub(crate) fn check(options: &Check) -> Result<Exit, CliError> {
    let run = &options.run;
    let checked = table::check_folder(run)?;
    let mut found = Found::default();
    for checked in &checked {
        found.add(checked);
    }
    let states = states(run, &mut found)?;
    let mut mended = 0;
    if options.mend {
        mended = RunFolder::set_damaged_aside(run, &checked)?;
        for path in states {
            std::fs::remove_file(&path).map_err(|source| CliError::Write { path, source })?;
            mended += 1;
        }
    }
    report(options, &found, mended)?;
    Ok(if found.damaged.is_empty() {
        Exit::Done
    } else {
        Exit::TrialsFailed
    })
}

impl Found {
    fn add(&mut self, checked: &Checked) {
        self.files += 1;
        self.bytes += checked.bytes;
        match &checked.finding {
            Finding::Sound => {}
            Finding::Unhashed => self.unhashed += 1,
            Finding::Damaged(what) => self.damaged.push(Damage {
                kind: checked.kind.name(),
                path: checked.path.clone(),
                what: what.clone(),
                trials: checked.trials,
            }),
        }
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

fn report(options: &Check, found: &Found, mended: u64) -> Result<(), CliError> {
    if options.json {
        let damaged: Vec<Value> = found
            .damaged
            .iter()
            .map(|damage| {
                json!({
                    "kind": damage.kind, "path": damage.path.display().to_string(),
                    "what": damage.what, "trials": damage.trials,
                })
            })
            .collect();
        output::json(&json!({
            "folder": options.run.display().to_string(),
            "files": found.files,
            "bytes": found.bytes,
            "unhashed": found.unhashed,
            "damaged": damaged,
            "mended": mended,
        }))?;
    } else {
        let lines = found.damaged.iter().map(|damage| {
            let trials = match damage.trials {
                0 => String::new(),
                1 => " (1 trial)".to_owned(),
                trials => format!(" ({} trials)", output::grouped(trials)),
            };
            format!("{}: {}{trials}\n", damage.path.display(), damage.what)
        });
        output::data(&lines.collect::<String>())?;
    }
    say!(
        "{}: {} files, {}B read, {} damaged",
        options.run.display(),
        output::grouped(found.files),
        output::scaled(found.bytes as f64),
        output::grouped(found.damaged.len() as u64),
    );
    if found.unhashed > 0 {
        say!(
            "{} files have no hash to compare with: an older program wrote them, or they were copied without their \
             journal; they can be read",
            output::grouped(found.unhashed)
        );
    }
    let parts = found.damaged.iter().any(|damage| damage.trials > 0);
    if options.mend && mended > 0 {
        say!(
            "{} set aside: their trials run again when the sweep is next started",
            output::grouped(mended)
        );
    } else if parts {
        say!("`parsimony check --mend` sets them aside, so that their trials run again");
    }
    Ok(())
}
