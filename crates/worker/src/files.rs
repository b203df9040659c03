//! From a spec on the wire to a decoded folder: fetches the files that a sweep reads and builds its grids. Whose
//! fault it is where that fails, so that the coordinator knows what to do with the sweep.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rpc::backoff::Backoff;
use rpc::v1;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt as _;

use crate::client::Client;
use crate::config::{FileSource, WorkerError};
use crate::scratch::Scratch;
use crate::spec::{Spec, SpecGeneration};
use crate::status_text;

/// A sweep that this worker can decode.
#[derive(Debug)]
pub(crate) struct Sweep {
    pub(crate) folder: sweep::Folder,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum SpecError {
    #[error("file {hash} could not be fetched: {why}", why = status_text::innermost(.status))]
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
    #[error("its grid could not be built: {0}")]
    Panicked(tokio::task::JoinError),
}

/// Why no lease of a sweep can be run here, by whose fault.
#[derive(Clone, Debug)]
pub(crate) enum SpecFailure {
    /// This machine's.
    Node(String),
    /// The coordinator sent what does not fit.
    Source(String),
    /// The connection broke: another try may do better.
    Interrupted(String),
}

impl SpecFailure {
    pub(crate) fn why(&self) -> &str {
        match self {
            SpecFailure::Node(why) | SpecFailure::Source(why) | SpecFailure::Interrupted(why) => {
                why
            }
        }
    }
}

impl From<SpecError> for SpecFailure {
    fn from(error: SpecError) -> Self {
        use tonic::Code;
        let why = error.to_string();
        match &error {
            SpecError::Fetch { status, .. } if is_interrupted(status) => {
                SpecFailure::Interrupted(why)
            }
            SpecError::Fetch { status, .. } => match status.code() {
                Code::NotFound | Code::DataLoss | Code::Internal => SpecFailure::Source(why),
                _ => SpecFailure::Node(why),
            },
            SpecError::Content { .. } => SpecFailure::Source(why),
            SpecError::Write { .. }
            | SpecError::Sweep(_)
            | SpecError::Data(_)
            | SpecError::Base { .. }
            | SpecError::Empty
            | SpecError::Panicked(_) => SpecFailure::Node(why),
        }
    }
}

/// Whether the connection is to blame, and not the coordinator's answer: that has no source at this end.
fn is_interrupted(status: &tonic::Status) -> bool {
    use tonic::Code;
    std::error::Error::source(status).is_some()
        || matches!(status.code(), Code::Unavailable | Code::Cancelled)
}

/// Tries of a fetch: over a connection that breaks, or while a program cleans temporary files.
const TRIES: u32 = 3;

/// Bounds of the waits before the second and the third try.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Fetched files, each hash once in the worker's life.
#[derive(Debug)]
pub(crate) struct Files {
    source: FileSource,
    /// Where fetched files lie.
    scratch: Option<Scratch>,
    /// Scatters the waits of workers whose connections break together.
    seed: u64,
}

impl Files {
    /// Makes the folder for what will be fetched.
    ///
    /// # Errors
    /// [`WorkerError::Scratch`] where that folder cannot be written.
    pub(crate) fn new(source: FileSource, seed: u64) -> Result<Self, WorkerError> {
        let scratch = match source {
            FileSource::InPlace(_) => None,
            FileSource::Fetched => {
                Some(Scratch::make().map_err(|source| WorkerError::Scratch {
                    folder: std::env::temp_dir(),
                    source,
                })?)
            }
        };
        Ok(Files {
            source,
            scratch,
            seed,
        })
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
        let name: Arc<str> = spec.name.into();
        let mut generations = Arc::new(generations);
        let mut again = true;
        loop {
            let (name, parts) = (Arc::clone(&name), Arc::clone(&generations));
            let built = tokio::task::spawn_blocking(move || build_folder(&name, &parts));
            let error = match built.await {
                Ok(Ok(folder)) => return Ok(Sweep { folder }),
                Ok(Err(error)) => error,
                Err(panicked) => return Err(SpecError::Panicked(panicked)),
            };
            let mut paths = generations.iter().flat_map(|(_, paths)| paths.values());
            let swept = self.scratch.is_some() && !paths.all(|path| path.exists());
            if !(swept && again) {
                return Err(error);
            }
            // The temporary files were cleaned between the fetch and the reading.
            again = false;
            let mut fetched = Vec::new();
            for (generation, _) in generations.iter() {
                let paths = self.paths(client, generation).await?;
                fetched.push((generation.clone(), paths));
            }
            generations = Arc::new(fetched);
        }
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
    /// knows the format.
    async fn fetch(
        &mut self,
        client: &mut Client,
        hash: &str,
        name: &str,
    ) -> Result<PathBuf, SpecError> {
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT, self.seed);
        for _ in 1..TRIES {
            let path = self.folder()?.join(cached_name(hash, name));
            if path.exists() {
                return Ok(path);
            }
            let error = match fetch_to(client, hash, &path).await {
                Ok(()) => return Ok(path),
                Err(error) => error,
            };
            match &error {
                SpecError::Fetch { status, .. } if is_interrupted(status) => {}
                SpecError::Write { source, .. } if source.kind() == ErrorKind::NotFound => {}
                _ => return Err(error),
            }
            tokio::time::sleep(backoff.wait()).await;
        }
        let path = self.folder()?.join(cached_name(hash, name));
        fetch_to(client, hash, &path).await?;
        Ok(path)
    }

    /// The folder of fetched files, made again where it was removed.
    fn folder(&mut self) -> Result<&Path, SpecError> {
        if !self.scratch.as_ref().is_some_and(Scratch::is_there) {
            let made = Scratch::make().map_err(|source| SpecError::Write {
                path: std::env::temp_dir(),
                source,
            });
            self.scratch = Some(made?);
        }
        Ok(self.scratch.as_ref().map_or(Path::new(""), Scratch::path))
    }
}

/// Fetches a file under a name of its own, and moves it to its place once its hash fits.
async fn fetch_to(client: &mut Client, hash: &str, path: &Path) -> Result<(), SpecError> {
    let failed = |source| SpecError::Write {
        path: path.to_owned(),
        source,
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    // Dropped on an error: what came of it only takes room, which is what may be missing.
    let partial = NamedTempFile::new_in(folder).map_err(failed)?;
    let (file, partial) = partial.into_parts();
    fetch_partial(client, hash, file.into(), &partial).await?;
    partial.persist(path).map_err(|kept| failed(kept.error))
}

async fn fetch_partial(
    client: &mut Client,
    hash: &str,
    mut file: tokio::fs::File,
    partial: &Path,
) -> Result<(), SpecError> {
    let refused = |status: tonic::Status| SpecError::Fetch {
        hash: hash.to_owned(),
        status: Box::new(status),
    };
    let failed = |source| SpecError::Write {
        path: partial.to_owned(),
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
    Ok(())
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
