//! Files that a sweep reads, kept in the folder by content.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::disk;
use super::error::{FolderError, io_error};
use super::local_files::digits;
use super::run_folder::RunFolder;
use crate::staged::StagedFile;

/// Bytes copied at a time.
const PIECE: usize = 1 << 16;

impl RunFolder {
    /// Where a file of that content is or would be kept. Of the hash only hexadecimal digits are used, so
    /// the path never leaves the folder.
    pub fn file_path(&self, hash: &str) -> PathBuf {
        self.layout.files().join(digits(hash))
    }

    /// Whether a file of that content is kept.
    pub fn has_file(&self, hash: &str) -> bool {
        self.file_path(hash).is_file()
    }

    /// Whether the file of that content is kept, and is as it was stored.
    ///
    /// # Errors
    /// [`FolderError::StoredFile`] where it is missing or damaged.
    pub fn check_file(&self, name: &str, hash: &str) -> Result<PathBuf, FolderError> {
        let path = self.file_path(hash);
        match fault_of_file(&path, hash) {
            None => Ok(path),
            Some(what) => Err(FolderError::StoredFile {
                path,
                name: name.to_owned(),
                what,
            }),
        }
    }

    /// Copies a file in, durably, and returns where it is. One that is there already is left alone, unless it is
    /// damaged.
    ///
    /// # Errors
    /// [`FolderError::Hash`] where the hash is not well formed, [`FolderError::Content`] where the file has
    /// another content; where the disk refuses.
    pub fn store_file(&mut self, hash: &str, from: &Path) -> Result<PathBuf, FolderError> {
        if !is_hash(hash) {
            return Err(FolderError::Hash {
                hash: hash.to_owned(),
            });
        }
        let path = self.file_path(hash);
        if fault_of_file(&path, hash).is_none() {
            return Ok(path);
        }
        let folder = self.layout.files();
        fs::create_dir_all(&folder).map_err(io_error("create", &folder))?;
        let staged = disk::create(&path)?;
        let found = copy(from, &staged)?;
        if found != hash {
            return Err(FolderError::Content {
                path: from.to_owned(),
                expected: hash.to_owned(),
                found,
            });
        }
        disk::publish(staged)?;
        disk::sync_folder(&folder)?;
        disk::sync_folder(self.layout.dir())?;
        Ok(path)
    }
}

/// How a stored file differs from what its name says; none where it does not. Reads all of it.
pub fn fault_of_file(path: &Path, hash: &str) -> Option<&'static str> {
    match disk::hash(path) {
        Ok(found) if hash == format!("blake3:{}", found.to_hex()) => None,
        Ok(_) => Some("is damaged: it has another content than it was stored with"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some("is missing"),
        Err(_) => Some("cannot be read"),
    }
}

fn is_hash(hash: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    hash.strip_prefix("blake3:")
        .is_some_and(|digits| digits.len() == 64 && digits.bytes().all(digit))
}

/// Copies and syncs; returns the hash of what was copied.
fn copy(from: &Path, staged: &StagedFile) -> Result<String, FolderError> {
    let mut source = File::open(from).map_err(io_error("open", from))?;
    let (mut target, to) = (staged.file(), staged.temporary_path());
    let mut hasher = blake3::Hasher::new();
    let mut piece = vec![0; PIECE];
    loop {
        let read = match source.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(io_error("read", from)(error)),
        };
        hasher.update(&piece[..read]);
        target
            .write_all(&piece[..read])
            .map_err(io_error("write", to))?;
    }
    target.sync_all().map_err(io_error("sync", to))?;
    Ok(format!("blake3:{}", hasher.finalize().to_hex()))
}

#[cfg(test)]
mod tests {
    use super::super::tests_support::run;
    use super::*;

    #[test]
    fn files_are_kept_by_content() {
        let home = tempfile::tempdir().unwrap();
        let mut folder = run(&home);
        let from = home.path().join("data.csv");
        fs::write(&from, "1,2\n").unwrap();
        let hash = format!("blake3:{}", blake3::hash(b"1,2\n").to_hex());
        assert!(!folder.has_file(&hash));
        let path = folder.store_file(&hash, &from).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"1,2\n");
        assert!(folder.has_file(&hash));
        assert_eq!(folder.store_file(&hash, Path::new("gone")).unwrap(), path);

        folder.check_file("data.csv", &hash).unwrap();
        for (harm, what) in [("1,", "is damaged"), ("1,3\n", "is damaged")] {
            fs::write(&path, harm).unwrap();
            let fault = folder
                .check_file("data.csv", &hash)
                .unwrap_err()
                .to_string();
            assert!(
                fault.contains(what) && fault.contains("data.csv"),
                "{fault}"
            );
            assert_eq!(folder.store_file(&hash, &from).unwrap(), path);
            assert_eq!(fs::read(&path).unwrap(), b"1,2\n");
        }
        fs::remove_file(&path).unwrap();
        let fault = folder
            .check_file("data.csv", &hash)
            .unwrap_err()
            .to_string();
        assert!(fault.contains("is missing"), "{fault}");
        folder.store_file(&hash, &from).unwrap();

        let other = format!("blake3:{}", "0".repeat(64));
        let refused = folder.store_file(&other, &from);
        assert!(matches!(refused, Err(FolderError::Content { .. })));
        assert!(!folder.has_file(&other));
        for bad in ["", "blake3:..", "sha256:00"] {
            assert!(matches!(
                folder.store_file(bad, &from),
                Err(FolderError::Hash { .. })
            ));
        }
        let escaping = folder.file_path("blake3:../../etc/passwd");
        assert_eq!(
            escaping.parent(),
            Some(folder.dir().join("files").as_path())
        );
    }
}
