//! From a path to a grid: reads the sweep file and what it names, at the edge.

use std::path::{Path, PathBuf};

use rpc::v1;
use sweep::{Grid, Spec};

use crate::error::CliError;

/// A sweep file that has been read and understood.
pub(crate) struct Sweep {
    pub(crate) grid: Grid,
    /// Folder that relative file names in the sweep start from.
    pub(crate) base: PathBuf,
}

/// Reads a sweep and its files.
///
/// # Errors
/// [`CliError`] with the place of the mistake.
pub(crate) fn sweep(path: &Path, sets: &[String]) -> Result<Sweep, CliError> {
    let text = std::fs::read_to_string(path).map_err(|source| CliError::Read {
        path: path.to_owned(),
        source,
    })?;
    let spec = Spec::parse(&text, &path.display().to_string(), sets)?;
    for warning in spec.warnings() {
        say!("warning: {warning}");
    }
    // The parent of a bare file name is empty, which stands for this folder.
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let base = std::path::absolute(parent).map_err(|source| CliError::Read {
        path: parent.to_owned(),
        source,
    })?;
    let arrays = table::load_arrays(&spec, |file| base.join(file))?;
    let grid = Grid::new(spec, arrays)?;
    Ok(Sweep { grid, base })
}

impl Sweep {
    /// Files that the sweep reads, as the wire names them.
    ///
    /// # Errors
    /// [`CliError::Read`] where a file has gone since it was read.
    pub(crate) fn files(&self) -> Result<Vec<v1::FileName>, CliError> {
        let mut files = Vec::new();
        for name in self.grid.spec().file_names() {
            let path = self.base.join(&name);
            let failed = |source| CliError::Read {
                path: path.clone(),
                source,
            };
            let mut hasher = blake3::Hasher::new();
            let file = std::fs::File::open(&path).map_err(failed)?;
            let size_bytes = file.metadata().map_err(failed)?.len();
            hasher.update_reader(file).map_err(failed)?;
            files.push(v1::FileName {
                name,
                hash: format!("blake3:{}", hasher.finalize().to_hex()),
                size_bytes,
            });
        }
        Ok(files)
    }
}
