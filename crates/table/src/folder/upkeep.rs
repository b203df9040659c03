//! Rewriting what is durable: taking failed rows out so that their trials run again, and joining small parts.
//!
//! Both write new parts under new names, exchange the names in one entry of the journal and only then remove
//! the old ones; whatever a kill leaves, the journal names one complete set, and opening removes the other.

use std::time::{SystemTime, UNIX_EPOCH};

use polars::prelude::{BooleanChunked, DataFrame};

use crate::batch::{Tally, intervals, tally_frame};
use crate::codec;
use crate::error::TableError;
use crate::frames;
use crate::part;
use crate::schema::{TableName, schema, schema_fingerprint};
use crate::staged::StagedFile;

use super::commit::siblings;
use super::disk;
use super::error::FolderError;
use super::fault::fault_point;
use super::labels::label;
use super::records::{
    CommitRow, Compaction, Counts, EndedAttempt, FailedTrial, Freed, Joining, NewCommit, PartRow,
};
use super::run_folder::RunFolder;

/// Commits smaller than this are joined: below it the footer of a part of seventy columns, about 20 KB, is
/// what a reader mostly reads.
const SMALL_BYTES: u64 = 1 << 20;

/// So many small commits are joined at a time. With the bound on size a row is rewritten at most three times
/// in the life of a folder, and a folder has at most this many small parts and one large one a megabyte.
const JOINED: usize = if cfg!(test) { 6 } else { 64 };

/// Rows of the largest table that are joined at a time, so that a join is done within seconds.
const JOINED_ROWS: u64 = 4_000_000;

/// Values in all tables that are joined at a time where only few commits are left at the end: 8 MB of numbers. A short
/// sweep becomes one commit; a long one, whose parts hold thousands of trials, is not held in memory for a few parts.
const JOINED_CELLS: u64 = 1 << 20;

impl RunFolder {
    /// Takes the rows of failed trials out, so that they can run again. Where the disk or the journal refuse in
    /// the middle, those already taken out stay out, and calling again goes on.
    ///
    /// # Errors
    /// Where the journal cannot be read.
    pub fn forget_failed(&mut self) -> Result<Freed, FolderError> {
        self.check_sure()?;
        let commits = self.journal.commits()?;
        let mut freed: Vec<u64> = Vec::new();
        let mut problem = None;
        for commit in commits.iter().filter(|commit| commit.counts.failed > 0) {
            match self.without_failed(commit) {
                Ok(numbers) => freed.extend(numbers),
                Err(error) => {
                    problem = Some(error);
                    break;
                }
            }
        }
        self.refresh()?;
        freed.sort_unstable();
        Ok(Freed {
            numbers: intervals(&freed),
            problem,
        })
    }

    /// Keeps what failed among the attempts, for its row goes.
    fn keep_failures(&mut self, failed: &[FailedTrial]) -> Result<(), FolderError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let ended_at_us = now.map_or(0, |now| i64::try_from(now.as_micros()).unwrap_or(i64::MAX));
        let attempts = failed.iter().map(|failed| EndedAttempt {
            trial: failed.trial,
            ended_at_us,
            worker: None,
            outcome: format!("failed: {}; then retried", failed.error),
        });
        self.add_attempts(&attempts.collect::<Vec<_>>())
    }

    /// Rewrites the `trials` part of a commit without its failed rows. Failed trials have no others.
    fn without_failed(&mut self, commit: &CommitRow) -> Result<Vec<u64>, FolderError> {
        let Some(old) = commit.part(TableName::Trials).copied() else {
            return Ok(Vec::new());
        };
        self.check_before_rewriting(&[commit])?;
        let old_path = self.part(old.table, old.file);
        let frame = part::read(old.table, &old_path, None)?;
        let mut before = Tally::default();
        tally_frame(&frame, &mut before)?;
        let mut freed: Vec<u64> = before.failed.iter().map(|failed| failed.trial).collect();
        freed.sort_unstable();
        self.keep_failures(&before.failed)?;
        let statuses = frames::texts(&frame, "status").map_err(TableError::from)?;
        let mask: BooleanChunked = (0..frame.height())
            .map(|row| statuses.get(row) != Some("failed"))
            .collect();
        let kept = frame.filter_seq(&mask).map_err(TableError::from)?;
        if kept.height() == 0 {
            self.journal.exchange(&[commit.number], &[])?;
            self.pass(fault_point::BEFORE_REMOVAL);
            disk::remove(&old_path)?;
            return Ok(freed);
        }

        let mut numbers = codec::union(commit.runs.clone());
        numbers.subtract(&intervals(&freed));
        let mut labels = self.labels();
        labels.push(siblings(&commit.parts));
        labels.push((label::REPLACES, old.file.to_string()));
        let file = self.next_file;
        let encoded = part::encode(TableName::Trials, row_groups(&kept), &labels)?;
        let (new, staged) = self.stage_part(TableName::Trials, file, &encoded)?;
        let mut parts: Vec<PartRow> = vec![new];
        parts.extend(
            commit
                .parts
                .iter()
                .filter(|part| part.table != TableName::Trials),
        );
        let mut counts = before.counts;
        counts.failed = 0;
        self.enter_parts(&[new], vec![staged], |folder| {
            folder.journal.exchange(
                &[commit.number],
                &[NewCommit {
                    number: file,
                    numbers: &numbers,
                    counts,
                    failed: &[],
                    parts: &parts,
                }],
            )
        })?;
        self.pass(fault_point::BEFORE_REMOVAL);
        disk::remove(&old_path)?;
        Ok(freed)
    }

    /// Joins the oldest small commits into one, if there are enough; otherwise does nothing, quickly. At the end
    /// parts of an older program are rewritten too, so that the folder is of one kind.
    ///
    /// # Errors
    /// Where the disk or the journal refuse; the folder is then as it was.
    pub fn compact(&mut self, when: Joining) -> Result<Option<Compaction>, FolderError> {
        self.check_sure()?;
        let commits = self.journal.commits()?;
        let small = commits.iter().filter(|commit| commit.bytes() < SMALL_BYTES);
        let small: Vec<&CommitRow> = small.collect();
        let joined = if small.len() >= JOINED {
            first_fitting(&small, CommitRow::rows, JOINED_ROWS)
        } else {
            match when {
                Joining::WhileRunning => &[],
                Joining::AtEnd => first_fitting(&small, cells, JOINED_CELLS),
            }
        };
        if !joined.is_empty() {
            return self.join(joined).map(Some);
        }
        let older = match when {
            Joining::WhileRunning => None,
            Joining::AtEnd => commits.iter().find(|commit| is_older(commit)),
        };
        older.map(|commit| self.join(&[commit])).transpose()
    }

    fn join(&mut self, commits: &[&CommitRow]) -> Result<Compaction, FolderError> {
        self.pass(fault_point::BEFORE_JOIN);
        self.check_before_rewriting(commits)?;
        let file = self.next_file;
        let (mut parts, mut staged): (Vec<PartRow>, Vec<_>) = (Vec::new(), Vec::new());
        // `trials` last, for its label names the others.
        for table in TableName::ALL.into_iter().rev() {
            if let Some((part, file)) = self.stage_joined(table, file, commits, &parts)? {
                parts.push(part);
                staged.push(file);
            }
        }
        self.pass(fault_point::BEFORE_RENAME);
        let out: Vec<u64> = commits.iter().map(|commit| commit.number).collect();
        let runs = commits
            .iter()
            .flat_map(|commit| commit.runs.iter().cloned());
        let numbers = codec::union(runs.collect());
        let mut counts = Counts::default();
        for commit in commits {
            counts.add(&commit.counts);
        }
        let all_failed = self.journal.failed_trials()?;
        let failed: Vec<_> = all_failed
            .into_iter()
            .filter(|failed| numbers.contains(failed.trial))
            .collect();
        self.enter_parts(&parts, staged, |folder| {
            folder.journal.exchange(
                &out,
                &[NewCommit {
                    number: file,
                    numbers: &numbers,
                    counts,
                    failed: &failed,
                    parts: &parts,
                }],
            )
        })?;
        self.pass(fault_point::BEFORE_REMOVAL);
        for part in commits.iter().flat_map(|commit| &commit.parts) {
            disk::remove(&self.part(part.table, part.file))?;
        }
        Ok(Compaction {
            commits: commits.len(),
            bytes: parts.iter().map(|part| part.bytes).sum(),
        })
    }

    /// Writes one table of several commits beside its place, reading one part at a time.
    fn stage_joined(
        &self,
        table: TableName,
        file: u64,
        commits: &[&CommitRow],
        others: &[PartRow],
    ) -> Result<Option<(PartRow, StagedFile)>, FolderError> {
        let olds: Vec<u64> = commits
            .iter()
            .filter_map(|commit| commit.part(table))
            .map(|part| part.file)
            .collect();
        if olds.is_empty() {
            return Ok(None);
        }
        let mut labels = self.labels();
        let numbers: Vec<String> = olds.iter().map(u64::to_string).collect();
        labels.push((label::REPLACES, numbers.join(",")));
        if table == TableName::Trials {
            labels.push(siblings(others));
        }
        let pieces = olds
            .iter()
            .map(|old| part::read(table, &self.part(table, *old), None));
        let encoded = part::encode(table, pieces, &labels)?;
        self.stage_part(table, file, &encoded).map(Some)
    }
}

/// The oldest commits that follow each other, are at least two and together not larger than is joined at a time.
fn first_fitting<'a, 'b>(
    small: &'a [&'b CommitRow],
    size: impl Fn(&CommitRow) -> u64,
    limit: u64,
) -> &'a [&'b CommitRow] {
    for from in 0..small.len() {
        let mut all = 0;
        let fits = |commit: &&&CommitRow| {
            all += size(commit);
            all <= limit
        };
        let count = small[from..].iter().take(JOINED).take_while(fits).count();
        if count >= 2 {
            return &small[from..from + count];
        }
    }
    &[]
}

/// Values in a commit's tables, about.
fn cells(commit: &CommitRow) -> u64 {
    let of_part = |part: &PartRow| part.rows * schema(part.table).len() as u64;
    commit.parts.iter().map(of_part).sum()
}

/// Whether a commit has a part with the columns of another program.
fn is_older(commit: &CommitRow) -> bool {
    let now = Some(schema_fingerprint());
    commit.parts.iter().any(|part| part.columns != now)
}

/// Slices of at most a row group.
fn row_groups(frame: &DataFrame) -> impl Iterator<Item = Result<DataFrame, TableError>> + '_ {
    let rows = part::ROW_GROUP_ROWS;
    (0..frame.height())
        .step_by(rows)
        // A frame has fewer than 2^32 rows.
        .map(move |from| Ok(frame.slice(from as i64, rows)))
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::super::layout::{list, part_number};
    use super::super::tests_support::run;
    use super::*;
    use crate::batch::tests::batch;
    use crate::codec::union;

    fn rows(folder: &RunFolder, table: TableName) -> Vec<u64> {
        let mut trials = Vec::new();
        for path in list(&folder.layout.table(table)).unwrap() {
            let frame = part::read(table, &path, Some(&["trial"])).unwrap();
            trials.extend(frames::numbers(&frame, "trial").unwrap());
        }
        trials.sort_unstable();
        trials
    }

    fn parts(folder: &RunFolder, table: TableName) -> usize {
        let paths = list(&folder.layout.table(table)).unwrap();
        paths
            .iter()
            .filter(|path| part_number(path).is_some())
            .count()
    }

    fn again(folder: RunFolder) -> RunFolder {
        let dir = folder.dir().to_owned();
        drop(folder);
        let folder = RunFolder::open(&dir, None).unwrap();
        assert!(folder.repairs().is_empty(), "{:?}", folder.repairs());
        folder
    }

    #[test]
    fn failed_trials_are_freed_and_all_else_stays() {
        let home = tempfile::tempdir().unwrap();
        let mut folder = run(&home);
        folder.commit(&batch(0..10, &[2, 3, 7])).unwrap();
        folder.commit(&batch(10..20, &[])).unwrap();
        folder.commit(&batch(20..22, &[20, 21])).unwrap();
        let freed = folder.forget_failed().unwrap();
        assert!(freed.problem.is_none());
        assert_eq!(freed.numbers, union(vec![2..4, 7..8, 20..22]));
        let mut folder = again(folder);
        assert_eq!(folder.done().unwrap(), union(vec![0..2, 4..7, 8..20]));
        assert_eq!(folder.counts().unwrap().failed, 0);
        assert!(folder.failed().unwrap().is_empty());
        assert_eq!(parts(&folder, TableName::Trials), 2);
        assert!(folder.forget_failed().unwrap().numbers.is_empty());
        folder.commit(&batch([2, 3, 7, 20, 21], &[3])).unwrap();
        let mut folder = again(folder);
        assert_eq!(
            rows(&folder, TableName::Trials),
            (0..22).collect::<Vec<_>>()
        );
        assert_eq!(rows(&folder, TableName::History).len(), 3 * 21);
        assert_eq!(folder.forget_failed().unwrap().numbers, union(vec![3..4]));
    }

    /// A folder with so many small commits that the next call joins them.
    fn littered(home: &tempfile::TempDir) -> RunFolder {
        let mut folder = run(home);
        for at in 0..JOINED as u64 {
            folder.commit(&batch([2 * at, 2 * at + 1], &[5])).unwrap();
        }
        folder
    }

    fn check_joined(folder: &RunFolder) {
        let trials = 2 * JOINED as u64;
        assert_eq!(folder.done().unwrap(), union(vec![0..trials]));
        assert_eq!(folder.counts().unwrap().total(), trials);
        assert_eq!(folder.failed().unwrap().len(), 1);
        assert_eq!(
            rows(folder, TableName::Trials),
            (0..trials).collect::<Vec<_>>()
        );
        assert_eq!(
            rows(folder, TableName::Spectra).len() as u64,
            3 * (trials - 1)
        );
    }

    #[test]
    fn small_parts_are_joined_and_stay_the_same_rows() {
        let home = tempfile::tempdir().unwrap();
        let mut folder = littered(&home);
        let done = folder.compact(Joining::WhileRunning).unwrap();
        let done = done.expect("many small commits");
        assert_eq!(done.commits, JOINED);
        for when in [Joining::WhileRunning, Joining::AtEnd] {
            assert_eq!(folder.compact(when).unwrap(), None);
        }
        for table in TableName::ALL {
            assert_eq!(parts(&folder, table), 1, "{}", table.name());
        }
        check_joined(&folder);
        let mut folder = again(folder);
        check_joined(&folder);
        assert_eq!(folder.forget_failed().unwrap().numbers, union(vec![5..6]));
    }

    #[test]
    fn at_the_end_few_small_parts_are_joined_too() {
        let home = tempfile::tempdir().unwrap();
        let mut folder = run(&home);
        folder.commit(&batch(0..4, &[])).unwrap();
        assert_eq!(folder.compact(Joining::AtEnd).unwrap(), None);
        folder.commit(&batch(4..9, &[5])).unwrap();
        assert_eq!(folder.compact(Joining::WhileRunning).unwrap(), None);
        let done = folder.compact(Joining::AtEnd).unwrap();
        assert_eq!(done.map(|done| done.commits), Some(2));
        assert_eq!(folder.compact(Joining::AtEnd).unwrap(), None);
        assert_eq!(parts(&folder, TableName::Trials), 1);
        assert_eq!(again(folder).done().unwrap(), union(vec![0..9]));
    }

    fn check_death(hook: fn(&str)) {
        let home = tempfile::tempdir().unwrap();
        let mut folder = littered(&home);
        folder.hook = Some(hook);
        assert!(catch_unwind(AssertUnwindSafe(|| folder.compact(Joining::WhileRunning))).is_err());
        check_joined(&again(folder));
    }

    #[test]
    fn death_while_joining_leaves_one_complete_set() {
        fn die_at(wanted: &str, point: &str) {
            assert_ne!(wanted, point, "killed");
        }
        check_death(|point| die_at(fault_point::BEFORE_RENAME, point));
        check_death(|point| die_at(fault_point::BEFORE_JOURNAL, point));
        check_death(|point| die_at(fault_point::AFTER_JOURNAL, point));
        check_death(|point| die_at(fault_point::BEFORE_REMOVAL, point));
    }

    #[test]
    fn death_while_freeing_leaves_one_complete_set() {
        let home = tempfile::tempdir().unwrap();
        let mut folder = run(&home);
        folder.commit(&batch(0..10, &[2])).unwrap();
        folder.hook = Some(|point| assert_ne!(point, fault_point::BEFORE_REMOVAL, "killed"));
        assert!(catch_unwind(AssertUnwindSafe(|| folder.forget_failed())).is_err());
        let folder = again(folder);
        assert_eq!(folder.done().unwrap(), union(vec![0..2, 3..10]));
        assert_eq!(rows(&folder, TableName::Trials).len(), 9);
    }

    #[test]
    fn a_lost_journal_is_made_again_after_both() {
        let home = tempfile::tempdir().unwrap();
        let mut folder = littered(&home);
        folder.compact(Joining::WhileRunning).unwrap();
        folder.forget_failed().unwrap();
        let (dir, layout) = (folder.dir().to_owned(), folder.layout.clone());
        drop(folder);
        std::fs::remove_file(layout.journal()).unwrap();
        let folder = RunFolder::open(&dir, None).unwrap();
        assert_eq!(
            folder.done().unwrap(),
            union(vec![0..5, 6..2 * JOINED as u64])
        );
        assert_eq!(
            rows(&folder, TableName::History).len() as u64,
            3 * (2 * JOINED as u64 - 1)
        );
    }
}
