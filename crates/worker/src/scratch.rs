//! The folder of fetched files: made at the start, so that a folder that cannot be written is noticed before a lease
//! is taken; locked while this process lives; removed at its end. What killed workers left behind is removed at the
//! next start. What lies in it is `files.rs`'s.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// First part of the folder's name.
const PREFIX: &str = "parsimony-files-";

/// The same while the folder is not locked yet: under its own name another worker would take it for a dead one's.
const UNLOCKED: &str = ".parsimony-files-";

/// Written once at the start: an empty file can still be made on a full disk.
const PROBE: [u8; 4096] = [0; 4096];

/// A folder of this process alone.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: PathBuf,
    /// The lock on the folder goes with the process. Programs that clean temporary folders leave locked ones alone.
    _lock: File,
}

impl Scratch {
    /// Makes the folder where temporary files go, and checks that it can be written.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn make() -> io::Result<Self> {
        Self::make_in(&std::env::temp_dir())
    }

    fn make_in(parent: &Path) -> io::Result<Self> {
        let made = tempfile::Builder::new()
            .prefix(UNLOCKED)
            .tempdir_in(parent)?;
        let probe = made.path().join("probe");
        let mut file = File::create(&probe)?;
        file.write_all(&PROBE)?;
        file.sync_all()?;
        drop(file);
        fs::remove_file(&probe)?;
        let lock = File::open(made.path())?;
        // A file system without locks keeps the folder all the same: nobody can lock it, so nobody removes it.
        let _ = lock.try_lock();
        let name = made.path().file_name().and_then(|name| name.to_str());
        let name = name.unwrap_or_default().trim_start_matches('.');
        let folder = parent.join(name);
        fs::rename(made.path(), &folder)?;
        drop(made.keep());
        let scratch = Scratch {
            folder,
            _lock: lock,
        };
        clear(parent, &scratch.folder);
        Ok(scratch)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// Whether the folder is still there: others may clean the temporary files of a machine.
    pub(crate) fn is_there(&self) -> bool {
        self.folder.is_dir()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is removed by the next worker.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Removes folders whose processes are gone. What cannot be removed only takes room.
fn clear(parent: &Path, own: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_one = name.to_str().is_some_and(|name| name.starts_with(PREFIX));
        let path = entry.path();
        if is_one && path != own && is_like(&path, own) {
            remove_if_left(&path);
        }
    }
}

/// Whether it is a folder, not a link to one, of the same user.
fn is_like(path: &Path, own: &Path) -> bool {
    let (Ok(found), Ok(own)) = (fs::symlink_metadata(path), fs::symlink_metadata(own)) else {
        return false;
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        if found.uid() != own.uid() {
            return false;
        }
    }
    found.is_dir() && own.is_dir()
}

fn remove_if_left(path: &Path) {
    let Ok(folder) = File::open(path) else {
        return;
    };
    if folder.try_lock().is_ok() {
        tracing::info!(path = %path.display(), "files of a worker that was killed are removed");
        let _ = fs::remove_dir_all(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(parent: &Path) -> usize {
        fs::read_dir(parent).unwrap().count()
    }

    #[test]
    fn folders_of_the_living_stay_and_those_of_the_dead_go() {
        let parent = tempfile::tempdir().unwrap();
        let first = Scratch::make_in(parent.path()).unwrap();
        fs::write(first.path().join("data"), "x").unwrap();
        let left = parent.path().join(format!("{PREFIX}left"));
        fs::create_dir(&left).unwrap();
        fs::write(left.join("data"), "x").unwrap();
        let others = parent.path().join("others");
        fs::create_dir(&others).unwrap();
        let second = Scratch::make_in(parent.path()).unwrap();
        assert!(!left.exists());
        assert!(first.path().join("data").exists() && others.exists());
        drop(first);
        assert!(second.is_there());
        fs::remove_dir_all(second.path()).unwrap();
        assert!(!second.is_there());
        drop(second);
        assert_eq!(folders(parent.path()), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error_and_leaves_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let missing = parent.path().join("missing");
        assert_eq!(
            Scratch::make_in(&missing).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        assert_eq!(folders(parent.path()), 0);
    }
}
