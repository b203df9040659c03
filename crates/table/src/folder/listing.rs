//! Which files of a run folder count, as others see it while its owner writes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::journal::{Inspection, Journal};
use crate::part::{self, Footer};
use crate::schema::{TableName, fingerprint_of};

use super::error::FolderError;
use super::fit;
use super::labels::label;
use super::layout::{Layout, generation_number, list, part_number};
use super::manifest::Manifest;
use super::records::PartRow;
use super::versions;

/// Parts of one table that have the same columns.
pub(crate) type Alike = Vec<PathBuf>;

/// The parts of every table that can be read, as of one moment, those of one program's columns together. Those
/// that the journal names; where there is no journal to be read, as in a copy, all but those that others replace.
///
/// # Errors
/// [`FolderError::NotARun`], [`FolderError::Newer`]; where the folder cannot be listed.
pub(crate) fn readable_parts(layout: &Layout) -> Result<Vec<(TableName, Vec<Alike>)>, FolderError> {
    if !layout.is_run() {
        return Err(FolderError::NotARun {
            dir: layout.dir().to_owned(),
        });
    }
    let named = named(layout)?;
    let parts = |table: TableName| {
        let mut alike: BTreeMap<Option<String>, Alike> = BTreeMap::new();
        match &named {
            Some(named) => {
                for part in named.iter().filter(|part| part.table == table) {
                    let columns = part.columns.map(fingerprint_of);
                    let path = layout.part(table, part.file);
                    alike.entry(columns).or_default().push(path);
                }
            }
            None => {
                for (path, footer) in unreplaced(layout, table)? {
                    let columns = footer.and_then(|mut footer| footer.labels.remove(label::SCHEMA));
                    alike.entry(columns).or_default().push(path);
                }
            }
        }
        Ok((table, alike.into_values().collect()))
    };
    TableName::ALL.into_iter().map(parts).collect()
}

/// Paths of a table's files that the list of a fetched folder names; none where there is no list, or where it names
/// what is not there.
pub(super) fn listed(layout: &Layout, table: TableName) -> Option<Vec<PathBuf>> {
    let manifest = Manifest::read(layout.dir())?;
    let prefix = format!("{}/", table.name());
    let names = manifest.files.keys();
    let paths = names
        .filter(|name| name.starts_with(&prefix))
        .map(|name| layout.dir().join(name));
    let paths: Vec<PathBuf> = paths.collect();
    paths.iter().all(|path| path.is_file()).then_some(paths)
}

/// The parts of a table in a folder without a journal, with what they say of themselves as far as it can be read.
fn unreplaced(
    layout: &Layout,
    table: TableName,
) -> Result<Vec<(PathBuf, Option<Footer>)>, FolderError> {
    let paths = match listed(layout, table) {
        Some(paths) => paths,
        None => parquet_files(&layout.table(table))?,
    };
    let mut parts: Vec<(PathBuf, Option<Footer>)> = paths
        .into_iter()
        .map(|path| {
            let footer = part::footer(&path).ok();
            (path, footer)
        })
        .collect();
    let replaced: BTreeSet<u64> = parts
        .iter()
        .filter_map(|(_, footer)| footer.as_ref()?.labels.get(label::REPLACES))
        .flat_map(|numbers| numbers.split(','))
        .filter_map(|number| number.parse().ok())
        .collect();
    let schema_part = layout.schema_part(table);
    parts.retain(|(path, _)| {
        let is_replaced = part_number(path).is_some_and(|number| replaced.contains(&number));
        *path != schema_part && !is_replaced
    });
    Ok(parts)
}

/// Every file of a run folder that a copy needs, relative to it: `sweep.toml`, the parts, the files that the
/// sweep reads.
///
/// The journal is not among them. A copy made while its owner writes could be torn, and the owner loses its
/// locks if its own process closes the file a second time. A folder without one is read by its parts, and
/// opening it makes the journal again.
///
/// # Errors
/// [`FolderError::NotARun`]; where the folder cannot be listed.
pub fn durable_files(dir: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let layout = Layout::new(dir);
    let mut paths = Vec::new();
    if layout.sweep().is_file() {
        paths.push(layout.sweep());
    }
    for (table, parts) in readable_parts(&layout)? {
        let folder = layout.table(table);
        paths.extend(Some(layout.schema_part(table)).filter(|path| path.is_file()));
        let generations = list(&folder)?
            .into_iter()
            .filter(|path| generation_number(path).is_some());
        paths.extend(generations);
        // Without a journal the generations are listed twice.
        paths.extend(
            parts
                .into_iter()
                .flatten()
                .filter(|path| generation_number(path).is_none()),
        );
    }
    let kept = list(&layout.files())?
        .into_iter()
        .filter(|path| path.is_file() && !super::layout::is_temporary(path));
    paths.extend(kept);
    Ok(paths
        .iter()
        .filter_map(|path| path.strip_prefix(dir).ok())
        .map(Path::to_owned)
        .collect())
}

/// The parts that the journal names; `None` where it cannot be read.
fn named(layout: &Layout) -> Result<Option<Vec<PartRow>>, FolderError> {
    let read = || -> Result<Option<Vec<PartRow>>, FolderError> {
        let journal = Journal::open_reader(&layout.journal())?;
        if journal.inspect()? != Inspection::Ours {
            return Ok(None);
        }
        versions::refuse_newer(layout, &journal)?;
        journal.hold()?;
        if fit::inner_misfit(&journal)?.is_some() {
            return Ok(None);
        }
        let parts = journal.parts()?;
        Ok(Some(parts.into_iter().map(|(_, part)| part).collect()))
    };
    if layout.journal().is_file() {
        match read() {
            Ok(Some(named)) => return Ok(Some(named)),
            Err(newer @ FolderError::Newer { .. }) => return Err(newer),
            // The parts are sound whatever became of the journal.
            Ok(None) | Err(_) => {}
        }
    }
    versions::refuse_newer_tables(layout)?;
    Ok(None)
}

fn parquet_files(dir: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let mut paths = list(dir)?;
    paths.retain(|path| {
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        !hidden
            && path
                .extension()
                .is_some_and(|extension| extension == "parquet")
    });
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::RunFolder;
    use super::super::manifest::Listed;
    use super::super::tests_support::run;
    use super::*;
    use crate::batch::tests::batch;

    fn parts(layout: &Layout, table: TableName) -> Result<Vec<PathBuf>, FolderError> {
        let all = readable_parts(layout)?;
        let found = all.into_iter().find(|(of, _)| *of == table);
        let parts = found.map(|(_, parts)| parts).unwrap_or_default();
        Ok(parts.into_iter().flatten().collect())
    }

    #[test]
    fn readers_see_what_the_journal_names_while_the_owner_writes() {
        let home = tempfile::tempdir().unwrap();
        let mut folder = run(&home);
        folder.commit(&batch(0..3, &[])).unwrap();
        let stray = folder.layout.part(TableName::Trials, 77);
        fs::copy(folder.layout.part(TableName::Trials, 1), &stray).unwrap();
        let trials = parts(&folder.layout, TableName::Trials).unwrap();
        assert_eq!(trials, [folder.layout.part(TableName::Trials, 1)]);
        assert!(matches!(
            parts(&Layout::new(home.path()), TableName::Trials),
            Err(FolderError::NotARun { .. })
        ));
    }

    #[test]
    fn of_two_fetches_in_one_folder_only_the_listed_parts_count() {
        let home = tempfile::tempdir().unwrap();
        let mut folder = run(&home);
        folder.commit(&batch(0..3, &[])).unwrap();
        folder.commit(&batch(3..5, &[])).unwrap();
        let (dir, layout) = (folder.dir().to_owned(), folder.layout.clone());
        drop(folder);
        fs::remove_file(layout.journal()).unwrap();
        // The first part, twice: as an earlier fetch left it, and as a later one brought it under another number.
        let (old, new) = (
            layout.part(TableName::Trials, 1),
            layout.part(TableName::Trials, 9),
        );
        fs::copy(&old, &new).unwrap();
        let mut manifest = Manifest::default();
        for path in durable_files(&dir).unwrap() {
            let bytes = fs::metadata(dir.join(&path)).unwrap().len();
            manifest.files.insert(
                path.to_str().unwrap().to_owned(),
                Listed { bytes, hash: None },
            );
        }
        manifest.files.remove("trials/part-00000001.parquet");
        manifest.write(&dir).unwrap();
        let found = parts(&layout, TableName::Trials).unwrap();
        assert!(found.contains(&new) && !found.contains(&old), "{found:?}");
        let folder = RunFolder::open(&dir, None).unwrap();
        assert_eq!(folder.counts().unwrap().total(), 5);
        assert!(!layout.manifest().exists() && !old.exists());
    }

    #[test]
    fn a_copy_of_the_durable_files_opens() {
        let home = tempfile::tempdir().unwrap();
        let mut folder = run(&home);
        folder.commit(&batch(0..10, &[4])).unwrap();
        folder.commit(&batch(10..12, &[])).unwrap();
        let copy = home.path().join("copy");
        for path in durable_files(folder.dir()).unwrap() {
            assert!(path.is_relative(), "{}", path.display());
            let to = copy.join(&path);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(folder.dir().join(&path), to).unwrap();
        }
        assert_eq!(
            parts(&Layout::new(&copy), TableName::History)
                .unwrap()
                .len(),
            2
        );
        let copied = RunFolder::open(&copy, None).unwrap();
        assert_eq!(copied.done().unwrap(), folder.done().unwrap());
        assert_eq!(copied.generations().unwrap(), folder.generations().unwrap());
        assert_eq!(copied.failed().unwrap(), folder.failed().unwrap());
        assert_eq!(copied.meta(), folder.meta());
        let sweep = fs::read_to_string(copy.join("sweep.toml")).unwrap();
        assert_eq!(sweep, "name = \"s\"");
    }
}
