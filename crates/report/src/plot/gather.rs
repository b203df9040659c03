//! The rows that a picture is made of, as they come out of the tables: sixteen bytes each, whatever the channels hold.

use std::collections::HashMap;

use sweep::{Plot, PlotKind};
use table::{Cell, TableName};

use super::error::PlotError;
use super::expression::{self, Expression, Side};
use super::levels::Levels;
use super::tables::{RUN, Tables};

/// Rows of a picture: half a gigabyte.
const MAX_ROWS: usize = 30_000_000;

/// What a picture asks of the tables.
#[derive(Debug)]
pub(crate) struct Want<'a> {
    pub(crate) plot: &'a Plot,
    /// The table whose rows it draws.
    pub(crate) detail: TableName,
    pub(crate) x: Vec<Expression>,
    pub(crate) value: Expression,
    pub(crate) color: Vec<Expression>,
    pub(crate) facet: Vec<Expression>,
    /// Of the table's rows, those of the last step of each trial alone.
    pub(crate) is_last_step: bool,
}

/// A row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// Place in [`Rows::groups`].
    pub(crate) group: u32,
    /// Code in [`Rows::x`].
    pub(crate) x: u32,
    pub(crate) value: f64,
}

/// Every row that is drawn, and what is not.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) points: Vec<Point>,
    /// Codes of color and facet.
    pub(crate) groups: Vec<(u32, u32)>,
    pub(crate) x: Levels,
    pub(crate) color: Levels,
    pub(crate) facet: Levels,
    pub(crate) left_out: LeftOut,
}

/// Trials that a picture leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    pub(crate) seen: u64,
    pub(crate) diverged: u64,
    pub(crate) failed: u64,
    /// Rows without a number.
    pub(crate) nulls: u64,
}

impl LeftOut {
    /// "2 diverged and 1 failed trial left out"; nothing where there is none.
    pub(crate) fn words(&self) -> Option<String> {
        let parts: Vec<String> = [(self.diverged, "diverged"), (self.failed, "failed")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        if parts.is_empty() {
            return None;
        }
        let trials = if self.diverged + self.failed == 1 {
            "trial"
        } else {
            "trials"
        };
        Some(format!("{} {trials} left out", parts.join(" and ")))
    }

    /// Counts a status; whether the trial is drawn.
    pub(crate) fn takes(&mut self, status: &Cell<'_>) -> bool {
        self.seen += 1;
        match status {
            Cell::Text("diverged") => self.diverged += 1,
            Cell::Text("failed") => self.failed += 1,
            _ => return true,
        }
        false
    }

    /// Why nothing is drawn.
    pub(crate) fn why_empty(&self, plot: &Plot, value: &Expression) -> String {
        match (self.seen, self.words()) {
            (0, _) if plot.condition.is_some() => "no row matches `where`".to_owned(),
            (0, _) => "the run has no trial yet".to_owned(),
            (seen, Some(words)) if seen == self.diverged + self.failed => {
                format!("{words}; draw them with --where \"status = 'diverged'\"")
            }
            (seen, _) => format!("`{}` is null in all {seen} trials that match", value.sql),
        }
    }
}

/// Where a condition applies.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) trials: String,
    pub(crate) detail: String,
    /// It names the status: then it alone decides.
    pub(crate) names_status: bool,
}

impl Condition {
    pub(crate) fn of(
        plot: &Plot,
        tables: &Tables,
        detail: TableName,
    ) -> Result<Condition, PlotError> {
        let Some(text) = &plot.condition else {
            return Ok(Condition::default());
        };
        let known = tables.known(detail);
        let (trials, own) = expression::condition_columns(text, &known);
        let clause = format!(" WHERE ({text})");
        if own.is_empty() {
            return Ok(Condition {
                trials: clause,
                detail: String::new(),
                names_status: expression::names_column(text, "status"),
            });
        }
        if !trials.is_empty() {
            return Err(PlotError::MixedCondition {
                kind: plot.kind,
                table: detail.name(),
                trials: trials.join(", "),
                detail: own.join(", "),
            });
        }
        Ok(Condition {
            trials: String::new(),
            detail: clause,
            names_status: false,
        })
    }
}

/// Reads the rows.
///
/// # Errors
/// [`PlotError`] of the query, or where there is no row or too many.
pub(crate) fn gather(tables: &Tables, want: &Want<'_>) -> Result<Rows, PlotError> {
    let mut rows = Rows {
        points: Vec::new(),
        groups: Vec::new(),
        x: Levels::new(want.x.len()),
        color: Levels::new(want.color.len()),
        facet: Levels::new(want.facet.len()),
        left_out: LeftOut::default(),
    };
    let kind = want.plot.kind;
    let condition = Condition::of(want.plot, tables, want.detail)?;
    let is_full = match want.detail {
        TableName::Trials => of_trials(tables, want, &condition, &mut rows)?,
        TableName::History | TableName::Spectra | TableName::Layers => {
            of_detail(tables, want, &condition, &mut rows)?
        }
    };
    if is_full {
        return Err(PlotError::TooManyRows {
            kind,
            limit: MAX_ROWS,
        });
    }
    if rows.points.is_empty() {
        let why = rows.left_out.why_empty(want.plot, &want.value);
        return Err(PlotError::Empty { kind, why });
    }
    Ok(rows)
}

/// Groups of color and facet, found by their codes; rows of one group often follow each other.
struct Groups {
    map: HashMap<(u32, u32), u32>,
    last: Option<((u32, u32), u32)>,
}

impl Groups {
    fn new() -> Groups {
        Groups {
            map: HashMap::new(),
            last: None,
        }
    }

    fn code(&mut self, key: (u32, u32), groups: &mut Vec<(u32, u32)>) -> u32 {
        if let Some((known, code)) = self.last
            && known == key
        {
            return code;
        }
        let code = *self.map.entry(key).or_insert_with(|| {
            groups.push(key);
            u32::try_from(groups.len() - 1).unwrap_or(u32::MAX)
        });
        self.last = Some((key, code));
        code
    }
}

fn sql(expressions: &[Expression]) -> impl Iterator<Item = String> {
    expressions
        .iter()
        .map(|expression| format!("({})", expression.sql))
}

/// A number of a cell that can be drawn.
pub(crate) fn number(cell: &Cell<'_>) -> Option<f64> {
    match cell {
        Cell::Integer(n) => Some(*n as f64),
        Cell::Real(x) if x.is_finite() => Some(*x),
        Cell::Boolean(truth) => Some(f64::from(u8::from(*truth))),
        Cell::Real(_) | Cell::Null | Cell::Text(_) | Cell::Bytes(_) => None,
    }
}

fn of_trials(
    tables: &Tables,
    want: &Want<'_>,
    condition: &Condition,
    rows: &mut Rows,
) -> Result<bool, PlotError> {
    let channels = [&want.x, &want.color, &want.facet];
    let selected: Vec<String> = channels
        .iter()
        .flat_map(|channel| sql(channel))
        .chain(sql(std::slice::from_ref(&want.value)))
        .collect();
    let text = format!(
        "SELECT {}, status FROM trials{}",
        selected.join(", "),
        condition.trials
    );
    let [x, color, facet] = channels.map(Vec::len);
    let mut groups = Groups::new();
    let mut texts = 0_u64;
    let is_full = tables.scan_until(&text, |cells| {
        let is_completed = rows.left_out.takes(&cells[x + color + facet + 1]);
        if !is_completed && !condition.names_status {
            return true;
        }
        let cell = &cells[x + color + facet];
        let Some(value) = number(cell) else {
            texts += u64::from(matches!(cell, Cell::Text(_)));
            rows.left_out.nulls += 1;
            return true;
        };
        let key = (
            rows.color.code(&cells[x..x + color]),
            rows.facet.code(&cells[x + color..x + color + facet]),
        );
        rows.points.push(Point {
            group: groups.code(key, &mut rows.groups),
            x: rows.x.code(&cells[..x]),
            value,
        });
        rows.points.len() < MAX_ROWS
    })?;
    if condition.names_status {
        (rows.left_out.diverged, rows.left_out.failed) = (0, 0);
    }
    if rows.points.is_empty() && texts > 0 {
        return Err(PlotError::NotNumbers {
            kind: want.plot.kind,
            channel: "value",
            column: want.value.sql.clone(),
        });
    }
    Ok(is_full)
}

/// What is known of a trial when its rows come.
#[derive(Clone, Copy)]
struct Trial {
    color: u32,
    facet: u32,
    steps: i64,
}

/// The trials by run and number, and whether their rows hold the channels.
struct Trials {
    runs: Levels,
    known: HashMap<(u32, i64), Trial>,
    has_color: bool,
    has_facet: bool,
}

/// The column that names the run of a row.
fn run_column(tables: &Tables) -> String {
    let run = if tables.is_several() { "run" } else { "0" };
    run.to_owned()
}

/// A channel's terms, or none where it is read elsewhere.
fn terms(channel: &[Expression], is_wanted: bool) -> Vec<String> {
    let channel = if is_wanted { channel } else { &[] };
    sql(channel).collect()
}

/// Reads the trials that the rows of another table belong to.
fn trials_of(
    tables: &Tables,
    want: &Want<'_>,
    condition: &Condition,
    rows: &mut Rows,
) -> Result<Trials, PlotError> {
    let on_trials = |channel: &[Expression]| {
        let mut own = channel.iter();
        own.any(|expression| expression.side == Side::Trials || expression.sql == RUN)
    };
    let (has_color, has_facet) = (on_trials(&want.color), on_trials(&want.facet));
    let color = terms(&want.color, has_color);
    let facet = terms(&want.facet, has_facet);
    let mut selected = vec![
        run_column(tables),
        "trial".to_owned(),
        "status".to_owned(),
        "steps".to_owned(),
    ];
    selected.extend(color.iter().chain(&facet).cloned());
    let text = format!(
        "SELECT {} FROM trials{}",
        selected.join(", "),
        condition.trials
    );
    let mut runs = Levels::new(1);
    let mut known: HashMap<(u32, i64), Trial> = HashMap::new();
    tables.scan(&text, |cells| {
        let is_completed = rows.left_out.takes(&cells[2]);
        if !is_completed && !condition.names_status {
            return;
        }
        let Cell::Integer(number) = cells[1] else {
            return;
        };
        let steps = match cells[3] {
            Cell::Integer(steps) => steps,
            _ => -1,
        };
        let (own_color, own_facet) = cells[4..].split_at(color.len());
        let trial = Trial {
            color: match has_color {
                true => rows.color.code(own_color),
                false => 0,
            },
            facet: match has_facet {
                true => rows.facet.code(own_facet),
                false => 0,
            },
            steps,
        };
        known.insert((runs.code(&cells[..1]), number), trial);
    })?;
    if condition.names_status {
        (rows.left_out.diverged, rows.left_out.failed) = (0, 0);
    }
    Ok(Trials {
        runs,
        known,
        has_color,
        has_facet,
    })
}

fn of_detail(
    tables: &Tables,
    want: &Want<'_>,
    condition: &Condition,
    rows: &mut Rows,
) -> Result<bool, PlotError> {
    let mut trials = trials_of(tables, want, condition, rows)?;
    let color = terms(&want.color, !trials.has_color);
    let facet = terms(&want.facet, !trials.has_facet);
    let mut selected = vec![run_column(tables), "trial".to_owned(), "step".to_owned()];
    selected.extend(sql(&want.x));
    selected.push(format!("({})", want.value.sql));
    selected.extend(color.iter().chain(&facet).cloned());
    let text = format!(
        "SELECT {} FROM {}{}",
        selected.join(", "),
        want.detail.name(),
        condition.detail
    );
    let x = want.x.len();
    let mut groups = Groups::new();
    // Rows of one trial follow each other.
    let mut last = None;
    tables.scan_until(&text, |cells| {
        let Cell::Integer(own) = cells[1] else {
            return true;
        };
        let key = (trials.runs.code(&cells[..1]), own);
        let known = match last {
            Some((same, known)) if same == key => known,
            _ => {
                let known = trials.known.get(&key).copied();
                last = Some((key, known));
                known
            }
        };
        let Some(mut trial) = known else {
            return true;
        };
        if want.is_last_step && cells[2] != Cell::Integer(trial.steps) {
            return true;
        }
        let Some(value) = number(&cells[3 + x]) else {
            rows.left_out.nulls += 1;
            return true;
        };
        let (colors, facets) = cells[4 + x..].split_at(color.len());
        if !trials.has_color {
            trial.color = rows.color.code(colors);
        }
        if !trials.has_facet {
            trial.facet = rows.facet.code(facets);
        }
        rows.points.push(Point {
            group: groups.code((trial.color, trial.facet), &mut rows.groups),
            x: rows.x.code(&cells[3..3 + x]),
            value,
        });
        rows.points.len() < MAX_ROWS
    })
}

/// The kind in the words of an error.
pub(crate) fn kind_takes(channels: &[&str]) -> String {
    channels.join(", ")
}

/// The first of some columns that has a value.
pub(crate) fn first_with_values(
    tables: &Tables,
    table: TableName,
    columns: &[&str],
) -> Result<Option<String>, PlotError> {
    for column in columns {
        if tables.has_values(table, column)? {
            return Ok(Some((*column).to_owned()));
        }
    }
    Ok(None)
}

/// A kind and a channel that it does not have.
pub(crate) fn refuse_channels(
    plot: &Plot,
    kind: PlotKind,
    takes: &[&'static str],
) -> Result<(), PlotError> {
    for (channel, given) in plot.columns() {
        if given.is_some() && !takes.contains(&channel) {
            return Err(PlotError::Channel {
                kind,
                channel,
                takes: kind_takes(takes),
            });
        }
    }
    Ok(())
}
