//! One thread a sweep owns its run folder and does everything that waits for a disk, in order.

use std::sync::mpsc;
use std::thread;

use sweep::IntervalSet;
use table::{Batch, CommitInfo, Counts, FailedTrial, FolderError, GenerationRecord, RunFolder};
use tokio::sync::oneshot;

/// An answer that comes when the thread gets there.
pub(crate) type Reply<T> = oneshot::Receiver<Result<T, FolderError>>;

type Work = Box<dyn FnOnce(&mut RunFolder) + Send>;

/// Handle of the thread. Dropping it closes the folder once what was asked is done.
#[derive(Debug)]
pub(crate) struct Writer {
    work: mpsc::Sender<Work>,
}

/// What the journal says of a folder's trials.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) done: IntervalSet,
    pub(crate) failed: Vec<FailedTrial>,
    pub(crate) counts: Counts,
}

impl Progress {
    /// Reads it.
    ///
    /// # Errors
    /// Where the journal cannot be read.
    pub(crate) fn of(folder: &RunFolder) -> Result<Self, FolderError> {
        Ok(Progress {
            done: folder.done()?,
            failed: folder.failed()?,
            counts: folder.counts()?,
        })
    }
}

impl Writer {
    /// Moves the folder to a thread of its own.
    ///
    /// # Errors
    /// Where the operating system gives no thread.
    pub(crate) fn start(name: &str, mut folder: RunFolder) -> std::io::Result<Self> {
        let (work, queue) = mpsc::channel::<Work>();
        thread::Builder::new()
            .name(format!("write {name}"))
            .spawn(move || {
                for work in queue {
                    work(&mut folder);
                }
            })?;
        Ok(Writer { work })
    }

    /// Does something with the folder, in order. A dropped reply means that the thread is gone.
    fn ask<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut RunFolder) -> Result<T, FolderError> + Send + 'static,
    ) -> Reply<T> {
        let (sender, receiver) = oneshot::channel();
        let work: Work = Box::new(move |folder| {
            // Nobody waits any more: the work was wanted all the same.
            let _ = sender.send(what(folder));
        });
        // A closed queue drops the sender, which the receiver sees.
        let _ = self.work.send(work);
        receiver
    }

    /// Writes a batch durably; on failure the batch comes back with the error.
    pub(crate) fn commit(
        &self,
        batch: Batch,
        then: impl FnOnce(Result<CommitInfo, (FolderError, Batch)>) + Send + 'static,
    ) {
        let work: Work = Box::new(move |folder| {
            then(match folder.commit(&batch) {
                Ok(info) => Ok(info),
                Err(error) => Err((error, batch)),
            });
        });
        // A closed queue means that the coordinator is ending; the batch was not acknowledged.
        let _ = self.work.send(work);
    }

    pub(crate) fn add_generation(&self, record: GenerationRecord, toml: String) -> Reply<()> {
        self.ask(move |folder| folder.add_generation(&record, &toml))
    }

    /// Takes failed trials' rows out, for another try.
    pub(crate) fn forget_failed(&self) -> Reply<(IntervalSet, Counts)> {
        self.ask(|folder| {
            let freed = folder.forget_failed()?;
            Ok((freed, folder.counts()?))
        })
    }

    pub(crate) fn set_state(&self, key: &'static str, value: String) -> Reply<()> {
        self.ask(move |folder| folder.set_state(key, &value))
    }
}
