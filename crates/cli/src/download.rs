//! Tables of a sweep as they arrive in a folder of this machine. A fetch over an earlier one takes effect at once: until
//! its last step readers see the earlier one, however it ends.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use rpc::v1;
use table::{Listed, Manifest};
use tokio::io::AsyncWriteExt as _;
use tonic::Streaming;

use crate::error::CliError;
use crate::fault;

/// Folders of the tables.
const TABLES: [&str; 4] = ["trials", "history", "spectra", "layers"];

/// Ending of a file that has not arrived whole, or is not to be read yet.
const PARTIAL: &str = ".partial";

/// Takes the files of a sweep in and puts them in force; returns how many there are.
///
/// # Errors
/// [`CliError`]; an earlier fetch in the folder is then still there.
pub(crate) async fn receive(
    mut parts: Streaming<v1::FetchResponse>,
    out: &Path,
) -> Result<usize, CliError> {
    let failed = |source| CliError::Write {
        path: out.to_owned(),
        source,
    };
    std::fs::create_dir_all(out).map_err(failed)?;
    let earlier = earlier(out)?;
    let mut coming = Manifest::default();
    let mut open: Option<Arriving> = None;
    while let Some(response) = parts.message().await? {
        match response.part {
            Some(v1::fetch_response::Part::File(file)) => {
                finish(open.take(), &mut coming).await?;
                open = Some(Arriving::of(out, file.path).await?);
            }
            Some(v1::fetch_response::Part::Piece(piece)) => {
                if let Some(arriving) = &mut open {
                    arriving.take(&piece).await?;
                }
            }
            None => {}
        }
    }
    finish(open.take(), &mut coming).await?;
    fault::at_point("fetch-before-places");
    publish(out, earlier, &coming)?;
    fault::at_point("fetch-before-removal");
    remove_older_parts(out, &coming).map_err(failed)?;
    Ok(coming.files.len())
}

/// A file that is on its way.
struct Arriving {
    /// As the coordinator names it.
    name: String,
    partial: PathBuf,
    handle: tokio::fs::File,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Arriving {
    async fn of(out: &Path, name: String) -> Result<Arriving, CliError> {
        let path = out.join(relative(&name)?);
        let partial = partial(&path);
        let failed = |source| CliError::Write {
            path: path.clone(),
            source,
        };
        if let Some(parent) = path.parent() {
            tokio::fs::create_dir_all(parent).await.map_err(failed)?;
        }
        let handle = tokio::fs::File::create(&partial).await.map_err(failed)?;
        Ok(Arriving {
            name,
            partial,
            handle,
            hasher: blake3::Hasher::new(),
            bytes: 0,
        })
    }

    async fn take(&mut self, piece: &[u8]) -> Result<(), CliError> {
        self.hasher.update(piece);
        self.bytes += piece.len() as u64;
        let written = self.handle.write_all(piece).await;
        written.map_err(|source| CliError::Write {
            path: self.partial.clone(),
            source,
        })
    }
}

async fn finish(arriving: Option<Arriving>, coming: &mut Manifest) -> Result<(), CliError> {
    let Some(mut arriving) = arriving else {
        return Ok(());
    };
    let written = async {
        arriving.handle.flush().await?;
        arriving.handle.sync_all().await
    };
    written.await.map_err(|source| CliError::Write {
        path: arriving.partial.clone(),
        source,
    })?;
    let listed = Listed {
        bytes: arriving.bytes,
        hash: Some(arriving.hasher.finalize()),
    };
    coming.files.insert(arriving.name, listed);
    Ok(())
}

/// The list of what an earlier fetch left; it stays in force until this one is whole. The list of a folder without
/// one names what its readers saw so far.
fn earlier(out: &Path) -> Result<Manifest, CliError> {
    if let Some(manifest) = Manifest::read(out) {
        return Ok(manifest);
    }
    let mut files = BTreeMap::new();
    // A folder that holds nothing, or nothing whole, has none.
    for path in table::durable_files(out).unwrap_or_default() {
        let bytes = std::fs::metadata(out.join(&path)).map_or(0, |metadata| metadata.len());
        let name: Vec<_> = path
            .components()
            .map(|part| part.as_os_str().to_string_lossy())
            .collect();
        files.insert(name.join("/"), Listed { bytes, hash: None });
    }
    let manifest = Manifest { files };
    manifest.write(out)?;
    Ok(manifest)
}

/// Puts what has arrived in its places, and the new list in force.
fn publish(out: &Path, mut earlier: Manifest, coming: &Manifest) -> Result<(), CliError> {
    // Both lists must not name a file whose content changes between them.
    let listed = earlier.files.len();
    earlier.files.retain(|name, old| {
        coming.files.get(name).is_none_or(|new| {
            new.bytes == old.bytes && (old.hash.is_none() || new.hash == old.hash)
        })
    });
    if earlier.files.len() < listed {
        earlier.write(out)?;
    }
    for name in coming.files.keys() {
        let path = out.join(relative(name)?);
        std::fs::rename(partial(&path), &path)
            .map_err(|source| CliError::Write { path, source })?;
    }
    for table in TABLES {
        let folder = out.join(table);
        if folder.is_dir() {
            let synced = std::fs::File::open(&folder).and_then(|folder| folder.sync_all());
            synced.map_err(|source| CliError::Write {
                path: folder,
                source,
            })?;
        }
    }
    fault::at_point("fetch-before-list");
    Ok(coming.write(out)?)
}

/// A folder that holds something else than an earlier fetch is left alone, above all a run of this machine, which
/// has a journal where a fetch has none.
///
/// # Errors
/// [`CliError::Request`] names the folder.
pub(crate) fn refuse_foreign(out: &Path, name: &str) -> Result<(), CliError> {
    let entries = match std::fs::read_dir(out) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(source) => {
            return Err(CliError::Read {
                path: out.to_owned(),
                source,
            });
        }
    };
    let is_run = out.join("journal.sqlite").exists();
    let is_fetched = out.join("sweep.toml").exists() || Manifest::read(out).is_some();
    if is_run || entries.count() > 0 && !is_fetched {
        return Err(CliError::Request(format!(
            "{} is neither empty nor a fetched run; choose another folder",
            out.display()
        )));
    }
    let earlier = std::fs::read_to_string(out.join("sweep.toml")).unwrap_or_default();
    if let Ok(spec) = sweep::Spec::parse_stored(&earlier, "sweep.toml", &[])
        && spec.name() != name
    {
        return Err(CliError::Request(format!(
            "{} holds the tables of `{}`; choose another folder",
            out.display(),
            spec.name()
        )));
    }
    Ok(())
}

/// Parts of an earlier fetch that the sweep no longer has would count their rows twice.
fn remove_older_parts(out: &Path, wanted: &Manifest) -> std::io::Result<()> {
    let wanted: Vec<PathBuf> = wanted.files.keys().map(|name| out.join(name)).collect();
    for table in TABLES {
        let Ok(entries) = std::fs::read_dir(out.join(table)) else {
            continue;
        };
        for entry in entries {
            let path = entry?.path();
            if !wanted.contains(&path) && is_ours(&path) {
                std::fs::remove_file(&path)?;
            }
        }
    }
    Ok(())
}

/// Whether a fetch wrote the file: a part, or half of one. Anything else in the folder is somebody's.
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("part-") && name.ends_with(".parquet") || name.ends_with(PARTIAL)
}

fn partial(path: &Path) -> PathBuf {
    let mut partial = path.as_os_str().to_owned();
    partial.push(PARTIAL);
    PathBuf::from(partial)
}

/// A path of the coordinator's, held below the folder asked for.
fn relative(text: &str) -> Result<PathBuf, CliError> {
    let path = PathBuf::from(text);
    let plain = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !plain || text.is_empty() {
        return Err(CliError::Request(format!(
            "the coordinator sent the path `{text}`, which leaves the folder"
        )));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fetched_path_stays_below_its_folder() {
        assert!(relative("trials/part-1.parquet").is_ok());
        for bad in ["", "/etc/passwd", "../x", "a/../../x"] {
            assert!(relative(bad).is_err(), "{bad:?} was taken");
        }
    }
}
