//! What the system knows about this process.

use std::time::{SystemTime, UNIX_EPOCH};

use super::page::Page;

/// Read outside of the event loop, which does not wait for files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    begun: SystemTime,
    /// Bytes; `None` where the system has no `/proc`.
    resident: Option<u64>,
}

impl Process {
    pub(crate) fn read(begun: SystemTime) -> Self {
        let status = std::fs::read_to_string("/proc/self/status").ok();
        Self {
            begun,
            resident: status.as_deref().and_then(resident),
        }
    }

    pub(crate) fn add_to(&self, page: &mut Page) {
        let begun = self.begun.duration_since(UNIX_EPOCH);
        page.process(
            "process_start_time_seconds",
            "Start of the process, in seconds since 1970",
            begun.map_or(0.0, |since| since.as_secs_f64()),
        );
        if let Some(bytes) = self.resident {
            page.process(
                "process_resident_memory_bytes",
                "Memory of the process",
                bytes as f64,
            );
        }
    }
}

/// Reads resident memory, in bytes, from the kernel's table of a process.
fn resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_the_kernels_table() {
        assert_eq!(
            resident("Name:\tx\nVmRSS:\t    5120 kB\nThreads:\t2\n"),
            Some(5 << 20)
        );
        assert_eq!(resident("Name:\tx\n"), None);
        assert_eq!(resident("VmRSS:\tmuch kB"), None);
    }
}
