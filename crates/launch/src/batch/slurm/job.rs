//! What Slurm says in the environment of a job.

use crate::batch::system::JobLimits;

/// Most threads that are believed of a job: far more than a node has.
const MOST_THREADS: usize = 4096;

/// What the job that this process runs in was given; `None` outside of any job: variables may be left over in a shell.
pub(super) fn limits(variable: &dyn Fn(&str) -> Option<String>) -> Option<JobLimits> {
    variable("SLURM_JOB_ID")?;
    let number = |name| -> Option<u64> { variable(name)?.trim().parse().ok() };
    let threads = number("SLURM_CPUS_PER_TASK").and_then(|threads| usize::try_from(threads).ok());
    Some(JobLimits {
        threads: threads.filter(|threads| (1..=MOST_THREADS).contains(threads)),
        memory: memory(&number),
    })
}

/// Memory of the job on this node, which Slurm gives in MiB; 0 stands for all there is.
fn memory(number: &dyn Fn(&'static str) -> Option<u64>) -> Option<u64> {
    let of_node = number("SLURM_MEM_PER_NODE");
    let of_cpus = || number("SLURM_MEM_PER_CPU")?.checked_mul(number("SLURM_CPUS_ON_NODE")?);
    let megabytes = of_node
        .or_else(of_cpus)
        .filter(|&megabytes| megabytes > 0)?;
    megabytes.checked_mul(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits_of(variables: &[(&str, &str)]) -> Option<JobLimits> {
        limits(&|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    const JOB: (&str, &str) = ("SLURM_JOB_ID", "7");

    #[test]
    fn a_jobs_memory_is_that_of_the_node_or_of_its_cpus() {
        let check = |variables: &[(&str, &str)], expected| {
            let memory = limits_of(variables).and_then(|limits| limits.memory);
            assert_eq!(memory, expected, "{variables:?}");
        };
        check(&[JOB, ("SLURM_MEM_PER_NODE", "4000")], Some(4000 << 20));
        let cpus = [
            JOB,
            ("SLURM_MEM_PER_CPU", "2000"),
            ("SLURM_CPUS_ON_NODE", "4"),
        ];
        check(&cpus, Some(8000 << 20));
        check(&[JOB, ("SLURM_MEM_PER_NODE", "0")], None);
        check(&[JOB], None);
        // Left over in a shell outside of any job.
        check(&[("SLURM_MEM_PER_NODE", "4000")], None);
    }

    #[test]
    fn a_jobs_threads_are_those_of_its_task() {
        let check = |variables: &[(&str, &str)], expected| {
            let threads = limits_of(variables).and_then(|limits| limits.threads);
            assert_eq!(threads, expected, "{variables:?}");
        };
        check(&[JOB, ("SLURM_CPUS_PER_TASK", "12")], Some(12));
        check(&[JOB, ("SLURM_CPUS_PER_TASK", "0")], None);
        check(&[JOB, ("SLURM_CPUS_PER_TASK", "5000")], None);
        check(&[JOB], None);
        check(&[("SLURM_CPUS_PER_TASK", "12")], None);
    }
}
