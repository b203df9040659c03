//! Writing so that it survives: beside the place, synced, renamed, the folder synced.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::error::{FolderError, io_error};

/// Bytes written at a time.
const BUFFER_BYTES: usize = 1 << 20;

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

/// A file that was written beside its place.
pub(super) struct Staged<T> {
    pub(super) bytes: u64,
    pub(super) hash: blake3::Hash,
    /// What whoever wrote it says.
    pub(super) written: T,
}

/// Writes what `write` makes beside its place and syncs it.
pub(super) fn stage_with<T>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<T, FolderError>,
) -> Result<Staged<T>, FolderError> {
    let staged = beside(path);
    let file = File::create(&staged).map_err(io_error("create", &staged))?;
    let mut out = Output {
        file: BufWriter::with_capacity(BUFFER_BYTES, file),
        hasher: blake3::Hasher::new(),
        bytes: 0,
        refused: None,
    };
    let written = match (write(&mut out), out.refused) {
        (Ok(written), _) => written,
        (Err(_), Some(code)) => {
            let source = std::io::Error::from_raw_os_error(code);
            return Err(io_error("write", &staged)(source));
        }
        (Err(error), None) => return Err(error),
    };
    let file = out
        .file
        .into_inner()
        .map_err(|error| io_error("write", &staged)(error.into_error()))?;
    file.sync_all().map_err(io_error("sync", &staged))?;
    Ok(Staged {
        bytes: out.bytes,
        hash: out.hasher.finalize(),
        written,
    })
}

/// A file that hashes what is written, and remembers why the operating system refused a write: whoever writes
/// through others would hear it in their words.
struct Output {
    file: BufWriter<File>,
    hasher: blake3::Hasher,
    bytes: u64,
    refused: Option<i32>,
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes);
        match &written {
            Ok(length) => {
                self.hasher.update(&bytes[..*length]);
                self.bytes += *length as u64;
            }
            Err(error) => self.refused = error.raw_os_error(),
        }
        written
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let flushed = self.file.flush();
        if let Err(error) = &flushed {
            self.refused = error.raw_os_error();
        }
        flushed
    }
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
