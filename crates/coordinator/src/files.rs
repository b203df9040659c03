//! Files that sweeps read: uploaded once by content hash, kept in the sweep's run folder, served to workers.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rpc::{limits, v1};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

/// Folder of uploads that no sweep has taken yet.
const UPLOADS: &str = ".uploads";

/// Ends the name of an upload under way.
const PARTIAL: &str = ".partial";

/// In each such time an upload brings [`PACE_BYTES`], and whoever fetches takes a piece; else it has stalled.
const PIECE_TIMEOUT: Duration = Duration::from_secs(60);

/// Places of one hash that are remembered: sweeps of one data set are many, and a few places that may be gone are
/// enough.
const PLACES: usize = 8;

/// The slowest upload that is waited for: 9 kbit/s.
const PACE_BYTES: u64 = 64 << 10;

/// Queue towards a receiver: a piece, and a place for the word that there are no more.
pub(crate) const PIECES: usize = 2;

/// Where each known hash is.
#[derive(Clone, Debug)]
pub(crate) struct FileIndex {
    paths: Arc<Mutex<BTreeMap<String, VecDeque<PathBuf>>>>,
    coming: Arc<Mutex<UploadsUnderWay>>,
    /// Places for files on their way to whoever asked.
    sending: Arc<Semaphore>,
}

/// Uploads under way.
#[derive(Debug, Default)]
struct UploadsUnderWay {
    uploads: usize,
    /// What has come by now. What is only announced takes no room from others.
    bytes: u64,
}

impl Default for FileIndex {
    fn default() -> Self {
        FileIndex {
            paths: Arc::default(),
            coming: Arc::default(),
            sending: Arc::new(Semaphore::new(limits::SENDING)),
        }
    }
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

    /// Waits for a place among the files that are sent.
    pub(crate) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        // Nobody closes the semaphore.
        Arc::clone(&self.sending).acquire_owned().await.ok()
    }

    /// Where a file is whose content is still that of its hash. Reads all of it.
    ///
    /// # Errors
    /// Where there is none.
    pub(crate) async fn sound(&self, hash: &str) -> Result<PathBuf, Unsound> {
        let places = {
            let index = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
            index.get(hash).cloned().unwrap_or_default()
        };
        let hash = hash.to_owned();
        let checked = tokio::task::spawn_blocking(move || {
            let mut fault = None;
            for path in places {
                let what = match path.is_file() {
                    true => table::fault_of_file(&path, &hash),
                    false => Some("is not there"),
                };
                match what {
                    None => return Ok(path),
                    // The first place is the newest, and the one to be named.
                    Some(what) => {
                        fault.get_or_insert(Unsound::Damaged { path, what });
                    }
                }
            }
            Err(fault.unwrap_or(Unsound::Unknown))
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

/// UploadShare of an upload under way, given back at its end.
#[derive(Debug)]
struct UploadShare<'a> {
    index: &'a FileIndex,
    folder: &'a Path,
    limit: u64,
    bytes: u64,
}

/// Why an upload finds no room.
#[derive(Debug)]
enum UploadRefusal {
    Bytes,
    Uploads,
    Folder(std::io::Error),
}

impl<'a> UploadShare<'a> {
    /// A place for an upload of this size, next to what lies in the folder or has come of others.
    fn take(
        index: &'a FileIndex,
        folder: &'a Path,
        bytes: u64,
        limit: u64,
    ) -> Result<Self, UploadRefusal> {
        let mut coming = index.coming.lock().unwrap_or_else(PoisonError::into_inner);
        check(folder, &coming, bytes, limit)?;
        if coming.uploads >= limits::UPLOADS {
            return Err(UploadRefusal::Uploads);
        }
        coming.uploads += 1;
        Ok(UploadShare {
            index,
            folder,
            limit,
            bytes: 0,
        })
    }

    /// UploadShare for bytes that have come.
    fn grow(&mut self, bytes: u64) -> Result<(), UploadRefusal> {
        // Held while the folder is looked at, so that two cannot find the same room.
        let coming = &self.index.coming;
        let mut coming = coming.lock().unwrap_or_else(PoisonError::into_inner);
        check(self.folder, &coming, bytes, self.limit)?;
        coming.bytes += bytes;
        self.bytes += bytes;
        Ok(())
    }
}

/// Whether more bytes fit next to what lies in the folder and what has come of uploads under way.
fn check(
    folder: &Path,
    coming: &UploadsUnderWay,
    bytes: u64,
    limit: u64,
) -> Result<(), UploadRefusal> {
    let mut taken = coming.bytes;
    for entry in std::fs::read_dir(folder).map_err(UploadRefusal::Folder)? {
        let entry = entry.map_err(UploadRefusal::Folder)?;
        // What is under way is counted by what has come.
        if entry.file_name().to_string_lossy().ends_with(PARTIAL) {
            continue;
        }
        // A file that has gone meanwhile takes no room.
        taken += entry.metadata().map_or(0, |metadata| metadata.len());
    }
    if taken.saturating_add(bytes) > limit {
        return Err(UploadRefusal::Bytes);
    }
    Ok(())
}

impl From<UploadRefusal> for Status {
    fn from(why: UploadRefusal) -> Self {
        match why {
            UploadRefusal::Bytes => Status::resource_exhausted(format!(
                "more than {} bytes of uploads that no sweep has taken; submit what they belong to, or start the coordinator again",
                limits::UPLOADS_BYTES
            )),
            UploadRefusal::Uploads => Status::resource_exhausted(format!(
                "{} uploads are under way; try again in a minute",
                limits::UPLOADS
            )),
            UploadRefusal::Folder(error) => Status::internal(error.to_string()),
        }
    }
}

impl Drop for UploadShare<'_> {
    fn drop(&mut self) {
        let coming = &self.index.coming;
        let mut coming = coming.lock().unwrap_or_else(PoisonError::into_inner);
        coming.bytes -= self.bytes;
        coming.uploads -= 1;
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
    let mut pace = UploadPace::new();
    let first = pace
        .next(&mut parts)
        .await?
        .and_then(|message| message.part);
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
    let mut room = UploadShare::take(index, &folder, file.size_bytes, limits::UPLOADS_BYTES)?;
    // After the room, and so dropped before it, also where the caller goes away in the middle: what takes room is
    // counted as long as it is there. Several uploads of one content differ by the random part of the name.
    let (out, partial) = tempfile::Builder::new()
        .prefix(&format!("{digits}."))
        .suffix(PARTIAL)
        .tempfile_in(&folder)
        .map_err(failed)?
        .into_parts();
    write(out.into(), &partial, &file, &mut parts, &mut room).await?;
    partial.persist(&path).map_err(|kept| failed(kept.error))?;
    index.add(file.hash.clone(), path);
    Ok(())
}

/// How fast an upload comes.
struct UploadPace {
    deadline: Instant,
    bytes: u64,
}

impl UploadPace {
    fn new() -> Self {
        UploadPace {
            deadline: Instant::now() + PIECE_TIMEOUT,
            bytes: 0,
        }
    }

    /// The next message; a sender that falls silent, or nearly so, is not waited for.
    async fn next(
        &mut self,
        parts: &mut Streaming<v1::UploadFileRequest>,
    ) -> Result<Option<v1::UploadFileRequest>, Status> {
        tokio::time::timeout_at(self.deadline, parts.message())
            .await
            .map_err(|_| Status::deadline_exceeded("the upload has stalled"))?
    }

    fn came(&mut self, bytes: u64) {
        self.bytes += bytes;
        if self.bytes >= PACE_BYTES {
            *self = UploadPace::new();
        }
    }
}

async fn write(
    mut out: tokio::fs::File,
    path: &Path,
    file: &v1::FileName,
    parts: &mut Streaming<v1::UploadFileRequest>,
    room: &mut UploadShare<'_>,
) -> Result<(), Status> {
    let failed = |error: std::io::Error| Status::internal(format!("{}: {error}", path.display()));
    let mut hasher = blake3::Hasher::new();
    let mut size = 0_u64;
    let mut pace = UploadPace::new();
    while let Some(message) = pace.next(parts).await? {
        let Some(v1::upload_file_request::Part::Piece(piece)) = message.part else {
            return Err(Status::invalid_argument(
                "only pieces follow the first message",
            ));
        };
        size += piece.len() as u64;
        if size > file.size_bytes {
            return Err(Status::out_of_range("more bytes than announced"));
        }
        room.grow(piece.len() as u64)?;
        pace.came(piece.len() as u64);
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

/// A file in pieces, for one receiver.
pub(crate) fn stream<T: Send + 'static>(
    index: &FileIndex,
    path: PathBuf,
    wrap: impl Fn(Vec<u8>) -> T + Send + Sync + 'static,
) -> ReceiverStream<Result<T, Status>> {
    let (sender, receiver) = mpsc::channel(PIECES);
    let index = index.clone();
    tokio::spawn(async move {
        let _place = index.place().await;
        if let Err(error) = send(&path, &sender, wrap).await {
            // The receiver may be gone already, or has stopped to read.
            let _ = sender.try_send(Err(Status::internal(error.to_string())));
        }
    });
    ReceiverStream::new(receiver)
}

/// Sends a file in pieces. The receiver's going away ends it.
///
/// # Errors
/// Where the file cannot be read, or the receiver has stopped to read.
pub(crate) async fn send<T>(
    path: &Path,
    sender: &mpsc::Sender<Result<T, Status>>,
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
        if filled == 0 {
            return Ok(());
        }
        if !put(sender, wrap(piece)).await? {
            return Ok(());
        }
    }
}

/// Queues a piece and leaves a place free; false where the receiver has gone.
///
/// # Errors
/// Where the receiver has stopped to read.
pub(crate) async fn put<T>(
    sender: &mpsc::Sender<Result<T, Status>>,
    piece: T,
) -> std::io::Result<bool> {
    match tokio::time::timeout(PIECE_TIMEOUT, sender.reserve_many(PIECES)).await {
        Ok(Ok(mut places)) => {
            if let Some(place) = places.next() {
                place.send(Ok(piece));
            }
            Ok(true)
        }
        Ok(Err(_)) => Ok(false),
        Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_together_have_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let index = FileIndex::default();
        let take = |bytes| UploadShare::take(&index, folder.path(), bytes, 100);
        std::fs::write(folder.path().join("0a"), [0; 30]).unwrap();
        assert!(matches!(take(71), Err(UploadRefusal::Bytes)));
        assert!(matches!(take(u64::MAX), Err(UploadRefusal::Bytes)));
        // Announced and not sent takes no room from others; what has come does, however it is called.
        let mut first = take(70).unwrap();
        let mut second = take(70).unwrap();
        std::fs::write(folder.path().join("0b.1.partial"), [0; 50]).unwrap();
        first.grow(50).unwrap();
        assert!(matches!(take(21), Err(UploadRefusal::Bytes)));
        second.grow(20).unwrap();
        assert!(matches!(second.grow(1), Err(UploadRefusal::Bytes)));
        drop(first);
        second.grow(50).unwrap();
        drop(second);
        let all: Vec<_> = (0..limits::UPLOADS).map(|_| take(1).unwrap()).collect();
        assert!(matches!(take(1), Err(UploadRefusal::Uploads)));
        drop(all);
        assert!(take(70).is_ok());
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
