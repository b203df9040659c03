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
        grid.refuse_lost_precision(&|| false)?;
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
    folder.refuse_lost_precision(grid, &|| false)?;
    folder.grow(Arc::clone(grid))?;
    Ok(Some(Numbered {
        dir: Some(dir.to_owned()),
        grid: Arc::clone(grid),
        folder,
        done: known.done,
    }))
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
