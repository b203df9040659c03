//! Making and opening a run folder: the lock, the journal, and mending what a kill, a full disk or a hand left
//! behind.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::journal::{Inspection, Journal};
use crate::part;
use crate::schema::{SCHEMA_VERSION, TableName, fingerprint};

use super::disk;
use super::error::{FolderError, io_error};
use super::fault::Hook;
use super::fit;
use super::labels::{label, setting};
use super::layout::{Layout, generation_number, is_temporary, list, part_number};
use super::rebuild;
use super::records::{Counts, Meta};
use super::run_folder::{RunFolder, labels};
use super::versions;

impl RunFolder {
    /// Makes a run folder where there is nothing, or an empty folder.
    ///
    /// # Errors
    /// [`FolderError::NotARun`] where the folder holds anything; [`FolderError::Locked`]; where the disk
    /// refuses.
    pub fn create(dir: &Path, meta: &Meta, hook: Option<Hook>) -> Result<RunFolder, FolderError> {
        let layout = Layout::new(dir);
        if !layout.is_blank()? {
            return Err(FolderError::NotARun {
                dir: dir.to_owned(),
            });
        }
        enter(layout, Some(meta), hook)
    }

    /// Opens a run folder as it is.
    ///
    /// What the journal does not name is deleted. A commit one of whose parts is missing or damaged is taken
    /// back, so that its trials run again; a journal that cannot be read is set aside and made again from the
    /// parts. [`RunFolder::repairs`] lists them.
    ///
    /// # Errors
    /// [`FolderError::Missing`], [`FolderError::NotARun`], [`FolderError::Locked`]; where the journal is of
    /// another program, a newer version or beyond repair; where the disk refuses.
    pub fn open(dir: &Path, hook: Option<Hook>) -> Result<RunFolder, FolderError> {
        let layout = Layout::new(dir);
        if !layout.is_run() {
            let dir = dir.to_owned();
            return Err(if dir.exists() {
                FolderError::NotARun { dir }
            } else {
                FolderError::Missing { dir }
            });
        }
        enter(layout, None, hook)
    }

    /// Opens a run folder, or makes it where there is nothing or an empty folder.
    ///
    /// # Errors
    /// As [`RunFolder::create`] and [`RunFolder::open`].
    pub fn open_or_create(
        dir: &Path,
        meta: &Meta,
        hook: Option<Hook>,
    ) -> Result<RunFolder, FolderError> {
        let layout = Layout::new(dir);
        if layout.is_run() {
            return enter(layout, Some(meta), hook);
        }
        RunFolder::create(dir, meta, hook)
    }
}

fn enter(
    layout: Layout,
    meta: Option<&Meta>,
    hook: Option<Hook>,
) -> Result<RunFolder, FolderError> {
    if meta.is_some() {
        fs::create_dir_all(layout.dir()).map_err(io_error("create", layout.dir()))?;
    }
    let lock = lock(&layout)?;
    // These come first: from then on the folder is known as a run folder.
    if let Some(meta) = meta {
        write_schema_parts(&layout, meta, |path| !path.is_file())?;
    }
    let mut repairs = Vec::new();
    let mut journal = open_journal(&layout, &mut repairs)?;
    let meta = settle_meta(&mut journal, meta)?;
    write_schema_parts(&layout, &meta, |path| !versions::has_columns(path))?;
    let mut folder = RunFolder {
        layout,
        journal,
        meta,
        sweep_hash: String::new(),
        hook,
        done: sweep::IntervalSet::new(),
        counts: Counts::default(),
        next_file: 1,
        repairs,
        unsure: false,
        landed: sweep::IntervalSet::new(),
        _lock: lock,
    };
    // From here on the journal says which parts count.
    disk::remove(&folder.layout.manifest())?;
    folder.mend()?;
    folder.refresh()?;
    Ok(folder)
}

/// Takes the folder's lock, which the operating system gives back when the process ends, however it ends.
pub(super) fn lock(layout: &Layout) -> Result<File, FolderError> {
    let path = layout.lock();
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(io_error("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(FolderError::Locked {
            dir: layout.dir().to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(io_error("lock", &path)(source)),
    }
}

/// Makes the tables' folders and the parts without rows, where they are wanted.
fn write_schema_parts(
    layout: &Layout,
    meta: &Meta,
    wanted: impl Fn(&Path) -> bool,
) -> Result<(), FolderError> {
    for table in TableName::ALL {
        let path = layout.schema_part(table);
        if !wanted(&path) {
            continue;
        }
        let folder = layout.table(table);
        fs::create_dir_all(&folder).map_err(io_error("create", &folder))?;
        let empty = part::encode(table, [], &labels(meta, ""))?;
        disk::replace(&path, &empty.bytes)?;
        disk::sync_folder(layout.dir())?;
    }
    Ok(())
}

/// Opens the journal; makes it, or makes it again from the parts, where it is empty or damaged.
fn open_journal(layout: &Layout, repairs: &mut Vec<String>) -> Result<Journal, FolderError> {
    let path = layout.journal();
    if !path.is_file() {
        // A folder that is refused stays as it was, also without its journal.
        versions::refuse_newer_tables(layout)?;
    }
    let mut found = Journal::open(&path)?;
    let state = found.inspect()?;
    let why = match state {
        Inspection::Ours => {
            versions::refuse_newer(layout, &found)?;
            found.prepare()?;
            match fit::misfit(layout, &found)? {
                Some(misfit) => Some(format!("does not fit the parts ({misfit})")),
                None => {
                    found.upgrade()?;
                    return Ok(found);
                }
            }
        }
        Inspection::Damaged => Some("could not be read".to_owned()),
        Inspection::Empty => None,
    };
    drop(found);
    versions::refuse_newer_tables(layout)?;
    if let Some(why) = why {
        let aside = set_aside(&path)?;
        repairs.push(format!(
            "the journal {why} and is made again from the parts; the old one is {}",
            aside.display()
        ));
    }
    let mut again = Journal::open(&path)?;
    again.prepare()?;
    rebuild::rebuild(layout, &mut again, repairs)?;
    Ok(again)
}

/// Renames a damaged journal to a name that is free.
fn set_aside(path: &Path) -> Result<PathBuf, FolderError> {
    let mut number = 1;
    let aside = loop {
        let aside = path.with_file_name(format!("journal.damaged-{number}.sqlite"));
        if !aside.exists() {
            break aside;
        }
        number += 1;
    };
    fs::rename(path, &aside).map_err(io_error("rename", path))?;
    // What belonged to the damaged file must not be applied to the new one.
    disk::remove(&path.with_file_name("journal.sqlite-journal"))?;
    Ok(aside)
}

/// Brings together what the caller, the journal and the parts say of the folder's origin.
fn settle_meta(journal: &mut Journal, given: Option<&Meta>) -> Result<Meta, FolderError> {
    let meta = match given {
        Some(meta) => meta.clone(),
        None => Meta {
            name: journal.setting(setting::NAME)?.unwrap_or_default(),
            program_version: journal.setting(setting::VERSION)?.unwrap_or_default(),
            revision: journal.setting(setting::REVISION)?.unwrap_or_default(),
        },
    };
    journal.set_settings(&[
        (setting::NAME, meta.name.as_str()),
        (setting::VERSION, meta.program_version.as_str()),
        (setting::REVISION, meta.revision.as_str()),
        (setting::COLUMNS, fingerprint()),
        (setting::SCHEMA_VERSION, &SCHEMA_VERSION.to_string()),
    ])?;
    Ok(meta)
}

impl RunFolder {
    /// Sees to it that `sweep.toml` and the generations' parts are those of the journal.
    pub(super) fn mend_generations(&mut self) -> Result<(), FolderError> {
        let generations = self.journal.generations()?;
        let Some(newest) = generations.last() else {
            return Ok(());
        };
        self.sweep_hash.clone_from(&newest.hash);
        let sweep = self.journal.newest_sweep()?.unwrap_or_default();
        let written = fs::read(self.layout.sweep()).unwrap_or_default();
        if written != sweep.as_bytes() {
            disk::replace(&self.layout.sweep(), sweep.as_bytes())?;
        }
        for generation in &generations {
            let path = self.layout.generation_part(generation.number);
            let carried = part::footer(&path)
                .ok()
                .and_then(|footer| footer.labels.get(label::SWEEP_HASH).cloned());
            let as_now = versions::has_columns(&path);
            if !as_now || carried.as_deref() != Some(generation.hash.as_str()) {
                let as_given = generation.number == newest.number;
                let text = if as_given { &sweep } else { &generation.toml };
                self.write_generation_part(generation, text)?;
            }
        }
        Ok(())
    }

    /// Deletes parts that the journal does not name and halves of writes; other people's files stay. Also
    /// finds the number of the next part, which no file has had.
    pub(super) fn remove_unnamed(&mut self) -> Result<(), FolderError> {
        let generations = self.journal.generations()?.len() as u64;
        let named: BTreeSet<(TableName, u64)> = self
            .journal
            .parts()?
            .iter()
            .map(|(_, part)| (part.table, part.file))
            .collect();
        let mut largest = named.iter().map(|(_, file)| *file).max().unwrap_or(0);
        for table in TableName::ALL {
            for path in list(&self.layout.table(table))? {
                let unnamed = match (part_number(&path), generation_number(&path)) {
                    (Some(file), _) => {
                        largest = largest.max(file);
                        !named.contains(&(table, file))
                    }
                    (None, Some(number)) => number >= generations,
                    (None, None) => is_temporary(&path),
                };
                if unnamed {
                    disk::remove(&path)?;
                }
            }
        }
        for dir in [self.layout.dir().to_owned(), self.layout.files()] {
            for path in list(&dir)?.iter().filter(|path| is_temporary(path)) {
                disk::remove(path)?;
            }
        }
        let commits = self.journal.commits()?;
        let commit_largest = commits.last().map_or(0, |commit| commit.number);
        self.next_file = largest.max(commit_largest) + 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests_support::{meta, run};
    use super::*;
    use crate::batch::tests::batch;
    use crate::codec::union;

    #[test]
    fn a_new_folder_reads_with_types_at_once() {
        let home = tempfile::tempdir().unwrap();
        let folder = run(&home);
        for table in TableName::ALL {
            let frame = part::read(table, &folder.layout.schema_part(table), None).unwrap();
            assert_eq!(frame.schema(), &crate::schema::schema(table));
        }
        assert!(folder.repairs().is_empty());
    }

    #[test]
    fn strangers_and_second_owners_are_refused() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("run");
        assert!(matches!(
            RunFolder::open(&dir, None),
            Err(FolderError::Missing { .. })
        ));
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("thesis.tex"), "x").unwrap();
        for refused in [
            RunFolder::open(&dir, None),
            RunFolder::create(&dir, &meta(), None),
            RunFolder::open_or_create(&dir, &meta(), None),
        ] {
            assert!(matches!(refused, Err(FolderError::NotARun { .. })));
        }
        assert_eq!(list(&dir).unwrap().len(), 1);

        let owner = run(&home);
        assert!(matches!(
            RunFolder::open(owner.dir(), None),
            Err(FolderError::Locked { .. })
        ));
        let dir = owner.dir().to_owned();
        drop(owner);
        assert_eq!(RunFolder::open(&dir, None).unwrap().meta(), &meta());
    }

    /// Commits three times, harms one file, opens again: `lost` must run again, the rest stays.
    fn check_harm(harm: impl FnOnce(&Layout), lost: &[std::ops::Range<u64>], repair: &str) {
        let home = tempfile::tempdir().unwrap();
        let mut folder = run(&home);
        for trials in [0..10, 10..20, 20..30] {
            folder.commit(&batch(trials, &[13])).unwrap();
        }
        let (dir, layout) = (folder.dir().to_owned(), folder.layout.clone());
        drop(folder);
        harm(&layout);
        let mut folder = RunFolder::open(&dir, None).unwrap();
        let mut expected = union(vec![0..30]);
        expected.subtract(&union(lost.to_vec()));
        assert_eq!(folder.done().unwrap(), expected);
        assert_eq!(folder.counts().unwrap().total(), expected.len());
        let repairs = folder.repairs().join("\n");
        assert!(repairs.contains(repair), "{repairs}");
        assert_eq!(folder.generations().unwrap().len(), 1);
        for run in lost {
            folder.commit(&batch(run.clone(), &[13])).unwrap();
        }
        assert_eq!(folder.done().unwrap(), union(vec![0..30]));
        assert_eq!(folder.failed().unwrap().len(), 1);
        drop(folder);
        let folder = RunFolder::open(&dir, None).unwrap();
        assert!(folder.repairs().is_empty(), "{:?}", folder.repairs());
        assert_eq!(folder.counts().unwrap().total(), 30);
    }

    #[test]
    fn a_missing_or_damaged_part_costs_its_own_commit() {
        check_harm(
            |layout| fs::remove_file(layout.part(TableName::Trials, 2)).unwrap(),
            &[10..20],
            "is missing: 10 trials will run again",
        );
        check_harm(
            |layout| fs::remove_file(layout.part(TableName::Spectra, 3)).unwrap(),
            &[20..30],
            "is missing",
        );
        check_harm(
            |layout| {
                let path = layout.part(TableName::History, 1);
                let bytes = fs::read(&path).unwrap();
                fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
            },
            &[0..10],
            "another size",
        );
        check_harm(
            |layout| {
                let path = layout.part(TableName::Layers, 1);
                let size = fs::metadata(&path).unwrap().len() as usize;
                fs::write(&path, vec![0x5a; size]).unwrap();
            },
            &[0..10],
            "is damaged",
        );
    }

    #[test]
    fn what_nobody_names_goes_and_what_is_not_ours_stays() {
        check_harm(
            |layout| {
                let trials = layout.table(TableName::Trials);
                fs::copy(
                    layout.part(TableName::Trials, 1),
                    layout.part(TableName::Trials, 9),
                )
                .unwrap();
                fs::write(trials.join(".part-00000010.parquet.tmp"), "half").unwrap();
                fs::write(trials.join("notes.txt"), "mine").unwrap();
            },
            &[],
            "",
        );
        let home = tempfile::tempdir().unwrap();
        let folder = run(&home);
        let note = folder.layout.table(TableName::Trials).join("notes.txt");
        let stray = folder.part(TableName::Trials, 9);
        for path in [&note, &stray] {
            fs::write(path, "x").unwrap();
        }
        let dir = folder.dir().to_owned();
        drop(folder);
        let folder = RunFolder::open(&dir, None).unwrap();
        assert!(note.exists() && !stray.exists());
        assert_eq!(folder.next_file, 10);
    }

    #[test]
    fn a_lost_journal_is_made_again_from_the_parts() {
        let wreck = |layout: &Layout| {
            fs::write(layout.journal(), "not a database".repeat(100)).unwrap();
        };
        check_harm(wreck, &[], "the journal could not be read");
        check_harm(|layout| fs::remove_file(layout.journal()).unwrap(), &[], "");
        check_harm(
            |layout| {
                wreck(layout);
                fs::remove_file(layout.part(TableName::History, 2)).unwrap();
            },
            &[10..20],
            "the journal could not be read",
        );
        check_harm(
            |layout| {
                let mut bytes = fs::read(layout.journal()).unwrap();
                bytes.extend_from_slice(&[7; 9000]);
                fs::write(layout.journal(), bytes).unwrap();
            },
            &[],
            "",
        );
    }

    #[test]
    fn an_interrupted_making_is_taken_up_again() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("run");
        fs::create_dir_all(dir.join("trials")).unwrap();
        fs::write(dir.join(".lock"), "").unwrap();
        fs::write(dir.join("trials/.schema.parquet.tmp"), "PAR").unwrap();
        let folder = RunFolder::open_or_create(&dir, &meta(), None).unwrap();
        assert!(folder.repairs().is_empty());
        assert_eq!(list(&dir.join("trials")).unwrap().len(), 1);
    }
}
