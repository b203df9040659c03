//! Files of each format, value by value.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use csv::StringRecord;
use ndarray::ArrayView2;
use sweep::{ArrayRef, Role, Rules};

use super::Describe;
use super::summary::Summary;
use crate::data::bounds::Limits;
use crate::data::content::{Format, mistaken};
use crate::data::delimited::{QUOTED, counts, each_record, separator_in};
use crate::data::error::{At, Cause, DataProblem};
use crate::data::load::stored;
use crate::data::matrix::Matrix;
use crate::data::missing::is_missing;
use crate::data::open::read_file;
use crate::data::parquet::{self, Seen};

/// Records from which the header and the separator are known.
const LOOKED_AT: usize = 100;

/// Numbers of a first line that may count by accident.
const FEW: usize = 2;

/// A file, looked at.
pub(super) struct Scanned {
    pub(super) rows: u64,
    pub(super) header: bool,
    /// The first line is taken for a sample, and counts as names of columns do.
    pub(super) perhaps_header: bool,
    /// One a column, or none.
    pub(super) names: Vec<String>,
    pub(super) columns: Vec<Summary>,
}

pub(super) fn scan(path: &Path, file: &str, asked: &Describe) -> Result<Scanned, DataProblem> {
    let bytes = read_file(path)?;
    // The readers of others may panic on bytes from anywhere.
    catch_unwind(AssertUnwindSafe(|| of_bytes(&bytes, file, asked)))
        .unwrap_or(Err(DataProblem::Panic))
}

fn of_bytes(bytes: &[u8], file: &str, asked: &Describe) -> Result<Scanned, DataProblem> {
    let format = Format::of(file).ok_or(DataProblem::Format)?;
    if bytes.is_empty() {
        return Err(DataProblem::Empty);
    }
    if let Some(content) = mistaken(bytes, format) {
        return Err(DataProblem::Content(content));
    }
    let limits = Limits::of(bytes.len() as u64);
    match format {
        // What stands in rows is looked at as a matrix.
        Format::Npz | Format::Npy => array(bytes, file, asked, limits),
        Format::Csv | Format::CsvGz if asked.transpose => array(bytes, file, asked, limits),
        Format::Csv | Format::CsvGz => text(bytes, format == Format::CsvGz, asked.header, limits),
        Format::Parquet if asked.transpose => array(bytes, file, asked, limits),
        Format::Parquet => table(bytes, limits),
    }
}

/// A matrix, its columns or, where a sample is a column, its rows.
fn array(
    bytes: &[u8],
    file: &str,
    asked: &Describe,
    limits: Limits,
) -> Result<Scanned, DataProblem> {
    let array = ArrayRef {
        role: Role::Inputs,
        file: file.to_owned(),
        array: asked.array.clone(),
        columns: None,
        scale_text: None,
        transpose: asked.transpose,
        header: asked.header,
    };
    let (rows, columns) = match stored(bytes, &array, (Rules::NEWEST, limits), &mut Vec::new())? {
        Matrix::Numbers(numbers) => {
            summarized(numbers.view(), asked.transpose, &|summary, x, at| {
                summary.add_number(*x, at);
            })
        }
        Matrix::Texts { texts, .. } => {
            summarized(texts.view(), asked.transpose, &|summary, x, at| {
                summary.add_field(x, at);
            })
        }
    };
    Ok(Scanned {
        rows,
        header: asked.header,
        perhaps_header: false,
        names: Vec::new(),
        columns,
    })
}

fn summarized<T>(
    matrix: ArrayView2<'_, T>,
    transpose: bool,
    add: &dyn Fn(&mut Summary, &T, At),
) -> (u64, Vec<Summary>) {
    let (rows, columns) = matrix.dim();
    let (samples, inputs) = if transpose {
        (columns, rows)
    } else {
        (rows, columns)
    };
    let mut found = vec![Summary::new(); inputs];
    for ((row, column), value) in matrix.indexed_iter() {
        let input = if transpose { row } else { column };
        add(&mut found[input], value, At::Row(row as u64 + 1));
    }
    (samples as u64, found)
}

/// Comma-separated values.
fn text(
    bytes: &[u8],
    packed: bool,
    has_header: bool,
    limits: Limits,
) -> Result<Scanned, DataProblem> {
    let mut first: Vec<(StringRecord, u64)> = Vec::new();
    let mut scanned = None;
    each_record(bytes, packed, limits, &mut |record, line| {
        if let Some(scanned) = &mut scanned {
            add(scanned, record, line);
        } else {
            first.push((record.clone(), line));
            if first.len() == LOOKED_AT {
                scanned = Some(begun(&first, has_header)?);
            }
        }
        Ok(())
    })?;
    let scanned = match scanned {
        Some(scanned) => scanned,
        None => begun(&first, has_header)?,
    };
    if scanned.rows == 0 || scanned.columns.is_empty() {
        return Err(DataProblem::Empty);
    }
    Ok(scanned)
}

/// The first records, once it is known what they are.
fn begun(first: &[(StringRecord, u64)], has_header: bool) -> Result<Scanned, DataProblem> {
    refuse_other_separators(first)?;
    let Some((head, samples)) = first.split_first() else {
        return Err(DataProblem::Empty);
    };
    let header = has_header || is_header(&head.0, samples);
    let names = head.0.iter().map(str::to_owned);
    let mut scanned = Scanned {
        rows: 0,
        header,
        perhaps_header: !header && !samples.is_empty() && counted(&head.0) > FEW,
        names: if header { names.collect() } else { Vec::new() },
        columns: vec![Summary::new(); head.0.len()],
    };
    let samples = if header { samples } else { first };
    for (record, line) in samples {
        add(&mut scanned, record, *line);
    }
    Ok(scanned)
}

fn add(scanned: &mut Scanned, record: &StringRecord, line: u64) {
    scanned.rows += 1;
    for (summary, field) in scanned.columns.iter_mut().zip(record) {
        summary.add_field(field, At::Line(line));
    }
}

fn is_number(field: &str) -> bool {
    field.parse::<f64>().is_ok()
}

/// How many numbers the first record holds, where they are 0, 1, 2, ... or 1, 2, 3, ...; else 0.
fn counted(head: &StringRecord) -> usize {
    let numbers = head.iter().filter(|field| is_number(field));
    if counts(numbers.clone()) {
        numbers.count()
    } else {
        0
    }
}

/// Whether the first record names the columns: it holds no number, and below one of its texts there are numbers alone;
/// or its numbers count, as those of columns that pandas was given no names for, and one of its texts is not of the
/// values below it.
fn is_header(head: &StringRecord, samples: &[(StringRecord, u64)]) -> bool {
    if samples.is_empty() {
        return false;
    }
    let is_mixed = head.iter().any(is_number);
    if is_mixed && counted(head) < FEW {
        return false;
    }
    (0..head.len()).any(|column| {
        let name = &head[column];
        let fields = samples.iter().filter_map(|(record, _)| record.get(column));
        let values: Vec<&str> = fields
            .filter(|field| !field.is_empty() && !is_missing(field))
            .collect();
        if values.is_empty() || is_number(name) || is_mixed && is_missing(name) {
            return false;
        }
        if name.is_empty() {
            // pandas names the index nothing.
            return is_mixed && column == 0 && values.len() == samples.len();
        }
        let is_other = || {
            let distinct: BTreeSet<&str> = values.iter().copied().collect();
            distinct.len() < values.len() && !distinct.contains(name)
        };
        values.iter().all(|value| is_number(value)) || is_mixed && is_other()
    })
}

/// Whether every record has a field that another separator would make numbers of, or is one field that it would split.
fn refuse_other_separators(records: &[(StringRecord, u64)]) -> Result<(), DataProblem> {
    let samples = if records.len() > 1 {
        &records[1..]
    } else {
        records
    };
    let mut all = samples
        .iter()
        .map(|(record, line)| splits(record).zip(Some(*line)));
    let Some(Some(((column, separator, field), line))) = all.next() else {
        return Ok(());
    };
    if !all.all(|found| found.is_some()) {
        return Ok(());
    }
    Err(DataProblem::NotANumber {
        at: At::Line(line),
        column: column + 1,
        found: field.chars().take(QUOTED).collect(),
        cause: Cause::Separator(separator),
    })
}

/// The first field of a record that another separator would make numbers of, or that is all of it: its column, the
/// separator and the field.
fn splits(record: &StringRecord) -> Option<(usize, &'static str, &str)> {
    record.iter().enumerate().find_map(|(column, field)| {
        let separator = separator_in(field)?;
        let parts = field
            .split([';', '\t', '|', ' '])
            .filter(|part| !part.is_empty());
        let mut parts = parts.map(|part| part.parse::<f64>().is_ok());
        let numbers = parts.clone().count() > 1 && parts.all(|number| number);
        (numbers || record.len() == 1).then_some((column, separator, field))
    })
}

/// A Parquet file.
fn table(bytes: &[u8], limits: Limits) -> Result<Scanned, DataProblem> {
    let mut columns: Vec<Summary> = Vec::new();
    let (rows, names) = parquet::each_value(bytes, limits, &mut |column, row, value| {
        if column >= columns.len() {
            columns.resize(column + 1, Summary::new());
        }
        let (summary, at) = (&mut columns[column], At::Row(row as u64 + 1));
        match value {
            Seen::Number(number) => summary.add_number(number, at),
            Seen::Text(text) => summary.add_text(text, at),
            Seen::Missing => summary.add_missing(at),
        }
    })?;
    columns.resize(names.len(), Summary::new());
    Ok(Scanned {
        rows: rows as u64,
        header: false,
        perhaps_header: false,
        names,
        columns,
    })
}
