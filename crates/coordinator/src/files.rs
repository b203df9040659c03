//! Files that sweeps read: uploaded once by content hash, kept in the sweep's run folder, served to workers.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rpc::{limits, v1};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::{Status, Streaming};

/// Folder of uploads that no sweep has taken yet.
const UPLOADS: &str = ".uploads";

/// Extension of an upload under way.
const PARTIAL: &str = "partial";

/// Longest wait for a piece: a megabyte takes a second where a line is worth calling one.
const PIECE_TIMEOUT: Duration = Duration::from_secs(60);

/// Places of one hash that are remembered: sweeps of one data set are many, and a few places that may be gone are
/// enough.
const PLACES: usize = 8;

/// Where each known hash is.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileIndex {
    paths: Arc<Mutex<BTreeMap<String, VecDeque<PathBuf>>>>,
    /// Bytes announced by uploads under way.
    coming: Arc<Mutex<u64>>,
}

impl FileIndex {
    pub(crate) fn add(&self, hash: String, path: PathBuf) {
        let mut index = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        let places = index.entry(hash).or_default();
        places.retain(|known| *known != path);
        places.push_front(path);
        places.truncate(PLACES);
    }

    /// A place that is still there: run folders may be removed.
    pub(crate) fn find(&self, hash: &str) -> Option<PathBuf> {
        let places = {
            let index = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
            index.get(hash).cloned()?
        };
        places.into_iter().find(|path| path.is_file())
    }

    /// Where a file is whose content is still that of its hash. Reads all of it.
    ///
    /// # Errors
    /// Where there is none.
    pub(crate) async fn sound(&self, hash: &str) -> Result<PathBuf, Unsound> {
        let path = self.find(hash).ok_or(Unsound::Unknown)?;
        let hash = hash.to_owned();
        let checked =
            tokio::task::spawn_blocking(move || match table::fault_of_file(&path, &hash) {
                None => Ok(path),
                Some(what) => Err(Unsound::Damaged { path, what }),
            });
        // A panic while a file is read says nothing for the file.
        checked.await.unwrap_or(Err(Unsound::Unknown))
    }
}

/// Why a file cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unsound {
    #[error("no sweep names this hash")]
    Unknown,
    #[error("the coordinator's copy {path} {what}")]
    Damaged { path: PathBuf, what: &'static str },
}

/// Hexadecimal digits of a well-formed hash.
pub(crate) fn digits(hash: &str) -> Option<&str> {
    let digits = hash.strip_prefix("blake3:")?;
    let hexadecimal = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    (digits.len() == 64 && digits.bytes().all(hexadecimal)).then_some(digits)
}

/// Removes what an earlier process left: no index knows it any more, and programs ask again for what is missing.
pub(crate) fn clear_uploads(data: &Path) {
    // A folder that stays only takes room, and counts against the bound.
    let _ = std::fs::remove_dir_all(data.join(UPLOADS));
}

/// A sweep has a copy of its own now.
pub(crate) fn forget_upload(data: &Path, hash: &str) {
    if let Some(digits) = digits(hash) {
        // It may never have been uploaded.
        let _ = std::fs::remove_file(data.join(UPLOADS).join(digits));
    }
}

/// Room of an upload under way, given back at its end.
struct Room<'a> {
    index: &'a FileIndex,
    bytes: u64,
}

impl<'a> Room<'a> {
    /// Room for an upload beside those that lie in the folder or are under way; `None` where there is too little.
    fn take(
        index: &'a FileIndex,
        folder: &Path,
        bytes: u64,
        limit: u64,
    ) -> std::io::Result<Option<Self>> {
        // Held while the folder is looked at, so that two cannot find the same room.
        let mut coming = index.coming.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = *coming;
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            // What is under way is counted at its announced size.
            if entry.path().extension().is_some_and(|kind| kind == PARTIAL) {
                continue;
            }
            // A file that has gone meanwhile takes no room.
            taken += entry.metadata().map_or(0, |metadata| metadata.len());
        }
        if taken.saturating_add(bytes) > limit {
            return Ok(None);
        }
        *coming += bytes;
        drop(coming);
        Ok(Some(Room { index, bytes }))
    }
}

/// An upload that has not come to its end; gone with this, also where the caller goes away in the middle.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // After a whole upload it has its own name and is not here any more.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        let mut coming = self
            .index
            .coming
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *coming -= self.bytes;
    }
}

/// Takes one upload: checks size and hash, and leaves it in the uploads folder.
///
/// # Errors
/// A status that says what did not fit.
pub(crate) async fn receive(
    data: &Path,
    index: &FileIndex,
    mut parts: Streaming<v1::UploadFileRequest>,
) -> Result<(), Status> {
    let first = next(&mut parts).await?.and_then(|message| message.part);
    let Some(v1::upload_file_request::Part::File(file)) = first else {
        return Err(Status::invalid_argument(
            "the first message must name the file",
        ));
    };
    let digits = digits(&file.hash)
        .ok_or_else(|| Status::invalid_argument("a hash is `blake3:` and 64 hexadecimal digits"))?;
    if file.size_bytes > limits::FILE_BYTES {
        return Err(Status::out_of_range(format!(
            "a file of {} bytes; at most {} are taken",
            file.size_bytes,
            limits::FILE_BYTES
        )));
    }
    let folder = data.join(UPLOADS);
    let path = folder.join(digits);
    let failed = |error: std::io::Error| Status::internal(format!("{}: {error}", path.display()));
    tokio::fs::create_dir_all(&folder).await.map_err(failed)?;
    let room =
        Room::take(index, &folder, file.size_bytes, limits::UPLOADS_BYTES).map_err(failed)?;
    let Some(_room) = room else {
        return Err(Status::resource_exhausted(format!(
            "more than {} bytes of uploads that no sweep has taken; submit what they belong to, or start the coordinator again",
            limits::UPLOADS_BYTES
        )));
    };
    let partial = folder.join(format!(
        "{digits}.{:016x}.{PARTIAL}",
        getrandom::u64().unwrap_or(0)
    ));
    // After the room, and so dropped before it: what takes room is counted as long as it is there.
    let partial = Partial(partial);
    write(&partial.0, &file, &mut parts).await?;
    tokio::fs::rename(&partial.0, &path).await.map_err(failed)?;
    index.add(file.hash.clone(), path);
    Ok(())
}

/// The next message of an upload; a sender that falls silent is not waited for.
async fn next(
    parts: &mut Streaming<v1::UploadFileRequest>,
) -> Result<Option<v1::UploadFileRequest>, Status> {
    tokio::time::timeout(PIECE_TIMEOUT, parts.message())
        .await
        .map_err(|_| Status::deadline_exceeded("no piece came for a minute"))?
}

async fn write(
    path: &Path,
    file: &v1::FileName,
    parts: &mut Streaming<v1::UploadFileRequest>,
) -> Result<(), Status> {
    let failed = |error: std::io::Error| Status::internal(format!("{}: {error}", path.display()));
    let mut out = tokio::fs::File::create(path).await.map_err(failed)?;
    let mut hasher = blake3::Hasher::new();
    let mut size = 0_u64;
    while let Some(message) = next(parts).await? {
        let Some(v1::upload_file_request::Part::Piece(piece)) = message.part else {
            return Err(Status::invalid_argument(
                "only pieces follow the first message",
            ));
        };
        size += piece.len() as u64;
        if size > file.size_bytes {
            return Err(Status::out_of_range("more bytes than announced"));
        }
        hasher.update(&piece);
        out.write_all(&piece).await.map_err(failed)?;
    }
    out.sync_all().await.map_err(failed)?;
    let found = format!("blake3:{}", hasher.finalize().to_hex());
    if size != file.size_bytes || found != file.hash {
        return Err(Status::data_loss(format!(
            "announced {} with {} bytes, got {found} with {size}",
            file.hash, file.size_bytes
        )));
    }
    Ok(())
}

/// Sends a file in pieces. The receiver's going away ends it.
pub(crate) async fn send<T>(
    path: &Path,
    sender: &tokio::sync::mpsc::Sender<Result<T, Status>>,
    wrap: impl Fn(Vec<u8>) -> T,
) -> std::io::Result<()> {
    let mut file = tokio::fs::File::open(path).await?;
    loop {
        let mut piece = vec![0; limits::PIECE_BYTES];
        let mut filled = 0;
        while filled < piece.len() {
            match file.read(&mut piece[filled..]).await? {
                0 => break,
                read => filled += read,
            }
        }
        piece.truncate(filled);
        if filled == 0 || sender.send(Ok(wrap(piece))).await.is_err() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_together_have_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let index = FileIndex::default();
        let take = |bytes| Room::take(&index, folder.path(), bytes, 100).unwrap();
        // Lying in the folder, and one under way that is counted by what it announced.
        std::fs::write(folder.path().join("0a"), [0; 30]).unwrap();
        std::fs::write(folder.path().join("0b.1.partial"), [0; 50]).unwrap();
        let first = take(60).unwrap();
        assert!(take(11).is_none() && take(u64::MAX).is_none());
        let second = take(10).unwrap();
        assert!(take(1).is_none());
        drop(first);
        assert!(take(60).is_some() && take(61).is_none());
        drop(second);
        assert!(take(70).is_some() && take(71).is_none());
    }

    #[test]
    fn a_file_whose_folder_was_removed_is_found_in_another() {
        let folder = tempfile::tempdir().unwrap();
        let index = FileIndex::default();
        let place = |name: &str| folder.path().join(name);
        for name in ["a", "b"] {
            std::fs::write(place(name), "x").unwrap();
            index.add("hash".to_owned(), place(name));
        }
        assert_eq!(index.find("hash"), Some(place("b")));
        std::fs::remove_file(place("b")).unwrap();
        assert_eq!(index.find("hash"), Some(place("a")));
        std::fs::remove_file(place("a")).unwrap();
        assert_eq!(index.find("hash"), None);
    }

    #[test]
    fn only_well_formed_hashes_become_file_names() {
        let good = format!("blake3:{}", "0a".repeat(32));
        assert_eq!(digits(&good), Some("0a".repeat(32).as_str()));
        for bad in [
            "",
            "blake3:",
            "blake3:../../etc/passwd",
            "sha256:00",
            &good[1..],
        ] {
            assert_eq!(digits(bad), None, "{bad:?} was taken");
        }
        assert_eq!(digits(&good.to_uppercase()), None);
    }
}
