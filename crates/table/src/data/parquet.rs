//! Parquet files with numbers, or with texts for labels.
//!
//! Columns are decoded by the types of the file's own schema. What a writer adds beside it (Arrow's schema in
//! the metadata) may name types that only a data frame has, such as pandas' categories, whose values are plain
//! texts or numbers in the file.

use std::io::Cursor;

use ndarray::{Array2, ArrayViewMut1};
use polars_arrow::array::{
    Array, BooleanArray, FixedSizeBinaryArray, PrimitiveArray, Utf8ViewArray,
};
use polars_arrow::datatypes::{ArrowDataType, Field};
use polars_arrow::types::NativeType;
use polars_buffer::Buffer;
use polars_parquet::read::schema::parquet_to_arrow_schema;
use polars_parquet::read::{
    BasicDecompressor, FileMetadata, PageReader, ParquetType, PrimitiveLogicalType,
    column_iter_to_arrays, read_metadata,
};
use sweep::Columns;

use super::bounds::{Limits, value_count};
use super::error::{At, Cause, DataProblem};
use super::footer;
use super::labels::LABEL_BYTES;
use super::matrix::{Matrix, Wanted, cut};
use super::notes::DataNote;
use super::npy::half;

/// How a file is read.
pub(super) struct Options<'a> {
    pub(super) columns: Option<&'a Columns>,
    pub(super) wanted: Wanted,
    pub(super) limits: Limits,
}

/// Reads the columns in the order of the file.
pub(super) fn read(
    bytes: &[u8],
    options: &Options<'_>,
    notes: &mut Vec<DataNote>,
) -> Result<Matrix, DataProblem> {
    if !footer::is_sound(bytes) {
        return Err(DataProblem::ParquetFooter);
    }
    let metadata = read_metadata(&mut Cursor::new(bytes)).map_err(DataProblem::Parquet)?;
    let fields = metadata.schema().fields();
    let groups = metadata.row_groups.iter();
    let rows = groups.fold(0_usize, |rows, group| rows.saturating_add(group.num_rows()));
    let names: Vec<&str> = fields.iter().map(|field| field.name()).collect();
    let taken = cut(options.columns, fields.len(), Some(&names), || {
        Cause::Unknown
    })?;
    let values = value_count(rows, taken.len())? as u64;
    options.limits.expansion(8 * values)?;
    let indices = index_columns(&metadata);
    for &at in &taken {
        let name = fields[at].name();
        if name.starts_with("__index_level_") || indices.iter().any(|index| index == name) {
            notes.extend(DataNote::index(at, name, &taken));
        }
    }
    let columns = taken
        .into_iter()
        .map(|at| Column::of(&metadata, at))
        .collect::<Result<Vec<Column<'_>>, _>>()?;
    if options.wanted == Wanted::Labels && columns.iter().all(|column| column.kind == Kind::Text) {
        return texts(bytes, &columns, rows, options.limits);
    }
    options.limits.numbers(values)?;
    let mut matrix = Array2::zeros((rows, columns.len()));
    for (column, mut slot) in columns.iter().zip(matrix.columns_mut()) {
        column.needs_numbers()?;
        let mut from = 0;
        column.each_array(bytes, options.limits, &mut |array| {
            let end = from + array.len();
            let part = slot.slice_mut(ndarray::s![from..end]);
            column.numbers(array, from, part)?;
            from = end;
            Ok(())
        })?;
    }
    Ok(Matrix::Numbers(matrix))
}

/// A value of a column.
pub(super) enum Seen<'a> {
    Number(f64),
    Text(&'a str),
    Missing,
}

/// Hands over every value with its column and row, column after column; values that are neither numbers nor texts as
/// the name of their type. Returns the number of rows and the names of the columns.
pub(super) fn each_value(
    bytes: &[u8],
    limits: Limits,
    take: &mut dyn FnMut(usize, usize, Seen<'_>),
) -> Result<(usize, Vec<String>), DataProblem> {
    if !footer::is_sound(bytes) {
        return Err(DataProblem::ParquetFooter);
    }
    let metadata = read_metadata(&mut Cursor::new(bytes)).map_err(DataProblem::Parquet)?;
    let fields = metadata.schema().fields();
    let groups = metadata.row_groups.iter();
    let rows = groups.fold(0_usize, |rows, group| rows.saturating_add(group.num_rows()));
    limits.expansion(8 * value_count(rows, fields.len())? as u64)?;
    for at in 0..fields.len() {
        let Ok(column) = Column::of(&metadata, at) else {
            // A list or a record, which is no number.
            (0..rows).for_each(|row| take(at, row, Seen::Text("list or record")));
            continue;
        };
        let mut from = 0;
        column.each_array(bytes, limits, &mut |array| {
            column.values(array, from, &mut |row, value| take(at, row, value))?;
            from += array.len();
            Ok(())
        })?;
    }
    let names = fields.iter().map(|field| field.name().to_owned());
    Ok((rows, names.collect()))
}

/// The columns that pandas wrote for an index, by what it says in the metadata.
fn index_columns(metadata: &FileMetadata) -> Vec<String> {
    let pairs = metadata.key_value_metadata.as_deref().unwrap_or_default();
    let pandas = pairs.iter().find(|pair| pair.key == "pandas");
    let text = pandas.and_then(|pair| pair.value.as_deref());
    let parsed = text.and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    let Some(serde_json::Value::Array(names)) =
        parsed.and_then(|mut parsed| parsed.get_mut("index_columns").map(serde_json::Value::take))
    else {
        return Vec::new();
    };
    // A plain numbering is no column, and its entry no name.
    let names = names.iter().filter_map(|name| name.as_str());
    names.map(str::to_owned).collect()
}

fn texts(
    bytes: &[u8],
    columns: &[Column<'_>],
    rows: usize,
    limits: Limits,
) -> Result<Matrix, DataProblem> {
    limits.texts((rows * columns.len()) as u64, 0)?;
    let mut texts = Array2::<String>::default((rows, columns.len()));
    for (column, mut slot) in columns.iter().zip(texts.columns_mut()) {
        let mut from = 0;
        column.each_array(bytes, limits, &mut |array| {
            column.no_nulls(array, from)?;
            let array = cast::<Utf8ViewArray>(array, column)?;
            for (row, text) in array.values_iter().enumerate() {
                if text.len() > LABEL_BYTES {
                    return Err(DataProblem::LabelLong {
                        at: At::Row((from + row) as u64 + 1),
                        found: text.len(),
                        allowed: LABEL_BYTES,
                    });
                }
                slot[from + row] = text.to_owned();
            }
            from += array.len();
            Ok(())
        })?;
    }
    Ok(Matrix::Texts {
        texts,
        lines: Vec::new(),
    })
}

/// What a column's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bool,
    Number,
    /// A number of 16 bits in two bytes.
    Half,
    /// A whole number over a power of ten.
    Decimal {
        scale: usize,
    },
    Text,
    Other,
}

/// One column that is read.
struct Column<'a> {
    metadata: &'a FileMetadata,
    /// From 1.
    number: usize,
    name: &'a str,
    /// Position among the leaves of the schema.
    leaf: usize,
    field: Field,
    kind: Kind,
}

impl<'a> Column<'a> {
    /// # Errors
    /// Lists and records.
    fn of(metadata: &'a FileMetadata, at: usize) -> Result<Column<'a>, DataProblem> {
        let written = &metadata.schema().fields()[at];
        let schema = parquet_to_arrow_schema(std::slice::from_ref(written));
        let leaf = metadata.schema().columns().iter().position(|column| {
            let [name] = column.path_in_schema.as_slice() else {
                return false;
            };
            name.as_str() == written.name()
        });
        let (ParquetType::PrimitiveType(primitive), Some((_, field)), Some(leaf)) =
            (written, schema.get_at_index(0), leaf)
        else {
            return Err(DataProblem::ColumnType {
                column: at + 1,
                name: written.name().to_owned(),
                found: "list or record".to_owned(),
                needed: "numbers",
                cure: "; make a column of each element",
            });
        };
        let kind = match field.dtype() {
            ArrowDataType::Boolean => Kind::Bool,
            ArrowDataType::Int8
            | ArrowDataType::Int16
            | ArrowDataType::Int32
            | ArrowDataType::Int64
            | ArrowDataType::UInt8
            | ArrowDataType::UInt16
            | ArrowDataType::UInt32
            | ArrowDataType::UInt64
            | ArrowDataType::Float32
            | ArrowDataType::Float64 => Kind::Number,
            ArrowDataType::FixedSizeBinary(2)
                if primitive.logical_type == Some(PrimitiveLogicalType::Float16) =>
            {
                Kind::Half
            }
            ArrowDataType::Decimal(_, scale) => Kind::Decimal { scale: *scale },
            ArrowDataType::Utf8View => Kind::Text,
            _ => Kind::Other,
        };
        Ok(Column {
            metadata,
            number: at + 1,
            name: written.name(),
            leaf,
            field: field.clone(),
            kind,
        })
    }

    fn needs_numbers(&self) -> Result<(), DataProblem> {
        let (found, cure) = match (self.kind, self.field.dtype()) {
            (Kind::Bool | Kind::Number | Kind::Half | Kind::Decimal { .. }, _) => return Ok(()),
            (Kind::Text, _) => (
                "str".to_owned(),
                "; name the columns of numbers by `columns`",
            ),
            (
                Kind::Other,
                ArrowDataType::Timestamp(..)
                | ArrowDataType::Date32
                | ArrowDataType::Time32(_)
                | ArrowDataType::Time64(_),
            ) => ("date or time".to_owned(), "; write it as a number"),
            (Kind::Other, dtype) => (format!("{dtype:?}").to_lowercase(), ""),
        };
        Err(DataProblem::ColumnType {
            column: self.number,
            name: self.name.to_owned(),
            found,
            needed: "numbers",
            cure,
        })
    }

    /// Decodes the column, one row group after another.
    fn each_array(
        &self,
        bytes: &[u8],
        limits: Limits,
        take: &mut dyn FnMut(&dyn Array) -> Result<(), DataProblem>,
    ) -> Result<(), DataProblem> {
        let malformed = || DataProblem::ParquetPages {
            column: self.number,
        };
        for group in &self.metadata.row_groups {
            let rows = group.num_rows();
            let chunk = group
                .parquet_columns()
                .get(self.leaf)
                .ok_or_else(malformed)?;
            let range = chunk.byte_range();
            let ends = (usize::try_from(range.start), usize::try_from(range.end));
            let (Ok(start), Ok(end)) = ends else {
                return Err(malformed());
            };
            let chunk_bytes = bytes.get(start..end).ok_or_else(malformed)?;
            if u64::try_from(chunk.num_values()) != Ok(rows as u64) {
                return Err(malformed());
            }
            if rows == 0 {
                continue;
            }
            let pages = footer::pages(chunk_bytes, rows as u64).ok_or_else(malformed)?;
            if pages.values != rows as u64 {
                return Err(malformed());
            }
            limits.expansion(pages.expanded)?;
            let reader = PageReader::new(
                Cursor::new(Buffer::from_vec(chunk_bytes.to_vec())),
                chunk,
                Vec::new(),
                chunk_bytes.len(),
            );
            let pages = BasicDecompressor::new(reader, Vec::new());
            let kind = &chunk.descriptor().descriptor.primitive_type;
            let (arrays, _) =
                column_iter_to_arrays(vec![pages], vec![kind], self.field.clone(), None)
                    .map_err(DataProblem::Parquet)?;
            let decoded: usize = arrays.iter().map(|array| array.len()).sum();
            if decoded != rows {
                return Err(malformed());
            }
            for array in arrays {
                take(array.as_ref())?;
            }
        }
        Ok(())
    }

    /// Writes the numbers of an array whose first row is `from`.
    fn numbers(
        &self,
        array: &dyn Array,
        from: usize,
        mut slot: ArrayViewMut1<'_, f64>,
    ) -> Result<(), DataProblem> {
        self.no_nulls(array, from)?;
        let mut put = |values: &mut dyn Iterator<Item = f64>| {
            slot.iter_mut()
                .zip(values)
                .for_each(|(slot, value)| *slot = value);
        };
        match self.kind {
            Kind::Bool => {
                let array = cast::<BooleanArray>(array, self)?;
                put(&mut array.values_iter().map(|bit| f64::from(u8::from(bit))));
            }
            Kind::Half => {
                let array = cast::<FixedSizeBinaryArray>(array, self)?;
                let bits = |bytes: &[u8]| u16::from_le_bytes([bytes[0], bytes[1]]);
                put(&mut array.values_iter().map(|bytes| half(bits(bytes))));
            }
            Kind::Decimal { scale } => {
                let values = self.plain::<i128>(array)?;
                put(&mut values.iter().map(|&value| decimal(value, scale)));
            }
            Kind::Number => match self.field.dtype() {
                ArrowDataType::Int8 => put(&mut self.plain::<i8>(array)?.iter().map(|&x| x.into())),
                ArrowDataType::Int16 => {
                    put(&mut self.plain::<i16>(array)?.iter().map(|&x| x.into()));
                }
                ArrowDataType::Int32 => {
                    put(&mut self.plain::<i32>(array)?.iter().map(|&x| x.into()));
                }
                ArrowDataType::UInt8 => {
                    put(&mut self.plain::<u8>(array)?.iter().map(|&x| x.into()));
                }
                ArrowDataType::UInt16 => {
                    put(&mut self.plain::<u16>(array)?.iter().map(|&x| x.into()));
                }
                ArrowDataType::UInt32 => {
                    put(&mut self.plain::<u32>(array)?.iter().map(|&x| x.into()));
                }
                ArrowDataType::Int64 => {
                    put(&mut self.plain::<i64>(array)?.iter().map(|&x| x as f64));
                }
                ArrowDataType::UInt64 => {
                    put(&mut self.plain::<u64>(array)?.iter().map(|&x| x as f64));
                }
                ArrowDataType::Float32 => {
                    put(&mut self.plain::<f32>(array)?.iter().map(|&x| x.into()));
                }
                _ => put(&mut self.plain::<f64>(array)?.iter().copied()),
            },
            Kind::Text | Kind::Other => self.needs_numbers()?,
        }
        Ok(())
    }

    /// Hands over the values of an array whose first row is `from`.
    fn values(
        &self,
        array: &dyn Array,
        from: usize,
        take: &mut dyn FnMut(usize, Seen<'_>),
    ) -> Result<(), DataProblem> {
        match self.kind {
            Kind::Text => {
                let texts = cast::<Utf8ViewArray>(array, self)?;
                for (row, text) in texts.iter().enumerate() {
                    take(from + row, text.map_or(Seen::Missing, Seen::Text));
                }
            }
            Kind::Other => {
                for row in 0..array.len() {
                    let value = if array.is_null(row) {
                        Seen::Missing
                    } else {
                        Seen::Text("date, time or another type")
                    };
                    take(from + row, value);
                }
            }
            Kind::Bool | Kind::Number | Kind::Half | Kind::Decimal { .. } => {
                let mut numbers = ndarray::Array1::zeros(array.len());
                let whole = array.with_validity(None);
                self.numbers(whole.as_ref(), from, numbers.view_mut())?;
                for (row, &number) in numbers.iter().enumerate() {
                    let value = if array.is_null(row) {
                        Seen::Missing
                    } else {
                        Seen::Number(number)
                    };
                    take(from + row, value);
                }
            }
        }
        Ok(())
    }

    fn plain<'b, T: NativeType>(&self, array: &'b dyn Array) -> Result<&'b [T], DataProblem> {
        Ok(cast::<PrimitiveArray<T>>(array, self)?.values())
    }

    fn no_nulls(&self, array: &dyn Array, from: usize) -> Result<(), DataProblem> {
        if array.null_count() == 0 {
            return Ok(());
        }
        let row = (0..array.len()).find(|&row| array.is_null(row));
        Err(DataProblem::Null {
            at: At::Row((from + row.unwrap_or(0)) as u64 + 1),
            column: self.number,
        })
    }
}

/// The array as its own type.
fn cast<'b, A: Array>(array: &'b dyn Array, column: &Column<'_>) -> Result<&'b A, DataProblem> {
    let found = array.as_any().downcast_ref();
    found.ok_or(DataProblem::ParquetPages {
        column: column.number,
    })
}

/// `value / 10^scale`, rounded once.
fn decimal(value: i128, scale: usize) -> f64 {
    /// 2^53 and 10^22: the largest that are exact as floats with all below.
    const EXACT: i128 = 1 << 53;
    const EXACT_SCALE: usize = 22;
    match i32::try_from(scale) {
        Ok(power) if value.abs() <= EXACT && scale <= EXACT_SCALE => {
            value as f64 / 10_f64.powi(power)
        }
        // Parsing rounds once whatever the number of digits.
        _ => format!("{value}e-{scale}").parse().unwrap_or(f64::NAN),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use polars::prelude::{
        Column as Values, DataFrame, NamedFrom, ParquetWriter, PlSmallStr, Series,
    };
    use sweep::Role;

    use super::super::load::read_array;
    use super::super::load::tests::{array_ref, notes_of};
    use super::*;

    fn parquet(columns: Vec<Series>) -> Vec<u8> {
        let columns: Vec<Values> = columns.into_iter().map(Values::from).collect();
        let mut frame = DataFrame::new_infer_height(columns).unwrap();
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes).finish(&mut frame).unwrap();
        bytes
    }

    #[test]
    fn decimals_are_rounded_once() {
        assert_eq!(decimal(-12_345, 2), -123.45);
        assert_eq!(decimal(7, 0), 7.0);
        assert_eq!(
            decimal(123_456_789_012_345_678_901, 20),
            1.234_567_890_123_456_7
        );
        assert_eq!(decimal(1, 30), 1e-30);
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
        wanted.columns = Some(Columns::range(1, 2));
        assert_eq!(read_array(&bytes, &wanted).unwrap(), array![[0.5], [1.5]]);
    }

    /// As pandas and pyarrow write it: small integers, 16-bit floats, decimals, a category, an index.
    const PANDAS: &[u8] = include_bytes!("fixtures/pandas.parquet");

    /// A column of it.
    #[track_caller]
    fn column(role: Role, at: u64) -> Array2<f64> {
        let mut wanted = array_ref(role, "pandas.parquet");
        wanted.columns = Some(Columns::range(at, at + 1));
        read_array(PANDAS, &wanted).unwrap()
    }

    #[test]
    fn every_type_of_number_is_read() {
        for (at, expected) in [
            (0, [0.0, 200.0, 255.0]),
            (1, [1.0, 40_000.0, 65_535.0]),
            (2, [-128.0, 0.0, 127.0]),
            (3, [-300.0, 0.0, 300.0]),
            (4, [0.5, -1.5, 2.25]),
            (5, [1.0, -2.0, 0.333_251_953_125]),
            (6, [1.0, 2.0, 9_223_372_036_854_775_808.0]),
            (7, [-123.45, 0.1, 7.0]),
            (8, [1.0, 0.0, 1.0]),
            (10, [3.0, 1.0, 3.0]),
        ] {
            let found = column(Role::Target, at);
            assert_eq!(
                found.iter().copied().collect::<Vec<f64>>(),
                expected,
                "{at}"
            );
        }
    }

    #[test]
    fn categories_and_texts_are_labels() {
        let first_last = array![[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]];
        assert_eq!(column(Role::Labels, 9), first_last);
        assert_eq!(column(Role::Labels, 10), first_last);
        assert_eq!(
            column(Role::Labels, 11),
            array![[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
        );
        // Small integers and booleans, too.
        assert_eq!(column(Role::Labels, 0), Array2::<f64>::eye(3));
        assert_eq!(column(Role::Labels, 8), first_last);
        let mut wanted = array_ref(Role::Inputs, "pandas.parquet");
        wanted.columns = Some(Columns::range(9, 10));
        let error = read_array(PANDAS, &wanted).unwrap_err().to_string();
        assert_eq!(
            error,
            "pandas.parquet: column 10 ('cat') has type str, where numbers are needed; name the columns of numbers by `columns`"
        );
    }

    #[test]
    fn an_index_of_pandas_is_noted_where_it_is_read() {
        let mut wanted = array_ref(Role::Inputs, "pandas.parquet");
        let notes = |wanted: &_| notes_of(PANDAS, wanted);
        wanted.columns = Some(Columns::range(0, 9));
        assert_eq!(notes(&wanted), Vec::<String>::new());
        wanted.columns = Some(Columns::range(12, 13));
        let found = notes(&wanted);
        assert!(found[0].contains("'__index_level_0__'"), "{found:?}");
    }

    #[test]
    fn room_is_bounded_before_it_is_made() {
        let columns = Columns::range(0, 9);
        let read = |limits| {
            let options = Options {
                columns: Some(&columns),
                wanted: Wanted::Numbers,
                limits,
            };
            super::read(PANDAS, &options, &mut Vec::new()).map(drop)
        };
        let size = PANDAS.len() as u64;
        assert!(read(Limits::with(size, 216)).is_ok());
        let error = read(Limits::with(size, 215)).unwrap_err().to_string();
        assert_eq!(error, "needs 216 bytes of memory, and 215 bytes are free");
        let error = read(Limits::with(size, 1 << 40).expanding_to(215)).unwrap_err();
        assert!(error.to_string().starts_with("expands from"), "{error}");
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
            let error = read_array(&bytes[1..], &wanted).unwrap_err().to_string();
            assert_eq!(error, "m.parquet: is no Parquet: its footer is malformed");
        }
    }

    #[test]
    fn what_is_no_number_is_named() {
        let bytes = parquet(vec![
            Series::new(name("a"), [1.0, 2.0]),
            Series::new(name("b"), ["x", "y"]),
        ]);
        let wanted = array_ref(Role::Inputs, "m.parquet");
        let error = read_array(&bytes, &wanted).unwrap_err().to_string();
        assert!(
            error.starts_with("m.parquet: column 2 ('b') has type"),
            "{error}"
        );
        let bytes = parquet(vec![Series::new(name("a"), [Some(1.0), None])]);
        let error = read_array(&bytes, &wanted).unwrap_err().to_string();
        assert_eq!(error, "m.parquet: row 2, column 1: there is no value");
        assert!(read_array(&bytes[..bytes.len() / 2], &wanted).is_err());
    }
}
