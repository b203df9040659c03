//! What came out: trials by status, the best and the worst, what explains the measures, what diverged or failed, where
//! and why.

use super::ask::{Ask, Row, level, named_columns};
use super::asked::Axis;
use super::levels::{Unexplained, explained};
use super::measure::{Goal, Measure, measures};
use crate::error::ReportError;
use crate::importance::Importance;
use crate::words;

/// Reasons that are kept.
const REASONS: u64 = 20;

/// Levels of an axis that are looked at to say where trials diverged.
const LEVELS: u64 = 1000;

/// Longest text of a reason.
const REASON_CHARS: usize = 300;

/// Best and worst settings that are kept.
const SETTINGS: u64 = 5;

/// Values of the axes: each axis's name, and its value in words.
pub type Place = Vec<(String, String)>;

#[derive(Clone, Debug)]
pub struct Outcome {
    /// Rows of `trials`.
    pub trials: u64,
    /// Trials by status, the most first.
    pub statuses: Vec<(String, u64)>,
    /// What completed trials have, the one that they are judged by first.
    pub measures: Vec<Measure>,
    /// The best and the worst completed trial by the first measure.
    pub best: Option<Extreme>,
    pub worst: Option<Extreme>,
    /// The best settings by the median of their replicates; empty without replicates.
    pub settings: Vec<Setting>,
    /// What explains each of `measures`.
    pub explained: Vec<Result<Importance, Unexplained>>,
    /// Where trials diverged and failed, by the axis along which their share differs most.
    pub places: Vec<Where>,
    /// Why, the most frequent first; numbers within a text do not make it another one.
    pub reasons: Vec<Reason>,
    /// Reasons beyond those that are kept.
    pub more_reasons: bool,
}

/// One trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Extreme {
    pub trial: u64,
    pub id: String,
    pub place: Place,
    pub value: f64,
}

/// Trials that differ in their replicate alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    pub place: Place,
    pub trials: u64,
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

/// Trials of a status along an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Where {
    pub status: String,
    pub axis: String,
    /// A value of the axis, trials of the status, all trials there.
    pub levels: Vec<(String, u64, u64)>,
}

/// Trials that ended in the same way.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    pub status: String,
    pub error: String,
    pub trials: u64,
    /// The number of one such trial.
    pub example: u64,
}

impl Outcome {
    pub(crate) fn read(ask: &Ask<'_>, axes: &[Axis]) -> Result<Outcome, ReportError> {
        let answer = ask.rows(
            "SELECT status, count(*) AS n FROM trials GROUP BY status ORDER BY n DESC, status",
        )?;
        let statuses: Vec<(String, u64)> = Row::all(&answer)
            .map(|row| (row.text("status").unwrap_or("-").to_owned(), row.count("n")))
            .collect();
        let measures = measures(ask)?;
        let first = measures.first().filter(|first| first.goal != Goal::Neither);
        let places = ["diverged", "failed"]
            .iter()
            .filter(|status| statuses.iter().any(|(known, _)| known == *status))
            .map(|status| place_of(ask, axes, status))
            .collect::<Result<Vec<_>, _>>()?;
        let (reasons, more_reasons) = reasons(ask)?;
        Ok(Outcome {
            trials: statuses.iter().map(|(_, count)| count).sum(),
            best: extreme(ask, axes, first, true)?,
            worst: extreme(ask, axes, first, false)?,
            settings: settings(ask, axes, first)?,
            explained: explained(ask, axes, &measures)?,
            places: places.into_iter().flatten().collect(),
            reasons,
            more_reasons,
            statuses,
            measures,
        })
    }

    /// Trials of a status.
    pub fn count(&self, status: &str) -> u64 {
        let found = self.statuses.iter().find(|(known, _)| known == status);
        found.map_or(0, |(_, count)| *count)
    }

    /// The measure that trials are judged by.
    pub fn judged_by(&self) -> Option<&Measure> {
        self.measures
            .first()
            .filter(|first| first.goal != Goal::Neither)
    }
}

/// The axis values of a row that has the axes' columns.
pub(crate) fn place(row: &Row<'_>, axes: &[Axis]) -> Place {
    let value = |axis: &Axis| {
        let values = axis.columns.iter().filter_map(|column| row.value(column));
        let known: Vec<String> = values
            .filter(|value| **value != table::Value::Null)
            .map(|value| words::shortened(&level(value), super::asked::VALUE_CHARS))
            .collect();
        if known.is_empty() {
            "-".to_owned()
        } else {
            known.join(" with ")
        }
    };
    axes.iter()
        .map(|axis| (axis.name.clone(), value(axis)))
        .collect()
}

fn direction(measure: &Measure, is_best: bool) -> &'static str {
    match (measure.goal, is_best) {
        (Goal::Most, true) | (Goal::Least | Goal::Neither, false) => "DESC",
        (Goal::Most, false) | (Goal::Least | Goal::Neither, true) => "ASC",
    }
}

fn extreme(
    ask: &Ask<'_>,
    axes: &[Axis],
    measure: Option<&Measure>,
    is_best: bool,
) -> Result<Option<Extreme>, ReportError> {
    let Some(measure) = measure else {
        return Ok(None);
    };
    let column = measure.column;
    let columns = with_comma(axes);
    let sql = format!(
        "SELECT {columns} trial, id, {column} AS v FROM trials WHERE status = 'completed' AND {column} IS NOT NULL \
         ORDER BY {column} {}, trial LIMIT 1",
        direction(measure, is_best)
    );
    let answer = ask.rows(&sql)?;
    Ok(Row::first(&answer).and_then(|row| {
        Some(Extreme {
            trial: row.count("trial"),
            id: row.text("id")?.to_owned(),
            place: place(&row, axes),
            value: row.number("v")?,
        })
    }))
}

/// The axes' columns for the beginning of a list.
pub(crate) fn with_comma(axes: &[Axis]) -> String {
    let columns = named_columns(axes.iter().flat_map(|axis| &axis.columns));
    if columns.is_empty() {
        columns
    } else {
        columns + ","
    }
}

fn settings(
    ask: &Ask<'_>,
    axes: &[Axis],
    measure: Option<&Measure>,
) -> Result<Vec<Setting>, ReportError> {
    let others: Vec<Axis> = axes
        .iter()
        .filter(|axis| !axis.is_replicate)
        .cloned()
        .collect();
    let Some(measure) = measure.filter(|_| !others.is_empty() && others.len() < axes.len()) else {
        return Ok(Vec::new());
    };
    let column = measure.column;
    let keys = named_columns(others.iter().flat_map(|axis| &axis.columns));
    let sql = format!(
        "SELECT {keys}, count(*) AS n, median({column}) AS middle, min({column}) AS least, max({column}) AS most \
         FROM trials WHERE status = 'completed' AND {column} IS NOT NULL GROUP BY {keys} ORDER BY middle {} \
         LIMIT {SETTINGS}",
        direction(measure, true)
    );
    let answer = ask.rows(&sql)?;
    let setting = |row: Row<'_>| {
        Some(Setting {
            place: place(&row, &others),
            trials: row.count("n"),
            median: row.number("middle")?,
            least: row.number("least")?,
            most: row.number("most")?,
        })
    };
    Ok(Row::all(&answer).filter_map(setting).collect())
}

/// The axis along which the share of a status differs most.
fn place_of(ask: &Ask<'_>, axes: &[Axis], status: &str) -> Result<Option<Where>, ReportError> {
    let mut found: Option<(f64, Where)> = None;
    for axis in axes.iter().filter(|axis| !axis.is_replicate) {
        let keys = named_columns(&axis.columns);
        let sql = format!(
            "SELECT {keys}, sum(CASE WHEN status = '{status}' THEN 1 ELSE 0 END) AS hits, count(*) AS n FROM trials \
             GROUP BY {keys} ORDER BY hits DESC, {keys} LIMIT {LEVELS}"
        );
        let answer = ask.rows(&sql)?;
        let one = std::slice::from_ref(axis);
        let levels: Vec<(String, u64, u64)> = Row::all(&answer)
            .map(|row| {
                let value = place(&row, one).remove(0).1;
                (value, row.count("hits"), row.count("n"))
            })
            .collect();
        let spread = spread(&levels);
        if levels.len() > 1 && found.as_ref().is_none_or(|(most, _)| spread > *most) {
            let place = Where {
                status: status.to_owned(),
                axis: axis.name.clone(),
                levels,
            };
            found = Some((spread, place));
        }
    }
    Ok(found.map(|(_, place)| place))
}

/// Variance of a share over the levels of an axis, each level with the weight of its trials.
fn spread(levels: &[(String, u64, u64)]) -> f64 {
    let all: u64 = levels.iter().map(|(.., trials)| trials).sum();
    let hits: u64 = levels.iter().map(|(_, hits, _)| hits).sum();
    let mean = hits as f64 / (all as f64).max(1.0);
    let squares = levels.iter().filter(|level| level.2 > 0).map(|level| {
        let (hits, trials) = (level.1 as f64, level.2 as f64);
        trials * (hits / trials - mean).powi(2)
    });
    squares.sum::<f64>() / (all as f64).max(1.0)
}

fn reasons(ask: &Ask<'_>) -> Result<(Vec<Reason>, bool), ReportError> {
    let sql = format!(
        "SELECT status, min(error) AS error, count(*) AS n, min(trial) AS example FROM trials \
         WHERE status <> 'completed' GROUP BY status, regexp_replace(error, '[0-9]+', '#', 'g') \
         ORDER BY n DESC, example LIMIT {}",
        REASONS + 1
    );
    let answer = ask.rows(&sql)?;
    let mut reasons: Vec<Reason> = Row::all(&answer)
        .map(|row| Reason {
            status: row.text("status").unwrap_or("-").to_owned(),
            error: words::shortened(row.text("error").unwrap_or_default(), REASON_CHARS),
            trials: row.count("n"),
            example: row.count("example"),
        })
        .collect();
    let more = reasons.len() as u64 > REASONS;
    reasons.truncate(REASONS as usize);
    Ok((reasons, more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_a_status_spreads_where_it_differs() {
        let level = |hits, trials| (String::new(), hits, trials);
        assert_eq!(spread(&[level(5, 10), level(5, 10)]), 0.0);
        assert_eq!(spread(&[level(10, 10), level(0, 10)]), 0.25);
        assert_eq!(spread(&[]), 0.0);
    }
}
