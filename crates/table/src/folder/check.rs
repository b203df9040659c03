//! Reading every byte of a run folder against what was written down of it, without changing anything.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::journal::{Inspection, Journal};
use crate::part;
use crate::schema::TableName;

use super::disk;
use super::error::FolderError;
use super::files::fault_of_file;
use super::fit;
use super::layout::{Layout, is_temporary, list};
use super::listing::readable_parts;
use super::manifest::Manifest;
use super::mend::{self, Depth, PartFault, fault_of_part};
use super::records::PartRow;
use super::run_folder::RunFolder;
use super::versions;

/// What a file of a run folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Journal,
    Part,
    /// A file that the sweep reads.
    File,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Journal => "journal",
            Kind::Part => "part",
            Kind::File => "file",
        }
    }
}

/// What reading a file found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// As it was written.
    Sound,
    /// It reads, and there is no hash to compare it with.
    Unhashed,
    /// It is not as it was written.
    Damaged(String),
}

/// A file that was read.
#[derive(Clone, Debug)]
pub struct Checked {
    pub kind: Kind,
    pub path: PathBuf,
    pub bytes: u64,
    pub finding: Finding,
    /// Trials whose rows are in it, or in the same commit.
    pub trials: u64,
    table: Option<TableName>,
}

/// Reads every part and every stored file of a run folder against its hash, and its journal against itself and the
/// parts. Changes nothing; may be called while the folder is in use.
///
/// # Errors
/// [`FolderError::NotARun`], [`FolderError::Missing`], [`FolderError::Newer`]; where the folder cannot be listed.
pub fn check_folder(dir: &Path) -> Result<Vec<Checked>, FolderError> {
    let layout = Layout::new(dir);
    if !dir.exists() {
        return Err(FolderError::Missing {
            dir: dir.to_owned(),
        });
    }
    if !layout.is_run() {
        return Err(FolderError::NotARun {
            dir: dir.to_owned(),
        });
    }
    let mut checked = Vec::new();
    let mut names = BTreeSet::new();
    match journal(&layout, &mut checked, &mut names)? {
        Some(parts) => checked.extend(parts.iter().map(|(trials, part)| {
            let path = layout.part(part.table, part.file);
            let fault = fault_of_part(&path, part, Depth::Hash);
            let finding = match (fault, part.hash) {
                (Some(fault), _) => Finding::Damaged(fault.words().to_owned()),
                (None, Some(_)) => Finding::Sound,
                (None, None) => decoded(part.table, &path),
            };
            Checked {
                kind: Kind::Part,
                bytes: part.bytes,
                path,
                finding,
                trials: *trials,
                table: Some(part.table),
            }
        })),
        None => checked.extend(without_journal(&layout)?),
    }
    checked.extend(stored_files(&layout, &names)?);
    Ok(checked)
}

/// Checks the journal; returns the parts that it names with the trials of their commits, if it can be believed, and
/// collects the hashes of the files that its sweeps read.
fn journal(
    layout: &Layout,
    checked: &mut Vec<Checked>,
    names: &mut BTreeSet<String>,
) -> Result<Option<Vec<(u64, PartRow)>>, FolderError> {
    let path = layout.journal();
    if !path.is_file() {
        return Ok(None);
    }
    let bytes = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
    let mut report = |finding| {
        checked.push(Checked {
            kind: Kind::Journal,
            path: path.clone(),
            bytes,
            finding,
            trials: 0,
            table: None,
        });
    };
    let journal = Journal::open_reader(&path)?;
    if journal.inspect()? != Inspection::Ours {
        report(Finding::Damaged("cannot be read".to_owned()));
        return Ok(None);
    }
    versions::refuse_newer(layout, &journal)?;
    journal.hold()?;
    if let Some(misfit) = fit::misfit(layout, &journal)? {
        report(Finding::Damaged(format!(
            "does not fit the parts: {misfit}"
        )));
        return Ok(None);
    }
    report(Finding::Sound);
    for generation in journal.generations()? {
        let hashes = generation.files.into_iter().map(|(_, hash)| hash);
        names.extend(hashes.filter_map(|hash| Some(hash.strip_prefix("blake3:")?.to_owned())));
    }
    let commits = journal.commits()?;
    let parts = commits.into_iter().flat_map(|commit| {
        let trials = commit.counts.total();
        commit.parts.into_iter().map(move |part| (trials, part))
    });
    Ok(Some(parts.collect()))
}

fn without_journal(layout: &Layout) -> Result<Vec<Checked>, FolderError> {
    let mut checked = Vec::new();
    let listed = Manifest::read(layout.dir()).unwrap_or_default();
    let hash_of = |path: &Path| {
        let name = path.strip_prefix(layout.dir()).ok()?.to_str()?;
        listed.files.get(name)?.hash
    };
    for (table, parts) in readable_parts(layout)? {
        for path in parts.into_iter().flatten() {
            checked.push(Checked {
                kind: Kind::Part,
                bytes: std::fs::metadata(&path).map_or(0, |metadata| metadata.len()),
                finding: match hash_of(&path) {
                    None => decoded(table, &path),
                    Some(hash) if disk::hash(&path).is_ok_and(|found| found == hash) => {
                        Finding::Sound
                    }
                    Some(_) => Finding::Damaged(PartFault::Hash.words().to_owned()),
                },
                trials: part::footer(&path).map_or(0, |footer| footer.rows),
                path,
                table: Some(table),
            });
        }
    }
    Ok(checked)
}

/// All that can be said of a part without a hash.
fn decoded(table: TableName, path: &Path) -> Finding {
    match part::read(table, path, None) {
        Ok(_) => Finding::Unhashed,
        Err(error) => Finding::Damaged(format!("is damaged: {error}")),
    }
}

/// Files are named by their hashes. A folder that keeps any keeps all that its sweeps read; runs of earlier programs
/// on one machine kept none.
fn stored_files(layout: &Layout, names: &BTreeSet<String>) -> Result<Vec<Checked>, FolderError> {
    const AGAIN: &str = "submit the sweep again with the file as it was";
    let folder = layout.files();
    let mut paths: BTreeSet<PathBuf> = list(&folder)?.into_iter().collect();
    paths.retain(|path| !is_temporary(path));
    if folder.is_dir() {
        paths.extend(names.iter().map(|name| folder.join(name)));
    }
    let checked = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let finding = match fault_of_file(&path, &format!("blake3:{name}")) {
            None => Finding::Sound,
            Some(what) => Finding::Damaged(format!("{what}; {AGAIN}")),
        };
        Checked {
            kind: Kind::File,
            bytes: std::fs::metadata(&path).map_or(0, |metadata| metadata.len()),
            path,
            finding,
            trials: 0,
            table: None,
        }
    };
    Ok(paths.into_iter().map(checked).collect())
}

impl RunFolder {
    /// Moves the damaged parts among what was checked out of the way, so that their rows run again when the folder
    /// is next opened. Returns how many were moved.
    ///
    /// # Errors
    /// [`FolderError::Locked`] while the folder is in use; where the disk refuses.
    pub fn set_damaged_aside(dir: &Path, checked: &[Checked]) -> Result<u64, FolderError> {
        let layout = Layout::new(dir);
        let _lock = super::open::lock(&layout)?;
        let mut moved = 0;
        for checked in checked {
            if let (Some(table), Finding::Damaged(_)) = (checked.table, &checked.finding)
                && checked.path.is_file()
            {
                mend::set_aside(&layout, table, &checked.path)?;
                moved += 1;
            }
        }
        Ok(moved)
    }
}
