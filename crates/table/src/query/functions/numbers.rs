//! Functions of numbers. Where a number has no result (the root of -1), the result is null, as SQLite has no NaN.

use std::cmp::Ordering;

use rusqlite::Result;
use rusqlite::types::{Value, ValueRef};

use super::entry::{Entry, real, scalar};
use super::error::FunctionError;
use super::values::{Call, Kept, given};

const ONE: &[i32] = &[1];
const TWO: &[i32] = &[2];
const ANY: &[i32] = &[-1];

pub(super) static ENTRIES: &[Entry] = &[
    real("ln", "natural logarithm", f64::ln),
    scalar(
        "log",
        "[base, ]x",
        "logarithm to the base 10 or another",
        &[1, 2],
        log,
    ),
    real("log2", "logarithm to the base 2", f64::log2),
    real("log10", "logarithm to the base 10", f64::log10),
    real("exp", "e to the power x", f64::exp),
    real("sqrt", "square root, null below zero", f64::sqrt),
    real("cbrt", "cube root", f64::cbrt),
    scalar("pow", "x, y", "x to the power y, a real", TWO, power),
    scalar("power", "x, y", "the same as pow", TWO, power),
    scalar("abs", "x", "absolute value", ONE, absolute),
    real(
        "ceil",
        "least whole number that is not below x, a real",
        f64::ceil,
    ),
    real("ceiling", "the same as ceil", f64::ceil),
    real(
        "floor",
        "largest whole number that is not above x, a real",
        f64::floor,
    ),
    scalar(
        "round",
        "x[, digits]",
        "rounded to digits after the point, halves away from zero",
        &[1, 2],
        round,
    ),
    scalar(
        "trunc",
        "x[, digits]",
        "cut to digits after the point",
        &[1, 2],
        truncate,
    ),
    scalar("sign", "x", "-1, 0 or 1", ONE, sign),
    scalar(
        "mod",
        "x, y",
        "rest of x / y with the sign of x, null for y = 0",
        TWO,
        modulo,
    ),
    scalar(
        "fmod",
        "x, y",
        "rest of x / y with the sign of y, a real",
        TWO,
        floored_modulo,
    ),
    scalar(
        "even",
        "x",
        "next even number away from zero, a real",
        ONE,
        even,
    ),
    scalar("pi", "", "3.14159...", &[0], |_| {
        Ok(Value::Real(std::f64::consts::PI))
    }),
    real("degrees", "radians to degrees", f64::to_degrees),
    real("radians", "degrees to radians", f64::to_radians),
    real("sin", "sine", f64::sin),
    real("cos", "cosine", f64::cos),
    real("tan", "tangent", f64::tan),
    real("cot", "cotangent", |x| 1.0 / x.tan()),
    real("asin", "arc sine", f64::asin),
    real("acos", "arc cosine", f64::acos),
    real("atan", "arc tangent", f64::atan),
    scalar(
        "atan2",
        "y, x",
        "angle of the point (x, y)",
        TWO,
        arc_tangent,
    ),
    real("sinh", "hyperbolic sine", f64::sinh),
    real("cosh", "hyperbolic cosine", f64::cosh),
    real("tanh", "hyperbolic tangent", f64::tanh),
    real("asinh", "inverse hyperbolic sine", f64::asinh),
    real("acosh", "inverse hyperbolic cosine", f64::acosh),
    real("atanh", "inverse hyperbolic tangent", f64::atanh),
    scalar(
        "greatest",
        "x, ...",
        "largest argument, nulls are left out",
        ANY,
        |call| extreme(call, Ordering::Greater),
    ),
    scalar(
        "least",
        "x, ...",
        "smallest argument, nulls are left out",
        ANY,
        |call| extreme(call, Ordering::Less),
    ),
    scalar("isnan", "x", "false, as NaN is null here", ONE, |call| {
        test(call, f64::is_nan)
    }),
    scalar("isinf", "x", "whether x is infinite", ONE, |call| {
        test(call, f64::is_infinite)
    }),
    scalar("isfinite", "x", "whether x is finite", ONE, |call| {
        test(call, f64::is_finite)
    }),
    scalar(
        "factorial",
        "n",
        "product of 1 to n, n up to 20",
        ONE,
        factorial,
    ),
    scalar("gcd", "a, b", "greatest common divisor", TWO, divisor),
    scalar(
        "greatest_common_divisor",
        "a, b",
        "the same as gcd",
        TWO,
        divisor,
    ),
    scalar("lcm", "a, b", "least common multiple", TWO, multiple),
    scalar(
        "least_common_multiple",
        "a, b",
        "the same as lcm",
        TWO,
        multiple,
    ),
];

fn log(call: &Call<'_>) -> Result<Value> {
    if call.len() == 1 {
        return Ok(given!(call.real(0)).log10().into());
    }
    let (base, x) = (given!(call.real(0)), given!(call.real(1)));
    Ok((x.log10() / base.log10()).into())
}

fn power(call: &Call<'_>) -> Result<Value> {
    Ok(given!(call.real(0)).powf(given!(call.real(1))).into())
}

fn absolute(call: &Call<'_>) -> Result<Value> {
    if let ValueRef::Integer(value) = call.raw(0) {
        let value = value.checked_abs().ok_or(FunctionError::TooLarge {
            function: call.name,
        })?;
        return Ok(value.into());
    }
    Ok(given!(call.real(0)).abs().into())
}

/// Digits beyond this change no double.
const MOST_DIGITS: i64 = 400;

fn digits(call: &Call<'_>) -> Result<Option<i32>> {
    if call.len() == 1 {
        return Ok(Some(0));
    }
    #[expect(clippy::cast_possible_truncation, reason = "clamped")]
    Ok(call
        .integer(1)?
        .map(|digits| digits.clamp(-MOST_DIGITS, MOST_DIGITS) as i32))
}

/// A whole number in steps of a power of ten; `half` is whether to round and not to cut.
fn steps(value: i64, digits: i32, half: bool) -> Option<i64> {
    if digits >= 0 {
        return Some(value);
    }
    let Some(step) = 10_i128.checked_pow(digits.unsigned_abs()) else {
        return Some(0);
    };
    let value = i128::from(value);
    let half = if half { step / 2 * value.signum() } else { 0 };
    i64::try_from((value + half) / step * step).ok()
}

/// A real in steps of a power of ten; `rule` rounds the steps, whose exact number is the sum of its arguments.
///
/// 2.675 is just below that, so it becomes 2.67, as in DuckDB.
fn scaled(value: f64, digits: i32, rule: fn(f64, f64) -> f64) -> f64 {
    let power = 10.0_f64.powi(digits.abs());
    let size = value.abs();
    let (steps, rest) = if digits < 0 {
        let steps = size / power;
        (steps, -steps.mul_add(power, -size) / power)
    } else {
        let steps = size * power;
        (steps, size.mul_add(power, -steps))
    };
    // A power that no double holds: no digit of a double stands so far behind the point or before it.
    if !power.is_finite() || !steps.is_finite() {
        return if digits < 0 && value.is_finite() {
            0.0
        } else {
            value
        };
    }
    let whole = rule(steps, rest);
    let result = if digits < 0 {
        whole * power
    } else {
        whole / power
    };
    if result.is_finite() {
        result.copysign(value)
    } else {
        value
    }
}

fn nearest(steps: f64, rest: f64) -> f64 {
    let whole = steps.round();
    let beyond = steps - whole;
    if beyond + 0.5 < -rest {
        whole - 1.0
    } else if beyond - 0.5 >= -rest {
        whole + 1.0
    } else {
        whole
    }
}

/// DuckDB cuts the rounded number of steps.
fn cut(steps: f64, _: f64) -> f64 {
    steps.floor()
}

fn round(call: &Call<'_>) -> Result<Value> {
    let digits = given!(digits(call));
    if let ValueRef::Integer(value) = call.raw(0) {
        let value = steps(value, digits, true).ok_or(FunctionError::TooLarge {
            function: call.name,
        })?;
        return Ok(value.into());
    }
    Ok(scaled(given!(call.real(0)), digits, nearest).into())
}

fn truncate(call: &Call<'_>) -> Result<Value> {
    let digits = given!(digits(call));
    if let ValueRef::Integer(value) = call.raw(0) {
        let value = steps(value, digits, false).ok_or(FunctionError::TooLarge {
            function: call.name,
        })?;
        return Ok(value.into());
    }
    Ok(scaled(given!(call.real(0)), digits, cut).into())
}

fn sign(call: &Call<'_>) -> Result<Value> {
    let value = given!(call.real(0));
    Ok((i64::from(value > 0.0) - i64::from(value < 0.0)).into())
}

fn modulo(call: &Call<'_>) -> Result<Value> {
    if let (ValueRef::Integer(x), ValueRef::Integer(y)) = (call.raw(0), call.raw(1)) {
        // Only the least number divided by -1 overflows, and its rest is zero.
        return Ok(if y == 0 {
            Value::Null
        } else {
            x.checked_rem(y).unwrap_or(0).into()
        });
    }
    Ok((given!(call.real(0)) % given!(call.real(1))).into())
}

fn floored_modulo(call: &Call<'_>) -> Result<Value> {
    let (x, y) = (given!(call.real(0)), given!(call.real(1)));
    let rest = x % y;
    Ok(if rest != 0.0 && (rest < 0.0) != (y < 0.0) {
        rest + y
    } else {
        rest
    }
    .into())
}

fn even(call: &Call<'_>) -> Result<Value> {
    let value = given!(call.real(0));
    let whole = if value < 0.0 {
        value.floor()
    } else {
        value.ceil()
    };
    let step = if value < 0.0 { -1.0 } else { 1.0 };
    Ok(if whole % 2.0 == 0.0 {
        whole
    } else {
        whole + step
    }
    .into())
}

fn arc_tangent(call: &Call<'_>) -> Result<Value> {
    Ok(given!(call.real(0)).atan2(given!(call.real(1))).into())
}

fn extreme(call: &Call<'_>, wanted: Ordering) -> Result<Value> {
    let mut best = Kept::Null;
    for index in 0..call.len() {
        let value = Kept::of(call.raw(index));
        if !matches!(value, Kept::Null)
            && (matches!(best, Kept::Null) || value.order(&best) == wanted)
        {
            best = value;
        }
    }
    Ok(best.value())
}

fn test(call: &Call<'_>, holds: fn(f64) -> bool) -> Result<Value> {
    Ok(holds(given!(call.real(0))).into())
}

fn factorial(call: &Call<'_>) -> Result<Value> {
    let n = given!(call.integer(0));
    if !(0..=20).contains(&n) {
        let range = "0 to 20";
        return Err(FunctionError::OutOfRange {
            function: call.name,
            value: n.to_string(),
            range,
        }
        .into());
    }
    Ok((1..=n).product::<i64>().into())
}

fn common(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn divisor(call: &Call<'_>) -> Result<Value> {
    let (a, b) = (given!(call.integer(0)), given!(call.integer(1)));
    let result = i64::try_from(common(a.unsigned_abs(), b.unsigned_abs()));
    Ok(result
        .map_err(|_| FunctionError::TooLarge {
            function: call.name,
        })?
        .into())
}

fn multiple(call: &Call<'_>) -> Result<Value> {
    let (a, b) = (
        given!(call.integer(0)).unsigned_abs(),
        given!(call.integer(1)).unsigned_abs(),
    );
    if a == 0 || b == 0 {
        return Ok(0.into());
    }
    let result = (a / common(a, b))
        .checked_mul(b)
        .and_then(|product| i64::try_from(product).ok());
    Ok(result
        .ok_or(FunctionError::TooLarge {
            function: call.name,
        })?
        .into())
}
