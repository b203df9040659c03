//! What a query answers: columns and rows, collected or handed on one by one.

use std::io;

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// Its values are true and false.
    pub(crate) is_boolean: bool,
}

/// A value of an answer while its row is at hand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Boolean(bool),
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// Takes the columns once, then each row, then the end.
pub trait Sink: Send {
    /// # Errors
    /// Where the output refuses.
    fn columns(&mut self, columns: &[Column]) -> io::Result<()>;
    /// # Errors
    /// Where the output refuses.
    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()>;
    /// # Errors
    /// Where the output refuses.
    fn end(&mut self) -> io::Result<()>;
}

/// A value that is kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Boolean(bool),
    Text(String),
    Bytes(Vec<u8>),
}

/// An answer in memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Value>>,
}

impl Value {
    pub(crate) fn cell(&self) -> Cell<'_> {
        match self {
            Value::Null => Cell::Null,
            Value::Integer(n) => Cell::Integer(*n),
            Value::Real(x) => Cell::Real(*x),
            Value::Boolean(truth) => Cell::Boolean(*truth),
            Value::Text(text) => Cell::Text(text),
            Value::Bytes(bytes) => Cell::Bytes(bytes),
        }
    }

    /// The value as a floating-point number; none where it is no number.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Integer(n) => Some(*n as f64),
            Value::Real(x) => Some(*x),
            Value::Null | Value::Boolean(_) | Value::Text(_) | Value::Bytes(_) => None,
        }
    }
}

impl Cell<'_> {
    fn kept(&self) -> Value {
        match self {
            Cell::Null => Value::Null,
            Cell::Integer(n) => Value::Integer(*n),
            Cell::Real(x) => Value::Real(*x),
            Cell::Boolean(truth) => Value::Boolean(*truth),
            Cell::Text(text) => Value::Text((*text).to_owned()),
            Cell::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
        }
    }
}

impl Answer {
    /// Number of rows.
    pub fn height(&self) -> usize {
        self.rows.len()
    }

    /// The values of a column; none where there is no such column.
    pub fn column(&self, name: &str) -> Option<Vec<&Value>> {
        let place = self.columns.iter().position(|column| column.name == name)?;
        Some(self.rows.iter().filter_map(|row| row.get(place)).collect())
    }

    /// The numbers of a column, null and others left out.
    pub fn numbers(&self, name: &str) -> Vec<f64> {
        let values = self.column(name).unwrap_or_default();
        values.into_iter().filter_map(Value::number).collect()
    }

    /// Hands the answer on.
    ///
    /// # Errors
    /// Where the output refuses.
    pub fn send(&self, sink: &mut dyn Sink) -> io::Result<()> {
        sink.columns(&self.columns)?;
        for row in &self.rows {
            let cells: Vec<Cell<'_>> = row.iter().map(Value::cell).collect();
            sink.row(&cells)?;
        }
        sink.end()
    }
}

impl Sink for Answer {
    fn columns(&mut self, columns: &[Column]) -> io::Result<()> {
        self.columns = columns.to_vec();
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.rows.push(cells.iter().map(Cell::kept).collect());
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}
