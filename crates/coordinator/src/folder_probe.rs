//! Whether run folders are still where they were: one may be removed or moved under the coordinator. Looking
//! waits for disks, so threads do it; what follows from it is done in the event loop.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Where tables are written to; a folder without it is no run folder any more.
const TABLE: &str = "trials";

/// One folder, distinct from a later one of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FolderId {
    device: u64,
    inode: u64,
    /// Numbers of removed folders are used again.
    made: Option<SystemTime>,
}

/// A folder that is to be looked at.
pub(crate) struct Probe {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    /// Of a sweep that is open; any run folder will do for the others.
    pub(crate) folder_id: Option<FolderId>,
    /// It was a run folder: without its tables it is none any more.
    pub(crate) was_run: bool,
}

impl FolderId {
    /// Of the folder that is there now. Blocks.
    pub(crate) fn of(dir: &Path) -> Option<FolderId> {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = std::fs::metadata(dir).ok()?;
        Some(FolderId {
            device: metadata.dev(),
            inode: metadata.ino(),
            made: metadata.created().ok(),
        })
    }
}

impl Probe {
    /// Whether the folder is gone for certain: a disk that does not answer is none that was removed. Blocks.
    pub(crate) fn is_gone(&self) -> bool {
        use std::io::ErrorKind::{NotADirectory, NotFound};
        let looked_at = match self.was_run {
            true => std::fs::metadata(self.dir.join(TABLE)),
            false => std::fs::metadata(&self.dir),
        };
        match looked_at {
            Err(error) => matches!(error.kind(), NotFound | NotADirectory),
            Ok(_) => match (self.folder_id, FolderId::of(&self.dir)) {
                (Some(then), Some(now)) => then != now,
                _ => false,
            },
        }
    }
}

/// What people read of a sweep whose folder is gone.
pub(crate) fn missing_message(dir: &Path) -> String {
    format!(
        "its folder {} is gone: put it back and resume the sweep, submit the sweep to start afresh, or remove it",
        dir.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_gone_when_it_or_its_tables_are_and_when_another_took_its_place() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("s");
        std::fs::create_dir_all(dir.join(TABLE)).unwrap();
        let folder_id = FolderId::of(&dir);
        assert!(folder_id.is_some());
        let place = |folder_id| Probe {
            name: "s".to_owned(),
            dir: dir.clone(),
            folder_id,
            was_run: true,
        };
        assert!(!place(folder_id).is_gone() && !place(None).is_gone());
        let aside = home.path().join("aside");
        std::fs::rename(&dir, &aside).unwrap();
        assert!(place(folder_id).is_gone() && place(None).is_gone());
        std::fs::create_dir_all(dir.join(TABLE)).unwrap();
        assert!(place(folder_id).is_gone() && !place(None).is_gone());
        std::fs::remove_dir_all(&dir).unwrap();
        std::fs::rename(&aside, &dir).unwrap();
        assert!(!place(folder_id).is_gone());
        std::fs::remove_dir(dir.join(TABLE)).unwrap();
        assert!(place(folder_id).is_gone());
    }
}
