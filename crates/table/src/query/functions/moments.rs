//! Variances, covariances and the straight line through pairs.
//!
//! Sums of differences to the first value and of their squares, in twice the precision: rows of one large offset keep
//! every digit, and a row that left a frame leaves an error of 1e-32 of its square. Nothing is kept for each row.

use rusqlite::Result;
use rusqlite::types::Value;

use super::entry::{Entry, State, aggregate};
use super::exact::Exact;
use super::values::Call;

const TWO: &[i32] = &[2];
const ONE: &[i32] = &[1];

pub(super) static ENTRIES: &[Entry] = &[
    aggregate(
        "stddev",
        "x",
        "standard deviation of a sample, null for one row",
        ONE,
        || single(stddev_samp),
    ),
    aggregate("stddev_samp", "x", "the same as stddev", ONE, || {
        single(stddev_samp)
    }),
    aggregate(
        "stddev_pop",
        "x",
        "standard deviation of a whole population",
        ONE,
        || single(stddev_pop),
    ),
    aggregate(
        "variance",
        "x",
        "variance of a sample, null for one row",
        ONE,
        || single(var_samp),
    ),
    aggregate("var_samp", "x", "the same as variance", ONE, || {
        single(var_samp)
    }),
    aggregate(
        "var_pop",
        "x",
        "variance of a whole population",
        ONE,
        || single(var_pop),
    ),
    aggregate(
        "sem",
        "x",
        "standard error of the mean, stddev_pop(x) / sqrt(n)",
        ONE,
        || single(sem),
    ),
    aggregate(
        "corr",
        "y, x",
        "correlation, null where y or x is constant",
        TWO,
        || pairs(corr),
    ),
    aggregate(
        "covar_pop",
        "y, x",
        "covariance of a whole population",
        TWO,
        || pairs(covar_pop),
    ),
    aggregate(
        "covar_samp",
        "y, x",
        "covariance of a sample, null for one row",
        TWO,
        || pairs(covar_samp),
    ),
    aggregate(
        "regr_slope",
        "y, x",
        "slope of the line y = slope * x + intercept",
        TWO,
        || pairs(slope),
    ),
    aggregate(
        "regr_intercept",
        "y, x",
        "intercept of that line",
        TWO,
        || pairs(intercept),
    ),
    aggregate(
        "regr_r2",
        "y, x",
        "share of the variance of y that the line explains",
        TWO,
        || pairs(r2),
    ),
    aggregate(
        "regr_count",
        "y, x",
        "number of rows where neither y nor x is null",
        TWO,
        || Box::new(Count(0)),
    ),
    aggregate("regr_avgx", "y, x", "mean of x over the pairs", TWO, || {
        pairs(|pairs| pairs.x.mean())
    }),
    aggregate("regr_avgy", "y, x", "mean of y over the pairs", TWO, || {
        pairs(|pairs| pairs.y.mean())
    }),
    aggregate(
        "regr_sxx",
        "y, x",
        "sum of squares of x around its mean",
        TWO,
        || pairs(|pairs| pairs.x.squares()),
    ),
    aggregate(
        "regr_syy",
        "y, x",
        "sum of squares of y around its mean",
        TWO,
        || pairs(|pairs| pairs.y.squares()),
    ),
    aggregate(
        "regr_sxy",
        "y, x",
        "sum of products of x and y around their means",
        TWO,
        || pairs(Pairs::products),
    ),
];

/// The sums of one column.
#[derive(Default)]
struct Spread {
    count: u64,
    /// Infinite values: they make every result not a number for as long as they are there.
    infinite: u64,
    shift: f64,
    sum: Exact,
    squared: Exact,
    /// The largest difference to the shift, which bounds the rounding.
    peak: f64,
}

impl Spread {
    /// Adds a value or takes it out; returns its difference to the shift.
    fn update(&mut self, value: f64, add: bool) -> Exact {
        if add {
            if self.count == 0 {
                *self = Self {
                    shift: if value.is_finite() { value } else { 0.0 },
                    ..Self::default()
                };
            }
            self.count += 1;
        } else {
            self.count -= 1;
        }
        if !value.is_finite() {
            self.infinite = if add {
                self.infinite + 1
            } else {
                self.infinite - 1
            };
            return Exact::default();
        }
        let difference = Exact::difference(value, self.shift);
        self.peak = self.peak.max(difference.value().abs());
        let square = difference.times(difference);
        self.sum = signed(self.sum, difference, add);
        self.squared = signed(self.squared, square, add);
        difference
    }

    #[expect(clippy::cast_precision_loss, reason = "rows are fewer than 2^53")]
    fn n(&self) -> f64 {
        self.count as f64
    }

    fn mean(&self) -> Option<f64> {
        let mean = Exact::of(self.shift).plus(self.sum.over(Exact::of(self.n())));
        self.finite()?.then(|| mean.value())
    }

    /// `None` without rows, false if a value is infinite.
    fn finite(&self) -> Option<bool> {
        (self.count > 0).then_some(self.infinite == 0)
    }

    /// The sum of the squares around the mean; differences below the rounding are none.
    fn squares(&self) -> Option<f64> {
        /// The rounding of the sums is some 2^-104 of the largest square.
        const ROUNDING: f64 = 1.0 / (1_u128 << 98) as f64;
        if !self.finite()? {
            return Some(f64::NAN);
        }
        let mean = self.sum.times(self.sum).over(Exact::of(self.n()));
        let squares = self.squared.minus(mean).value();
        if squares.is_nan() {
            // All values are finite: a square is larger than a double.
            return Some(f64::INFINITY);
        }
        Some(if squares <= self.peak * self.peak * ROUNDING {
            0.0
        } else {
            squares
        })
    }
}

fn signed(sum: Exact, term: Exact, add: bool) -> Exact {
    if add { sum.plus(term) } else { sum.minus(term) }
}

/// One column and what is asked of it.
struct Single {
    spread: Spread,
    finish: fn(&Spread) -> Option<f64>,
}

fn single(finish: fn(&Spread) -> Option<f64>) -> Box<dyn State> {
    Box::new(Single {
        spread: Spread::default(),
        finish,
    })
}

impl State for Single {
    fn add(&mut self, row: &Call<'_>) -> Result<()> {
        if let Some(value) = row.real(0)? {
            self.spread.update(value, true);
        }
        Ok(())
    }

    fn remove(&mut self, row: &Call<'_>) -> Result<()> {
        if let Some(value) = row.real(0)? {
            self.spread.update(value, false);
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Value> {
        Ok((self.finish)(&self.spread).into())
    }
}

fn var_pop(spread: &Spread) -> Option<f64> {
    Some(spread.squares()? / spread.n())
}

fn var_samp(spread: &Spread) -> Option<f64> {
    (spread.count > 1).then(|| Some(spread.squares()? / (spread.n() - 1.0)))?
}

fn stddev_pop(spread: &Spread) -> Option<f64> {
    var_pop(spread).map(f64::sqrt)
}

fn stddev_samp(spread: &Spread) -> Option<f64> {
    var_samp(spread).map(f64::sqrt)
}

fn sem(spread: &Spread) -> Option<f64> {
    Some((var_pop(spread)? / spread.n()).sqrt())
}

/// The sums of two columns, over the rows where neither is null.
#[derive(Default)]
struct Pairs {
    y: Spread,
    x: Spread,
    product: Exact,
}

impl Pairs {
    fn update(&mut self, row: &Call<'_>, add: bool) -> Result<()> {
        let (Some(y), Some(x)) = (row.real(0)?, row.real(1)?) else {
            return Ok(());
        };
        if self.x.count == 0 {
            self.product = Exact::default();
        }
        let product = self.y.update(y, add).times(self.x.update(x, add));
        self.product = signed(self.product, product, add);
        Ok(())
    }

    /// The sum of the products around the means.
    fn products(&self) -> Option<f64> {
        if !(self.x.finite()? && self.y.finite()?) {
            return Some(f64::NAN);
        }
        // A constant column varies with nothing: the rounding of its mean is no covariance.
        if self.x.squares()? == 0.0 || self.y.squares()? == 0.0 {
            return Some(0.0);
        }
        let means = self.x.sum.times(self.y.sum).over(Exact::of(self.x.n()));
        Some(self.product.minus(means).value())
    }
}

/// Two columns and the asked statistic.
struct Line {
    pairs: Pairs,
    finish: fn(&Pairs) -> Option<f64>,
}

fn pairs(finish: fn(&Pairs) -> Option<f64>) -> Box<dyn State> {
    Box::new(Line {
        pairs: Pairs::default(),
        finish,
    })
}

impl State for Line {
    fn add(&mut self, row: &Call<'_>) -> Result<()> {
        self.pairs.update(row, true)
    }

    fn remove(&mut self, row: &Call<'_>) -> Result<()> {
        self.pairs.update(row, false)
    }

    fn value(&mut self) -> Result<Value> {
        Ok((self.finish)(&self.pairs).into())
    }
}

fn covar_pop(pairs: &Pairs) -> Option<f64> {
    Some(pairs.products()? / pairs.x.n())
}

fn covar_samp(pairs: &Pairs) -> Option<f64> {
    (pairs.x.count > 1).then(|| Some(pairs.products()? / (pairs.x.n() - 1.0)))?
}

fn corr(pairs: &Pairs) -> Option<f64> {
    Some(pairs.products()? / (pairs.x.squares()?.sqrt() * pairs.y.squares()?.sqrt()))
}

fn slope(pairs: &Pairs) -> Option<f64> {
    Some(pairs.products()? / pairs.x.squares()?)
}

fn intercept(pairs: &Pairs) -> Option<f64> {
    Some(pairs.y.mean()? - slope(pairs)? * pairs.x.mean()?)
}

fn r2(pairs: &Pairs) -> Option<f64> {
    let (x, y) = (pairs.x.squares()?, pairs.y.squares()?);
    if x == 0.0 {
        return None;
    }
    Some(if y == 0.0 {
        1.0
    } else {
        pairs.products()?.powi(2) / (x * y)
    })
}

/// The number of pairs.
struct Count(i64);

impl State for Count {
    fn add(&mut self, row: &Call<'_>) -> Result<()> {
        self.0 += i64::from(row.real(0)?.is_some() && row.real(1)?.is_some());
        Ok(())
    }

    fn remove(&mut self, row: &Call<'_>) -> Result<()> {
        self.0 -= i64::from(row.real(0)?.is_some() && row.real(1)?.is_some());
        Ok(())
    }

    fn value(&mut self) -> Result<Value> {
        Ok(self.0.into())
    }
}
