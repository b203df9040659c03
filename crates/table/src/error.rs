//! What can be wrong with columns: those handed in, those from the wire, those in a part.

use std::path::PathBuf;

use polars::prelude::PolarsError;

/// Columns that do not fit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    #[error(transparent)]
    Polars(#[from] PolarsError),
    #[error("the columns of `{table}` do not decode: {fault}")]
    Payload {
        table: &'static str,
        fault: PayloadFault,
    },
    #[error(transparent)]
    Rows(#[from] RowFault),
    #[error("{path} does not read as a part: {source}")]
    Part { path: PathBuf, source: PolarsError },
    #[error("{path} cannot be opened: {source}")]
    Open {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} does not read as a part: the reader gave up")]
    PartPanic { path: PathBuf },
    #[error(
        "{path} has the column `{column}`, which this version of the program does not know: a newer one wrote it"
    )]
    UnknownColumn { path: PathBuf, column: String },
}

/// What is wrong with encoded columns.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadFault {
    #[error("it ends before it should")]
    Truncated,
    #[error("its columns are not those of this version of the program")]
    Schema,
    #[error("a message in it is not well formed: {0}")]
    Message(prost::DecodeError),
    #[error("column `{column}` does not have a value for each row")]
    Values { column: &'static str },
    #[error("{found} rows, where {allowed} are allowed")]
    Rows { found: u64, allowed: u64 },
    #[error("{extra} bytes follow its end")]
    Trailing { extra: usize },
    #[error("column `{column}` holds a null")]
    Null { column: &'static str },
    #[error("column `{column}` holds {found}, outside 0 to {largest}")]
    Count {
        column: &'static str,
        found: i64,
        largest: i64,
    },
    #[error("column `{column}` holds a text of {found} bytes, more than {allowed}")]
    Text {
        column: &'static str,
        found: usize,
        allowed: usize,
    },
    #[error("{0}")]
    Polars(PolarsError),
}

/// Rows that contradict each other.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowFault {
    #[error("rows of trial {trial} came ahead of a report that is not of that trial alone")]
    Spool { trial: u64 },
    #[error("`{column}` holds {found}, outside 0 to {largest}")]
    Count {
        column: &'static str,
        found: i64,
        largest: i64,
    },
    #[error("trial {trial} has two rows")]
    Twice { trial: u64 },
    #[error("`{table}` has rows of trial {trial}, which `trials` does not know")]
    UnknownTrial { table: &'static str, trial: u64 },
    #[error("trial {trial} has the status '{found}', not completed, diverged or failed")]
    Status { trial: u64, found: String },
    #[error("trial {trial} has status '{status}' but its error is {error}")]
    Error {
        trial: u64,
        status: String,
        /// "missing" or "set".
        error: &'static str,
    },
    #[error("trial {trial} has the id '{found}', not 32 lower-case hexadecimal digits")]
    Id { trial: u64, found: String },
    #[error("trial {trial} has a comparison that is neither within, beyond nor not compared")]
    Verdict { trial: u64 },
    #[error("`{table}` has rows of trial {trial}, which failed")]
    RowsOfFailed { table: &'static str, trial: u64 },
}
