//! Making a lost journal again from what the parts say of themselves.
//!
//! Each generation has a part without rows that carries it; each part of `trials` names the other parts of
//! its commit and the parts that it stands for. A commit one of whose parts is missing is left out: its trials
//! run again. So a journal that was damaged, deleted or never copied costs no durable row.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::batch::{Tally, intervals, tally_frame};
use crate::frames;
use crate::journal::{Journal, files_from_json};
use crate::part::{self, Footer};
use crate::schema::{TableName, columns_of_fingerprint};

use super::error::FolderError;
use super::labels::{label, setting};
use super::layout::{Layout, generation_number, list, part_number};
use super::listing::listed;
use super::mend;
use super::records::{GenerationRecord, NewCommit, PartRow};
use super::versions;

/// Makes the tables of an empty journal and fills them from the parts, if there are any.
///
/// # Errors
/// [`FolderError::JournalLost`] where there are rows but no generation that numbers them;
/// [`FolderError::Newer`] where a newer program wrote them.
pub(super) fn rebuild(
    layout: &Layout,
    journal: &mut Journal,
    repairs: &mut Vec<String>,
) -> Result<(), FolderError> {
    let generations = generations(layout)?;
    let commits = commits(layout, repairs)?;
    if generations.is_empty() && !commits.is_empty() {
        return Err(FolderError::JournalLost {
            path: layout.journal(),
        });
    }
    let commits = without_repeats(layout, commits, repairs);
    let entries: Vec<NewCommit<'_>> = commits
        .iter()
        .map(|commit| NewCommit {
            number: commit.file,
            numbers: &commit.numbers,
            counts: commit.tally.counts,
            failed: &commit.tally.failed,
            parts: &commit.parts,
        })
        .collect();
    let labels = part::footer(&layout.schema_part(TableName::Trials))
        .map(|footer| footer.labels)
        .unwrap_or_default();
    let of = |key: &str| labels.get(key).map_or("", String::as_str);
    let settings = [
        (setting::NAME, of(label::SWEEP)),
        (setting::VERSION, of(label::VERSION)),
        (setting::REVISION, of(label::REVISION)),
    ];
    journal.create(&settings, &generations, &entries)?;
    if !entries.is_empty() && repairs.is_empty() {
        repairs.push(format!(
            "the journal was missing and is made again from {} part{}",
            entries.len(),
            if entries.len() == 1 { "" } else { "s" }
        ));
    }
    Ok(())
}

/// Leaves out commits that hold a trial of an earlier one: a trial has one row.
fn without_repeats(
    layout: &Layout,
    commits: Vec<ShownCommit>,
    repairs: &mut Vec<String>,
) -> Vec<ShownCommit> {
    let mut seen = sweep::IntervalSet::new();
    let mut kept = Vec::with_capacity(commits.len());
    for commit in commits {
        if !commit.numbers.intersection(&seen).is_empty() {
            repairs.push(format!(
                "{} repeats trials of another part and is left out",
                layout.part(TableName::Trials, commit.file).display()
            ));
            continue;
        }
        for run in commit.numbers.runs() {
            seen.insert(run);
        }
        kept.push(commit);
    }
    kept
}

/// A commit as its part of `trials` shows it.
struct ShownCommit {
    file: u64,
    numbers: sweep::IntervalSet,
    tally: Tally,
    parts: Vec<PartRow>,
}

/// Generations in order, each with the sweep file as it was given. A gap ends the list.
pub(super) fn generations(layout: &Layout) -> Result<Vec<(GenerationRecord, String)>, FolderError> {
    let mut found = BTreeMap::new();
    for path in list(&layout.table(TableName::Trials))? {
        let Some(number) = generation_number(&path) else {
            continue;
        };
        if let Some(generation) = generation(&path, number) {
            found.insert(generation.0.number, generation);
        }
    }
    let in_order = found.into_values().zip(0..);
    Ok(in_order
        .take_while(|(generation, expected)| generation.0.number == *expected)
        .map(|(generation, _)| generation)
        .collect())
}

fn generation(path: &Path, number: u64) -> Option<(GenerationRecord, String)> {
    let labels = part::footer(path).ok()?.labels;
    let record = GenerationRecord {
        number: u32::try_from(number).ok()?,
        base: labels.get(label::BASE)?.parse().ok()?,
        size: labels.get(label::SIZE)?.parse().ok()?,
        toml: labels.get(label::TOML)?.clone(),
        hash: labels.get(label::SWEEP_HASH)?.clone(),
        files: files_from_json(labels.get(label::FILES)?)?,
    };
    Some((record, labels.get(label::SWEEP_TOML)?.clone()))
}

/// Commits whose parts are all there and readable, without those that others stand for.
fn commits(layout: &Layout, repairs: &mut Vec<String>) -> Result<Vec<ShownCommit>, FolderError> {
    let mut footers: BTreeMap<u64, Footer> = BTreeMap::new();
    let paths = match listed(layout, TableName::Trials) {
        Some(paths) => paths,
        None => list(&layout.table(TableName::Trials))?,
    };
    for path in paths {
        let Some(file) = part_number(&path) else {
            continue;
        };
        match part::footer(&path) {
            Ok(footer) => {
                versions::refuse_newer_part(layout, TableName::Trials, &footer)?;
                footers.insert(file, footer);
            }
            Err(_) => {
                let aside = mend::set_aside(layout, TableName::Trials, &path)?;
                repairs.push(format!(
                    "{} is damaged: its trials will run again; the damaged part is {}",
                    path.display(),
                    aside.display()
                ));
            }
        }
    }
    let replaced: BTreeSet<u64> = footers
        .values()
        .filter_map(|footer| footer.labels.get(label::REPLACES))
        .flat_map(|numbers| numbers.split(','))
        .filter_map(|number| number.parse().ok())
        .collect();
    let mut commits = Vec::new();
    for (&file, footer) in footers.iter().filter(|(file, _)| !replaced.contains(*file)) {
        match shown_commit(layout, file, footer) {
            Some(commit) => commits.push(commit),
            None => repairs.push(format!(
                "{} lost a part of another table or is damaged: its trials will run again",
                layout.part(TableName::Trials, file).display()
            )),
        }
    }
    Ok(commits)
}

fn shown_commit(layout: &Layout, file: u64, footer: &Footer) -> Option<ShownCommit> {
    let mut parts = vec![part_row(layout, TableName::Trials, file)?];
    for sibling in footer.labels.get(label::SIBLINGS)?.split(',') {
        if sibling.is_empty() {
            continue;
        }
        let (table, number) = sibling.split_once('=')?;
        let table = TableName::from_name(table)?;
        parts.push(part_row(layout, table, number.parse().ok()?)?);
    }
    let path = layout.part(TableName::Trials, file);
    let wanted = ["trial", "status", "error", "attempt"];
    let frame = part::read(TableName::Trials, &path, Some(&wanted)).ok()?;
    let mut tally = Tally::default();
    tally_frame(&frame, &mut tally).ok()?;
    let mut numbers = frames::numbers(&frame, "trial").ok()?;
    numbers.sort_unstable();
    Some(ShownCommit {
        file,
        numbers: intervals(&numbers),
        tally,
        parts,
    })
}

fn part_row(layout: &Layout, table: TableName, file: u64) -> Option<PartRow> {
    let path = layout.part(table, file);
    let bytes = std::fs::read(&path).ok()?;
    let footer = part::footer(&path).ok()?;
    let columns = footer.labels.get(label::SCHEMA);
    Some(PartRow {
        table,
        file,
        bytes: bytes.len() as u64,
        rows: footer.rows,
        hash: Some(blake3::hash(&bytes)),
        columns: columns.and_then(|text| columns_of_fingerprint(text)),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::RunFolder;
    use super::super::tests_support::{generation, run};
    use super::*;
    use crate::batch::tests::batch;

    #[test]
    fn generations_and_state_of_the_tables_come_back() {
        let home = tempfile::tempdir().unwrap();
        let mut folder = run(&home);
        folder.commit(&batch(0..4, &[1])).unwrap();
        folder.add_generation(&generation(1), "grown").unwrap();
        folder.commit(&batch(1000..1003, &[])).unwrap();
        let (dir, layout) = (folder.dir().to_owned(), folder.layout.clone());
        let known = folder.generations().unwrap();
        drop(folder);
        fs::remove_file(layout.journal()).unwrap();
        let folder = RunFolder::open(&dir, None).unwrap();
        assert_eq!(folder.generations().unwrap(), known);
        assert_eq!(folder.counts().unwrap().total(), 7);
        assert_eq!(folder.meta().name, "s");
        assert!(folder.repairs()[0].contains("made again from 2 parts"));
        assert_eq!(fs::read_to_string(layout.sweep()).unwrap(), "grown");
    }

    #[test]
    fn rows_that_nothing_numbers_are_not_guessed_at() {
        let home = tempfile::tempdir().unwrap();
        let mut folder = run(&home);
        folder.commit(&batch(0..4, &[])).unwrap();
        let (dir, layout) = (folder.dir().to_owned(), folder.layout.clone());
        drop(folder);
        fs::remove_file(layout.journal()).unwrap();
        fs::remove_file(layout.generation_part(0)).unwrap();
        let refused = RunFolder::open(&dir, None);
        assert!(matches!(refused, Err(FolderError::JournalLost { .. })));
        assert!(layout.part(TableName::Trials, 1).is_file());
    }
}
