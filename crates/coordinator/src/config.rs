//! What a coordinator is given at its start, and why it ends.

use std::path::PathBuf;
use std::time::Duration;

use rpc::auth::Gate;
use table::LocalFiles;

/// A coordinator's settings; the caller decides each.
#[derive(Clone, Debug)]
pub struct Config {
    pub layout: Layout,
    /// Time without a word after which a worker has vanished.
    pub heartbeat_timeout: Duration,
    /// Trials that take longer than this leave checkpoints.
    pub checkpoint_after: Duration,
    /// Source revision of the program, for the metadata of tables.
    pub revision: String,
    /// Who may call the workers' service.
    pub workers: Gate,
    /// Who may call the people's service.
    pub users: Gate,
    /// Called with the name of a point in the durable order: fault tests stop the process here.
    pub fault_hook: Option<fn(&str)>,
}

/// Where run folders are.
#[derive(Clone, Debug)]
pub enum Layout {
    /// Local mode: one sweep, whose run folder this is.
    One { run: PathBuf, files: LocalFiles },
    /// The service: a folder a sweep below this one.
    Many(PathBuf),
}

impl Layout {
    /// Run folder of a sweep; the name has been checked.
    pub(crate) fn run_folder(&self, name: &str) -> PathBuf {
        match self {
            Layout::One { run, .. } => run.clone(),
            Layout::Many(data) => data.join(name),
        }
    }

    /// Where local mode reads files from.
    pub(crate) fn files_in_place(&self) -> Option<&LocalFiles> {
        match self {
            Layout::One { files, .. } => Some(files),
            Layout::Many(_) => None,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    #[error("{path}: {source}")]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("another coordinator uses {0}")]
    Locked(PathBuf),
    #[error("the service ended: {0}")]
    Serve(#[from] tonic::transport::Error),
    #[error(
        "a defect ended the event loop; what was acknowledged is durable, start the coordinator again"
    )]
    Died,
    #[error("no thread to write with: {0}; raise the limit of processes (`ulimit -u`)")]
    Threads(std::io::Error),
    #[error("no randomness from the operating system: {0}")]
    Random(getrandom::Error),
}
