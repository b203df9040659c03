//! How large data may be: fixed limits, what compression may expand to, and the memory that is free.
//!
//! Everything is held against these bounds before room is made for it. Sizes come from headers that anybody can
//! write.

use sweep::Rules;

use super::error::DataProblem;
use crate::memory;

/// Values of one array: 4 GiB as f64, which is also the largest file that the wire takes.
pub(super) const MAX_VALUES: u64 = 1 << 29;

/// Bytes of one file, decompressed file or archive member.
pub(super) const MAX_BYTES: u64 = 8 * MAX_VALUES;

/// What any compressed file may expand to: sparse arrays of an ordinary size compress by a thousand times.
const EXPANDED_BYTES: u64 = 256 << 20;

/// Beyond [`EXPANDED_BYTES`], how many times its own size a compressed file may expand to. Images of digits as
/// f64 come to 35 times their compressed bytes.
const EXPANSION: u64 = 100;

/// Bytes of one record of a CSV file: two million columns of numbers with all their digits. A record of nothing but
/// commas takes some twenty times as much memory.
pub(super) const LONGEST_RECORD: u64 = 64 << 20;

/// Bytes of one label in memory, besides its text: the text's own record, its place in lists of classes.
const LABEL_BYTES: u64 = 64;

/// Bytes that are always there: what is free changes by as much from one moment to the next, and the kernel makes
/// room in a control group that is full of its own caches.
const SMALL: u64 = 64 << 20;

/// The bounds for one file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of the file.
    packed: u64,
    /// Bytes that its content may come to.
    expanded: u64,
    /// Bytes of one record of a CSV file.
    record: u64,
    /// Bytes of memory that are free, where that is known.
    free: Option<u64>,
}

impl Limits {
    /// For a file of this size, with the memory that is free now.
    pub(super) fn of(packed: u64) -> Limits {
        Limits {
            packed,
            expanded: packed
                .saturating_mul(EXPANSION)
                .clamp(EXPANDED_BYTES, MAX_BYTES),
            record: LONGEST_RECORD,
            free: free_memory().map(|free| free.max(SMALL)),
        }
    }

    /// The same under the rules of a sweep: what was accepted before there were bounds is read as long as there is
    /// memory for it.
    pub(super) fn under(self, rules: Rules) -> Limits {
        match rules {
            Rules::First => Limits {
                expanded: MAX_BYTES,
                record: u64::MAX,
                ..self
            },
            Rules::Second => self,
        }
    }

    /// Whether a file of this size is read.
    pub(super) fn file(&self, bytes: u64) -> Result<(), DataProblem> {
        if bytes > MAX_BYTES {
            return Err(DataProblem::TooLarge {
                found: bytes / 8,
                allowed: MAX_VALUES,
            });
        }
        self.memory(bytes)
    }

    /// Whether an array of so many numbers is made, as f64, in addition to what is there.
    pub(super) fn numbers(&self, count: u64) -> Result<(), DataProblem> {
        self.memory(count.saturating_mul(8))
    }

    /// Whether a list of so many texts is made, `bytes` long together.
    pub(super) fn texts(&self, count: u64, bytes: u64) -> Result<(), DataProblem> {
        self.memory(count.saturating_mul(LABEL_BYTES).saturating_add(bytes))
    }

    /// Whether what is compressed may come to so many bytes.
    pub(super) fn expansion(&self, expanded: u64) -> Result<(), DataProblem> {
        let allowed = self.expanded;
        if expanded <= allowed {
            return Ok(());
        }
        Err(DataProblem::Expansion {
            packed: self.packed,
            expanded,
            allowed,
        })
    }

    /// Bytes that the compressed file may come to.
    pub(super) fn expanded_bytes(&self) -> u64 {
        self.expanded
    }

    /// Bytes that one record of a CSV file may have.
    pub(super) fn longest_record(&self) -> u64 {
        self.record
    }

    fn memory(&self, needed: u64) -> Result<(), DataProblem> {
        match self.free {
            Some(free) if needed > free => Err(DataProblem::Memory { needed, free }),
            _ => Ok(()),
        }
    }

    #[cfg(test)]
    pub(super) fn with(packed: u64, free: u64) -> Limits {
        Limits {
            free: Some(free),
            ..Limits::of(packed)
        }
    }

    /// The same with another bound on what compression may come to.
    #[cfg(test)]
    pub(super) fn expanding_to(self, expanded: u64) -> Limits {
        Limits { expanded, ..self }
    }
}

/// Number of values of a shape, if it is neither nothing nor too much.
pub(super) fn value_count(rows: usize, width: usize) -> Result<usize, DataProblem> {
    let found = (rows as u64).saturating_mul(width as u64);
    if found == 0 {
        return Err(DataProblem::Empty);
    }
    if found > MAX_VALUES {
        return Err(DataProblem::TooLarge {
            found,
            allowed: MAX_VALUES,
        });
    }
    Ok(rows * width)
}

/// Bytes that this process can still take: the machine's, its control group's, its address space's. `None`
/// where nothing says.
fn free_memory() -> Option<u64> {
    let space = memory::OfProcess::now().address_space();
    let ways = [
        memory::of_machine(),
        memory::of_groups(),
        space.map(|(_, left)| left),
    ];
    ways.into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_files_expand_by_a_bounded_factor() {
        let small = Limits::with(3_000_000, u64::MAX);
        assert!(small.expansion(300_000_000).is_ok());
        assert_eq!(
            small.expansion(3_000_000_000).unwrap_err().to_string(),
            "expands from 3.0 MB to 3.0 GB, more than 300.0 MB: store it without compression, as .npy"
        );
        assert!(Limits::with(10, u64::MAX).expansion(256 << 20).is_ok());
        assert!(
            Limits::with(10, u64::MAX)
                .expansion((256 << 20) + 1)
                .is_err()
        );
        assert_eq!(Limits::with(u64::MAX, 0).expanded_bytes(), MAX_BYTES);
        // What was accepted before is bounded by memory alone.
        let older = Limits::with(10, 1 << 30).under(Rules::First);
        assert!(older.expansion(1 << 30).is_ok() && older.numbers(1 << 28).is_err());
    }

    #[test]
    fn what_does_not_fit_in_memory_is_refused() {
        let limits = Limits::with(100, 800);
        assert!(limits.numbers(100).is_ok() && limits.texts(10, 160).is_ok());
        assert_eq!(
            limits.numbers(101).unwrap_err().to_string(),
            "needs 808 bytes of memory, and 800 bytes are free"
        );
        assert!(limits.numbers(u64::MAX).is_err());
        assert!(limits.texts(10, 161).is_err() && limits.file(801).is_err());
        assert!(Limits::with(0, u64::MAX).file(MAX_BYTES + 1).is_err());
    }

    #[test]
    fn free_memory_is_read_from_the_system() {
        if cfg!(target_os = "linux") {
            assert!(free_memory().is_some_and(|free| free > 0));
        }
    }
}
