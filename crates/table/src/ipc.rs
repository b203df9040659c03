//! A table on the wire: Arrow IPC, hardened.
//!
//! A table is nothing if it has no rows, else: a bit for each of its columns that is set where the column
//! varies; if some do not, an IPC stream of the columns that hold one value, as a single row; an IPC stream of
//! the columns that vary. Of seventy columns a report of many small trials varies in ten, so this is seven
//! times smaller and faster than repeating every value. Ids cross the wire with `trials` alone.
//!
//! The decoder trusts nothing. polars' own reader allocates what a message says, before it looks whether the
//! bytes are there; so every length is checked here first, and the schema must be ours to the byte.

use std::io::Cursor;

use polars::prelude::{
    ChunkAgg as _, Column, CompatLevel, DataFrame, PolarsResult, Schema, SchemaExt as _,
};
use polars_arrow::io::ipc::format::ipc::planus::ReadAsRoot as _;
use polars_arrow::io::ipc::format::ipc::{MessageHeaderRef, MessageRef};
use polars_arrow::io::ipc::read::{StreamReader, StreamState, read_stream_metadata};
use polars_arrow::io::ipc::write::{StreamWriter, WriteOptions};

use crate::error::PayloadFault;
use crate::frames;
use crate::schema::{ColumnSpec, Kind, TableName, carried, polars_schema};

/// Start of every IPC message.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// End of an IPC stream.
const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// Bounds on what is decoded.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Rows of `trials`.
    pub trials: usize,
    /// Rows of each other table.
    pub rows: usize,
    /// Bytes of one text.
    pub text_bytes: usize,
}

impl Default for Limits {
    /// Ten million trials in one report are a hundred seconds of the fastest worker; 2^27 rows of spectra take
    /// more than the largest message holds; the longest honest text is the JSON of a list of 10,000 widths.
    fn default() -> Self {
        Limits {
            trials: 10_000_000,
            rows: 1 << 27,
            text_bytes: 1 << 20,
        }
    }
}

impl Limits {
    fn of(&self, table: TableName) -> usize {
        match table {
            TableName::Trials => self.trials,
            _ => self.rows,
        }
    }
}

/// Columns that always travel row by row: the number, so that rows cost bytes, and the time.
fn always_varies(column: &ColumnSpec) -> bool {
    column.name == "trial" || column.kind == Kind::Time
}

pub(crate) fn encode(table: TableName, frame: &DataFrame, out: &mut Vec<u8>) -> PolarsResult<()> {
    if frame.height() == 0 {
        return Ok(());
    }
    let specs = carried(table);
    let varies =
        |at: usize| always_varies(&specs[at]) || frame.columns()[at].as_scalar_column().is_none();
    let mut mask = vec![0_u8; specs.len().div_ceil(8)];
    let (mut constant, mut varying) = (Vec::new(), Vec::new());
    for (at, column) in frame.columns().iter().enumerate() {
        if varies(at) {
            mask[at / 8] |= 1 << (at % 8);
            varying.push(column.clone());
        } else {
            constant.push(column.new_from_index(0, 1));
        }
    }
    out.extend_from_slice(&mask);
    if !constant.is_empty() {
        write_stream(&DataFrame::new(1, constant)?, out)?;
    }
    write_stream(&DataFrame::new(frame.height(), varying)?, out)
}

/// Strings are written with offsets and not as views: many views can share one buffer, so that a few bytes
/// would stand for many, and the receiver could not bound what it is about to write.
fn write_stream(frame: &DataFrame, out: &mut Vec<u8>) -> PolarsResult<()> {
    let mut writer = StreamWriter::new(out, WriteOptions { compression: None });
    writer.start(&frame.schema().to_arrow(CompatLevel::oldest()), None)?;
    for batch in frame.iter_chunks(CompatLevel::oldest(), false) {
        writer.write(&batch, None)?;
    }
    writer.finish()
}

/// The message with which a stream of this schema begins.
fn schema_message(schema: &Schema) -> Result<Vec<u8>, PayloadFault> {
    let mut bytes = Vec::new();
    StreamWriter::new(&mut bytes, WriteOptions { compression: None })
        .start(&schema.to_arrow(CompatLevel::oldest()), None)
        .map_err(PayloadFault::Arrow)?;
    Ok(bytes)
}

pub(crate) fn decode(
    table: TableName,
    bytes: &[u8],
    limits: &Limits,
) -> Result<DataFrame, PayloadFault> {
    let specs = carried(table);
    if bytes.is_empty() {
        return Ok(DataFrame::empty_with_schema(&polars_schema(specs)));
    }
    let (mask, mut rest) = bytes
        .split_at_checked(specs.len().div_ceil(8))
        .ok_or(PayloadFault::Truncated)?;
    let varies = |at: usize| mask[at / 8] & (1 << (at % 8)) != 0;
    let unused = (specs.len()..8 * mask.len()).any(varies);
    if unused || (0..specs.len()).any(|at| always_varies(&specs[at]) && !varies(at)) {
        return Err(PayloadFault::Mask);
    }
    let pick = |wanted: bool| -> Vec<ColumnSpec> {
        (0..specs.len())
            .filter(|&at| varies(at) == wanted)
            .map(|at| specs[at])
            .collect()
    };
    let (constant, varying) = (pick(false), pick(true));
    let mut constants = Vec::new();
    if !constant.is_empty() {
        let frame = read_stream(&mut rest, &constant, 1..=1)?;
        check_values(&frame, &constant, limits)?;
        constants = frame.into_columns();
    }
    let frame = read_stream(&mut rest, &varying, 1..=limits.of(table) as u64)?;
    check_values(&frame, &varying, limits)?;
    if !rest.is_empty() {
        return Err(PayloadFault::Trailing { extra: rest.len() });
    }
    let rows = frame.height();
    let (mut constants, mut varying) = (constants.into_iter(), frame.into_columns().into_iter());
    let columns: Vec<Column> = (0..specs.len())
        .filter_map(|at| {
            if varies(at) {
                varying.next()
            } else {
                constants
                    .next()
                    .map(|column| column.new_from_index(0, rows))
            }
        })
        .collect();
    DataFrame::new(rows, columns).map_err(PayloadFault::Arrow)
}

fn check_values(
    frame: &DataFrame,
    specs: &[ColumnSpec],
    limits: &Limits,
) -> Result<(), PayloadFault> {
    for (column, spec) in frame.columns().iter().zip(specs) {
        if !spec.nullable && column.null_count() > 0 {
            return Err(PayloadFault::Null { column: spec.name });
        }
        if let Some(largest) = spec.kind.largest_count() {
            check_counts(column, spec.name, largest)?;
        }
        if spec.kind == Kind::Text {
            let texts = frames::texts(frame, spec.name).map_err(PayloadFault::Arrow)?;
            let longest = texts.values().flatten().map(str::len).max().unwrap_or(0);
            if longest > limits.text_bytes {
                return Err(PayloadFault::Text {
                    column: spec.name,
                    found: longest,
                    allowed: limits.text_bytes,
                });
            }
        }
    }
    Ok(())
}

/// Refuses a count that is none: negative, or larger than memory holds.
fn check_counts(column: &Column, name: &'static str, largest: i64) -> Result<(), PayloadFault> {
    let numbers = column.i64().map_err(PayloadFault::Arrow)?;
    for found in [numbers.min(), numbers.max()].into_iter().flatten() {
        if !(0..=largest).contains(&found) {
            return Err(PayloadFault::Count {
                column: name,
                found,
                largest,
            });
        }
    }
    Ok(())
}

/// Takes one stream off the front of `bytes`: a schema message that equals ours, one record batch with a
/// number of rows within `rows`, the end.
fn read_stream(
    bytes: &mut &[u8],
    specs: &[ColumnSpec],
    rows: std::ops::RangeInclusive<u64>,
) -> Result<DataFrame, PayloadFault> {
    let schema = schema_message(&polars_schema(specs))?;
    let all = *bytes;
    let fault = if all.len() < schema.len() {
        PayloadFault::Truncated
    } else {
        PayloadFault::Schema
    };
    let after_schema = all.strip_prefix(schema.as_slice()).ok_or(fault)?;
    let batch = check_batch(after_schema, specs, rows)?;
    let after_batch = &after_schema[batch..];
    let after = after_batch
        .strip_prefix(&END)
        .ok_or(PayloadFault::Truncated)?;
    let stream = &all[..all.len() - after.len()];
    *bytes = after;

    let mut reader = Cursor::new(stream);
    let metadata = read_stream_metadata(&mut reader).map_err(PayloadFault::Arrow)?;
    let mut batches = StreamReader::new(reader, metadata, None);
    match batches.next() {
        Some(Ok(StreamState::Some(batch))) => Ok(DataFrame::from(batch)),
        Some(Ok(StreamState::Waiting)) | None => Err(PayloadFault::Truncated),
        Some(Err(error)) => Err(PayloadFault::Arrow(error)),
    }
}

/// Checks the record batch at the front of `bytes` and returns its length. After this no length that the
/// reader will meet points beyond the bytes that are there, and no byte is read twice.
fn check_batch(
    bytes: &[u8],
    specs: &[ColumnSpec],
    rows: std::ops::RangeInclusive<u64>,
) -> Result<usize, PayloadFault> {
    let rest = bytes
        .strip_prefix(&CONTINUATION)
        .ok_or(PayloadFault::Message)?;
    let (length, rest) = rest.split_first_chunk().ok_or(PayloadFault::Truncated)?;
    let length = usize::try_from(i32::from_le_bytes(*length)).map_err(|_| PayloadFault::Message)?;
    let (message, body) = rest
        .split_at_checked(length)
        .ok_or(PayloadFault::Truncated)?;
    let message = MessageRef::read_as_root(message).map_err(|_| PayloadFault::Message)?;
    let Ok(Some(MessageHeaderRef::RecordBatch(batch))) = message.header() else {
        return Err(PayloadFault::Message);
    };
    let body_length = whole(message.body_length().map_err(|_| PayloadFault::Message)?)?;
    if body_length > body.len() {
        return Err(PayloadFault::Truncated);
    }
    if !matches!(batch.compression(), Ok(None)) {
        return Err(PayloadFault::Compressed);
    }
    let length_of_batch = whole(batch.length().map_err(|_| PayloadFault::Message)?)?;
    let found = length_of_batch as u64;
    if !rows.contains(&found) {
        let allowed = *rows.end();
        return Err(PayloadFault::Rows { found, allowed });
    }
    let (Ok(Some(nodes)), Ok(Some(buffers))) = (batch.nodes(), batch.buffers()) else {
        return Err(PayloadFault::Message);
    };
    let views = batch
        .variadic_buffer_counts()
        .map_err(|_| PayloadFault::Message)?;
    if nodes.len() != specs.len() || views.is_some_and(|views| !views.is_empty()) {
        return Err(PayloadFault::Message);
    }
    for node in nodes.iter() {
        let nulls = whole(node.null_count())?;
        if whole(node.length())? != length_of_batch || nulls > length_of_batch {
            return Err(PayloadFault::Message);
        }
    }
    // Validity and values; a text has offsets besides.
    let expected: usize = specs
        .iter()
        .map(|spec| if spec.kind == Kind::Text { 3 } else { 2 })
        .sum();
    if buffers.len() != expected {
        return Err(PayloadFault::Message);
    }
    let mut end = 0;
    for buffer in buffers.iter() {
        let (offset, length) = (whole(buffer.offset())?, whole(buffer.length())?);
        if offset < end || length > body_length.saturating_sub(offset) {
            return Err(PayloadFault::Buffers);
        }
        end = offset + length;
    }
    Ok(CONTINUATION.len() + size_of::<i32>() + length + body_length)
}

fn whole(number: i64) -> Result<usize, PayloadFault> {
    usize::try_from(number).map_err(|_| PayloadFault::Message)
}
