//! Functions of times: parts, differences, steps, and making times of numbers.

use chrono::Datelike;
use rusqlite::Result;
use rusqlite::types::{Value, ValueRef};

use super::calendar::{
    DAY, Length, PARTS, Part, SECOND, add_months, in_years, moment, parse_time, print_date,
    print_time,
};
use super::entry::{Entry, scalar};
use super::error::FunctionError;
use super::values::{Call, given};

const ONE: &[i32] = &[1];
const TWO: &[i32] = &[2];
const THREE: &[i32] = &[3];

/// A function that is a part of a time.
macro_rules! part {
    ($name:literal, $words:literal, $part:ident) => {
        scalar($name, "time", $words, ONE, |call| {
            Ok(Part::$part.of(given!(time(call, 0))).into())
        })
    };
}

pub(super) static ENTRIES: &[Entry] = &[
    scalar(
        "date_trunc",
        "part, time",
        "start of the part in which the time lies",
        TWO,
        truncate,
    ),
    scalar(
        "datetrunc",
        "part, time",
        "the same as date_trunc",
        TWO,
        truncate,
    ),
    scalar(
        "date_part",
        "part, time",
        "part of the time as a number",
        TWO,
        date_part,
    ),
    scalar(
        "datepart",
        "part, time",
        "the same as date_part",
        TWO,
        date_part,
    ),
    scalar(
        "date_diff",
        "part, from, to",
        "number of starts of the part between the times",
        THREE,
        boundaries,
    ),
    scalar(
        "datediff",
        "part, from, to",
        "the same as date_diff",
        THREE,
        boundaries,
    ),
    scalar(
        "date_sub",
        "part, from, to",
        "number of full parts between the times",
        THREE,
        full,
    ),
    scalar(
        "datesub",
        "part, from, to",
        "the same as date_sub",
        THREE,
        full,
    ),
    scalar(
        "date_add",
        "time, n, part",
        "time n parts later",
        THREE,
        add,
    ),
    part!("year", "year", Year),
    part!("quarter", "quarter, 1 to 4", Quarter),
    part!("month", "month, 1 to 12", Month),
    part!("week", "week of the ISO year", Week),
    part!("weekofyear", "the same as week", Week),
    part!("yearweek", "ISO year times 100 and week", YearWeek),
    part!("isoyear", "year to which the week belongs", IsoYear),
    part!("day", "day of the month", Day),
    part!("dayofmonth", "the same as day", Day),
    part!("dayofweek", "day of the week, Sunday is 0", DayOfWeek),
    part!("weekday", "the same as dayofweek", DayOfWeek),
    part!("isodow", "day of the week, Monday is 1", IsoDayOfWeek),
    part!("dayofyear", "day of the year", DayOfYear),
    part!("hour", "hour", Hour),
    part!("minute", "minute", Minute),
    part!("second", "second", Second),
    part!(
        "millisecond",
        "seconds and fraction in milliseconds",
        Millisecond
    ),
    part!(
        "microsecond",
        "seconds and fraction in microseconds",
        Microsecond
    ),
    part!("decade", "year / 10", Decade),
    part!("century", "century", Century),
    scalar("dayname", "time", "name of the day", ONE, |call| {
        Ok(day_name(given!(time(call, 0))).to_owned().into())
    }),
    scalar("monthname", "time", "name of the month", ONE, |call| {
        Ok(month_name(given!(time(call, 0))).to_owned().into())
    }),
    scalar(
        "last_day",
        "time",
        "last day of the month, a date",
        ONE,
        last_day,
    ),
    scalar("epoch", "time", "seconds since 1970, a real", ONE, |call| {
        Ok(seconds(given!(time(call, 0))).into())
    }),
    scalar("epoch_us", "time", "microseconds since 1970", ONE, |call| {
        Ok(given!(time(call, 0)).into())
    }),
];

static MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

static DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

pub(super) fn month_names() -> &'static [&'static str] {
    &MONTHS
}

pub(super) fn day_names() -> &'static [&'static str] {
    &DAYS
}

pub(super) fn month_name(time: i64) -> &'static str {
    MONTHS[moment(time).month0() as usize]
}

pub(super) fn day_name(time: i64) -> &'static str {
    DAYS[moment(time).weekday().num_days_from_sunday() as usize]
}

/// The time in an argument.
pub(super) fn time(call: &Call<'_>, index: usize) -> Result<Option<i64>> {
    let time = match call.raw(index) {
        ValueRef::Null => return Ok(None),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok().and_then(parse_time),
        ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => None,
    };
    let error = || {
        FunctionError::NotTime {
            function: call.name,
            value: call.shown(index),
        }
        .into()
    };
    time.map(Some).ok_or_else(error)
}

fn part(call: &Call<'_>, index: usize) -> Result<Option<Part>> {
    let Some(name) = call.text(index)? else {
        return Ok(None);
    };
    let unknown = || FunctionError::UnknownPart {
        function: call.name,
        part: name.to_string(),
        parts: PARTS,
    };
    Ok(Some(Part::named(&name).ok_or_else(unknown)?))
}

pub(super) fn printed(call: &Call<'_>, time: Option<i64>) -> Result<Value> {
    let range = "the years 1 to 9999";
    let error = || FunctionError::OutOfRange {
        function: call.name,
        value: "the time".to_owned(),
        range,
    };
    Ok(Value::Text(print_time(
        time.and_then(in_years).ok_or_else(error)?,
    )))
}

fn truncate(call: &Call<'_>) -> Result<Value> {
    let (part, time) = (given!(part(call, 0)), given!(time(call, 1)));
    printed(call, part.start(time))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a double holds the microseconds of 285 years exactly"
)]
fn seconds(time: i64) -> f64 {
    time as f64 / SECOND as f64
}

fn date_part(call: &Call<'_>) -> Result<Value> {
    let (part, time) = (given!(part(call, 0)), given!(time(call, 1)));
    #[expect(clippy::cast_precision_loss, reason = "a fraction of a day")]
    Ok(match part {
        Part::Epoch => seconds(time).into(),
        Part::Julian => (part.of(time) as f64 + time.rem_euclid(DAY) as f64 / DAY as f64).into(),
        _ => part.of(time).into(),
    })
}

fn month_of(time: i64) -> i64 {
    i64::from(moment(time).year()) * 12 + i64::from(moment(time).month0())
}

fn boundaries(call: &Call<'_>) -> Result<Value> {
    let (part, from, to) = (
        given!(part(call, 0)),
        given!(time(call, 1)),
        given!(time(call, 2)),
    );
    let difference = match (part, part.length()) {
        // As DuckDB: seven days are a week, whatever day it starts on.
        (Part::Week | Part::YearWeek, _) => (to.div_euclid(DAY) - from.div_euclid(DAY)) / 7,
        (Part::IsoYear, _) => part.of(to) - part.of(from),
        (_, Length::Micros(length)) => to.div_euclid(length) - from.div_euclid(length),
        (_, Length::Months(length)) => {
            month_of(to).div_euclid(length) - month_of(from).div_euclid(length)
        }
    };
    Ok(difference.into())
}

/// The number of full months from one time to a later one.
fn full_months(from: i64, to: i64) -> i64 {
    if from > to {
        return -full_months(to, from);
    }
    let months = month_of(to) - month_of(from);
    let late = add_months(from, months).is_none_or(|reached| reached > to);
    months - i64::from(late)
}

fn full(call: &Call<'_>) -> Result<Value> {
    let (part, from, to) = (
        given!(part(call, 0)),
        given!(time(call, 1)),
        given!(time(call, 2)),
    );
    Ok(match part.length() {
        Length::Micros(length) => (to - from) / length,
        Length::Months(length) => full_months(from, to) / length,
    }
    .into())
}

fn add(call: &Call<'_>) -> Result<Value> {
    let (time, n, part) = (
        given!(time(call, 0)),
        given!(call.integer(1)),
        given!(part(call, 2)),
    );
    let result = match part.length() {
        Length::Micros(length) => n
            .checked_mul(length)
            .and_then(|span| time.checked_add(span)),
        Length::Months(length) => n
            .checked_mul(length)
            .and_then(|months| add_months(time, months)),
    };
    printed(call, result)
}

fn last_day(call: &Call<'_>) -> Result<Value> {
    let time = given!(time(call, 0));
    let month = Part::Month
        .start(time)
        .and_then(|start| add_months(start, 1));
    // Only December 9999 has no next month.
    Ok(month
        .map_or_else(|| "9999-12-31".to_owned(), |next| print_date(next - DAY))
        .into())
}
