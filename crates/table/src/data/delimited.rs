//! CSV, plain or compressed by gzip.

use std::io::Read;

use csv::{ReaderBuilder, StringRecord, Trim};
use flate2::read::MultiGzDecoder;
use ndarray::Array2;

use super::error::DataProblem;
use super::load::{MAX_BYTES, MAX_VALUES, Matrix, Wanted, cut, value_count};

/// Characters of a wrong field that are repeated in an error.
const QUOTED: usize = 40;

/// Reads comma-separated values; the first line is skipped where it is a header.
pub(super) fn read(
    bytes: impl Read,
    header: bool,
    columns: Option<(u64, u64)>,
    wanted: Wanted,
) -> Result<Matrix, DataProblem> {
    let mut reader = ReaderBuilder::new()
        .has_headers(header)
        .trim(Trim::All)
        .from_reader(bytes);
    let mut record = StringRecord::new();
    let mut numbers = Vec::new();
    let mut texts = Vec::new();
    let (mut rows, mut width) = (0, 0);
    while reader.read_record(&mut record).map_err(DataProblem::Csv)? {
        let line = record
            .position()
            .map_or(rows as u64 + 1, csv::Position::line);
        let taken = cut(columns, record.len())?;
        width = taken.len();
        rows += 1;
        value_count(rows, width)?;
        for column in taken {
            let field = &record[column];
            if field.is_empty() {
                let column = column + 1;
                return Err(DataProblem::Null { row: line, column });
            }
            if wanted == Wanted::Labels {
                texts.push(field.to_owned());
            } else {
                numbers.push(number(field, line, column + 1)?);
            }
        }
    }
    value_count(rows, width)?;
    // Every record was cut to the same width, or `read_record` had refused it.
    let misshaped = |_| DataProblem::Empty;
    if wanted == Wanted::Labels {
        let texts = Array2::from_shape_vec((rows, width), texts).map_err(misshaped)?;
        return Ok(Matrix::Texts(texts));
    }
    let numbers = Array2::from_shape_vec((rows, width), numbers).map_err(misshaped)?;
    Ok(Matrix::Numbers(numbers))
}

/// As [`read`], decompressing no more than the largest array could need.
pub(super) fn read_compressed(
    bytes: &[u8],
    header: bool,
    columns: Option<(u64, u64)>,
    wanted: Wanted,
) -> Result<Matrix, DataProblem> {
    let mut bounded = MultiGzDecoder::new(bytes).take(MAX_BYTES);
    let matrix = read(&mut bounded, header, columns, wanted)?;
    if bounded.limit() == 0 {
        return Err(DataProblem::TooLarge {
            found: MAX_VALUES,
            allowed: MAX_VALUES,
        });
    }
    Ok(matrix)
}

fn number(field: &str, row: u64, column: usize) -> Result<f64, DataProblem> {
    let number: f64 = field.parse().map_err(|_| DataProblem::NotANumber {
        row,
        column,
        found: field.chars().take(QUOTED).collect(),
    })?;
    if !number.is_finite() {
        return Err(DataProblem::NotFinite {
            row,
            column,
            found: number,
        });
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};
    use ndarray::array;
    use sweep::Role;

    use super::super::load::read_array;
    use super::super::load::tests::array_ref;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
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
    }

    #[test]
    fn a_header_is_skipped_where_there_is_one() {
        let mut with = array_ref(Role::Target, "m.csv");
        with.header = true;
        assert_eq!(
            read_array(b"a,b\n1,2\n", &with).unwrap(),
            array![[1.0, 2.0]]
        );
        let without = array_ref(Role::Target, "m.csv");
        let told = read_array(b"a,b\n1,2\n", &without).unwrap_err().to_string();
        assert_eq!(told, "m.csv: row 1, column 1: 'a' is not a number");
    }

    #[test]
    fn holes_and_ragged_rows_are_named() {
        let check = |bytes: &[u8], expected: &str| {
            let told = read_array(bytes, &array_ref(Role::Target, "m.csv")).unwrap_err();
            assert!(told.to_string().contains(expected), "{told}");
        };
        check(b"1,2\n3,\n", "row 2, column 2: there is no value");
        check(b"1,2\n3\n", "line: 2");
        check(b"1,2\n3,\xff\n", "no CSV");
    }
}
