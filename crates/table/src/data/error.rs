//! What is wrong with a data file, where, and what to do about it.

use std::fmt;
use std::io;

use ndarray_npy::npy::header::ReadHeaderError;
use polars::prelude::PolarsError;
use zip::result::ZipError;

use super::content::Content;

/// A file that does not serve.
#[derive(Debug)]
pub struct DataError {
    /// The key of the sweep that names it; none where no sweep does.
    pub key: Option<&'static str>,
    /// As written in the sweep file.
    pub file: String,
    /// Array within the file, where one was named.
    pub array: Option<String>,
    pub problem: Box<DataProblem>,
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_source(f, self.key, &self.file, self.array.as_deref())?;
        write!(f, "{}", self.problem)
    }
}

impl std::error::Error for DataError {}

/// "`problem.inputs`: array 'x' of m.npz: ", as far as it is known.
pub(super) fn write_source(
    f: &mut fmt::Formatter<'_>,
    key: Option<&str>,
    file: &str,
    array: Option<&str>,
) -> fmt::Result {
    if let Some(key) = key {
        write!(f, "`{key}`: ")?;
    }
    match array {
        Some(array) => write!(f, "array '{array}' of {file}: "),
        None => write!(f, "{file}: "),
    }
}

/// "3.2 GB".
fn bytes_text(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    for (unit, name) in UNITS {
        if bytes >= unit {
            return format!("{:.1} {name}", bytes as f64 / unit as f64);
        }
    }
    format!("{bytes} bytes")
}

/// Where a row is, counted from 1 as editors do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// A line of a text file, its header counted.
    Line(u64),
    /// A row of an array or a table.
    Row(u64),
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Line(line) => write!(f, "line {line}"),
            At::Row(row) => write!(f, "row {row}"),
        }
    }
}

/// Why a field of a CSV file may not be a number. Displayed as the cure, behind the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Unknown,
    /// It stands in the first line.
    Header,
    /// It holds what other files separate fields by.
    Separator(&'static str),
    /// It holds a comma between digits.
    DecimalComma,
    /// It is a word for "no value".
    Missing,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Unknown => Ok(()),
            Cause::Header => f.write_str("; if line 1 names the columns, set header = true"),
            Cause::Separator(separator) => write!(
                f,
                "; the fields seem to be separated by {separator}, and a CSV file is read with commas: save it with commas, and with '.' in decimals"
            ),
            Cause::DecimalComma => f.write_str("; write decimals with '.', as in 1.5"),
            Cause::Missing => {
                f.write_str("; it stands for a missing value: fill it in, or leave the sample out")
            }
        }
    }
}

/// Columns are counted from 1, as rows and lines are.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataProblem {
    #[error("cannot be read: {0}")]
    Read(io::Error),
    #[error("is {found}, and only regular files are read: write the data to a file")]
    NotAFile { found: &'static str },
    #[error("{0}")]
    Content(Content),
    #[error("its name does not end in .npy, .npz, .csv, .csv.gz or .parquet")]
    Format,
    #[error("only .npz holds arrays by name")]
    NotAnArchive,
    #[error("holds no array of that name; it has {available}")]
    NoSuchArray { available: String },
    #[error("holds several arrays; name one of {available}")]
    NameNeeded { available: String },
    #[error("is no .npy: {0}")]
    NpyHeader(ReadHeaderError),
    #[error("is no .npy: its header is malformed")]
    NpyMalformed,
    #[error("holds elements of type {found}, where numbers or texts are needed{cure}")]
    NpyType { found: String, cure: &'static str },
    #[error("its header promises {expected} bytes of elements, and {found} are there")]
    NpySize { expected: u64, found: u64 },
    #[error(
        "has {} dimensions, {}, where at most 2 are needed; in numpy, a.reshape(len(a), -1) makes a row of each sample",
        .shape.len(),
        sides(.shape)
    )]
    Dimensions { shape: Vec<usize> },
    #[error("is no .npz: {0}")]
    Npz(ZipError),
    #[error("is no CSV: {0}")]
    Csv(csv::Error),
    #[error(
        "{at} has {found} field{}, and the lines before it have {expected}",
        if *.found == 1 { "" } else { "s" }
    )]
    Ragged { at: At, found: u64, expected: u64 },
    #[error("{at} is longer than {}: store it as .npy", bytes_text(*.allowed))]
    RecordLong { at: At, allowed: u64 },
    #[error("{at} is not UTF-8: save the file as UTF-8 text")]
    Encoding { at: At },
    #[error("is no Parquet: {0}")]
    Parquet(PolarsError),
    #[error("is no Parquet: its footer is malformed")]
    ParquetFooter,
    #[error("is no Parquet: the pages of column {column} are malformed")]
    ParquetPages { column: usize },
    #[error("column {column} ('{name}') has type {found}, where {needed} are needed{cure}")]
    ColumnType {
        column: usize,
        name: String,
        found: String,
        needed: &'static str,
        cure: &'static str,
    },
    #[error("{at}, column {column}: '{found}' is not a number{cause}")]
    NotANumber {
        at: At,
        column: usize,
        found: String,
        cause: Cause,
    },
    #[error("{at}, column {column}: {found} is not finite")]
    NotFinite { at: At, column: usize, found: f64 },
    #[error("{at}, column {column}: there is no value")]
    Null { at: At, column: usize },
    #[error("holds texts, where numbers are needed")]
    Texts,
    #[error("columns {start}..{end} were asked for, and it has {found}{cause}")]
    Columns {
        start: u64,
        end: u64,
        found: usize,
        cause: Cause,
    },
    #[error(
        "no column is named {wanted}: its columns have no names; take them by number, as columns = \"0..4\""
    )]
    NoNames { wanted: String },
    #[error("has no column named '{name}'; it has {available}")]
    NameUnknown { name: String, available: String },
    #[error("has several columns named '{name}'; take them by number, as columns = \"0..4\"")]
    NameDoubled { name: String },
    #[error("holds no values")]
    Empty,
    #[error("holds {found} values, more than {allowed}")]
    TooLarge { found: u64, allowed: u64 },
    #[error(
        "expands from {} to {}, more than {}: store it without compression, as .npy",
        bytes_text(*.packed),
        bytes_text(*.expanded),
        bytes_text(*.allowed)
    )]
    Expansion {
        packed: u64,
        expanded: u64,
        allowed: u64,
    },
    #[error("needs {} of memory, and {} are free", bytes_text(*.needed), bytes_text(*.free))]
    Memory { needed: u64, free: u64 },
    #[error(
        "labels are one column, and {found} are here; name one by `columns`, such as columns = \"0..1\""
    )]
    LabelColumns { found: usize },
    #[error(
        "{at}: label {found} is not a whole number; for real values set kind = \"regression\" and name them in `problem.targets`"
    )]
    Label { at: At, found: String },
    #[error(
        "{at}: label '{found}' stands for a missing value or is not finite; leave the sample out, or name the class otherwise"
    )]
    LabelMissing { at: At, found: String },
    #[error("{at}: there is no label; leave the sample out, or name its class")]
    LabelEmpty { at: At },
    #[error(
        "{at}: label '{found}' is a text and all others are numbers; if it names the column, set header = true"
    )]
    LabelHeader { at: At, found: String },
    #[error("{at}: the label '{found}' is one field{cause}")]
    LabelSeparator { at: At, found: String, cause: Cause },
    #[error("{at}: a label has {found} bytes, more than {allowed}")]
    LabelLong {
        at: At,
        found: usize,
        allowed: usize,
    },
    #[error(
        "{at}, column {column}: a mask holds 0 and 1 (or booleans) alone, and {found} is here; in numpy, (a > 0) makes one"
    )]
    MaskEntry { at: At, column: usize, found: f64 },
    #[error("this mask sees no entry: every value is 0")]
    MaskEmpty,
    #[error("{}", pickle_text(.file))]
    Pickle { file: String },
    #[error("its name does not end in .npz or .safetensors")]
    ArraysFormat,
    #[error("is no .safetensors: {why}")]
    Safetensors { why: String },
    #[error("holds elements of type {found}, where f16, bf16, f32 or f64 are needed")]
    NotFloats { found: String },
    #[error("has {} dimension{}, where a matrix is needed", .shape.len(), if .shape.len() == 1 { "" } else { "s" })]
    NoMatrix { shape: Vec<usize> },
    #[error("is stored column by column; in numpy, np.ascontiguousarray(a) stores it row by row")]
    ByColumns,
    #[error("a row of it has {found} values, more than {allowed}")]
    RowLong { found: u64, allowed: u64 },
    #[error("its bytes do not have the sum that the archive names")]
    Sum,
    #[error("the reader gave up")]
    Panic,
}

/// What to do about a pickle, with the two lines of Python that convert it.
fn pickle_text(file: &str) -> String {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    format!(
        "is a Python pickle, which can run any program when it is loaded and is not read; in Python:\n  \
         import torch, safetensors.torch\n  \
         safetensors.torch.save_file(torch.load({file:?}, weights_only=True), {:?})",
        format!("{stem}.safetensors")
    )
}

fn sides(shape: &[usize]) -> String {
    let sides: Vec<String> = shape.iter().map(ToString::to_string).collect();
    sides.join(" x ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_in_the_largest_unit_that_fits() {
        assert_eq!(bytes_text(999), "999 bytes");
        assert_eq!(bytes_text(1500), "1.5 kB");
        assert_eq!(bytes_text(3_200_000_000), "3.2 GB");
    }
}
