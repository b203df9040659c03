//! A small file that several processes change: under a lock, and whole, so that a killed process leaves the old text
//! or the new one.

use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

/// The file's text; `None` where there is no file.
///
/// # Errors
/// Where it is there and cannot be read.
pub(crate) fn read(path: &Path) -> io::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces the text by what `change` makes of it.
///
/// # Errors
/// Of `change`; where the file or its folder cannot be written.
pub(crate) fn change<E: From<io::Error>>(
    path: &Path,
    change: impl FnOnce(Option<String>) -> Result<String, E>,
) -> Result<(), E> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let lock = File::create(path.with_extension("lock"))?;
    lock.lock()?;
    let text = change(read(path)?)?;
    // Under the lock a fixed name is free, and what a killed process left is overwritten.
    let mut partial = tempfile::Builder::new()
        .prefix(
            path.with_extension("partial")
                .file_name()
                .unwrap_or_default(),
        )
        .rand_bytes(0)
        .make_in(path.parent().unwrap_or(Path::new("")), |path| {
            File::create(path)
        })?;
    partial.write_all(text.as_bytes())?;
    Ok(partial.persist(path).map(drop).map_err(|kept| kept.error)?)
}
