//! Median, quantiles and the median of deviations.
//!
//! A group keeps its values, 8 bytes a number, and selects at the end. A window whose frame grows or moves turns them
//! into a sorted list once.

use std::cmp::Ordering;

use rusqlite::Result;
use rusqlite::types::{Value, ValueRef};

use super::calendar::{parse_time, print_time};
use super::entry::{Entry, State, aggregate};
use super::error::FunctionError;
use super::sorted::Sorted;
use super::values::{Call, Kept, whole};

const ONE: &[i32] = &[1];
const TWO: &[i32] = &[2];

pub(super) static ENTRIES: &[Entry] = &[
    aggregate(
        "median",
        "x",
        "middle value, the mean of the middle two of an even number",
        ONE,
        || rows(Asked::Median),
    ),
    aggregate("quantile", "x, q", "the same as quantile_disc", TWO, || {
        rows(Asked::Discrete)
    }),
    aggregate(
        "quantile_disc",
        "x, q",
        "value of x below which the share q of the rows lies",
        TWO,
        || rows(Asked::Discrete),
    ),
    aggregate(
        "quantile_cont",
        "x, q",
        "quantile, interpolated between two values",
        TWO,
        || rows(Asked::Between),
    ),
    aggregate(
        "approx_quantile",
        "x, q",
        "the same as quantile_cont, exact",
        TWO,
        || rows(Asked::Between),
    ),
    aggregate(
        "mad",
        "x",
        "median of the distances to the median",
        ONE,
        || rows(Asked::Deviation),
    ),
];

/// What is asked of the values in order.
#[derive(Clone, Copy)]
enum Asked {
    Median,
    Discrete,
    Between,
    Deviation,
}

/// The values. Numbers are doubles for as long as that is exact.
enum Store {
    Numbers(Vec<f64>),
    Mixed(Vec<Kept>),
    SortedNumbers(Sorted<f64>),
    SortedMixed(Sorted<Kept>),
}

struct Rows {
    asked: Asked,
    quantile: Option<f64>,
    store: Store,
    count: usize,
    /// How many values are reals: without any, a value is a whole number again.
    reals: usize,
    /// The result since the last change.
    known: Option<Value>,
    /// A result was asked before the last row, so the frame grows or moves.
    moves: bool,
}

fn rows(asked: Asked) -> Box<dyn State> {
    let store = Store::Numbers(Vec::new());
    Box::new(Rows {
        asked,
        quantile: None,
        store,
        count: 0,
        reals: 0,
        known: None,
        moves: false,
    })
}

fn order(left: &Kept, right: &Kept) -> Ordering {
    left.order(right)
}

impl Store {
    fn sort(&mut self) {
        match self {
            Self::Numbers(values) => {
                *self = Self::SortedNumbers(Sorted::new(std::mem::take(values), f64::total_cmp))
            }
            Self::Mixed(values) => {
                *self = Self::SortedMixed(Sorted::new(std::mem::take(values), order))
            }
            Self::SortedNumbers(_) | Self::SortedMixed(_) => {}
        }
    }

    /// Keeps whole values from here on.
    fn mix(&mut self) {
        match self {
            Self::Numbers(values) => {
                *self = Self::Mixed(std::mem::take(values).into_iter().map(kept).collect())
            }
            Self::SortedNumbers(values) => {
                let values = values.iter().copied().map(kept).collect();
                *self = Self::SortedMixed(Sorted::new(values, order));
            }
            Self::Mixed(_) | Self::SortedMixed(_) => {}
        }
    }

    /// The values at `index` and, if asked, behind it.
    fn at(&mut self, index: usize, next: bool) -> (Kept, Option<Kept>) {
        match self {
            Self::Numbers(values) => {
                let (_, value, above) = values.select_nth_unstable_by(index, f64::total_cmp);
                let next = next
                    .then(|| above.iter().copied().min_by(f64::total_cmp))
                    .flatten();
                (kept(*value), next.map(kept))
            }
            Self::Mixed(values) => {
                let (_, value, above) = values.select_nth_unstable_by(index, order);
                let next = next
                    .then(|| above.iter().min_by(|left, right| order(left, right)))
                    .flatten();
                (value.clone(), next.cloned())
            }
            Self::SortedNumbers(values) => {
                let next = if next { values.get(index + 1) } else { None };
                (
                    values.get(index).map_or(Kept::Null, |value| kept(*value)),
                    next.map(|value| kept(*value)),
                )
            }
            Self::SortedMixed(values) => {
                let next = if next { values.get(index + 1) } else { None };
                (
                    values.get(index).cloned().unwrap_or(Kept::Null),
                    next.cloned(),
                )
            }
        }
    }

    fn reals(&self) -> Vec<f64> {
        match self {
            Self::Numbers(values) => values.clone(),
            Self::SortedNumbers(values) => values.iter().copied().collect(),
            Self::Mixed(values) => values.iter().filter_map(Kept::real).collect(),
            Self::SortedMixed(values) => values.iter().filter_map(Kept::real).collect(),
        }
    }
}

/// A number of the store: whole ones compare and interpolate as reals do.
fn kept(value: f64) -> Kept {
    Kept::Real(value)
}

/// The double that is this value, if nothing is lost.
fn exact(value: ValueRef<'_>) -> Option<f64> {
    /// The whole numbers up to 2^53 are doubles.
    const WHOLE: u64 = 1 << 53;
    match value {
        ValueRef::Real(value) => Some(value),
        #[expect(clippy::cast_precision_loss, reason = "compared")]
        ValueRef::Integer(value) if value.unsigned_abs() <= WHOLE => Some(value as f64),
        ValueRef::Integer(_) | ValueRef::Null | ValueRef::Text(_) | ValueRef::Blob(_) => None,
    }
}

impl State for Rows {
    fn add(&mut self, row: &Call<'_>) -> Result<()> {
        if row.len() > 1 {
            self.ask(row)?;
        }
        let value = row.raw(0);
        match (value, self.asked) {
            (ValueRef::Null, _) => return Ok(()),
            (ValueRef::Text(_) | ValueRef::Blob(_), Asked::Deviation) => {
                return Err(row.not_number(0));
            }
            (ValueRef::Real(_), _) => self.reals += 1,
            (ValueRef::Integer(_) | ValueRef::Text(_) | ValueRef::Blob(_), _) => {}
        }
        if self.moves {
            self.store.sort();
        }
        self.count += 1;
        self.known = None;
        let number = exact(value);
        if number.is_none() {
            self.store.mix();
        }
        match (&mut self.store, number) {
            (Store::Numbers(values), Some(number)) => values.push(number),
            (Store::SortedNumbers(values), Some(number)) => values.insert(number),
            (Store::Mixed(values), _) => values.push(Kept::of(value)),
            (Store::SortedMixed(values), _) => values.insert(Kept::of(value)),
            // Mixed above.
            (Store::Numbers(_) | Store::SortedNumbers(_), None) => {}
        }
        Ok(())
    }

    fn remove(&mut self, row: &Call<'_>) -> Result<()> {
        let value = row.raw(0);
        match value {
            ValueRef::Null => return Ok(()),
            ValueRef::Real(_) => self.reals -= 1,
            ValueRef::Integer(_) | ValueRef::Text(_) | ValueRef::Blob(_) => {}
        }
        self.store.sort();
        self.count -= 1;
        self.known = None;
        match (&mut self.store, exact(value)) {
            (Store::SortedNumbers(values), Some(number)) => values.remove(&number),
            (Store::SortedMixed(values), _) => values.remove(&Kept::of(value)),
            // Sorted above, and mixed when the value came.
            (Store::Numbers(_) | Store::Mixed(_) | Store::SortedNumbers(_), _) => {}
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Value> {
        self.moves = true;
        self.last_value()
    }

    fn last_value(&mut self) -> Result<Value> {
        if self.count == 0 {
            return Ok(Value::Null);
        }
        if let Some(known) = &self.known {
            return Ok(known.clone());
        }
        let value = match self.asked {
            Asked::Median => self.between(0.5),
            Asked::Discrete => self.discrete(self.quantile.unwrap_or(0.5)),
            Asked::Between => self.between(self.quantile.unwrap_or(0.5)),
            Asked::Deviation => self.deviation(),
        };
        self.known = Some(value.clone());
        Ok(value)
    }
}

impl Rows {
    /// Takes the second argument, which is the same for all rows.
    fn ask(&mut self, row: &Call<'_>) -> Result<()> {
        let out_of_range = || FunctionError::OutOfRange {
            function: row.name,
            value: format!("the quantile {}", row.shown(1)),
            range: "0 to 1, or -1 to 0 from the largest down",
        };
        let quantile = row.real(1)?.ok_or_else(out_of_range)?;
        if !(-1.0..=1.0).contains(&quantile) {
            return Err(out_of_range().into());
        }
        match self.quantile {
            #[expect(clippy::float_cmp, reason = "a constant of the statement")]
            Some(first) if first != quantile => {
                let (first, second) = (first.to_string(), quantile.to_string());
                Err(FunctionError::QuantileVaries {
                    function: row.name,
                    first,
                    second,
                }
                .into())
            }
            _ => {
                self.quantile = Some(quantile);
                Ok(())
            }
        }
    }

    /// The value at the place `n - floor(n - q n)`, counted from 1, as DuckDB does; a negative `q` counts from the top.
    fn discrete(&mut self, quantile: f64) -> Value {
        let n = float(self.count);
        let place = index(n - (n - quantile.abs() * n).floor()).max(1) - 1;
        let place = if quantile.is_sign_negative() && quantile != 0.0 {
            self.count - 1 - place
        } else {
            place
        };
        let (value, _) = self.store.at(place, false);
        match (&value, self.reals) {
            (Kept::Real(value), 0) => whole(*value).map_or(Value::Real(*value), Value::Integer),
            _ => value.value(),
        }
    }

    /// The value at the place `(n - 1) q`, counted from 0, on the line between its neighbours.
    fn between(&mut self, quantile: f64) -> Value {
        let place = float(self.count - 1) * quantile.abs();
        let from_top = quantile.is_sign_negative() && quantile != 0.0;
        let (mut low, mut share) = (index(place.floor()), place.fract());
        if from_top {
            low = self.count - 1 - low;
            if share > 0.0 {
                (low, share) = (low - 1, 1.0 - share);
            }
        }
        let (low, high) = self.store.at(low, share > 0.0);
        let Some(high) = high else {
            return low.real().map_or_else(|| low.value(), Value::Real);
        };
        if let (Some(low), Some(high)) = (low.real(), high.real()) {
            return Value::from(low * (1.0 - share) + high * share);
        }
        // Texts have no middle, times do.
        let times = (
            low.text().and_then(parse_time),
            high.text().and_then(parse_time),
        );
        match times {
            (Some(low), Some(high)) => Value::Text(print_time(low + part(high - low, share))),
            _ => low.value(),
        }
    }

    fn deviation(&mut self) -> Value {
        let Value::Real(middle) = self.between(0.5) else {
            return Value::Null;
        };
        let mut distances = self.store.reals();
        for value in &mut distances {
            *value = (*value - middle).abs();
        }
        let (count, store) = (distances.len(), Store::Numbers(distances));
        let (asked, quantile) = (Asked::Median, None);
        Rows {
            asked,
            quantile,
            store,
            count,
            reals: count,
            known: None,
            moves: false,
        }
        .between(0.5)
    }
}

#[expect(clippy::cast_precision_loss, reason = "rows are fewer than 2^53")]
fn float(count: usize) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place among the rows"
)]
fn index(place: f64) -> usize {
    place as usize
}

/// A share of a span of microseconds.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "less than the span"
)]
fn part(span: i64, share: f64) -> i64 {
    (span as f64 * share).round() as i64
}
