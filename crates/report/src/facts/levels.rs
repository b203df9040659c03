//! The columns that a decomposition of variance takes: the level of each trial on each axis, and its results. Rows come
//! one by one, so that 10^6 trials take the memory of a few numbers each.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use table::{Cell, Column, Sink};

use super::ask::{Ask, named_columns};
use super::asked::Axis;
use super::measure::Measure;
use crate::error::ReportError;
use crate::importance::{Factor, Importance, ImportanceError, importance};

/// Most trials that are decomposed: 4 bytes an axis and 8 a measure each, 200 MB for six axes and three measures.
const MOST_TRIALS: usize = 1 << 22;

/// Why a measure is not explained.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unexplained {
    #[error("no axis has more than one value")]
    NoAxis,
    #[error("all completed trials have the same value")]
    Constant,
    #[error("more than {MOST_TRIALS} trials")]
    TooManyTrials,
    #[error(transparent)]
    Importance(#[from] ImportanceError),
}

/// What explains each measure.
pub(crate) fn explained(
    ask: &Ask<'_>,
    axes: &[Axis],
    measures: &[Measure],
) -> Result<Vec<Result<Importance, Unexplained>>, ReportError> {
    let axes: Vec<&Axis> = axes.iter().filter(|axis| !axis.is_replicate).collect();
    let mut taken = Levels {
        axes: axes
            .iter()
            .map(|axis| Coded::new(axis.columns.len()))
            .collect(),
        values: vec![Vec::new(); measures.len()],
        key: Vec::new(),
        is_full: false,
    };
    let keys = named_columns(axes.iter().flat_map(|axis| &axis.columns));
    let values = measures.iter().map(|measure| {
        let column = measure.column;
        format!("CASE WHEN status = 'completed' THEN {column} END AS v_{column}")
    });
    let all: Vec<String> = Some(keys)
        .filter(|keys| !keys.is_empty())
        .into_iter()
        .chain(values)
        .collect();
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT {} FROM trials", all.join(", "));
    match table::query_into(ask.runs(), &sql, &Arc::default(), &mut taken) {
        Ok(_) => {}
        Err(table::QueryError::Write(_)) if taken.is_full => {
            return Ok(vec![Err(Unexplained::TooManyTrials); measures.len()]);
        }
        Err(error) => return Err(error.into()),
    }
    let explain = |(measure, values): (&Measure, &Vec<f64>)| taken.explain(&axes, measure, values);
    Ok(measures.iter().zip(&taken.values).map(explain).collect())
}

/// What was taken from the rows so far.
struct Levels {
    axes: Vec<Coded>,
    /// One a measure: not a number where a trial has none.
    values: Vec<Vec<f64>>,
    /// Bytes of an axis's values in the current row.
    key: Vec<u8>,
    is_full: bool,
}

/// An axis: its values as numbers in the order of their first rows.
struct Coded {
    columns: usize,
    codes: HashMap<Box<[u8]>, u32>,
    levels: Vec<u32>,
}

impl Coded {
    fn new(columns: usize) -> Coded {
        Coded {
            columns,
            codes: HashMap::new(),
            levels: Vec::new(),
        }
    }
}

impl Sink for Levels {
    fn columns(&mut self, _: &[Column]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        if self.values.first().map_or(0, Vec::len) >= MOST_TRIALS {
            self.is_full = true;
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let mut at = 0;
        for axis in &mut self.axes {
            self.key.clear();
            for cell in &cells[at..at + axis.columns] {
                push_key(cell, &mut self.key);
            }
            at += axis.columns;
            let known = axis.codes.get(self.key.as_slice()).copied();
            // Fewer levels than trials.
            let code = known.unwrap_or(axis.codes.len() as u32);
            if known.is_none() {
                axis.codes.insert(self.key.as_slice().into(), code);
            }
            axis.levels.push(code);
        }
        for (values, cell) in self.values.iter_mut().zip(&cells[at..]) {
            values.push(match cell {
                Cell::Integer(n) => *n as f64,
                Cell::Real(x) => *x,
                Cell::Null | Cell::Boolean(_) | Cell::Text(_) | Cell::Bytes(_) => f64::NAN,
            });
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A value as bytes that differ where the values do.
fn push_key(cell: &Cell<'_>, key: &mut Vec<u8>) {
    match cell {
        Cell::Null => key.push(0),
        Cell::Integer(n) => {
            key.push(1);
            key.extend(n.to_le_bytes());
        }
        Cell::Real(x) => {
            key.push(2);
            key.extend(x.to_le_bytes());
        }
        Cell::Boolean(truth) => key.extend([3, u8::from(*truth)]),
        Cell::Text(text) => {
            key.push(4);
            key.extend((text.len() as u64).to_le_bytes());
            key.extend(text.as_bytes());
        }
        Cell::Bytes(bytes) => {
            key.push(5);
            key.extend((bytes.len() as u64).to_le_bytes());
            key.extend(*bytes);
        }
    }
}

impl Levels {
    fn explain(
        &self,
        axes: &[&Axis],
        measure: &Measure,
        values: &[f64],
    ) -> Result<Importance, Unexplained> {
        if !measure.varies() {
            return Err(Unexplained::Constant);
        }
        let scaled: Vec<f64> = values.iter().map(|&value| measure.scaled(value)).collect();
        let factors: Vec<Factor> = axes
            .iter()
            .zip(&self.axes)
            .filter(|(_, coded)| coded.codes.len() > 1)
            .map(|(axis, coded)| Factor {
                name: axis.name.clone(),
                levels: coded
                    .levels
                    .iter()
                    .zip(&scaled)
                    .filter(|(_, value)| value.is_finite())
                    .map(|(level, _)| *level)
                    .collect(),
                count: coded.codes.len() as u32,
            })
            .collect();
        if factors.is_empty() {
            return Err(Unexplained::NoAxis);
        }
        let finite: Vec<f64> = scaled
            .into_iter()
            .filter(|value| value.is_finite())
            .collect();
        Ok(importance(&factors, &finite)?)
    }
}
