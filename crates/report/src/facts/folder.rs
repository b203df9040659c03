//! The sweep of a run folder as numbered points, to ask what a trial would have cost on the full engine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sweep::{Arrays, Folder, Grid, Spec};
use table::{GenerationRecord, LocalFiles};

/// Most bytes of data files that are read for it: a second's work.
const DATA_BYTES: u64 = 256 << 20;

/// The folder's sweep; none where it has no sweep file that reads, or its data are not at hand or too large.
pub(crate) fn folder(dir: &Path) -> Option<Folder> {
    let base = std::path::absolute(dir).ok()?;
    let files = LocalFiles::next_to(base).running_in(dir);
    let known = table::numbering(dir).ok().flatten();
    let generations = known.map(|known| known.generations).unwrap_or_default();
    let mut folder: Option<Folder> = None;
    for generation in &generations {
        let grid = Arc::new(grid(&generation.toml, Some(generation), &files)?);
        match &mut folder {
            None => folder = Some(Folder::new(grid)),
            Some(folder) => {
                folder.grow(grid).ok()?;
            }
        }
    }
    if folder.is_some() {
        return folder;
    }
    // A copy has no journal; its sweep file is that of the newest generation.
    let toml = super::asked::sweep_file(dir)?;
    Some(Folder::new(Arc::new(grid(&toml, None, &files)?)))
}

fn grid(toml: &str, generation: Option<&GenerationRecord>, files: &LocalFiles) -> Option<Grid> {
    let spec = Spec::parse_stored(toml, "sweep.toml", &[]).ok()?;
    let path = |name: &str| -> PathBuf {
        let recorded = generation.and_then(|generation| {
            let files = &generation.files;
            files.iter().find(|(known, _)| known == name)
        });
        match recorded {
            Some((_, hash)) => files.path_of_content(name, hash),
            None => files.path(name),
        }
    };
    let sizes = spec.file_names().into_iter().map(|name| {
        let metadata = std::fs::metadata(path(&name)).ok()?;
        Some(metadata.len())
    });
    let bytes: u64 = sizes.sum::<Option<u64>>()?;
    if bytes > DATA_BYTES {
        return None;
    }
    let arrays = if bytes == 0 {
        Arrays::new()
    } else {
        table::load_arrays(&spec, path).ok()?
    };
    Grid::new(spec, arrays).ok()
}
