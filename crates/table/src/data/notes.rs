//! What is odd about a data file that can be read all the same.

use std::fmt;

use ndarray::Array2;
use sweep::Columns;

use super::error::write_source;

/// Something odd about the array of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct DataWarning {
    /// The key of the sweep that names the file; none where no sweep does.
    pub key: Option<&'static str>,
    /// As written in the sweep file.
    pub file: String,
    pub array: Option<String>,
    pub note: DataNote,
}

impl fmt::Display for DataWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_source(f, self.key, &self.file, self.array.as_deref())?;
        write!(f, "{}", self.note)
    }
}

/// What is odd.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum DataNote {
    /// A column that pandas writes for its index is among those that are read.
    Index {
        /// From 1.
        column: usize,
        name: String,
        /// The columns without it; none where there is no other.
        rest: Option<Columns>,
    },
    /// The line that is read as a header holds numbers.
    NumericHeader,
    /// Inputs whose deviations differ by orders of magnitude.
    Magnitudes {
        /// Number of the input, from 1, and its deviation.
        smallest: (usize, f64),
        largest: (usize, f64),
    },
    /// Inputs that have one and the same value, other than 0, in every sample.
    Constant {
        count: usize,
        /// From 1.
        first: usize,
    },
    /// The first label stands nowhere else, and all others come again and again.
    PerhapsHeader { found: String },
    /// So many classes that the column may be something else.
    ManyClasses { classes: usize, samples: usize },
}

impl fmt::Display for DataNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataNote::Index { column, name, rest } => {
                match name.as_str() {
                    "" => write!(f, "column {column} has no name")?,
                    name => write!(f, "column {column} is named '{name}'")?,
                }
                f.write_str(", as pandas writes an index, and is read as data; leave it out ")?;
                match rest {
                    Some(rest) => write!(f, "by columns = \"{rest}\", or write")?,
                    None => f.write_str("by `columns`, or write")?,
                }
                f.write_str(" the file with index=False")
            }
            DataNote::NumericHeader => f.write_str(
                "line 1 is skipped as a header, but holds numbers alone; if it is a sample, leave out header = true",
            ),
            DataNote::Magnitudes { smallest, largest } => write!(
                f,
                "deviations of the inputs reach from {:.3e}, input {}, to {:.3e}, input {}: descent would learn the large ones alone; divide each by its own with problem.inputs.center = true and problem.inputs.standardize = true",
                smallest.1, smallest.0, largest.1, largest.0
            ),
            DataNote::Constant { count, first } => {
                let (inputs, have) = match count {
                    1 => ("input", "has"),
                    _ => ("inputs", "have"),
                };
                write!(
                    f,
                    "{count} {inputs} {have} one value in every sample, input {first} first; leave such columns out by `columns`, or centre them away with problem.inputs.center = true"
                )
            }
            DataNote::PerhapsHeader { found } => write!(
                f,
                "the first label, '{found}', stands nowhere else; if line 1 names the columns, write header = true (diagnose: --header)"
            ),
            DataNote::ManyClasses { classes, samples } => write!(
                f,
                "the labels of {samples} samples make {classes} classes; is it the column of labels?"
            ),
        }
    }
}

/// How many times the smallest deviation of an input the largest may be: descent follows the largest, and would take the
/// square of this many steps for the smallest.
pub(super) const MAGNITUDES: f64 = 1000.0;

/// What is odd about the numbers of inputs, `d_x x n`.
pub(super) fn of_inputs(inputs: &Array2<f64>, notes: &mut Vec<DataNote>) {
    if inputs.ncols() < 2 {
        return;
    }
    let mut extremes: Option<((usize, f64), (usize, f64))> = None;
    let mut constant = Vec::new();
    for (number, input) in (1..).zip(inputs.rows()) {
        let deviation = input.std(0.0);
        let first = input[0];
        if input.iter().all(|&value| value == first) {
            constant.extend((first != 0.0).then_some(number));
        } else if deviation > 0.0 {
            let here = (number, deviation);
            let (smallest, largest) = extremes.get_or_insert((here, here));
            if deviation < smallest.1 {
                *smallest = here;
            }
            if deviation > largest.1 {
                *largest = here;
            }
        }
    }
    if let Some((smallest, largest)) = extremes
        && largest.1 >= MAGNITUDES * smallest.1
    {
        notes.push(DataNote::Magnitudes { smallest, largest });
    }
    if let Some(&first) = constant.first() {
        let count = constant.len();
        notes.push(DataNote::Constant { count, first });
    }
}

impl DataNote {
    /// The note for the column `at` (from 0), where it is among `taken`.
    pub(super) fn index(at: usize, name: &str, taken: &[usize]) -> Option<DataNote> {
        if !taken.contains(&at) {
            return None;
        }
        let others = taken.iter().copied().filter(|&column| column != at);
        let rest = (taken.len() > 1).then(|| Columns::of(others));
        Some(DataNote::Index {
            column: at + 1,
            name: name.to_owned(),
            rest,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    #[test]
    fn inputs_of_different_magnitudes_are_noted() {
        let said = |inputs: Array2<f64>| {
            let mut notes = Vec::new();
            of_inputs(&inputs, &mut notes);
            let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
            notes
        };
        let rows = |scales: &[f64]| {
            Array2::from_shape_fn((scales.len(), 4), |(i, j)| 1.0 + scales[i] * j as f64)
        };
        assert_eq!(said(rows(&[1.0, 2.0, 900.0])), Vec::<String>::new());
        let found = said(rows(&[0.1, 0.001, 5.0, 0.0]));
        assert!(
            found[0].contains("input 2, to 5.590e0, input 3"),
            "{found:?}"
        );
        assert!(found[1].starts_with("1 input has one value"), "{found:?}");
        // Pixels that are never set are nothing to mention.
        assert_eq!(said(Array2::zeros((3, 4))), Vec::<String>::new());
    }

    #[test]
    fn an_index_is_named_with_the_columns_that_leave_it_out() {
        let check = |at, name, taken: Range<usize>, expected: Option<&str>| {
            let taken: Vec<usize> = taken.collect();
            let note = DataNote::index(at, name, &taken).map(|note| note.to_string());
            let holds = match (&note, expected) {
                (Some(note), Some(expected)) => note.contains(expected),
                (None, None) => true,
                _ => false,
            };
            assert!(holds, "{note:?} is not {expected:?}");
        };
        check(0, "", 0..5, Some("column 1 has no name"));
        check(0, "", 0..5, Some("columns = \"1..5\""));
        check(4, "__index_level_0__", 0..5, Some("'__index_level_0__'"));
        check(4, "__index_level_0__", 0..5, Some("columns = \"0..4\""));
        check(2, "__index_level_0__", 0..5, Some("\"0..2,3..5\""));
        check(0, "", 0..1, Some("by `columns`"));
        check(0, "", 1..5, None);
    }
}
