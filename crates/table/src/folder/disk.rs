//! Writing so that it survives: beside the place, synced, renamed, the folder synced.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::error::{FolderError, io_error};

/// Where a file waits before it has its name. Neither hidden files nor this ending match `*.parquet`.
pub(super) fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.tmp"))
}

/// Writes bytes beside their place and syncs them.
pub(super) fn stage(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    let staged = beside(path);
    let mut file = File::create(&staged).map_err(io_error("create", &staged))?;
    file.write_all(bytes).map_err(io_error("write", &staged))?;
    file.sync_all().map_err(io_error("sync", &staged))
}

/// Gives a staged file its name.
pub(super) fn publish(path: &Path) -> Result<(), FolderError> {
    let staged = beside(path);
    fs::rename(&staged, path).map_err(io_error("rename", &staged))
}

/// Makes names in a folder durable.
pub(super) fn sync_folder(dir: &Path) -> Result<(), FolderError> {
    File::open(dir)
        .and_then(|folder| folder.sync_all())
        .map_err(io_error("sync", dir))
}

/// Replaces a file whole.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    stage(path, bytes)?;
    publish(path)?;
    match path.parent() {
        Some(dir) => sync_folder(dir),
        None => Ok(()),
    }
}

/// Hash of a file's content.
pub(super) fn hash(path: &Path) -> std::io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(hasher.finalize())
}

/// Removes a file that may be gone already.
pub(super) fn remove(path: &Path) -> Result<(), FolderError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(io_error("remove", path)(error))
        }
        _ => Ok(()),
    }
}
