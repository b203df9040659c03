//! What a batch system must be able to do, and what the program says of it.

use std::fmt::Debug;
use std::time::Duration;

use super::error::BatchError;
use super::jobs::{Job, Ours, State, in_state};
use crate::pilot::Pilot;

/// Shortest walltime: batch systems count in minutes, and some take less for none.
const LEAST_TIME: Duration = Duration::from_secs(60);

/// What the program and its help say of a batch system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// As a command and a value of a flag: `slurm`. The ids of submitted jobs are kept in a file of this name.
    pub name: &'static str,
    /// As a sentence has it: `Slurm`.
    pub title: &'static str,
    /// The program that submits, to which options are passed.
    pub submit: &'static str,
    /// Its options in a usage line: `SBATCH OPTIONS`.
    pub options: &'static str,
    /// Its option that asks for memory.
    pub memory_option: &'static str,
    /// How workers are started, in a few words.
    pub about: &'static str,
    /// What stands below the help of `parsimony launch NAME`.
    pub help: &'static str,
}

/// Pilots that are all alike, as they are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub pilot: Pilot,
    /// Walltime of each; none: what the batch system gives.
    pub time: Option<Duration>,
    /// Options for the program that submits, passed unchanged.
    pub options: Vec<String>,
}

impl Order {
    /// Refuses what a batch system would misread.
    ///
    /// # Errors
    /// [`BatchError::ShortTime`], and those of [`BatchSystem::check_options`].
    pub fn check(&self, system: &dyn BatchSystem) -> Result<(), BatchError> {
        check_time(self.time)?;
        system.check_options(&self.options)
    }
}

/// Refuses a walltime that a batch system would take for none.
///
/// # Errors
/// [`BatchError::ShortTime`] below a minute.
pub fn check_time(time: Option<Duration>) -> Result<(), BatchError> {
    if time.is_some_and(|time| time < LEAST_TIME) {
        return Err(BatchError::ShortTime);
    }
    Ok(())
}

/// What a batch system has given the job that a process runs in; none where it does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobLimits {
    pub threads: Option<usize>,
    /// Bytes on this node.
    pub memory: Option<u64>,
}

/// A batch system: its words, its script, its programs and how their answers are read. Each call may wait for a system
/// that is down.
pub trait BatchSystem: Debug + Send + Sync {
    /// What the program says of it.
    fn words(&self) -> Words;

    /// Refuses options of the user that would undo what makes a job a pilot.
    ///
    /// # Errors
    /// [`BatchError::Option`] or [`BatchError::Script`] names the first.
    fn check_options(&self, options: &[String]) -> Result<(), BatchError>;

    /// The script of one pilot.
    fn script(&self, order: &Order) -> String;

    /// Submits `workers` pilots; returns the job's id.
    ///
    /// # Errors
    /// [`BatchError`].
    fn submit(&self, order: &Order, workers: u32) -> Result<String, BatchError>;

    /// Asks whether it would take a pilot; nothing is submitted.
    ///
    /// # Errors
    /// [`BatchError`] with what the batch system says against it.
    fn check(&self, order: &Order) -> Result<(), BatchError>;

    /// The queue as its program prints it.
    ///
    /// # Errors
    /// [`BatchError::Command`].
    fn queue(&self) -> Result<String, BatchError>;

    /// Reads what [`BatchSystem::queue`] has printed: our pilots that wait or run.
    ///
    /// # Errors
    /// [`BatchError`]; an answer that reports an error is an error, not an empty queue.
    fn parse(&self, queue: &str, ours: &Ours) -> Result<Vec<Job>, BatchError>;

    /// Cancels pilots that still wait; one that has started meanwhile goes on.
    ///
    /// # Errors
    /// [`BatchError`].
    fn cancel(&self, jobs: &[Job]) -> Result<(), BatchError>;

    /// Asks the workers of pilots that run to drain; they have all the time they need.
    ///
    /// # Errors
    /// [`BatchError`].
    fn drain(&self, jobs: &[Job]) -> Result<(), BatchError>;

    /// What the job that this process runs in was given; `None` outside of a job of this system.
    fn limits_of_job(&self, variable: &dyn Fn(&str) -> Option<String>) -> Option<JobLimits>;

    /// Our pilots that wait or run.
    ///
    /// # Errors
    /// [`BatchError`]; a batch system that is down is an error, not an empty queue.
    fn list(&self, ours: &Ours) -> Result<Vec<Job>, BatchError> {
        self.parse(&self.queue()?, ours)
    }

    /// Names of the workers of a job.
    fn names(&self, job: &str, workers: u32) -> String {
        format!("{job}_1 to {job}_{workers}")
    }
}

/// Stops the pilots of this user: those that wait are cancelled, the workers of those that run drain. Returns the
/// pilots' ids.
///
/// # Errors
/// [`BatchError`].
pub fn drain(system: &dyn BatchSystem, jobs: &[Job]) -> Result<Vec<String>, BatchError> {
    let mine = own_user();
    let is_mine = |job: &&Job| mine.is_none() || job.user.is_none() || job.user == mine;
    let jobs: Vec<Job> = jobs.iter().filter(is_mine).cloned().collect();
    system.cancel(&in_state(&jobs, State::Waiting))?;
    system.drain(&in_state(&jobs, State::Running))?;
    Ok(jobs.into_iter().map(|job| job.id).collect())
}

/// Number of this process's user.
fn own_user() -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    let own = std::fs::metadata("/proc/self").ok()?;
    Some(own.uid().into())
}
