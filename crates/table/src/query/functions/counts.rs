//! Aggregates that count equal values: the most frequent one, the entropy, how many there are.
//!
//! A different value takes 24 bytes, a row four more for the mode: the place of the next equal row, so that the first
//! one of a frame is known when rows have left.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};

use rusqlite::Result;
use rusqlite::types::{Value, ValueRef};

use super::entry::{Entry, State, aggregate};
use super::error::FunctionError;
use super::values::{Call, whole};

const ONE: &[i32] = &[1];

pub(super) static ENTRIES: &[Entry] = &[
    aggregate(
        "mode",
        "x",
        "most frequent value, the first of several",
        ONE,
        || counts(true, Counts::mode),
    ),
    aggregate(
        "entropy",
        "x",
        "entropy of the frequencies of x, in bits",
        ONE,
        || counts(false, Counts::entropy),
    ),
    aggregate(
        "approx_count_distinct",
        "x",
        "number of different values, exact",
        ONE,
        || counts(false, Counts::distinct),
    ),
];

/// How often a value is there, and where first and last.
struct Frequent {
    count: u32,
    first: u32,
    last: u32,
    /// A whole number that came as a real.
    real: bool,
}

/// The different values: 1 and 1.0 are one.
struct Counts {
    whole: HashMap<i64, Frequent>,
    /// By the bits of the real.
    reals: HashMap<u64, Frequent>,
    texts: HashMap<Box<str>, Frequent>,
    links: bool,
    /// For each row from `start` on, the place of the next equal row.
    next: VecDeque<u32>,
    start: u32,
    finish: fn(&Counts) -> Value,
}

fn counts(links: bool, finish: fn(&Counts) -> Value) -> Box<dyn State> {
    Box::new(Counts {
        whole: HashMap::new(),
        reals: HashMap::new(),
        texts: HashMap::new(),
        links,
        next: VecDeque::new(),
        start: 0,
        finish,
    })
}

/// A value as the tables of [`Counts`] know it.
enum Key<'a> {
    Whole(i64, bool),
    Real(u64),
    Text(&'a str),
}

fn key<'a>(row: &'a Call<'_>) -> Result<Option<Key<'a>>> {
    Ok(Some(match row.raw(0) {
        ValueRef::Null => return Ok(None),
        ValueRef::Integer(value) => Key::Whole(value, false),
        ValueRef::Real(value) => {
            whole(value).map_or(Key::Real(value.to_bits()), |value| Key::Whole(value, true))
        }
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            let value = || row.shown(0);
            let error = |_| FunctionError::NotText {
                function: row.name,
                value: value(),
            };
            Key::Text(std::str::from_utf8(bytes).map_err(error)?)
        }
    }))
}

impl Counts {
    fn frequent(&self) -> impl Iterator<Item = &Frequent> {
        self.whole
            .values()
            .chain(self.reals.values())
            .chain(self.texts.values())
    }

    fn mode(&self) -> Value {
        // Places go round at 2^32, so they are compared from the start of the frame.
        let rank = |frequent: &Frequent| {
            (
                frequent.count,
                Reverse(frequent.first.wrapping_sub(self.start)),
            )
        };
        #[expect(clippy::cast_precision_loss, reason = "it came as a real")]
        let number = |(value, frequent): (&i64, &Frequent)| {
            let value = if frequent.real {
                Value::Real(*value as f64)
            } else {
                Value::Integer(*value)
            };
            (rank(frequent), value)
        };
        let best = self
            .whole
            .iter()
            .max_by_key(|(_, frequent)| rank(frequent))
            .map(number);
        let real = self.reals.iter().max_by_key(|(_, frequent)| rank(frequent));
        let real =
            real.map(|(bits, frequent)| (rank(frequent), Value::Real(f64::from_bits(*bits))));
        let text = self.texts.iter().max_by_key(|(_, frequent)| rank(frequent));
        let text = text.map(|(text, frequent)| (rank(frequent), Value::Text(text.to_string())));
        let all = [best, real, text].into_iter().flatten();
        all.max_by_key(|(rank, _)| *rank)
            .map_or(Value::Null, |(_, value)| value)
    }

    fn entropy(&self) -> Value {
        // Sorted, so that the sum does not depend on the order of a hash table.
        let mut counts: Vec<u32> = self.frequent().map(|frequent| frequent.count).collect();
        counts.sort_unstable();
        let n: f64 = counts.iter().copied().map(f64::from).sum();
        let part = |count: u32| f64::from(count) / n * (n / f64::from(count)).log2();
        Value::Real(counts.into_iter().map(part).sum())
    }

    fn distinct(&self) -> Value {
        i64::try_from(self.frequent().count()).map_or(Value::Null, Value::Integer)
    }
}

impl State for Counts {
    fn add(&mut self, row: &Call<'_>) -> Result<()> {
        let Some(key) = key(row)? else { return Ok(()) };
        let rows = u32::try_from(self.next.len()).ok();
        let place = rows.ok_or(FunctionError::TooLarge { function: row.name })?;
        let place = self.start.wrapping_add(place);
        let new = |real| Frequent {
            count: 0,
            first: place,
            last: place,
            real,
        };
        let frequent = match key {
            Key::Whole(value, real) => self.whole.entry(value).or_insert_with(|| new(real)),
            Key::Real(bits) => self.reals.entry(bits).or_insert_with(|| new(true)),
            Key::Text(text) => self.texts.entry(text.into()).or_insert_with(|| new(false)),
        };
        frequent.count += 1;
        if self.links {
            self.next.push_back(place);
            let before = frequent.last.wrapping_sub(self.start) as usize;
            self.next[before] = place;
            frequent.last = place;
        }
        Ok(())
    }

    fn remove(&mut self, row: &Call<'_>) -> Result<()> {
        let Some(key) = key(row)? else { return Ok(()) };
        let frequent = match key {
            Key::Whole(value, _) => self.whole.get_mut(&value),
            Key::Real(bits) => self.reals.get_mut(&bits),
            Key::Text(text) => self.texts.get_mut(text),
        };
        let Some(frequent) = frequent else {
            return Ok(());
        };
        frequent.count -= 1;
        if self.links {
            frequent.first = self.next.pop_front().unwrap_or_default();
            self.start = self.start.wrapping_add(1);
        }
        if frequent.count == 0 {
            match key {
                Key::Whole(value, _) => drop(self.whole.remove(&value)),
                Key::Real(bits) => drop(self.reals.remove(&bits)),
                Key::Text(text) => drop(self.texts.remove(text)),
            }
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Value> {
        Ok((self.finish)(self))
    }
}
