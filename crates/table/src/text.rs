//! Frames as text: CSV and JSON that read back to the same bits, and columns for people.

use std::fmt::Write as _;
use std::io::{self, Write};

use polars::prelude::{AnyValue, DataFrame};

use crate::query::QueryError;

/// Digits of a number shown to people.
const DIGITS: usize = 6;

/// Writes CSV: a header, empty for null, floats with the fewest digits that read back to the same bits. The
/// frame's values stay; they are moved together in memory.
///
/// # Errors
/// [`QueryError::Write`] where `out` refuses.
pub fn write_csv(frame: &mut DataFrame, out: impl Write) -> Result<(), QueryError> {
    frame.rechunk_mut();
    Ok(csv_rows(frame, out)?)
}

fn csv_rows(frame: &DataFrame, out: impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(frame.get_column_names().iter().map(|name| name.as_str()))?;
    let mut cell = String::new();
    for row in 0..frame.height() {
        for value in values(frame, row) {
            cell.clear();
            push_plain(&value, &mut cell);
            writer.write_field(&cell)?;
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.flush()
}

/// Writes a JSON array of objects, one a row; NaN and infinities, which JSON lacks, are null.
///
/// # Errors
/// [`QueryError::Write`] where `out` refuses.
pub fn write_json_rows(frame: &DataFrame, out: impl Write) -> Result<(), QueryError> {
    Ok(json_rows(&rechunked(frame), out)?)
}

fn json_rows(frame: &DataFrame, mut out: impl Write) -> io::Result<()> {
    let names: Vec<String> = frame
        .get_column_names()
        .iter()
        .map(|name| json_text(name.as_str()))
        .collect();
    let mut line = String::new();
    out.write_all(b"[")?;
    for row in 0..frame.height() {
        line.clear();
        line.push_str(if row == 0 { "\n{" } else { ",\n{" });
        for (at, (name, value)) in names.iter().zip(values(frame, row)).enumerate() {
            if at > 0 {
                line.push(',');
            }
            line.push_str(name);
            line.push(':');
            push_json(&value, &mut line);
        }
        line.push('}');
        out.write_all(line.as_bytes())?;
    }
    out.write_all(if frame.height() == 0 {
        b"]\n"
    } else {
        b"\n]\n"
    })?;
    out.flush()
}

/// Columns for people: aligned, every row, floats to six digits.
pub fn to_text(frame: &DataFrame) -> String {
    let frame = rechunked(frame);
    let mut rows: Vec<Vec<String>> = Vec::with_capacity(frame.height() + 1);
    rows.push(
        frame
            .get_column_names()
            .iter()
            .map(|name| name.to_string())
            .collect(),
    );
    for row in 0..frame.height() {
        rows.push(values(&frame, row).map(|value| shown(&value)).collect());
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..frame.width())
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let to_the_right: Vec<bool> = frame
        .columns()
        .iter()
        .map(|column| column.dtype().is_primitive_numeric())
        .collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let gap = widths[column] - cell.chars().count();
            if to_the_right[column] {
                line.extend(std::iter::repeat_n(' ', gap));
            }
            line.push_str(cell);
            if !to_the_right[column] {
                line.extend(std::iter::repeat_n(' ', gap));
            }
            line.push_str("  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn rechunked(frame: &DataFrame) -> DataFrame {
    let mut frame = frame.clone();
    frame.rechunk_mut();
    frame
}

fn values(frame: &DataFrame, row: usize) -> impl Iterator<Item = AnyValue<'_>> {
    frame
        .columns()
        .iter()
        // The row is within the frame.
        .map(move |column| column.get(row).unwrap_or(AnyValue::Null))
}

/// A value as it stands in a cell; nothing for null.
fn push_plain(value: &AnyValue<'_>, out: &mut String) {
    match value {
        AnyValue::Null => {}
        AnyValue::String(text) => out.push_str(text),
        AnyValue::StringOwned(text) => out.push_str(text),
        AnyValue::Float64(x) => push_float(*x, out),
        AnyValue::Float32(x) => push_float32(*x, out),
        AnyValue::Datetime(moment, unit, zone) => {
            push_shown(&AnyValue::Datetime(*moment, *unit, None), out);
            if zone.is_some() {
                out.push('Z');
            }
        }
        AnyValue::DatetimeOwned(moment, unit, zone) => {
            push_shown(&AnyValue::Datetime(*moment, *unit, None), out);
            if zone.is_some() {
                out.push('Z');
            }
        }
        AnyValue::List(_) => push_json(value, out),
        other => push_number(other, out),
    }
}

fn push_json(value: &AnyValue<'_>, out: &mut String) {
    match value {
        AnyValue::Null => out.push_str("null"),
        AnyValue::Boolean(truth) => out.push_str(if *truth { "true" } else { "false" }),
        AnyValue::Float64(x) if !x.is_finite() => out.push_str("null"),
        AnyValue::Float32(x) if !x.is_finite() => out.push_str("null"),
        AnyValue::Float64(_) | AnyValue::Float32(_) => push_plain(value, out),
        AnyValue::List(series) => {
            out.push('[');
            for at in 0..series.len() {
                if at > 0 {
                    out.push(',');
                }
                push_json(&series.get(at).unwrap_or(AnyValue::Null), out);
            }
            out.push(']');
        }
        number if number.is_integer() => push_number(number, out),
        other => {
            let mut plain = String::new();
            push_plain(other, &mut plain);
            out.push_str(&json_text(&plain));
        }
    }
}

/// Whole numbers without the separators that polars may be set to show; everything else as polars shows it.
fn push_number(value: &AnyValue<'_>, out: &mut String) {
    let written = match value {
        AnyValue::UInt64(n) => write!(out, "{n}"),
        AnyValue::UInt32(n) => write!(out, "{n}"),
        AnyValue::UInt16(n) => write!(out, "{n}"),
        AnyValue::UInt8(n) => write!(out, "{n}"),
        AnyValue::Int64(n) => write!(out, "{n}"),
        AnyValue::Int32(n) => write!(out, "{n}"),
        AnyValue::Int16(n) => write!(out, "{n}"),
        AnyValue::Int8(n) => write!(out, "{n}"),
        AnyValue::Boolean(truth) => write!(out, "{truth}"),
        other => {
            push_shown(other, out);
            Ok(())
        }
    };
    // Writing to a String cannot fail.
    debug_assert!(written.is_ok());
}

fn push_shown(value: &AnyValue<'_>, out: &mut String) {
    let written = write!(out, "{value}");
    debug_assert!(written.is_ok());
}

fn push_float(x: f64, out: &mut String) {
    let written = write!(out, "{x:?}");
    debug_assert!(written.is_ok());
}

fn push_float32(x: f32, out: &mut String) {
    let written = write!(out, "{x:?}");
    debug_assert!(written.is_ok());
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A value for people.
fn shown(value: &AnyValue<'_>) -> String {
    match value {
        AnyValue::Null => "null".to_owned(),
        AnyValue::Float64(x) => rounded(*x),
        AnyValue::Float32(x) => rounded(f64::from(*x)),
        other => {
            let mut text = String::new();
            push_plain(other, &mut text);
            // One row is one line.
            short_hashes(text.replace(['\n', '\r', '\t'], " "))
        }
    }
}

/// Hexadecimal digits of a file's hash shown to people.
const HASH_DIGITS: usize = 8;

/// Cuts the hashes of files within a table's text: their names stand before them.
fn short_hashes(text: String) -> String {
    const BEFORE: &str = "\"hash\":\"blake3:";
    if !text.contains(BEFORE) {
        return text;
    }
    let mut parts = text.split(BEFORE);
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_hexdigit());
        let (hash, rest) = part.split_at(end.unwrap_or(part.len()));
        short.push_str(BEFORE);
        short.push_str(hash.get(..HASH_DIGITS).unwrap_or(hash));
        short.push_str(rest);
    }
    short
}

/// Six significant digits, without zeros that say nothing.
fn rounded(x: f64) -> String {
    if !x.is_finite() || x == 0.0 {
        return format!("{x}");
    }
    let exponent = x.abs().log10().floor();
    if !(-5.0..9.0).contains(&exponent) {
        let decimals = DIGITS - 1;
        let text = format!("{x:.decimals$e}");
        let Some((digits, power)) = text.split_once('e') else {
            return text;
        };
        return format!("{}e{power}", trimmed(digits));
    }
    // Between 0 and 10 by the test above.
    let decimals = (DIGITS as f64 - 1.0 - exponent).max(0.0) as usize;
    trimmed(&format!("{x:.decimals$}")).to_owned()
}

fn trimmed(number: &str) -> &str {
    if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::{Column, NamedFrom, PlSmallStr, Series};

    use super::*;

    fn frame() -> DataFrame {
        let name = PlSmallStr::from_static;
        let columns = vec![
            Column::from(Series::new(
                name("name"),
                [Some("a,\"b\""), None, Some("c\nd")],
            )),
            Column::from(Series::new(
                name("x"),
                [Some(0.1 + 0.2), Some(f64::NAN), None],
            )),
            Column::from(Series::new(name("n"), [u64::MAX, 0, 7])),
            Column::from(Series::new(name("ok"), [Some(true), None, Some(false)])),
        ];
        DataFrame::new(3, columns).unwrap()
    }

    #[test]
    fn csv_is_exact() {
        let mut out = Vec::new();
        write_csv(&mut frame(), &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "name,x,n,ok\n\
             \"a,\"\"b\"\"\",0.30000000000000004,18446744073709551615,true\n\
             ,NaN,0,\n\
             \"c\nd\",,7,false\n"
        );
    }

    #[test]
    fn csv_floats_read_back_to_the_same_bits() {
        for x in [
            1e-300,
            5e-324,
            1.0,
            -0.0,
            1e22,
            0.1,
            f64::MAX,
            f64::INFINITY,
        ] {
            let mut text = String::new();
            push_float(x, &mut text);
            assert_eq!(
                text.parse::<f64>().unwrap().to_bits(),
                x.to_bits(),
                "{text}"
            );
        }
    }

    #[test]
    fn json_is_json() {
        let mut out = Vec::new();
        write_json_rows(&frame(), &mut out).unwrap();
        let rows: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(rows[0]["name"], "a,\"b\"");
        assert_eq!(rows[0]["n"], u64::MAX);
        assert!(String::from_utf8_lossy(&out).contains("\"x\":0.30000000000000004,"));
        assert!(rows[1]["x"].is_null() && rows[1]["name"].is_null() && rows[1]["ok"].is_null());
        assert_eq!(rows[2]["ok"], false);
        let mut out = Vec::new();
        write_json_rows(&frame().head(Some(0)), &mut out).unwrap();
        assert_eq!(out, b"[]\n");
    }

    #[test]
    fn people_see_aligned_columns() {
        let text = to_text(&frame());
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "name      x                     n  ok",
                "a,\"b\"   0.3  18446744073709551615  true",
                "null    NaN                     0  null",
                "c d    null                     7  false",
            ]
        );
    }

    #[test]
    fn numbers_are_rounded_for_people() {
        let check = |x: f64, expected: &str| assert_eq!(rounded(x), expected);
        check(0.1 + 0.2, "0.3");
        check(123_456.789, "123457");
        check(1.0, "1");
        check(0.000_123_456_789, "0.000123457");
        check(1.5e-12, "1.5e-12");
        check(-2.5e30, "-2.5e30");
        check(0.0, "0");
        check(f64::INFINITY, "inf");
    }
}
