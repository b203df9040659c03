//! Aggregates that pick a row, and texts joined.

use std::collections::VecDeque;

use rusqlite::Result;
use rusqlite::types::{Value, ValueRef};

use super::entry::{Entry, State, aggregate};
use super::values::{Call, Kept};

const ONE: &[i32] = &[1];
const TWO: &[i32] = &[2];

pub(super) static ENTRIES: &[Entry] = &[
    aggregate(
        "arg_min",
        "x, y",
        "x of the row with the least y, where neither is null",
        TWO,
        || best(true),
    ),
    aggregate("argmin", "x, y", "the same as arg_min", TWO, || best(true)),
    aggregate("min_by", "x, y", "the same as arg_min", TWO, || best(true)),
    aggregate(
        "arg_max",
        "x, y",
        "x of the row with the largest y, where neither is null",
        TWO,
        || best(false),
    ),
    aggregate("argmax", "x, y", "the same as arg_max", TWO, || best(false)),
    aggregate("max_by", "x, y", "the same as arg_max", TWO, || best(false)),
    aggregate(
        "first",
        "x",
        "x of the first row, null if it is null there",
        ONE,
        || first(true),
    ),
    aggregate("any_value", "x", "first x that is not null", ONE, || {
        first(false)
    }),
    aggregate("arbitrary", "x", "the same as first", ONE, || first(true)),
    aggregate(
        "last",
        "x",
        "x of the last row, null if it is null there",
        ONE,
        || {
            Box::new(Last {
                value: Kept::Null,
                count: 0,
            })
        },
    ),
    aggregate("string_agg", "x", "texts joined by commas", ONE, || {
        Box::new(Joined::default())
    }),
    aggregate(
        "listagg",
        "x[, separator]",
        "the same as string_agg",
        &[1, 2],
        || Box::new(Joined::default()),
    ),
];

/// A row that can be the best one now or when those before it have left.
struct Candidate {
    number: u64,
    y: Kept,
    x: Kept,
}

/// The candidates, best first: each is worse than the one before it and came later.
struct Best {
    least: bool,
    came: u64,
    left: u64,
    candidates: VecDeque<Candidate>,
}

fn best(least: bool) -> Box<dyn State> {
    Box::new(Best {
        least,
        came: 0,
        left: 0,
        candidates: VecDeque::new(),
    })
}

/// Whether the row counts: neither value is null.
fn counts_pair(row: &Call<'_>) -> bool {
    !matches!(row.raw(0), ValueRef::Null) && !matches!(row.raw(1), ValueRef::Null)
}

impl State for Best {
    fn add(&mut self, row: &Call<'_>) -> Result<()> {
        if !counts_pair(row) {
            return Ok(());
        }
        let y = Kept::of(row.raw(1));
        // Of equal rows the first is the best.
        while self.candidates.back().is_some_and(|last| {
            let order = y.order(&last.y);
            if self.least {
                order.is_lt()
            } else {
                order.is_gt()
            }
        }) {
            self.candidates.pop_back();
        }
        self.candidates.push_back(Candidate {
            number: self.came,
            y,
            x: Kept::of(row.raw(0)),
        });
        self.came += 1;
        Ok(())
    }

    fn remove(&mut self, row: &Call<'_>) -> Result<()> {
        if counts_pair(row) {
            self.left += 1;
            if self
                .candidates
                .front()
                .is_some_and(|first| first.number < self.left)
            {
                self.candidates.pop_front();
            }
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Value> {
        Ok(self
            .candidates
            .front()
            .map_or(Value::Null, |first| first.x.value()))
    }
}

/// The rows in order, as any but the last can become the first.
struct First {
    nulls: bool,
    values: VecDeque<Kept>,
}

fn first(nulls: bool) -> Box<dyn State> {
    Box::new(First {
        nulls,
        values: VecDeque::new(),
    })
}

impl State for First {
    fn add(&mut self, row: &Call<'_>) -> Result<()> {
        let value = row.raw(0);
        if self.nulls || !matches!(value, ValueRef::Null) {
            self.values.push_back(Kept::of(value));
        }
        Ok(())
    }

    fn remove(&mut self, row: &Call<'_>) -> Result<()> {
        if self.nulls || !matches!(row.raw(0), ValueRef::Null) {
            self.values.pop_front();
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Value> {
        Ok(self.values.front().map_or(Value::Null, Kept::value))
    }
}

struct Last {
    value: Kept,
    count: u64,
}

impl State for Last {
    fn add(&mut self, row: &Call<'_>) -> Result<()> {
        self.value = Kept::of(row.raw(0));
        self.count += 1;
        Ok(())
    }

    fn remove(&mut self, _: &Call<'_>) -> Result<()> {
        self.count -= 1;
        Ok(())
    }

    fn value(&mut self) -> Result<Value> {
        Ok(if self.count == 0 {
            Value::Null
        } else {
            self.value.value()
        })
    }
}

/// The texts, each behind its separator.
#[derive(Default)]
struct Joined {
    parts: VecDeque<String>,
    separator: String,
}

impl State for Joined {
    fn add(&mut self, row: &Call<'_>) -> Result<()> {
        if let Some(text) = row.text(0)? {
            self.separator = if row.len() > 1 {
                row.text(1)?.unwrap_or_default().into()
            } else {
                ",".to_owned()
            };
            self.parts.push_back(text.into());
        }
        Ok(())
    }

    fn remove(&mut self, row: &Call<'_>) -> Result<()> {
        if row.text(0)?.is_some() {
            self.parts.pop_front();
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Value> {
        if self.parts.is_empty() {
            return Ok(Value::Null);
        }
        Ok(Value::Text(
            self.parts.make_contiguous().join(&self.separator),
        ))
    }
}
