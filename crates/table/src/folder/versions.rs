//! Whether a folder is of this program's version, an older or a newer one. An older folder is brought to this
//! version when it is opened: the journal's layout, the parts without rows and the settings at once, its rows when
//! their parts are next joined. A newer one is refused before anything of it is changed.

use std::path::Path;

use crate::evolution;
use crate::journal::Journal;
use crate::part::{self, Footer};
use crate::schema::{SCHEMA_VERSION, TableName, fingerprint};

use super::error::{FolderError, Format};
use super::labels::{label, setting};
use super::layout::Layout;

/// The version of programs that did not write theirs down.
const FIRST: u32 = 1;

/// Refuses a folder whose journal or tables are of a newer program.
///
/// # Errors
/// [`FolderError::Newer`]; where the journal cannot be read.
pub(super) fn refuse_newer(layout: &Layout, journal: &Journal) -> Result<(), FolderError> {
    if journal.setting(setting::COLUMNS)?.as_deref() == Some(fingerprint()) {
        return Ok(());
    }
    let version = journal.setting(setting::SCHEMA_VERSION)?;
    let version = version.and_then(|text| text.parse().ok()).unwrap_or(FIRST);
    if version > SCHEMA_VERSION {
        let writer = journal.setting(setting::VERSION)?.unwrap_or_default();
        return Err(newer(layout, writer, Format::Tables(version)));
    }
    refuse_newer_tables(layout)
}

/// As [`refuse_newer`], of a folder without a journal.
///
/// # Errors
/// [`FolderError::Newer`].
pub(super) fn refuse_newer_tables(layout: &Layout) -> Result<(), FolderError> {
    for table in TableName::ALL {
        // One that cannot be read says nothing and is made again.
        if let Ok(footer) = part::footer(&layout.schema_part(table)) {
            refuse_newer_part(layout, table, &footer)?;
        }
    }
    Ok(())
}

/// Refuses a part that a newer program wrote.
///
/// # Errors
/// [`FolderError::Newer`].
pub(super) fn refuse_newer_part(
    layout: &Layout,
    table: TableName,
    footer: &Footer,
) -> Result<(), FolderError> {
    let of = |key: &str| footer.labels.get(key).cloned().unwrap_or_default();
    let version = of(label::SCHEMA_VERSION).parse().unwrap_or(FIRST);
    if version > SCHEMA_VERSION {
        return Err(newer(layout, of(label::VERSION), Format::Tables(version)));
    }
    match evolution::unknown_column(table, &footer.columns) {
        Some(column) => {
            let found = Format::Column(version, column.to_string());
            Err(newer(layout, of(label::VERSION), found))
        }
        None => Ok(()),
    }
}

/// Whether a part was written with exactly this program's columns.
pub(super) fn has_columns(path: &Path) -> bool {
    part::footer(path).is_ok_and(|footer| {
        let columns = footer.labels.get(label::SCHEMA);
        columns.is_some_and(|columns| columns == fingerprint())
    })
}

fn newer(layout: &Layout, version: String, found: Format) -> FolderError {
    FolderError::Newer {
        dir: layout.dir().to_owned(),
        version,
        found,
        known: Format::Tables(SCHEMA_VERSION),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::layout::list;
    use super::super::tests_support::{generation, run};
    use super::super::{Joining, RunFolder};
    use super::*;
    use crate::batch::tests::batch;
    use crate::codec::union;
    use crate::evolution::tests::{make_older, make_unsigned};

    /// A folder as an older program left it: one that knew no `stable_rank`, kept steps in another width, and wrote
    /// a journal of layout 1.
    fn older(home: &tempfile::TempDir) -> Layout {
        let mut folder = run(home);
        for trials in [0..4, 4..8] {
            folder.commit(&batch(trials, &[5])).unwrap();
        }
        let layout = folder.layout.clone();
        drop(folder);
        let journal = rusqlite::Connection::open(layout.journal()).unwrap();
        for (table, steps) in [(TableName::Trials, "steps"), (TableName::History, "step")] {
            for path in list(&layout.table(table)).unwrap() {
                make_older(&path, "stable_rank", steps);
            }
            for file in [1, 2] {
                let size = fs::metadata(layout.part(table, file)).unwrap().len();
                let row = (size.cast_signed(), table.name(), file.cast_signed());
                let sql = "UPDATE parts SET byte_count = ?1 WHERE table_name = ?2 AND file = ?3";
                journal.execute(sql, row).unwrap();
            }
        }
        journal
            .execute_batch(
                "ALTER TABLE parts DROP COLUMN hash; ALTER TABLE parts DROP COLUMN columns;
                 UPDATE settings SET value = 'older' WHERE name = 'meta.columns';
                 DELETE FROM settings WHERE name = 'meta.schema_version';
                 PRAGMA user_version = 1;",
            )
            .unwrap();
        layout
    }

    /// A folder as version 2 left it: whole numbers without a sign in every part.
    fn without_signs(home: &tempfile::TempDir) -> Layout {
        let mut folder = run(home);
        for trials in [0..4, 4..8] {
            folder.commit(&batch(trials, &[5])).unwrap();
        }
        let layout = folder.layout.clone();
        drop(folder);
        let journal = rusqlite::Connection::open(layout.journal()).unwrap();
        for table in TableName::ALL {
            for path in list(&layout.table(table)).unwrap() {
                make_unsigned(&path);
            }
            for file in [1, 2] {
                let size = fs::metadata(layout.part(table, file)).unwrap().len();
                let row = (size.cast_signed(), table.name(), file.cast_signed());
                let sql = "UPDATE parts SET byte_count = ?1, hash = NULL, columns = '2' WHERE table_name = ?2 AND file = ?3";
                journal.execute(sql, row).unwrap();
            }
        }
        journal
            .execute_batch(
                "UPDATE settings SET value = '2' WHERE name IN ('meta.columns', 'meta.schema_version')",
            )
            .unwrap();
        layout
    }

    /// Types of a part's columns that are unsigned.
    fn unsigned_columns(path: &std::path::Path) -> usize {
        let columns = part::footer(path).unwrap().columns;
        columns
            .iter_values()
            .filter(|t| t.is_unsigned_integer())
            .count()
    }

    #[test]
    fn a_folder_without_signs_reads_opens_grows_and_is_joined_with_new_parts() {
        let home = tempfile::tempdir().unwrap();
        let layout = without_signs(&home);
        let old = layout.part(TableName::Spectra, 2);
        assert_eq!(unsigned_columns(&old), 5);
        let steps =
            "SELECT count(*) AS n, min(step - 100) AS a, min(trial - step) AS b FROM history";
        check(&layout, steps, "n,a,b\n21,-100,-2\n");
        let indices = "SELECT min(layer - index) AS a, min(multiplicity - 5) AS b FROM spectra";
        check(&layout, indices, "a,b\n-1,-4\n");
        let trials = "SELECT min(attempt - 2) AS a, min(steps - 10) AS b FROM trials";
        check(&layout, trials, "a,b\n-1,-8\n");
        let before = fs::read(&old).unwrap();
        let mut folder = RunFolder::open(layout.dir(), None).unwrap();
        assert!(folder.repairs().is_empty(), "{:?}", folder.repairs());
        assert_eq!(folder.done().unwrap(), union(vec![0..8]));
        assert_eq!(folder.failed().unwrap()[0].attempts, 1);
        // Its parts stay as they are while it goes on; those without rows are of this program at once.
        folder.commit(&batch(8..10, &[])).unwrap();
        assert_eq!(fs::read(&old).unwrap(), before);
        for table in TableName::ALL {
            assert_eq!(unsigned_columns(&layout.schema_part(table)), 0);
        }
        check(&layout, steps, "n,a,b\n27,-100,-2\n");
        assert_eq!(folder.forget_failed().unwrap().numbers, union(vec![5..6]));
        folder.commit(&batch([5], &[])).unwrap();
        while folder.compact(Joining::AtEnd).unwrap().is_some() {}
        check(&layout, steps, "n,a,b\n30,-100,-2\n");
        check(&layout, indices, "a,b\n-1,-4\n");
        for table in TableName::ALL {
            let paths = list(&layout.table(table)).unwrap();
            assert!(
                paths.iter().all(|path| unsigned_columns(path) == 0),
                "{paths:?}"
            );
            assert!(paths.iter().all(|path| has_columns(path)), "{paths:?}");
        }
        check(
            &layout,
            "SELECT count(*) AS n, sum(trial) AS a FROM trials",
            "n,a\n10,45\n",
        );
    }

    #[track_caller]
    fn check(layout: &Layout, sql: &str, expected: &str) {
        let answer = crate::query(&[layout.dir().to_owned()], sql).unwrap();
        let mut csv = Vec::new();
        answer.send(&mut crate::CsvWriter::new(&mut csv)).unwrap();
        assert_eq!(String::from_utf8(csv).unwrap(), expected, "{sql}");
    }

    const TRIALS: &str =
        "SELECT count(*) AS n, count(stable_rank) AS a, sum(steps) AS s FROM trials";
    const HISTORY: &str =
        "SELECT count(*) AS n, count(stable_rank) AS a, max(step) AS s FROM history";

    #[test]
    fn an_older_folder_reads_opens_grows_and_becomes_one_of_this_program() {
        let home = tempfile::tempdir().unwrap();
        let layout = older(&home);
        check(&layout, TRIALS, "n,a,s\n8,0,14\n");
        check(&layout, HISTORY, "n,a,s\n21,0,2\n");
        let mut folder = RunFolder::open(layout.dir(), None).unwrap();
        assert!(folder.repairs().is_empty(), "{:?}", folder.repairs());
        assert_eq!(folder.done().unwrap(), union(vec![0..8]));
        assert!(folder.comparisons().unwrap().is_empty());
        folder.commit(&batch(8..10, &[])).unwrap();
        folder.add_generation(&generation(1), "grown").unwrap();
        folder.commit(&batch(1000..1002, &[])).unwrap();
        let all = "n,a,s\n12,4,22\n";
        check(&layout, TRIALS, all);
        check(&layout, HISTORY, "n,a,s\n33,8,2\n");
        check(&layout, "SELECT count(*) AS n FROM layers", "n\n33\n");
        check(&layout, "SELECT count(*) AS n FROM history", "n\n33\n");
        assert_eq!(folder.forget_failed().unwrap().numbers, union(vec![5..6]));
        folder.commit(&batch([5], &[5])).unwrap();
        drop(folder);

        // The rows outlive the journal, and rewriting makes them rows of this program.
        fs::remove_file(layout.journal()).unwrap();
        check(&layout, TRIALS, all);
        let mut folder = RunFolder::open(layout.dir(), None).unwrap();
        while folder.compact(Joining::AtEnd).unwrap().is_some() {}
        check(&layout, TRIALS, all);
        for table in TableName::ALL {
            let paths = list(&layout.table(table)).unwrap();
            assert!(paths.iter().all(|path| has_columns(path)), "{paths:?}");
        }
        assert_eq!(folder.counts().unwrap().total(), 12);
    }

    /// A folder as a newer program left it is refused by whoever opens or reads it, and stays as it was.
    #[track_caller]
    fn check_refused(layout: &Layout, found: &Format) {
        let shown = || -> Vec<(String, u64)> {
            let paths = list(layout.dir()).unwrap();
            let of = |path: &std::path::PathBuf| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                (name.into_owned(), fs::metadata(path).unwrap().len())
            };
            paths.iter().map(of).collect()
        };
        let known = shown();
        let opened = RunFolder::open(layout.dir(), None).map(|_| ());
        let read = super::super::readable_parts(layout).map(|_| ());
        for refused in [opened, read] {
            let refused = refused.unwrap_err();
            assert!(refused.is_request_error());
            let text = refused.to_string();
            for words in [found.to_string(), env!("CARGO_PKG_VERSION").to_owned()] {
                assert!(text.contains(&words), "{text}");
            }
        }
        assert_eq!(shown(), known);
    }

    #[test]
    fn a_newer_folder_is_refused_with_both_versions() {
        let home = tempfile::tempdir().unwrap();
        let folder = run(&home);
        let layout = folder.layout.clone();
        drop(folder);
        let journal = || rusqlite::Connection::open(layout.journal()).unwrap();
        journal()
            .execute_batch("PRAGMA user_version = 7; UPDATE settings SET value = '9.1' WHERE name = 'meta.version'")
            .unwrap();
        check_refused(&layout, &Format::Journal(7));
        journal()
            .execute_batch(
                "PRAGMA user_version = 2; UPDATE settings SET value = 'x' WHERE name = 'meta.columns';
                 UPDATE settings SET value = '12' WHERE name = 'meta.schema_version'",
            )
            .unwrap();
        check_refused(&layout, &Format::Tables(12));
        journal()
            .execute_batch("UPDATE settings SET value = '2' WHERE name = 'meta.schema_version'")
            .unwrap();
        let path = layout.schema_part(TableName::Layers);
        make_older(&path, "separation", "balancedness");
        let column = Format::Column(1, "balancedness".to_owned());
        check_refused(&layout, &column);
        fs::remove_file(layout.journal()).unwrap();
        check_refused(&layout, &column);
    }
}
