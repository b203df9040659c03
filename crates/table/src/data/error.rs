//! What is wrong with a data file, and where.

use std::fmt;
use std::io;

use ndarray_npy::npy::header::ReadHeaderError;
use polars::prelude::PolarsError;
use zip::result::ZipError;

/// A file that does not serve.
#[derive(Debug)]
pub struct DataError {
    /// As written in the sweep file.
    pub file: String,
    /// Array within the file, where one was named.
    pub array: Option<String>,
    pub problem: Box<DataProblem>,
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.array {
            Some(array) => write!(f, "array '{array}' of {}: {}", self.file, self.problem),
            None => write!(f, "{}: {}", self.file, self.problem),
        }
    }
}

impl std::error::Error for DataError {}

/// Rows and columns are counted from 1, as people and editors do; rows of CSV are lines.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataProblem {
    #[error("cannot be read: {0}")]
    Read(io::Error),
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
    #[error("holds elements of type {found}, where numbers or texts are needed")]
    NpyType { found: String },
    #[error("its header promises {expected} bytes of elements, and {found} are there")]
    NpySize { expected: usize, found: usize },
    #[error("has {found} dimensions, where at most 2 are needed")]
    Dimensions { found: usize },
    #[error("is no .npz: {0}")]
    Npz(ZipError),
    #[error("is no CSV: {0}")]
    Csv(csv::Error),
    #[error("is no Parquet: {0}")]
    Parquet(PolarsError),
    #[error("is no Parquet: its footer is malformed")]
    ParquetFooter,
    #[error("column {column} ('{name}') has type {found}, where {needed} are needed")]
    ColumnType {
        column: usize,
        name: String,
        found: String,
        needed: &'static str,
    },
    #[error("row {row}, column {column}: '{found}' is not a number")]
    NotANumber {
        row: u64,
        column: usize,
        found: String,
    },
    #[error("row {row}, column {column}: {found} is not finite")]
    NotFinite { row: u64, column: usize, found: f64 },
    #[error("row {row}, column {column}: there is no value")]
    Null { row: u64, column: usize },
    #[error("holds texts, where numbers are needed")]
    Texts,
    #[error("columns {start}..{end} were asked for, and it has {found}")]
    Columns { start: u64, end: u64, found: usize },
    #[error("holds no values")]
    Empty,
    #[error("holds {found} values, more than {allowed}")]
    TooLarge { found: u64, allowed: u64 },
    #[error("labels are one column, and {found} are here; name one by `columns`")]
    LabelColumns { found: usize },
    #[error("row {row}: label {found} is neither a whole number nor a text")]
    Label { row: u64, found: f64 },
    #[error("the reader gave up")]
    Panic,
}
