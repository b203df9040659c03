//! Which results a run is judged by: the first measure that its trials have, and what else varies.

use super::ask::{Ask, Row};
use crate::error::ReportError;

/// What is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    Least,
    Most,
    /// It describes a trial and does not judge it.
    Neither,
}

/// A column of results.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measure {
    pub column: &'static str,
    pub goal: Goal,
    /// Completed trials that have it.
    pub count: u64,
    /// Over completed trials.
    pub least: f64,
    pub most: f64,
}

/// Columns by which trials are judged, the one that matters most first, then those that describe them.
const COLUMNS: [(&str, Goal, bool); 5] = [
    ("test_accuracy", Goal::Most, false),
    ("test_loss", Goal::Least, true),
    ("accuracy", Goal::Most, false),
    ("train_loss", Goal::Least, true),
    ("effective_rank", Goal::Neither, false),
];

/// Whether the variance of a column's logarithm is explained, and not its own: a loss spans orders of magnitude.
pub(crate) fn wants_log(column: &str, least: f64) -> bool {
    let is_loss = |(name, _, is_loss): &(&str, Goal, bool)| *is_loss && *name == column;
    COLUMNS.iter().any(is_loss) && least > 0.0
}

impl Measure {
    /// The column in words: train loss.
    pub fn words(&self) -> String {
        self.column.replace('_', " ")
    }

    /// Whether the variance of its logarithm is explained.
    pub fn is_log(&self) -> bool {
        wants_log(self.column, self.least)
    }

    /// The number whose variance is explained.
    pub fn scale(&self) -> String {
        if self.is_log() {
            format!("log10 of the {}", self.words())
        } else {
            format!("the {}", self.words())
        }
    }

    /// A value on the scale of [`Measure::scale`].
    pub(crate) fn scaled(&self, value: f64) -> f64 {
        if self.is_log() { value.log10() } else { value }
    }

    /// Not all trials have the same value.
    pub fn varies(&self) -> bool {
        self.count > 1 && self.least < self.most
    }

    #[cfg(test)]
    pub(crate) fn sample(column: &'static str, least: f64, most: f64) -> Measure {
        let (column, goal, _) = COLUMNS.into_iter().find(|known| known.0 == column).unwrap();
        Measure {
            column,
            goal,
            count: 2,
            least,
            most,
        }
    }
}

/// The measures that completed trials have, in the order of importance.
pub(crate) fn measures(ask: &Ask<'_>) -> Result<Vec<Measure>, ReportError> {
    let asked: Vec<String> = COLUMNS
        .iter()
        .map(|(column, ..)| {
            format!(
                "count({column}) AS {column}_count, min({column}) AS {column}_least, max({column}) AS {column}_most"
            )
        })
        .collect();
    let sql = format!(
        "SELECT {} FROM trials WHERE status = 'completed'",
        asked.join(", ")
    );
    let answer = ask.rows(&sql)?;
    let Some(row) = Row::first(&answer) else {
        return Ok(Vec::new());
    };
    let found = COLUMNS.into_iter().filter_map(|(column, goal, _)| {
        Some(Measure {
            column,
            goal,
            count: Some(row.count(&format!("{column}_count"))).filter(|&count| count > 0)?,
            least: row.number(&format!("{column}_least"))?,
            most: row.number(&format!("{column}_most"))?,
        })
    });
    Ok(found.collect())
}
