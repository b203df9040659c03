//! How much memory this process may use for trials: the least of what the system says, by whichever of its ways.
//!
//! What the texts of the system mean is decided here by functions over strings; reading them is at the end.

use std::path::{Path, PathBuf};

/// Kept for the program itself beside its trials: reports on their way, the columns that are being gathered, threads.
const OWN: u64 = 64 << 20;

/// Under a small limit no more than this share of it is kept, or nothing would be left.
const OWN_SHARE: u64 = 8;

/// Address space that a thread takes beside its memory: its stack, and the reserve of its part of the allocator. Counted
/// where address space is bounded, up to half of the bound.
const THREAD_SPACE: u64 = 72 << 20;

/// Bytes that trials may take together; `None` where nothing is known.
pub fn for_trials(threads: usize) -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let status = read("/proc/self/status");
    let limits = read("/proc/self/limits");
    let own = field(&status, "VmRSS:").unwrap_or(0);
    let space = limit(&limits, "Max address space").map(|limit| {
        let threads = (threads as u64).saturating_mul(THREAD_SPACE).min(limit / 2);
        let used = field(&status, "VmSize:").unwrap_or(0);
        limit.saturating_sub(used).saturating_sub(threads)
    });
    let data = limit(&limits, "Max data size")
        .map(|limit| limit.saturating_sub(field(&status, "VmData:").unwrap_or(0)));
    let slurm = slurm(&|name| std::env::var(name).ok()).map(|limit| limit.saturating_sub(own));
    let ways = [
        space,
        data,
        slurm,
        cgroup(&read("/proc/self/cgroup")),
        field(&read("/proc/meminfo"), "MemAvailable:"),
    ];
    ways.into_iter().flatten().min().map(without_own)
}

/// What is left of `free` for trials.
fn without_own(free: u64) -> u64 {
    free - OWN.min(free / OWN_SHARE)
}

/// A line `Name:   123 kB`, as bytes.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// The soft limit of a line of `/proc/self/limits`; `None` where there is none.
fn limit(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
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

/// Folders of the control groups that bound this process, innermost first, and whether they are of version 2.
fn groups(text: &str) -> Vec<(PathBuf, bool)> {
    let mut groups = Vec::new();
    for line in text.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let unified = controllers.is_empty();
        let root = if unified {
            "/sys/fs/cgroup"
        } else if controllers.split(',').any(|name| name == "memory") {
            "/sys/fs/cgroup/memory"
        } else {
            continue;
        };
        let path = Path::new(path.trim_start_matches('/'));
        // Every ancestor has a limit of its own. In a container the path may be that of the host: its root is there.
        let ancestors = path.ancestors().map(|path| Path::new(root).join(path));
        groups.extend(ancestors.map(|path| (path, unified)));
    }
    groups
}

/// What the control groups leave free.
fn cgroup(text: &str) -> Option<u64> {
    let free = |(path, unified): (PathBuf, bool)| {
        let read = |name: &str| std::fs::read_to_string(path.join(name)).unwrap_or_default();
        if unified {
            free_of_group(
                &read("memory.max"),
                &read("memory.current"),
                &read("memory.stat"),
                "file ",
            )
        } else {
            let (limit, used) = ("memory.limit_in_bytes", "memory.usage_in_bytes");
            free_of_group(
                &read(limit),
                &read(used),
                &read("memory.stat"),
                "total_cache ",
            )
        }
    };
    groups(text).into_iter().filter_map(free).min()
}

/// Limits of version 1 that stand for none are near 2^63.
const NO_LIMIT: u64 = 1 << 60;

/// What a group leaves free: cached files make room.
fn free_of_group(limit: &str, used: &str, stat: &str, cached: &str) -> Option<u64> {
    let number = |text: &str| -> Option<u64> { text.trim().parse().ok() };
    let limit = number(limit).filter(|&limit| limit < NO_LIMIT)?;
    let cached = stat
        .lines()
        .find_map(|line| number(line.strip_prefix(cached)?));
    let used = number(used)
        .unwrap_or(0)
        .saturating_sub(cached.unwrap_or(0));
    Some(limit.saturating_sub(used))
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
    fn the_systems_texts_are_read() {
        let status = "Name:\tx\nVmSize:\t  163264 kB\nVmRSS:\t   12000 kB\n";
        assert_eq!(field(status, "VmRSS:"), Some(12_000 << 10));
        assert_eq!(field(status, "VmData:"), None);
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max data size             unlimited            unlimited            bytes     \n\
                      Max address space         8192000000           unlimited            bytes     \n";
        assert_eq!(limit(limits, "Max address space"), Some(8_192_000_000));
        assert_eq!(limit(limits, "Max data size"), None);
    }

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
    fn control_groups_are_found_with_their_ancestors() {
        let paths = |text| -> Vec<String> {
            let groups = groups(text).into_iter();
            groups.map(|(path, _)| path.display().to_string()).collect()
        };
        assert_eq!(
            paths("0::/system.slice/job_7\n"),
            [
                "/sys/fs/cgroup/system.slice/job_7",
                "/sys/fs/cgroup/system.slice",
                "/sys/fs/cgroup/"
            ]
        );
        assert_eq!(
            paths("4:memory:/slurm\n3:cpu,cpuacct:/slurm\n"),
            ["/sys/fs/cgroup/memory/slurm", "/sys/fs/cgroup/memory/"]
        );
        assert!(paths("nonsense\n").is_empty());
    }

    #[test]
    fn cached_files_do_not_count_as_used() {
        let check = |limit, used, stat, expected| {
            assert_eq!(free_of_group(limit, used, stat, "file "), expected);
        };
        check("1000\n", "700\n", "anon 100\nfile 600\n", Some(900));
        check("1000\n", "700\n", "", Some(300));
        check("1000\n", "", "", Some(1000));
        check("max\n", "700\n", "", None);
        check("9223372036854771712\n", "700\n", "", None);
        check("", "", "", None);
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
