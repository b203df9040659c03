//! Arrays that a sweep reads from files: which array of which file, how it is cut, and where it is kept once read.
//!
//! This file owns the names of arrays and the map from name to array. Opening files is the business of the
//! crate `table`; what an array means numerically that of `dln`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use dln::GivenMatrix;
use serde::Serialize;

use crate::value::{Value, float_text};

/// How a file is read at the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// `problem.inputs`: oriented to `d_x x n`.
    Inputs,
    /// `problem.labels`: one column of integers or strings, made one-hot, `classes x n`. Classes are sorted:
    /// as numbers if all are integers, else as text; 1 and 1.0 are one class.
    Labels,
    /// `problem.targets`: oriented to `d_y x n`.
    Targets,
    /// `problem.target`: `d_y x d_x` as stored.
    Target,
    /// `problem.mask`: `d_y x d_x` as stored.
    Mask,
    /// One layer of `init.weights`: output x input as stored.
    Weights,
}

impl Role {
    /// The dotted name of the key that names arrays of this role.
    pub fn key(self) -> &'static str {
        match self {
            Role::Inputs => "problem.inputs",
            Role::Labels => "problem.labels",
            Role::Targets => "problem.targets",
            Role::Target => "problem.target",
            Role::Mask => "problem.mask",
            Role::Weights => "init.weights",
        }
    }
}

/// One array of one file, and the part of it that is used. Equal references are read once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ArrayRef {
    pub role: Role,
    /// File name as written in the sweep file, relative to it.
    pub file: String,
    /// Name within an `.npz`; `None` where the file holds one array.
    pub array: Option<String>,
    /// Those of the file's columns that are taken; all where it is `None`.
    pub columns: Option<Columns>,
    /// Factor that every number is multiplied by, as canonical text; `None` for 1.
    pub scale_text: Option<String>,
    /// The file has a sample a column instead of a sample a row.
    pub transpose: bool,
    /// The first line of a CSV file names the columns.
    pub header: bool,
}

/// Columns of a file, in its order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Columns {
    /// Half-open ranges, ascending and apart.
    Ranges(Vec<(u64, u64)>),
    /// By name, as a header has them.
    Named(Vec<String>),
}

impl Columns {
    /// The columns `start .. end`.
    pub fn range(start: u64, end: u64) -> Columns {
        Columns::Ranges(vec![(start, end)])
    }

    /// These columns, ascending.
    pub fn of(columns: impl IntoIterator<Item = usize>) -> Columns {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for column in columns {
            let column = column as u64;
            match ranges.last_mut() {
                Some((_, end)) if *end == column => *end += 1,
                _ => ranges.push((column, column + 1)),
            }
        }
        Columns::Ranges(ranges)
    }

    /// Reads `"0..4"`, or several: `"0..4,6..9"`, none of them empty, ascending.
    pub fn parse(text: &str) -> Option<Columns> {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for part in text.split(',') {
            let (start, end) = parse_columns(part)?;
            match ranges.last_mut() {
                Some((_, last)) if *last > start => return None,
                // Neighbours are one range, so that equal columns have one form.
                Some((_, last)) if *last == start => *last = end,
                _ => ranges.push((start, end)),
            }
        }
        Some(Columns::Ranges(ranges))
    }

    /// Of the canonical value of a field: a text of ranges, or a list of names.
    pub fn of_value(value: &Value) -> Option<Columns> {
        match value {
            Value::Str(text) => Columns::parse(text),
            Value::List(names) => {
                let names = names.iter().filter_map(Value::as_str).map(str::to_owned);
                Some(Columns::Named(names.collect()))
            }
            Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Table(_) => None,
        }
    }

    /// The canonical value of a field.
    pub fn to_value(&self) -> Value {
        match self {
            Columns::Ranges(_) => Value::text(self.to_string()),
            Columns::Named(names) => Value::List(
                names
                    .iter()
                    .map(|name| Value::text(name.as_str()))
                    .collect(),
            ),
        }
    }
}

impl fmt::Display for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = match self {
            Columns::Ranges(ranges) => {
                let ranges = ranges.iter();
                ranges
                    .map(|(start, end)| format!("{start}..{end}"))
                    .collect()
            }
            Columns::Named(names) => names.iter().map(|name| format!("'{name}'")).collect(),
        };
        f.write_str(&parts.join(","))
    }
}

impl ArrayRef {
    /// The factor that every number is multiplied by.
    pub fn scale(&self) -> f64 {
        // The text was written from a finite float, so it reads back.
        self.scale_text
            .as_deref()
            .and_then(|text| text.parse().ok())
            .unwrap_or(1.0)
    }

    /// The arrays that the table `value` of a key of this role names: one, or one a layer for `init.weights`;
    /// none if the table names no file (drawn inputs).
    pub fn all_of(role: Role, value: &Value) -> Vec<ArrayRef> {
        let Some(file) = value.field("file").and_then(Value::as_str) else {
            return Vec::new();
        };
        let flag = |name: &str| value.field(name).and_then(Value::as_bool).unwrap_or(false);
        let one = |array: Option<&str>| ArrayRef {
            role,
            file: file.to_owned(),
            array: array.map(str::to_owned),
            columns: value.field("columns").and_then(Columns::of_value),
            scale_text: value
                .field("scale")
                .and_then(Value::as_float)
                .filter(|scale| *scale != 1.0)
                .map(float_text),
            transpose: flag("transpose"),
            header: flag("header"),
        };
        match value.field("arrays").and_then(Value::as_list) {
            Some(names) => names.iter().map(|name| one(name.as_str())).collect(),
            None => vec![one(value.field("array").and_then(Value::as_str))],
        }
    }

    /// The array that the table `value` names, if it names a file with one array.
    pub fn of(role: Role, value: &Value) -> Option<ArrayRef> {
        ArrayRef::all_of(role, value).into_iter().next()
    }
}

impl fmt::Display for ArrayRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.array {
            Some(array) => write!(f, "'{array}' of '{}'", self.file),
            None => write!(f, "in '{}'", self.file),
        }
    }
}

/// Reads `"a..b"`, the half-open range of columns, which must not be empty.
fn parse_columns(text: &str) -> Option<(u64, u64)> {
    let (start, end) = text.split_once("..")?;
    let (start, end) = (start.trim().parse().ok()?, end.trim().parse().ok()?);
    (start < end).then_some((start, end))
}

/// An array as read, and what identifies its file.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub array: Arc<GivenMatrix>,
    /// `blake3:<hex>` of the bytes of the whole file.
    pub hash: String,
}

/// The arrays of a sweep, by reference.
#[derive(Clone, Debug, Default)]
pub struct Arrays {
    loaded: BTreeMap<ArrayRef, Loaded>,
}

impl IntoIterator for Arrays {
    type Item = (ArrayRef, Loaded);
    type IntoIter = std::collections::btree_map::IntoIter<ArrayRef, Loaded>;

    fn into_iter(self) -> Self::IntoIter {
        self.loaded.into_iter()
    }
}

impl Arrays {
    pub fn new() -> Arrays {
        Arrays::default()
    }

    pub fn insert(&mut self, array: ArrayRef, loaded: Loaded) {
        self.loaded.insert(array, loaded);
    }

    pub fn get(&self, array: &ArrayRef) -> Option<&Loaded> {
        self.loaded.get(array)
    }

    /// Rows and columns of a loaded array.
    pub fn shape(&self, array: &ArrayRef) -> Option<(u64, u64)> {
        let (rows, columns) = self.get(array)?.array.dim();
        Some((rows as u64, columns as u64))
    }

    /// The hash of the file called `file` in the sweep, if any of its arrays is loaded.
    pub fn hash_of_file(&self, file: &str) -> Option<&str> {
        self.loaded
            .iter()
            .find(|(array, _)| array.file == file)
            .map(|(_, loaded)| loaded.hash.as_str())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&ArrayRef, &Loaded)> {
        self.loaded.iter()
    }

    pub fn len(&self) -> usize {
        self.loaded.len()
    }

    pub fn is_empty(&self) -> bool {
        self.loaded.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_half_open() {
        let check = |text: &str, expected| assert_eq!(parse_columns(text), expected, "{text}");
        check("0..64", Some((0, 64)));
        check(" 64 .. 65 ", Some((64, 65)));
        check("5..5", None);
        check("5", None);
        check("-1..3", None);
        check("0..99999999999999999999", None);
    }

    #[test]
    fn columns_are_ranges_or_names_and_have_one_form() {
        let check = |text: &str, expected: Option<&str>| {
            let found = Columns::parse(text).map(|columns| columns.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("0..4", Some("0..4"));
        check("0..4, 6..9", Some("0..4,6..9"));
        check("0..4,4..9", Some("0..9"));
        check("6..9,0..4", None);
        check("0..4,3..9", None);
        check("0..4,", None);
        check("a", None);
        let columns = Columns::of([1, 2, 3, 5, 8, 9]);
        assert_eq!(columns.to_string(), "1..4,5..6,8..10");
        for columns in [columns, Columns::Named(vec!["a, b".to_owned()])] {
            assert_eq!(Columns::of_value(&columns.to_value()), Some(columns));
        }
    }

    #[test]
    fn weights_are_one_array_a_layer() {
        let table = Value::Table(BTreeMap::from([
            ("file".to_owned(), Value::text("m.npz")),
            (
                "arrays".to_owned(),
                Value::List(vec![Value::text("w1"), Value::text("w2")]),
            ),
        ]));
        let names: Vec<_> = ArrayRef::all_of(Role::Weights, &table)
            .into_iter()
            .map(|array| array.array)
            .collect();
        assert_eq!(names, [Some("w1".to_owned()), Some("w2".to_owned())]);
        let drawn = Value::Table(BTreeMap::from([(
            "draw".to_owned(),
            Value::text("gaussian"),
        )]));
        assert_eq!(ArrayRef::of(Role::Inputs, &drawn), None);
    }

    #[test]
    fn arrays_remember_shape_and_hash() {
        let table = Value::Table(BTreeMap::from([
            ("file".to_owned(), Value::text("m.npy")),
            ("scale".to_owned(), Value::Float(0.0625)),
        ]));
        let name = ArrayRef::of(Role::Inputs, &table).expect("a file is named");
        assert_eq!(name.scale(), 0.0625);
        let mut arrays = Arrays::new();
        assert_eq!(arrays.shape(&name), None);
        arrays.insert(
            name.clone(),
            Loaded {
                array: Arc::new(ndarray::Array2::zeros((2, 3)).into()),
                hash: "blake3:00".to_owned(),
            },
        );
        assert_eq!(arrays.shape(&name), Some((2, 3)));
        assert_eq!(arrays.hash_of_file("m.npy"), Some("blake3:00"));
        assert_eq!(arrays.hash_of_file("other"), None);
    }
}
