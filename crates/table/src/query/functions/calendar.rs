//! Times as the texts `YYYY-MM-DD HH:MM:SS[.ffffff]` in UTC, as microseconds since 1970, and the parts of a time.
//!
//! Years are 1 to 9999: those have four digits, so texts compare as times do.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, Timelike};

pub(super) const SECOND: i64 = 1_000_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// Microseconds of a date and a time of that day, `None` outside the years 1 to 9999.
pub(super) fn micros(date: NaiveDate, time: i64) -> Option<i64> {
    let days = i64::from(date.num_days_from_ce()) - 719_163;
    in_years(days * DAY + time)
}

/// The time, if its year is 1 to 9999.
pub(super) fn in_years(time: i64) -> Option<i64> {
    /// 0001-01-01 and 10000-01-01.
    const YEARS: std::ops::Range<i64> = -62_135_596_800 * SECOND..253_402_300_800 * SECOND;
    YEARS.contains(&time).then_some(time)
}

/// The calendar's view of a time.
pub(super) fn moment(time: i64) -> NaiveDateTime {
    DateTime::from_timestamp_micros(time)
        .unwrap_or_default()
        .naive_utc()
}

pub(super) fn print_date(time: i64) -> String {
    let date = moment(time);
    format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
}

pub(super) fn print_time(time: i64) -> String {
    let seconds = time.rem_euclid(DAY) / SECOND;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = format!("{} {hour:02}:{minute:02}:{second:02}", print_date(time));
    let fraction = time.rem_euclid(SECOND);
    if fraction > 0 {
        let digits = format!(".{fraction:06}");
        text.push_str(digits.trim_end_matches('0'));
    }
    text
}

/// What is left of a text that is being read.
pub(super) struct Reader<'a> {
    pub(super) rest: &'a str,
}

impl Reader<'_> {
    /// A number of at least one and at most `most` digits, and how many it has.
    pub(super) fn number(&mut self, most: usize) -> Option<(i64, usize)> {
        let digits = self
            .rest
            .bytes()
            .take(most)
            .take_while(u8::is_ascii_digit)
            .count();
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        Some((number.parse().ok()?, digits))
    }

    pub(super) fn take(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// The digits behind a point as millionths; more than six are cut.
    pub(super) fn fraction(&mut self) -> Option<i64> {
        let (number, digits) = self.number(6)?;
        self.rest = self
            .rest
            .trim_start_matches(|letter: char| letter.is_ascii_digit());
        Some(number * 10_i64.pow(6 - u32::try_from(digits).ok()?))
    }

    /// An offset to UTC, `+HH[[:]MM]`, in microseconds.
    pub(super) fn offset(&mut self) -> Option<i64> {
        let sign = match (self.take("+"), self.take("-")) {
            (true, _) => 1,
            (_, true) => -1,
            (false, false) => return None,
        };
        let (hours, _) = self.number(2)?;
        let colon = self.take(":");
        let minutes = if colon
            || self
                .rest
                .starts_with(|letter: char| letter.is_ascii_digit())
        {
            self.number(2)?.0
        } else {
            0
        };
        (hours < 24 && minutes < 60).then_some(sign * (hours * HOUR + minutes * MINUTE))
    }
}

/// A time from a text as DuckDB reads it: a date, then an hour and minute, seconds, a fraction and an offset to UTC.
pub(super) fn parse_time(text: &str) -> Option<i64> {
    let mut reader = Reader { rest: text.trim() };
    let (year, digits) = reader.number(4)?;
    let slashes = reader.take("/");
    let between = if slashes { "/" } else { "-" };
    if digits < 4 || !(slashes || reader.take("-")) {
        return None;
    }
    let (month, _) = reader.number(2)?;
    if !reader.take(between) {
        return None;
    }
    let (day, _) = reader.number(2)?;
    let time = if reader.rest.is_empty() {
        0
    } else {
        parse_clock(&mut reader)?
    };
    micros(date(year, month, day)?, time)
}

pub(super) fn date(year: i64, month: i64, day: i64) -> Option<NaiveDate> {
    let year = i32::try_from(year)
        .ok()
        .filter(|year| (1..=9999).contains(year))?;
    NaiveDate::from_ymd_opt(year, u32::try_from(month).ok()?, u32::try_from(day).ok()?)
}

/// The time of day to the end of the text, less its offset to UTC.
fn parse_clock(reader: &mut Reader<'_>) -> Option<i64> {
    if !(reader.take("T") || reader.take(" ")) {
        return None;
    }
    reader.rest = reader.rest.trim_start();
    let (hour, _) = reader.number(2)?;
    let minute = if reader.take(":") {
        reader.number(2)?.0
    } else {
        return None;
    };
    let second = if reader.take(":") {
        reader.number(2)?.0
    } else {
        0
    };
    let fraction = if reader.take(".") {
        reader.fraction()?
    } else {
        0
    };
    let time = hour * HOUR + minute * MINUTE + second * SECOND + fraction;
    if minute > 59 || second > 59 || time > DAY {
        return None;
    }
    reader.rest = reader.rest.trim_start();
    let named = reader.take("Z") || reader.take("UTC");
    let offset = if named || reader.rest.is_empty() {
        0
    } else {
        reader.offset()?
    };
    reader.rest.is_empty().then_some(time - offset)
}

/// A part of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    Week,
    YearWeek,
    Month,
    Quarter,
    Year,
    IsoYear,
    Decade,
    Century,
    Millennium,
    Era,
    Epoch,
    Julian,
}

/// The parts for errors.
pub(super) const PARTS: &str = "year, quarter, month, week, day, hour, minute, second, millisecond, microsecond, dow, doy, epoch";

static NAMES: &[(&[&str], Part)] = &[
    (
        &[
            "microsecond",
            "microseconds",
            "us",
            "usec",
            "usecs",
            "usecond",
            "useconds",
        ],
        Part::Microsecond,
    ),
    (
        &[
            "millisecond",
            "milliseconds",
            "ms",
            "msec",
            "msecs",
            "msecond",
            "mseconds",
        ],
        Part::Millisecond,
    ),
    (&["second", "seconds", "sec", "secs", "s"], Part::Second),
    (&["minute", "minutes", "min", "mins", "m"], Part::Minute),
    (&["hour", "hours", "hr", "hrs", "h"], Part::Hour),
    (&["day", "days", "d", "dayofmonth"], Part::Day),
    (&["dayofweek", "weekday", "dow"], Part::DayOfWeek),
    (&["isodow"], Part::IsoDayOfWeek),
    (&["dayofyear", "doy"], Part::DayOfYear),
    (&["week", "weeks", "w", "weekofyear"], Part::Week),
    (&["yearweek"], Part::YearWeek),
    (&["month", "months", "mon", "mons"], Part::Month),
    (&["quarter", "quarters"], Part::Quarter),
    (&["year", "years", "yr", "yrs", "y"], Part::Year),
    (&["isoyear"], Part::IsoYear),
    (&["decade", "decades", "dec", "decs"], Part::Decade),
    (&["century", "centuries", "cent", "c"], Part::Century),
    (
        &["millennium", "millennia", "mil", "mils"],
        Part::Millennium,
    ),
    (&["era"], Part::Era),
    (&["epoch"], Part::Epoch),
    (&["julian"], Part::Julian),
];

impl Part {
    pub(super) fn named(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        NAMES
            .iter()
            .find(|(names, _)| names.contains(&name.as_str()))
            .map(|(_, part)| *part)
    }

    /// The whole number that the part is in a time.
    pub(super) fn of(self, time: i64) -> i64 {
        let at = moment(time);
        let week = at.iso_week();
        let year = i64::from(at.year());
        match self {
            Self::Microsecond => time.rem_euclid(MINUTE),
            Self::Millisecond => time.rem_euclid(MINUTE) / 1000,
            Self::Second => i64::from(at.second()),
            Self::Minute => i64::from(at.minute()),
            Self::Hour => i64::from(at.hour()),
            Self::Day => i64::from(at.day()),
            Self::DayOfWeek => i64::from(at.weekday().num_days_from_sunday()),
            Self::IsoDayOfWeek => i64::from(at.weekday().number_from_monday()),
            Self::DayOfYear => i64::from(at.ordinal()),
            Self::Week => i64::from(week.week()),
            Self::YearWeek => i64::from(week.year()) * 100 + i64::from(week.week()),
            Self::Month => i64::from(at.month()),
            Self::Quarter => i64::from(at.month0() / 3 + 1),
            Self::Year => year,
            Self::IsoYear => i64::from(week.year()),
            Self::Decade => year / 10,
            Self::Century => (year - 1) / 100 + 1,
            Self::Millennium => (year - 1) / 1000 + 1,
            Self::Era => 1,
            Self::Epoch => time.div_euclid(SECOND),
            Self::Julian => time.div_euclid(DAY) + 2_440_588,
        }
    }

    /// The length of the part: microseconds, or months, which vary.
    pub(super) fn length(self) -> Length {
        match self {
            Self::Microsecond => Length::Micros(1),
            Self::Millisecond => Length::Micros(1000),
            Self::Second | Self::Epoch => Length::Micros(SECOND),
            Self::Minute => Length::Micros(MINUTE),
            Self::Hour => Length::Micros(HOUR),
            Self::Day | Self::DayOfWeek | Self::IsoDayOfWeek | Self::DayOfYear | Self::Julian => {
                Length::Micros(DAY)
            }
            Self::Week | Self::YearWeek => Length::Micros(7 * DAY),
            Self::Month => Length::Months(1),
            Self::Quarter => Length::Months(3),
            Self::Year | Self::IsoYear | Self::Era => Length::Months(12),
            Self::Decade => Length::Months(120),
            Self::Century => Length::Months(1200),
            Self::Millennium => Length::Months(12_000),
        }
    }

    /// The start of the part in which a time lies.
    pub(super) fn start(self, time: i64) -> Option<i64> {
        let date = moment(time).date();
        match (self, self.length()) {
            (Self::Week | Self::YearWeek, _) => {
                let days = u64::from(date.weekday().num_days_from_monday());
                micros(date.checked_sub_days(Days::new(days))?, 0)
            }
            (Self::IsoYear, _) => {
                let week = date.iso_week();
                micros(
                    NaiveDate::from_isoywd_opt(week.year(), 1, chrono::Weekday::Mon)?,
                    0,
                )
            }
            (_, Length::Micros(length)) => Some(time - time.rem_euclid(length)),
            (_, Length::Months(length)) => {
                let month = date.year() * 12 + i32::try_from(date.month0()).ok()?;
                let month = month - month.rem_euclid(i32::try_from(length).ok()?);
                // The decade, century and millennium of the first years start in a year 0.
                let start = NaiveDate::from_ymd_opt(
                    month.div_euclid(12),
                    month.rem_euclid(12).unsigned_abs() + 1,
                    1,
                );
                micros(start?, 0)
            }
        }
    }
}

/// A length of time.
#[derive(Clone, Copy)]
pub(super) enum Length {
    Micros(i64),
    Months(i64),
}

/// A time some months later or earlier, on the last day of the month where the day is not there.
pub(super) fn add_months(time: i64, months: i64) -> Option<i64> {
    let date = moment(time).date();
    let size = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    let date = if months < 0 {
        date.checked_sub_months(size)?
    } else {
        date.checked_add_months(size)?
    };
    micros(date, time.rem_euclid(DAY))
}
