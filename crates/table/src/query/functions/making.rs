//! Functions that make times, of their parts, of a number and of the clock.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::Result;
use rusqlite::types::{Value, ValueRef};

use super::calendar::{HOUR, MINUTE, SECOND, date, in_years, micros, print_date, print_time};
use super::dates::{printed, time};
use super::entry::{Entry, scalar};
use super::error::FunctionError;
use super::values::{Call, given};

const NONE: &[i32] = &[0];
const ONE: &[i32] = &[1];
const THREE: &[i32] = &[3];

pub(super) static ENTRIES: &[Entry] = &[
    scalar(
        "make_date",
        "year, month, day",
        "date of its parts",
        THREE,
        make_date,
    ),
    scalar(
        "make_timestamp",
        "year, month, day, hour, minute, seconds",
        "time of its parts",
        &[1, 6],
        make_timestamp,
    ),
    scalar(
        "to_timestamp",
        "seconds",
        "time of the seconds since 1970",
        ONE,
        to_timestamp,
    ),
    scalar(
        "now",
        "",
        "time at the start of the statement",
        NONE,
        |_| Ok(Value::Text(print_time(now()))),
    ),
    scalar(
        "today",
        "",
        "date at the start of the statement",
        NONE,
        |_| Ok(Value::Text(print_date(now()))),
    ),
    scalar(
        "epoch_ms",
        "time or n",
        "milliseconds since 1970, or the time of such a number",
        ONE,
        |call| epoch(call, 1000),
    ),
];

fn epoch(call: &Call<'_>, unit: i64) -> Result<Value> {
    if let ValueRef::Integer(number) = call.raw(0) {
        return printed(call, number.checked_mul(unit));
    }
    Ok(given!(time(call, 0)).div_euclid(unit).into())
}

fn out_of_range(call: &Call<'_>, value: String) -> FunctionError {
    FunctionError::OutOfRange {
        function: call.name,
        value,
        range: "the days of the years 1 to 9999",
    }
}

fn make_date(call: &Call<'_>) -> Result<Value> {
    let (year, month, day) = (
        given!(call.integer(0)),
        given!(call.integer(1)),
        given!(call.integer(2)),
    );
    let time = date(year, month, day).and_then(|date| micros(date, 0));
    let time = time.ok_or_else(|| out_of_range(call, format!("{year}-{month}-{day}")))?;
    Ok(Value::Text(print_date(time)))
}

/// The nearest microsecond to a number of seconds.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the caller compares the range"
)]
fn nearest(seconds: f64) -> i64 {
    (seconds * SECOND as f64).round() as i64
}

fn make_timestamp(call: &Call<'_>) -> Result<Value> {
    let year = given!(call.integer(0));
    if call.len() == 1 {
        return printed(call, Some(year));
    }
    let (month, day) = (given!(call.integer(1)), given!(call.integer(2)));
    let (hour, minute, second) = (
        given!(call.integer(3)),
        given!(call.integer(4)),
        given!(call.real(5)),
    );
    let clock =
        (0..24).contains(&hour) && (0..60).contains(&minute) && (0.0..=60.0).contains(&second);
    let day_of = date(year, month, day).filter(|_| clock);
    let time =
        day_of.and_then(|date| micros(date, hour * HOUR + minute * MINUTE + nearest(second)));
    let error = || {
        out_of_range(
            call,
            format!("{year}-{month}-{day} {hour}:{minute}:{second}"),
        )
    };
    Ok(Value::Text(print_time(time.ok_or_else(error)?)))
}

fn to_timestamp(call: &Call<'_>) -> Result<Value> {
    printed(call, Some(nearest(given!(call.real(0)))))
}

/// The clock; SQLite asks once for a statement.
fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros())
        .ok()
        .and_then(in_years)
        .unwrap_or_default()
}
