//! `parsimony query`: SQL over the tables of one or more runs.

use std::path::{Path, PathBuf};

use crate::args::Query;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output;

/// Runs the query and prints its rows.
///
/// # Errors
/// [`CliError`].
pub(crate) fn query(options: &Query) -> Result<Exit, CliError> {
    let Some((sql, runs)) = options.words.split_last() else {
        return Err(CliError::Request(
            "a run folder and a query are needed".to_owned(),
        ));
    };
    let runs: Vec<PathBuf> = runs.iter().map(PathBuf::from).collect();
    for run in &runs {
        check_run(run)?;
    }
    let mut rows = table::query(&runs, sql)?;
    let mut out = Vec::new();
    if options.csv {
        table::write_csv(&mut rows, &mut out)?;
    } else if options.json {
        table::write_json_rows(&rows, &mut out)?;
    } else {
        out = table::to_text(&rows).into_bytes();
    }
    output::data(&String::from_utf8_lossy(&out))?;
    Ok(Exit::Done)
}

/// Refuses what is no run folder in the words of this command.
fn check_run(run: &Path) -> Result<(), CliError> {
    let why = match std::fs::metadata(run) {
        Ok(found) if found.is_dir() && run.join("trials").is_dir() => return Ok(()),
        Ok(found) if found.is_dir() => "holds no tables",
        Ok(_) => "is a file",
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "does not exist",
        Err(source) => {
            return Err(CliError::Read {
                path: run.to_owned(),
                source,
            });
        }
    };
    Err(CliError::Request(format!(
        "{} {why}; name run folders, for example runs/NAME, then the query",
        run.display()
    )))
}
