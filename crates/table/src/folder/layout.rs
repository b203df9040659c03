//! Names within a run folder, and how a run folder is recognised.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::schema::TableName;

use super::error::{FolderError, io_error};

const JOURNAL: &str = "journal.sqlite";
const LOCK: &str = ".lock";
const SWEEP: &str = "sweep.toml";
const FILES: &str = "files";
const MANIFEST: &str = "manifest.json";
/// Parts that were found damaged, kept where nobody reads them.
const DAMAGED: &str = "damaged";
/// A part without rows that every table has, so that `*.parquet` always reads with the right types.
const SCHEMA_PART: &str = "schema.parquet";
/// Digits of a number in a file name; more are used when they are needed.
const DIGITS: usize = 8;

/// The paths of one run folder.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    dir: PathBuf,
}

impl Layout {
    pub(crate) fn new(dir: &Path) -> Layout {
        Layout {
            dir: dir.to_owned(),
        }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.dir.join(JOURNAL)
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.dir.join(LOCK)
    }

    pub(super) fn sweep(&self) -> PathBuf {
        self.dir.join(SWEEP)
    }

    pub(super) fn files(&self) -> PathBuf {
        self.dir.join(FILES)
    }

    /// Where there is no journal: which files count.
    pub(super) fn manifest(&self) -> PathBuf {
        self.dir.join(MANIFEST)
    }

    pub(super) fn damaged(&self) -> PathBuf {
        self.dir.join(DAMAGED)
    }

    pub(crate) fn table(&self, table: TableName) -> PathBuf {
        self.dir.join(table.name())
    }

    pub(crate) fn schema_part(&self, table: TableName) -> PathBuf {
        self.table(table).join(SCHEMA_PART)
    }

    pub(crate) fn part(&self, table: TableName, file: u64) -> PathBuf {
        self.table(table).join(part_name(file))
    }

    /// A part without rows in `trials` whose metadata carry a generation: what the journal is made again
    /// from if it is lost.
    pub(super) fn generation_part(&self, number: u32) -> PathBuf {
        let name = format!("generation-{number:0DIGITS$}.parquet");
        self.table(TableName::Trials).join(name)
    }

    /// Whether this is a run folder, whole or damaged.
    pub(crate) fn is_run(&self) -> bool {
        self.journal().is_file() || self.schema_part(TableName::Trials).is_file()
    }

    /// Whether the folder holds nothing, or nothing but what is left of a run folder whose making was
    /// interrupted at its start.
    pub(super) fn is_blank(&self) -> Result<bool, FolderError> {
        for entry in list(&self.dir)? {
            let leftover = match entry.file_name().and_then(|name| name.to_str()) {
                Some(LOCK) => true,
                Some("trials") => list(&entry)?.iter().all(|path| is_temporary(path)),
                _ => false,
            };
            if !leftover {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

pub(super) fn part_name(file: u64) -> String {
    format!("part-{file:0DIGITS$}.parquet")
}

/// Number in the name of a part; `None` for every other file.
pub(super) fn part_number(path: &Path) -> Option<u64> {
    numbered(path, "part-")
}

/// Number in the name of a generation's part.
pub(super) fn generation_number(path: &Path) -> Option<u64> {
    numbered(path, "generation-")
}

fn numbered(path: &Path, prefix: &str) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let digits = name.strip_prefix(prefix)?.strip_suffix(".parquet")?;
    let decimal = digits.len() >= DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    decimal.then(|| digits.parse().ok()).flatten()
}

/// Whether a file is half of a write.
pub(super) fn is_temporary(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "tmp")
}

/// Paths in a folder, sorted; none where the folder is not there.
pub(crate) fn list(dir: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error("list", dir)(error)),
    };
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()
        .map_err(io_error("list", dir))?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_names_have_numbers() {
        let check = |name: &str, expected| {
            assert_eq!(part_number(Path::new(name)), expected, "{name}");
        };
        check("a/part-00000007.parquet", Some(7));
        check("part-123456789.parquet", Some(123_456_789));
        check("part-7.parquet", None);
        check("part-0000000x.parquet", None);
        check("mine.parquet", None);
        check(".part-00000007.parquet.tmp", None);
        assert_eq!(part_name(7), "part-00000007.parquet");
        let path = Layout::new(Path::new("run")).generation_part(3);
        assert_eq!(generation_number(&path), Some(3));
    }

    #[test]
    fn folders_of_each_kind_are_recognised() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        assert!(layout.is_blank().unwrap() && !layout.is_run());
        fs::write(layout.lock(), "").unwrap();
        fs::create_dir(layout.table(TableName::Trials)).unwrap();
        fs::write(layout.table(TableName::Trials).join(".x.tmp"), "").unwrap();
        assert!(layout.is_blank().unwrap());
        fs::write(layout.dir().join("thesis.tex"), "").unwrap();
        assert!(!layout.is_blank().unwrap() && !layout.is_run());
        fs::write(layout.journal(), "").unwrap();
        assert!(layout.is_run());
    }
}
