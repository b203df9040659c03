//! Files that come into being whole: written beside their place, synced, renamed, the folder synced. Who calls keeps
//! that order, so that faults can be tested between the steps.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// Where a file waits before it has its name. Neither hidden files nor this ending match `*.parquet`.
pub(crate) fn temporary_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.tmp"))
}

/// A file that has not got its name yet. Removed where it is dropped before that.
#[derive(Debug)]
pub struct StagedFile {
    file: NamedTempFile,
    path: PathBuf,
}

impl StagedFile {
    /// An empty file beside `path`, in place of one that a killed process left there.
    ///
    /// # Errors
    /// What the system says.
    pub fn create(path: &Path) -> io::Result<Self> {
        let temporary = temporary_path(path);
        let folder = temporary.parent().unwrap_or(Path::new(""));
        // Neither a random name nor a private mode, as the library would have them: leftovers must not gather, and
        // whoever may read the folder may read the file.
        let file = Builder::new()
            .prefix(temporary.file_name().unwrap_or_default())
            .rand_bytes(0)
            .make_in(folder, |path| File::create(path))?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// A file with this content, synced.
    ///
    /// # Errors
    /// What the system says.
    pub fn with_content(path: &Path, content: &[u8]) -> io::Result<Self> {
        let staged = Self::create(path)?;
        let mut file = staged.file();
        file.write_all(content)?;
        file.sync_all()?;
        Ok(staged)
    }

    /// The file, for writing and syncing.
    pub fn file(&self) -> &File {
        self.file.as_file()
    }

    /// Where it is before it has its name.
    pub fn temporary_path(&self) -> &Path {
        self.file.path()
    }

    /// Gives it its name, in place of a file that has it. The name is durable once the folder is synced.
    ///
    /// # Errors
    /// What the system says; the file is then removed.
    pub fn publish(self) -> io::Result<()> {
        let published = self.file.persist(&self.path);
        published.map(drop).map_err(|refused| refused.error)
    }
}

/// Makes names in a folder durable.
///
/// # Errors
/// What the system says.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_name_once_it_is_whole() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a");
        let names = || {
            let entries = std::fs::read_dir(home.path()).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        std::fs::write(&path, "old").unwrap();
        // Left by a killed process, and longer than what is to come.
        std::fs::write(home.path().join(".a.tmp"), "left behind").unwrap();
        let staged = StagedFile::with_content(&path, b"new").unwrap();
        assert_eq!(names(), [".a.tmp", "a"]);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        staged.publish().unwrap();
        assert_eq!(names(), ["a"]);
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        drop(StagedFile::with_content(&path, b"newer").unwrap());
        assert_eq!(names(), ["a"]);
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn the_systems_words_arrive_as_they_are() {
        let home = tempfile::tempdir().unwrap();
        let missing = StagedFile::create(&home.path().join("no/a")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        assert!(missing.raw_os_error().is_some());
        // A folder that is not empty is not replaced by a file.
        let taken = home.path().join("taken");
        std::fs::create_dir_all(taken.join("in")).unwrap();
        let staged = StagedFile::with_content(&taken, b"x").unwrap();
        assert!(staged.publish().unwrap_err().raw_os_error().is_some());
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn whoever_may_read_the_folder_may_read_the_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let (plain, path) = (home.path().join("plain"), home.path().join("a"));
        std::fs::write(&plain, "").unwrap();
        StagedFile::create(&path).unwrap().publish().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&plain));
    }
}
