//! Folders of tables that no sweep numbers: readers take them like the copy of a run folder, and no run continues them.

use std::fs;
use std::path::Path;

use crate::batch::Batch;
use crate::part;
use crate::schema::TableName;

use super::disk;
use super::error::{FolderError, io_error};
use super::labels::label;
use super::layout::Layout;
use super::records::Meta;
use super::run_folder::labels;

/// The number of the only part of each table.
const PART: u64 = 1;

/// Refuses a folder that is neither new nor empty nor marked, by a file of this name, as one that may be replaced.
///
/// # Errors
/// [`FolderError::NotARun`]; where the folder cannot be listed.
pub fn check_tables_folder(dir: &Path, marker: &str) -> Result<(), FolderError> {
    let layout = Layout::new(dir);
    if layout.is_blank()? || (dir.join(marker).is_file() && !layout.sweep().is_file()) {
        return Ok(());
    }
    Err(FolderError::NotARun {
        dir: dir.to_owned(),
    })
}

/// Writes a batch as the tables of such a folder; those that were there are replaced one by one.
///
/// # Errors
/// As [`check_tables_folder`]; where the disk refuses.
pub fn write_tables(
    dir: &Path,
    meta: &Meta,
    batch: &Batch,
    marker: &str,
) -> Result<(), FolderError> {
    check_tables_folder(dir, marker)?;
    let layout = Layout::new(dir);
    let labels = labels(meta, "");
    // Whoever opens the folder as a run finds rows that nothing numbers, and refuses it.
    let others = [TableName::History, TableName::Spectra, TableName::Layers];
    let others = others
        .map(|table| format!("{}={PART}", table.name()))
        .join(",");
    for table in TableName::ALL {
        let folder = layout.table(table);
        fs::create_dir_all(&folder).map_err(io_error("create", &folder))?;
        let empty = part::encode(table, [], &labels)?;
        disk::replace(&layout.schema_part(table), &empty.bytes)?;
        let mut labels = labels.clone();
        if table == TableName::Trials {
            labels.push((label::SIBLINGS, others.clone()));
        }
        let pieces = batch.pieces(table, part::ROW_GROUP_ROWS);
        let staged = disk::stage_with(&layout.part(table, PART), |out| {
            Ok(part::encode_into(out, table, pieces, &labels)?)
        })?;
        disk::publish(staged.file)?;
        disk::sync_folder(&folder)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests_support::{meta, run};
    use super::*;
    use crate::batch::tests::batch;

    const MARKER: &str = "made.json";

    #[test]
    fn tables_are_read_and_replaced() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("made");
        for trials in [0..3, 0..2] {
            let expected = trials.end;
            write_tables(&dir, &meta(), &batch(trials, &[]), MARKER).unwrap();
            fs::write(dir.join(MARKER), "{}").unwrap();
            let sql = "SELECT count(*) FROM trials";
            let found = crate::query(std::slice::from_ref(&dir), sql).unwrap();
            assert_eq!(found.rows[0][0].number(), Some(expected as f64));
            let opened = super::super::RunFolder::open(&dir, None);
            assert!(matches!(opened, Err(FolderError::JournalLost { .. })));
        }
    }

    #[test]
    fn other_folders_are_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("mine");
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("thesis.tex"), "x").unwrap();
        let refused = write_tables(&dir, &meta(), &batch(0..1, &[]), MARKER);
        assert!(matches!(refused, Err(FolderError::NotARun { .. })));
        let folder = run(&home);
        fs::write(folder.dir().join(MARKER), "{}").unwrap();
        assert!(check_tables_folder(folder.dir(), MARKER).is_err());
    }
}
