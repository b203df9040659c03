//! How much memory this process may use for trials: the least of what the system says, by whichever of its ways.
//!
//! What the system says is read in `table::memory`.

use table::memory;

/// Kept for the program itself in addition to its trials: reports on their way, the columns that are being gathered, threads.
const OWN: u64 = 64 << 20;

/// Under a small limit no more than this share of it is kept, or nothing would be left.
const OWN_SHARE: u64 = 8;

/// Address space that a thread takes in addition to its memory: its stack, and the reserve of its part of the allocator. Counted
/// where address space is bounded, up to half of the bound.
const THREAD_SPACE: u64 = 72 << 20;

/// Bytes that trials may take together; `None` where nothing is known. `of_job` is what a batch system has given the job
/// that this process runs in.
pub fn for_trials(threads: usize, of_job: Option<u64>) -> Option<u64> {
    let process = memory::OfProcess::now();
    let space = process.address_space().map(|(limit, left)| {
        let threads = (threads as u64).saturating_mul(THREAD_SPACE);
        left.saturating_sub(threads.min(limit / 2))
    });
    let ways = [
        space,
        process.data().map(|(_, left)| left),
        of_job.map(|limit| limit.saturating_sub(process.resident())),
        memory::of_groups(),
        memory::of_machine(),
    ];
    ways.into_iter().flatten().min().map(without_own)
}

/// What is left of `free` for trials.
fn without_own(free: u64) -> u64 {
    free - OWN.min(free / OWN_SHARE)
}

/// Gives memory that is free in this process back to the system. The allocator keeps it for the thread that has freed it,
/// so that trials on many threads, one after another, would take as much as all at once.
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
    fn something_is_kept_and_something_is_left() {
        assert_eq!(without_own(8 << 30), (8 << 30) - OWN);
        assert_eq!(without_own(80), 70);
        assert_eq!(without_own(0), 0);
    }

    #[test]
    fn this_process_has_some() {
        if cfg!(target_os = "linux") {
            assert!(for_trials(1, Some(1 << 20)).is_some_and(|bytes| bytes < 1 << 20));
            assert!(for_trials(1, None).is_some_and(|bytes| bytes > 1 << 20));
        } else {
            eprintln!("SKIPPED: only Linux shows it");
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
