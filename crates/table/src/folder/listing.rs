//! Which files of a run folder count, as others see it while its owner writes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::journal::{Inspection, Journal};
use crate::schema::TableName;

use super::error::FolderError;
use super::layout::{Layout, generation_number, list};

/// The parts of every table that can be read, as of one moment, the one without rows first. Those that the
/// journal names; all where there is no journal to be read, as in a copy.
///
/// # Errors
/// [`FolderError::NotARun`]; where the folder cannot be listed.
pub(crate) fn readable_parts(
    layout: &Layout,
) -> Result<Vec<(TableName, Vec<PathBuf>)>, FolderError> {
    if !layout.is_run() {
        return Err(FolderError::NotARun {
            dir: layout.dir().to_owned(),
        });
    }
    let named = named(layout);
    let parts = |table: TableName| {
        let schema_part = layout.schema_part(table);
        let mut paths: Vec<PathBuf> = match &named {
            Some(named) => named
                .iter()
                .filter(|(of, _)| *of == table)
                .map(|&(_, file)| layout.part(table, file))
                .collect(),
            None => parquet_files(&layout.table(table))?,
        };
        paths.retain(|path| *path != schema_part);
        if schema_part.is_file() {
            paths.insert(0, schema_part);
        }
        Ok((table, paths))
    };
    TableName::ALL.into_iter().map(parts).collect()
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
        let generations = list(&folder)?
            .into_iter()
            .filter(|path| generation_number(path).is_some());
        paths.extend(generations);
        // Without a journal the generations are listed twice.
        paths.extend(
            parts
                .into_iter()
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
fn named(layout: &Layout) -> Option<BTreeSet<(TableName, u64)>> {
    if !layout.journal().is_file() {
        return None;
    }
    let journal = Journal::open_reader(&layout.journal()).ok()?;
    if journal.inspect().ok()? != Inspection::Ours {
        return None;
    }
    let parts = journal.parts().ok()?;
    Some(
        parts
            .iter()
            .map(|(_, part)| (part.table, part.file))
            .collect(),
    )
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
    use super::super::tests_support::run;
    use super::*;
    use crate::batch::tests::batch;

    fn parts(layout: &Layout, table: TableName) -> Result<Vec<PathBuf>, FolderError> {
        let all = readable_parts(layout)?;
        let found = all.into_iter().find(|(of, _)| *of == table);
        Ok(found.map(|(_, parts)| parts).unwrap_or_default())
    }

    #[test]
    fn readers_see_what_the_journal_names_while_the_owner_writes() {
        let home = tempfile::tempdir().unwrap();
        let mut folder = run(&home);
        folder.commit(&batch(0..3, &[])).unwrap();
        let stray = folder.layout.part(TableName::Trials, 77);
        fs::copy(folder.layout.part(TableName::Trials, 1), &stray).unwrap();
        let trials = parts(&folder.layout, TableName::Trials).unwrap();
        assert_eq!(
            trials,
            [
                folder.layout.schema_part(TableName::Trials),
                folder.layout.part(TableName::Trials, 1)
            ]
        );
        assert!(matches!(
            parts(&Layout::new(home.path()), TableName::Trials),
            Err(FolderError::NotARun { .. })
        ));
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
            3
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
