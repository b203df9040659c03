//! strftime and strptime.
//!
//! `strftime(time, format)` is DuckDB's and `strftime(format, time, ...)` SQLite's; of two arguments the format is the
//! one with a `%`, the second if both have one. SQLite's own function cannot be called once its name is taken, so a
//! connection of its own, without tables, answers for it.

use chrono::{Datelike, NaiveDate, Timelike, Weekday};
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use super::calendar::{HOUR, MINUTE, Part, Reader, SECOND, date, micros, moment, parse_time};
use super::dates::{day_name, day_names, month_name, month_names, time};
use super::entry::{Entry, scalar};
use super::error::FunctionError;
use super::values::{Call, Kept, given};

pub(super) static ENTRIES: &[Entry] = &[
    // Registered below, as it keeps a connection.
    scalar(
        "strftime",
        "time, format",
        "time as a text; format, time is accepted too",
        &[],
        |_| Ok(Value::Null),
    ),
    scalar(
        "strptime",
        "text, format",
        "time from a text, an error if it does not follow the format",
        &[2],
        |call| {
            let (text, format) = (given!(call.text(0)), given!(call.text(1)));
            let time = read(call, &text, &format)?;
            let (value, format) = (text.to_string(), format.to_string());
            let error = || FunctionError::OtherFormat {
                function: call.name,
                value,
                format,
            };
            Ok(Value::Text(super::calendar::print_time(
                time.ok_or_else(error)?,
            )))
        },
    ),
    scalar(
        "try_strptime",
        "text, format",
        "as strptime, null if the text does not follow the format",
        &[2],
        |call| {
            let time = read(call, &given!(call.text(0)), &given!(call.text(1)))?;
            Ok(time.map(super::calendar::print_time).into())
        },
    ),
];

/// Adds strftime of two arguments; other numbers of arguments are SQLite's.
pub(super) fn register(connection: &Connection, flags: FunctionFlags) -> Result<()> {
    let own = Connection::open_in_memory()?;
    connection.create_scalar_function("strftime", 2, flags, move |context| {
        let call = Call::new("strftime", context);
        let is_format = |index: usize| matches!(call.raw(index), ValueRef::Text(bytes) if bytes.contains(&b'%'));
        let is_time = || matches!(call.raw(0), ValueRef::Text(bytes)
            if std::str::from_utf8(bytes).ok().and_then(parse_time).is_some());
        if is_format(1) || (!is_format(0) && is_time()) {
            return Ok(match (time(&call, 0)?, call.text(1)?) {
                (Some(time), Some(format)) => Value::Text(print(&call, time, &format)?),
                _ => Value::Null,
            });
        }
        let mut statement = own.prepare_cached("SELECT strftime(?1, ?2)")?;
        statement.query_row([Kept::of(call.raw(0)).value(), Kept::of(call.raw(1)).value()], |row| row.get(0))
    })
}

fn unknown(call: &Call<'_>, letter: Option<char>) -> rusqlite::Error {
    let letter = letter.map(String::from).unwrap_or_default();
    FunctionError::UnknownFormat {
        function: call.name,
        letter,
    }
    .into()
}

/// A time in DuckDB's format.
fn print(call: &Call<'_>, time: i64, format: &str) -> Result<String> {
    let mut text = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        match letters.next() {
            Some('-') => {
                let letter = letters.next();
                let (number, _) = letter
                    .and_then(|letter| number(time, letter))
                    .ok_or_else(|| unknown(call, letter))?;
                text.push_str(&number.to_string());
            }
            Some(letter) => {
                if let Some((number, width)) = number(time, letter) {
                    text.push_str(&format!("{number:0width$}"));
                } else {
                    text.push_str(&named(time, letter).ok_or_else(|| unknown(call, Some(letter)))?);
                }
            }
            None => return Err(unknown(call, None)),
        }
    }
    Ok(text)
}

/// A number of a format and its least number of digits.
fn number(time: i64, letter: char) -> Option<(i64, usize)> {
    let at = moment(time);
    let (year, day) = (i64::from(at.year()), i64::from(at.ordinal0()));
    let hour = i64::from(at.hour());
    // Weeks of a year that start on Sunday and on Monday; the days before the first one are week 0.
    let sunday = i64::from(at.weekday().num_days_from_sunday());
    let monday = i64::from(at.weekday().num_days_from_monday());
    Some(match letter {
        'd' => (i64::from(at.day()), 2),
        'm' => (i64::from(at.month()), 2),
        'y' => (year % 100, 2),
        'Y' => (year, 4),
        'H' => (hour, 2),
        'I' => ((hour + 11) % 12 + 1, 2),
        'M' => (i64::from(at.minute()), 2),
        'S' => (i64::from(at.second()), 2),
        'f' => (time.rem_euclid(SECOND), 6),
        'g' => (time.rem_euclid(SECOND) / 1000, 3),
        'n' => (time.rem_euclid(SECOND) * 1000, 9),
        'j' => (day + 1, 3),
        'w' => (sunday, 1),
        'u' => (monday + 1, 1),
        'U' => ((day + 7 - sunday) / 7, 2),
        'W' => ((day + 7 - monday) / 7, 2),
        'V' => (Part::Week.of(time), 2),
        'G' => (Part::IsoYear.of(time), 4),
        _ => return None,
    })
}

/// What of a format is no number.
fn named(time: i64, letter: char) -> Option<String> {
    let at = moment(time);
    Some(match letter {
        'a' => day_name(time)[..3].to_owned(),
        'A' => day_name(time).to_owned(),
        'b' | 'h' => month_name(time)[..3].to_owned(),
        'B' => month_name(time).to_owned(),
        'p' => if at.hour() < 12 { "AM" } else { "PM" }.to_owned(),
        'x' => super::calendar::print_date(time),
        'X' => format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second()),
        'c' => super::calendar::print_time(time - time.rem_euclid(SECOND)),
        'z' => "+00".to_owned(),
        'Z' => String::new(),
        '%' => "%".to_owned(),
        _ => return None,
    })
}

/// What a text says of a time.
#[derive(Default)]
struct Read {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    iso_year: Option<i64>,
    iso_week: Option<i64>,
    iso_day: Option<i64>,
    hour: i64,
    afternoon: Option<bool>,
    minute: i64,
    second: i64,
    fraction: i64,
    offset: i64,
}

/// The time that a text is in a format, if it follows it. A format with an unknown letter is an error.
fn read(call: &Call<'_>, text: &str, format: &str) -> Result<Option<i64>> {
    let mut reader = Reader { rest: text.trim() };
    let mut parts = Read::default();
    let mut letters = format.trim().chars();
    let mut fits = true;
    // The format is read to its end, so that an unknown letter is an error for every text.
    while let Some(letter) = letters.next() {
        let step = if letter == '%' {
            let mut letter = letters.next();
            if letter == Some('-') {
                letter = letters.next();
            }
            let letter = letter.filter(|letter| "YymdHIMSfgnpbBhaAjzZGVuUwW%".contains(*letter));
            field(
                &mut reader,
                letter.ok_or_else(|| unknown(call, letter))?,
                &mut parts,
            )
        } else {
            reader.take(letter.encode_utf8(&mut [0; 4])).then_some(())
        };
        fits &= step.is_some();
    }
    Ok(if fits && reader.rest.is_empty() {
        parts.time()
    } else {
        None
    })
}

/// Reads what one letter of a format stands for.
fn field(reader: &mut Reader<'_>, letter: char, parts: &mut Read) -> Option<()> {
    match letter {
        'Y' => parts.year = Some(reader.number(4)?.0),
        'y' => {
            let (year, _) = reader.number(2)?;
            parts.year = Some(if year < 69 { 2000 + year } else { 1900 + year });
        }
        'm' => parts.month = Some(reader.number(2)?.0),
        'b' | 'B' | 'h' => parts.month = Some(name(reader, month_names(), letter == 'B')? + 1),
        'd' => parts.day = Some(reader.number(2)?.0),
        'j' => parts.day_of_year = Some(reader.number(3)?.0),
        'G' => parts.iso_year = Some(reader.number(4)?.0),
        'V' => parts.iso_week = Some(reader.number(2)?.0),
        'u' => parts.iso_day = Some(reader.number(1)?.0),
        // The day and the week follow from the date.
        'a' | 'A' => drop(name(reader, day_names(), letter == 'A')?),
        'w' | 'U' | 'W' => drop(reader.number(2)?),
        'H' | 'I' => parts.hour = reader.number(2)?.0,
        'M' => parts.minute = reader.number(2)?.0,
        'S' => parts.second = reader.number(2)?.0,
        'f' | 'g' | 'n' => parts.fraction = reader.fraction()?,
        'p' => parts.afternoon = Some(name(reader, &["AM", "PM"], true)? == 1),
        'z' => parts.offset = reader.offset()?,
        'Z' => {
            reader.rest = reader
                .rest
                .trim_start_matches(|letter: char| letter.is_ascii_alphabetic())
        }
        _ => reader.take("%").then_some(())?,
    }
    Some(())
}

/// The place of the name at the start of the text, whole or its first three letters.
fn name(reader: &mut Reader<'_>, names: &[&str], whole: bool) -> Option<i64> {
    for (place, name) in names.iter().enumerate() {
        let name = if whole { name } else { &name[..3] };
        if reader
            .rest
            .get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
        {
            reader.rest = &reader.rest[name.len()..];
            return i64::try_from(place).ok();
        }
    }
    None
}

impl Read {
    fn time(&self) -> Option<i64> {
        let hour = match self.afternoon {
            Some(afternoon) if (1..=12).contains(&self.hour) => {
                self.hour % 12 + if afternoon { 12 } else { 0 }
            }
            Some(_) => return None,
            None => self.hour,
        };
        if hour > 23 || self.minute > 59 || self.second > 59 {
            return None;
        }
        let clock = hour * HOUR + self.minute * MINUTE + self.second * SECOND + self.fraction;
        micros(self.date()?, clock - self.offset)
    }

    /// The date; what is not given is the start of 1900.
    fn date(&self) -> Option<NaiveDate> {
        if let Some(year) = self.iso_year {
            let monday = Weekday::Mon;
            let week = u32::try_from(self.iso_week.unwrap_or(1)).ok()?;
            let start = NaiveDate::from_isoywd_opt(i32::try_from(year).ok()?, week, monday)?;
            let day = u64::try_from(self.iso_day.unwrap_or(1))
                .ok()
                .filter(|day| (1..=7).contains(day))?;
            return start.checked_add_days(chrono::Days::new(day - 1));
        }
        let year = self.year.unwrap_or(1900);
        match self.day_of_year {
            Some(day) => {
                NaiveDate::from_yo_opt(i32::try_from(year).ok()?, u32::try_from(day).ok()?)
            }
            None => date(year, self.month.unwrap_or(1), self.day.unwrap_or(1)),
        }
    }
}
