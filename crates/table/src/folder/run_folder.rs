//! The open folder: what it holds in memory and what can be asked of it.

use std::fs::File;
use std::path::{Path, PathBuf};

use sweep::IntervalSet;

use crate::comparison::{self, Comparison};
use crate::error::TableError;
use crate::journal::{self, Inspection, Journal};
use crate::part::{self, Label};
use crate::schema::{SCHEMA_VERSION, TableName, fingerprint};

use super::disk;
use super::error::FolderError;
use super::fault::Hook;
use super::labels::{label, setting};
use super::layout::Layout;
use super::records::{Counts, FailedTrial, GenerationRecord, Meta};

/// One run folder, locked while this value lives. The lock dies with the process.
pub struct RunFolder {
    pub(super) layout: Layout,
    pub(super) journal: Journal,
    pub(super) meta: Meta,
    /// Hash of the newest generation; empty before the first.
    pub(super) sweep_hash: String,
    pub(super) hook: Option<Hook>,
    pub(super) done: IntervalSet,
    pub(super) counts: Counts,
    /// Number of the next part.
    pub(super) next_file: u64,
    pub(super) repairs: Vec<String>,
    /// A write of the journal ended so that nobody knows whether it happened.
    pub(super) unsure: bool,
    /// What such a write turned out to have made durable, until somebody asks.
    pub(super) landed: IntervalSet,
    pub(super) _lock: File,
}

impl std::fmt::Debug for RunFolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunFolder")
            .field("dir", &self.layout.dir())
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

impl RunFolder {
    /// Where the folder is.
    pub fn dir(&self) -> &Path {
        self.layout.dir()
    }

    /// What its new files say of their origin.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// What was mended when the folder was opened, in sentences for people.
    pub fn repairs(&self) -> &[String] {
        &self.repairs
    }

    /// Generations in order.
    ///
    /// # Errors
    /// Where the journal cannot be read.
    pub fn generations(&self) -> Result<Vec<GenerationRecord>, FolderError> {
        self.journal.generations()
    }

    /// Adds the next generation and writes `sweep.toml`, which says what the folder is being run as.
    ///
    /// # Errors
    /// [`FolderError::GenerationOrder`] where the number is not the next one; otherwise where the disk or the
    /// journal refuse. The folder is then as it was.
    pub fn add_generation(
        &mut self,
        record: &GenerationRecord,
        sweep_toml: &str,
    ) -> Result<(), FolderError> {
        self.check_sure()?;
        let known = self.journal.generations()?.len();
        let expected = u32::try_from(known).unwrap_or(u32::MAX);
        if record.number != expected {
            return Err(FolderError::GenerationOrder {
                expected,
                found: record.number,
            });
        }
        self.write_generation_part(record, sweep_toml)?;
        self.journal.add_generation(record, sweep_toml)?;
        self.sweep_hash.clone_from(&record.hash);
        disk::replace(&self.layout.sweep(), sweep_toml.as_bytes())
    }

    /// Replaces the text of the newest generation's sweep file by one that differs in what no trial depends on, such as
    /// its pictures. Nothing is written where the text is the same.
    ///
    /// # Errors
    /// Where the disk or the journal refuse.
    pub fn replace_sweep(&mut self, sweep_toml: &str) -> Result<(), FolderError> {
        self.check_sure()?;
        let Some(newest) = self.journal.generations()?.pop() else {
            return Ok(());
        };
        if self.journal.newest_sweep()?.as_deref() == Some(sweep_toml) {
            return Ok(());
        }
        self.write_generation_part(&newest, sweep_toml)?;
        self.journal.set_newest_sweep(sweep_toml)?;
        disk::replace(&self.layout.sweep(), sweep_toml.as_bytes())
    }

    /// Writes the part without rows that carries a generation, so that the journal can be made again.
    pub(super) fn write_generation_part(
        &self,
        record: &GenerationRecord,
        sweep_toml: &str,
    ) -> Result<(), FolderError> {
        let mut labels = labels(&self.meta, &record.hash);
        labels.extend([
            (label::BASE, record.base.to_string()),
            (label::SIZE, record.size.to_string()),
            (label::TOML, record.toml.clone()),
            (label::SWEEP_TOML, sweep_toml.to_owned()),
            (label::FILES, journal::files_to_json(&record.files)),
        ]);
        let path = self.layout.generation_part(record.number);
        let empty = part::encode(TableName::Trials, [], &labels)?;
        disk::replace(&path, &empty.bytes)
    }

    /// Numbers with a durable row, failed ones included.
    ///
    /// # Errors
    /// None at present; the set is kept in memory.
    pub fn done(&self) -> Result<IntervalSet, FolderError> {
        Ok(self.done.clone())
    }

    /// Trials whose durable row says failed, in order of their numbers.
    ///
    /// # Errors
    /// Where the journal cannot be read.
    pub fn failed(&self) -> Result<Vec<FailedTrial>, FolderError> {
        self.journal.failed_trials()
    }

    /// Durable rows by status.
    ///
    /// # Errors
    /// None at present; the counts are kept in memory.
    pub fn counts(&self) -> Result<Counts, FolderError> {
        Ok(self.counts)
    }

    /// Comparisons of trials on both engines, in order of their numbers. Reads a column of all of `trials`.
    ///
    /// # Errors
    /// Where a part cannot be read.
    pub fn comparisons(&self) -> Result<Vec<Comparison>, FolderError> {
        let mut found = Vec::new();
        for (_, part) in self.journal.parts()? {
            if part.table != TableName::Trials {
                continue;
            }
            let path = self.part(part.table, part.file);
            let frame = part::read(part.table, &path, Some(&["run_verify"]))?;
            let verdicts = frame.column("run_verify").map_err(TableError::from)?;
            if verdicts.null_count() < frame.height() {
                let frame = part::read(part.table, &path, Some(&comparison::columns()))?;
                found.extend(comparison::read(&frame)?);
            }
        }
        found.sort_by_key(|comparison| comparison.trial);
        Ok(found)
    }

    /// A value that was kept under a key.
    ///
    /// # Errors
    /// Where the journal cannot be read.
    pub fn state(&self, key: &str) -> Result<Option<String>, FolderError> {
        self.journal.setting(&format!("{}{key}", setting::STATE))
    }

    /// Keeps a value under a key, durably.
    ///
    /// # Errors
    /// Where the journal cannot be written.
    pub fn set_state(&mut self, key: &str, value: &str) -> Result<(), FolderError> {
        let key = format!("{}{key}", setting::STATE);
        self.journal.set_settings(&[(key.as_str(), value)])
    }

    /// Labels of this folder's parts.
    pub(super) fn labels(&self) -> Vec<Label> {
        labels(&self.meta, &self.sweep_hash)
    }

    pub(super) fn part(&self, table: TableName, file: u64) -> PathBuf {
        self.layout.part(table, file)
    }

    pub(super) fn pass(&self, point: &str) {
        if let Some(hook) = self.hook {
            hook(point);
        }
    }

    /// Finds out what became of a write of the journal whose end nobody saw; quick where there was none.
    ///
    /// A connection that could neither finish nor take back may never recover: a new one rolls back what is
    /// half done, and then the journal says which it was.
    ///
    /// # Errors
    /// [`FolderError::Unsure`] while the journal still cannot be read; where the disk refuses.
    pub fn settle(&mut self) -> Result<(), FolderError> {
        if !self.unsure {
            return Ok(());
        }
        self.journal.open_again()?;
        if self.journal.inspect()? != Inspection::Ours {
            return self.check_sure();
        }
        self.journal.prepare()?;
        let before = self.done.clone();
        self.remove_unnamed()?;
        self.refresh()?;
        self.landed = self.done.clone();
        self.landed.subtract(&before);
        self.unsure = false;
        Ok(())
    }

    /// Says that the last write may not have come to its end: [`RunFolder::settle`] will look.
    pub fn doubt(&mut self) {
        self.unsure = true;
    }

    /// Trials that [`RunFolder::settle`] found durable though their commit had reported a failure. Each is reported once.
    pub fn take_landed(&mut self) -> IntervalSet {
        std::mem::take(&mut self.landed)
    }

    pub(super) fn check_sure(&self) -> Result<(), FolderError> {
        if self.unsure {
            return Err(FolderError::Unsure {
                dir: self.layout.dir().to_owned(),
            });
        }
        Ok(())
    }

    /// Reads from the journal what is kept in memory.
    pub(super) fn refresh(&mut self) -> Result<(), FolderError> {
        let commits = self.journal.commits()?;
        self.counts = Counts::default();
        let mut runs = Vec::new();
        for commit in commits {
            self.counts.add(&commit.counts);
            runs.extend(commit.runs);
        }
        self.done = crate::codec::union(runs);
        Ok(())
    }
}

/// Labels that every part carries.
pub(super) fn labels(meta: &Meta, sweep_hash: &str) -> Vec<Label> {
    vec![
        (label::SCHEMA_VERSION, SCHEMA_VERSION.to_string()),
        (label::SCHEMA, fingerprint().to_owned()),
        (label::SWEEP, meta.name.clone()),
        (label::SWEEP_HASH, sweep_hash.to_owned()),
        (label::VERSION, meta.program_version.clone()),
        (label::REVISION, meta.revision.clone()),
    ]
}
