//! Opening data files: regular ones alone, and none that would not fit.

use std::fs::{File, FileType, Metadata};
use std::io::Read as _;
use std::path::Path;

use super::bounds::{Limits, MAX_BYTES};
use super::error::DataProblem;

/// The bytes of a regular file.
///
/// # Errors
/// A folder, a pipe or a device, which is refused before it is opened: reading a pipe could wait for ever. A
/// file that is too large, or larger than the memory that is free.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, DataProblem> {
    let metadata = std::fs::metadata(path).map_err(DataProblem::Read)?;
    check_regular(&metadata)?;
    let size = metadata.len();
    Limits::of(size).file(size)?;
    let file = File::open(path).map_err(DataProblem::Read)?;
    // What has taken the file's place meanwhile.
    check_regular(&file.metadata().map_err(DataProblem::Read)?)?;
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(DataProblem::Read)?;
    // It may have grown.
    Limits::of(size).file(bytes.len() as u64)?;
    Ok(bytes)
}

/// # Errors
/// [`DataProblem::NotAFile`].
pub(super) fn check_regular(metadata: &Metadata) -> Result<(), DataProblem> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    Err(DataProblem::NotAFile {
        found: kind_name(kind),
    })
}

#[cfg(unix)]
fn kind_name(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        "no regular file"
    }
}

#[cfg(not(unix))]
fn kind_name(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a folder"
    } else {
        "no regular file"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &Path, expected: &str) {
        let found = read_file(path).unwrap_err().to_string();
        assert!(found.contains(expected), "{found}");
    }

    #[test]
    fn only_regular_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        check(folder.path(), "is a folder");
        check(&folder.path().join("absent"), "cannot be read");
        check(Path::new("/dev/zero"), "is a device");
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        check(&socket, "is a socket");
        let file = folder.path().join("file");
        std::fs::write(&file, "abc").unwrap();
        assert_eq!(read_file(&file).unwrap(), b"abc");
    }
}
