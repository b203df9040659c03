//! Run folders of a query: each once, under a name that no other has, and their parts as of one moment.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::folder::{FolderError, Layout, readable_parts};

use super::source::{Listing, PartOf};

/// A run folder and what the column `run` says of its rows.
pub(super) struct Named {
    dir: PathBuf,
    name: Arc<str>,
}

/// The folders of a query, each once, with what the column `run` says of its rows where there are several.
pub fn run_names(dirs: &[PathBuf]) -> Vec<(PathBuf, String)> {
    let runs = named(dirs).into_iter();
    runs.map(|run| (run.dir, run.name.to_string())).collect()
}

/// The folders, each once, with the name of the folder, or the path as it was given where two folders have one name.
pub(super) fn named(dirs: &[PathBuf]) -> Vec<Named> {
    let mut known: Vec<(PathBuf, &Path)> = Vec::new();
    for dir in dirs {
        // What cannot be resolved is refused when it is read.
        let real = dir.canonicalize().unwrap_or_else(|_| dir.clone());
        if !known.iter().any(|(other, _)| *other == real) {
            known.push((real, dir));
        }
    }
    let last = |path: &Path| {
        let name = path.file_name();
        name.map_or_else(
            || path.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        )
    };
    let names: Vec<String> = known.iter().map(|(real, _)| last(real)).collect();
    let is_alone = |name: &String| names.iter().filter(|other| *other == name).count() == 1;
    known
        .iter()
        .zip(&names)
        .map(|((_, dir), name)| Named {
            dir: (*dir).to_owned(),
            name: if is_alone(name) {
                Arc::from(name.as_str())
            } else {
                Arc::from(dir.to_string_lossy().as_ref())
            },
        })
        .collect()
}

/// The parts of all runs, or the newest of each table.
///
/// # Errors
/// A folder that is no run, or that a newer program wrote.
pub(super) fn list(runs: &[Named], newest: Option<usize>) -> Result<Listing, FolderError> {
    let several = runs.len() > 1;
    let mut parts = Vec::new();
    for run in runs {
        for (table, paths) in readable_parts(&Layout::new(&run.dir))? {
            let part = |path| PartOf {
                path,
                run: several.then(|| Arc::clone(&run.name)),
            };
            let mut paths: Vec<PathBuf> = paths.into_iter().flatten().collect();
            if let Some(newest) = newest {
                // Names are numbers of one width that rise.
                paths.sort();
                paths.drain(..paths.len().saturating_sub(newest));
            }
            parts.extend(paths.into_iter().map(|path| (table, part(path))));
        }
    }
    Ok(Listing {
        several,
        parts,
        failure: Mutex::new(None),
        footers: Mutex::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_folder_counts_once_and_has_a_name_of_its_own() {
        let home = tempfile::tempdir().unwrap();
        let dirs = ["a/r", "b/r", "b/s"].map(|name| home.path().join(name));
        for dir in &dirs {
            std::fs::create_dir_all(dir).unwrap();
        }
        let again = dirs[2].join("../s");
        let given = [dirs.to_vec(), vec![again]].concat();
        let named = named(&given);
        let names: Vec<&str> = named.iter().map(|run| run.name.as_ref()).collect();
        let (first, second) = (dirs[0].to_string_lossy(), dirs[1].to_string_lossy());
        assert_eq!(names, [first.as_ref(), second.as_ref(), "s"]);
    }
}
