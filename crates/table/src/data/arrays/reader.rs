//! The values of one array, a few rows at a time.

use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::CrcReader;
use flate2::read::DeflateDecoder;
use ndarray::Array2;

use super::super::error::{At, DataError, DataProblem};
use super::super::npy::fill;
use super::element::Element;
use super::entry::ArrayEntry;

/// Values of one row: a layer of a million inputs and more, 128 MB.
const ROW_VALUES: u64 = 1 << 24;

/// Values of an array that is stored column by column, which is put together whole: 64 MB.
const COLUMN_VALUES: u64 = 1 << 23;

/// Bytes that are read at once.
const BUFFER: usize = 1 << 20;

/// Reads the rows of one array in order.
pub struct RowReader {
    path: PathBuf,
    name: String,
    element: Element,
    big: bool,
    rows: usize,
    columns: usize,
    /// Number of the next row.
    next: usize,
    source: Source,
    bytes: Vec<u8>,
}

enum Source {
    Rows(Box<dyn Read>),
    /// An array that is stored column by column, whole.
    Whole(Array2<f64>),
}

impl RowReader {
    pub(super) fn new(path: &Path, entry: &ArrayEntry) -> Result<RowReader, DataError> {
        let failed = |problem| failed(path, &entry.name, problem);
        let Some(element) = entry.element else {
            let found = entry.kind.clone();
            return Err(failed(DataProblem::NotFloats { found }));
        };
        let Some((rows, columns)) = entry.matrix() else {
            let shape = entry.shape.clone();
            return Err(failed(DataProblem::NoMatrix { shape }));
        };
        if columns as u64 > ROW_VALUES {
            return Err(failed(DataProblem::RowLong {
                found: columns as u64,
                allowed: ROW_VALUES,
            }));
        }
        let source = opened(path, entry).map_err(failed)?;
        let mut reader = RowReader {
            path: path.to_owned(),
            name: entry.name.clone(),
            element,
            big: entry.place.big,
            rows,
            columns,
            next: 0,
            source: Source::Rows(source),
            bytes: Vec::new(),
        };
        if entry.place.by_columns {
            reader.turn(&entry.shape).map_err(failed)?;
        }
        Ok(reader)
    }

    /// Puts an array together that is stored column by column.
    fn turn(&mut self, shape: &[usize]) -> Result<(), DataProblem> {
        let count = self.rows as u64 * self.columns as u64;
        if shape.len() != 2 || count > COLUMN_VALUES {
            return Err(DataProblem::ByColumns);
        }
        let values = self.values(count as usize)?;
        self.check_end()?;
        let turned = Array2::from_shape_vec((self.columns, self.rows), values);
        let whole = turned.map_err(|_| DataProblem::NpyMalformed)?;
        let whole = whole.reversed_axes().as_standard_layout().into_owned();
        check_finite(&whole, 0)?;
        self.source = Source::Whole(whole);
        Ok(())
    }

    /// Rows and columns of the array.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// The next rows, at most `rows` and at least one; `None` after the last. After the last row the sum of a member
    /// of an archive has been checked.
    ///
    /// # Errors
    /// [`DataError`] names the array, and the row and column of a value that is not finite.
    pub fn next(&mut self, rows: usize) -> Result<Option<Array2<f64>>, DataError> {
        let read = self.read(rows.max(1));
        read.map_err(|problem| failed(&self.path, &self.name, problem))
    }

    fn read(&mut self, rows: usize) -> Result<Option<Array2<f64>>, DataProblem> {
        let first = self.next;
        let count = rows.min(self.rows - first);
        if count == 0 {
            return Ok(None);
        }
        self.next += count;
        if let Source::Whole(whole) = &self.source {
            let part = whole.slice(ndarray::s![first..first + count, ..]);
            return Ok(Some(part.to_owned()));
        }
        let values = self.values(count * self.columns)?;
        let block = Array2::from_shape_vec((count, self.columns), values);
        let block = block.map_err(|_| DataProblem::NpyMalformed)?;
        check_finite(&block, first)?;
        if self.next == self.rows {
            self.check_end()?;
        }
        Ok(Some(block))
    }

    fn values(&mut self, count: usize) -> Result<Vec<f64>, DataProblem> {
        let Source::Rows(source) = &mut self.source else {
            return Ok(Vec::new());
        };
        let mut values = Vec::with_capacity(count);
        let size = self.element.bytes();
        self.bytes.resize(BUFFER, 0);
        let mut left = count;
        while left > 0 {
            let taken = left.min(BUFFER / size);
            let piece = &mut self.bytes[..taken * size];
            let found = fill(source, piece)?;
            if found < piece.len() {
                return Err(DataProblem::NpySize {
                    expected: (count * size) as u64,
                    found: ((count - left) * size + found) as u64,
                });
            }
            self.element.decode(piece, self.big, &mut values);
            left -= taken;
        }
        Ok(values)
    }

    /// Reads on to the end of the member, where its sum is compared.
    fn check_end(&mut self) -> Result<(), DataProblem> {
        if let Source::Rows(source) = &mut self.source {
            let mut more = [0];
            source.read(&mut more).map_err(|error| {
                if error.kind() == std::io::ErrorKind::InvalidData {
                    DataProblem::Sum
                } else {
                    DataProblem::Read(error)
                }
            })?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for RowReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowReader")
            .field("name", &self.name)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// An error about an array.
fn failed(path: &Path, array: &str, problem: DataProblem) -> DataError {
    DataError {
        key: None,
        file: path.display().to_string(),
        array: Some(array.to_owned()),
        problem: Box::new(problem),
    }
}

/// The bytes of an array's values.
fn opened(path: &Path, entry: &ArrayEntry) -> Result<Box<dyn Read>, DataProblem> {
    let place = &entry.place;
    let mut opened = File::open(path).map_err(DataProblem::Read)?;
    opened
        .seek(SeekFrom::Start(place.offset))
        .map_err(DataProblem::Read)?;
    let packed = BufReader::with_capacity(BUFFER, opened).take(place.packed);
    let Some(crc) = place.crc else {
        return Ok(Box::new(packed));
    };
    let mut member: Box<dyn Read> = if place.deflated {
        Box::new(Summed {
            inner: CrcReader::new(DeflateDecoder::new(packed)),
            crc,
        })
    } else {
        Box::new(Summed {
            inner: CrcReader::new(packed),
            crc,
        })
    };
    // The header has been read and is passed over.
    let mut front = vec![0; place.front as usize];
    if fill(&mut member, &mut front)? < front.len() {
        return Err(DataProblem::NpyMalformed);
    }
    Ok(member)
}

/// Fails at the end where the bytes do not have the sum that was promised.
struct Summed<R> {
    inner: CrcReader<R>,
    crc: u32,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if read == 0 && !buffer.is_empty() && self.inner.crc().sum() != self.crc {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        Ok(read)
    }
}

fn check_finite(block: &Array2<f64>, first: usize) -> Result<(), DataProblem> {
    match block.indexed_iter().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some(((row, column), &found)) => Err(DataProblem::NotFinite {
            at: At::Row((first + row) as u64 + 1),
            column: column + 1,
            found,
        }),
    }
}
