//! Running an outside program to its end, with words that say what went wrong.

use std::io::Write as _;
use std::process::{Command, Stdio};

#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("`{program}` could not be started: {source}")]
    Start {
        program: String,
        source: std::io::Error,
    },
    #[error("`{program}` ended with {status}: {}", .error.trim())]
    Failed {
        program: String,
        status: std::process::ExitStatus,
        error: String,
    },
}

/// Runs a program with `input` on its standard input and returns its standard output.
///
/// # Errors
/// [`CommandError`].
pub fn run(program: &str, words: &[String], input: &str) -> Result<String, CommandError> {
    let start = |source| CommandError::Start {
        program: program.to_owned(),
        source,
    };
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(start)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that reads nothing closes its end; its exit says more than this error.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(start)?;
    if !output.status.success() {
        return Err(CommandError::Failed {
            program: program.to_owned(),
            status: output.status,
            error: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
