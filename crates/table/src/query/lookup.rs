//! Rows found by value: an index by hash for joins.
//!
//! It holds runs of adjacent rows instead of rows: the rows of a trial stand together, so an index of 10^7 rows of
//! 10^6 trials has 10^6 entries. It may return rows that do not match (hashes collide, whole numbers beyond 2^53
//! are compared as floating-point numbers); SQLite compares every row again.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

use super::source::Source;
use super::values::{Value, Values};

/// Adjacent rows of a table: the first and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: u32,
    pub(super) rows: u32,
}

/// Rows by the values of some columns.
pub(super) struct Index {
    /// By hash.
    entries: Vec<(u64, Run)>,
    /// Where the entries whose hash begins with these bits begin.
    buckets: Vec<u32>,
    /// Bits of a hash that do not choose its bucket.
    shift: u32,
}

/// Hash of a value, equal for values that are equal in SQL: 1 and 1.0, 0.0 and -0.0, true and 1. None for null.
pub(super) fn hash_of(value: Value<'_>) -> Option<u64> {
    match value {
        Value::Text(text) => Some(hash_text(text.as_bytes())),
        value => value.number().map(hash_number),
    }
}

/// Hash of a number.
pub(super) fn hash_number(number: f64) -> u64 {
    // Adding 0.0 turns -0.0 into 0.0. The multiplier is 2^64 / golden ratio; both halves are mixed.
    let bits = (number + 0.0).to_bits();
    let mixed = (bits ^ (bits >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// Hash of a text.
pub(super) fn hash_text(text: &[u8]) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(text)
}

/// Joins the hashes of a key's values.
pub(super) fn join(hashes: u64, hash: u64) -> u64 {
    (hashes.rotate_left(23) ^ hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Index {
    /// Reads the key's columns of the whole table. None where it has more rows than the index can number.
    ///
    /// # Errors
    /// As [`Source::values`].
    pub(super) fn build(source: &Source, key: &[usize]) -> rusqlite::Result<Option<Index>> {
        let contents = source.contents()?;
        if u32::try_from(contents.rows).is_err() {
            return Ok(None);
        }
        let mut entries: Vec<(u64, Run)> = Vec::new();
        let mut hashes = Vec::new();
        for (number, chunk) in contents.chunks.iter().enumerate() {
            hashes.clear();
            hashes.resize(chunk.rows, Some(0));
            for &column in key {
                let values = source.values(number, column, false)?;
                add_hashes(&values, &mut hashes);
            }
            for (row, hash) in hashes.iter().enumerate() {
                let Some(hash) = *hash else { continue };
                // Fits by the test above.
                let start = (chunk.start + row) as u32;
                match entries.last_mut() {
                    Some((last, run)) if *last == hash && run.start + run.rows == start => {
                        run.rows += 1;
                    }
                    _ => entries.push((hash, Run { start, rows: 1 })),
                }
            }
        }
        // Stable within a hash by the start, so that rows come in the table's order.
        entries.sort_unstable_by_key(|(hash, run)| (*hash, run.start));
        entries.shrink_to_fit();
        let bits = (entries.len().max(1)).ilog2().clamp(1, 24);
        let shift = 64 - bits;
        let mut buckets = vec![0_u32; (1 << bits) + 1];
        for (hash, _) in &entries {
            buckets[(hash >> shift) as usize + 1] += 1;
        }
        for bucket in 1..buckets.len() {
            buckets[bucket] += buckets[bucket - 1];
        }
        Ok(Some(Index {
            entries,
            buckets,
            shift,
        }))
    }

    /// Entries of a hash.
    pub(super) fn find(&self, hash: u64) -> std::ops::Range<usize> {
        let bucket = (hash >> self.shift) as usize;
        let (begin, end) = (
            self.buckets[bucket] as usize,
            self.buckets[bucket + 1] as usize,
        );
        let within = &self.entries[begin..end];
        let first = begin + within.partition_point(|(other, _)| *other < hash);
        let mut last = first;
        while last < end && self.entries[last].0 == hash {
            last += 1;
        }
        first..last
    }

    /// The rows of an entry.
    pub(super) fn run(&self, entry: usize) -> Run {
        self.entries[entry].1
    }
}

/// Joins the hash of each row's value to the row's hash so far; none where a value is null.
fn add_hashes(values: &Values, hashes: &mut [Option<u64>]) {
    // A text mostly equals the one above it.
    let mut last: Option<(&str, u64)> = None;
    for (row, hashes) in hashes.iter_mut().enumerate() {
        let Some(before) = *hashes else { continue };
        let hash = match values.get(row) {
            Value::Text(text) => match last {
                Some((known, hash)) if known == text => Some(hash),
                _ => {
                    let hash = hash_text(text.as_bytes());
                    last = Some((text, hash));
                    Some(hash)
                }
            },
            other => hash_of(other),
        };
        *hashes = hash.map(|hash| join(before, hash));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_equal_hashes() {
        let same = [
            (Value::Integer(1), Value::Real(1.0)),
            (Value::Boolean(true), Value::Integer(1)),
            (Value::Real(0.0), Value::Real(-0.0)),
            (Value::Text("a"), Value::Text("a")),
        ];
        for (a, b) in same {
            assert_eq!(hash_of(a), hash_of(b));
            assert!(hash_of(a).is_some());
        }
        assert_ne!(hash_of(Value::Integer(1)), hash_of(Value::Integer(2)));
        assert_ne!(hash_of(Value::Text("1")), hash_of(Value::Text("2")));
        for none in [Value::Null, Value::Real(f64::NAN)] {
            assert_eq!(hash_of(none), None);
        }
    }
}
