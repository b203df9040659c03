//! Tables of other versions of the program: what an older one wrote reads as this one's tables, what a newer one
//! wrote is recognised.
//!
//! A column that an older program did not know is null in its rows, and a whole number that it kept in another
//! width reads at this program's. Everything follows from the schema, so that adding a column needs nothing here.

use polars::prelude::{
    ArrowSchema, Column, DataFrame, DataType, PlSmallStr, PolarsResult, Schema, SchemaExt as _,
};

use crate::schema::{TableName, schema};

/// Columns of a file in this program's terms.
pub(crate) fn columns_of(found: &ArrowSchema) -> Schema {
    Schema::from_arrow_schema(found)
}

/// The first column of a file that has no place in this program's table: another program wrote it, and rewriting
/// its rows would lose it.
pub(crate) fn unknown_column(table: TableName, found: &Schema) -> Option<&PlSmallStr> {
    let known = schema(table);
    let fits = |name: &str, dtype: &DataType| {
        known
            .get(name)
            .is_some_and(|own| own == dtype || own.is_integer() && dtype.is_integer())
    };
    let mut columns = found.iter();
    columns
        .find(|(name, dtype)| !fits(name, dtype))
        .map(|(name, _)| name)
}

/// A frame with the columns that are wanted, in their order and of their types: null where the frame lacks one.
///
/// # Errors
/// Where a value does not fit the type that is wanted.
pub(crate) fn aligned(
    frame: &DataFrame,
    rows: usize,
    wanted: &[(PlSmallStr, DataType)],
) -> PolarsResult<DataFrame> {
    let columns = wanted
        .iter()
        .map(|(name, dtype)| match frame.column(name) {
            Ok(column) if column.dtype() == dtype => Ok(column.clone()),
            Ok(column) => column.strict_cast(dtype),
            Err(_) => Ok(Column::full_null(name.clone(), rows, dtype)),
        })
        .collect::<PolarsResult<Vec<_>>>()?;
    DataFrame::new(rows, columns)
}

/// Test-only older programs.
#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use polars::prelude::{
        KeyValueMetadata, ParquetCompression, ParquetReader, ParquetWriter, SerReader as _,
    };

    use super::*;

    /// Rewrites a part as a program would have written it that kept `id` and `trial` as they are, lacked a column
    /// and kept another one in another width.
    pub(crate) fn make_older(path: &Path, lacks: &str, narrow: &str) {
        let labels = crate::part::footer(path).unwrap().labels;
        let file = std::fs::File::open(path).unwrap();
        let frame = ParquetReader::new(file).finish().unwrap();
        let mut frame = frame.drop(lacks).unwrap();
        let column = frame.column(narrow).unwrap().cast(&DataType::UInt32);
        frame.with_column(column.unwrap()).unwrap();
        let labels = labels.into_iter().filter(|(key, _)| key != "ARROW:schema");
        let labels = labels.map(|(key, value)| match key.as_str() {
            "parsimony.schema" => (key, "older".to_owned()),
            "parsimony.schema_version" => (key, "1".to_owned()),
            _ => (key, value),
        });
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes)
            .with_compression(ParquetCompression::Uncompressed)
            .with_key_value_metadata(Some(KeyValueMetadata::from_static(labels.collect())))
            .finish(&mut frame)
            .unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn a_column_that_is_missing_is_null_and_widths_are_the_tables() {
        let frame = polars::df!("a" => [1_u32, 2], "gone" => [0.5, 0.5]).unwrap();
        let wanted = [
            (PlSmallStr::from_static("b"), DataType::String),
            (PlSmallStr::from_static("a"), DataType::Int64),
        ];
        let found = aligned(&frame, 2, &wanted).unwrap();
        assert_eq!(found.get_column_names(), ["b", "a"]);
        assert_eq!(found.column("b").unwrap().null_count(), 2);
        let values: Vec<_> = found.column("a").unwrap().i64().unwrap().iter().collect();
        assert_eq!(values, [Some(1), Some(2)]);
    }

    #[test]
    fn what_does_not_fit_is_an_error_and_not_another_number() {
        let frame = polars::df!("a" => [u64::MAX]).unwrap();
        let wanted = [(PlSmallStr::from_static("a"), DataType::Int64)];
        assert!(aligned(&frame, 1, &wanted).is_err());
    }

    #[test]
    fn older_columns_are_known_and_newer_ones_are_not() {
        let mut columns: Schema = schema(TableName::History).as_ref().clone();
        columns.shift_remove("accuracy");
        columns.with_column("step".into(), DataType::UInt32);
        assert_eq!(unknown_column(TableName::History, &columns), None);
        columns.with_column("step".into(), DataType::String);
        let unknown = unknown_column(TableName::History, &columns);
        assert_eq!(unknown.map(PlSmallStr::as_str), Some("step"));
        columns.with_column("step".into(), DataType::Int64);
        columns.with_column("of_next_year".into(), DataType::Float64);
        let unknown = unknown_column(TableName::History, &columns);
        assert_eq!(unknown.map(PlSmallStr::as_str), Some("of_next_year"));
    }
}
