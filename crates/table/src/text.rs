//! Answers as text: CSV and JSON that read back to the same bits, and columns for people. All three write row by row;
//! columns for people wait for the first rows to know their widths.

use std::fmt::Write as _;
use std::io::{self, Write};

use unicode_width::UnicodeWidthStr as _;

use crate::query::{Answer, Cell, Column, Sink};

/// Digits of a number shown to people.
const DIGITS: usize = 6;

/// Writes CSV: a header, empty for null, floats with the fewest digits that read back to the same bits.
pub struct CsvWriter<W: Write> {
    writer: csv::Writer<W>,
    cell: String,
}

impl<W: Write> CsvWriter<W> {
    pub fn new(out: W) -> CsvWriter<W> {
        CsvWriter {
            writer: csv::Writer::from_writer(out),
            cell: String::new(),
        }
    }

    /// The first line.
    pub(crate) fn header<'a>(&mut self, names: impl Iterator<Item = &'a str>) -> io::Result<()> {
        Ok(self.writer.write_record(names)?)
    }

    pub(crate) fn record(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        for cell in cells {
            self.cell.clear();
            push_plain(cell, &mut self.cell);
            self.writer.write_field(&self.cell)?;
        }
        Ok(self.writer.write_record(None::<&[u8]>)?)
    }

    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl<W: Write + Send> Sink for CsvWriter<W> {
    fn columns(&mut self, columns: &[Column]) -> io::Result<()> {
        self.header(columns.iter().map(|column| column.name.as_str()))
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.record(cells)
    }

    fn end(&mut self) -> io::Result<()> {
        self.finish()
    }
}

/// Writes a JSON array of objects, one a row; infinities, which JSON lacks, are null.
pub struct JsonWriter<W: Write> {
    out: W,
    names: Vec<String>,
    rows: u64,
    line: String,
}

impl<W: Write> JsonWriter<W> {
    pub fn new(out: W) -> JsonWriter<W> {
        JsonWriter {
            out,
            names: Vec::new(),
            rows: 0,
            line: String::new(),
        }
    }
}

impl<W: Write + Send> Sink for JsonWriter<W> {
    fn columns(&mut self, columns: &[Column]) -> io::Result<()> {
        let names = columns.iter().map(|column| json_text(&column.name));
        self.names = names.collect();
        self.out.write_all(b"[")
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        let line = &mut self.line;
        line.clear();
        line.push_str(if self.rows == 0 { "\n{" } else { ",\n{" });
        for (at, (name, cell)) in self.names.iter().zip(cells).enumerate() {
            if at > 0 {
                line.push(',');
            }
            line.push_str(name);
            line.push(':');
            push_json(cell, line);
        }
        line.push('}');
        self.rows += 1;
        self.out.write_all(line.as_bytes())
    }

    fn end(&mut self) -> io::Result<()> {
        let last: &[u8] = if self.rows == 0 { b"]\n" } else { b"\n]\n" };
        self.out.write_all(last)?;
        self.out.flush()
    }
}

/// Rows from which the widths of the columns are taken. Longer cells further down push the rest of their line.
const SAMPLED_ROWS: usize = 1000;

/// Narrowest column of texts that are cut to fit a terminal.
const CUT_WIDTH: usize = 24;

/// Between two columns.
const GAP: &str = "  ";

/// Columns for people: aligned, every row, floats to six digits. Where the width of a terminal is given, long texts are
/// cut and columns in the middle are left out to fit it; a last line says so.
pub struct TextWriter<W: Write> {
    out: W,
    width: Option<usize>,
    names: Vec<String>,
    /// Rows that wait for the widths.
    waiting: Vec<Vec<Shown>>,
    layout: Option<Layout>,
}

/// A cell for people.
struct Shown {
    text: String,
    kind: ShownKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ShownKind {
    Null,
    Number,
    Word,
}

/// Where each column stands.
struct Layout {
    columns: Vec<Place>,
    left_out: usize,
}

struct Place {
    column: usize,
    width: usize,
    to_the_right: bool,
    /// Cells are cut to the width.
    cuts: bool,
}

impl<W: Write> TextWriter<W> {
    pub fn new(out: W, width: Option<usize>) -> TextWriter<W> {
        TextWriter {
            out,
            width,
            names: Vec::new(),
            waiting: Vec::new(),
            layout: None,
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        let layout = Layout::new(&self.names, &self.waiting, self.width);
        let names = self.names.iter().map(|name| Shown {
            text: name.clone(),
            kind: ShownKind::Word,
        });
        let names: Vec<Shown> = names.collect();
        layout.write(&mut self.out, &names)?;
        for row in std::mem::take(&mut self.waiting) {
            layout.write(&mut self.out, &row)?;
        }
        self.layout = Some(layout);
        Ok(())
    }
}

impl<W: Write + Send> Sink for TextWriter<W> {
    fn columns(&mut self, columns: &[Column]) -> io::Result<()> {
        let names = columns.iter().map(|column| one_line(&column.name));
        self.names = names.collect();
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        let row: Vec<Shown> = cells.iter().map(shown).collect();
        if let Some(layout) = &self.layout {
            return layout.write(&mut self.out, &row);
        }
        self.waiting.push(row);
        if self.waiting.len() >= SAMPLED_ROWS {
            self.begin()?;
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        if self.layout.is_none() {
            self.begin()?;
        }
        if let Some(layout) = &self.layout
            && layout.left_out > 0
        {
            let (shown, all) = (self.names.len() - layout.left_out, self.names.len());
            writeln!(
                self.out,
                "({shown} of {all} columns fit the terminal; name columns, or use --csv or --json)"
            )?;
        }
        self.out.flush()
    }
}

impl Layout {
    fn new(names: &[String], rows: &[Vec<Shown>], limit: Option<usize>) -> Layout {
        let place = |(column, name): (usize, &String)| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            let widest = cells.clone().map(|cell| cell.text.width()).max();
            let has = |kind| cells.clone().any(|cell| cell.kind == kind);
            Place {
                column,
                width: widest.unwrap_or(0).max(name.width()),
                to_the_right: has(ShownKind::Number) && !has(ShownKind::Word),
                cuts: false,
            }
        };
        let mut columns: Vec<Place> = names.iter().enumerate().map(place).collect();
        let mut left_out = 0;
        if let Some(limit) = limit {
            cut_texts(&mut columns, limit);
            left_out = leave_out(&mut columns, limit);
        }
        Layout { columns, left_out }
    }

    fn write(&self, out: &mut impl Write, row: &[Shown]) -> io::Result<()> {
        let mut line = String::new();
        for (at, place) in self.columns.iter().enumerate() {
            if at > 0 {
                line.push_str(GAP);
            }
            let Some(cell) = row.get(place.column) else {
                line.push('…');
                continue;
            };
            let cut;
            let text = if place.cuts && cell.text.width() > place.width {
                cut = cut_to(&cell.text, place.width);
                &cut
            } else {
                &cell.text
            };
            let gap = place.width.saturating_sub(text.width());
            let spaces = std::iter::repeat_n(' ', gap);
            if place.to_the_right {
                line.extend(spaces);
                line.push_str(text);
            } else {
                line.push_str(text);
                line.extend(spaces);
            }
        }
        writeln!(out, "{}", line.trim_end())
    }
}

fn total(columns: &[Place]) -> usize {
    columns.iter().map(|place| place.width + GAP.len()).sum()
}

/// Cuts the widest columns of texts until the row fits or all are narrow.
fn cut_texts(columns: &mut [Place], limit: usize) {
    loop {
        let over = total(columns).saturating_sub(limit + GAP.len());
        let widest = columns
            .iter_mut()
            .filter(|place| !place.to_the_right && place.width > CUT_WIDTH)
            .max_by_key(|place| place.width);
        let Some(widest) = widest.filter(|_| over > 0) else {
            return;
        };
        widest.width = widest.width.saturating_sub(over).max(CUT_WIDTH);
        widest.cuts = true;
    }
}

/// Leaves out columns in the middle until the row fits; a mark stands where they were. Returns how many.
fn leave_out(columns: &mut Vec<Place>, limit: usize) -> usize {
    let mut left_out = 0;
    // The mark takes one place and a gap.
    while columns.len() > 2
        && total(columns) + 1 > limit + if left_out == 0 { GAP.len() } else { 0 }
    {
        columns.remove(columns.len() / 2);
        left_out += 1;
    }
    if left_out > 0 {
        let middle = columns.len().div_ceil(2);
        let mark = Place {
            column: usize::MAX,
            width: 1,
            to_the_right: false,
            cuts: false,
        };
        columns.insert(middle, mark);
    }
    left_out
}

/// As much of a text as fits, with a mark at its end.
fn cut_to(text: &str, width: usize) -> String {
    let mut kept = String::new();
    for letter in text.chars() {
        kept.push(letter);
        if kept.width() + 1 > width {
            kept.pop();
            break;
        }
    }
    kept.push('…');
    kept
}

/// An answer as columns for people.
pub fn to_text(answer: &Answer) -> String {
    let mut text = Vec::new();
    let mut writer = TextWriter::new(&mut text, None);
    let sent = answer.send(&mut writer);
    // Writing to memory cannot fail.
    debug_assert!(sent.is_ok());
    String::from_utf8_lossy(&text).into_owned()
}

/// A value as it stands in a cell; nothing for null.
fn push_plain(cell: &Cell<'_>, out: &mut String) {
    let written = match cell {
        Cell::Null => Ok(()),
        Cell::Text(text) => out.write_str(text),
        Cell::Real(x) => write!(out, "{x:?}"),
        Cell::Integer(n) => write!(out, "{n}"),
        Cell::Boolean(truth) => write!(out, "{truth}"),
        Cell::Bytes(bytes) => bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}")),
    };
    // Writing to a String cannot fail.
    debug_assert!(written.is_ok());
}

fn push_json(cell: &Cell<'_>, out: &mut String) {
    match cell {
        Cell::Null => out.push_str("null"),
        Cell::Real(x) if !x.is_finite() => out.push_str("null"),
        Cell::Real(_) | Cell::Integer(_) | Cell::Boolean(_) => push_plain(cell, out),
        Cell::Text(text) => out.push_str(&json_text(text)),
        Cell::Bytes(_) => {
            let mut plain = String::new();
            push_plain(cell, &mut plain);
            out.push_str(&json_text(&plain));
        }
    }
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A value for people.
fn shown(cell: &Cell<'_>) -> Shown {
    let (text, kind) = match cell {
        Cell::Null => ("null".to_owned(), ShownKind::Null),
        Cell::Real(x) => (rounded(*x), ShownKind::Number),
        Cell::Integer(n) => (n.to_string(), ShownKind::Number),
        Cell::Text(text) => (short_hashes(one_line(text)), ShownKind::Word),
        Cell::Boolean(_) | Cell::Bytes(_) => {
            let mut text = String::new();
            push_plain(cell, &mut text);
            (text, ShownKind::Word)
        }
    };
    Shown { text, kind }
}

/// One row is one line, and nothing in it moves a terminal's cursor.
fn one_line(text: &str) -> String {
    text.replace(|letter: char| letter.is_control(), " ")
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
    use super::*;
    use crate::query::Value;

    fn answer() -> Answer {
        let column = |name: &str, is_boolean| Column {
            name: name.to_owned(),
            is_boolean,
        };
        let text = |text: &str| Value::Text(text.to_owned());
        Answer {
            columns: vec![
                column("name", false),
                column("x", false),
                column("n", false),
                column("ok", true),
            ],
            rows: vec![
                vec![
                    text("a,\"b\""),
                    Value::Real(0.1 + 0.2),
                    Value::Integer(i64::MAX),
                    Value::Boolean(true),
                ],
                vec![
                    Value::Null,
                    Value::Real(f64::INFINITY),
                    Value::Integer(0),
                    Value::Null,
                ],
                vec![
                    text("c\nd"),
                    Value::Null,
                    Value::Integer(7),
                    Value::Boolean(false),
                ],
            ],
        }
    }

    fn csv(answer: &Answer) -> String {
        let mut out = Vec::new();
        answer.send(&mut CsvWriter::new(&mut out)).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn json(answer: &Answer) -> Vec<u8> {
        let mut out = Vec::new();
        answer.send(&mut JsonWriter::new(&mut out)).unwrap();
        out
    }

    fn text(answer: &Answer, width: usize) -> Vec<String> {
        let mut out = Vec::new();
        let mut writer = TextWriter::new(&mut out, Some(width));
        answer.send(&mut writer).unwrap();
        let text = String::from_utf8(out).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn csv_is_exact() {
        assert_eq!(
            csv(&answer()),
            "name,x,n,ok\n\
             \"a,\"\"b\"\"\",0.30000000000000004,9223372036854775807,true\n\
             ,inf,0,\n\
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
            push_plain(&Cell::Real(x), &mut text);
            assert_eq!(
                text.parse::<f64>().unwrap().to_bits(),
                x.to_bits(),
                "{text}"
            );
        }
    }

    #[test]
    fn json_is_json() {
        let out = json(&answer());
        let rows: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(rows[0]["name"], "a,\"b\"");
        assert_eq!(rows[0]["n"], i64::MAX);
        assert!(String::from_utf8_lossy(&out).contains("\"x\":0.30000000000000004,"));
        assert!(rows[1]["x"].is_null() && rows[1]["name"].is_null() && rows[1]["ok"].is_null());
        assert_eq!(rows[2]["ok"], false);
        let mut none = answer();
        none.rows.clear();
        assert_eq!(json(&none), b"[]\n");
    }

    #[test]
    fn people_see_aligned_columns() {
        let text = to_text(&answer());
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "name      x                    n  ok",
                "a,\"b\"   0.3  9223372036854775807  true",
                "null    inf                    0  null",
                "c d    null                    7  false",
            ]
        );
    }

    #[test]
    fn what_does_not_fit_a_terminal_is_cut_or_left_out() {
        let column = |number: usize| Column {
            name: format!("column{number}"),
            is_boolean: false,
        };
        let mut wide = Answer {
            columns: (0..9).map(column).collect(),
            rows: vec![(0..9).map(Value::Integer).collect()],
        };
        let all = text(&wide, 90);
        assert_eq!(all.len(), 2);
        assert!(all.iter().all(|line| line.chars().count() <= 90));
        let some = text(&wide, 40);
        assert!(
            some.iter().take(2).all(|line| line.chars().count() <= 40),
            "{some:#?}"
        );
        assert!(some[0].starts_with("column0") && some[0].ends_with("column8"));
        assert!(
            some[0].contains('…') && some[2].contains("of 9 columns"),
            "{some:#?}"
        );
        wide.columns.truncate(2);
        wide.rows = vec![vec![Value::Text("x".repeat(70)), Value::Integer(1)]];
        let cut = text(&wide, 40);
        assert!(
            cut.iter().all(|line| line.chars().count() <= 40),
            "{cut:#?}"
        );
        assert!(cut[1].contains("x…"), "{cut:#?}");
    }

    #[test]
    fn rows_after_the_first_thousand_are_written_as_they_come() {
        let mut long = answer();
        long.rows = (0..3000)
            .map(|n| vec![Value::Null, Value::Null, Value::Integer(n), Value::Null])
            .collect();
        assert_eq!(to_text(&long).lines().count(), 3001);
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
