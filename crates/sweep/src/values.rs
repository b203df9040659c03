//! The values of one key along an axis, lazy where they are a rule.
//!
//! This file owns the rules (list, range, lin, log), their exact decimals and the way back from a value to its
//! position. How a file writes them is read in `spec`.

use std::fmt;

use crate::error::{Mistake, SweepError};
use crate::value::{Value, round_15};

/// Values written out in one list: enough for any grid worth writing by hand, small enough that a hostile
/// file cannot fill the memory (about 10 MB).
pub const MAX_LISTED: usize = 100_000;

/// Points of a lazy axis. Positions up to here and the numbers made from them are exact in an f64.
pub const MAX_POINTS: u64 = 1_000_000_000_000;

/// Two neighbours must differ by this share of the larger end to stay apart when rounded to 15 digits, whose
/// spacing is between 1e-15 and 1e-14 of a number.
const CLOSEST: f64 = 2e-14;

/// The values of one key along an axis.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    List(ValueList),
    /// `start`, `start + step`, ... before `end`; integers.
    Range {
        start: i64,
        end: i64,
        step: i64,
    },
    /// Evenly spaced, both ends included, rounded to 15 digits.
    Lin {
        first: f64,
        last: f64,
        points: u64,
    },
    /// Evenly spaced in the logarithm, both ends included, rounded to 15 digits.
    Log {
        first: f64,
        last: f64,
        points: u64,
    },
}

/// A rule that values can follow, as a file names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    Range,
    Lin,
    Log,
}

impl Rule {
    pub const ALL: [Rule; 3] = [Rule::Range, Rule::Lin, Rule::Log];

    pub fn name(self) -> &'static str {
        match self {
            Rule::Range => "range",
            Rule::Lin => "lin",
            Rule::Log => "log",
        }
    }

    /// The field that says how many values there are.
    pub fn counted_by(self) -> &'static str {
        match self {
            Rule::Range => "step",
            Rule::Lin | Rule::Log => "points",
        }
    }
}

/// A written-out list, and the order of its values for looking one up. Reads as a slice.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueList {
    values: Vec<Value>,
    /// Positions sorted by value; equal values by position.
    order: Vec<u32>,
}

impl ValueList {
    /// # Panics
    /// If there are more than `u32::MAX` values; callers bound lists by [`MAX_LISTED`].
    pub fn new(values: Vec<Value>) -> ValueList {
        assert!(u32::try_from(values.len()).is_ok(), "a list is bounded");
        let mut order: Vec<u32> = (0..values.len() as u32).collect();
        order.sort_by(|a, b| values[*a as usize].cmp(&values[*b as usize]));
        ValueList { values, order }
    }

    /// Position of the first value equal to `value`.
    pub fn find(&self, value: &Value) -> Option<usize> {
        let at = self
            .order
            .partition_point(|i| self.values[*i as usize] < *value);
        let position = *self.order.get(at)? as usize;
        (self.values[position] == *value).then_some(position)
    }
}

impl std::ops::Deref for ValueList {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.values
    }
}

impl Values {
    pub fn list(values: Vec<Value>) -> Values {
        Values::List(ValueList::new(values))
    }

    /// Integers `start`, `start + step`, ... before `end`.
    ///
    /// # Errors
    /// An empty range, a zero step, more than [`MAX_POINTS`] points.
    pub fn range(axis: &str, start: i64, end: i64, step: i64) -> Result<Values, SweepError> {
        if step == 0 {
            return Err(SweepError::new(Mistake::ZeroStep {
                axis: axis.to_owned(),
            })
            .help("a range needs a step of at least 1, or -1 to count down"));
        }
        let points = range_len(start, end, step);
        if points == 0 {
            let error = SweepError::new(Mistake::EmptyAxis {
                axis: axis.to_owned(),
            });
            return Err(if (end < start) == (step > 0) && start != end {
                error.help("the step leads away from the end")
            } else {
                error.help("a range is half open: [1, 9] ends at 8")
            });
        }
        if points > u128::from(MAX_POINTS) {
            return Err(Mistake::TooManyPoints {
                axis: axis.to_owned(),
                count: points,
                limit: MAX_POINTS,
            }
            .into());
        }
        Ok(Values::Range { start, end, step })
    }

    /// `points` numbers from `first` to `last`, both included.
    ///
    /// # Errors
    /// Fewer points than ends, points that are equal in 15 digits, more than [`MAX_POINTS`].
    pub fn lin(axis: &str, first: f64, last: f64, points: u64) -> Result<Values, SweepError> {
        check_points(axis, first, last, points)?;
        let widest = first.abs().max(last.abs());
        // Half the distance cannot overflow.
        let half_step = (last / 2.0 - first / 2.0).abs() / points.saturating_sub(1).max(1) as f64;
        if points > 1 && half_step < CLOSEST / 2.0 * widest {
            return Err(too_close(axis));
        }
        Ok(Values::Lin {
            first,
            last,
            points,
        })
    }

    /// `points` numbers from `first` to `last`, both included, each the same multiple of the one before.
    ///
    /// # Errors
    /// As [`Values::lin`], and ends that are not positive.
    pub fn log(axis: &str, first: f64, last: f64, points: u64) -> Result<Values, SweepError> {
        if first <= 0.0 || last <= 0.0 {
            return Err(SweepError::new(Mistake::BadEnds {
                axis: axis.to_owned(),
                found: format!("[{first}, {last}]"),
                needs: "positive ends for `log`",
            })
            .help("`lin` spaces evenly and takes any ends"));
        }
        check_points(axis, first, last, points)?;
        let step = (last.ln() - first.ln()).abs() / points.saturating_sub(1).max(1) as f64;
        if points > 1 && step < CLOSEST {
            return Err(too_close(axis));
        }
        Ok(Values::Log {
            first,
            last,
            points,
        })
    }

    pub fn len(&self) -> u64 {
        match self {
            Values::List(list) => list.values.len() as u64,
            // Bounded by MAX_POINTS on construction.
            Values::Range { start, end, step } => range_len(*start, *end, *step) as u64,
            Values::Lin { points, .. } | Values::Log { points, .. } => *points,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `None` for a written-out list.
    pub fn rule(&self) -> Option<Rule> {
        match self {
            Values::List(_) => None,
            Values::Range { .. } => Some(Rule::Range),
            Values::Lin { .. } => Some(Rule::Lin),
            Values::Log { .. } => Some(Rule::Log),
        }
    }

    /// The values of a written-out list; `None` for a rule, which never repeats a value.
    pub fn listed(&self) -> Option<&ValueList> {
        match self {
            Values::List(list) => Some(list),
            Values::Range { .. } | Values::Lin { .. } | Values::Log { .. } => None,
        }
    }

    /// The first of evenly spaced integers, and their distance.
    pub fn steps(&self) -> Option<(i64, i64)> {
        match self {
            Values::Range { start, step, .. } => Some((*start, *step)),
            Values::List(_) | Values::Lin { .. } | Values::Log { .. } => None,
        }
    }

    /// The values ascend or descend, so the ends of a part bound the part.
    pub fn is_monotone(&self) -> bool {
        match self {
            Values::List(list) => list.is_sorted() || list.is_sorted_by(|a, b| a >= b),
            Values::Range { .. } | Values::Lin { .. } | Values::Log { .. } => true,
        }
    }

    /// Two values of a rule between which all others are.
    pub fn ends(&self) -> [Value; 2] {
        match self {
            Values::List(_) | Values::Range { .. } | Values::Lin { .. } | Values::Log { .. } => {
                [self.get(0), self.get(self.len() - 1)]
            }
        }
    }

    /// The value at position `j`.
    ///
    /// # Panics
    /// If `j` is not below [`Values::len`].
    pub fn get(&self, j: u64) -> Value {
        assert!(j < self.len(), "position {j} of {}", self.len());
        match self {
            Values::List(list) => list.values[j as usize].clone(),
            // Within i64, since it lies between start and end.
            Values::Range { start, step, .. } => {
                Value::Int((i128::from(*start) + i128::from(j) * i128::from(*step)) as i64)
            }
            Values::Lin { .. } | Values::Log { .. } => Value::Float(self.float(j)),
        }
    }

    /// Position of `value`: the first if a list repeats it (as a column of a `[[zip]]` may).
    pub fn find(&self, value: &Value) -> Option<u64> {
        match self {
            Values::List(list) => list.find(value).map(|j| j as u64),
            Values::Range { start, end, step } => {
                let Value::Int(value) = value else {
                    // An integral float is the same number.
                    let x = value.as_float()?;
                    let whole = (x.fract() == 0.0 && x.abs() < 9.0e18).then_some(x as i64)?;
                    return self.find(&Value::Int(whole));
                };
                let ahead = i128::from(*value) - i128::from(*start);
                let step = i128::from(*step);
                let inside = ahead % step == 0 && ahead / step >= 0;
                let j = u64::try_from(ahead.checked_div(step)?).ok()?;
                (inside && u128::from(j) < range_len(*start, *end, step as i64)).then_some(j)
            }
            Values::Lin {
                first,
                last,
                points,
            } => {
                let x = value.as_float()?;
                // Halves, since the whole distance may overflow.
                let share = (x / 2.0 - first / 2.0) / (last / 2.0 - first / 2.0);
                self.find_near(x, share, *points)
            }
            Values::Log {
                first,
                last,
                points,
            } => {
                let x = value.as_float()?;
                let share = (x.ln() - first.ln()) / (last.ln() - first.ln());
                self.find_near(x, share, *points)
            }
        }
    }

    /// Position of the float `x` near the share `share` of the way from the first point to the last.
    fn find_near(&self, x: f64, share: f64, points: u64) -> Option<u64> {
        if points == 1 {
            return (self.float(0) == x).then_some(0);
        }
        let guess = share * (points - 1) as f64;
        let near = guess > -2.0 && guess < points as f64 + 1.0;
        if !near {
            return None;
        }
        // Rounding moves the guess by well under one position (neighbours are 2e-14 apart and there are at
        // most 1e12 of them), but a position more costs nothing.
        let nearest = guess.round().max(0.0) as u64;
        let low = nearest.saturating_sub(2);
        let high = (nearest + 2).min(points - 1);
        (low..=high).find(|j| self.float(*j) == x)
    }

    /// The number at position `j` of a `lin` or `log` axis.
    fn float(&self, j: u64) -> f64 {
        match self {
            Values::Lin {
                first,
                last,
                points,
            } => between(*first, *last, *points, j, lin_between),
            Values::Log {
                first,
                last,
                points,
            } => between(*first, *last, *points, j, log_between),
            Values::List(_) | Values::Range { .. } => f64::NAN,
        }
    }
}

/// The ends as written, everything between them by `rule`.
fn between(first: f64, last: f64, points: u64, j: u64, rule: fn(f64, f64, u64, u64) -> f64) -> f64 {
    if j == 0 {
        first
    } else if j + 1 == points {
        last
    } else {
        rule(first, last, points - 1, j)
    }
}

/// Point `j` of `steps` even steps from `first` to `last`, computed on their decimals: what a person would write.
fn lin_between(first: f64, last: f64, steps: u64, j: u64) -> f64 {
    exact_lin(first, last, steps, j).unwrap_or_else(|| {
        // Ends of so different a size that integers cannot hold both: floats lose nothing visible then.
        let share = j as f64 / steps as f64;
        round_15(first * (1.0 - share) + last * share)
    })
}

/// `(first (steps - j) + last j) / steps` in integers of the finer of the two decimals; `None` if they overflow.
fn exact_lin(first: f64, last: f64, steps: u64, j: u64) -> Option<f64> {
    let (first, first_exponent) = decimal(first)?;
    let (last, last_exponent) = decimal(last)?;
    let exponent = match (first, last) {
        (0, _) => last_exponent,
        (_, 0) => first_exponent,
        _ => first_exponent.min(last_exponent),
    };
    let scaled = |digits: i128, own: i32| {
        if digits == 0 {
            return Some(0);
        }
        let shift = u32::try_from(own - exponent).ok()?;
        digits.checked_mul(10_i128.checked_pow(shift)?)
    };
    let sum = scaled(first, first_exponent)?
        .checked_mul(i128::from(steps - j))?
        .checked_add(scaled(last, last_exponent)?.checked_mul(i128::from(j))?)?;
    let steps = i128::from(steps);
    let digits = if sum % steps == 0 {
        (sum / steps) as f64
    } else {
        sum as f64 / steps as f64
    };
    let text = format!("{digits:.14e}");
    let (mantissa, own) = text.split_once('e')?;
    format!("{mantissa}e{}", own.parse::<i32>().ok()? + exponent)
        .parse()
        .ok()
}

/// The shortest decimal of a finite float: digits and a power of ten.
fn decimal(x: f64) -> Option<(i128, i32)> {
    let text = format!("{x:e}");
    let (mantissa, exponent) = text.split_once('e')?;
    let places = mantissa.split_once('.').map_or(0, |(_, after)| after.len());
    let digits = mantissa.replace('.', "").parse().ok()?;
    Some((
        digits,
        exponent.parse::<i32>().ok()? - i32::try_from(places).ok()?,
    ))
}

/// Point `j` of `steps` steps from `first` to `last`, each the same multiple of the one before.
///
/// The logarithm of the ratio is carried with its rounding error: over twenty decades that error alone would
/// show in the 15th digit, and 1e-3 would come out as 0.00100000000000001.
fn log_between(first: f64, last: f64, steps: u64, j: u64) -> f64 {
    let (log, error) = log_ratio(first, last);
    let (j, steps) = (j as f64, steps as f64);
    let product = log * j;
    let product_error = log.mul_add(j, -product) + error * j;
    let quotient = product / steps;
    let quotient_error = ((-quotient).mul_add(steps, product) + product_error) / steps;
    // In two halves, since the factor of ends like 1e-300 and 1e300 overflows.
    let half = (quotient / 2.0).exp();
    let value = first * half * half;
    round_15(value + value * quotient_error)
}

/// `ln(last / first)` and what rounding took from it.
fn log_ratio(first: f64, last: f64) -> (f64, f64) {
    let (low, low_error) = log_of(first);
    let (high, high_error) = log_of(last);
    let log = high - low;
    // The error of that difference, exactly (Knuth's two-sum).
    let back = log - high;
    let error = (high - (log - back)) - (low + back);
    (log, error + high_error - low_error)
}

/// `ln(x)` and what rounding took from it.
fn log_of(x: f64) -> (f64, f64) {
    let log = x.ln();
    let back = log.exp();
    let error = (x - back) / back;
    (log, if error.is_finite() { error } else { 0.0 })
}

/// Points of a half-open range; zero if the step is zero or leads away.
fn range_len(start: i64, end: i64, step: i64) -> u128 {
    let distance = i128::from(end) - i128::from(start);
    if step == 0 || distance == 0 || (distance > 0) != (step > 0) {
        return 0;
    }
    distance
        .unsigned_abs()
        .div_ceil(u128::from(step.unsigned_abs()))
}

fn check_points(axis: &str, first: f64, last: f64, points: u64) -> Result<(), SweepError> {
    if points == 0 {
        return Err(Mistake::EmptyAxis {
            axis: axis.to_owned(),
        }
        .into());
    }
    if points > MAX_POINTS {
        return Err(Mistake::TooManyPoints {
            axis: axis.to_owned(),
            count: u128::from(points),
            limit: MAX_POINTS,
        }
        .into());
    }
    if (points == 1) != (first == last) {
        return Err(SweepError::new(Mistake::BadEnds {
            axis: axis.to_owned(),
            found: format!("[{first}, {last}] with {points} points"),
            needs: "two different ends and at least 2 points, or one end twice and 1 point",
        })
        .help("both ends are points of the axis"));
    }
    Ok(())
}

fn too_close(axis: &str) -> SweepError {
    SweepError::new(Mistake::PointsTooClose {
        axis: axis.to_owned(),
    })
    .help("take fewer points or ends further apart")
}

impl fmt::Display for Values {
    /// As the sweep file writes them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::value::float_text;
        let rule = self.rule().map_or("", Rule::name);
        match self {
            Values::List(list) => write!(f, "{}", Value::List(list.values.clone())),
            Values::Range {
                start,
                end,
                step: 1,
            } => write!(f, "{{ {rule} = [{start}, {end}] }}"),
            Values::Range { start, end, step } => {
                write!(f, "{{ {rule} = [{start}, {end}], step = {step} }}")
            }
            Values::Lin {
                first,
                last,
                points,
            }
            | Values::Log {
                first,
                last,
                points,
            } => write!(
                f,
                "{{ {rule} = [{}, {}], points = {points} }}",
                float_text(*first),
                float_text(*last)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(values: &Values) -> Vec<Value> {
        (0..values.len()).map(|j| values.get(j)).collect()
    }

    fn floats(values: &Values) -> Vec<f64> {
        all(values).iter().filter_map(Value::as_float).collect()
    }

    #[test]
    fn ranges_are_half_open() {
        let check = |start, end, step, expected: &[i64]| {
            let values = Values::range("x", start, end, step).expect("a range");
            let found: Vec<i64> = all(&values).iter().filter_map(Value::as_int).collect();
            assert_eq!(found, expected);
        };
        check(1, 9, 2, &[1, 3, 5, 7]);
        check(0, 3, 1, &[0, 1, 2]);
        check(9, 1, -3, &[9, 6, 3]);
        check(i64::MAX - 1, i64::MAX, 5, &[i64::MAX - 1]);
    }

    #[test]
    fn bad_ranges_are_refused() {
        let check = |start, end, step, expected: &str| {
            let error = Values::range("x", start, end, step).expect_err("no range");
            assert_eq!(error.to_string(), expected);
        };
        check(1, 1, 1, "axis `x` is empty");
        check(1, 9, -1, "axis `x` is empty");
        check(1, 9, 0, "the step of axis `x` is zero");
        check(
            i64::MIN,
            i64::MAX,
            1,
            "axis `x` has 18446744073709551615 points, more than 1000000000000",
        );
    }

    #[test]
    fn decimals_are_exact() {
        let lin =
            |first, last, points| floats(&Values::lin("x", first, last, points).expect("an axis"));
        assert_eq!(lin(0.1, 0.3, 3), [0.1, 0.2, 0.3]);
        assert_eq!(
            lin(0.0, 1.0, 11),
            [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
        );
        assert_eq!(lin(-0.3, 0.3, 7), [-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3]);
        assert_eq!(lin(1.3, -0.7, 21)[13], 0.0);
        assert_eq!(lin(-1.0, 1.0, 2001)[1001], 0.001);
        assert_eq!(lin(0.0, 1.0, 4)[1], 0.333333333333333);
        assert_eq!(lin(5.0, 5.0, 1), [5.0]);
        assert_eq!(lin(-1e308, 1e308, 3)[1], 0.0);
        let log =
            |first, last, points| floats(&Values::log("x", first, last, points).expect("an axis"));
        assert_eq!(log(1e-3, 1.0, 4), [0.001, 0.01, 0.1, 1.0]);
        assert_eq!(log(1.0, 0.01, 3), [1.0, 0.1, 0.01]);
        let decades = log(1e-10, 1e10, 21);
        for (k, x) in (-10..=10).zip(decades) {
            assert_eq!(x, format!("1e{k}").parse::<f64>().expect("a number"));
        }
        let doublings = log(1.0, 1_048_576.0, 21);
        for (k, x) in (0..=20).zip(doublings) {
            assert_eq!(x, f64::from(1 << k));
        }
    }

    #[test]
    fn bad_ends_are_refused() {
        let check = |values: Result<Values, SweepError>, expected: &str| {
            assert_eq!(values.expect_err(expected).to_string(), expected);
        };
        check(Values::lin("x", 0.0, 1.0, 0), "axis `x` is empty");
        check(
            Values::lin("x", 0.0, 1.0, 1),
            "axis `x` needs two different ends and at least 2 points, or one end twice and 1 point, \
             found [0, 1] with 1 points",
        );
        check(
            Values::log("x", 0.0, 1.0, 3),
            "axis `x` needs positive ends for `log`, found [0, 1]",
        );
        check(
            Values::lin("x", 1.0, 1.0 + 1e-12, 1000),
            "axis `x` repeats a value: its points are equal in 15 digits",
        );
    }

    #[test]
    fn a_billion_points_cost_nothing() {
        let range = Values::range("x", 0, 1_000_000_000, 1).expect("a range");
        assert_eq!(range.find(&Value::Int(999_999_999)), Some(999_999_999));
        assert_eq!(range.find(&Value::Int(1_000_000_000)), None);
        assert_eq!(range.find(&Value::Float(7.0)), Some(7));
        let lin = Values::lin("x", 0.0, 1.0, 1_000_000_001).expect("an axis");
        assert_eq!(lin.find(&Value::Float(0.123456789)), Some(123_456_789));
        assert_eq!(lin.find(&Value::Float(0.1234567891)), None);
    }

    proptest! {
        #[test]
        fn every_position_is_found_again(
            first in -1000i64..1000,
            width in 1i64..1000,
            points in 2u64..200,
            places in 0u32..4,
            kind in 0usize..4,
        ) {
            let scale = f64::from(10u32.pow(places));
            let (low, high) = (first as f64 / scale, (first + width) as f64 / scale);
            let values = match kind {
                0 => Values::range("x", first, first + width, 7).expect("a range"),
                1 => Values::lin("x", low, high, points).expect("an axis"),
                2 => Values::log("x", low.abs() + 0.5, low.abs() + 1.0 + high.abs(), points)
                    .expect("an axis"),
                _ => Values::list(
                    (0..points as i64).map(|i| Value::Int((i * 37) % 211)).collect(),
                ),
            };
            for j in 0..values.len() {
                prop_assert_eq!(values.find(&values.get(j)), Some(j));
            }
            prop_assert_eq!(values.find(&Value::Float(1e17)), None);
            prop_assert_eq!(values.find(&Value::text("1")), None);
        }
    }
}
