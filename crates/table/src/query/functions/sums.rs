//! Sums, products and conditions over rows.

use rusqlite::Result;
use rusqlite::types::Value;

use super::entry::{Entry, State, aggregate};
use super::exact::Exact;
use super::values::Call;

const ONE: &[i32] = &[1];

pub(super) static ENTRIES: &[Entry] = &[
    aggregate(
        "fsum",
        "x",
        "sum of numbers without rounding on the way",
        ONE,
        || total(|total| Some(total.sum())),
    ),
    aggregate("kahan_sum", "x", "the same as fsum", ONE, || {
        total(|total| Some(total.sum()))
    }),
    aggregate("sumkahan", "x", "the same as fsum", ONE, || {
        total(|total| Some(total.sum()))
    }),
    aggregate(
        "favg",
        "x",
        "mean of numbers without rounding on the way",
        ONE,
        || total(Total::mean),
    ),
    aggregate("mean", "x", "the same as avg", ONE, || total(Total::mean)),
    aggregate("geomean", "x", "geometric mean", ONE, || {
        Box::new(Geometric::default())
    }),
    aggregate("geometric_mean", "x", "the same as geomean", ONE, || {
        Box::new(Geometric::default())
    }),
    aggregate("product", "x", "product of numbers", ONE, || {
        Box::new(Product::default())
    }),
    aggregate(
        "count_if",
        "condition",
        "number of rows where the condition holds, null for no rows",
        ONE,
        || conditions(|held| Some(held.yes)),
    ),
    aggregate("countif", "condition", "the same as count_if", ONE, || {
        conditions(|held| Some(held.yes))
    }),
    aggregate(
        "bool_and",
        "condition",
        "whether the condition holds in every row",
        ONE,
        || conditions(|held| Some(i64::from(held.no == 0))),
    ),
    aggregate(
        "bool_or",
        "condition",
        "whether the condition holds in any row",
        ONE,
        || conditions(|held| Some(i64::from(held.yes > 0))),
    ),
];

/// A sum of doubles in twice the precision. Infinities are counted apart, so they can leave again.
#[derive(Default)]
struct Total {
    count: u32,
    sum: Exact,
    rises: u32,
    falls: u32,
}

impl Total {
    fn update(&mut self, value: f64, add: bool) {
        let counter = if value == f64::INFINITY {
            Some(&mut self.rises)
        } else if value == f64::NEG_INFINITY {
            Some(&mut self.falls)
        } else {
            None
        };
        match (counter, add) {
            (Some(counter), true) => *counter += 1,
            (Some(counter), false) => *counter -= 1,
            (None, true) => self.sum = self.sum.plus(Exact::of(value)),
            (None, false) => self.sum = self.sum.minus(Exact::of(value)),
        }
        self.count = if add { self.count + 1 } else { self.count - 1 };
        if self.count == 0 {
            self.sum = Exact::default();
        }
    }

    fn sum(&self) -> f64 {
        match (self.rises > 0, self.falls > 0) {
            (false, false) => self.sum.value(),
            (true, false) => f64::INFINITY,
            (false, true) => f64::NEG_INFINITY,
            (true, true) => f64::NAN,
        }
    }

    fn mean(&self) -> Option<f64> {
        Some(self.sum() / f64::from(self.count))
    }
}

struct Totals {
    total: Total,
    finish: fn(&Total) -> Option<f64>,
}

fn total(finish: fn(&Total) -> Option<f64>) -> Box<dyn State> {
    Box::new(Totals {
        total: Total::default(),
        finish,
    })
}

impl State for Totals {
    fn add(&mut self, row: &Call<'_>) -> Result<()> {
        if let Some(value) = row.real(0)? {
            self.total.update(value, true);
        }
        Ok(())
    }

    fn remove(&mut self, row: &Call<'_>) -> Result<()> {
        if let Some(value) = row.real(0)? {
            self.total.update(value, false);
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Value> {
        let any = self.total.count > 0;
        Ok(any.then(|| (self.finish)(&self.total)).flatten().into())
    }
}

/// The mean of the logarithms. Numbers below zero have none and make the result null.
#[derive(Default)]
struct Geometric {
    logarithms: Total,
    negative: u32,
}

impl Geometric {
    fn update(&mut self, row: &Call<'_>, add: bool) -> Result<()> {
        let Some(value) = row.real(0)? else {
            return Ok(());
        };
        if value < 0.0 {
            self.negative = if add {
                self.negative + 1
            } else {
                self.negative - 1
            };
        } else {
            self.logarithms.update(value.ln(), add);
        }
        Ok(())
    }
}

impl State for Geometric {
    fn add(&mut self, row: &Call<'_>) -> Result<()> {
        self.update(row, true)
    }

    fn remove(&mut self, row: &Call<'_>) -> Result<()> {
        self.update(row, false)
    }

    fn value(&mut self) -> Result<Value> {
        let any = self.logarithms.count > 0 && self.negative == 0;
        Ok(any
            .then(|| self.logarithms.mean())
            .flatten()
            .map(f64::exp)
            .into())
    }
}

/// A product as a number between a half and two, and a power of two: factors can leave by division, and nothing
/// overflows on the way. Zeros and infinities are counted apart.
struct Product {
    count: u32,
    zeros: u32,
    infinite: u32,
    negative: u32,
    digits: Exact,
    exponent: i64,
}

impl Default for Product {
    fn default() -> Self {
        Self {
            count: 0,
            zeros: 0,
            infinite: 0,
            negative: 0,
            digits: Exact::of(1.0),
            exponent: 0,
        }
    }
}

impl Product {
    fn update(&mut self, row: &Call<'_>, add: bool) -> Result<()> {
        let Some(value) = row.real(0)? else {
            return Ok(());
        };
        let step = |counter: &mut u32| *counter = if add { *counter + 1 } else { *counter - 1 };
        step(&mut self.count);
        if self.count == 0 {
            *self = Self::default();
            return Ok(());
        }
        if value.is_sign_negative() && value != 0.0 {
            step(&mut self.negative);
        }
        if value == 0.0 {
            step(&mut self.zeros);
        } else if value.is_infinite() {
            step(&mut self.infinite);
        } else {
            let (digits, exponent) = parts(value.abs());
            let factor = Exact::of(digits);
            self.digits = if add {
                self.digits.times(factor)
            } else {
                self.digits.over(factor)
            };
            self.exponent += if add { exponent } else { -exponent };
            let (_, carry) = parts(self.digits.value());
            self.digits = self.digits.times(Exact::of(power_of_two(-carry)));
            self.exponent += carry;
        }
        Ok(())
    }
}

impl State for Product {
    fn add(&mut self, row: &Call<'_>) -> Result<()> {
        self.update(row, true)
    }

    fn remove(&mut self, row: &Call<'_>) -> Result<()> {
        self.update(row, false)
    }

    fn value(&mut self) -> Result<Value> {
        if self.count == 0 {
            return Ok(Value::Null);
        }
        let size = match (self.zeros > 0, self.infinite > 0) {
            (true, true) => f64::NAN,
            (true, false) => 0.0,
            (false, true) => f64::INFINITY,
            // In two steps, as the power alone can be out of range.
            (false, false) => {
                let half = self.exponent / 2;
                self.digits.value() * power_of_two(half) * power_of_two(self.exponent - half)
            }
        };
        Ok(if self.negative % 2 == 1 { -size } else { size }.into())
    }
}

/// A positive number as digits from 1 up to 2 and a power of two.
fn parts(value: f64) -> (f64, i64) {
    /// Lifts the numbers that have no power of their own.
    const LIFT: i64 = 60;
    if value < f64::MIN_POSITIVE {
        let (digits, exponent) = parts(value * power_of_two(LIFT));
        return (digits, exponent - LIFT);
    }
    let bits = value.to_bits();
    #[expect(clippy::cast_possible_wrap, reason = "eleven bits")]
    let exponent = (bits >> 52) as i64 - 1023;
    (
        f64::from_bits(bits & ((1 << 52) - 1) | (1023 << 52)),
        exponent,
    )
}

fn power_of_two(exponent: i64) -> f64 {
    // Beyond these bounds a double is infinite or zero anyway.
    #[expect(clippy::cast_possible_truncation, reason = "clamped")]
    2.0_f64.powi(exponent.clamp(-1100, 1100) as i32)
}

/// In how many rows a condition holds and does not.
#[derive(Default)]
struct Held {
    yes: i64,
    no: i64,
}

struct Conditions {
    held: Held,
    finish: fn(&Held) -> Option<i64>,
}

fn conditions(finish: fn(&Held) -> Option<i64>) -> Box<dyn State> {
    Box::new(Conditions {
        held: Held::default(),
        finish,
    })
}

impl Conditions {
    fn update(&mut self, row: &Call<'_>, step: i64) -> Result<()> {
        match row.truth(0)? {
            Some(true) => self.held.yes += step,
            Some(false) => self.held.no += step,
            None => {}
        }
        Ok(())
    }
}

impl State for Conditions {
    fn add(&mut self, row: &Call<'_>) -> Result<()> {
        self.update(row, 1)
    }

    fn remove(&mut self, row: &Call<'_>) -> Result<()> {
        self.update(row, -1)
    }

    fn value(&mut self) -> Result<Value> {
        let any = self.held.yes + self.held.no > 0;
        Ok(any.then(|| (self.finish)(&self.held)).flatten().into())
    }
}
