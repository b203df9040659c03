//! What a worker is given at its start, how it is stopped, and why it ends.

use std::path::PathBuf;
use std::time::Duration;

use rpc::auth::Bearer;

/// A worker's settings; the caller decides each.
#[derive(Clone, Debug)]
pub struct Config {
    /// Shown to people and written to the column `worker`.
    pub name: String,
    /// Written to the column `host`.
    pub host: String,
    /// Trials trained at the same time.
    pub threads: usize,
    /// Bytes that its trials may take together; `None` where that is not known.
    pub memory: Option<u64>,
    pub files: FileSource,
    /// Time left until the batch system ends this process.
    pub walltime: Option<Duration>,
    /// How long to try again after the coordinator is lost; `None`: give up at once.
    pub reconnect: Option<Duration>,
    /// Leave after so long without a lease.
    pub idle_timeout: Option<Duration>,
    /// Time between checkpoints of one trial.
    pub checkpoint_every: Duration,
    /// Random number of this process.
    pub instance: u64,
    /// Token for the coordinator.
    pub bearer: Bearer,
    /// `HOST:PORT` of a coordinator that is called without TLS: where it does not answer, whether it wants TLS is
    /// found out there.
    pub plain_address: Option<String>,
    /// Called with the number of each trial before it runs: fault tests stop the process here.
    pub before_trial: Option<fn(u64)>,
    /// Called with a name of [`crate::fault_point`] each time that point is passed.
    pub fault_hook: Option<fn(&str)>,
}

/// Where the files come from that a sweep reads.
#[derive(Clone, Debug)]
pub enum FileSource {
    /// Read in place (local mode).
    InPlace(table::LocalFiles),
    /// Fetched from the coordinator by content hash.
    Fetched,
}

/// Word from outside that the worker should end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    #[default]
    No,
    /// Finish or checkpoint what runs, give back the rest, leave when all is acknowledged.
    Drain,
}

#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("the coordinator cannot be reached: {0}")]
    Unreachable(String),
    #[error("the coordinator was lost and did not come back within {} s", .0.as_secs())]
    Lost(Duration),
    #[error("the coordinator refused this worker: {0}")]
    Refused(String),
    #[error("the coordinator cannot be reached: {0}")]
    Permanent(#[from] rpc::trust::PermanentFailure),
    #[error(
        "the folder for temporary files, {folder}, cannot be used: {source}; set TMPDIR to one that can be written"
    )]
    Scratch {
        folder: PathBuf,
        source: std::io::Error,
    },
    #[error("sweep `{sweep}` cannot be decoded here: {why}")]
    Spec { sweep: String, why: String },
    #[error("the coordinator broke the protocol: {0}")]
    Protocol(#[from] rpc::convert::WireError),
    #[error("a trial cannot be reported: {0}")]
    Rows(#[from] table::SpoolError),
    #[error(
        "the thread pool could not be made: {0}; raise the limit of processes and threads (`ulimit -u`)"
    )]
    Pool(#[from] rayon::ThreadPoolBuildError),
    #[error(
        "the operating system gives no thread: {0}; raise the limit of processes and threads (`ulimit -u`)"
    )]
    Thread(std::io::Error),
}
