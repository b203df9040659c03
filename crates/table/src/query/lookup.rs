//! Rows found by value: an index by hash for joins.
//!
//! It holds runs of adjacent rows instead of rows: the rows of a trial stand together, so an index of 10^7 rows of
//! 10^6 trials has 10^6 entries. The rows of a run have one key; another key may have its hash, so the first row of
//! each run is to be compared.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

use super::source::Source;
use super::values::{Value, Values};

/// Adjacent rows of a row group with one key: the number of the first in the table, and how many.
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
    /// Whether a table with `rows` rows can have an index.
    pub(super) fn can_number(rows: usize) -> bool {
        u32::try_from(rows).is_ok()
    }

    /// Reads the key's columns of the whole table, which has no more rows than an index [can
    /// number](Index::can_number).
    ///
    /// # Errors
    /// As [`Source::values`].
    pub(super) fn build(source: &Source, key: &[usize]) -> rusqlite::Result<Index> {
        let contents = source.contents()?;
        let mut entries: Vec<(u64, Run)> = Vec::new();
        let mut hashes = Vec::new();
        let mut repeats = Vec::new();
        for (number, chunk) in contents.chunks.iter().enumerate() {
            hashes.clear();
            hashes.resize(chunk.rows, Some(0));
            repeats.clear();
            repeats.resize(chunk.rows, true);
            for &column in key {
                let values = source.values(number, column, false)?;
                add_hashes(&values, &mut hashes, &mut repeats);
            }
            for (row, (hash, repeats)) in hashes.iter().zip(&repeats).enumerate() {
                let Some(hash) = *hash else { continue };
                // Fits, or the table has no index.
                let start = (chunk.start + row) as u32;
                match entries.last_mut() {
                    Some((_, run)) if *repeats && run.start + run.rows == start => run.rows += 1,
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
        Ok(Index {
            entries,
            buckets,
            shift,
        })
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

/// Joins the hash of each row's value to the row's hash so far, none where a value is null, and keeps in `repeats` which
/// rows have the value of the row above.
fn add_hashes(values: &Values, hashes: &mut [Option<u64>], repeats: &mut [bool]) {
    let mut above = Value::Null;
    let mut last = None;
    for (row, (hashes, repeats)) in hashes.iter_mut().zip(repeats).enumerate() {
        let value = values.get(row);
        let is_same = row > 0 && value.is(above);
        if !is_same {
            (above, last) = (value, hash_of(value));
        }
        *repeats &= is_same;
        *hashes = hashes.zip(last).map(|(before, hash)| join(before, hash));
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
