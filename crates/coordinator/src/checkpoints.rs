//! Checkpoints of long trials: one file a trial in the run folder, replaced by the next, gone with the
//! trial's row. A state is kept, and handed out, only while its seal holds.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rpc::sealed::{self, SealError};
use table::StagedFile;

use crate::fault_point;

/// Folder below the run folder.
const FOLDER: &str = "checkpoints";

/// Trials of each sweep with their newest checkpoint; `None` while the first one is on its way to the disk.
type Index = BTreeMap<Arc<str>, BTreeMap<u64, Option<PathBuf>>>;

/// By sweep and trial.
type States = BTreeMap<(Arc<str>, u64), Vec<u8>>;

/// Where the newest checkpoint of each trial is, by sweep and trial.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checkpoints(Arc<Tables>);

#[derive(Debug, Default)]
struct Tables {
    index: Mutex<Index>,
    /// States that are to be written, the newest of each trial: one that is overtaken is never written.
    waiting: Mutex<States>,
    /// Held while a file is written: two states of one trial would meet in it.
    writing: Mutex<()>,
}

impl Checkpoints {
    /// Takes up what an earlier process left in a run folder. Unreadable folders hold none, and what an older program
    /// wrote is dropped: nobody can say whether it is whole.
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
                    if let Err(error) = seal_of(&path) {
                        tracing::warn!(%sweep, trial, %error, "a trial begins anew");
                        drop(std::fs::remove_file(&path));
                        continue;
                    }
                    self.index()
                        .entry(sweep.into())
                        .or_default()
                        .insert(trial, Some(path));
                }
                // A torn write, or a trial that has its row: of no use to anybody.
                _ => drop(std::fs::remove_file(&path)),
            }
        }
    }

    /// Announces a state that will be put. From here on the trial may end before its state is on the disk.
    pub(crate) fn expect(&self, sweep: &str, trial: u64, state: Vec<u8>) {
        lock(&self.0.waiting).insert((sweep.into(), trial), state);
        let mut index = self.index();
        index
            .entry(sweep.into())
            .or_default()
            .entry(trial)
            .or_insert(None);
    }

    /// Keeps the newest expected state durably in place of the trial's last one. Blocks.
    ///
    /// # Errors
    /// Where the state's seal does not hold or the folder cannot be written; the last one is then still there.
    pub(crate) fn put(
        &self,
        sweep: &str,
        run: &Path,
        trial: u64,
        hook: Option<fn(&str)>,
    ) -> io::Result<()> {
        let _one_at_a_time = lock(&self.0.writing);
        let Some(state) = lock(&self.0.waiting).remove(&(sweep.into(), trial)) else {
            // An earlier call wrote this state, or a newer one.
            return Ok(());
        };
        sealed::open(trial, &state).map_err(io::Error::other)?;
        let folder = run.join(FOLDER);
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(trial.to_string());
        let staged = StagedFile::with_content(&path, &state)?;
        if let Some(hook) = hook {
            hook(fault_point::MID_CHECKPOINT);
        }
        staged.publish()?;
        table::sync_folder(&folder)?;
        let mut index = self.index();
        match index
            .get_mut(sweep)
            .and_then(|trials| trials.get_mut(&trial))
        {
            Some(known) => *known = Some(path),
            // The trial has its row by now.
            None => std::fs::remove_file(path)?,
        }
        Ok(())
    }

    /// The newest state of a trial whose seal holds; one that does not is removed, and the trial begins anew. Blocks.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(crate) fn sound(&self, sweep: &str, trial: u64) -> io::Result<Option<PathBuf>> {
        let Some(path) = self.find(sweep, trial) else {
            return Ok(None);
        };
        if check(trial, &path)?.is_ok() {
            return Ok(Some(path));
        }
        // A newer state may have come in its place since.
        let _one_at_a_time = lock(&self.0.writing);
        if let Err(error) = check(trial, &path)? {
            tracing::warn!(%sweep, trial, %error, "a trial begins anew");
            if let Some(trials) = self.index().get_mut(sweep) {
                trials.remove(&trial);
            }
            std::fs::remove_file(&path)?;
            return Ok(None);
        }
        Ok(Some(path))
    }

    fn find(&self, sweep: &str, trial: u64) -> Option<PathBuf> {
        self.index().get(sweep)?.get(&trial)?.clone()
    }

    /// Trials with a checkpoint in a range.
    pub(crate) fn in_range(&self, sweep: &str, range: &std::ops::Range<u64>) -> Vec<u64> {
        let index = self.index();
        let of_sweep = index.get(sweep).map(|trials| trials.range(range.clone()));
        let kept = of_sweep
            .into_iter()
            .flatten()
            .filter(|(_, path)| path.is_some());
        kept.map(|(&trial, _)| trial).collect()
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
            if let Some(Some(path)) = trials.remove(&trial) {
                // A file that stays is removed when the folder is next opened.
                drop(std::fs::remove_file(path));
            }
        }
    }

    /// Forgets a sweep; its files stay.
    pub(crate) fn forget(&self, sweep: &str) {
        self.index().remove(sweep);
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        lock(&self.0.index)
    }
}

fn check(trial: u64, path: &Path) -> io::Result<Result<(), SealError>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    sealed::check(trial, file, length)
}

/// Whether a file ends in a seal of this program; whether it holds is for [`Checkpoints::sound`] to see.
fn seal_of(path: &Path) -> io::Result<()> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let from = length.saturating_sub(sealed::SEAL_BYTES as u64);
    file.seek(SeekFrom::Start(from))?;
    sealed::read_mark(file, length - from)?.map_err(io::Error::other)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
