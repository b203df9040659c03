//! Conversions as DuckDB's CAST and TRY_CAST do them, and the few conditions that SQLite writes otherwise.

use rusqlite::Result;
use rusqlite::types::{Value, ValueRef};

use super::calendar::{parse_time, print_date, print_time};
use super::entry::{Entry, scalar};
use super::error::FunctionError;
use super::values::{Call, parse_boolean, parse_real, whole};

const ONE: &[i32] = &[1];

pub(super) static ENTRIES: &[Entry] = &[
    scalar(
        "cast_integer",
        "x",
        "x as a whole number, halves to the even one; an error if it is none",
        ONE,
        |call| {
            demand(call, integer(call), |function, value| {
                FunctionError::NotWhole { function, value }
            })
        },
    ),
    scalar(
        "cast_real",
        "x",
        "x as a real, an error if it is no number",
        ONE,
        |call| {
            demand(call, number(call), |function, value| {
                FunctionError::NotNumber { function, value }
            })
        },
    ),
    scalar(
        "cast_boolean",
        "x",
        "x as true or false, an error if it is neither",
        ONE,
        |call| {
            demand(call, boolean(call), |function, value| {
                FunctionError::NotBoolean { function, value }
            })
        },
    ),
    scalar(
        "timestamp",
        "x",
        "x as YYYY-MM-DD HH:MM:SS[.ffffff], an error if it is no time",
        ONE,
        |call| {
            demand(call, time(call), |function, value| FunctionError::NotTime {
                function,
                value,
            })
        },
    ),
    scalar(
        "cast_date",
        "x",
        "x as YYYY-MM-DD, an error if it is no time",
        ONE,
        |call| {
            demand(call, date(call), |function, value| FunctionError::NotTime {
                function,
                value,
            })
        },
    ),
    scalar(
        "try_cast_integer",
        "x",
        "x as a whole number, null if it is none",
        ONE,
        |call| Ok(attempt(integer(call))),
    ),
    scalar(
        "try_cast_real",
        "x",
        "x as a real, null if it is no number",
        ONE,
        |call| Ok(attempt(number(call))),
    ),
    scalar(
        "try_cast_boolean",
        "x",
        "x as true or false, null if it is neither",
        ONE,
        |call| Ok(attempt(boolean(call))),
    ),
    scalar(
        "try_timestamp",
        "x",
        "x as YYYY-MM-DD HH:MM:SS[.ffffff], null if it is no time",
        ONE,
        |call| Ok(attempt(time(call))),
    ),
    scalar(
        "try_date",
        "x",
        "x as YYYY-MM-DD, null if it is no time",
        ONE,
        |call| Ok(attempt(date(call))),
    ),
];

fn attempt(value: Option<Value>) -> Value {
    value.unwrap_or(Value::Null)
}

/// The value; an error if there is none and the argument is not null.
fn demand(
    call: &Call<'_>,
    value: Option<Value>,
    error: fn(&'static str, String) -> FunctionError,
) -> Result<Value> {
    match (value, call.raw(0)) {
        (Some(value), _) => Ok(value),
        (None, ValueRef::Null) => Ok(Value::Null),
        (None, _) => Err(error(call.name, call.shown(0)).into()),
    }
}

fn letters<'a>(call: &'a Call<'_>) -> Option<&'a str> {
    match call.raw(0) {
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok(),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => None,
    }
}

fn integer(call: &Call<'_>) -> Option<Value> {
    let result = match call.raw(0) {
        ValueRef::Integer(value) => Some(value),
        ValueRef::Real(value) => whole(value.round_ties_even()),
        ValueRef::Text(_) => letters(call).and_then(integer_of),
        ValueRef::Null | ValueRef::Blob(_) => None,
    };
    result.map(Value::Integer)
}

/// A whole number from a text; a decimal one is rounded, halves away from zero, as DuckDB does with texts.
fn integer_of(text: &str) -> Option<i64> {
    let text = text.trim();
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    if let Some(digits) = hexadecimal {
        return i64::from_str_radix(digits, 16).ok();
    }
    text.parse()
        .ok()
        .or_else(|| parse_real(text).map(f64::round).and_then(whole))
}

fn number(call: &Call<'_>) -> Option<Value> {
    match call.raw(0) {
        #[expect(clippy::cast_precision_loss, reason = "asked for")]
        ValueRef::Integer(value) => Some(Value::Real(value as f64)),
        ValueRef::Real(value) => Some(Value::Real(value)),
        ValueRef::Text(_) => letters(call).and_then(parse_real).map(Value::from),
        ValueRef::Null | ValueRef::Blob(_) => None,
    }
}

fn boolean(call: &Call<'_>) -> Option<Value> {
    let truth = match call.raw(0) {
        ValueRef::Integer(value) => Some(value != 0),
        ValueRef::Real(value) => Some(value != 0.0),
        ValueRef::Text(_) => letters(call).and_then(parse_boolean),
        ValueRef::Null | ValueRef::Blob(_) => None,
    };
    truth.map(Value::from)
}

fn time(call: &Call<'_>) -> Option<Value> {
    letters(call)
        .and_then(parse_time)
        .map(|time| Value::Text(print_time(time)))
}

fn date(call: &Call<'_>) -> Option<Value> {
    letters(call)
        .and_then(parse_time)
        .map(|time| Value::Text(print_date(time)))
}
