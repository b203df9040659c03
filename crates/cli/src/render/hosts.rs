//! What happened on each host, as it comes; as JSON, at the end.

use launch::ssh::SshError;
use serde_json::{Value, json};

use crate::error::CliError;
use crate::exit::Exit;
use crate::output;

/// Prints a line for each host and counts the failures.
pub(crate) struct HostReport {
    as_json: bool,
    records: Vec<Value>,
    failed: usize,
    /// Standard output is gone.
    broken: Option<CliError>,
}

impl HostReport {
    pub(crate) fn new(as_json: bool) -> Self {
        HostReport {
            as_json,
            records: Vec::new(),
            failed: 0,
            broken: None,
        }
    }

    /// One that went well.
    pub(crate) fn done(&mut self, data: &str, talk: &str, record: Value) {
        say!("{}", talk.trim_end());
        if self.as_json {
            self.records.push(record);
        } else if let Err(error) = output::announce(&format!("{data}\n")) {
            self.broken = Some(error);
        }
    }

    /// One that failed.
    pub(crate) fn failed(&mut self, host: &str, error: &SshError) {
        say!("{host}: {error}");
        self.failed += 1;
        self.records
            .push(json!({ "host": host, "error": error.to_string() }));
    }

    /// Ends the report; `of` hosts were asked.
    ///
    /// # Errors
    /// [`CliError::Hosts`] where some failed, [`CliError::Output`].
    pub(crate) fn end(self, of: usize) -> Result<Exit, CliError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        if self.as_json {
            output::json(&Value::from(self.records))?;
        }
        match self.failed {
            0 => Ok(Exit::Done),
            failed => Err(CliError::Hosts { failed, of }),
        }
    }
}
