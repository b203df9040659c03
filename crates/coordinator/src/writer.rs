//! What is done with a sweep's run folder: everything that waits for a disk, in order, on the threads of the pool.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use sweep::{IntervalSet, Verified};
use table::{
    Batch, CommitInfo, Comparison, Counts, EndedAttempt, FailedTrial, FolderError, Freed,
    GenerationRecord, Joining, RunFolder,
};
use tokio::sync::oneshot;

use crate::writer_pool::{Lane, Work, WriterPool};

/// An answer that comes when a thread gets there.
pub(crate) type Reply<T> = oneshot::Receiver<Result<T, FolderError>>;

/// While a sweep runs, small parts are joined once in this number of commits: in the time of a few hundred parts one
/// join of a second does not matter.
const JOIN_EVERY: u32 = 256;

/// Whoever holds a clone reads the parts: none is joined meanwhile, so none disappears.
type Reading = Arc<()>;

/// Files of a folder as of one moment, relative to it. They stay while this lives, unless failed rows are
/// taken out.
pub(crate) struct Listing {
    pub(crate) paths: Vec<PathBuf>,
    _reading: Reading,
}

pub(crate) type ListingReply = oneshot::Sender<Result<Listing, FolderError>>;

/// Handle of an open folder. Dropping it closes the folder once what was asked is done.
#[derive(Debug)]
pub(crate) struct Writer {
    lane: Lane,
    reading: Reading,
    commits: u32,
}

/// What the journal says of a folder's trials.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) done: IntervalSet,
    pub(crate) failed: Vec<FailedTrial>,
    pub(crate) counts: Counts,
    pub(crate) comparisons: Vec<Comparison>,
}

/// What a commit changed.
#[derive(Debug)]
pub(crate) struct Committed {
    pub(crate) info: CommitInfo,
    /// All that the folder has, where more became durable than the batch holds.
    pub(crate) all_comparisons: Option<Vec<Comparison>>,
}

impl Progress {
    /// Reads it.
    ///
    /// # Errors
    /// Where the journal cannot be read.
    pub(crate) fn of(folder: &RunFolder, verified: &Verified) -> Result<Self, FolderError> {
        let mut found = Vec::new();
        if verified.wanted > 0 {
            found = comparisons(folder);
            found.retain(|comparison| verified.cost(comparison.trial).is_some());
        }
        Ok(Progress {
            comparisons: found,
            done: folder.done()?,
            failed: folder.failed()?,
            counts: folder.counts()?,
        })
    }
}

impl Writer {
    /// Hands the folder to the pool.
    pub(crate) fn new(pool: &WriterPool, folder: RunFolder) -> Self {
        Writer {
            lane: pool.lane(folder),
            reading: Reading::default(),
            commits: 0,
        }
    }

    /// Queues work; what half happened before a panic is found out at the next call.
    fn send(&self, work: Work) {
        self.lane.send(Box::new(move |folder| {
            if catch_unwind(AssertUnwindSafe(|| work(folder))).is_err() {
                folder.doubt();
            }
        }));
    }

    /// Closes the folder once what was asked is done, and then calls `then`.
    pub(crate) fn close(self, then: impl FnOnce() + Send + 'static) {
        self.lane.close(then);
    }

    /// Whether a reader holds the parts.
    pub(crate) fn is_read(&self) -> bool {
        Arc::strong_count(&self.reading) > 1
    }

    /// Does something with the folder, in order. A dropped reply means that the work panicked.
    fn ask<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut RunFolder) -> Result<T, FolderError> + Send + 'static,
    ) -> Reply<T> {
        let (sender, receiver) = oneshot::channel();
        let work: Work = Box::new(move |folder| {
            // Nobody waits any more: the work was wanted all the same.
            let _ = sender.send(folder.settle().and_then(|()| what(folder)));
        });
        self.send(work);
        receiver
    }

    /// Writes a batch durably; on failure the batch comes back with the error.
    pub(crate) fn commit(
        &mut self,
        mut batch: Batch,
        then: impl FnOnce(Result<Committed, (FolderError, Batch)>) + Send + 'static,
    ) {
        let work: Work = Box::new(move |folder| {
            let committed = catch_unwind(AssertUnwindSafe(|| commit(folder, &mut batch)));
            then(match committed {
                Ok(Ok(committed)) => Ok(committed),
                Ok(Err(error)) => Err((error, batch)),
                Err(_) => {
                    folder.doubt();
                    let dir = folder.dir().to_owned();
                    Err((FolderError::Panicked { dir }, batch))
                }
            });
        });
        self.send(work);
        self.commits += 1;
        if self.commits.is_multiple_of(JOIN_EVERY) {
            self.join(Joining::WhileRunning, || ());
        }
    }

    /// Joins small parts until few are left.
    pub(crate) fn join(&self, when: Joining, then: impl FnOnce() + Send + 'static) {
        let reading = Arc::clone(&self.reading);
        let work: Work = Box::new(move |folder| {
            // This handle, this closure; any further one is a reader.
            while Arc::strong_count(&reading) <= 2 {
                match folder.compact(when) {
                    Ok(Some(joined)) => {
                        tracing::debug!(dir = %folder.dir().display(), parts = joined.commits, "joined");
                    }
                    Ok(None) => break,
                    Err(error) => {
                        // Many small parts are as good as one, only slower to read.
                        tracing::warn!(%error, "small parts stay as they are");
                        break;
                    }
                }
            }
            then();
        });
        self.send(work);
    }

    /// Lists the folder's files, after what was asked before.
    pub(crate) fn list(&self, reply: ListingReply) {
        let reading = Arc::clone(&self.reading);
        let work: Work = Box::new(move |folder| {
            let listed = table::durable_files(folder.dir()).map(|paths| Listing {
                paths,
                _reading: reading,
            });
            // Whoever waited may have gone.
            let _ = reply.send(listed);
        });
        self.send(work);
    }

    /// Adds a generation, and before it the files that it reads: hashes, and where each is now.
    pub(crate) fn add_generation(
        &self,
        record: GenerationRecord,
        toml: String,
        files: Vec<(String, PathBuf)>,
    ) -> Reply<()> {
        self.ask(move |folder| {
            for (hash, from) in &files {
                folder.store_file(hash, from)?;
            }
            folder.add_generation(&record, &toml)
        })
    }

    /// Another text of the sweep, which differs in its pictures alone.
    pub(crate) fn replace_sweep(&self, toml: String) -> Reply<()> {
        self.ask(move |folder| folder.replace_sweep(&toml))
    }

    /// Stores files, of which those that are there and whole are left alone: hashes, and where each is now.
    pub(crate) fn store_files(&self, files: Vec<(String, PathBuf)>) -> Reply<()> {
        self.ask(move |folder| {
            for (hash, from) in &files {
                folder.store_file(hash, from)?;
            }
            Ok(())
        })
    }

    /// Takes failed trials' rows out, for another try.
    pub(crate) fn forget_failed(&self) -> Reply<(Freed, Counts)> {
        self.ask(|folder| {
            let freed = folder.forget_failed()?;
            Ok((freed, folder.counts()?))
        })
    }

    /// Keeps attempts that ended without a row. Only people read them, so nobody waits.
    pub(crate) fn add_attempts(&self, attempts: Vec<EndedAttempt>) {
        self.send(Box::new(move |folder| {
            if let Err(error) = folder
                .settle()
                .and_then(|()| folder.add_attempts(&attempts))
            {
                tracing::warn!(%error, "lost attempts are not kept");
            }
        }));
    }

    pub(crate) fn set_state(&self, key: &'static str, value: String) -> Reply<()> {
        self.ask(move |folder| folder.set_state(key, &value))
    }
}

/// Commits a batch, without what an earlier attempt made durable before it failed.
fn commit(folder: &mut RunFolder, batch: &mut Batch) -> Result<Committed, FolderError> {
    folder.settle()?;
    let landed = folder.take_landed();
    if !landed.is_empty() {
        batch.drop_trials(&landed)?;
    }
    let mut info = folder.commit(batch)?;
    for run in landed.runs() {
        info.numbers.insert(run);
    }
    let all_comparisons = (!landed.is_empty()).then(|| comparisons(folder));
    Ok(Committed {
        info,
        all_comparisons,
    })
}

/// The comparisons in the folder's rows. They are durable, and stay so, whether or not they can be read at this moment.
fn comparisons(folder: &RunFolder) -> Vec<Comparison> {
    folder.comparisons().unwrap_or_else(|error| {
        tracing::warn!(dir = %folder.dir().display(), %error, "comparisons cannot be read back");
        Vec::new()
    })
}
