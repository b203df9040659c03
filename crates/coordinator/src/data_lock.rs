//! The service's hold on its data folder: one coordinator at a time, and a count of its starts.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use crate::config::CoordinatorError;

/// File that is locked while a coordinator lives; the lock dies with its owner. It holds the count of starts.
const LOCK_FILE: &str = ".coordinator";

/// Starts are counted below this: the scheduler keeps 24 bits for them in the name of a lease.
const STARTS: u32 = 1 << 24;

pub(crate) struct DataLock {
    file: File,
    path: PathBuf,
}

impl DataLock {
    /// Makes the folder where it is missing, and takes hold of it.
    ///
    /// # Errors
    /// [`CoordinatorError::Locked`] where another coordinator has it; otherwise what the system says.
    pub(crate) fn take(data: &Path) -> Result<Self, CoordinatorError> {
        let path = data.join(LOCK_FILE);
        let failed = |source| CoordinatorError::Io {
            path: path.clone(),
            source,
        };
        std::fs::create_dir_all(data).map_err(failed)?;
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(DataLock { file, path }),
            Err(TryLockError::WouldBlock) => Err(CoordinatorError::Locked(data.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Counts this start, durably. A count that cannot be read begins anew, at a random place: a lease that a worker
    /// still has from another data folder never bears the name of one that is granted here.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub(crate) fn next_generation(&self) -> Result<u32, CoordinatorError> {
        let failed = |source| CoordinatorError::Io {
            path: self.path.clone(),
            source,
        };
        let mut file = &self.file;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed)?;
        // Without randomness the names may meet; their proofs differ all the same.
        let anew = || getrandom::u32().unwrap_or(0) % (STARTS / 2);
        let generation = text.trim().parse::<u32>().unwrap_or_else(|_| anew()) % (STARTS - 1) + 1;
        file.rewind().map_err(failed)?;
        file.set_len(0).map_err(failed)?;
        writeln!(file, "{generation}").map_err(failed)?;
        file.sync_all().map_err(failed)?;
        Ok(generation)
    }
}
