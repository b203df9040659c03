//! What a query reads: the parts of one table of every run, in chunks of one row group, decoded a column at a time and
//! only where a statement looks at the column.
//!
//! Which rows a statement visits, and in which order, is decided in `vtab` and `lookup`.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use polars::prelude::{
    ParallelStrategy, ParquetReader, PolarsResult, Schema, SchemaExt as _, SerReader as _,
};
use polars_parquet::read::FileMetadata;

use crate::error::TableError;
use crate::part;
use crate::schema::{TableName, schema};

use super::values::{Type, Values};

/// Bytes of decoded columns that a table keeps for rows that are visited again. Three columns of 10^7 rows take 240
/// MB, a column of ids as much again.
const KEPT_BYTES: usize = 600 << 20;

/// Files that stay open, so that a part that is joined with others meanwhile can still be read. Beyond them, files are
/// opened anew: a process may have 1,024.
const OPEN_FILES: usize = 256;

/// Name of the column that says from which run a row comes.
pub(super) const RUN: &str = "run";

/// The parts of all runs at one moment.
pub(super) struct Listing {
    /// Rows say from which run they come.
    pub(super) several: bool,
    pub(super) parts: Vec<(TableName, PartOf)>,
    /// What ended a read that failed.
    pub(super) failure: Mutex<Option<TableError>>,
    /// Footers that were read already.
    pub(super) footers: Mutex<HashMap<PathBuf, Footer>>,
}

/// A part of one run.
#[derive(Clone)]
pub(super) struct PartOf {
    pub(super) path: PathBuf,
    pub(super) run: Option<Arc<str>>,
}

impl Listing {
    /// What ended the last read that failed.
    pub(super) fn take_failure(&self) -> Option<TableError> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.take()
    }

    /// Whether a part is gone that was there at that moment.
    pub(super) fn has_moved(&self) -> bool {
        self.parts.iter().any(|(_, part)| !part.path.exists())
    }
}

/// A column as queries name it.
#[derive(Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Type,
}

/// The columns of a table, with the run's first where there are several.
pub(super) fn columns(table: TableName, several: bool) -> Vec<Column> {
    let run = several.then(|| Column {
        name: RUN.to_owned(),
        kind: Type::Text,
    });
    let schema = schema(table);
    let own = schema.iter().map(|(name, dtype)| Column {
        name: name.to_string(),
        kind: Type::of(dtype),
    });
    run.into_iter().chain(own).collect()
}

/// One table of all runs.
pub(super) struct Source {
    pub(super) columns: Vec<Column>,
    parts: Vec<Part>,
    contents: OnceCell<Contents>,
    decoded: RefCell<Decoded>,
    listing: Arc<Listing>,
    open: Cell<usize>,
}

struct Part {
    of: PartOf,
    file: RefCell<Option<File>>,
}

/// What the footers say.
pub(super) struct Contents {
    files: Vec<Footer>,
    pub(super) chunks: Vec<Chunk>,
    pub(super) rows: usize,
}

#[derive(Clone)]
pub(super) struct Footer {
    metadata: Arc<FileMetadata>,
    columns: Arc<Schema>,
}

/// A row group.
pub(super) struct Chunk {
    part: usize,
    /// Number within the file.
    group: usize,
    /// The footer of a file that holds this row group alone.
    alone: OnceCell<Arc<FileMetadata>>,
    /// First row within the table.
    pub(super) start: usize,
    pub(super) rows: usize,
}

/// Decoded columns, by column and row group. What is asked for once is not kept; a second time it is.
#[derive(Default)]
struct Decoded {
    columns: Vec<Vec<Slot>>,
    bytes: usize,
}

#[derive(Clone, Default)]
enum Slot {
    #[default]
    New,
    Seen,
    Kept(Rc<Values>),
}

impl Source {
    pub(super) fn new(table: TableName, listing: &Arc<Listing>) -> Source {
        let parts = listing.parts.iter().filter(|(of, _)| *of == table);
        Source {
            columns: columns(table, listing.several),
            parts: parts
                .map(|(_, of)| Part {
                    of: of.clone(),
                    file: RefCell::new(None),
                })
                .collect(),
            contents: OnceCell::new(),
            decoded: RefCell::default(),
            listing: Arc::clone(listing),
            open: Cell::new(0),
        }
    }

    /// Number of a column by its name.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Rows and row groups of all parts.
    ///
    /// # Errors
    /// A part that cannot be read; the reason is kept for [`Listing::take_failure`].
    pub(super) fn contents(&self) -> rusqlite::Result<&Contents> {
        if let Some(contents) = self.contents.get() {
            return Ok(contents);
        }
        let contents = self.read_footers().map_err(|error| self.failed(error))?;
        Ok(self.contents.get_or_init(|| contents))
    }

    fn read_footers(&self) -> Result<Contents, TableError> {
        let mut contents = Contents {
            files: Vec::with_capacity(self.parts.len()),
            chunks: Vec::new(),
            rows: 0,
        };
        for (number, part) in self.parts.iter().enumerate() {
            let footer = self.footer(part)?;
            for (group, said) in footer.metadata.row_groups.iter().enumerate() {
                let rows = said.num_rows();
                if rows > 0 {
                    contents.chunks.push(Chunk {
                        part: number,
                        group,
                        alone: OnceCell::new(),
                        start: contents.rows,
                        rows,
                    });
                }
                contents.rows += rows;
            }
            contents.files.push(footer);
        }
        Ok(contents)
    }

    fn footer(&self, part: &Part) -> Result<Footer, TableError> {
        let footers = || {
            self.listing
                .footers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(footer) = footers().get(&part.of.path) {
            return Ok(footer.clone());
        }
        let footer = self.guarded(part, |file| {
            let mut reader = ParquetReader::new(file);
            let columns = Arc::new(Schema::from_arrow_schema(reader.schema()?.as_ref()));
            let metadata = Arc::clone(reader.get_metadata()?);
            Ok(Footer { metadata, columns })
        })?;
        footers().insert(part.of.path.clone(), footer.clone());
        Ok(footer)
    }

    /// Names of the columns that hold no null, by what the parts say of themselves.
    ///
    /// # Errors
    /// As [`contents`](Source::contents).
    pub(super) fn never_null(&self) -> rusqlite::Result<Vec<String>> {
        let files = &self.contents()?.files;
        let is_full = |column: &&Column| {
            column.name == RUN || files.iter().all(|file| file.is_full(&column.name))
        };
        let full = self.columns.iter().filter(is_full);
        Ok(full.map(|column| column.name.clone()).collect())
    }

    /// A column of a row group. `again` says that the row group will be visited more than once.
    ///
    /// # Errors
    /// As [`contents`](Source::contents).
    pub(super) fn values(
        &self,
        chunk: usize,
        column: usize,
        again: bool,
    ) -> rusqlite::Result<Rc<Values>> {
        let mut again = again;
        {
            let mut decoded = self.decoded.borrow_mut();
            match decoded.slot(column, chunk) {
                Slot::Kept(values) => return Ok(Rc::clone(values)),
                Slot::Seen => again = true,
                slot @ Slot::New => *slot = Slot::Seen,
            }
        }
        let values = self
            .decode(chunk, column)
            .map_err(|error| self.failed(error))?;
        let values = Rc::new(values);
        if again {
            let mut decoded = self.decoded.borrow_mut();
            decoded.bytes += values.size();
            if decoded.bytes > KEPT_BYTES {
                decoded.columns.clear();
                decoded.bytes = values.size();
            }
            *decoded.slot(column, chunk) = Slot::Kept(Rc::clone(&values));
        }
        Ok(values)
    }

    fn decode(&self, chunk: usize, column: usize) -> Result<Values, TableError> {
        let Some(contents) = self.contents.get() else {
            return Ok(Values::Null);
        };
        let (chunk, column) = (&contents.chunks[chunk], &self.columns[column]);
        let part = &self.parts[chunk.part];
        let footer = &contents.files[chunk.part];
        if column.name == RUN
            && let Some(run) = &part.of.run
        {
            return Ok(Values::Constant(Arc::clone(run)));
        }
        if !footer.columns.contains(column.name.as_str()) {
            return Ok(Values::Null);
        }
        self.guarded(part, |file| {
            let mut reader = ParquetReader::new(file);
            let alone = chunk
                .alone
                .get_or_init(|| part::alone(&footer.metadata, chunk.group));
            reader.set_metadata(Arc::clone(alone));
            let frame = reader
                .with_columns(Some(vec![column.name.clone()]))
                .read_parallel(ParallelStrategy::None)
                .finish()?;
            let found = frame.column(&column.name)?;
            Values::new(found.as_materialized_series(), column.kind)
        })
    }

    fn failed(&self, error: TableError) -> rusqlite::Error {
        let text = error.to_string();
        let failure = self.listing.failure.lock();
        *failure.unwrap_or_else(PoisonError::into_inner) = Some(error);
        rusqlite::Error::ModuleError(text)
    }

    /// polars may panic on damaged bytes; a damaged part must be an answer.
    fn guarded<T>(
        &self,
        part: &Part,
        read: impl FnOnce(File) -> PolarsResult<T>,
    ) -> Result<T, TableError> {
        let path = || part.of.path.clone();
        let file = self.file(part).map_err(|source| TableError::Open {
            path: path(),
            source,
        })?;
        match catch_unwind(AssertUnwindSafe(|| read(file))) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(source)) => Err(TableError::Part {
                path: path(),
                source,
            }),
            Err(_) => Err(TableError::PartPanic { path: path() }),
        }
    }

    fn file(&self, part: &Part) -> std::io::Result<File> {
        if let Some(file) = part.file.borrow().as_ref() {
            return file.try_clone();
        }
        let file = File::open(&part.of.path)?;
        if self.open.get() < OPEN_FILES {
            self.open.set(self.open.get() + 1);
            *part.file.borrow_mut() = Some(file.try_clone()?);
        }
        Ok(file)
    }
}

impl Footer {
    /// Whether every row group says that the column has no null in it.
    fn is_full(&self, column: &str) -> bool {
        self.metadata.row_groups.iter().all(|group| {
            let mut found = group.columns_under_root_iter(column).into_iter().flatten();
            let Some(found) = found.next() else {
                return false;
            };
            let said = found.statistics(&self.metadata.footer_buf);
            matches!(said, Some(Ok(said)) if said.null_count() == Some(0))
        })
    }
}

impl Decoded {
    fn slot(&mut self, column: usize, chunk: usize) -> &mut Slot {
        if self.columns.len() <= column {
            self.columns.resize_with(column + 1, Vec::new);
        }
        let of = &mut self.columns[column];
        if of.len() <= chunk {
            of.resize_with(chunk + 1, Slot::default);
        }
        &mut of[chunk]
    }
}

impl Contents {
    /// The row group that holds a row of the table, and the row within it.
    pub(super) fn locate(&self, row: usize) -> Option<(usize, usize)> {
        // Most row groups have the same number of rows.
        let rows = self.chunks.first()?.rows;
        let holds = |chunk: &Chunk| (chunk.start..chunk.start + chunk.rows).contains(&row);
        let guess = row / rows;
        let chunk = if self.chunks.get(guess).is_some_and(holds) {
            guess
        } else {
            let after = self.chunks.partition_point(|chunk| chunk.start <= row);
            after.checked_sub(1)?
        };
        Some((chunk, row - self.chunks[chunk].start))
    }
}
