//! Removing a sweep and its folder. The folder first leaves its name in one step, so that a kill leaves a whole sweep
//! or none; what an earlier process left half removed goes at the next start.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Folder below the data folder of what is being removed.
const REMOVED: &str = ".removed";

/// A run folder's lock.
const LOCK: &str = ".lock";

#[derive(Debug, thiserror::Error)]
pub(crate) enum RemovalError {
    #[error("{0} is in use by another process; wait until it ends, or stop it")]
    Locked(PathBuf),
    #[error("cannot remove {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

/// Removes what an earlier process left half removed. Blocks.
pub(crate) fn finish_removals(data: &Path) {
    // A folder that stays only takes room.
    let _ = fs::remove_dir_all(data.join(REMOVED));
}

/// Removes a run folder. Blocks.
///
/// # Errors
/// Where another process uses it, or the system refuses.
pub(crate) fn remove_folder(data: &Path, dir: &Path) -> Result<(), RemovalError> {
    let failed = |source| RemovalError::Io {
        path: dir.to_owned(),
        source,
    };
    // Only a file is opened: anything else may wait for ever.
    let lock = match dir.join(LOCK) {
        path if path.is_file() => Some(File::open(path).map_err(failed)?),
        _ => None,
    };
    // Held until the end: nobody opens the folder meanwhile.
    match lock.as_ref().map(File::try_lock) {
        Some(Err(TryLockError::WouldBlock)) => return Err(RemovalError::Locked(dir.to_owned())),
        Some(Err(TryLockError::Error(error))) => return Err(failed(error)),
        Some(Ok(())) | None => {}
    }
    let removed = data.join(REMOVED);
    fs::create_dir_all(&removed).map_err(failed)?;
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let aside = removed.join(format!("{name}.{:016x}", getrandom::u64().unwrap_or(0)));
    match fs::rename(dir, &aside) {
        Ok(()) => {}
        // It was removed before.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    }
    for folder in [data, removed.as_path()] {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;
    }
    fs::remove_dir_all(&aside).map_err(|source| RemovalError::Io {
        path: aside,
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_in_use_stays_and_a_free_one_goes_whole() {
        let data = tempfile::tempdir().unwrap();
        let dir = data.path().join("s");
        fs::create_dir_all(dir.join("trials")).unwrap();
        fs::write(dir.join("trials/part"), "rows").unwrap();
        let owner = File::create(dir.join(LOCK)).unwrap();
        owner.try_lock().unwrap();
        let locked = remove_folder(data.path(), &dir);
        assert!(matches!(locked, Err(RemovalError::Locked(_))), "{locked:?}");
        assert!(dir.join("trials/part").exists());
        drop(owner);
        remove_folder(data.path(), &dir).unwrap();
        assert!(!dir.exists());
        let left = fs::read_dir(data.path().join(REMOVED)).unwrap();
        assert_eq!(left.count(), 0);
        // Once more, of a folder that is not there.
        remove_folder(data.path(), &dir).unwrap();
        finish_removals(data.path());
        assert!(!data.path().join(REMOVED).exists());
    }
}
