//! Where run folders are by default, and what is no run folder.

use std::path::{Path, PathBuf};

use crate::error::CliError;

/// Where `run` puts a sweep if nothing else is asked for.
pub(crate) fn default_dir(name: &str) -> PathBuf {
    PathBuf::from("runs").join(name)
}

/// Refuses what is no folder with tables.
///
/// # Errors
/// [`CliError`] that says what is there instead.
pub(crate) fn require(run: &Path) -> Result<(), CliError> {
    require_of(run, "a run folder, for example runs/NAME")
}

/// As [`require`]; an error asks to name what is `wanted`.
///
/// # Errors
/// As [`require`].
pub(crate) fn require_of(run: &Path, wanted: &str) -> Result<(), CliError> {
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
        "{} {why}; name {wanted}",
        run.display()
    )))
}
