//! Standard output is data, standard error is talk.

use std::io::Write as _;

use crate::error::CliError;

/// Writes data.
///
/// # Errors
/// [`CliError::Output`]; [`CliError::ReaderGone`] where the reader has gone away (`| head`), which ends a command
/// early and is no failure.
pub(crate) fn data(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(CliError::ReaderGone),
        Err(error) => Err(CliError::Output(error)),
        Ok(()) => Ok(()),
    }
}

/// Writes data of a command whose work goes on, or whose exit code matters, also where nobody reads it.
///
/// # Errors
/// [`CliError::Output`].
pub(crate) fn announce(text: &str) -> Result<(), CliError> {
    match data(text) {
        Err(CliError::ReaderGone) => Ok(()),
        other => other,
    }
}

/// Writes a value as JSON and a newline.
///
/// # Errors
/// [`CliError::Output`].
pub(crate) fn json(value: &serde_json::Value) -> Result<(), CliError> {
    data(&format!("{value:#}\n"))
}
