//! A run folder's tables as one file each, rows in order of trial. Rows are read a row group at a time and written as
//! they come; the files get their names when all are whole.
//!
//! Parts are not in order: each holds the trials that were reported together. A stretch of ascending trials within a
//! row group is a run of rows; the runs are merged by trial, and each trial's rows stay in the order of its part.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use polars::prelude::DataFrame;

use crate::error::TableError;
use crate::frames;
use crate::part::{self, Label};
use crate::query::Cell;
use crate::query::values::{Type, Value, Values, moment};
use crate::schema::{TableName, schema};
use crate::staged::StagedFile;
use crate::text::CsvWriter;

use super::disk;
use super::error::{FolderError, io_error};
use super::labels::label;
use super::layout::Layout;
use super::listing::readable_parts;

/// Bytes of decoded row groups that are kept: four of `trials`, or a hundred of `history`. Runs of many workers that
/// take turns lie in as many row groups.
const KEPT_BYTES: usize = 256 << 20;

/// How often an export begins again because the parts were joined under it.
const TRIES: usize = 3;

/// Labels of parts that hold for the joined table too.
const LABELS: [&str; 6] = [
    label::SCHEMA_VERSION,
    label::SCHEMA,
    label::SWEEP,
    label::SWEEP_HASH,
    label::VERSION,
    label::REVISION,
];

/// What files an export writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    Parquet,
    /// A header, empty for null, floats with the fewest digits that read back to the same bits.
    Csv,
}

impl ExportFormat {
    pub const ALL: [ExportFormat; 2] = [ExportFormat::Parquet, ExportFormat::Csv];

    /// Its name, which is also the ending of its files.
    pub fn name(self) -> &'static str {
        match self {
            ExportFormat::Parquet => "parquet",
            ExportFormat::Csv => "csv",
        }
    }
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    pub table: TableName,
    pub path: PathBuf,
    pub rows: u64,
    pub bytes: u64,
}

/// Writes each table of a run folder into one file of the folder `to`, also while the run goes on: what is durable at
/// this moment. A table without rows becomes a file without rows. Files of the same names are replaced only where
/// `replace` says so.
///
/// # Errors
/// [`FolderError::Exists`]; a folder that is no run; where the disk refuses. Files that were there before are then as
/// they were.
pub fn export(
    run: &Path,
    to: &Path,
    format: ExportFormat,
    replace: bool,
) -> Result<Vec<Exported>, FolderError> {
    let name = |table: TableName| to.join(format!("{}.{}", table.name(), format.name()));
    for path in TableName::ALL.map(name) {
        if path.exists() && (!replace || !path.is_file()) {
            return Err(FolderError::Exists { path });
        }
    }
    let layout = Layout::new(run);
    // Before the folder is made: what is no run leaves nothing behind.
    readable_parts(&layout)?;
    std::fs::create_dir_all(to).map_err(io_error("create", to))?;
    // Dropped before they are published, where an error comes first, they are removed.
    let mut exported = Vec::new();
    let mut staged = Vec::new();
    for (file, waiting) in stage_all(&layout, format, &name)? {
        exported.push(file);
        staged.push(waiting);
    }
    for waiting in staged {
        disk::publish(waiting)?;
    }
    disk::sync_folder(to)?;
    Ok(exported)
}

/// A table's file that waits for its name.
type Waiting = (Exported, StagedFile);

fn stage_all(
    layout: &Layout,
    format: ExportFormat,
    name: &dyn Fn(TableName) -> PathBuf,
) -> Result<Vec<Waiting>, FolderError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let mut moved = false;
        let mut stage = |(table, groups): (TableName, Vec<Vec<PathBuf>>)| {
            let paths: Vec<PathBuf> = groups.into_iter().flatten().collect();
            let staged = stage_table(table, &paths, format, name(table));
            moved |= staged.is_err() && paths.iter().any(|path| !path.exists());
            staged
        };
        let tables = readable_parts(layout)?.into_iter();
        let staged: Result<Vec<Waiting>, FolderError> = tables.map(&mut stage).collect();
        if staged.is_ok() || !moved || tries >= TRIES {
            return staged;
        }
    }
}

fn stage_table(
    table: TableName,
    paths: &[PathBuf],
    format: ExportFormat,
    path: PathBuf,
) -> Result<Waiting, FolderError> {
    let merged = Merged::new(table, paths)?;
    let labels = merged.labels.clone();
    let staged = disk::stage_with(&path, |out| match format {
        ExportFormat::Parquet => Ok(part::encode_into(out, table, merged, &labels)?),
        ExportFormat::Csv => write_csv(out, &path, table, merged),
    })?;
    let exported = Exported {
        table,
        path,
        rows: staged.written,
        bytes: staged.bytes,
    };
    Ok((exported, staged.file))
}

/// Rows of one table in order of trial, as pieces of row groups.
struct Merged<'a> {
    table: TableName,
    paths: &'a [PathBuf],
    /// The run with the smallest next trial first; of one trial, those of the earlier part.
    waiting: BinaryHeap<Reverse<Run>>,
    kept: Kept,
    labels: Vec<Label>,
}

/// Rows of ascending trials within a row group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Run {
    /// Of its first row.
    trial: u64,
    part: usize,
    group: usize,
    start: usize,
    end: usize,
}

/// Decoded row groups, with the trial of each row.
#[derive(Default)]
struct Kept {
    groups: HashMap<(usize, usize), Group>,
    bytes: usize,
    clock: u64,
}

/// Clones share their rows.
#[derive(Clone)]
struct Group {
    frame: DataFrame,
    trials: Arc<[u64]>,
    bytes: usize,
    used: u64,
}

impl<'a> Merged<'a> {
    fn new(table: TableName, paths: &'a [PathBuf]) -> Result<Merged<'a>, TableError> {
        let mut waiting = BinaryHeap::new();
        let mut labels = Vec::new();
        for (part, path) in paths.iter().enumerate() {
            let mut footer = part::footer(path)?;
            // The newest part is the last one.
            let own = LABELS.iter().filter_map(|&label| {
                let value = footer.labels.remove(label)?;
                Some((label, value))
            });
            labels = own.collect();
            for group in 0..footer.groups.len() {
                let frame = part::read_group(table, path, Some(&["trial"]), group)?;
                let trials = frames::runs(&frame, "trial")?;
                waiting.extend(runs(part, group, &trials).into_iter().map(Reverse));
            }
        }
        Ok(Merged {
            table,
            paths,
            waiting,
            kept: Kept::default(),
            labels,
        })
    }

    /// The next rows that follow each other in one row group.
    fn piece(&mut self) -> Result<Option<DataFrame>, TableError> {
        let Some(Reverse(run)) = self.waiting.pop() else {
            return Ok(None);
        };
        let next = self.waiting.peek().map(|Reverse(next)| next.trial);
        let group = self.kept.group(self.table, self.paths, &run)?;
        let trials = &group.trials[run.start..run.end];
        // At least the rows of the run's first trial.
        let rows = next.map_or(trials.len(), |next| {
            trials.partition_point(|&trial| trial <= next.max(run.trial))
        });
        let rest = Run {
            trial: trials.get(rows).copied().unwrap_or_default(),
            start: run.start + rows,
            ..run
        };
        let piece = group.frame.slice(run.start as i64, rows);
        if rest.start < run.end {
            self.waiting.push(Reverse(rest));
        }
        Ok(Some(piece))
    }
}

impl Iterator for Merged<'_> {
    type Item = Result<DataFrame, TableError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.piece().transpose()
    }
}

/// Cuts a row group where the trial falls, given each trial and how many rows follow each other with it.
fn runs(part: usize, group: usize, trials: &[(u64, usize)]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut start = 0;
    let mut last = None;
    for &(trial, rows) in trials {
        let end = start + rows;
        match runs.last_mut() {
            Some(run) if last.is_some_and(|last| last <= trial) => run.end = end,
            _ => runs.push(Run {
                trial,
                part,
                group,
                start,
                end,
            }),
        }
        last = Some(trial);
        start = end;
    }
    runs
}

impl Kept {
    fn group(
        &mut self,
        table: TableName,
        paths: &[PathBuf],
        run: &Run,
    ) -> Result<Group, TableError> {
        self.clock += 1;
        let key = (run.part, run.group);
        if let Some(group) = self.groups.get_mut(&key) {
            group.used = self.clock;
            return Ok(group.clone());
        }
        let frame = part::read_group(table, &paths[run.part], None, run.group)?;
        let group = Group {
            trials: frames::numbers(&frame, "trial")?.into(),
            bytes: frame.estimated_size(),
            frame,
            used: self.clock,
        };
        self.make_room(group.bytes);
        self.bytes += group.bytes;
        self.groups.insert(key, group.clone());
        Ok(group)
    }

    /// Drops what was not used for the longest time.
    fn make_room(&mut self, bytes: usize) {
        while self.bytes + bytes > KEPT_BYTES {
            let oldest = self.groups.iter().min_by_key(|(_, group)| group.used);
            let Some(key) = oldest.map(|(key, _)| *key) else {
                return;
            };
            if let Some(group) = self.groups.remove(&key) {
                self.bytes -= group.bytes;
            }
        }
    }
}

/// Returns the number of rows.
fn write_csv(
    out: &mut dyn Write,
    path: &Path,
    table: TableName,
    pieces: impl Iterator<Item = Result<DataFrame, TableError>>,
) -> Result<u64, FolderError> {
    let failed = |source| io_error("write", path)(source);
    let mut writer = CsvWriter::new(out);
    let columns = schema(table);
    let names = columns.iter_names().map(|name| name.as_str());
    writer.header(names).map_err(failed)?;
    let mut rows = 0;
    for piece in pieces {
        let piece = piece?;
        rows += piece.height() as u64;
        let columns = piece.columns().iter();
        let columns: Vec<Values> = columns
            .map(|column| Values::new(column.as_materialized_series(), Type::of(column.dtype())))
            .collect::<Result<_, _>>()
            .map_err(TableError::from)?;
        write_rows(&columns, piece.height(), &mut writer).map_err(failed)?;
    }
    writer.finish().map_err(failed)?;
    Ok(rows)
}

fn write_rows(
    columns: &[Values],
    rows: usize,
    writer: &mut CsvWriter<&mut dyn Write>,
) -> std::io::Result<()> {
    let mut times: Vec<String> = vec![String::new(); columns.len()];
    for row in 0..rows {
        for (values, time) in columns.iter().zip(&mut times) {
            if let Value::Time(micros) = values.get(row) {
                *time = moment(micros);
            }
        }
        let cells: Vec<Cell<'_>> = columns
            .iter()
            .zip(&times)
            .map(|(values, time)| match values.get(row) {
                Value::Null => Cell::Null,
                Value::Integer(n) => Cell::Integer(n),
                Value::Real(x) => Cell::Real(x),
                Value::Boolean(truth) => Cell::Boolean(truth),
                Value::Text(text) => Cell::Text(text),
                Value::Time(_) => Cell::Text(time),
            })
            .collect();
        writer.record(&cells)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::RunFolder;
    use super::super::tests_support::run;
    use super::*;
    use crate::batch::tests::batch;

    /// Trials as they stand in an exported Parquet file.
    fn trials(to: &Path, table: TableName) -> Vec<u64> {
        let path = to.join(format!("{}.parquet", table.name()));
        let frame = part::read(table, &path, None).unwrap();
        assert_eq!(frame.schema(), &schema(table));
        frames::numbers(&frame, "trial").unwrap()
    }

    /// A run whose parts interleave, and are not in order within.
    fn interleaved(home: &tempfile::TempDir) -> RunFolder {
        let mut folder = run(home);
        folder.commit(&batch([5, 6, 9, 1, 2], &[])).unwrap();
        folder.commit(&batch([0, 3, 7], &[3])).unwrap();
        folder.commit(&batch([4, 8], &[])).unwrap();
        folder
    }

    #[test]
    fn parts_become_one_file_in_order_of_trial() {
        let home = tempfile::tempdir().unwrap();
        let folder = interleaved(&home);
        let to = home.path().join("out");
        let exported = export(folder.dir(), &to, ExportFormat::Parquet, false).unwrap();
        assert_eq!(exported.len(), 4);
        let expected: Vec<u64> = (0..10).collect();
        assert_eq!(trials(&to, TableName::Trials), expected);
        assert_eq!(exported[0].rows, 10);
        for table in [TableName::History, TableName::Spectra, TableName::Layers] {
            let found = trials(&to, table);
            assert!(found.is_sorted(), "{}: {found:?}", table.name());
        }
        // Each row is whole: the rows of a trial are those of its part.
        let path = to.join("history.parquet");
        let rows = part::read(TableName::History, &path, None).unwrap();
        let mut expected: Option<DataFrame> = None;
        for trial in [0, 1, 2, 4, 5, 6, 7, 8, 9] {
            let own = batch([trial], &[]).frame(TableName::History).unwrap();
            expected = Some(match expected {
                Some(frames) => frames.vstack(&own).unwrap(),
                None => own,
            });
        }
        assert!(rows.equals_missing(&expected.unwrap()));
        let labels = part::footer(&path).unwrap().labels;
        assert!(labels.contains_key(label::SWEEP_HASH) && !labels.contains_key(label::REPLACES));
        let left: Vec<_> = fs::read_dir(&to).unwrap().collect();
        assert_eq!(left.len(), 4);
    }

    #[test]
    fn csv_has_a_header_and_a_line_a_row() {
        let home = tempfile::tempdir().unwrap();
        let folder = interleaved(&home);
        let to = home.path().join("out");
        export(folder.dir(), &to, ExportFormat::Csv, false).unwrap();
        let text = fs::read_to_string(to.join("trials.csv")).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header: Vec<String> = reader
            .headers()
            .unwrap()
            .iter()
            .map(str::to_owned)
            .collect();
        assert_eq!(header.len(), schema(TableName::Trials).len());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 10);
        let loss = header.iter().position(|name| name == "train_loss").unwrap();
        let frame = batch([4], &[]).frame(TableName::Trials).unwrap();
        let expected = frame.column("train_loss").unwrap().f64().unwrap().get(0);
        assert_eq!(rows[4][loss].parse::<f64>().ok(), expected);
    }

    #[test]
    fn what_is_there_is_replaced_only_when_asked() {
        let home = tempfile::tempdir().unwrap();
        let folder = interleaved(&home);
        let to = home.path().join("out");
        fs::create_dir(&to).unwrap();
        fs::write(to.join("layers.csv"), "mine").unwrap();
        let refused = export(folder.dir(), &to, ExportFormat::Csv, false);
        assert!(
            matches!(refused, Err(FolderError::Exists { .. })),
            "{refused:?}"
        );
        assert_eq!(fs::read_dir(&to).unwrap().count(), 1);
        export(folder.dir(), &to, ExportFormat::Csv, true).unwrap();
        assert!(
            fs::read_to_string(to.join("layers.csv"))
                .unwrap()
                .starts_with("trial,")
        );
    }

    #[test]
    fn a_damaged_part_leaves_no_half_of_a_file() {
        let home = tempfile::tempdir().unwrap();
        let folder = interleaved(&home);
        let part = folder.part(TableName::Layers, 2);
        let length = fs::metadata(&part).unwrap().len();
        fs::File::options()
            .write(true)
            .open(&part)
            .unwrap()
            .set_len(length / 2)
            .unwrap();
        let to = home.path().join("out");
        assert!(export(folder.dir(), &to, ExportFormat::Parquet, false).is_err());
        assert_eq!(fs::read_dir(&to).unwrap().count(), 0);
        assert!(matches!(
            export(home.path(), &to, ExportFormat::Csv, false),
            Err(FolderError::NotARun { .. })
        ));
    }

    #[test]
    fn runs_ascend() {
        let check = |trials: &[(u64, usize)], expected: &[(u64, usize, usize)]| {
            let found = runs(0, 0, trials).into_iter();
            let found: Vec<_> = found.map(|run| (run.trial, run.start, run.end)).collect();
            assert_eq!(found, expected);
        };
        check(&[], &[]);
        check(&[(3, 2), (4, 1), (9, 1)], &[(3, 0, 4)]);
        check(
            &[(3, 2), (1, 1), (2, 5), (0, 1)],
            &[(3, 0, 2), (1, 2, 8), (0, 8, 9)],
        );
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let mut kept = Kept::default();
        for group in 0..3 {
            kept.make_room(KEPT_BYTES / 2);
            kept.clock += 1;
            kept.bytes += KEPT_BYTES / 2;
            let group_of_none = Group {
                frame: DataFrame::empty(),
                trials: [].into(),
                bytes: KEPT_BYTES / 2,
                used: kept.clock,
            };
            kept.groups.insert((0, group), group_of_none);
        }
        assert!(kept.bytes <= KEPT_BYTES && !kept.groups.contains_key(&(0, 0)));
    }
}
