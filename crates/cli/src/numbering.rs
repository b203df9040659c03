//! The run folder that a sweep file belongs to, as `plan` needs it: the numbers that its trials have or will have
//! there, and which of them are done.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sweep::{Arrays, Cost, Folder, Grid, IntervalSet, Spec};
use table::LocalFiles;

use crate::error::CliError;
use crate::load::Sweep;

/// A sweep in its run folder.
pub(crate) struct Numbered {
    /// The run folder; `None` where it is not there yet, or holds another sweep.
    pub(crate) dir: Option<PathBuf>,
    /// The sweep's own grid.
    pub(crate) grid: Arc<Grid>,
    /// The folder as `run` would make it.
    pub(crate) folder: Folder,
    /// Trials with a durable row.
    pub(crate) done: IntervalSet,
}

impl Numbered {
    /// Trials of the folder that are not done, and what they cost. Costs of all are added up from a sample of a large
    /// grid, so a part can come out larger than the whole.
    pub(crate) fn left(&self) -> (u64, Cost) {
        let (all, done) = (self.folder.total_cost(), self.folder.cost_of(&self.done));
        let trials = self.folder.count().saturating_sub(self.done.len());
        let cost = Cost {
            flops: (all.flops - done.flops).max(0.0),
            bytes: all.bytes,
            seconds: (all.seconds - done.seconds).max(0.0),
            rows: (all.rows - done.rows).max(0.0),
            row_bytes: (all.row_bytes - done.row_bytes).max(0.0),
        };
        (trials, if trials == 0 { Cost::default() } else { cost })
    }
}

/// Numbers a sweep as `run` into `dir` would. A folder that was not asked for and cannot be used is warned of.
///
/// # Errors
/// [`CliError`] where `dir` was asked for and `run` into it would be refused.
pub(crate) fn of(sweep: Sweep, dir: Option<&Path>) -> Result<Numbered, CliError> {
    let grid = Arc::new(sweep.grid);
    let fresh = |grid: Arc<Grid>| {
        grid.refuse_when_new(&|| false)?;
        Ok(Numbered {
            dir: None,
            folder: Folder::new(Arc::clone(&grid)),
            grid,
            done: IntervalSet::new(),
        })
    };
    let default = crate::run_dir::default_dir(grid.spec().name());
    match within(&grid, dir.unwrap_or(&default), &sweep.files) {
        Ok(Some(numbered)) => Ok(numbered),
        Ok(None) => fresh(grid),
        Err(error) if dir.is_some() => Err(error),
        Err(error) => {
            say!(
                "warning: the numbers and costs are those of a new run folder, since {} cannot be continued: {error}",
                default.display()
            );
            fresh(grid)
        }
    }
}

/// The folder in `dir` grown by the grid; `None` where there is none.
fn within(grid: &Arc<Grid>, dir: &Path, files: &LocalFiles) -> Result<Option<Numbered>, CliError> {
    let Some(known) = table::numbering(dir)? else {
        return Ok(None);
    };
    let mut folder: Option<Folder> = None;
    for generation in &known.generations {
        let spec = Spec::parse_stored(&generation.toml, &dir.display().to_string(), &[])?;
        let arrays = arrays(&spec, generation, dir, files)?;
        let older = Arc::new(Grid::new(spec, arrays)?);
        match &mut folder {
            None => folder = Some(Folder::new(older)),
            Some(folder) => {
                folder.grow(older)?;
            }
        }
    }
    let Some(mut folder) = folder else {
        return Ok(None);
    };
    folder.refuse_when_new(grid, &|| false)?;
    folder.grow(Arc::clone(grid))?;
    Ok(Some(Numbered {
        dir: Some(dir.to_owned()),
        grid: Arc::clone(grid),
        folder,
        done: known.done,
    }))
}

/// A run folder as its generations number it, or a copy of one by its sweep file; read also while a run writes to it.
///
/// # Errors
/// [`CliError`] where the folder says nothing of its sweep, or a file that the sweep reads is not at hand.
pub(crate) fn of_folder(dir: &Path) -> Result<Folder, CliError> {
    let base = std::path::absolute(dir).map_err(|source| CliError::Read {
        path: dir.to_owned(),
        source,
    })?;
    let files = LocalFiles::next_to(base).running_in(dir);
    let known = table::numbering(dir)?;
    let mut folder: Option<Folder> = None;
    for generation in known.iter().flat_map(|known| &known.generations) {
        let spec = Spec::parse_stored(&generation.toml, &dir.display().to_string(), &[])?;
        let arrays = arrays(&spec, generation, dir, &files)?;
        let grid = Arc::new(Grid::new(spec, arrays)?);
        match &mut folder {
            None => folder = Some(Folder::new(grid)),
            Some(folder) => {
                folder.grow(grid)?;
            }
        }
    }
    if let Some(folder) = folder {
        return Ok(folder);
    }
    let path = dir.join("sweep.toml");
    let toml = std::fs::read_to_string(&path).map_err(|source| CliError::Read {
        path: path.clone(),
        source,
    })?;
    let spec = Spec::parse_stored(&toml, &path.display().to_string(), &[])?;
    let arrays = table::load_arrays(&spec, |file| files.path(file))?;
    Ok(Folder::new(Arc::new(Grid::new(spec, arrays)?)))
}

/// Where a file is that the generation of a trial reads.
///
/// # Errors
/// [`CliError`] as [`of_folder`].
pub(crate) fn file_of(
    dir: &Path,
    folder: &Folder,
    number: u64,
    file: &str,
) -> Result<PathBuf, CliError> {
    let base = std::path::absolute(dir).map_err(|source| CliError::Read {
        path: dir.to_owned(),
        source,
    })?;
    let files = LocalFiles::next_to(base).running_in(dir);
    let known = table::numbering(dir)?;
    let generation = folder.generation_of(number);
    let recorded = known.as_ref().zip(generation).and_then(|(known, at)| {
        let files = &known.generations.get(at)?.files;
        files.iter().find(|(name, _)| name == file)
    });
    Ok(match recorded {
        Some((_, hash)) => files.path_of_content(file, hash),
        None => files.path(file),
    })
}

/// The files of a generation: those that the folder keeps, else those beside the sweep file.
fn arrays(
    spec: &Spec,
    generation: &table::GenerationRecord,
    dir: &Path,
    files: &LocalFiles,
) -> Result<Arrays, CliError> {
    let resolve = |file: &str| -> PathBuf {
        let recorded = generation.files.iter().find(|(name, _)| name == file);
        let kept = recorded.map(|(_, hash)| {
            let digits = hash.rsplit(':').next().unwrap_or_default();
            dir.join("files").join(digits)
        });
        kept.filter(|path| path.is_file())
            .unwrap_or_else(|| files.path(file))
    };
    Ok(table::load_arrays(spec, resolve)?)
}
