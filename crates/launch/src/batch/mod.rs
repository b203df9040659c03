//! Batch systems, a file each, behind one trait. This is the list of them.

mod error;
#[cfg(test)]
pub(crate) mod fake;
mod jobs;
mod slurm;
mod submitted;
mod system;

pub use error::BatchError;
pub use jobs::{Job, Ours, State, count, in_state, reason};
pub use submitted::Submitted;
pub use system::{BatchSystem, JobLimits, Order, Words, check_time, drain};

/// The batch systems that workers can be started on.
pub static SYSTEMS: &[&dyn BatchSystem] = &[
    &slurm::Slurm,
    #[cfg(test)]
    &fake::UNUSED,
];

/// The batch system of a name.
pub fn named(name: &str) -> Option<&'static dyn BatchSystem> {
    let mut all = SYSTEMS.iter().copied();
    all.find(|system| system.words().name == name)
}

/// What the batch system of the job that this process runs in has given it; nothing outside of a job. `variable` reads
/// the environment.
pub fn limits_of_job(variable: &dyn Fn(&str) -> Option<String>) -> JobLimits {
    let mut systems = SYSTEMS.iter();
    let found = systems.find_map(|system| system.limits_of_job(variable));
    found.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_batch_system_is_found_by_its_own_name() {
        for system in SYSTEMS {
            let words = system.words();
            let found = named(words.name).unwrap();
            assert_eq!(found.words().title, words.title);
            let named = SYSTEMS
                .iter()
                .filter(|other| other.words().name == words.name);
            assert_eq!(named.count(), 1, "{}", words.name);
        }
        assert!(named("nowhere").is_none());
    }

    #[test]
    fn a_process_outside_of_a_job_has_no_limits_of_one() {
        assert_eq!(limits_of_job(&|_| None), JobLimits::default());
    }
}
