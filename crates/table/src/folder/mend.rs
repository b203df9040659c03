//! Holding the journal and the parts against each other when a folder is opened: what does not fit runs again, and
//! what is damaged is kept aside rather than believed or deleted.

use std::fs;
use std::path::{Path, PathBuf};

use crate::part;
use crate::schema::TableName;

use super::disk;
use super::error::{FolderError, io_error};
use super::labels::setting;
use super::layout::Layout;
use super::records::{CommitRow, PartRow};
use super::run_folder::RunFolder;

/// Bytes whose hashes are checked when a folder is opened, the newest parts first: below a second of work, and all
/// of most folders. The others are checked by size and number of rows, and by hash before they are joined.
const HASHED_AT_OPEN: u64 = if cfg!(test) { 1 << 20 } else { 512 << 20 };

/// How a part differs from what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartFault {
    Missing,
    Size,
    Hash,
    Rows,
    Unreadable,
}

impl PartFault {
    pub(crate) fn words(self) -> &'static str {
        match self {
            PartFault::Missing => "is missing",
            PartFault::Size => "has another size than it was written with",
            PartFault::Hash => "is damaged: it has another content than it was written with",
            PartFault::Rows => "holds another number of rows than it was written with",
            PartFault::Unreadable => "is damaged",
        }
    }
}

/// How thoroughly a part is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Size, and what its end says.
    End,
    /// Every byte, where its hash is known.
    Hash,
}

/// The first way in which a part differs from what the journal says of it.
pub(crate) fn fault_of_part(path: &Path, expected: &PartRow, depth: Depth) -> Option<PartFault> {
    let Ok(metadata) = fs::metadata(path) else {
        return Some(PartFault::Missing);
    };
    if metadata.len() != expected.bytes {
        return Some(PartFault::Size);
    }
    if let (Depth::Hash, Some(hash)) = (depth, expected.hash) {
        return match disk::hash(path) {
            Ok(found) if found == hash => None,
            Ok(_) => Some(PartFault::Hash),
            Err(_) => Some(PartFault::Unreadable),
        };
    }
    match part::footer(path) {
        Ok(footer) if footer.rows == expected.rows => None,
        Ok(_) => Some(PartFault::Rows),
        Err(_) => Some(PartFault::Unreadable),
    }
}

impl RunFolder {
    /// Holds journal and files against each other.
    pub(super) fn mend(&mut self) -> Result<(), FolderError> {
        let commits = self.journal.commits()?;
        let mut taken_back = Vec::new();
        let mut unhashed = HASHED_AT_OPEN;
        for commit in commits.iter().rev() {
            let Some((part, fault)) = self.fault_of(commit, &mut unhashed)? else {
                continue;
            };
            let path = self.part(part.table, part.file);
            let trials: u64 = commit.runs.iter().map(|run| run.end - run.start).sum();
            let kept = match fault {
                PartFault::Missing => String::new(),
                _ => {
                    let aside = set_aside(&self.layout, part.table, &path)?;
                    format!("; the damaged part is {}", aside.display())
                }
            };
            self.repairs.push(format!(
                "{} {}: {trials} trial{} will run again{kept}",
                path.display(),
                fault.words(),
                if trials == 1 { "" } else { "s" },
            ));
            taken_back.push(commit.number);
        }
        if !taken_back.is_empty() {
            self.journal.exchange(&taken_back, &[])?;
        }
        self.mend_generations()?;
        self.remove_unnamed()?;
        self.journal.forget_settings(setting::SUSPECT)
    }

    /// The first part of a commit that is not as the journal says, and how. Takes what it hashes off a budget.
    fn fault_of(
        &self,
        commit: &CommitRow,
        unhashed: &mut u64,
    ) -> Result<Option<(PartRow, PartFault)>, FolderError> {
        for part in &commit.parts {
            let suspect = self.journal.setting(&suspect(part))?.is_some();
            let depth = if suspect || part.bytes <= *unhashed {
                *unhashed = unhashed.saturating_sub(part.bytes);
                Depth::Hash
            } else {
                Depth::End
            };
            let path = self.part(part.table, part.file);
            if let Some(fault) = fault_of_part(&path, part, depth) {
                return Ok(Some((*part, fault)));
            }
        }
        Ok(None)
    }

    /// Refuses to rewrite rows that are not those that were written. A part that is damaged is remembered: its
    /// rows run again when the folder is next opened.
    pub(super) fn check_before_rewriting(
        &mut self,
        commits: &[&CommitRow],
    ) -> Result<(), FolderError> {
        for part in commits.iter().flat_map(|commit| &commit.parts) {
            let path = self.part(part.table, part.file);
            if let Some(fault) = fault_of_part(&path, part, Depth::Hash) {
                self.journal.set_settings(&[(&suspect(part), "1")])?;
                let what = fault.words();
                return Err(FolderError::DamagedPart { path, what });
            }
        }
        Ok(())
    }
}

fn suspect(part: &PartRow) -> String {
    format!("{}{}.{}", setting::SUSPECT, part.table.name(), part.file)
}

/// Moves a damaged part where nobody reads it. Returns its new place.
pub(super) fn set_aside(
    layout: &Layout,
    table: TableName,
    path: &Path,
) -> Result<PathBuf, FolderError> {
    let folder = layout.damaged();
    fs::create_dir_all(&folder).map_err(io_error("create", &folder))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut number = 1;
    let aside = loop {
        let aside = folder.join(format!("{}-{name}.{number}", table.name()));
        if !aside.exists() {
            break aside;
        }
        number += 1;
    };
    fs::rename(path, &aside).map_err(io_error("rename", path))?;
    Ok(aside)
}
