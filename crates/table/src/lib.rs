//! What a run leaves on disk: the four tables as Parquet parts, the journal that says which parts count, and
//! the ways in and out of them.
//!
//! Columns are built by [`BatchBuilder`], travel as [`Payload`] and are made durable by [`RunFolder`]. People
//! read them by [`query()`] and the writers of [`text`]. Data files that a sweep names are read by
//! [`load_arrays`]. Which trials are run, when and by whom is the business of others; nothing here trains.

mod batch;
mod builder;
mod codec;
mod columns;
mod comparison;
mod data;
mod error;
mod evolution;
mod folder;
mod frames;
mod journal;
mod lane;
pub mod memory;
mod packed;
mod part;
mod payload;
mod query;
mod row;
mod schema;
mod spool;
mod staged;
pub mod text;

/// A data file, column by column, before anything is trained on it.
pub mod data_file {
    pub use crate::data::{
        ColumnRole, ColumnValues, DataDescription, Describe, DescribedColumn, DescriptionNote,
        LeftOut, Numbers, describe,
    };
}

pub use batch::Batch;
pub use builder::BatchBuilder;
pub use comparison::{Comparison, ComparisonRow, Verdict};
pub use data::{
    ArrayEntry, ArrayFile, At, Cause, Content, DataError, DataNote, DataProblem, DataWarning,
    Element, LoadedFiles, NamedArray, RowReader, class_names, file_hash, load_arrays, load_files,
    read_array, read_array_file, write_arrays,
};
pub use error::{PayloadFault, RowFault, TableError};
pub use folder::{
    Checked, CommitInfo, Compaction, Counts, EndedAttempt, ExportFormat, Exported, FailedTrial,
    Finding, FolderError, Format, Freed, GenerationRecord, Hook, Joining, Kind, Listed, LocalFiles,
    Manifest, Meta, Numbering, RunFolder, attempts, check_folder, check_tables_folder,
    durable_files, export, fault_of_file, fault_point, is_run_folder, numbering, write_tables,
};
pub use packed::Limits;
pub use payload::Payload;
pub use query::{
    Answer, Cell, Column, Function, QueryError, Sink, StatementError, Value, functions, query,
    query_into, query_newest, run_names,
};
pub use row::{
    HistoryValues, LayerValues, ScalarValues, SpectrumValues, TrialResult, TrialRow, bytes_of_rows,
};
pub use schema::{
    Described, SCHEMA_VERSION, TableName, described, run_columns, schema, schema_fingerprint,
};
pub use spool::{CHUNK_ROWS, Chunk, Spool, SpoolError};
pub use staged::{StagedFile, sync_folder};
/// What training leaves behind of a trial, as `trials` and the measured tables take it.
pub use sweep::{EngineKind, Measurements, Outcome, Status};
pub use text::{CsvWriter, JsonWriter, TextWriter, to_text};
