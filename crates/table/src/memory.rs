//! Memory that this process may still take, by each of the ways in which the system says it.
//!
//! What the texts of the system mean is decided by functions over strings. How much of it is used, and for what, is
//! for the callers to decide.

use std::path::{Path, PathBuf};

/// What the machine has free.
pub fn of_machine() -> Option<u64> {
    field(&read(Path::new("/proc/meminfo")), "MemAvailable:")
}

/// What the control groups of this process leave free.
pub fn of_groups() -> Option<u64> {
    let free = |(path, version): (PathBuf, Version)| {
        let read = |name: &str| read(&path.join(name));
        let names = version.names();
        let statistics = read("memory.stat");
        free_of_group(&read(names.limit), &read(names.used), &statistics, names)
    };
    let own = read(Path::new("/proc/self/cgroup"));
    groups(&own).into_iter().filter_map(free).min()
}

/// Limits of this process, and what it has taken of them.
#[derive(Clone, Debug)]
pub struct OfProcess {
    limits: String,
    status: String,
}

impl OfProcess {
    /// As the system says it now.
    pub fn now() -> OfProcess {
        OfProcess {
            limits: read(Path::new("/proc/self/limits")),
            status: read(Path::new("/proc/self/status")),
        }
    }

    /// The bound of address space (`ulimit -v`), and what is left of it.
    pub fn address_space(&self) -> Option<(u64, u64)> {
        self.left("Max address space", "VmSize:")
    }

    /// The bound of data (`ulimit -d`), and what is left of it.
    pub fn data(&self) -> Option<(u64, u64)> {
        self.left("Max data size", "VmData:")
    }

    /// Memory that is held.
    pub fn resident(&self) -> u64 {
        field(&self.status, "VmRSS:").unwrap_or(0)
    }

    fn left(&self, name: &str, used: &str) -> Option<(u64, u64)> {
        let limit = limit(&self.limits, name)?;
        let used = field(&self.status, used).unwrap_or(0);
        Some((limit, limit.saturating_sub(used)))
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
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

/// A version of control groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    First,
    Second,
}

/// The names of its files.
#[derive(Clone, Copy, Debug)]
struct Names {
    folder: &'static str,
    limit: &'static str,
    used: &'static str,
    /// Pages of files, which the kernel gives back on demand. Those of a file system in memory are not among them.
    cached: [&'static str; 2],
}

impl Version {
    fn names(self) -> Names {
        match self {
            Version::First => Names {
                folder: "/sys/fs/cgroup/memory",
                limit: "memory.limit_in_bytes",
                used: "memory.usage_in_bytes",
                cached: ["total_inactive_file ", "total_active_file "],
            },
            Version::Second => Names {
                folder: "/sys/fs/cgroup",
                limit: "memory.max",
                used: "memory.current",
                cached: ["inactive_file ", "active_file "],
            },
        }
    }
}

/// Folders of the control groups that bound this process, innermost first.
fn groups(text: &str) -> Vec<(PathBuf, Version)> {
    let mut groups = Vec::new();
    for line in text.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let version = if controllers.is_empty() {
            Version::Second
        } else if controllers.split(',').any(|name| name == "memory") {
            Version::First
        } else {
            continue;
        };
        let root = Path::new(version.names().folder);
        let path = Path::new(path.trim_start_matches('/'));
        // Every ancestor has a limit of its own. In a container the path may be that of the host: its root is there.
        let ancestors = path.ancestors().map(|path| root.join(path));
        groups.extend(ancestors.map(|path| (path, version)));
    }
    groups
}

/// Limits of version 1 that stand for none are near 2^63.
const NO_LIMIT: u64 = 1 << 60;

/// What a group leaves free: cached files make room.
fn free_of_group(limit: &str, used: &str, statistics: &str, names: Names) -> Option<u64> {
    let number = |text: &str| -> Option<u64> { text.trim().parse().ok() };
    // "max" where there is no limit.
    let limit = number(limit).filter(|&limit| limit < NO_LIMIT)?;
    let cached = statistics.lines().filter_map(|line| {
        let mut names = names.cached.iter();
        number(names.find_map(|name| line.strip_prefix(name))?)
    });
    let used = number(used).unwrap_or(0).saturating_sub(cached.sum());
    Some(limit.saturating_sub(used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_texts_are_read() {
        let of = OfProcess {
            status: "Name:\tx\nVmSize:\t  163264 kB\nVmRSS:\t   12000 kB\n".to_owned(),
            limits: "Limit                     Soft Limit           Hard Limit           Units     \n\
                     Max data size             unlimited            unlimited            bytes     \n\
                     Max address space         8192000000           unlimited            bytes     \n"
                .to_owned(),
        };
        assert_eq!(of.resident(), 12_000 << 10);
        let left = 8_192_000_000 - (163_264 << 10);
        assert_eq!(of.address_space(), Some((8_192_000_000, left)));
        assert_eq!(of.data(), None);
        assert_eq!(field("A: 1 kB\nB:  20 kB\n", "B:"), Some(20 << 10));
        assert_eq!(field("A: 1 kB\n", "B:"), None);
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
        let check = |limit, used, statistics, expected| {
            let names = Version::Second.names();
            assert_eq!(free_of_group(limit, used, statistics, names), expected);
        };
        let cached = "anon 100\nfile 650\ninactive_file 400\nactive_file 200\nshmem 50\n";
        check("1000\n", "700\n", cached, Some(900));
        check("1000\n", "700\n", "", Some(300));
        check("1000\n", "", "", Some(1000));
        check("max\n", "700\n", "", None);
        check("9223372036854771712\n", "700\n", "", None);
        check("", "", "", None);
    }

    #[test]
    fn this_machine_has_some() {
        if cfg!(target_os = "linux") {
            assert!(of_machine().is_some_and(|free| free > 0));
        } else {
            eprintln!("SKIPPED: only Linux says how much memory is free");
        }
    }
}
