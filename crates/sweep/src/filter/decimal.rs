//! The remainder of decimals: a float stands for the shortest decimal that reads back to it, and the division is
//! exact from there.

use crate::value::Value;

/// A number as `digits * 10^exponent`.
#[derive(Clone, Copy, Debug)]
struct Decimal {
    /// At most 19 digits, those of an `i64`; a float has 17.
    digits: i128,
    exponent: i32,
}

/// Numbers of more digits than this are larger than any `digits`.
const MOST_DIGITS: u32 = 19;

/// `left - right * floor(left / right)`: of the sign of the divisor. `None` if a side is no number, or if the
/// divisor is zero.
pub(super) fn remainder(left: &Value, right: &Value) -> Option<f64> {
    let (a, b) = (decimal(left)?, decimal(right)?);
    if b.digits == 0 {
        return None;
    }
    let gap = a.exponent.abs_diff(b.exponent);
    let (rest, exponent) = if a.exponent >= b.exponent {
        let shifted = a.digits % b.digits * power_of_ten(gap, b.digits) % b.digits;
        (towards(shifted, b.digits), b.exponent)
    } else if gap <= MOST_DIGITS {
        // 19 digits and a shift by 19 fit the 38 digits of an i128.
        let divisor = b.digits * 10_i128.pow(gap);
        (towards(a.digits % divisor, divisor), a.exponent)
    } else if a.digits == 0 || (a.digits < 0) == (b.digits < 0) {
        // The divisor is larger than the number.
        return left.as_float();
    } else {
        return Some(left.as_float()? + right.as_float()?);
    };
    format!("{rest}e{exponent}").parse().ok()
}

/// A remainder that was rounded towards zero, with the sign of the divisor.
fn towards(rest: i128, divisor: i128) -> i128 {
    if rest != 0 && (rest < 0) != (divisor < 0) {
        rest + divisor
    } else {
        rest
    }
}

/// `10^exponent` modulo `modulus`, by squaring.
fn power_of_ten(exponent: u32, modulus: i128) -> i128 {
    let (mut result, mut base, mut rest) = (1 % modulus, 10 % modulus, exponent);
    while rest > 0 {
        if rest & 1 == 1 {
            result = result * base % modulus;
        }
        base = base * base % modulus;
        rest >>= 1;
    }
    result
}

fn decimal(value: &Value) -> Option<Decimal> {
    if let Value::Int(i) = value {
        return Some(Decimal {
            digits: i128::from(*i),
            exponent: 0,
        });
    }
    let text = format!("{:e}", value.as_float()?);
    let (mantissa, exponent) = text.split_once('e')?;
    let fraction = mantissa.split_once('.').map_or(0, |(_, after)| after.len());
    Some(Decimal {
        digits: mantissa.replace('.', "").parse().ok()?,
        exponent: exponent.parse::<i32>().ok()? - i32::try_from(fraction).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_divide_as_written() {
        let check = |a: f64, b: f64, expected: f64| {
            let found = remainder(&Value::Float(a), &Value::Float(b));
            assert_eq!(found, Some(expected), "{a} % {b}");
        };
        for tenths in 1..=20_u32 {
            let x: f64 = format!("{}.{}", tenths / 10, tenths % 10).parse().unwrap();
            check(x, 0.1, 0.0);
        }
        check(0.35, 0.1, 0.05);
        check(-0.35, 0.1, 0.05);
        check(0.35, -0.1, -0.05);
        check(-0.35, -0.1, -0.05);
        check(7.5, 2.0, 1.5);
        check(1e300, 0.7, 0.3);
        check(0.3, 1e300, 0.3);
        check(-0.3, 5.0, 4.7);
        check(-1.0, 1e25, 1e25);
        check(0.0, 1e25, 0.0);
        check(5e-324, 1e-323, 5e-324);
        assert_eq!(remainder(&Value::Float(1.0), &Value::Float(0.0)), None);
        assert_eq!(remainder(&Value::text("x"), &Value::Float(1.0)), None);
        let largest = remainder(&Value::Int(i64::MAX), &Value::Float(0.5));
        assert_eq!(largest, Some(0.0));
    }
}
