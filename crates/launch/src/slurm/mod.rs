//! Slurm: the batch script of pilot workers, and how `sbatch`, `squeue` and `scancel` are spoken to.
//!
//! One `sbatch` call submits all pilots as a job array of workers (not of trials). `sacct` is never asked:
//! many labs run without its database.

mod calls;
mod error;
mod queue;
mod script;
mod submitted;

pub use calls::{cancel_waiting, check, drain, jobs, submit};
pub use error::SlurmError;
pub use queue::{Job, Ours, State, count, from_json, from_text, reason};
pub use script::{check_options, comment};
pub use submitted::Submitted;

/// Name of every job of ours, by which they are found again.
pub const JOB_NAME: &str = "parsimony-worker";

/// Most workers of one `sbatch`: Slurm's own bound on an array (MaxArraySize) is 1001 unless a site raised it,
/// and its indices begin at 0 where ours begin at 1.
pub const MAX_WORKERS: u32 = 1000;
