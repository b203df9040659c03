//! How much memory this process may use for trials: the least of what the system says, by whichever of its ways.
//!
//! What the system says is read in `table::memory`.

use table::memory;

/// Kept for the program itself beside its trials: reports on their way, the columns that are being gathered, threads.
const OWN: u64 = 64 << 20;

/// Under a small limit no more than this share of it is kept, or nothing would be left.
const OWN_SHARE: u64 = 8;

/// Address space that a thread takes beside its memory: its stack, and the reserve of its part of the allocator. Counted
/// where address space is bounded, up to half of the bound.
const THREAD_SPACE: u64 = 72 << 20;

/// Bytes that trials may take together; `None` where nothing is known.
pub fn for_trials(threads: usize) -> Option<u64> {
    let process = memory::OfProcess::now();
    let space = process.address_space().map(|(limit, left)| {
        let threads = (threads as u64).saturating_mul(THREAD_SPACE);
        left.saturating_sub(threads.min(limit / 2))
    });
    let slurm = slurm(&|name| std::env::var(name).ok());
    let ways = [
        space,
        process.data().map(|(_, left)| left),
        slurm.map(|limit| limit.saturating_sub(process.resident())),
        memory::of_groups(),
        memory::of_machine(),
    ];
    ways.into_iter().flatten().min().map(without_own)
}

/// What is left of `free` for trials.
fn without_own(free: u64) -> u64 {
    free - OWN.min(free / OWN_SHARE)
}

/// Memory of a Slurm job on this node, which it tells in MiB; 0 stands for all there is.
fn slurm(variable: &dyn Fn(&str) -> Option<String>) -> Option<u64> {
    let number = |name| -> Option<u64> { variable(name)?.trim().parse().ok() };
    variable("SLURM_JOB_ID")?;
    let of_node = number("SLURM_MEM_PER_NODE");
    let of_cpus = || number("SLURM_MEM_PER_CPU")?.checked_mul(number("SLURM_CPUS_ON_NODE")?);
    let megabytes = of_node
        .or_else(of_cpus)
        .filter(|&megabytes| megabytes > 0)?;
    megabytes.checked_mul(1 << 20)
}

/// Gives memory that is free in this process back to the system. The allocator keeps it for the thread that has freed it,
/// so that trials on many threads, one after another, would take as much as all of them at once.
pub(crate) fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        #[expect(
            unsafe_code,
            reason = "the C library's own allocator, which has no Rust interface"
        )]
        unsafe extern "C" {
            safe fn malloc_trim(pad: usize) -> i32;
        }
        // Whether there was something to give back.
        let _ = malloc_trim(0);
    }
}

/// Bytes as people write them.
pub fn words(bytes: f64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"];
    let mut scaled = bytes;
    let mut at = 0;
    while scaled >= 999.5 && at + 1 < units.len() {
        scaled /= 1000.0;
        at += 1;
    }
    match (at, scaled) {
        (0, scaled) => format!("{scaled:.0} {}", units[at]),
        (_, scaled) if scaled < 9.95 => format!("{scaled:.1} {}", units[at]),
        (_, scaled) => format!("{scaled:.0} {}", units[at]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slurm_jobs_memory_is_that_of_the_node_or_of_its_cpus() {
        let check = |variables: &[(&str, &str)], expected| {
            let variable = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(slurm(&variable), expected, "{variables:?}");
        };
        let job = ("SLURM_JOB_ID", "7");
        check(&[job, ("SLURM_MEM_PER_NODE", "4000")], Some(4000 << 20));
        let cpus = [
            job,
            ("SLURM_MEM_PER_CPU", "2000"),
            ("SLURM_CPUS_ON_NODE", "4"),
        ];
        check(&cpus, Some(8000 << 20));
        check(&[job, ("SLURM_MEM_PER_NODE", "0")], None);
        check(&[job], None);
        // Left over in a shell outside of any job.
        check(&[("SLURM_MEM_PER_NODE", "4000")], None);
    }

    #[test]
    fn something_is_kept_and_something_is_left() {
        assert_eq!(without_own(8 << 30), (8 << 30) - OWN);
        assert_eq!(without_own(80), 70);
        assert_eq!(without_own(0), 0);
    }

    #[test]
    fn this_process_has_some() {
        if cfg!(target_os = "linux") {
            assert!(for_trials(1).is_some_and(|bytes| bytes > 1 << 20));
        } else {
            eprintln!("SKIPPED: only Linux tells");
        }
    }

    #[test]
    fn bytes_read_as_people_write_them() {
        let check = |bytes, expected: &str| assert_eq!(words(bytes), expected);
        check(1.5e12, "1.5 TB");
        check(8e9, "8.0 GB");
        check(133e6, "133 MB");
        check(999.9e6, "1.0 GB");
        check(12.0, "12 bytes");
    }
}
