//! Checkpoints of long trials: one file a trial in the run folder, replaced by the next, gone with the
//! trial's row.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Folder below the run folder.
const FOLDER: &str = "checkpoints";

/// Files of the trials of each sweep.
type BySweep = BTreeMap<Arc<str>, BTreeMap<u64, PathBuf>>;

/// Where the newest checkpoint of each trial is, by sweep and trial.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checkpoints(Arc<Mutex<BySweep>>);

impl Checkpoints {
    /// Takes up what an earlier process left in a run folder. Unreadable folders hold none.
    pub(crate) fn take_up(&self, sweep: &str, run: &Path, wanted: impl Fn(u64) -> bool) {
        let Ok(entries) = std::fs::read_dir(run.join(FOLDER)) else {
            return;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let trial = path
                .file_name()
                .and_then(|name| name.to_str())
                .and_then(|name| name.parse::<u64>().ok());
            match trial {
                Some(trial) if wanted(trial) => {
                    self.insert(sweep, trial, path);
                }
                // A torn write, or a trial that has its row: of no use to anybody.
                _ => drop(std::fs::remove_file(&path)),
            }
        }
    }

    /// Keeps a state durably in place of the trial's last one.
    ///
    /// # Errors
    /// Where the folder cannot be written; the last one is then still there.
    pub(crate) fn put(
        &self,
        sweep: &str,
        run: &Path,
        trial: u64,
        state: &[u8],
    ) -> std::io::Result<()> {
        let folder = run.join(FOLDER);
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(trial.to_string());
        let partial = folder.join(format!("{trial}.partial"));
        let mut file = std::fs::File::create(&partial)?;
        file.write_all(state)?;
        file.sync_all()?;
        std::fs::rename(&partial, &path)?;
        std::fs::File::open(&folder)?.sync_all()?;
        self.insert(sweep, trial, path);
        Ok(())
    }

    pub(crate) fn find(&self, sweep: &str, trial: u64) -> Option<PathBuf> {
        self.index().get(sweep)?.get(&trial).cloned()
    }

    /// Trials with a checkpoint in a range.
    pub(crate) fn in_range(&self, sweep: &str, range: &std::ops::Range<u64>) -> Vec<u64> {
        let index = self.index();
        let of_sweep = index.get(sweep).map(|trials| trials.range(range.clone()));
        of_sweep
            .into_iter()
            .flatten()
            .map(|(&trial, _)| trial)
            .collect()
    }

    /// Forgets trials that have their row.
    pub(crate) fn drop_range(&self, sweep: &str, range: &std::ops::Range<u64>) {
        let mut index = self.index();
        let Some(trials) = index.get_mut(sweep) else {
            return;
        };
        let gone: Vec<_> = trials
            .range(range.clone())
            .map(|(&trial, _)| trial)
            .collect();
        for trial in gone {
            if let Some(path) = trials.remove(&trial) {
                // A file that stays is removed when the folder is next opened.
                drop(std::fs::remove_file(path));
            }
        }
    }

    fn insert(&self, sweep: &str, trial: u64, path: PathBuf) {
        self.index()
            .entry(sweep.into())
            .or_default()
            .insert(trial, path);
    }

    fn index(&self) -> std::sync::MutexGuard<'_, BySweep> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
