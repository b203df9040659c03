//! Trials in memory: the four tables of any number of reports, checked, cut and joined.
//!
//! The frames of a report stay together as they came, so joining is free and an id, which only `trials`
//! carries, is looked up within its own report. Bytes and files are the business of `payload` and `part`.

use std::fmt;
use std::sync::Arc;

use polars::prelude::{AnyValue, BooleanChunked, DataFrame, IdxSize};
use sweep::{IntervalSet, Point};

use crate::columns::{Lanes, Trials};
use crate::comparison::{self, Comparison};
use crate::error::{RowFault, TableError};
use crate::folder::{Counts, FailedTrial};
use crate::frames::{self, concat};
use crate::row::{TrialResult, TrialRow};
use crate::schema::{TableName, schema};
use crate::spool::Spool;

/// Digits of an id.
const ID_DIGITS: usize = 32;

/// Rows of the four tables.
#[derive(Clone)]
pub struct Batch {
    bundles: Vec<Bundle>,
}

/// One report: `trials` complete, the other tables without ids.
#[derive(Clone)]
pub(crate) struct Bundle {
    pub(crate) frames: [DataFrame; 4],
    bytes: usize,
    /// Rows of its only trial that came before those of the frames.
    spool: Option<Arc<Spool>>,
}

/// How many trials ended how, and which of them failed.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    pub(crate) failed: Vec<FailedTrial>,
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("trials", &self.trials())
            .field("rows", &self.rows())
            .finish_non_exhaustive()
    }
}

impl Batch {
    /// No rows.
    pub fn empty() -> Batch {
        Batch {
            bundles: Vec::new(),
        }
    }

    /// Frames whose columns are those of [`crate::schema::carried`].
    pub(crate) fn of(frames: [DataFrame; 4]) -> Batch {
        let mut batch = Batch::empty();
        if frames[0].height() > 0 {
            batch.bundles.push(Bundle::new(frames));
        }
        batch
    }

    pub(crate) fn bundles(&self) -> &[Bundle] {
        &self.bundles
    }

    pub fn is_empty(&self) -> bool {
        self.bundles.is_empty()
    }

    /// Rows of `trials`.
    pub fn trials(&self) -> usize {
        self.table_rows(TableName::Trials)
    }

    /// Rows of all tables.
    pub fn rows(&self) -> usize {
        TableName::ALL
            .map(|table| self.table_rows(table))
            .iter()
            .sum()
    }

    /// Rows of one table.
    pub fn table_rows(&self, table: TableName) -> usize {
        self.bundles.iter().map(|bundle| bundle.rows(table)).sum()
    }

    /// Bytes in memory and in spools; columns that hold one value count for nothing.
    pub fn bytes(&self) -> usize {
        let spooled = |bundle: &Bundle| bundle.spool.as_ref().map_or(0, |spool| spool.bytes());
        self.bundles
            .iter()
            .map(|bundle| bundle.bytes + usize::try_from(spooled(bundle)).unwrap_or(usize::MAX))
            .fold(0, usize::saturating_add)
    }

    /// Adds the rows that were spooled of the only trial of this batch.
    ///
    /// # Errors
    /// [`RowFault::Spool`] where the batch is not that trial's alone; [`RowFault::RowsOfFailed`].
    pub fn attach(&mut self, spool: Spool) -> Result<(), TableError> {
        let trial = spool.trial();
        let failed = !self.failed().is_empty();
        match self.bundles.as_mut_slice() {
            [only] if only.trial_numbers() == [trial] && only.spool.is_none() => {
                if failed {
                    let table = TableName::History.name();
                    return Err(RowFault::RowsOfFailed { table, trial }.into());
                }
                only.spool = Some(Arc::new(spool));
                Ok(())
            }
            _ => Err(RowFault::Spool { trial }.into()),
        }
    }

    /// Numbers of the trials.
    pub fn trial_numbers(&self) -> IntervalSet {
        let mut numbers: Vec<u64> = self
            .bundles
            .iter()
            .flat_map(|bundle| bundle.trial_numbers())
            .collect();
        numbers.sort_unstable();
        intervals(&numbers)
    }

    /// Failed trials with their errors.
    pub fn failed(&self) -> Vec<(u64, String)> {
        // The columns exist in every bundle; one that cannot be read has no failed trials to report.
        let tally = self.tally().unwrap_or_default();
        tally
            .failed
            .into_iter()
            .map(|failed| (failed.trial, failed.error))
            .collect()
    }

    /// What comparing trials on both engines found.
    ///
    /// # Errors
    /// A verdict that is none.
    pub fn comparisons(&self) -> Result<Vec<Comparison>, TableError> {
        let mut all = Vec::new();
        for bundle in &self.bundles {
            all.extend(comparison::read(bundle.frame(TableName::Trials))?);
        }
        Ok(all)
    }

    pub(crate) fn tally(&self) -> Result<Tally, TableError> {
        let mut tally = Tally::default();
        for bundle in &self.bundles {
            tally_frame(bundle.frame(TableName::Trials), &mut tally)?;
        }
        Ok(tally)
    }

    /// Takes trials out, with all their rows.
    ///
    /// # Errors
    /// Where polars cannot filter, which the schema rules out.
    pub fn drop_trials(&mut self, unwanted: &IntervalSet) -> Result<(), TableError> {
        for bundle in &mut self.bundles {
            for frame in &mut bundle.frames {
                let mask: BooleanChunked = frames::numbers(frame, "trial")?
                    .into_iter()
                    .map(|trial| !unwanted.contains(trial))
                    .collect();
                *frame = frame.filter_seq(&mask)?;
            }
            bundle.bytes = bytes_of(&bundle.frames);
        }
        self.bundles
            .retain(|bundle| bundle.frame(TableName::Trials).height() > 0);
        Ok(())
    }

    /// Adds the rows of another batch. Nothing is copied.
    ///
    /// # Errors
    /// None at present: schemas were checked when the batches were made.
    pub fn append(&mut self, other: Batch) -> Result<(), TableError> {
        self.bundles.extend(other.bundles);
        Ok(())
    }

    /// Checks what the schema cannot: a trial has one row, a known status, an error exactly when it failed and
    /// a well-formed id; every row of the other tables belongs to a trial of the same report that ran.
    ///
    /// # Errors
    /// [`RowFault`] names the first row that does not fit.
    pub fn check_consistent(&self) -> Result<(), TableError> {
        let mut seen: Vec<u64> = Vec::new();
        for bundle in &self.bundles {
            bundle.check()?;
            seen.extend(bundle.trial_numbers());
        }
        seen.sort_unstable();
        match seen.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(RowFault::Twice { trial: pair[0] }.into()),
            None => Ok(()),
        }
    }

    /// The first of these trials whose row is missing or does not carry the id and the parameters of its point;
    /// a trial without a point is one.
    pub fn first_misplaced(
        &self,
        points: impl IntoIterator<Item = (u64, Option<Point>)>,
    ) -> Option<u64> {
        let mut lanes = Lanes::<Trials>::new();
        let mut trials = Vec::new();
        for (trial, point) in points {
            let Some(point) = point else {
                return Some(trial);
            };
            // Of this row the columns up to its status matter.
            let result = TrialResult::Failed {
                error: "",
                seconds: 0.0,
            };
            lanes.push(&TrialRow::new(trial, &point.id(), &point.row(), result));
            trials.push(trial);
        }
        let expected = lanes.finish().ok()?;
        let fits = |(row, &trial): (usize, &u64)| {
            // What polars cannot read, which the schema rules out, fits nothing.
            self.has_row(trial, &expected, row).unwrap_or(false)
        };
        let place = trials.iter().enumerate().position(|pair| !fits(pair))?;
        Some(trials[place])
    }

    /// Whether the row of this trial begins as row `from` of a frame of `trials`, up to its status.
    fn has_row(&self, trial: u64, expected: &DataFrame, from: usize) -> Result<bool, TableError> {
        for bundle in &self.bundles {
            let Some(row) = bundle.trial_numbers().iter().position(|&n| n == trial) else {
                continue;
            };
            let frame = bundle.frame(TableName::Trials);
            for column in expected
                .columns()
                .iter()
                .take_while(|c| c.name() != "status")
            {
                let found = frame.column(column.name())?.get(row)?;
                // A worker of a version that leaves out the sizes of files is as right.
                if found.is_null() && sweep::is_size_column(column.name()) {
                    continue;
                }
                if !frames::same_value(&column.get(from)?, &found) {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// One table as one frame, with ids.
    ///
    /// # Errors
    /// [`RowFault::UnknownTrial`] where a row has no trial.
    pub fn frame(&self, table: TableName) -> Result<DataFrame, TableError> {
        let pieces: Vec<DataFrame> = self.pieces(table, usize::MAX).collect::<Result<_, _>>()?;
        if pieces.is_empty() {
            return Ok(DataFrame::empty_with_schema(&schema(table)));
        }
        Ok(concat(pieces)?)
    }

    /// One table in frames of at most `rows` rows, with ids, made one at a time. Spooled rows come in their chunks.
    pub(crate) fn pieces(
        &self,
        table: TableName,
        rows: usize,
    ) -> impl Iterator<Item = Result<DataFrame, TableError>> + '_ {
        self.bundles.iter().flat_map(move |bundle| {
            let height = bundle.frame(table).height();
            let frames = (0..height)
                .step_by(rows)
                .map(move |from| bundle.piece(table, from, rows));
            bundle.spooled(table).chain(frames)
        })
    }
}

impl Bundle {
    fn new(frames: [DataFrame; 4]) -> Bundle {
        let bytes = bytes_of(&frames);
        Bundle {
            frames,
            bytes,
            spool: None,
        }
    }

    fn rows(&self, table: TableName) -> usize {
        let spooled = self.spool.as_ref().map_or(0, |spool| spool.rows(table));
        self.frame(table).height() + spooled
    }

    /// The spooled rows of a table, with the id of their trial.
    fn spooled(
        &self,
        table: TableName,
    ) -> impl Iterator<Item = Result<DataFrame, TableError>> + '_ {
        let spools = self.spool.iter();
        let frames = spools.flat_map(move |spool| spool.frames(table));
        frames.map(move |frame| {
            let frame = frame?;
            let rows = frame.height();
            let id = self.frame(TableName::Trials).column("id")?;
            let ids = id.new_from_index(0, rows);
            let mut columns = frame.into_columns();
            columns.insert(1, ids);
            Ok(DataFrame::new(rows, columns)?)
        })
    }

    pub(crate) fn frame(&self, table: TableName) -> &DataFrame {
        &self.frames[table as usize]
    }

    fn trial_numbers(&self) -> Vec<u64> {
        // The builder and the decoder both guarantee the column.
        frames::numbers(self.frame(TableName::Trials), "trial").unwrap_or_default()
    }

    /// Number and row of each trial, in order of the number.
    fn places(&self) -> Vec<(u64, IdxSize)> {
        let mut places: Vec<_> = self.trial_numbers().into_iter().zip(0..).collect();
        places.sort_unstable();
        places
    }

    fn piece(&self, table: TableName, from: usize, rows: usize) -> Result<DataFrame, TableError> {
        let frame = self.frame(table);
        let rows = rows.min(frame.height() - from);
        // Both fit: a frame has fewer than 2^32 rows.
        let slice = frame.slice(from as i64, rows);
        if table == TableName::Trials {
            return Ok(slice);
        }
        let places = self.places();
        let mut rows_of_ids: Vec<IdxSize> = Vec::with_capacity(rows);
        for (trial, length) in frames::runs(&slice, "trial")? {
            let place = places
                .binary_search_by_key(&trial, |place| place.0)
                .map_err(|_| unknown(table, trial))?;
            rows_of_ids.resize(rows_of_ids.len() + length, places[place].1);
        }
        let ids = self
            .frame(TableName::Trials)
            .column("id")?
            .take_slice(&rows_of_ids)?;
        let mut columns = slice.into_columns();
        columns.insert(1, ids);
        Ok(DataFrame::new(rows, columns)?)
    }

    fn check(&self) -> Result<(), TableError> {
        let failed = self.check_trials()?;
        let places = self.places();
        for table in [TableName::History, TableName::Spectra, TableName::Layers] {
            for (trial, _) in frames::runs(self.frame(table), "trial")? {
                if places
                    .binary_search_by_key(&trial, |place| place.0)
                    .is_err()
                {
                    return Err(unknown(table, trial).into());
                }
                if failed.binary_search(&trial).is_ok() {
                    let table = table.name();
                    return Err(RowFault::RowsOfFailed { table, trial }.into());
                }
            }
        }
        Ok(())
    }

    /// Checks `trials`; returns the failed ones in order.
    fn check_trials(&self) -> Result<Vec<u64>, TableError> {
        let frame = self.frame(TableName::Trials);
        let numbers = self.trial_numbers();
        let ids = frames::texts(frame, "id")?;
        let statuses = frames::texts(frame, "status")?;
        let errors = frames::texts(frame, "error")?;
        comparison::read(frame)?;
        let mut failed = Vec::new();
        for (row, &trial) in numbers.iter().enumerate() {
            let id = ids.get(row).unwrap_or_default();
            if !is_id(id) {
                let found = shortened(id);
                return Err(RowFault::Id { trial, found }.into());
            }
            let status = statuses.get(row).unwrap_or_default();
            // A trial that diverged says why; those of older versions do not.
            let (has_failed, may_say_why) = match status {
                "completed" => (false, false),
                "diverged" => (false, true),
                "failed" => (true, true),
                other => {
                    let found = shortened(other);
                    return Err(RowFault::Status { trial, found }.into());
                }
            };
            let says_why = errors.get(row).is_some();
            if says_why && !may_say_why || has_failed && !says_why {
                return Err(RowFault::Error {
                    trial,
                    status: status.to_owned(),
                    error: if has_failed { "missing" } else { "set" },
                }
                .into());
            }
            if has_failed {
                failed.push(trial);
            }
        }
        failed.sort_unstable();
        Ok(failed)
    }
}

fn unknown(table: TableName, trial: u64) -> RowFault {
    RowFault::UnknownTrial {
        table: table.name(),
        trial,
    }
}

fn is_id(text: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == ID_DIGITS && text.bytes().all(digit)
}

/// Enough of a text from outside to recognise it by.
fn shortened(text: &str) -> String {
    text.chars().take(2 * ID_DIGITS).collect()
}

fn bytes_of(frames: &[DataFrame; 4]) -> usize {
    frames
        .iter()
        .flat_map(|frame| frame.columns())
        .filter_map(|column| column.as_series())
        .map(|series| series.estimated_size())
        .sum()
}

/// Counts the statuses of a frame of `trials` and lists its failures.
pub(crate) fn tally_frame(frame: &DataFrame, tally: &mut Tally) -> Result<(), TableError> {
    let statuses = frames::texts(frame, "status")?;
    if let frames::Texts::One(Some("completed"), rows) = statuses {
        tally.counts.completed += rows as u64;
        return Ok(());
    }
    let numbers = frames::numbers(frame, "trial")?;
    let errors = frames::texts(frame, "error")?;
    let attempts = frame.column("attempt")?;
    for (row, &trial) in numbers.iter().enumerate() {
        match statuses.get(row) {
            Some("completed") => tally.counts.completed += 1,
            Some("diverged") => tally.counts.diverged += 1,
            _ => {
                let attempts = match attempts.get(row)? {
                    AnyValue::Int64(found) => attempt(found)?,
                    _ => 1,
                };
                tally.counts.failed += 1;
                tally.failed.push(FailedTrial {
                    trial,
                    attempts,
                    error: errors.get(row).unwrap_or_default().to_owned(),
                });
            }
        }
    }
    Ok(())
}

fn attempt(found: i64) -> Result<u32, RowFault> {
    u32::try_from(found).map_err(|_| RowFault::Count {
        column: "attempt",
        found,
        largest: u32::MAX.into(),
    })
}

/// The set of ascending numbers, repetitions allowed.
pub(crate) fn intervals(ascending: &[u64]) -> IntervalSet {
    let mut set = IntervalSet::new();
    let mut numbers = ascending.iter().copied();
    let Some(first) = numbers.next() else {
        return set;
    };
    let (mut start, mut last) = (first, first);
    for number in numbers {
        if number > last.saturating_add(1) {
            set.insert(start..last.saturating_add(1));
            start = number;
        }
        last = number;
    }
    // A range of u64 cannot hold u64::MAX, and no grid is that large.
    set.insert(start..last.saturating_add(1));
    set
}

#[cfg(test)]
pub(crate) mod tests;
