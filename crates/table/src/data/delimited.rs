//! CSV, plain or compressed by gzip.

use std::io::{BufRead, BufReader, ErrorKind, Read};

use csv::{Reader, ReaderBuilder, StringRecord, Trim};
use flate2::read::MultiGzDecoder;
use ndarray::Array2;
use sweep::Columns;

use super::bounds::{Limits, value_count};
use super::content::{Format, mistaken};
use super::error::{At, Cause, DataProblem};
use super::lines::Lines;
use super::matrix::{Matrix, Wanted, cut};
use super::missing::is_missing;
use super::notes::DataNote;

/// Characters of a wrong field that are repeated in an error.
pub(super) const QUOTED: usize = 40;

/// Numbers after which the bounds are looked at again.
const LOOKED_AT: usize = 1 << 20;

/// How a CSV file is read.
pub(super) struct Options<'a> {
    pub(super) header: bool,
    pub(super) columns: Option<&'a Columns>,
    pub(super) wanted: Wanted,
    pub(super) limits: Limits,
    /// The bytes come from a compressed file.
    pub(super) packed: bool,
}

/// Reads comma-separated values; the first line is skipped where it is a header.
pub(super) fn read(
    bytes: impl Read,
    options: &Options<'_>,
    notes: &mut Vec<DataNote>,
) -> Result<Matrix, DataProblem> {
    let mut reader = ReaderBuilder::new()
        .has_headers(options.header)
        .trim(Trim::Headers)
        .from_reader(Lines::new(bytes, options.limits.longest_record()));
    let taken = if options.header {
        look_at_header(&mut reader, options, notes)?
    } else {
        None
    };
    let mut record = StringRecord::new();
    let mut rows = Rows::new(options, taken);
    while let Some(line) = next(&mut reader, &mut record, options.limits)? {
        rows.add(&record, line)?;
        reader.get_mut().next_record();
    }
    rows.finish()
}

/// As [`read`], decompressing no more than the bounds allow.
pub(super) fn read_compressed(
    bytes: &[u8],
    options: &Options<'_>,
    notes: &mut Vec<DataNote>,
) -> Result<Matrix, DataProblem> {
    read(expanded(bytes, options.limits)?, options, notes)
}

/// What a compressed file holds, where it is no more than the bounds allow. It is expanded once to see how long it is:
/// a small part of the time that its lines take, and a file that is refused is refused at once.
fn expanded(bytes: &[u8], limits: Limits) -> Result<impl BufRead, DataProblem> {
    let allowed = limits.expanded_bytes();
    let begun = || BufReader::new(MultiGzDecoder::new(bytes).take(allowed + 1));
    let mut whole = begun();
    let head = whole.fill_buf().map_err(DataProblem::Read)?;
    if let Some(content) = mistaken(head, Format::Csv) {
        return Err(DataProblem::Content(content));
    }
    // A damaged end is an error where it is read.
    if let Ok(found) = std::io::copy(&mut whole, &mut std::io::sink()) {
        limits.expansion(found)?;
    }
    Ok(begun())
}

/// Hands over every record of a file with its line, the first line as one of them.
pub(super) fn each_record(
    bytes: &[u8],
    packed: bool,
    limits: Limits,
    take: &mut dyn FnMut(&StringRecord, u64) -> Result<(), DataProblem>,
) -> Result<(), DataProblem> {
    if !packed {
        return records(bytes, limits, take);
    }
    records(expanded(bytes, limits)?, limits, take)
}

fn records(
    bytes: impl Read,
    limits: Limits,
    take: &mut dyn FnMut(&StringRecord, u64) -> Result<(), DataProblem>,
) -> Result<(), DataProblem> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .from_reader(Lines::new(bytes, limits.longest_record()));
    let mut record = StringRecord::new();
    while let Some(line) = next(&mut reader, &mut record, limits)? {
        take(&record, line)?;
        reader.get_mut().next_record();
    }
    Ok(())
}

/// Reads the next record, and returns its line where there is one.
fn next<R: Read>(
    reader: &mut Reader<Lines<R>>,
    record: &mut StringRecord,
    limits: Limits,
) -> Result<Option<u64>, DataProblem> {
    let more = reader.read_record(record);
    // Blank lines before a record count, and a record may have lines of its own.
    let after = reader.position().line().saturating_sub(1);
    let mut own = 0;
    let mut blank = false;
    for byte in record.as_slice().bytes() {
        own += u64::from(byte == b'\n');
        blank |= byte <= b' ' || !byte.is_ascii();
    }
    let line = after.saturating_sub(own).max(1);
    let more = more.map_err(|error| faulty(error, line, limits))?;
    // The reader's own trimming makes every record anew: a third of the time that short lines take.
    if blank {
        record.trim();
    }
    Ok(more.then_some(line))
}

/// What the line that is skipped says: which columns are taken.
fn look_at_header<R: Read>(
    reader: &mut Reader<R>,
    options: &Options<'_>,
    notes: &mut Vec<DataNote>,
) -> Result<Option<Vec<usize>>, DataProblem> {
    let header = reader
        .headers()
        .map_err(|error| faulty(error, 1, options.limits))?;
    if header.is_empty() {
        return Ok(None);
    }
    let names: Vec<&str> = header.iter().collect();
    let taken = cut(options.columns, header.len(), Some(&names), || {
        separator_of(header)
    })?;
    let first = &header[0];
    // pandas names an index nothing, and reads that back as "Unnamed: 0".
    if header.len() > 1 && (first.is_empty() || first.starts_with("Unnamed: 0")) {
        notes.extend(DataNote::index(0, first, &taken));
    }
    let numeric = |field: &str| field.parse::<f64>().is_ok();
    let named = header.iter().filter(|field| !field.is_empty());
    if named.clone().next().is_some() && named.clone().all(numeric) && !counts(named) {
        notes.push(DataNote::NumericHeader);
    }
    Ok(Some(taken))
}

/// Whether the names are 0, 1, 2, ... or 1, 2, 3, ...: columns that were never given a name.
pub(super) fn counts<'a>(names: impl Iterator<Item = &'a str> + Clone) -> bool {
    (0..=1_usize).any(|from| {
        names
            .clone()
            .enumerate()
            .all(|(at, name)| name.parse() == Ok(from + at))
    })
}

/// The rows read so far.
struct Rows<'a> {
    options: &'a Options<'a>,
    /// The columns that are taken, from the first record on.
    taken: Option<Vec<usize>>,
    numbers: Vec<f64>,
    texts: Vec<String>,
    lines: Vec<u64>,
    rows: usize,
    width: usize,
    /// Count of numbers at which the bounds are looked at again.
    look_at: usize,
}

impl<'a> Rows<'a> {
    fn new(options: &'a Options<'a>, taken: Option<Vec<usize>>) -> Rows<'a> {
        Rows {
            options,
            taken,
            numbers: Vec::new(),
            texts: Vec::new(),
            lines: Vec::new(),
            rows: 0,
            width: 0,
            look_at: LOOKED_AT,
        }
    }

    fn add(&mut self, record: &StringRecord, line: u64) -> Result<(), DataProblem> {
        let at = At::Line(line);
        let is_first = self.rows == 0 && !self.options.header;
        // Records are of one length, so the columns of the first one are those of all.
        let taken = match self.taken.take() {
            Some(taken) => taken,
            None => cut(self.options.columns, record.len(), None, || {
                separator_of(record)
            })?,
        };
        self.width = taken.len();
        self.rows += 1;
        value_count(self.rows, self.width)?;
        for &column in &taken {
            let field = &record[column];
            match self.options.wanted {
                Wanted::Labels => {
                    self.texts.push(field.to_owned());
                    self.lines.push(line);
                }
                Wanted::Numbers | Wanted::Mask => {
                    let number = self
                        .number(field)
                        .map_err(|wrong| wrong.problem(at, column + 1, field, is_first))?;
                    self.numbers.push(number);
                }
            }
        }
        self.taken = Some(taken);
        let count = self.numbers.len() + self.texts.len();
        if count >= self.look_at {
            self.look_at = count.saturating_mul(2);
            // As many again before the next look, in a vector that grows by copying.
            self.options.limits.numbers(self.look_at as u64)?;
            if self.options.packed {
                self.options.limits.expansion(8 * count as u64)?;
            }
        }
        Ok(())
    }

    fn number(&self, field: &str) -> Result<f64, Wrong> {
        match field.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            Ok(number) => Err(Wrong::NotFinite(number)),
            Err(_) if field.is_empty() => Err(Wrong::Empty),
            Err(_) => {
                let truth = match self.options.wanted {
                    Wanted::Mask => field.to_ascii_lowercase().parse::<bool>().ok(),
                    Wanted::Numbers | Wanted::Labels => None,
                };
                truth
                    .map(|seen| f64::from(u8::from(seen)))
                    .ok_or(Wrong::Text)
            }
        }
    }

    fn finish(self) -> Result<Matrix, DataProblem> {
        value_count(self.rows, self.width)?;
        let shape = (self.rows, self.width);
        // Every record was cut to the same width, or `read_record` had refused it.
        let misshaped = |_| DataProblem::Empty;
        if self.options.wanted == Wanted::Labels {
            let texts = Array2::from_shape_vec(shape, self.texts).map_err(misshaped)?;
            let lines = self.lines;
            return Ok(Matrix::Texts { texts, lines });
        }
        let numbers = Array2::from_shape_vec(shape, self.numbers).map_err(misshaped)?;
        Ok(Matrix::Numbers(numbers))
    }
}

/// What is wrong with a field.
enum Wrong {
    Empty,
    NotFinite(f64),
    Text,
}

impl Wrong {
    fn problem(self, at: At, column: usize, field: &str, is_first: bool) -> DataProblem {
        match self {
            Wrong::Empty => DataProblem::Null { at, column },
            Wrong::NotFinite(found) => DataProblem::NotFinite { at, column, found },
            Wrong::Text => DataProblem::NotANumber {
                at,
                column,
                found: field.chars().take(QUOTED).collect(),
                cause: cause_of(field, is_first),
            },
        }
    }
}

/// Why a field may not be a number.
fn cause_of(field: &str, is_first: bool) -> Cause {
    if let Some(separator) = separator_in(field) {
        return Cause::Separator(separator);
    }
    if field.contains(',') && field.replacen(',', ".", 1).parse::<f64>().is_ok() {
        return Cause::DecimalComma;
    }
    if is_missing(field) {
        return Cause::Missing;
    }
    if is_first {
        return Cause::Header;
    }
    Cause::Unknown
}

/// What separates fields within a field that should be one.
pub(super) fn separator_in(field: &str) -> Option<&'static str> {
    if field.contains(';') {
        return Some("';'");
    }
    if field.contains('\t') {
        return Some("tabs");
    }
    if field.contains('|') {
        return Some("'|'");
    }
    // Words may stand in one field; numbers do not.
    let mut parts = field.split_whitespace();
    let numbers = parts.clone().count() > 1 && parts.all(|part| part.parse::<f64>().is_ok());
    numbers.then_some("blanks")
}

fn separator_of(record: &StringRecord) -> Cause {
    let found = record.iter().find_map(separator_in);
    found.map_or(Cause::Unknown, Cause::Separator)
}

fn faulty(error: csv::Error, line: u64, limits: Limits) -> DataProblem {
    let at = At::Line(line);
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => DataProblem::Ragged {
            at,
            found: *len,
            expected: *expected_len,
        },
        csv::ErrorKind::Utf8 { .. } => DataProblem::Encoding { at },
        csv::ErrorKind::Io(source) if source.kind() == ErrorKind::FileTooLarge => {
            DataProblem::RecordLong {
                at,
                allowed: limits.longest_record(),
            }
        }
        _ => DataProblem::Csv(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};
    use ndarray::array;
    use sweep::{Columns, Role};

    use super::super::load::read_array;
    use super::super::load::tests::{array_ref, notes_of};

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: &str) {
        let error = read_array(bytes, &array_ref(Role::Target, "m.csv")).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }

    #[test]
    fn plain_and_compressed_are_the_same() {
        let bytes = b" 1, 2e-3\n-4,+5.5\n\n";
        let expected = array![[1.0, 2e-3], [-4.0, 5.5]];
        let plain = array_ref(Role::Target, "m.csv");
        assert_eq!(read_array(bytes, &plain).unwrap(), expected);
        let compressed = array_ref(Role::Target, "m.csv.gz");
        assert_eq!(read_array(&gzip(bytes), &compressed).unwrap(), expected);
        let cut = gzip(bytes);
        assert!(read_array(&cut[..cut.len() / 2], &compressed).is_err());
        let error = read_array(bytes, &compressed).unwrap_err().to_string();
        assert!(error.contains("is not compressed by gzip"), "{error}");
        let error = read_array(&gzip(&gzip(bytes)), &compressed).unwrap_err();
        assert!(
            error.to_string().contains("is compressed by gzip"),
            "{error}"
        );
    }

    #[test]
    fn a_small_file_does_not_expand_without_bound() {
        let bytes = gzip(&b"1,0\n".repeat(1000));
        let read = |expanded| {
            let options = super::Options {
                header: false,
                columns: None,
                wanted: super::Wanted::Numbers,
                limits: super::Limits::with(bytes.len() as u64, u64::MAX).expanding_to(expanded),
                packed: true,
            };
            super::read_compressed(&bytes, &options, &mut Vec::new())
        };
        assert!(read(4000).is_ok());
        let error = read(3999).map(drop).unwrap_err().to_string();
        assert!(
            error.starts_with("expands from") && error.contains("more than 4.0 kB"),
            "{error}"
        );
    }

    #[test]
    fn a_record_without_end_is_refused() {
        let longer = usize::try_from(super::super::bounds::LONGEST_RECORD).unwrap() + 2;
        let bytes = gzip(&b"1,".repeat(longer / 2));
        let error = read_array(&bytes, &array_ref(Role::Target, "m.csv.gz")).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("line 1 is longer than 67.1 MB"), "{error}");
    }

    #[test]
    fn a_header_is_skipped_where_there_is_one() {
        let mut with = array_ref(Role::Target, "m.csv");
        with.header = true;
        assert_eq!(
            read_array(b"a,b\n1,2\n", &with).unwrap(),
            array![[1.0, 2.0]]
        );
        check(
            b"a,b\n1,2\n",
            "m.csv: line 1, column 1: 'a' is not a number; if line 1 names the columns, set header = true",
        );
    }

    #[test]
    fn headers_of_numbers_and_indices_are_noted() {
        let check = |bytes: &[u8], columns: Option<(u64, u64)>, expected: &[&str]| {
            let mut array = array_ref(Role::Inputs, "m.csv");
            array.header = true;
            array.columns = columns.map(|(start, end)| Columns::range(start, end));
            let notes = notes_of(bytes, &array);
            assert_eq!(notes.len(), expected.len(), "{notes:?}");
            for (note, expected) in notes.iter().zip(expected) {
                assert!(note.contains(expected), "{note}");
            }
        };
        check(b"a,b\n1,2\n", None, &[]);
        check(b"0.5,2\n1,2\n", None, &["line 1 is skipped as a header"]);
        // Columns without names of their own.
        check(b"0,1\n1,2\n", None, &[]);
        check(b"1,2\n1,2\n", None, &[]);
        check(b",a,b\n0,1,2\n", None, &["columns = \"1..3\""]);
        check(b"Unnamed: 0,a,b\n0,1,2\n", None, &["'Unnamed: 0'"]);
        check(b",a,b\n0,1,2\n", Some((1, 3)), &[]);
        check(b",0,1\n0,1,2\n", None, &["column 1 has no name"]);
    }

    #[test]
    fn holes_and_ragged_rows_are_named() {
        check(b"1,2\n3,\n", "line 2, column 2: there is no value");
        check(
            b"1,2\n3\n",
            "line 2 has 1 field, and the lines before it have 2",
        );
        check(b"1,2\n3,\xff\n", "line 2 is not UTF-8");
        check(b"1,2\r\n3,4\r\nx,5\r\n", "line 3, column 1: 'x'");
        check(b"1,2\r3,4\rx,5", "line 3, column 1: 'x'");
        check(b"1,\"2\n\"\n\n\n3,x\n", "line 5, column 2: 'x'");
        check(b"1,2\r\n\r\n3\r\n", "line 3 has 1 field");
        check(
            b"1,2\n\n3,NA\n",
            "line 3, column 2: 'NA' is not a number; it stands for a missing value",
        );
    }

    #[test]
    fn other_separators_are_named() {
        check(b"1;2\n3;4\n", "separated by ';'");
        check(b"1,5;2,5\n3,5;4,5\n", "separated by ';'");
        check(b"1\t2\n3\t4\n", "separated by tabs");
        check(b"1.0 2.0\n3.0 4.0\n", "separated by blanks");
        check(b"\"1,5\",2\n", "write decimals with '.'");
        let mut far = array_ref(Role::Inputs, "m.csv");
        far.columns = Some(sweep::Columns::range(0, 2));
        let error = read_array(b"1;2\n", &far).unwrap_err().to_string();
        assert!(
            error.starts_with("m.csv: columns 0..2 were asked for, and it has 1; the fields seem to be separated by ';'"),
            "{error}"
        );
    }
}
