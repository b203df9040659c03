//! Rows in the order that a statement groups or sorts by, so that SQLite need not sort them: its own sort takes a
//! microsecond a row, this one a tenth of that.
//!
//! Each column of the order becomes a code of as few bits as its values need, null first as in SQLite; the codes of a
//! row are packed into one whole number. Texts are coded by their place in a sorted list of the distinct ones.

use std::collections::HashMap;
use std::rc::Rc;

use super::source::Source;
use super::values::{Type, Value};

/// A column to sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct By {
    pub(super) column: usize,
    pub(super) descends: bool,
}

/// Rows in order.
pub(super) enum Sorted {
    /// The table has this order already.
    AsStored,
    Rows(Vec<u32>),
}

/// Most distinct texts that are listed to sort a column by: a list of ids of 2 million trials takes 200 MB.
const MOST_TEXTS: usize = 1 << 21;

/// Bits of keys that are counted instead of compared: 4 million counters fit the cache of a large core.
const COUNTED_BITS: u32 = 20;

/// Bits of a code that no key has room for.
const TOO_WIDE: u32 = 129;

/// The distinct texts of a column, each with its place among them in order.
pub(super) struct Texts(HashMap<Box<str>, u32>);

impl Texts {
    /// Reads the whole column. None where there are too many distinct texts.
    ///
    /// # Errors
    /// As [`Source::values`].
    pub(super) fn list(source: &Source, column: usize) -> rusqlite::Result<Option<Texts>> {
        let mut places: HashMap<Box<str>, u32> = HashMap::new();
        let chunks = &source.contents()?.chunks;
        for (number, chunk) in chunks.iter().enumerate() {
            let values = source.values(number, column, false)?;
            let mut last = None;
            for row in 0..chunk.rows {
                let Value::Text(text) = values.get(row) else {
                    continue;
                };
                if last != Some(text) && !places.contains_key(text) {
                    if places.len() == MOST_TEXTS {
                        return Ok(None);
                    }
                    places.insert(text.into(), 0);
                }
                last = Some(text);
            }
        }
        let mut ordered: Vec<(&Box<str>, &mut u32)> = places.iter_mut().collect();
        ordered.sort_unstable_by(|a, b| a.0.cmp(b.0));
        for (place, (_, of)) in (0..).zip(ordered) {
            *of = place;
        }
        Ok(Some(Texts(places)))
    }
}

/// Rows of the table, or some of them, row group by row group.
pub(super) struct Chosen {
    /// For each row group the rows that are wanted; none means all of them.
    pub(super) rows: Option<Vec<Vec<u32>>>,
}

impl Chosen {
    fn count(&self, chunk: usize, all: usize) -> usize {
        self.rows.as_ref().map_or(all, |rows| rows[chunk].len())
    }

    fn for_each(&self, chunk: usize, all: usize, mut take: impl FnMut(usize)) {
        match &self.rows {
            None => (0..all).for_each(take),
            Some(rows) => rows[chunk].iter().for_each(|&row| take(row as usize)),
        }
    }
}

/// Packed codes of all rows, as narrow as they fit.
enum Keys {
    Narrow(Vec<u64>),
    Wide(Vec<u128>),
}

/// The chosen rows in order, equal ones as they are stored; with `once`, the first of equal ones alone.
///
/// # Errors
/// As [`Source::values`]; keys that do not fit 128 bits.
pub(super) fn sorted(
    source: &Source,
    by: &[By],
    chosen: &Chosen,
    once: bool,
    texts: &dyn Fn(usize) -> rusqlite::Result<Option<Rc<Texts>>>,
) -> rusqlite::Result<Sorted> {
    let mut keys = Keys::Narrow(Vec::new());
    let mut bits = 0;
    for by in by {
        let texts = match source.columns[by.column].kind {
            Type::Text => texts(by.column)?,
            Type::Integer | Type::Real | Type::Boolean | Type::Timestamp => None,
        };
        let column = codes(source, by.column, chosen, texts.as_deref())?;
        bits += column.bits;
        keys = add(keys, &column, by.descends, bits).ok_or_else(|| {
            rusqlite::Error::ModuleError("the values to sort by span too wide a range".to_owned())
        })?;
    }
    let is_sorted = match &keys {
        Keys::Narrow(keys) => keys.is_sorted(),
        Keys::Wide(keys) => keys.is_sorted(),
    };
    if is_sorted && chosen.rows.is_none() && !once {
        return Ok(Sorted::AsStored);
    }
    let rows = numbers(source, chosen)?;
    Ok(Sorted::Rows(match keys {
        _ if is_sorted && !once => rows,
        Keys::Narrow(keys) if bits <= COUNTED_BITS => counted(&keys, &rows, bits, once),
        Keys::Narrow(keys) => compared(keys, rows, once),
        Keys::Wide(keys) => compared(keys, rows, once),
    }))
}

/// Numbers of the chosen rows within the table.
fn numbers(source: &Source, chosen: &Chosen) -> rusqlite::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for (number, chunk) in source.contents()?.chunks.iter().enumerate() {
        // Fits: the table's rows are numbered by 32 bits.
        chosen.for_each(number, chunk.rows, |row| {
            numbers.push((chunk.start + row) as u32)
        });
    }
    Ok(numbers)
}

/// A column's codes: an order of whole numbers that is the order of the values.
struct Codes {
    codes: Vec<u64>,
    bits: u32,
}

fn codes(
    source: &Source,
    column: usize,
    chosen: &Chosen,
    texts: Option<&Texts>,
) -> rusqlite::Result<Codes> {
    let chunks = &source.contents()?.chunks;
    let mut codes = Vec::new();
    let mut nulls: Vec<usize> = Vec::new();
    for (number, chunk) in chunks.iter().enumerate() {
        let values = source.values(number, column, true)?;
        codes.reserve(chosen.count(number, chunk.rows));
        // A text mostly equals the one above it.
        let mut last: Option<(&str, u64)> = None;
        chosen.for_each(number, chunk.rows, |row| {
            let code = match values.get(row) {
                Value::Text(text) => match last {
                    Some((known, code)) if known == text => Some(code),
                    _ => {
                        let code = texts.and_then(|texts| texts.0.get(text)).copied();
                        let code = code.map_or(0, u64::from);
                        last = Some((text, code));
                        Some(code)
                    }
                },
                other => code(other),
            };
            if code.is_none() {
                nulls.push(codes.len());
            }
            codes.push(code.unwrap_or(0));
        });
    }
    // From the least one on, with place for null below it.
    let mut at_null = nulls.iter().peekable();
    let (mut least, mut most) = (u64::MAX, 0);
    for (row, &code) in codes.iter().enumerate() {
        if at_null.next_if(|&&null| null == row).is_none() {
            least = least.min(code);
            most = most.max(code);
        }
    }
    let range = most.saturating_sub(least);
    let shift = u64::from(!nulls.is_empty());
    // Where whole numbers span all 2^64 and null is one more, null takes 65 bits: no key has room for it.
    let Some(largest) = range.checked_add(shift) else {
        return Ok(Codes {
            codes,
            bits: TOO_WIDE,
        });
    };
    for code in &mut codes {
        *code = code.wrapping_sub(least).wrapping_add(shift);
    }
    for null in nulls {
        codes[null] = 0;
    }
    Ok(Codes {
        codes,
        bits: 64 - largest.leading_zeros(),
    })
}

/// A whole number in the order of the values; none for null.
fn code(value: Value<'_>) -> Option<u64> {
    const SIGN: u64 = 1 << 63;
    match value {
        Value::Integer(n) | Value::Time(n) => Some(n.cast_unsigned() ^ SIGN),
        Value::Boolean(truth) => Some(u64::from(truth)),
        Value::Real(x) if x.is_nan() => None,
        Value::Real(x) => {
            // Adding 0.0 turns -0.0 into 0.0, which it equals. Negative numbers are in order from behind.
            let bits = (x + 0.0).to_bits();
            Some(if bits & SIGN == 0 { bits | SIGN } else { !bits })
        }
        Value::Null | Value::Text(_) => None,
    }
}

/// Appends a column's codes to the keys.
fn add(keys: Keys, column: &Codes, descends: bool, bits: u32) -> Option<Keys> {
    if bits > 128 {
        return None;
    }
    let mask = u64::MAX.checked_shr(64 - column.bits).unwrap_or(0);
    let of = |code: u64| if descends { !code & mask } else { code };
    let codes = column.codes.iter();
    Some(match keys {
        Keys::Narrow(keys) if keys.is_empty() => {
            Keys::Narrow(codes.map(|&code| of(code)).collect())
        }
        Keys::Narrow(mut keys) if bits <= 64 => {
            for (key, &code) in keys.iter_mut().zip(codes) {
                *key = key.checked_shl(column.bits).unwrap_or(0) | of(code);
            }
            Keys::Narrow(keys)
        }
        Keys::Narrow(keys) => {
            let wide = keys.iter().zip(codes);
            let join =
                |(&key, &code): (&u64, &u64)| u128::from(key) << column.bits | u128::from(of(code));
            Keys::Wide(wide.map(join).collect())
        }
        Keys::Wide(mut keys) => {
            for (key, &code) in keys.iter_mut().zip(codes) {
                *key = *key << column.bits | u128::from(of(code));
            }
            Keys::Wide(keys)
        }
    })
}

/// Sorts by counting how often each key occurs.
fn counted(keys: &[u64], rows: &[u32], bits: u32, once: bool) -> Vec<u32> {
    let mut next = vec![0_u32; (1 << bits) + 1];
    for &key in keys {
        let count = &mut next[key as usize + 1];
        *count = if once { 1 } else { *count + 1 };
    }
    for key in 1..next.len() {
        next[key] += next[key - 1];
    }
    let count = next.last().map_or(0, |&count| count as usize);
    let ends: Vec<u32> = if once { next[1..].to_vec() } else { Vec::new() };
    let mut sorted = vec![0; count];
    for (&key, &row) in keys.iter().zip(rows) {
        let place = &mut next[key as usize];
        if !once || *place < ends[key as usize] {
            sorted[*place as usize] = row;
            *place += 1;
        }
    }
    sorted
}

/// Sorts by comparing keys; rows of one key stay in their order.
fn compared<K: Ord + Copy>(keys: Vec<K>, rows: Vec<u32>, once: bool) -> Vec<u32> {
    let mut pairs: Vec<(K, u32)> = keys.into_iter().zip(rows).collect();
    pairs.sort_unstable();
    if once {
        pairs.dedup_by_key(|(key, _)| *key);
    }
    pairs.into_iter().map(|(_, row)| row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_keep_the_order_of_the_values() {
        let ordered = [
            Value::Real(f64::NEG_INFINITY),
            Value::Real(-1.5),
            Value::Real(-0.0),
            Value::Real(1e-300),
            Value::Real(2.0),
            Value::Real(f64::INFINITY),
        ];
        assert!(ordered.is_sorted_by(|a, b| code(*a) < code(*b)));
        let ordered = [i64::MIN, -1, 0, 7, i64::MAX].map(Value::Integer);
        assert!(ordered.is_sorted_by(|a, b| code(*a) < code(*b)));
        assert_eq!(code(Value::Real(0.0)), code(Value::Real(-0.0)));
        assert_eq!(code(Value::Real(f64::NAN)), None);
    }

    #[test]
    fn both_ways_of_sorting_keep_equal_rows_in_their_order() {
        let keys: Vec<u64> = (0..1000).map(|row| row * 7919 % 13).collect();
        let rows: Vec<u32> = (0..1000).collect();
        let by_counting = counted(&keys, &rows, 4, false);
        assert_eq!(by_counting, compared(keys.clone(), rows.clone(), false));
        let once = counted(&keys, &rows, 4, true);
        assert_eq!(once, compared(keys.clone(), rows, true));
        assert_eq!(once.len(), 13);
        let in_order = |pair: &[u32]| {
            let key = |row: u32| (keys[row as usize], row);
            key(pair[0]) < key(pair[1])
        };
        assert!(by_counting.windows(2).all(in_order));
    }
}
