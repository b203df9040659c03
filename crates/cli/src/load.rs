//! From a path to a grid: reads the sweep file and what it names, at the edge.

use std::path::{Path, PathBuf};

use rpc::v1;
use sweep::{DataSummary, Grid, Rules, Spec};
use table::LocalFiles;

use crate::error::CliError;

/// A sweep file that has been read and understood.
pub(crate) struct Sweep {
    pub(crate) grid: Grid,
    /// Where the files are that it names.
    pub(crate) files: LocalFiles,
    /// The sizes of its data, and what is odd about them.
    pub(crate) data: DataSummary,
}

/// Where a sweep may have begun already. What was accepted there goes on, also if it would be refused as new.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Begun<'a> {
    /// Nowhere, unless the file is that of a run folder.
    Nowhere,
    /// In the run folder of that place, or of its name, if that is there.
    In(Option<&'a Path>),
    /// On a coordinator, which judges what it is sent.
    Remotely,
}

/// Reads a sweep and its files.
///
/// # Errors
/// [`CliError`] with the place of the mistake.
pub(crate) fn sweep(path: &Path, sets: &[String], begun: Begun<'_>) -> Result<Sweep, CliError> {
    let (mut spec, base, stored) = parsed(path, sets)?;
    let rules = match begun {
        Begun::Nowhere => stored.then_some(spec.reading),
        Begun::In(folder) => rules_of_folder(&spec, folder),
        Begun::Remotely => Some(Rules::First),
    };
    spec.reading = rules.unwrap_or(Rules::NEWEST);
    let files = LocalFiles::next_to(base);
    let loaded = table::load_files(&spec, |file| files.path(file))?;
    let grid = Grid::new(spec, loaded.arrays)?;
    grid.refuse_nothing_kept()?;
    if rules.is_none() {
        grid.refuse_when_new(&|| false)?;
    }
    let mut data = grid.data();
    let of_files = loaded.warnings.iter().map(ToString::to_string);
    data.warnings.splice(..0, of_files);
    for warning in grid.warnings().iter().chain(&data.warnings) {
        say!("warning: {warning}");
    }
    Ok(Sweep { grid, files, data })
}

/// The name of a sweep whose files are not looked at.
///
/// # Errors
/// As [`sweep()`].
pub(crate) fn name(path: &Path, sets: &[String]) -> Result<String, CliError> {
    parsed(path, sets).map(|(spec, ..)| spec.name)
}

/// How the data files of a run folder are read; `None` where there is no run folder.
fn rules_of_folder(spec: &Spec, folder: Option<&Path>) -> Option<Rules> {
    let default = crate::run_dir::default_dir(spec.name());
    let folder = folder.unwrap_or(&default);
    if !table::is_run_folder(folder) {
        return None;
    }
    // A journal that cannot be read is reported by whoever opens the folder.
    let known = table::numbering(folder).ok().flatten();
    let newest = known.as_ref().and_then(|known| known.generations.last())?;
    let newest = Spec::parse_stored(&newest.toml, "sweep.toml", &[]).ok()?;
    Some(newest.reading)
}

/// The sweep as written, the folder that it stands in, and whether a program wrote it.
fn parsed(path: &Path, sets: &[String]) -> Result<(Spec, PathBuf, bool), CliError> {
    let text = std::fs::read_to_string(path).map_err(|source| CliError::Read {
        path: path.to_owned(),
        source,
    })?;
    // The parent of a bare file name is empty, which stands for this folder.
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let base = std::path::absolute(parent).map_err(|source| CliError::Read {
        path: parent.to_owned(),
        source,
    })?;
    let name = path.display().to_string();
    let stored = is_stored(path, &base);
    let spec = if stored {
        Spec::parse_stored(&text, &name, sets)?
    } else {
        let spec = Spec::parse(&text, &name, sets)?;
        report::plot::check(&spec)?;
        spec
    };
    Ok((spec, base, stored))
}

/// Whether the file is the `sweep.toml` of a run folder, which a program wrote.
fn is_stored(path: &Path, folder: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "sweep.toml") && table::is_run_folder(folder)
}

impl Sweep {
    /// Files that the sweep reads, as the wire names them.
    ///
    /// # Errors
    /// [`CliError::Read`] where a file has gone since it was read.
    pub(crate) fn named_files(&self) -> Result<Vec<v1::FileName>, CliError> {
        let mut files = Vec::new();
        for name in self.grid.spec().file_names() {
            let path = self.files.path(&name);
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
