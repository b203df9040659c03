//! Slurm: the batch script of pilot workers, and how `sbatch`, `squeue` and `scancel` are spoken to.
//!
//! One `sbatch` call submits all pilots as a job array of workers (not of trials). `sacct` is never asked:
//! many labs run without its database.

mod calls;
mod job;
mod queue;
mod script;

pub(crate) use calls::Slurm;
