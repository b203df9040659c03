//! From a spec on the wire to a decoded folder: fetches the files that a sweep reads and builds its grids.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rpc::v1;
use tokio::io::AsyncWriteExt as _;

use crate::config::FileSource;
use crate::session::Client;
use crate::wire::{Spec, SpecGeneration};

/// A sweep that this worker can decode.
#[derive(Debug)]
pub(crate) struct Sweep {
    pub(crate) folder: sweep::Folder,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum SpecError {
    #[error("file {hash} could not be fetched: {status}")]
    Fetch {
        hash: String,
        status: Box<tonic::Status>,
    },
    #[error("file {expected} arrived as {found}")]
    Content { expected: String, found: String },
    #[error("{path}: {source}")]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Sweep(#[from] Box<sweep::SweepError>),
    #[error(transparent)]
    Data(#[from] table::DataError),
    #[error("generation {number} begins at {found} here and at {expected} on the coordinator")]
    Base {
        number: usize,
        expected: u64,
        found: u64,
    },
    #[error("a sweep without a generation")]
    Empty,
}

/// Fetched files, each hash once in the worker's life.
#[derive(Debug)]
pub(crate) struct Files {
    source: FileSource,
    folder: Option<tempfile::TempDir>,
}

impl Files {
    pub(crate) fn new(source: FileSource) -> Self {
        Files {
            source,
            folder: None,
        }
    }

    /// Builds the sweep's grids, fetching what is not here yet.
    ///
    /// # Errors
    /// [`SpecError`]: nothing of the sweep can run on this worker.
    pub(crate) async fn build(
        &mut self,
        client: &mut Client,
        mut spec: Spec,
    ) -> Result<Sweep, SpecError> {
        let mut generations = Vec::new();
        for generation in std::mem::take(&mut spec.generations) {
            let paths = self.paths(client, &generation).await?;
            generations.push((generation, paths));
        }
        let built = tokio::task::spawn_blocking(move || build_folder(&spec.name, &generations));
        let folder = match built.await {
            Ok(folder) => folder?,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        };
        Ok(Sweep { folder })
    }

    async fn paths(
        &mut self,
        client: &mut Client,
        generation: &SpecGeneration,
    ) -> Result<BTreeMap<String, PathBuf>, SpecError> {
        let mut paths = BTreeMap::new();
        for (name, hash) in &generation.files {
            let path = match &self.source {
                FileSource::InPlace(files) => files.path_of_content(name, hash),
                FileSource::Fetched => self.fetch(client, hash, name).await?,
            };
            paths.insert(name.clone(), path);
        }
        Ok(paths)
    }

    /// The file of a hash, fetched unless it is here. The name only lends its ending, by which the reader
    /// tells the format.
    async fn fetch(
        &mut self,
        client: &mut Client,
        hash: &str,
        name: &str,
    ) -> Result<PathBuf, SpecError> {
        let folder = self.cache_folder()?;
        let path = folder.join(cached_name(hash, name));
        if path.exists() {
            return Ok(path);
        }
        let refused = |status: tonic::Status| SpecError::Fetch {
            hash: hash.to_owned(),
            status: Box::new(status),
        };
        let failed = |source| SpecError::Write {
            path: path.clone(),
            source,
        };
        let request = v1::FetchFileRequest {
            hash: hash.to_owned(),
        };
        let mut pieces = client
            .fetch_file(request)
            .await
            .map_err(refused)?
            .into_inner();
        let partial = path.with_extension("partial");
        let mut file = tokio::fs::File::create(&partial).await.map_err(failed)?;
        let mut hasher = blake3::Hasher::new();
        while let Some(piece) = pieces.message().await.map_err(refused)? {
            hasher.update(&piece.piece);
            file.write_all(&piece.piece).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)?;
        let found = format!("blake3:{}", hasher.finalize().to_hex());
        if found != hash {
            return Err(SpecError::Content {
                expected: hash.to_owned(),
                found,
            });
        }
        tokio::fs::rename(&partial, &path).await.map_err(failed)?;
        Ok(path)
    }

    fn cache_folder(&mut self) -> Result<PathBuf, SpecError> {
        if self.folder.is_none() {
            let made = tempfile::Builder::new()
                .prefix("parsimony-worker-")
                .tempdir()
                .map_err(|source| SpecError::Write {
                    path: std::env::temp_dir(),
                    source,
                })?;
            self.folder = Some(made);
        }
        Ok(self
            .folder
            .as_ref()
            .map_or_else(PathBuf::new, |folder| folder.path().to_owned()))
    }
}

/// Hexadecimal digits of the hash and the ending of the name, nothing else of it: it came from outside.
fn cached_name(hash: &str, name: &str) -> String {
    let digits: String = hash.chars().filter(char::is_ascii_hexdigit).collect();
    let endings = [".npy", ".npz", ".csv.gz", ".csv", ".parquet"];
    let ending = endings
        .iter()
        .find(|ending| name.to_ascii_lowercase().ends_with(*ending))
        .copied()
        .unwrap_or_default();
    format!("{digits}{ending}")
}

fn build_folder(
    name: &str,
    generations: &[(SpecGeneration, BTreeMap<String, PathBuf>)],
) -> Result<sweep::Folder, SpecError> {
    let mut folder: Option<sweep::Folder> = None;
    for (number, (generation, paths)) in generations.iter().enumerate() {
        let spec = sweep::Spec::parse_stored(&generation.toml, &format!("{name}.toml"), &[])
            .map_err(Box::new)?;
        let arrays = table::load_arrays(&spec, |file| {
            paths
                .get(file)
                .cloned()
                .unwrap_or_else(|| Path::new(file).to_owned())
        })?;
        let grid = Arc::new(sweep::Grid::new(spec, arrays).map_err(Box::new)?);
        let grown = match folder.take() {
            None => sweep::Folder::new(grid),
            Some(mut older) => {
                older.grow(grid).map_err(Box::new)?;
                older
            }
        };
        let found = grown.generations().get(number).map_or(u64::MAX, |g| g.base);
        if found != generation.base {
            return Err(SpecError::Base {
                number,
                expected: generation.base,
                found,
            });
        }
        folder = Some(grown);
    }
    folder.ok_or(SpecError::Empty)
}

#[cfg(test)]
mod tests {
    use super::cached_name;

    #[test]
    fn cached_names_keep_nothing_but_digits_and_a_known_ending() {
        let check = |hash, name, expected: &str| assert_eq!(cached_name(hash, name), expected);
        check("blake3:0aF9", "../x/digits.csv.gz", "bae30aF9.csv.gz");
        check("../../etc", "m.NPZ", "ec.npz");
        check("00", "weird.sh", "00");
    }
}
