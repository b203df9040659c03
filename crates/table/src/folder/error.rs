//! Why a run folder cannot be used, and what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::TableError;

/// What shows that a program is older than a folder: a version, or a column that it does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// Layout of the journal.
    Journal(i32),
    /// Version of the tables' columns.
    Tables(u32),
    /// A version of the tables' columns, and a column that a program of the same version lacks.
    Column(u32, String),
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Format::Journal(version) => write!(f, "journal {version}"),
            Format::Tables(version) => write!(f, "tables {version}"),
            Format::Column(version, column) => {
                write!(f, "tables {version} with the column `{column}`")
            }
        }
    }
}

/// A run folder that does not do what was asked. What was durable before stays so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    #[error("{dir} is neither empty nor a run folder; choose another folder")]
    NotARun { dir: PathBuf },
    #[error("{dir} is not there")]
    Missing { dir: PathBuf },
    #[error("{path} is there already; choose another folder, or give --force to replace it")]
    Exists { path: PathBuf },
    #[error("{dir} is in use by another process; wait until it ends, or stop it")]
    Locked { dir: PathBuf },
    #[error("cannot {action} {path}: {source}")]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("the journal {path} does not do what was asked: {source}")]
    Journal {
        path: PathBuf,
        source: rusqlite::Error,
    },
    #[error(
        "the journal {path} cannot be read, and the parts do not say which sweep they belong to; the tables \
         can still be read: put back a copy of journal.sqlite, or run into another folder"
    )]
    JournalLost { path: PathBuf },
    #[error("{path} is a database of another program; choose another folder")]
    JournalForeign { path: PathBuf },
    #[error(
        "{dir} was written by a newer version of the program, {version} ({found}); this is version {own} \
         ({known}): use the newer one, or run into another folder",
        own = env!("CARGO_PKG_VERSION")
    )]
    Newer {
        dir: PathBuf,
        /// Of the program that wrote it.
        version: String,
        found: Format,
        known: Format,
    },
    #[error("entry {what} of the journal {path} does not read")]
    JournalEntry { path: PathBuf, what: &'static str },
    #[error("trial {trial} has a durable row already")]
    AlreadyDone { trial: u64 },
    #[error("generation {found} was to be added where {expected} is due")]
    GenerationOrder { expected: u32, found: u32 },
    #[error("{path} has the content {found}, not {expected}")]
    Content {
        path: PathBuf,
        expected: String,
        found: String,
    },
    #[error("{path} {what}; its rows run again when the folder is next opened")]
    DamagedPart { path: PathBuf, what: &'static str },
    #[error(
        "the coordinator's copy of `{name}`, {path}, {what}; submit the sweep again with the file as it was"
    )]
    StoredFile {
        path: PathBuf,
        /// As the sweep names it.
        name: String,
        what: &'static str,
    },
    #[error("`{hash}` is not `blake3:` and 64 lower-case hexadecimal digits")]
    Hash { hash: String },
    #[error("an earlier write to {dir} may be half done, and its journal still cannot be read")]
    Unsure { dir: PathBuf },
    #[error(
        "a defect of the program ended a write to {dir}; the rows are kept and may be tried again"
    )]
    Panicked { dir: PathBuf },
    #[error(transparent)]
    Table(#[from] TableError),
}

impl FolderError {
    /// Whether another folder, or another moment, would do: the request was wrong rather than the world.
    pub fn is_request_error(&self) -> bool {
        matches!(
            self,
            FolderError::NotARun { .. }
                | FolderError::Missing { .. }
                | FolderError::Exists { .. }
                | FolderError::Locked { .. }
                | FolderError::JournalLost { .. }
                | FolderError::JournalForeign { .. }
                | FolderError::Newer { .. }
                | FolderError::StoredFile { .. }
        )
    }
}

/// Makes an I/O error say what was done to which path.
pub(crate) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_owned();
    move |source| FolderError::Io {
        action,
        path,
        source,
    }
}
