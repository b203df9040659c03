//! Questions to the tables: SQL in, rows by column name out.

use std::path::PathBuf;

use table::{Answer, Value};

use crate::error::ReportError;

/// The runs that are asked.
pub(crate) struct Ask<'a> {
    runs: &'a [PathBuf],
}

/// A row of an answer.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    answer: &'a Answer,
    row: usize,
}

impl<'a> Ask<'a> {
    pub(crate) fn new(runs: &'a [PathBuf]) -> Ask<'a> {
        Ask { runs }
    }

    pub(crate) fn runs(&self) -> &[PathBuf] {
        self.runs
    }

    /// # Errors
    /// Where the tables cannot be read.
    pub(crate) fn rows(&self, sql: &str) -> Result<Answer, ReportError> {
        Ok(table::query(self.runs, sql)?)
    }
}

impl<'a> Row<'a> {
    /// The rows of an answer.
    pub(crate) fn all(answer: &'a Answer) -> impl Iterator<Item = Row<'a>> {
        (0..answer.height()).map(move |row| Row { answer, row })
    }

    /// The first row.
    pub(crate) fn first(answer: &'a Answer) -> Option<Row<'a>> {
        Row::all(answer).next()
    }

    pub(crate) fn value(&self, column: &str) -> Option<&'a Value> {
        let names = &self.answer.columns;
        let place = names.iter().position(|known| known.name == column)?;
        self.answer.rows.get(self.row)?.get(place)
    }

    pub(crate) fn number(&self, column: &str) -> Option<f64> {
        self.value(column)?.number()
    }

    /// A whole number that is not negative; 0 for anything else.
    pub(crate) fn count(&self, column: &str) -> u64 {
        match self.value(column) {
            Some(Value::Integer(n)) => u64::try_from(*n).unwrap_or(0),
            _ => 0,
        }
    }

    pub(crate) fn text(&self, column: &str) -> Option<&'a str> {
        match self.value(column)? {
            Value::Text(text) => Some(text),
            Value::Null
            | Value::Integer(_)
            | Value::Real(_)
            | Value::Boolean(_)
            | Value::Bytes(_) => None,
        }
    }
}

/// A parameter's value as a person writes it.
pub(crate) fn level(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Integer(n) => n.to_string(),
        Value::Real(x) => sweep::value::float_text(*x),
        Value::Boolean(truth) => truth.to_string(),
        Value::Text(text) => text.clone(),
        Value::Bytes(_) => "(bytes)".to_owned(),
    }
}

/// Columns by name, comma between, in quotes: `index` is a word of SQL.
pub(crate) fn named_columns<'c>(columns: impl IntoIterator<Item = &'c String>) -> String {
    let quoted = columns.into_iter().map(|column| format!("\"{column}\""));
    quoted.collect::<Vec<_>>().join(", ")
}
