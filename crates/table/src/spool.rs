//! Rows of one trial that are too many to be kept in memory: chunks of columns in a file that has no name, so that
//! nothing is left of it whatever happens.
//!
//! Whoever trains fills one and sends its chunks; whoever writes the tables checks them into another and hands that
//! to [`crate::Batch::attach`] once the trial's own row is there. A chunk holds at most [`CHUNK_ROWS`] rows of each
//! table and travels as in a [`crate::Payload`].

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use polars::prelude::DataFrame;
use sweep::Measurements;

use crate::columns::{History, Lanes, Layers, Of, Spectra};
use crate::error::{PayloadFault, RowFault, TableError};
use crate::frames;
use crate::packed::{self, Limits};
use crate::part::ROW_GROUP_ROWS;
use crate::schema::TableName;

/// Rows of each table in one chunk: a row group of a part.
pub const CHUNK_ROWS: usize = ROW_GROUP_ROWS;

/// The tables that are spooled, in the order of their bytes.
const TABLES: [TableName; 3] = [TableName::History, TableName::Spectra, TableName::Layers];

/// Some rows of a trial, encoded: `history`, `spectra`, `layers`.
pub type Chunk = [Vec<u8>; 3];

/// What was written of one chunk.
#[derive(Clone, Copy, Debug)]
struct Entry {
    offset: u64,
    lengths: [usize; 3],
    rows: [usize; 3],
}

/// Rows of one trial on disk.
#[derive(Debug)]
pub struct Spool {
    trial: u64,
    dir: PathBuf,
    file: File,
    entries: Vec<Entry>,
    bytes: u64,
    limit: u64,
}

/// Why rows could not be spooled, or read back.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error(
        "its rows take more than {limit} bytes beside the last ones ({rows} rows so far); measure less often, or \
         fewer things"
    )]
    TooLarge { limit: u64, rows: u64 },
    #[error("its rows cannot be kept in {dir}: {source}")]
    Io {
        dir: PathBuf,
        source: std::io::Error,
    },
    #[error("its rows are gone")]
    Gone,
    #[error(transparent)]
    Rows(#[from] TableError),
}

impl Spool {
    /// An empty one of a trial, of at most so many bytes, in a file of this folder.
    ///
    /// # Errors
    /// Where no file can be made there.
    pub fn new(trial: u64, dir: &Path, limit: u64) -> Result<Spool, SpoolError> {
        let file = tempfile::tempfile_in(dir).map_err(|source| SpoolError::Io {
            dir: dir.to_owned(),
            source,
        })?;
        Ok(Spool {
            trial,
            dir: dir.to_owned(),
            file,
            entries: Vec::new(),
            bytes: 0,
            limit,
        })
    }

    /// The trial whose rows these are.
    pub fn trial(&self) -> u64 {
        self.trial
    }

    pub fn chunks(&self) -> usize {
        self.entries.len()
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Rows of one table.
    pub(crate) fn rows(&self, table: TableName) -> usize {
        let Some(at) = place(table) else {
            return 0;
        };
        self.entries.iter().map(|entry| entry.rows[at]).sum()
    }

    /// Rows of all tables.
    fn all_rows(&self) -> u64 {
        let rows = self.entries.iter().flat_map(|entry| entry.rows);
        rows.map(|rows| rows as u64).sum()
    }

    /// Adds measurements, in as many chunks as they take.
    ///
    /// # Errors
    /// [`SpoolError::TooLarge`] beyond the limit; where the disk refuses.
    pub fn push(&mut self, measured: &Measurements) -> Result<(), SpoolError> {
        let trial = self.trial;
        let mut history = measured.history.chunks(CHUNK_ROWS);
        let mut spectra = measured.spectra.chunks(CHUNK_ROWS);
        let mut layers = measured.layers.chunks(CHUNK_ROWS);
        loop {
            let next = (history.next(), spectra.next(), layers.next());
            if let (None, None, None) = next {
                return Ok(());
            }
            let (history, spectra, layers) = next;
            let [history, spectra, layers] = [
                Lanes::<History>::frame(of(trial, history.unwrap_or_default())),
                Lanes::<Spectra>::frame(of(trial, spectra.unwrap_or_default())),
                Lanes::<Layers>::frame(of(trial, layers.unwrap_or_default())),
            ]
            .map(|frame| frame.map_err(TableError::from));
            let [history, spectra, layers] = [history?, spectra?, layers?];
            let rows = [history.height(), spectra.height(), layers.height()];
            let mut chunk = Chunk::default();
            for (at, frame) in [history, spectra, layers].iter().enumerate() {
                packed::encode(TABLES[at], frame, &mut chunk[at]).map_err(TableError::from)?;
            }
            self.write(&chunk, rows)?;
        }
    }

    /// Adds a chunk from outside, checked: it decodes, holds rows, and all of them are this trial's.
    ///
    /// # Errors
    /// [`SpoolError::Rows`] says what does not fit; else as [`Spool::push`].
    pub fn take(&mut self, chunk: &Chunk) -> Result<(), SpoolError> {
        let mut rows = [0; 3];
        for (at, &table) in TABLES.iter().enumerate() {
            let frame = decode(table, &chunk[at])?;
            rows[at] = frame.height();
            for (trial, _) in frames::runs(&frame, "trial")? {
                if trial != self.trial {
                    let table = table.name();
                    return Err(TableError::from(RowFault::UnknownTrial { table, trial }).into());
                }
            }
        }
        if rows == [0; 3] {
            return Err(fault(TableName::History, PayloadFault::Truncated).into());
        }
        self.write(chunk, rows)
    }

    fn write(&mut self, chunk: &Chunk, rows: [usize; 3]) -> Result<(), SpoolError> {
        let lengths = [chunk[0].len(), chunk[1].len(), chunk[2].len()];
        let length: usize = lengths.iter().sum();
        let offset = self.bytes;
        if offset + length as u64 > self.limit {
            return Err(SpoolError::TooLarge {
                limit: self.limit,
                rows: self.all_rows(),
            });
        }
        let mut at = offset;
        for table in chunk {
            let written = self.file.write_all_at(table, at);
            written.map_err(|source| self.failed(source))?;
            at += table.len() as u64;
        }
        self.bytes = at;
        self.entries.push(Entry {
            offset,
            lengths,
            rows,
        });
        Ok(())
    }

    /// A chunk as it was written.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn chunk(&self, number: usize) -> Result<Chunk, SpoolError> {
        let mut chunk = Chunk::default();
        let Some(entry) = self.entries.get(number) else {
            return Ok(chunk);
        };
        let mut offset = entry.offset;
        for (table, length) in chunk.iter_mut().zip(entry.lengths) {
            *table = vec![0; length];
            let read = self.file.read_exact_at(table, offset);
            read.map_err(|source| self.failed(source))?;
            offset += length as u64;
        }
        Ok(chunk)
    }

    /// The frames of one table, chunk by chunk, without ids.
    pub(crate) fn frames(
        &self,
        table: TableName,
    ) -> impl Iterator<Item = Result<DataFrame, TableError>> + '_ {
        let at = place(table);
        let filled = self.entries.iter().filter_map(move |entry| {
            let at = at?;
            (entry.rows[at] > 0).then_some((entry, at))
        });
        filled.map(move |(entry, at)| {
            let before: usize = entry.lengths[..at].iter().sum();
            let mut bytes = vec![0; entry.lengths[at]];
            self.file
                .read_exact_at(&mut bytes, entry.offset + before as u64)
                .map_err(|source| TableError::Open {
                    path: self.dir.clone(),
                    source,
                })?;
            decode(table, &bytes)
        })
    }

    fn failed(&self, source: std::io::Error) -> SpoolError {
        SpoolError::Io {
            dir: self.dir.clone(),
            source,
        }
    }
}

/// Rows with the number of their trial.
fn of<V>(trial: u64, rows: &[V]) -> impl Iterator<Item = Of<'_, V>> {
    rows.iter().map(move |row| Of { trial, row })
}

fn place(table: TableName) -> Option<usize> {
    TABLES.iter().position(|&spooled| spooled == table)
}

fn fault(table: TableName, fault: PayloadFault) -> TableError {
    let table = table.name();
    TableError::Payload { table, fault }
}

fn decode(table: TableName, bytes: &[u8]) -> Result<DataFrame, TableError> {
    let limits = Limits {
        rows: CHUNK_ROWS,
        ..Limits::default()
    };
    packed::decode(table, bytes, &limits).map_err(|found| fault(table, found))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::batch::tests::outcome;

    /// Rows of steps from `from` on.
    pub(crate) fn measured(from: u64, steps: u64) -> Measurements {
        let all = outcome(sweep::Status::Completed, 1, from + steps - 1);
        let from = usize::try_from(from).unwrap();
        Measurements {
            history: all.history[from..].to_vec(),
            spectra: all.spectra[from..].to_vec(),
            layers: all.layers[from..].to_vec(),
        }
    }

    fn spool(limit: u64) -> Spool {
        Spool::new(7, &std::env::temp_dir(), limit).unwrap()
    }

    #[test]
    fn what_is_pushed_is_read_back_and_taken_elsewhere() {
        let mut sent = spool(u64::MAX);
        sent.push(&measured(0, 10)).unwrap();
        sent.push(&Measurements::default()).unwrap();
        sent.push(&measured(10, CHUNK_ROWS as u64 + 5)).unwrap();
        assert_eq!(sent.chunks(), 3);
        let mut received = spool(u64::MAX);
        for number in 0..sent.chunks() {
            received.take(&sent.chunk(number).unwrap()).unwrap();
        }
        assert_eq!(received.bytes(), sent.bytes());
        for table in TABLES {
            assert_eq!(received.rows(table), CHUNK_ROWS + 15);
            let heights: Vec<usize> = received
                .frames(table)
                .map(|frame| frame.unwrap().height())
                .collect();
            assert_eq!(heights, [10, CHUNK_ROWS, 5]);
            for (sent, received) in sent.frames(table).zip(received.frames(table)) {
                assert!(sent.unwrap().equals_missing(&received.unwrap()));
            }
        }
    }

    #[test]
    fn foreign_chunks_are_refused() {
        let mut sent = spool(u64::MAX);
        sent.push(&measured(0, 10)).unwrap();
        let chunk = sent.chunk(0).unwrap();
        let mut other = Spool::new(8, &std::env::temp_dir(), u64::MAX).unwrap();
        assert!(matches!(
            other.take(&chunk),
            Err(SpoolError::Rows(TableError::Rows(RowFault::UnknownTrial {
                trial: 7,
                ..
            })))
        ));
        let [history, spectra, layers] = chunk;
        for wrong in [
            Chunk::default(),
            [spectra.clone(), history.clone(), layers.clone()],
            [history[..history.len() / 2].to_vec(), spectra, layers],
        ] {
            assert!(matches!(other.take(&wrong), Err(SpoolError::Rows(_))));
        }
        assert_eq!((other.chunks(), other.bytes()), (0, 0));
    }

    #[test]
    fn rows_of_another_version_are_refused() {
        let mut chunk = Chunk::default();
        chunk[0] = packed::tests::of_another_version(TableName::History);
        let mut spool = spool(u64::MAX);
        let refused = spool.take(&chunk).unwrap_err();
        let fits = matches!(
            &refused,
            SpoolError::Rows(TableError::Payload {
                fault: PayloadFault::Schema,
                ..
            })
        );
        assert!(fits, "{refused}");
        assert_eq!(spool.chunks(), 0);
    }

    #[test]
    fn rows_beyond_the_limit_are_refused_with_their_number() {
        let mut small = spool(20_000);
        small.push(&measured(0, 10)).unwrap();
        let before = small.bytes();
        let refused = small.push(&measured(10, 1000)).unwrap_err();
        assert!(refused.to_string().contains("30 rows so far"), "{refused}");
        assert_eq!(small.bytes(), before);
    }
}
