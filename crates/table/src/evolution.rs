//! Tables of other versions of the program: what an older one wrote reads as this one's tables, what a newer one
//! wrote is recognised.
//!
//! A column that an older program did not know is null in its rows, and a whole number that it kept in another
//! width, or without a sign, reads as this program's. Everything follows from the schema, so that adding a column needs nothing here.

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

    /// Columns that were unsigned before version 3 of the tables, and of how many bits.
    const UNSIGNED: [(&str, DataType); 9] = [
        ("trial", DataType::UInt64),
        ("step", DataType::UInt64),
        ("steps", DataType::UInt64),
        ("tolerance_steps", DataType::UInt64),
        ("core_width", DataType::UInt64),
        ("layer", DataType::UInt32),
        ("index", DataType::UInt32),
        ("multiplicity", DataType::UInt32),
        ("attempt", DataType::UInt32),
    ];

    /// A frame with the whole numbers of a program that kept them without a sign.
    pub(crate) fn unsigned(frame: &DataFrame) -> DataFrame {
        let mut frame = frame.clone();
        for (name, dtype) in UNSIGNED {
            if let Ok(column) = frame.column(name) {
                let column = column.strict_cast(&dtype).unwrap();
                frame.with_column(column).unwrap();
            }
        }
        frame
    }

    /// Rewrites a part as version 2 of the program wrote it.
    pub(crate) fn make_unsigned(path: &Path) {
        rewrite(path, "2", unsigned);
    }

    /// Rewrites a part as a program would have written it that kept `id` and `trial` as they are, lacked a column
    /// and kept another one in another width.
    pub(crate) fn make_older(path: &Path, lacks: &str, narrow: &str) {
        rewrite(path, "1", |frame| {
            let mut frame = frame.drop(lacks).unwrap();
            let column = frame.column(narrow).unwrap().cast(&DataType::UInt32);
            frame.with_column(column.unwrap()).unwrap();
            frame
        });
    }

    fn rewrite(path: &Path, version: &str, change: impl Fn(&DataFrame) -> DataFrame) {
        let labels = crate::part::footer(path).unwrap().labels;
        let file = std::fs::File::open(path).unwrap();
        let mut frame = change(&ParquetReader::new(file).finish().unwrap());
        let labels = labels.into_iter().filter(|(key, _)| key != "ARROW:schema");
        let labels = labels.map(|(key, value)| match key.as_str() {
            "parsimony.schema" => (key, "older".to_owned()),
            "parsimony.schema_version" => (key, version.to_owned()),
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
    fn unsigned_numbers_of_every_table_read_with_a_sign() {
        for table in TableName::ALL {
            let now = crate::batch::tests::batch(3..9, &[4]).frame(table).unwrap();
            let older = unsigned(&now);
            assert_ne!(older.schema(), now.schema(), "{}", table.name());
            assert_eq!(unknown_column(table, older.schema()), None);
            let wanted: Vec<_> = schema(table)
                .iter()
                .map(|(name, dtype)| (name.clone(), dtype.clone()))
                .collect();
            let found = aligned(&older, older.height(), &wanted).unwrap();
            assert!(found.equals_missing(&now), "{}", table.name());
            assert_eq!(found.schema(), now.schema(), "{}", table.name());
        }
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
