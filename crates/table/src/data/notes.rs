//! What is odd about a data file that can be read all the same.

use std::fmt;
use std::ops::Range;

use super::error::write_source;

/// Something odd about the array of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataNote {
    /// A column that pandas writes for its index is among those that are read.
    Index {
        /// From 1.
        column: usize,
        name: String,
        /// The range of columns without it, where it is at an end.
        rest: Option<Range<usize>>,
    },
    /// The line that is read as a header holds numbers.
    NumericHeader,
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
                    Some(rest) => {
                        write!(f, "by columns = \"{}..{}\", or write", rest.start, rest.end)?;
                    }
                    None => f.write_str("by `columns`, or write")?,
                }
                f.write_str(" the file with index=False")
            }
            DataNote::NumericHeader => f.write_str(
                "line 1 is skipped as a header, but holds numbers alone; if it is a sample, leave out header = true",
            ),
            DataNote::ManyClasses { classes, samples } => write!(
                f,
                "the labels of {samples} samples make {classes} classes; is it the column of labels?"
            ),
        }
    }
}

impl DataNote {
    /// The note for the column `at` (from 0), where it is among `taken`.
    pub(super) fn index(at: usize, name: &str, taken: &Range<usize>) -> Option<DataNote> {
        if !taken.contains(&at) {
            return None;
        }
        let rest = match (at == taken.start, at + 1 == taken.end) {
            (true, true) => None,
            (true, false) => Some(at + 1..taken.end),
            (false, true) => Some(taken.start..at),
            (false, false) => None,
        };
        Some(DataNote::Index {
            column: at + 1,
            name: name.to_owned(),
            rest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_named_with_the_columns_that_leave_it_out() {
        let check = |at, name, taken: Range<usize>, expected: Option<&str>| {
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
        check(2, "__index_level_0__", 0..5, Some("by `columns`"));
        check(0, "", 0..1, Some("by `columns`"));
        check(0, "", 1..5, None);
    }
}
