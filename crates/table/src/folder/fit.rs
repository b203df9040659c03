//! Whether a journal fits itself and the parts that lie in the folder. A journal that was put together from pages of
//! several moments reads without an error and names some of the parts: believing it would delete the others.

use std::collections::BTreeSet;
use std::fmt;

use crate::codec;
use crate::journal::Journal;
use crate::part;
use crate::schema::TableName;

use super::error::FolderError;
use super::labels::label;
use super::layout::{Layout, generation_number, list, part_number};
use super::records::CommitRow;

/// What a kill leaves at most that the journal does not name: the parts of one commit, or one generation.
const UNNAMED: usize = 1;

/// How a journal does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// An entry that no program writes.
    Entry(&'static str),
    /// A commit whose part of `trials` has another number of rows than the trials that it covers.
    Rows {
        commit: u64,
        covered: u64,
        rows: u64,
    },
    /// A commit whose trials by status are not those that it covers.
    Counts {
        commit: u64,
        covered: u64,
        counted: u64,
    },
    /// Trials that several commits cover.
    Repeated { trials: u64 },
    /// Errors of another number of failed trials than the commits count.
    Failed { found: u64, counted: u64 },
    /// Generations that do not follow each other, or do not number all trials that are covered.
    Generations,
    /// Commits and generations that lie in the folder and are not in the journal.
    Unnamed { found: usize },
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::Entry(what) => write!(f, "its entry {what} does not read"),
            Misfit::Rows {
                commit,
                covered,
                rows,
            } => write!(
                f,
                "commit {commit} covers {covered} trials, its part has {rows} rows"
            ),
            Misfit::Counts {
                commit,
                covered,
                counted,
            } => write!(
                f,
                "commit {commit} covers {covered} trials and counts {counted}"
            ),
            Misfit::Repeated { trials } => write!(f, "{trials} trials are in several commits"),
            Misfit::Failed { found, counted } => {
                write!(f, "it names {found} of {counted} failed trials")
            }
            Misfit::Generations => write!(f, "its generations do not number all of its trials"),
            Misfit::Unnamed { found } => {
                write!(f, "{found} commits and generations are not in it")
            }
        }
    }
}

/// The first way in which a journal does not fit itself or the folder.
///
/// # Errors
/// Where the journal or the folder cannot be read at all.
pub(super) fn misfit(layout: &Layout, journal: &Journal) -> Result<Option<Misfit>, FolderError> {
    if let Some(misfit) = inner_misfit(journal)? {
        return Ok(Some(misfit));
    }
    let end = journal
        .generations()?
        .last()
        .map_or(0, |newest| newest.base.saturating_add(newest.size));
    let commits = journal.commits()?;
    let mut runs = commits.iter().flat_map(|commit| &commit.runs);
    if runs.any(|run| run.end > end) {
        return Ok(Some(Misfit::Generations));
    }
    unnamed(layout, journal)
}

/// The first way in which a journal does not fit itself.
///
/// # Errors
/// Where it cannot be read at all.
pub(super) fn inner_misfit(journal: &Journal) -> Result<Option<Misfit>, FolderError> {
    let read = || -> Result<Option<Misfit>, FolderError> {
        let generations = journal.generations()?;
        let numbers = generations.iter().map(|generation| generation.number);
        if !numbers.eq(0..u32::try_from(generations.len()).unwrap_or(u32::MAX)) {
            return Ok(Some(Misfit::Generations));
        }
        let commits = journal.commits()?;
        if let Some(misfit) = commits.iter().find_map(of_commit) {
            return Ok(Some(misfit));
        }
        let covered: u64 = commits.iter().map(covered_by).sum();
        let distinct = codec::union(commits.iter().flat_map(|c| c.runs.clone()).collect()).len();
        if distinct < covered {
            let trials = covered - distinct;
            return Ok(Some(Misfit::Repeated { trials }));
        }
        let counted: u64 = commits.iter().map(|commit| commit.counts.failed).sum();
        let found = journal.failed_trials()?.len() as u64;
        Ok((found != counted).then_some(Misfit::Failed { found, counted }))
    };
    match read() {
        Err(FolderError::JournalEntry { what, .. }) => Ok(Some(Misfit::Entry(what))),
        other => other,
    }
}

fn covered_by(commit: &CommitRow) -> u64 {
    commit.runs.iter().map(|run| run.end - run.start).sum()
}

fn of_commit(commit: &CommitRow) -> Option<Misfit> {
    let number = commit.number;
    let covered = covered_by(commit);
    let rows = commit.part(TableName::Trials).map_or(0, |part| part.rows);
    if rows != covered {
        return Some(Misfit::Rows {
            commit: number,
            covered,
            rows,
        });
    }
    let counted = commit.counts.total();
    (counted != covered).then_some(Misfit::Counts {
        commit: number,
        covered,
        counted,
    })
}

/// Commits and generations that lie in the folder, were not replaced by others, and are not in the journal: more
/// than a kill leaves.
fn unnamed(layout: &Layout, journal: &Journal) -> Result<Option<Misfit>, FolderError> {
    let generations = journal.generations()?.len() as u64;
    let parts = journal.parts()?;
    let mut named = BTreeSet::new();
    for (_, part) in parts
        .iter()
        .filter(|(_, part)| part.table == TableName::Trials)
    {
        named.insert(part.file);
    }
    let mut found = 0;
    let mut strays = Vec::new();
    for path in list(&layout.table(TableName::Trials))? {
        if generation_number(&path).is_some_and(|number| number >= generations) {
            found += 1;
        }
        strays.extend(part_number(&path).filter(|file| !named.contains(file)));
    }
    if strays.len() + found <= UNNAMED {
        return Ok(None);
    }
    // Those that a joined part stands for are removed after it is in the journal.
    let mut replaced = BTreeSet::new();
    for file in named.iter().chain(&strays) {
        let footer = part::footer(&layout.part(TableName::Trials, *file));
        let label = footer
            .ok()
            .and_then(|mut footer| footer.labels.remove(label::REPLACES));
        let numbers = label.unwrap_or_default();
        replaced.extend(
            numbers
                .split(',')
                .filter_map(|number| number.parse::<u64>().ok()),
        );
    }
    found += strays
        .iter()
        .filter(|file| !replaced.contains(file))
        .count();
    Ok((found > UNNAMED).then_some(Misfit::Unnamed { found }))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::RunFolder;
    use super::super::tests_support::run;
    use super::*;
    use crate::batch::tests::batch;
    use crate::codec::union;

    /// Bytes of a page of SQLite's.
    const PAGE: usize = 4096;

    /// The same journal at two moments: after the second commit and after the last; and the trials of all.
    fn two_moments(home: &tempfile::TempDir) -> (Layout, [Vec<u8>; 2]) {
        let mut folder = run(home);
        let layout = folder.layout.clone();
        let mut earlier = Vec::new();
        for at in 0..40 {
            // Gaps, so that the entries take room.
            let trials = (0..12).map(|i| at * 24 + 2 * i);
            folder.commit(&batch(trials, &[])).unwrap();
            if at == 1 {
                earlier = fs::read(layout.journal()).unwrap();
            }
        }
        drop(folder);
        let later = fs::read(layout.journal()).unwrap();
        (layout, [earlier, later])
    }

    fn all() -> sweep::IntervalSet {
        union((0..480).map(|i| 2 * i..2 * i + 1).collect())
    }

    #[test]
    fn a_journal_of_mixed_pages_costs_no_row() {
        let home = tempfile::tempdir().unwrap();
        let (layout, [earlier, later]) = two_moments(&home);
        let pages = later.len() / PAGE;
        assert!(pages > 4, "{pages} pages");
        let mut made_again = 0;
        for mask in 0..48_u64 {
            // Each page from one of the two moments, by a fixed pattern of bits.
            let pattern = (mask + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut mixed = later.clone();
            for page in 0..pages.min(earlier.len() / PAGE) {
                if pattern >> (page % 61) & 1 == 1 {
                    let bytes = page * PAGE..(page + 1) * PAGE;
                    mixed[bytes.clone()].copy_from_slice(&earlier[bytes]);
                }
            }
            let copy = home.path().join(format!("mixed-{mask}"));
            copy_folder(layout.dir(), &copy);
            fs::write(copy.join("journal.sqlite"), &mixed).unwrap();
            let found = RunFolder::open(&copy, None);
            let folder = found.unwrap_or_else(|error| panic!("mask {mask}: {error}"));
            assert_eq!(folder.done().unwrap(), all(), "mask {mask}");
            made_again += usize::from(!folder.repairs().is_empty());
            drop(folder);
            fs::remove_dir_all(&copy).unwrap();
        }
        assert!(made_again > 10, "only {made_again} journals did not fit");
    }

    #[test]
    fn an_older_copy_of_the_journal_costs_no_row() {
        let home = tempfile::tempdir().unwrap();
        let (layout, [earlier, _]) = two_moments(&home);
        fs::write(layout.journal(), earlier).unwrap();
        let folder = RunFolder::open(layout.dir(), None).unwrap();
        assert_eq!(folder.done().unwrap(), all());
        let repairs = folder.repairs().join("\n");
        assert!(
            repairs.contains("commits and generations are not in it"),
            "{repairs}"
        );
    }

    fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let to = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                copy_folder(&entry.path(), &to);
            } else {
                fs::copy(entry.path(), to).unwrap();
            }
        }
    }

    /// One entry of a journal of three commits is not as it was written.
    #[track_caller]
    fn check(harm: &str, expected: &str) {
        let home = tempfile::tempdir().unwrap();
        let mut folder = run(&home);
        for trials in [0..4, 4..8, 8..12] {
            folder.commit(&batch(trials, &[5])).unwrap();
        }
        let layout = folder.layout.clone();
        drop(folder);
        let journal = rusqlite::Connection::open(layout.journal()).unwrap();
        journal.execute_batch(harm).unwrap();
        drop(journal);
        let misfit = misfit(&layout, &Journal::open(&layout.journal()).unwrap()).unwrap();
        let words = misfit.map(|misfit| misfit.to_string()).unwrap_or_default();
        assert!(words.contains(expected), "{harm}: {words}");
        let folder = RunFolder::open(layout.dir(), None).unwrap();
        assert_eq!(folder.done().unwrap(), union(vec![0..12]));
        assert_eq!(folder.failed().unwrap().len(), 1);
    }

    #[test]
    fn what_no_program_writes_is_not_believed() {
        check("", "");
        check(
            "DELETE FROM parts WHERE table_name = 'trials' AND commit_number = 2",
            "has 0 rows",
        );
        check("DELETE FROM parts", "has 0 rows");
        check(
            "UPDATE parts SET row_count = 3 WHERE commit_number = 2",
            "its part has 3 rows",
        );
        check(
            "UPDATE commits SET completed = 9 WHERE number = 1",
            "and counts",
        );
        check(
            "UPDATE commits SET runs = x'0004' WHERE number = 2",
            "in several commits",
        );
        check(
            "UPDATE commits SET runs = x'05' WHERE number = 2",
            "commits.runs does not read",
        );
        check("DELETE FROM failed", "names 0 of 1 failed trials");
        check("DELETE FROM generations", "do not number all");
        check(
            "UPDATE parts SET table_name = 'x' WHERE commit_number = 2 AND table_name = 'trials'",
            "parts.table_name does not read",
        );
        check(
            "DELETE FROM parts WHERE commit_number > 1; DELETE FROM commits WHERE number > 1; DELETE FROM failed",
            "2 commits and generations are not in it",
        );
    }
}
