//! Making a batch durable: parts beside their places and synced, renamed, the folders synced, then one entry
//! in the journal. Only after that may a result be acknowledged.

use std::time::Instant;

use crate::batch::{Batch, Tally};
use crate::part::{self, Encoded, Label};
use crate::schema::{TableName, schema_fingerprint};
use crate::staged::StagedFile;

use super::disk;
use super::error::FolderError;
use super::fault::fault_point;
use super::labels::label;
use super::records::{CommitInfo, NewCommit, PartRow};
use super::run_folder::RunFolder;

/// The order in which a commit's parts get their names. `trials` is last: where it is, all of the commit is,
/// and rows of other tables without their trial are seen by nobody who joins.
const ORDER: [TableName; 4] = [
    TableName::History,
    TableName::Spectra,
    TableName::Layers,
    TableName::Trials,
];

impl RunFolder {
    /// Writes a batch durably. On return its rows survive any kill; on an error none of them is in the folder.
    ///
    /// # Errors
    /// [`FolderError::AlreadyDone`] where a trial has a durable row; [`FolderError::Unsure`] after an earlier
    /// write of the journal whose end nobody saw; where the disk refuses, after which the same batch may be
    /// tried again.
    pub fn commit(&mut self, batch: &Batch) -> Result<CommitInfo, FolderError> {
        let begun = Instant::now();
        self.check_sure()?;
        let numbers = batch.trial_numbers();
        if let Some(repeated) = numbers.intersection(&self.done).runs().next() {
            return Err(FolderError::AlreadyDone {
                trial: repeated.start,
            });
        }
        let comparisons = batch.comparisons()?;
        let mut bytes = 0;
        if !numbers.is_empty() {
            let tally = batch.tally()?;
            let file = self.next_file;
            let (parts, staged) = self.stage_all(batch, file)?;
            bytes = parts.iter().map(|part| part.bytes).sum();
            self.pass(fault_point::BEFORE_RENAME);
            self.enter_parts(&parts, staged, |folder| {
                folder.journal.exchange(
                    &[],
                    &[NewCommit {
                        number: file,
                        numbers: &numbers,
                        counts: tally.counts,
                        failed: &tally.failed,
                        parts: &parts,
                    }],
                )
            })?;
            self.remember(&numbers, &tally);
        }
        Ok(CommitInfo {
            seconds: begun.elapsed().as_secs_f64(),
            bytes,
            numbers,
            counts: self.counts,
            comparisons,
        })
    }

    fn remember(&mut self, numbers: &sweep::IntervalSet, tally: &Tally) {
        for run in numbers.runs() {
            self.done.insert(run);
        }
        self.counts.add(&tally.counts);
    }

    /// Writes the parts of a batch beside their places. On an error nothing is left.
    fn stage_all(
        &self,
        batch: &Batch,
        file: u64,
    ) -> Result<(Vec<PartRow>, Vec<StagedFile>), FolderError> {
        let mut parts: Vec<PartRow> = Vec::new();
        let mut files = Vec::new();
        for table in ORDER {
            let rows = batch.table_rows(table);
            if rows == 0 {
                continue;
            }
            let mut labels = self.labels();
            if table == TableName::Trials {
                labels.push(siblings(&parts));
            }
            let pieces = batch.pieces(table, part::ROW_GROUP_ROWS);
            let staged = disk::stage_with(&self.part(table, file), |out| {
                Ok(part::encode_into(out, table, pieces, &labels)?)
            })?;
            parts.push(PartRow {
                table,
                file,
                bytes: staged.bytes,
                rows: staged.written,
                hash: Some(staged.hash),
                columns: Some(schema_fingerprint()),
            });
            files.push(staged.file);
        }
        Ok((parts, files))
    }

    /// Writes one part beside its place.
    pub(super) fn stage_part(
        &self,
        table: TableName,
        file: u64,
        encoded: &Encoded,
    ) -> Result<(PartRow, StagedFile), FolderError> {
        let staged = disk::stage(&self.part(table, file), &encoded.bytes)?;
        let part = PartRow {
            table,
            file,
            bytes: encoded.bytes.len() as u64,
            rows: encoded.rows,
            hash: Some(blake3::hash(&encoded.bytes)),
            columns: Some(schema_fingerprint()),
        };
        Ok((part, staged))
    }

    /// Names staged parts and enters them in the journal. On an error the parts are gone again, unless nobody
    /// knows whether the journal has them.
    pub(super) fn enter_parts(
        &mut self,
        parts: &[PartRow],
        staged: Vec<StagedFile>,
        enter: impl FnOnce(&mut RunFolder) -> Result<(), FolderError>,
    ) -> Result<(), FolderError> {
        let published = self.publish_all(parts, staged);
        if let Err(error) = published {
            self.discard(parts);
            return Err(error);
        }
        self.pass(fault_point::BEFORE_JOURNAL);
        self.next_file += 1;
        let commit = self.next_file - 1;
        if let Err(error) = enter(self) {
            // A statement that fails is rolled back. Should that fail too, the journal says which it was; and
            // if it cannot even say, only opening the folder again will.
            match self.journal.knows(commit) {
                Ok(true) => {}
                Ok(false) => {
                    self.discard(parts);
                    return Err(error);
                }
                Err(_) => {
                    self.unsure = true;
                    return Err(error);
                }
            }
        }
        self.pass(fault_point::AFTER_JOURNAL);
        Ok(())
    }

    fn publish_all(&self, parts: &[PartRow], staged: Vec<StagedFile>) -> Result<(), FolderError> {
        for file in staged {
            disk::publish(file)?;
        }
        for part in parts {
            disk::sync_folder(&self.layout.table(part.table))?;
        }
        Ok(())
    }

    /// Removes parts that got their names and did not come to be. What cannot be removed now is removed when the
    /// folder is opened.
    fn discard(&self, parts: &[PartRow]) {
        for part in parts {
            let _ = disk::remove(&self.part(part.table, part.file));
        }
    }
}

/// The label that names a commit's other parts.
pub(super) fn siblings(parts: &[PartRow]) -> Label {
    let names: Vec<String> = parts
        .iter()
        .filter(|part| part.table != TableName::Trials)
        .map(|part| format!("{}={}", part.table.name(), part.file))
        .collect();
    (label::SIBLINGS, names.join(","))
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::super::tests_support::run;
    use super::*;
    use crate::batch::tests::batch;
    use crate::codec::union;
    use crate::staged::temporary_path;

    fn read_all(folder: &RunFolder, table: TableName) -> Vec<u64> {
        let mut trials = Vec::new();
        for path in super::super::layout::list(&folder.layout.table(table)).unwrap() {
            let frame = part::read(table, &path, Some(&["trial"])).unwrap();
            trials.extend(crate::frames::numbers(&frame, "trial").unwrap());
        }
        trials.sort_unstable();
        trials
    }

    #[test]
    fn a_commit_is_there_after_opening_again() {
        let home = tempfile::tempdir().unwrap();
        let mut folder = run(&home);
        let info = folder.commit(&batch(0..20, &[3])).unwrap();
        assert_eq!(info.numbers, union(vec![0..20]));
        assert_eq!(
            (
                info.counts.completed,
                info.counts.diverged,
                info.counts.failed
            ),
            (17, 2, 1)
        );
        assert!(info.bytes > 0);
        folder.commit(&batch([40, 30], &[])).unwrap();
        assert_eq!(folder.commit(&Batch::empty()).unwrap().bytes, 0);
        let dir = folder.dir().to_owned();
        drop(folder);
        let folder = RunFolder::open(&dir, None).unwrap();
        assert_eq!(folder.done().unwrap(), union(vec![0..20, 30..31, 40..41]));
        assert_eq!(folder.failed().unwrap()[0].error, "it broke");
        let expected: Vec<u64> = (0..20).chain([30, 40]).collect();
        assert_eq!(read_all(&folder, TableName::Trials), expected);
        assert_eq!(read_all(&folder, TableName::History).len(), 3 * 21);
        let labels = part::footer(&folder.part(TableName::Trials, 1))
            .unwrap()
            .labels;
        assert_eq!(labels["parsimony.sweep"], "s");
        assert_eq!(labels["parsimony.sweep_hash"], "hash-0");
        assert_eq!(labels["parsimony.siblings"], "history=1,spectra=1,layers=1");
    }

    /// The journal's connection broke in the middle of a commit that happened, or did not, and a later one
    /// finds out which.
    fn check_unsure(happened: bool) {
        let home = tempfile::tempdir().unwrap();
        let mut folder = run(&home);
        folder.commit(&batch(0..5, &[])).unwrap();
        let before = folder.done.clone();
        if happened {
            folder.commit(&batch(5..9, &[6])).unwrap();
        } else {
            let (parts, staged) = folder.stage_all(&batch(5..9, &[6]), 2).unwrap();
            folder.publish_all(&parts, staged).unwrap();
        }
        (folder.done, folder.unsure) = (before, true);
        assert!(matches!(
            folder.commit(&batch(5..9, &[6])),
            Err(FolderError::Unsure { .. })
        ));
        let journal = folder.layout.journal();
        let kept = std::fs::read(&journal).unwrap();
        std::fs::write(&journal, "no disk").unwrap();
        assert!(folder.settle().is_err());
        std::fs::write(&journal, kept).unwrap();
        folder.settle().unwrap();
        let landed = union(if happened { vec![5..9] } else { vec![] });
        assert_eq!(folder.take_landed(), landed);
        assert!(folder.take_landed().is_empty());
        if !happened {
            folder.commit(&batch(5..9, &[6])).unwrap();
        }
        folder.commit(&batch(9..12, &[])).unwrap();
        assert_eq!(
            read_all(&folder, TableName::Trials),
            (0..12).collect::<Vec<_>>()
        );
        assert_eq!(folder.counts().unwrap().total(), 12);
    }

    #[test]
    fn a_commit_whose_end_nobody_saw_is_found_out() {
        check_unsure(true);
        check_unsure(false);
    }

    #[test]
    fn no_trial_is_written_twice() {
        let home = tempfile::tempdir().unwrap();
        let mut folder = run(&home);
        folder.commit(&batch(0..5, &[])).unwrap();
        assert!(matches!(
            folder.commit(&batch([7, 4], &[])),
            Err(FolderError::AlreadyDone { trial: 4 })
        ));
        folder.commit(&batch([7], &[])).unwrap();
        assert_eq!(folder.counts().unwrap().total(), 6);
    }

    /// The process dies at a point of the second commit (here: unwinds and touches nothing more).
    fn check_death(point: &'static str, hook: fn(&str), survives: bool) {
        let home = tempfile::tempdir().unwrap();
        let mut folder = run(&home);
        folder.commit(&batch(0..5, &[])).unwrap();
        folder.hook = Some(hook);
        let died = catch_unwind(AssertUnwindSafe(|| folder.commit(&batch(5..9, &[6]))));
        assert!(died.is_err(), "{point} was not passed");
        let dir = folder.dir().to_owned();
        drop(folder);
        let mut folder = RunFolder::open(&dir, None).unwrap();
        let expected = union(vec![if survives { 0..9 } else { 0..5 }]);
        assert_eq!(folder.done().unwrap(), expected, "{point}");
        assert!(folder.repairs().is_empty());
        if !survives {
            folder.commit(&batch(5..9, &[6])).unwrap();
        }
        assert_eq!(
            read_all(&folder, TableName::Trials),
            (0..9).collect::<Vec<_>>()
        );
        assert_eq!(read_all(&folder, TableName::Layers).len(), 3 * 8);
        assert_eq!(folder.failed().unwrap().len(), 1);
    }

    fn die_at(wanted: &str, point: &str) {
        assert_ne!(wanted, point, "killed");
    }

    #[test]
    fn death_at_any_point_loses_nothing_acknowledged_and_repeats_nothing() {
        let before_rename = |point: &str| die_at(fault_point::BEFORE_RENAME, point);
        let before_journal = |point: &str| die_at(fault_point::BEFORE_JOURNAL, point);
        let after_journal = |point: &str| die_at(fault_point::AFTER_JOURNAL, point);
        check_death(fault_point::BEFORE_RENAME, before_rename, false);
        check_death(fault_point::BEFORE_JOURNAL, before_journal, false);
        check_death(fault_point::AFTER_JOURNAL, after_journal, true);
    }

    #[test]
    fn a_refused_write_leaves_the_folder_as_it_was() {
        let home = tempfile::tempdir().unwrap();
        let mut folder = run(&home);
        folder.commit(&batch(0..5, &[])).unwrap();
        // A folder in the place of a table cannot be written into as a file.
        let blocked = temporary_path(&folder.part(TableName::Trials, 2));
        std::fs::create_dir(&blocked).unwrap();
        let refused = folder.commit(&batch(5..9, &[]));
        assert!(matches!(
            refused,
            Err(FolderError::Io {
                action: "create",
                ..
            })
        ));
        assert_eq!(read_all(&folder, TableName::History).len(), 15);
        std::fs::remove_dir(&blocked).unwrap();
        folder.commit(&batch(5..9, &[])).unwrap();
        assert_eq!(folder.done().unwrap(), union(vec![0..9]));
    }
}
