//! The folder's files: written so that they survive, hashed, removed.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use super::error::{FolderError, io_error};
use crate::staged::{self, StagedFile};

/// Bytes written at a time.
const BUFFER_BYTES: usize = 1 << 20;

/// Writes bytes beside their place and syncs them.
pub(super) fn stage(path: &Path, bytes: &[u8]) -> Result<StagedFile, FolderError> {
    let staged = create(path)?;
    let at = staged.temporary_path();
    let mut file = staged.file();
    file.write_all(bytes).map_err(io_error("write", at))?;
    file.sync_all().map_err(io_error("sync", at))?;
    Ok(staged)
}

/// A file that was written beside its place.
pub(super) struct Staged<T> {
    pub(super) file: StagedFile,
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
    let file = create(path)?;
    let (written, bytes, hash) = fill(&file, write)?;
    let at = file.temporary_path();
    file.file().sync_all().map_err(io_error("sync", at))?;
    Ok(Staged {
        file,
        bytes,
        hash,
        written,
    })
}

/// Returns what `write` says, and how many bytes it wrote with which hash.
fn fill<T>(
    staged: &StagedFile,
    write: impl FnOnce(&mut dyn Write) -> Result<T, FolderError>,
) -> Result<(T, u64, blake3::Hash), FolderError> {
    let at = staged.temporary_path();
    let mut out = Output {
        file: BufWriter::with_capacity(BUFFER_BYTES, staged.file()),
        hasher: blake3::Hasher::new(),
        bytes: 0,
        refused: None,
    };
    let written = write(&mut out);
    let written = match (written, out.refused) {
        (Ok(written), _) => written,
        (Err(_), Some(code)) => {
            let source = std::io::Error::from_raw_os_error(code);
            return Err(io_error("write", at)(source));
        }
        (Err(error), None) => return Err(error),
    };
    out.file.flush().map_err(io_error("write", at))?;
    Ok((written, out.bytes, out.hasher.finalize()))
}

/// An empty file beside its place.
pub(super) fn create(path: &Path) -> Result<StagedFile, FolderError> {
    StagedFile::create(path).map_err(io_error("create", &staged::temporary_path(path)))
}

/// A file that hashes what is written, and remembers why the operating system refused a write: whoever writes
/// through others would hear it in their words.
struct Output<'a> {
    file: BufWriter<&'a File>,
    hasher: blake3::Hasher,
    bytes: u64,
    refused: Option<i32>,
}

impl Write for Output<'_> {
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
pub(super) fn publish(staged: StagedFile) -> Result<(), FolderError> {
    let at = staged.temporary_path().to_owned();
    staged.publish().map_err(io_error("rename", &at))
}

/// Makes names in a folder durable.
pub(super) fn sync_folder(dir: &Path) -> Result<(), FolderError> {
    staged::sync_folder(dir).map_err(io_error("sync", dir))
}

/// Replaces a file whole.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    publish(stage(path, bytes)?)?;
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
