//! Parts: Parquet bytes from frames, frames and footers from files.
//!
//! zstd at level 1 over dictionary pages: constant columns take nothing and strings little, at several hundred
//! megabytes a second. Statistics are those that queries use to skip row groups (least, largest, nulls); they
//! cost one pass over dictionaries. Distinct counts would cost a hash of every value and nobody reads them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use polars::polars_utils::compression::ZstdLevel;
use polars::prelude::{
    DataFrame, DataType, KeyValueMetadata, ParallelStrategy, ParquetCompression, ParquetReader,
    ParquetWriter, PlSmallStr, PolarsResult, Schema, SerReader as _, StatisticsOptions,
};

use polars_parquet::read::FileMetadata;

use crate::error::TableError;
use crate::evolution;
use crate::frames::concat;
use crate::schema::{TableName, schema};

/// Rows of a row group. Constant columns are spread out one row group at a time while they are written: at
/// this size that is at most 40 MB, and a reader still gets long runs.
pub(crate) const ROW_GROUP_ROWS: usize = 1 << 16;

/// Key and value in a file's metadata.
pub(crate) type Label = (&'static str, String);

/// A part ready to be written.
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) rows: u64,
}

/// What a part says of itself.
#[derive(Debug)]
pub(crate) struct Footer {
    pub(crate) rows: u64,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) columns: Schema,
    /// Rows of each row group.
    pub(crate) groups: Vec<usize>,
}

/// Encodes frames of the table's schema. Small frames are joined, large ones come in pieces; one row group is
/// in memory at a time.
pub(crate) fn encode(
    table: TableName,
    pieces: impl IntoIterator<Item = Result<DataFrame, TableError>>,
    labels: &[Label],
) -> Result<Encoded, TableError> {
    let mut bytes = Vec::new();
    let rows = encode_into(&mut bytes, table, pieces, labels)?;
    Ok(Encoded { bytes, rows })
}

/// As [`encode`], to where there is room for more than one row group. Returns the number of rows.
pub(crate) fn encode_into(
    out: &mut dyn Write,
    table: TableName,
    pieces: impl IntoIterator<Item = Result<DataFrame, TableError>>,
    labels: &[Label],
) -> Result<u64, TableError> {
    let mut rows = 0;
    let labels = labels
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect();
    let mut writer = ParquetWriter::new(out)
        .with_compression(ParquetCompression::Zstd(Some(ZstdLevel::try_new(1)?)))
        .with_statistics(statistics())
        .set_parallel(false)
        .with_key_value_metadata(Some(KeyValueMetadata::from_static(labels)))
        .batched(&schema(table))?;
    let mut waiting: Vec<DataFrame> = Vec::new();
    let mut height = 0;
    for piece in pieces {
        let piece = piece?;
        if piece.height() == 0 {
            continue;
        }
        rows += piece.height() as u64;
        height += piece.height();
        waiting.push(piece);
        if height >= ROW_GROUP_ROWS {
            writer.write_batch(&concat(std::mem::take(&mut waiting))?)?;
            height = 0;
        }
    }
    if !waiting.is_empty() {
        writer.write_batch(&concat(waiting)?)?;
    }
    writer.finish()?;
    Ok(rows)
}

fn statistics() -> StatisticsOptions {
    StatisticsOptions {
        distinct_count: false,
        ..StatisticsOptions::full()
    }
}

/// Reads a part of a table, or some of its columns, as this program writes them: a part of an older program has
/// null in the columns that it lacks.
///
/// # Errors
/// Where the file cannot be opened or does not read as Parquet, damaged bytes included; where all columns are
/// asked for and the file has one that this program does not know.
pub(crate) fn read(
    table: TableName,
    path: &Path,
    columns: Option<&[&str]>,
) -> Result<DataFrame, TableError> {
    read_rows(table, path, columns, None)
}

/// As [`read`], of one row group by its number within the file.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_group(
    table: TableName,
    path: &Path,
    columns: Option<&[&str]>,
    group: usize,
) -> Result<DataFrame, TableError> {
    read_rows(table, path, columns, Some(group))
}

fn read_rows(
    table: TableName,
    path: &Path,
    columns: Option<&[&str]>,
    group: Option<usize>,
) -> Result<DataFrame, TableError> {
    let is_wanted = |name: &str| columns.is_none_or(|columns| columns.contains(&name));
    let wanted: Vec<(PlSmallStr, DataType)> = schema(table)
        .iter()
        .filter(|(name, _)| is_wanted(name))
        .map(|(name, dtype)| (name.clone(), dtype.clone()))
        .collect();
    let (frame, unknown) = guarded(path, |file| {
        let mut reader = ParquetReader::new(file);
        let found = evolution::columns_of(reader.schema()?.as_ref());
        let unknown = evolution::unknown_column(table, &found).cloned();
        if let Some(group) = group {
            let metadata = alone(reader.get_metadata()?, group);
            reader.set_metadata(metadata);
        }
        let rows = reader.num_rows()?;
        let there = wanted.iter().filter(|(name, _)| found.contains(name));
        let there: Vec<String> = there.map(|(name, _)| name.to_string()).collect();
        let frame = if there.is_empty() {
            DataFrame::empty_with_height(rows)
        } else {
            reader
                .with_columns(Some(there))
                .read_parallel(ParallelStrategy::None)
                .set_rechunk(true)
                .finish()?
        };
        Ok((evolution::aligned(&frame, rows, &wanted)?, unknown))
    })?;
    match unknown {
        Some(column) if columns.is_none() => Err(TableError::UnknownColumn {
            path: path.to_owned(),
            column: column.to_string(),
        }),
        _ => Ok(frame),
    }
}

/// Reads what stands at the end of a part.
///
/// # Errors
/// As [`read`].
pub(crate) fn footer(path: &Path) -> Result<Footer, TableError> {
    guarded(path, |file| {
        let mut reader = ParquetReader::new(file);
        let columns = evolution::columns_of(reader.schema()?.as_ref());
        let metadata = reader.get_metadata()?;
        let labels = metadata.key_value_metadata.iter().flatten();
        Ok(Footer {
            rows: metadata.num_rows as u64,
            labels: labels
                .filter_map(|label| Some((label.key.clone(), label.value.clone()?)))
                .collect(),
            columns,
            groups: metadata
                .row_groups
                .iter()
                .map(|group| group.num_rows())
                .collect(),
        })
    })
}

/// The footer of a file that holds one of its row groups alone: the reader decodes all groups before the one that it is
/// asked for.
pub(crate) fn alone(all: &FileMetadata, group: usize) -> Arc<FileMetadata> {
    let group = &all.row_groups[group];
    Arc::new(FileMetadata {
        version: all.version,
        num_rows: group.num_rows(),
        max_row_group_height: group.num_rows(),
        created_by: None,
        row_groups: vec![group.clone()],
        key_value_metadata: None,
        schema_descr: all.schema_descr.clone(),
        column_orders: None,
        footer_buf: all.footer_buf.clone(),
    })
}

/// polars may panic on damaged bytes; a damaged part must be an answer.
fn guarded<T>(path: &Path, read: impl FnOnce(File) -> PolarsResult<T>) -> Result<T, TableError> {
    let file = File::open(path).map_err(|source| TableError::Open {
        path: path.to_owned(),
        source,
    })?;
    match catch_unwind(AssertUnwindSafe(|| read(file))) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(TableError::Part {
            path: path.to_owned(),
            source,
        }),
        Err(_) => Err(TableError::PartPanic {
            path: path.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::tests::batch;

    fn write(
        table: TableName,
        trials: std::ops::Range<u64>,
    ) -> (tempfile::TempDir, std::path::PathBuf) {
        let batch = batch(trials, &[1]);
        let labels = [("parsimony.sweep", "s".to_owned())];
        let encoded = encode(table, batch.pieces(table, 4), &labels).unwrap();
        assert_eq!(encoded.rows as usize, batch.table_rows(table));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.parquet");
        std::fs::write(&path, &encoded.bytes).unwrap();
        (folder, path)
    }

    #[test]
    fn parts_read_back_to_the_same_rows() {
        for table in TableName::all() {
            for trials in [0..0, 0..1, 0..30] {
                let (_folder, path) = write(table, trials.clone());
                let found = read(table, &path, None).unwrap();
                let expected = batch(trials, &[1]).frame(table).unwrap();
                assert_eq!(found.schema(), &schema(table));
                assert!(found.equals_missing(&expected), "{}", table.name());
                let footer = footer(&path).unwrap();
                assert_eq!(footer.rows as usize, expected.height());
                assert_eq!(footer.labels["parsimony.sweep"], "s");
                assert!(footer.labels.contains_key("ARROW:schema"));
            }
        }
    }

    #[test]
    fn single_columns_are_read_alone() {
        let (_folder, path) = write(TableName::Trials, 0..5);
        let frame = read(TableName::Trials, &path, Some(&["trial", "status"])).unwrap();
        assert_eq!(frame.shape(), (5, 2));
    }

    #[test]
    fn damage_is_an_error_and_no_panic() {
        let (_folder, path) = write(TableName::Trials, 0..5);
        let bytes = std::fs::read(&path).unwrap();
        for kept in [0, 4, 100, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..kept]).unwrap();
            assert!(footer(&path).is_err(), "{kept} of {} bytes", bytes.len());
        }
        assert!(matches!(
            read(TableName::Trials, &path.with_file_name("none"), None),
            Err(TableError::Open { .. })
        ));
    }
}
