//! Parquet files with numbers, or with texts for labels.

use std::io::Cursor;

use ndarray::Array2;
use polars::prelude::{
    Column, DataFrame, DataType, ParallelStrategy, ParquetReader, SerReader as _,
};

use super::error::DataProblem;
use super::footer;
use super::load::{Matrix, Wanted, cut, value_count};

/// Reads the columns in the order of the file.
pub(super) fn read(
    bytes: &[u8],
    columns: Option<(u64, u64)>,
    wanted: Wanted,
) -> Result<Matrix, DataProblem> {
    if !footer::is_sound(bytes) {
        return Err(DataProblem::ParquetFooter);
    }
    let mut reader = ParquetReader::new(Cursor::new(bytes));
    let schema = reader.schema().map_err(DataProblem::Parquet)?;
    let rows = reader.num_rows().map_err(DataProblem::Parquet)?;
    let taken = cut(columns, schema.len())?;
    value_count(rows, taken.len())?;
    let first = taken.start;
    let frame = reader
        .with_projection(Some(taken.collect()))
        .read_parallel(ParallelStrategy::None)
        .set_rechunk(true)
        .finish()
        .map_err(DataProblem::Parquet)?;
    value_count(frame.height(), frame.width())?;
    let texts = frame
        .columns()
        .iter()
        .all(|column| *column.dtype() == DataType::String);
    if wanted == Wanted::Labels && texts {
        return read_texts(&frame, first);
    }
    let mut matrix = Array2::zeros((frame.height(), frame.width()));
    for (at, column) in frame.columns().iter().enumerate() {
        let values = as_numbers(column, first + at)?;
        matrix
            .column_mut(at)
            .assign(&ndarray::ArrayView1::from(&values));
    }
    Ok(Matrix::Numbers(matrix))
}

fn as_numbers(column: &Column, at: usize) -> Result<Vec<f64>, DataProblem> {
    let dtype = column.dtype();
    if !dtype.is_primitive_numeric() && *dtype != DataType::Boolean {
        return Err(DataProblem::ColumnType {
            column: at + 1,
            name: column.name().to_string(),
            found: dtype.to_string(),
            needed: "numbers",
        });
    }
    no_nulls(column, at)?;
    let numbers = column
        .cast(&DataType::Float64)
        .map_err(DataProblem::Parquet)?;
    let numbers = numbers.f64().map_err(DataProblem::Parquet)?;
    Ok(numbers.iter().flatten().collect())
}

fn read_texts(frame: &DataFrame, first: usize) -> Result<Matrix, DataProblem> {
    let mut matrix = Array2::default((frame.height(), frame.width()));
    for (at, column) in frame.columns().iter().enumerate() {
        no_nulls(column, first + at)?;
        let texts = column.str().map_err(DataProblem::Parquet)?;
        for (row, text) in texts.iter().enumerate() {
            matrix[(row, at)] = text.unwrap_or_default().to_owned();
        }
    }
    Ok(Matrix::Texts(matrix))
}

fn no_nulls(column: &Column, at: usize) -> Result<(), DataProblem> {
    if column.null_count() == 0 {
        return Ok(());
    }
    let row =
        (0..column.len()).find(|&row| matches!(column.get(row), Ok(value) if value.is_null()));
    Err(DataProblem::Null {
        row: row.map_or(1, |row| row as u64 + 1),
        column: at + 1,
    })
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use polars::prelude::{NamedFrom, ParquetWriter, PlSmallStr, Series};
    use sweep::Role;

    use super::super::load::read_array;
    use super::super::load::tests::array_ref;
    use super::*;

    fn parquet(columns: Vec<Series>) -> Vec<u8> {
        let columns: Vec<Column> = columns.into_iter().map(Column::from).collect();
        let mut frame = DataFrame::new_infer_height(columns).unwrap();
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes).finish(&mut frame).unwrap();
        bytes
    }

    fn name(name: &'static str) -> PlSmallStr {
        PlSmallStr::from_static(name)
    }

    #[test]
    fn numbers_of_any_type_are_read() {
        let bytes = parquet(vec![
            Series::new(name("a"), [1_i64, -2]),
            Series::new(name("b"), [0.5, 1.5]),
            Series::new(name("c"), [true, false]),
        ]);
        let mut wanted = array_ref(Role::Target, "m.parquet");
        let expected = array![[1.0, 0.5, 1.0], [-2.0, 1.5, 0.0]];
        assert_eq!(read_array(&bytes, &wanted).unwrap(), expected);
        wanted.columns = Some((1, 2));
        assert_eq!(read_array(&bytes, &wanted).unwrap(), array![[0.5], [1.5]]);
    }

    /// Each of these once ended the process: a count of items, and a field of another type, that no footer backs.
    #[test]
    fn made_up_footers_are_refused() {
        let found: [&[u8]; 2] = [
            include_bytes!("../../fuzz/corpus/readers/parquet-footer-count"),
            include_bytes!("../../fuzz/corpus/readers/parquet-footer-types"),
        ];
        for bytes in found {
            // The first byte chooses the reader in the fuzzer.
            let wanted = array_ref(Role::Inputs, "m.parquet");
            let told = read_array(&bytes[1..], &wanted).unwrap_err().to_string();
            assert_eq!(told, "m.parquet: is no Parquet: its footer is malformed");
        }
    }

    #[test]
    fn what_is_no_number_is_named() {
        let bytes = parquet(vec![
            Series::new(name("a"), [1.0, 2.0]),
            Series::new(name("b"), ["x", "y"]),
        ]);
        let wanted = array_ref(Role::Inputs, "m.parquet");
        let told = read_array(&bytes, &wanted).unwrap_err().to_string();
        assert!(
            told.starts_with("m.parquet: column 2 ('b') has type"),
            "{told}"
        );
        let bytes = parquet(vec![Series::new(name("a"), [Some(1.0), None])]);
        let told = read_array(&bytes, &wanted).unwrap_err().to_string();
        assert_eq!(told, "m.parquet: row 2, column 1: there is no value");
        assert!(read_array(&bytes[..bytes.len() / 2], &wanted).is_err());
    }
}
