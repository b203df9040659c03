//! The list of files of a folder that was fetched: which parts count, and the hash of each. A run folder has its
//! journal for that; a copy has none, and between two fetches there are parts of both in it. The list is replaced
//! whole, so that readers see the one fetch or the other.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::disk;
use super::error::FolderError;
use super::layout::Layout;

/// Version of the list's form. Readers leave a list of another version alone and read all parts.
const VERSION: u64 = 1;

/// A file of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub bytes: u64,
    /// Of its content; none where nobody knows it.
    pub hash: Option<blake3::Hash>,
}

/// The files of a fetched folder, by path relative to it with `/` between.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    pub files: BTreeMap<String, Listed>,
}

impl Manifest {
    /// The list of a folder; none where there is none that this program can read.
    pub fn read(dir: &Path) -> Option<Manifest> {
        let text = std::fs::read_to_string(Layout::new(dir).manifest()).ok()?;
        let value: Value = serde_json::from_str(&text).ok()?;
        if value["version"].as_u64() != Some(VERSION) {
            return None;
        }
        let listed = |(name, file): (&String, &Value)| {
            let hash = match &file["hash"] {
                Value::Null => None,
                hash => Some(blake3::Hash::from_hex(hash.as_str()?).ok()?),
            };
            let bytes = file["bytes"].as_u64()?;
            Some((name.clone(), Listed { bytes, hash }))
        };
        let files = value["files"].as_object()?;
        let files = files.iter().map(listed).collect::<Option<_>>()?;
        Some(Manifest { files })
    }

    /// Puts the list in place of the folder's last one, durably and at once.
    ///
    /// # Errors
    /// Where the disk refuses; the last one is then still there.
    pub fn write(&self, dir: &Path) -> Result<(), FolderError> {
        let listed = |(name, file): (&String, &Listed)| {
            let hash = file.hash.map(|hash| hash.to_hex().to_string());
            (name.clone(), json!({ "bytes": file.bytes, "hash": hash }))
        };
        let files: serde_json::Map<String, Value> = self.files.iter().map(listed).collect();
        let value = json!({ "version": VERSION, "files": files });
        disk::replace(&Layout::new(dir).manifest(), value.to_string().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_back_and_others_are_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let mut manifest = Manifest::default();
        for hash in [None, Some(blake3::hash(b"x"))] {
            let name = format!("trials/part-0000000{}.parquet", manifest.files.len());
            manifest.files.insert(name, Listed { bytes: 7, hash });
        }
        assert_eq!(Manifest::read(home.path()), None);
        manifest.write(home.path()).unwrap();
        assert_eq!(Manifest::read(home.path()), Some(manifest));
        let path = Layout::new(home.path()).manifest();
        for other in [
            "",
            "{}",
            "{\"version\":2,\"files\":{}}",
            "{\"version\":1,\"files\":{\"a\":{}}}",
        ] {
            std::fs::write(&path, other).unwrap();
            assert_eq!(Manifest::read(home.path()), None, "{other}");
        }
    }
}
