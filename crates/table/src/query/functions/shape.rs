//! Skewness and kurtosis.
//!
//! A row that leaves a frame cannot be taken out of a fourth power without a trace, so nothing is taken out: the frame
//! is a queue of two stacks whose sums are only ever merged. It keeps the values, 8 bytes a row.

use rusqlite::Result;
use rusqlite::types::Value;

use super::entry::{Entry, State, aggregate};
use super::values::Call;

const ONE: &[i32] = &[1];

pub(super) static ENTRIES: &[Entry] = &[
    aggregate(
        "skewness",
        "x",
        "skewness of a sample, null for less than three rows",
        ONE,
        || frame(skewness),
    ),
    aggregate(
        "kurtosis",
        "x",
        "excess kurtosis of a sample, null for less than four rows",
        ONE,
        || frame(kurtosis),
    ),
    aggregate(
        "kurtosis_pop",
        "x",
        "excess kurtosis of a whole population",
        ONE,
        || frame(kurtosis_pop),
    ),
];

/// Sums of the powers of the differences to the mean.
#[derive(Clone, Copy, Default)]
struct Powers {
    n: f64,
    /// The first value; the mean is its difference to it, so that a large offset takes no digits.
    shift: f64,
    mean: f64,
    second: f64,
    third: f64,
    fourth: f64,
}

impl Powers {
    fn of(value: f64) -> Self {
        Self {
            n: 1.0,
            shift: value,
            ..Self::default()
        }
    }

    /// The powers of two sets together.
    ///
    /// # Source
    /// Pébay, "Formulas for robust, one-pass parallel computation of covariances and arbitrary-order statistical
    /// moments", SAND2008-6212, eq. (2.1), (2.2) and (3.1).
    fn merged(self, other: Self) -> Self {
        if self.n == 0.0 {
            return other;
        }
        if other.n == 0.0 {
            return self;
        }
        let (a, b) = (self.n, other.n);
        let n = a + b;
        let delta = (other.shift - self.shift) + (other.mean - self.mean);
        let step = delta / n;
        let square = delta * step * a * b;
        Self {
            n,
            shift: self.shift,
            mean: self.mean + step * b,
            second: self.second + other.second + square,
            third: self.third
                + other.third
                + square * step * (a - b)
                + 3.0 * step * (a * other.second - b * self.second),
            fourth: self.fourth
                + other.fourth
                + square * step * step * (a * a - a * b + b * b)
                + 6.0 * step * step * (a * a * other.second + b * b * self.second)
                + 4.0 * step * (a * other.third - b * self.third),
        }
    }
}

/// The rows in the order in which they came: first those of `front`, whose top is the oldest, then those of `back`.
struct Frame {
    /// For each row, the powers of that row and all that came after it up to the start of `back`.
    front: Vec<Powers>,
    back: Vec<f64>,
    /// The powers of all of `back`.
    sum: Powers,
    finish: fn(Powers) -> Option<f64>,
}

fn frame(finish: fn(Powers) -> Option<f64>) -> Box<dyn State> {
    Box::new(Frame {
        front: Vec::new(),
        back: Vec::new(),
        sum: Powers::default(),
        finish,
    })
}

impl State for Frame {
    fn add(&mut self, row: &Call<'_>) -> Result<()> {
        if let Some(value) = row.real(0)? {
            self.back.push(value);
            self.sum = self.sum.merged(Powers::of(value));
        }
        Ok(())
    }

    fn remove(&mut self, row: &Call<'_>) -> Result<()> {
        if row.real(0)?.is_none() {
            return Ok(());
        }
        if self.front.is_empty() {
            let mut sum = Powers::default();
            while let Some(value) = self.back.pop() {
                sum = Powers::of(value).merged(sum);
                self.front.push(sum);
            }
            self.sum = Powers::default();
        }
        self.front.pop();
        Ok(())
    }

    fn value(&mut self) -> Result<Value> {
        let front = self.front.last().copied().unwrap_or_default();
        Ok((self.finish)(front.merged(self.sum)).into())
    }
}

fn skewness(
    Powers {
        n, second, third, ..
    }: Powers,
) -> Option<f64> {
    (n > 2.0 && second > 0.0)
        .then(|| (n * (n - 1.0)).sqrt() / (n - 2.0) * (third / n) / (second / n).powf(1.5))
}

fn kurtosis_pop(
    Powers {
        n, second, fourth, ..
    }: Powers,
) -> Option<f64> {
    (n > 1.0 && second > 0.0).then(|| n * fourth / (second * second) - 3.0)
}

fn kurtosis(powers: Powers) -> Option<f64> {
    let n = powers.n;
    let population = kurtosis_pop(powers)?;
    (n > 3.0).then(|| (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * population + 6.0))
}
