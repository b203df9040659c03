//! The tables of the runs, asked through `table`: which columns and axes there are, and rows as they are found.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sweep::{Plot, PlotKind, Spec, Value as Given};
use table::{Cell, Column, QueryError, Sink, TableName};

use super::error::{Near, PlotError};
use super::expression::{self, Expression, Known};

/// The tables of one run or of several.
pub struct Tables {
    runs: Vec<PathBuf>,
    stop: Arc<AtomicBool>,
    columns: [Vec<String>; 4],
    axes: Vec<Axis>,
    plots: Vec<Plot>,
    name: String,
}

/// An axis of the sweeps: a column, or those of a `[[zip]]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    pub(crate) columns: Vec<String>,
    /// How many values it has.
    pub(crate) count: u64,
    /// Whether its first column is numbers.
    pub(crate) is_numeric: bool,
}

/// Values of an axis that the order of a channel may need.
const LISTED: u64 = 1000;

impl Axis {
    pub(crate) fn is_replicate(&self) -> bool {
        self.columns.iter().all(|column| column == REPLICATE)
    }

    /// The channel that shows it.
    pub(crate) fn channel(&self) -> String {
        self.columns.join(", ")
    }
}

/// The column of replicates.
pub(crate) const REPLICATE: &str = "replicate";

/// The column of several runs.
pub(crate) const RUN: &str = "run";

impl Tables {
    /// Looks at the tables of runs and at their sweep files.
    ///
    /// # Errors
    /// [`PlotError::Query`] where a folder is no run.
    pub fn open(runs: &[PathBuf], stop: &Arc<AtomicBool>) -> Result<Tables, PlotError> {
        // A folder that is named twice counts once, as in a query.
        let runs: Vec<PathBuf> = table::run_names(runs)
            .into_iter()
            .map(|(dir, _)| dir)
            .collect();
        let runs = runs.as_slice();
        let mut tables = Tables {
            runs: runs.to_vec(),
            stop: Arc::clone(stop),
            columns: Default::default(),
            axes: Vec::new(),
            plots: Vec::new(),
            name: String::new(),
        };
        for table in TableName::ALL {
            let mut head = Head::default();
            let sql = format!("SELECT * FROM {} LIMIT 0", table.name());
            table::query_into(&tables.runs, &sql, stop, &mut head)?;
            tables.columns[table as usize] = head.0;
        }
        let specs: Vec<Spec> = runs.iter().filter_map(|run| spec_of(run)).collect();
        tables.name = match (runs, specs.as_slice()) {
            ([_], [spec]) => spec.name.clone(),
            ([run], _) => run
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default(),
            (several, _) => format!("{} runs", several.len()),
        };
        if let [spec] = specs.as_slice() {
            tables.plots.clone_from(&spec.plots);
        }
        for spec in &specs {
            tables.add_axes(spec);
        }
        if specs.len() < runs.len() {
            tables.find_axes()?;
        }
        Ok(tables)
    }

    /// What the runs are called together.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The pictures that the sweep file of a single run asks for.
    pub fn plots(&self) -> &[Plot] {
        &self.plots
    }

    fn add_axes(&mut self, spec: &Spec) {
        for axis in &spec.axes {
            if axis.len() < 2 {
                continue;
            }
            let listed = axis.len().min(LISTED);
            let is_distinct = |place: usize| {
                let values = (0..listed).map(|j| axis.value(place, j));
                let mut seen: Vec<Given> = Vec::new();
                values.fold(true, |distinct, value| {
                    let is_new = !seen.contains(&value);
                    seen.push(value);
                    distinct && is_new
                })
            };
            let mut columns: Vec<String> =
                axis.keys.iter().map(|key| key.column.to_owned()).collect();
            let mut first = 0;
            // One column of a zip stands for all where it alone says which point it is.
            if columns.len() > 1
                && let Some(place) = (0..columns.len()).find(|&place| is_distinct(place))
            {
                columns = vec![columns.swap_remove(place)];
                first = place;
            }
            let is_numeric = (0..listed)
                .all(|j| matches!(axis.value(first, j), Given::Int(_) | Given::Float(_)));
            let known = self.axes.iter_mut().find(|known| known.columns == columns);
            match known {
                Some(known) => known.count = known.count.max(axis.len()),
                None => self.axes.push(Axis {
                    columns,
                    count: axis.len(),
                    is_numeric,
                }),
            }
        }
    }

    /// The axes of folders without a sweep file: parameters that take several values.
    fn find_axes(&mut self) -> Result<(), PlotError> {
        let columns: Vec<String> = sweep::keys()
            .iter()
            .map(|key| key.column.to_owned())
            .filter(|column| self.has(TableName::Trials, column))
            .filter(|column| !self.axes.iter().any(|axis| axis.columns.contains(column)))
            .collect();
        if columns.is_empty() {
            return Ok(());
        }
        let counts: Vec<String> = columns
            .iter()
            .map(|column| format!("count(DISTINCT {column}) AS {column}"))
            .collect();
        let sql = format!("SELECT {} FROM trials", counts.join(", "));
        let mut found = Vec::new();
        self.scan(&sql, |cells| {
            for (column, cell) in columns.iter().zip(cells) {
                if let Cell::Integer(count) = cell
                    && *count > 1
                {
                    found.push(Axis {
                        columns: vec![column.clone()],
                        count: count.unsigned_abs(),
                        is_numeric: sweep::keys().iter().any(|key| {
                            key.column == column
                                && matches!(
                                    key.column_type,
                                    sweep::ColumnType::Int | sweep::ColumnType::Float
                                )
                        }),
                    });
                }
            }
        })?;
        self.axes.extend(found);
        Ok(())
    }

    pub(crate) fn is_several(&self) -> bool {
        self.runs.len() > 1
    }

    /// The axes with more than one value, replicates left out; `run` first where there are several.
    pub(crate) fn axes(&self) -> Vec<Axis> {
        let runs = self.is_several().then(|| Axis {
            columns: vec![RUN.to_owned()],
            count: self.runs.len() as u64,
            is_numeric: false,
        });
        let swept = self.axes.iter().filter(|axis| !axis.is_replicate());
        runs.into_iter().chain(swept.cloned()).collect()
    }

    /// How many replicates the sweep has of each condition.
    pub(crate) fn replicates(&self) -> u64 {
        let replicates = self.axes.iter().find(|axis| axis.is_replicate());
        replicates.map_or(1, |axis| axis.count)
    }

    pub(crate) fn has(&self, table: TableName, column: &str) -> bool {
        self.columns[table as usize].iter().any(|own| own == column)
    }

    /// Columns of `trials` and of the table of a kind.
    pub(crate) fn known(&self, detail: TableName) -> Known<'_> {
        Known {
            trials: &self.columns[TableName::Trials as usize],
            detail: &self.columns[detail as usize],
        }
    }

    /// The columns that a channel names, with commas between them.
    pub(crate) fn channel(
        &self,
        kind: PlotKind,
        detail: TableName,
        channel: &'static str,
        text: &str,
    ) -> Result<Vec<Expression>, PlotError> {
        let known = self.known(detail);
        let mut found = Vec::new();
        for part in expression::split(text) {
            let read = expression::read(part, &known);
            let own = read.map_err(|column| PlotError::UnknownColumn {
                kind,
                channel,
                near: Near::to(&column, &known.names()),
                column,
            })?;
            if own.sql == REPLICATE && matches!(channel, "x" | "color" | "facet") {
                return Err(PlotError::Repeats { kind, channel });
            }
            found.push(own);
        }
        Ok(found)
    }

    /// How the sweep files list the values of each column, for the order of texts.
    pub(crate) fn listed(&self, columns: &[Expression]) -> Vec<Vec<Given>> {
        let of = |expression: &Expression| {
            let mut values: Vec<Given> = Vec::new();
            for run in &self.runs {
                let Some(spec) = spec_of(run) else { continue };
                for axis in &spec.axes {
                    for (place, key) in axis.keys.iter().enumerate() {
                        if key.column != expression.sql {
                            continue;
                        }
                        for j in 0..axis.len().min(LISTED) {
                            let value = axis.value(place, j);
                            if !values.contains(&value) {
                                values.push(value);
                            }
                        }
                    }
                }
            }
            values
        };
        columns.iter().map(of).collect()
    }

    /// Whether a table has a value in a column.
    pub(crate) fn has_values(&self, table: TableName, column: &str) -> Result<bool, PlotError> {
        if !self.has(table, column) {
            return Ok(false);
        }
        let mut count = 0;
        let sql = format!("SELECT count({column}) FROM {}", table.name());
        self.scan(&sql, |cells| {
            if let Some(Cell::Integer(found)) = cells.first() {
                count = *found;
            }
        })?;
        Ok(count > 0)
    }

    /// Hands on each row of a query.
    ///
    /// # Errors
    /// [`PlotError::Query`].
    pub(crate) fn scan(
        &self,
        sql: &str,
        each: impl FnMut(&[Cell<'_>]) + Send,
    ) -> Result<(), PlotError> {
        let mut rows = Rows(each);
        table::query_into(&self.runs, sql, &self.stop, &mut rows)?;
        Ok(())
    }

    /// As [`Self::scan`], until `each` says that there are enough rows. Returns whether it did.
    pub(crate) fn scan_until(
        &self,
        sql: &str,
        each: impl FnMut(&[Cell<'_>]) -> bool + Send,
    ) -> Result<bool, PlotError> {
        let mut rows = Until {
            each,
            is_enough: false,
        };
        match table::query_into(&self.runs, sql, &self.stop, &mut rows) {
            Err(QueryError::Write(_)) if rows.is_enough => Ok(true),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(false),
        }
    }
}

/// The sweep file of a run folder, where there is one that reads.
fn spec_of(run: &std::path::Path) -> Option<Spec> {
    let text = std::fs::read_to_string(run.join("sweep.toml")).ok()?;
    Spec::parse_stored(&text, "sweep.toml", &[]).ok()
}

/// Keeps the names of the columns.
#[derive(Default)]
struct Head(Vec<String>);

impl Sink for Head {
    fn columns(&mut self, columns: &[Column]) -> io::Result<()> {
        self.0 = columns.iter().map(|column| column.name.clone()).collect();
        Ok(())
    }

    fn row(&mut self, _: &[Cell<'_>]) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Rows<F>(F);

impl<F: FnMut(&[Cell<'_>]) + Send> Sink for Rows<F> {
    fn columns(&mut self, _: &[Column]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        (self.0)(cells);
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Until<F> {
    each: F,
    is_enough: bool,
}

impl<F: FnMut(&[Cell<'_>]) -> bool + Send> Sink for Until<F> {
    fn columns(&mut self, _: &[Column]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        if (self.each)(cells) {
            return Ok(());
        }
        self.is_enough = true;
        Err(io::Error::other("enough rows"))
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}
