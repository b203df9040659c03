//! The journal: which parts count, which trials they cover, which generations number them. SQLite.
//!
//! A rollback journal, truncated and synced at each commit, and not a write-ahead log: run folders lie on
//! network file systems, where a log's shared memory does not work, and are copied by people, who would leave
//! the log behind. Its two more syncs a commit do not matter beside those of the parts. One process writes
//! (the folder's lock sees to that); readers wait for a commit, not the other way round.
//!
//! Statements only: what they mean for a folder is in `folder`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, params};

use crate::codec;
use crate::folder::{
    CommitRow, Counts, EndedAttempt, FailedTrial, FolderError, Format, GenerationRecord, NewCommit,
    PartRow, setting,
};
use crate::schema::{TableName, columns_of_fingerprint, fingerprint_of};

/// "pars": the mark of our databases.
const APPLICATION_ID: i32 = 0x7061_7273;

/// Version of the tables below. 2 added `parts.hash` and `parts.columns`.
const LAYOUT: i32 = 2;

/// How long a statement waits for another process that reads or copies. Longer than any query of ours holds
/// the journal, which is the time to read a list of parts.
const BUSY: Duration = Duration::from_secs(30);

const CREATE: &str = "
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE generations (
    number INTEGER PRIMARY KEY,
    base INTEGER NOT NULL,
    size INTEGER NOT NULL,
    toml TEXT NOT NULL,
    sweep_toml TEXT NOT NULL,
    hash TEXT NOT NULL,
    files TEXT NOT NULL
) STRICT;
CREATE TABLE commits (
    number INTEGER PRIMARY KEY,
    runs BLOB NOT NULL,
    completed INTEGER NOT NULL,
    diverged INTEGER NOT NULL,
    failed INTEGER NOT NULL
) STRICT;
CREATE TABLE parts (
    commit_number INTEGER NOT NULL,
    table_name TEXT NOT NULL,
    file INTEGER NOT NULL,
    byte_count INTEGER NOT NULL,
    row_count INTEGER NOT NULL,
    hash BLOB,
    columns TEXT,
    PRIMARY KEY (commit_number, table_name)
) STRICT, WITHOUT ROWID;
CREATE TABLE failed (
    trial INTEGER PRIMARY KEY,
    commit_number INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    error TEXT NOT NULL
) STRICT;
";

/// Attempts that ended without a row that counts. It is made when the first of them is kept, so that folders of the
/// same layout may lack it.
const CREATE_ATTEMPTS: &str = "
CREATE TABLE IF NOT EXISTS attempts (
    number INTEGER PRIMARY KEY,
    trial INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    worker TEXT,
    outcome TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS attempts_by_trial ON attempts (trial);
";

/// Attempts that are kept, the newest ones: 10 MB at 100 bytes each.
const MOST_ATTEMPTS: i64 = 100_000;

/// From layout 1: what an older program did not keep is null.
const UPGRADE: &str = "
ALTER TABLE parts ADD COLUMN hash BLOB;
ALTER TABLE parts ADD COLUMN columns TEXT;
";

/// What a file that should be a journal is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Inspection {
    Ours,
    /// No table at all: just made, or made and never filled.
    Empty,
    /// Not a database, or one with broken pages.
    Damaged,
}

/// An open journal.
pub(crate) struct Journal {
    connection: Connection,
    path: PathBuf,
}

impl Journal {
    /// Opens or makes the file. Nothing is read yet.
    pub(crate) fn open(path: &Path) -> Result<Journal, FolderError> {
        Journal::with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        )
    }

    /// Opens a journal to read from it, also while another process writes. Where the folder allows it the
    /// connection may write: only then can it finish what a killed writer left half done.
    pub(crate) fn open_reader(path: &Path) -> Result<Journal, FolderError> {
        let reader = Journal::with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
            .or_else(|_| Journal::with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY))?;
        reader.done(|connection| connection.execute_batch("PRAGMA query_only = 1"))?;
        Ok(reader)
    }

    /// Lets all that is read from here on be of one moment.
    pub(crate) fn hold(&self) -> Result<(), FolderError> {
        self.done(|connection| connection.execute_batch("BEGIN"))
    }

    /// Closes the connection and opens the file anew. The old one goes first: it may hold the file's lock.
    pub(crate) fn open_again(&mut self) -> Result<(), FolderError> {
        self.connection = Connection::open_in_memory().map_err(|source| self.failed(source))?;
        *self = Journal::open(&self.path)?;
        Ok(())
    }

    fn with_flags(path: &Path, flags: OpenFlags) -> Result<Journal, FolderError> {
        let failed = |source| FolderError::Journal {
            path: path.to_owned(),
            source,
        };
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        Ok(Journal {
            connection,
            path: path.to_owned(),
        })
    }

    /// Runs a statement, giving errors the journal's path.
    fn done<T>(
        &self,
        statement: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, FolderError> {
        statement(&self.connection).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: rusqlite::Error) -> FolderError {
        FolderError::Journal {
            path: self.path.clone(),
            source,
        }
    }

    /// Runs statements that hold together: all of them, or none.
    fn together<T>(
        &mut self,
        statements: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, FolderError> {
        let path = self.path.clone();
        let run = || -> rusqlite::Result<T> {
            let transaction = self.connection.transaction()?;
            let value = statements(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        run().map_err(|source| FolderError::Journal { path, source })
    }

    /// Looks what the file is.
    ///
    /// # Errors
    /// A journal of another program or of a newer version of this one, and whatever is not damage.
    pub(crate) fn inspect(&self) -> Result<Inspection, FolderError> {
        match self.look() {
            Ok((0, _, _, _)) => Ok(Inspection::Empty),
            Ok((_, APPLICATION_ID, layout, _)) if layout > LAYOUT => Err(FolderError::Newer {
                dir: self.path.parent().unwrap_or(&self.path).to_owned(),
                version: self.writer(),
                found: Format::Journal(layout),
                known: Format::Journal(LAYOUT),
            }),
            Ok((_, APPLICATION_ID, _, true)) => Ok(Inspection::Ours),
            Ok((_, APPLICATION_ID, _, false)) => Ok(Inspection::Damaged),
            Ok(_) => Err(FolderError::JournalForeign {
                path: self.path.clone(),
            }),
            Err(error) if is_damage(&error) => Ok(Inspection::Damaged),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Number of tables, application, layout, soundness.
    fn look(&self) -> rusqlite::Result<(i64, i32, i32, bool)> {
        let get = |pragma: &str| -> rusqlite::Result<i32> {
            self.connection
                .query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))
        };
        let tables =
            self.connection
                .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let (application, layout) = (get("application_id")?, get("user_version")?);
        let verdict: String = self
            .connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        Ok((tables, application, layout, verdict == "ok"))
    }

    /// Version of the program that wrote the journal last, as far as that can be read.
    fn writer(&self) -> String {
        let version = self.setting(setting::VERSION).ok().flatten();
        version.unwrap_or_else(|| "unknown".to_owned())
    }

    fn layout(&self) -> Result<i32, FolderError> {
        self.done(|connection| connection.query_row("PRAGMA user_version", [], |row| row.get(0)))
    }

    /// Brings a journal of an older program to this one's layout, whole or not at all. After
    /// [`Journal::prepare`].
    pub(crate) fn upgrade(&mut self) -> Result<(), FolderError> {
        if self.layout()? == LAYOUT {
            return Ok(());
        }
        self.together(|connection| {
            connection.execute_batch(UPGRADE)?;
            connection.execute_batch(&format!("PRAGMA user_version = {LAYOUT};"))
        })
    }

    /// Prepares the connection for writing. Before the first statement that writes.
    pub(crate) fn prepare(&self) -> Result<(), FolderError> {
        self.done(|connection| {
            connection.execute_batch("PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL;")
        })
    }

    /// Makes the tables and what is in them from the start, together: a journal is either empty or whole.
    pub(crate) fn create(
        &mut self,
        settings: &[(&str, &str)],
        generations: &[(GenerationRecord, String)],
        commits: &[NewCommit<'_>],
    ) -> Result<(), FolderError> {
        self.together(|connection| {
            connection.execute_batch(CREATE)?;
            connection.execute_batch(&format!(
                "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {LAYOUT};"
            ))?;
            for (name, value) in settings {
                put_setting(connection, name, value)?;
            }
            for (record, sweep_toml) in generations {
                put_generation(connection, record, sweep_toml)?;
            }
            for commit in commits {
                enter(connection, commit)?;
            }
            Ok(())
        })
    }

    pub(crate) fn setting(&self, name: &str) -> Result<Option<String>, FolderError> {
        self.done(|connection| {
            connection
                .query_row(
                    "SELECT value FROM settings WHERE name = ?1",
                    [name],
                    |row| row.get(0),
                )
                .optional()
        })
    }

    pub(crate) fn set_settings(&mut self, settings: &[(&str, &str)]) -> Result<(), FolderError> {
        self.together(|connection| {
            for (name, value) in settings {
                put_setting(connection, name, value)?;
            }
            Ok(())
        })
    }

    /// Takes out all settings whose names begin so.
    pub(crate) fn forget_settings(&self, prefix: &str) -> Result<(), FolderError> {
        let like = "DELETE FROM settings WHERE substr(name, 1, length(?1)) = ?1";
        self.done(|connection| connection.execute(like, [prefix]))?;
        Ok(())
    }

    pub(crate) fn generations(&self) -> Result<Vec<GenerationRecord>, FolderError> {
        let rows = self.done(|connection| {
            connection
                .prepare(
                    "SELECT number, base, size, toml, hash, files FROM generations ORDER BY number",
                )?
                .query_map([], |row| {
                    let record = GenerationRecord {
                        number: row.get(0)?,
                        base: get_u64(row, 1)?,
                        size: get_u64(row, 2)?,
                        toml: row.get(3)?,
                        hash: row.get(4)?,
                        files: Vec::new(),
                    };
                    Ok((record, row.get::<_, String>(5)?))
                })?
                .collect::<rusqlite::Result<Vec<_>>>()
        })?;
        rows.into_iter()
            .map(|(record, files)| {
                let files =
                    files_from_json(&files).ok_or_else(|| self.entry("generations.files"))?;
                Ok(GenerationRecord { files, ..record })
            })
            .collect()
    }

    /// The newest generation's sweep file as it was given.
    pub(crate) fn newest_sweep(&self) -> Result<Option<String>, FolderError> {
        let newest = "SELECT sweep_toml FROM generations ORDER BY number DESC LIMIT 1";
        self.done(|connection| {
            connection
                .query_row(newest, [], |row| row.get(0))
                .optional()
        })
    }

    pub(crate) fn add_generation(
        &mut self,
        record: &GenerationRecord,
        sweep_toml: &str,
    ) -> Result<(), FolderError> {
        self.together(|connection| put_generation(connection, record, sweep_toml))?;
        Ok(())
    }

    /// Another text of the newest generation's sweep file: one that differs in what no trial depends on.
    pub(crate) fn set_newest_sweep(&mut self, sweep_toml: &str) -> Result<(), FolderError> {
        let newest = "UPDATE generations SET sweep_toml = ?1
                      WHERE number = (SELECT max(number) FROM generations)";
        self.done(|connection| connection.execute(newest, [sweep_toml]))?;
        Ok(())
    }

    /// Every commit with its parts, in order.
    pub(crate) fn commits(&self) -> Result<Vec<CommitRow>, FolderError> {
        let rows = self.done(|connection| {
            connection
                .prepare(
                    "SELECT number, completed, diverged, failed, runs FROM commits ORDER BY number",
                )?
                .query_map([], |row| {
                    let counts = Counts {
                        completed: get_u64(row, 1)?,
                        diverged: get_u64(row, 2)?,
                        failed: get_u64(row, 3)?,
                    };
                    Ok((get_u64(row, 0)?, counts, row.get::<_, Vec<u8>>(4)?))
                })?
                .collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let mut commits = Vec::with_capacity(rows.len());
        for (number, counts, runs) in rows {
            commits.push(CommitRow {
                number,
                counts,
                runs: codec::decode(&runs).ok_or_else(|| self.entry("commits.runs"))?,
                parts: Vec::new(),
            });
        }
        for (number, part) in self.parts()? {
            let commit = commits
                .binary_search_by_key(&number, |commit| commit.number)
                .map_err(|_| self.entry("parts.commit_number"))?;
            commits[commit].parts.push(part);
        }
        Ok(commits)
    }

    /// Every part with the number of its commit.
    pub(crate) fn parts(&self) -> Result<Vec<(u64, PartRow)>, FolderError> {
        // A reader may not upgrade what it reads.
        let newer = if self.layout()? < LAYOUT {
            "NULL, NULL"
        } else {
            "hash, columns"
        };
        let rows = self.done(|connection| {
            connection
                .prepare(&format!(
                    "SELECT commit_number, table_name, file, byte_count, row_count, {newer}
                     FROM parts ORDER BY commit_number, table_name"
                ))?
                .query_map([], |row| {
                    let numbers = [get_u64(row, 2)?, get_u64(row, 3)?, get_u64(row, 4)?];
                    let names: (String, Option<String>) = (row.get(1)?, row.get(6)?);
                    Ok((get_u64(row, 0)?, numbers, names, row.get(5)?))
                })?
                .collect::<rusqlite::Result<Vec<_>>>()
        })?;
        rows.into_iter()
            .map(|(commit, [file, bytes, rows], (table, columns), hash)| {
                let table =
                    TableName::from_name(&table).ok_or_else(|| self.entry("parts.table_name"))?;
                let hash: Option<Vec<u8>> = hash;
                let hash = hash.map(|bytes| blake3::Hash::from_slice(&bytes));
                let columns = columns.map(|text| columns_of_fingerprint(&text));
                let part = PartRow {
                    table,
                    file,
                    bytes,
                    rows,
                    hash: hash.transpose().map_err(|_| self.entry("parts.hash"))?,
                    columns: columns.flatten(),
                };
                Ok((commit, part))
            })
            .collect()
    }

    /// Failed trials in order of their numbers.
    pub(crate) fn failed_trials(&self) -> Result<Vec<FailedTrial>, FolderError> {
        self.done(|connection| {
            connection
                .prepare("SELECT trial, attempts, error FROM failed ORDER BY trial")?
                .query_map([], |row| {
                    Ok(FailedTrial {
                        trial: get_u64(row, 0)?,
                        attempts: row.get(1)?,
                        error: row.get(2)?,
                    })
                })?
                .collect()
        })
    }

    /// Keeps attempts, and forgets the oldest where there are too many.
    pub(crate) fn add_attempts(&mut self, attempts: &[EndedAttempt]) -> Result<(), FolderError> {
        self.together(|connection| {
            connection.execute_batch(CREATE_ATTEMPTS)?;
            let mut insert = connection.prepare(
                "INSERT INTO attempts (trial, ended_at, worker, outcome) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for attempt in attempts {
                insert.execute(params![
                    attempt.trial.cast_signed(),
                    attempt.ended_at_us,
                    attempt.worker,
                    attempt.outcome,
                ])?;
            }
            connection.execute(
                "DELETE FROM attempts WHERE number <= (SELECT max(number) FROM attempts) - ?1",
                [MOST_ATTEMPTS],
            )?;
            Ok(())
        })
    }

    /// The attempts of a trial that are kept, in their order.
    pub(crate) fn attempts(&self, trial: u64) -> Result<Vec<EndedAttempt>, FolderError> {
        self.done(|connection| {
            let is_there = connection.query_row(
                "SELECT count(*) FROM sqlite_schema WHERE name = 'attempts'",
                [],
                |row| row.get::<_, i64>(0),
            )?;
            if is_there == 0 {
                return Ok(Vec::new());
            }
            connection
                .prepare(
                    "SELECT trial, ended_at, worker, outcome FROM attempts
                     WHERE trial = ?1 ORDER BY number",
                )?
                .query_map([trial.cast_signed()], |row| {
                    Ok(EndedAttempt {
                        trial: get_u64(row, 0)?,
                        ended_at_us: row.get(1)?,
                        worker: row.get(2)?,
                        outcome: row.get(3)?,
                    })
                })?
                .collect()
        })
    }

    /// Whether a commit is entered.
    pub(crate) fn knows(&self, commit: u64) -> Result<bool, FolderError> {
        self.done(|connection| {
            connection.query_row(
                "SELECT count(*) FROM commits WHERE number = ?1",
                [commit.cast_signed()],
                |row| row.get(0),
            )
        })
    }

    /// Enters commits, and takes others out with all their parts and failures.
    pub(crate) fn exchange(
        &mut self,
        out: &[u64],
        new: &[NewCommit<'_>],
    ) -> Result<(), FolderError> {
        self.together(|connection| {
            for number in out {
                take_out(connection, *number)?;
            }
            for commit in new {
                enter(connection, commit)?;
            }
            Ok(())
        })
    }
}

impl Journal {
    fn entry(&self, what: &'static str) -> FolderError {
        FolderError::JournalEntry {
            path: self.path.clone(),
            what,
        }
    }
}

/// Whether an error says that the file itself is broken.
fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
    )
}

fn put_setting(connection: &Connection, name: &str, value: &str) -> rusqlite::Result<usize> {
    connection.execute(
        "INSERT INTO settings (name, value) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        [name, value],
    )
}

fn put_generation(
    connection: &Connection,
    record: &GenerationRecord,
    sweep_toml: &str,
) -> rusqlite::Result<usize> {
    connection.execute(
        "INSERT INTO generations (number, base, size, toml, sweep_toml, hash, files)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            record.number,
            record.base.cast_signed(),
            record.size.cast_signed(),
            record.toml,
            sweep_toml,
            record.hash,
            files_to_json(&record.files),
        ],
    )
}

fn take_out(connection: &Connection, number: u64) -> rusqlite::Result<()> {
    let number = [number.cast_signed()];
    connection.execute("DELETE FROM parts WHERE commit_number = ?1", number)?;
    connection.execute("DELETE FROM failed WHERE commit_number = ?1", number)?;
    connection.execute("DELETE FROM commits WHERE number = ?1", number)?;
    Ok(())
}

fn enter(connection: &Connection, commit: &NewCommit<'_>) -> rusqlite::Result<()> {
    let number = commit.number.cast_signed();
    connection.execute(
        "INSERT INTO commits (number, runs, completed, diverged, failed) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            number,
            codec::encode(commit.numbers),
            commit.counts.completed.cast_signed(),
            commit.counts.diverged.cast_signed(),
            commit.counts.failed.cast_signed(),
        ],
    )?;
    for part in commit.parts {
        connection.execute(
            "INSERT INTO parts
             (commit_number, table_name, file, byte_count, row_count, hash, columns)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                number,
                part.table.name(),
                part.file.cast_signed(),
                part.bytes.cast_signed(),
                part.rows.cast_signed(),
                part.hash.as_ref().map(|hash| hash.as_bytes().as_slice()),
                part.columns.map(fingerprint_of),
            ],
        )?;
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO failed (trial, commit_number, attempts, error) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for failed in commit.failed {
        insert.execute(params![
            failed.trial.cast_signed(),
            number,
            failed.attempts,
            failed.error,
        ])?;
    }
    Ok(())
}

/// SQLite's integers have a sign; ours are kept bit for bit.
fn get_u64(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(at).map(i64::cast_unsigned)
}

pub(crate) fn files_to_json(files: &[(String, String)]) -> String {
    let pairs: Vec<_> = files
        .iter()
        .map(|(name, hash)| serde_json::json!([name, hash]))
        .collect();
    serde_json::Value::Array(pairs).to_string()
}

pub(crate) fn files_from_json(text: &str) -> Option<Vec<(String, String)>> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests;
