//! What a data file holds, column by column, before anything is trained on it: which columns are inputs, which are left
//! out and why, what is odd about the others.
//!
//! `scan` reads files of each format, `summary` sums their columns up, `notes` holds the words for people.

mod notes;
mod scan;
mod summary;

use std::path::Path;

use sweep::Columns;

use super::error::{At, DataError};

pub use notes::DescriptionNote;
pub use summary::{ColumnValues, Numbers};

/// What is asked of a file.
#[derive(Clone, Debug, Default)]
pub struct Describe {
    /// Name within an `.npz`.
    pub array: Option<String>,
    /// The columns of inputs; where it is `None`, all that serve.
    pub columns: Option<Columns>,
    /// Columns of the same file that hold the labels or targets.
    pub answers: Option<Columns>,
    /// The first line of a CSV file is known to name its columns.
    pub header: bool,
    /// A sample is a column: its inputs are rows, of which none is left out.
    pub transpose: bool,
}

/// A data file, looked at.
#[derive(Clone, Debug)]
pub struct DataDescription {
    /// As it was named.
    pub file: String,
    /// Samples.
    pub rows: u64,
    /// The first line of a CSV file names its columns.
    pub header: bool,
    /// Nobody had said that it does.
    pub header_detected: bool,
    /// In the order of the file.
    pub columns: Vec<DescribedColumn>,
    /// The first line is taken for a sample, and counts as names of columns do.
    perhaps_header: bool,
}

/// One column of a file; a row, where a sample is a column.
#[derive(Clone, Debug)]
pub struct DescribedColumn {
    /// From 0.
    pub place: usize,
    pub name: Option<String>,
    pub values: ColumnValues,
    /// Empty fields, words for "no value", and numbers that are not finite.
    pub missing: u64,
    pub first_missing: Option<At>,
    pub role: ColumnRole,
    /// Why it would be left out if nobody asked for columns.
    doubt: Option<LeftOut>,
}

/// What becomes of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnRole {
    Input,
    /// It holds labels or targets.
    Answer,
    /// Other columns were asked for.
    NotAsked,
    LeftOut(LeftOut),
}

/// Why a column is no input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// It counts the samples.
    Index,
    /// It names each sample.
    Identifier,
    /// It holds texts: how many different ones.
    Texts { distinct: usize },
    /// Some of its values are no numbers.
    Mixed,
    /// It has no value at all.
    Empty,
}

/// Looks at a file; `file` is its name in what is said.
///
/// # Errors
/// A file that cannot be read, or is not what its name says; columns that it does not have.
pub fn describe(path: &Path, file: &str, asked: &Describe) -> Result<DataDescription, DataError> {
    let failed = |problem| DataError {
        key: None,
        file: file.to_owned(),
        array: asked.array.clone(),
        problem: Box::new(problem),
    };
    let scanned = scan::scan(path, file, asked).map_err(failed)?;
    let width = scanned.columns.len();
    let names: Vec<&str> = scanned.names.iter().map(String::as_str).collect();
    let names = (!names.is_empty()).then_some(names.as_slice());
    let cut = |columns: &Columns| {
        super::matrix::cut(Some(columns), width, names, || super::error::Cause::Unknown)
    };
    let wanted = asked
        .columns
        .as_ref()
        .map(cut)
        .transpose()
        .map_err(failed)?;
    let answers = asked
        .answers
        .as_ref()
        .map(cut)
        .transpose()
        .map_err(failed)?;
    let is_in = |places: Option<Vec<usize>>| {
        places.map(|places| {
            let mut found = vec![false; width];
            places.into_iter().for_each(|place| found[place] = true);
            found
        })
    };
    let (wanted, answers) = (is_in(wanted), is_in(answers));
    let columns = scanned
        .columns
        .into_iter()
        .enumerate()
        .map(|(place, summary)| {
            let name = scanned.names.get(place).cloned();
            let doubt = if asked.transpose {
                None
            } else {
                summary.left_out(place, name.as_deref(), scanned.rows)
            };
            let role = match (&wanted, doubt) {
                _ if answers.as_ref().is_some_and(|answers| answers[place]) => ColumnRole::Answer,
                (Some(wanted), _) if wanted[place] => ColumnRole::Input,
                (Some(_), _) => ColumnRole::NotAsked,
                (None, Some(reason)) => ColumnRole::LeftOut(reason),
                (None, None) => ColumnRole::Input,
            };
            DescribedColumn {
                place,
                name: name.filter(|name| !name.is_empty()),
                missing: summary.missing,
                first_missing: summary.first_missing,
                values: summary.values(),
                role,
                doubt,
            }
        });
    Ok(DataDescription {
        file: file.to_owned(),
        rows: scanned.rows,
        header: scanned.header,
        header_detected: scanned.header && !asked.header,
        columns: columns.collect(),
        perhaps_header: scanned.perhaps_header,
    })
}

impl DataDescription {
    /// The columns that are inputs.
    pub fn inputs(&self) -> impl Iterator<Item = &DescribedColumn> {
        let is_input = |column: &&DescribedColumn| column.role == ColumnRole::Input;
        self.columns.iter().filter(is_input)
    }

    /// The inputs as a sweep names them; `None` where they are all columns of the file.
    pub fn input_columns(&self) -> Option<Columns> {
        let is_all = self
            .columns
            .iter()
            .all(|column| column.role == ColumnRole::Input);
        (!is_all).then(|| Columns::of(self.inputs().map(|column| column.place)))
    }

    /// The place of the column of that name, where there is one alone.
    pub fn place_of(&self, name: &str) -> Option<usize> {
        let named = |column: &&DescribedColumn| column.name.as_deref() == Some(name);
        let mut found = self.columns.iter().filter(named);
        match (found.next(), found.next()) {
            (Some(column), None) => Some(column.place),
            _ => None,
        }
    }

    /// What is said of the file, in the order of importance.
    pub fn notes(&self) -> Vec<DescriptionNote> {
        notes::of(self)
    }
}

impl DescribedColumn {
    /// "column 3 ('age')", as people count.
    pub fn words(&self) -> String {
        match &self.name {
            Some(name) => format!("column {} ('{name}')", self.place + 1),
            None => format!("column {}", self.place + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(name: &str, bytes: &[u8], asked: &Describe) -> Result<DataDescription, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        describe(&path, name, asked).map_err(|error| error.to_string())
    }

    fn csv(text: &str) -> DataDescription {
        described("m.csv", text.as_bytes(), &Describe::default()).unwrap()
    }

    #[track_caller]
    fn roles(found: &DataDescription, expected: &[ColumnRole]) {
        let roles: Vec<ColumnRole> = found.columns.iter().map(|column| column.role).collect();
        assert_eq!(roles, expected);
    }

    #[track_caller]
    fn said(found: &DataDescription, expected: &[&str]) {
        let notes: Vec<String> = found.notes().iter().map(ToString::to_string).collect();
        assert_eq!(notes.len(), expected.len(), "{notes:#?}");
        for (note, words) in notes.iter().zip(expected) {
            assert!(note.contains(words), "`{words}` is missing in {note}");
        }
    }

    const INPUT: ColumnRole = ColumnRole::Input;

    /// Lines of a table from a row's number.
    fn lines(head: &str, rows: usize, row: impl Fn(usize) -> String) -> String {
        let body: String = (0..rows).map(|at| row(at) + "\n").collect();
        format!("{head}{body}")
    }

    #[test]
    fn a_header_is_detected_and_an_index_left_out() {
        let text = lines("Unnamed: 0,a,b\n", 12, |at| {
            format!("{at},{}.5,{}", at * at % 7, at % 3)
        });
        let found = csv(&text);
        assert!(found.header && found.header_detected);
        assert_eq!(found.rows, 12);
        roles(&found, &[ColumnRole::LeftOut(LeftOut::Index), INPUT, INPUT]);
        assert_eq!(found.input_columns(), Some(Columns::range(1, 3)));
        assert_eq!(found.place_of("b"), Some(2));
        said(
            &found,
            &[
                "line 1 names the columns",
                "column 1 ('Unnamed: 0') counts the samples",
            ],
        );
        // The same with a mark at its beginning, with the ends of lines of another system, and quoted.
        let odd = format!(
            "\u{feff}{}",
            text.replace('\n', "\r\n").replace("a,b", "\"a\",\"b\"")
        );
        let again = described("m.csv", odd.as_bytes(), &Describe::default()).unwrap();
        assert_eq!(again.place_of("a"), Some(1));
        roles(&again, &[ColumnRole::LeftOut(LeftOut::Index), INPUT, INPUT]);
        // Numbers alone have no header.
        let plain = csv("1,2\n3,4\n");
        assert!(!plain.header);
        assert_eq!(plain.input_columns(), None);
        said(&plain, &[]);
    }

    #[test]
    fn columns_are_named_up_to_eight_and_then_counted() {
        let names = vec!["a"; 40].join(",");
        let found = described("m.csv", names.as_bytes(), &Describe::default()).unwrap();
        let notes: Vec<String> = found.notes().iter().map(ToString::to_string).collect();
        assert_eq!(notes.len(), 9, "{notes:#?}");
        assert_eq!(notes[8], "32 more columns are left out");
        let holes = vec!["1,2,"; 20].join(",") + "\n" + &vec!["3"; 60].join(",") + "\n";
        let found = csv(&holes);
        let notes: Vec<String> = found.notes().iter().map(ToString::to_string).collect();
        let missing = |note: &&String| note.contains("missing value");
        assert_eq!(notes.iter().filter(missing).count(), 9, "{notes:#?}");
        assert!(notes.contains(&"12 more columns have missing values".to_owned()));
    }

    #[test]
    fn blanks_around_fields_are_no_part_of_them() {
        let found = csv(" a ,\u{a0}b\n 1, 2e-3\n\t4\u{3000},+5.5 \n");
        assert_eq!(found.columns[1].name.as_deref(), Some("b"));
        roles(&found, &[INPUT, INPUT]);
    }

    #[test]
    fn a_header_of_counts_and_a_name_is_detected() {
        let samples = |head: &str| {
            lines(head, 12, |at| {
                format!("{}.5,{},{}.25,k{}", at % 7, at % 3, at % 5, at % 2)
            })
        };
        // What pandas writes of an array to which it gave one column more: with labels, and with numbers.
        let found = csv(&samples("0,1,2,kind\n"));
        assert!(found.header_detected, "{found:?}");
        assert_eq!((found.rows, found.place_of("kind")), (12, Some(3)));
        let numbers = lines("0,1,target\n", 12, |at| {
            format!("{}.5,{},{at}", at % 7, at % 3)
        });
        assert!(csv(&numbers).header);
        // With its index.
        let indexed = lines(",0,1\n", 12, |at| format!("{at},{}.5,{}", at % 7, at % 3));
        let found = csv(&indexed);
        assert!(found.header);
        roles(&found, &[ColumnRole::LeftOut(LeftOut::Index), INPUT, INPUT]);
        // A class that comes again, names of samples, and numbers that do not count are those of a sample.
        assert!(!csv(&samples("0,1,2,k1\n")).header);
        assert!(!csv(&samples("5,1,2,kind\n")).header);
        let named = lines("", 12, |at| format!("{at},{},s{at}", at + 1));
        assert!(!csv(&named).header);
        let words = "line 1 is read as a sample, but its numbers count";
        for text in [samples("0,1,2,k1\n"), "0,1,2\n5,6,7\n".to_owned()] {
            let notes: Vec<String> = csv(&text).notes().iter().map(ToString::to_string).collect();
            assert!(notes.iter().any(|note| note.contains(words)), "{notes:#?}");
        }
    }

    #[test]
    fn identifiers_texts_and_mixed_columns_are_left_out() {
        let text = lines("patient_id,sex,age,note,score\n", 20, |at| {
            let note = if at == 7 {
                "high".to_owned()
            } else {
                at.to_string()
            };
            format!(
                "p{at},{},{},{note},0.{}",
                ["f", "m"][at % 2],
                20 + at % 5,
                at % 9
            )
        });
        let found = csv(&text);
        let left = |reason| ColumnRole::LeftOut(reason);
        roles(
            &found,
            &[
                left(LeftOut::Identifier),
                left(LeftOut::Texts { distinct: 2 }),
                INPUT,
                left(LeftOut::Mixed),
                INPUT,
            ],
        );
        said(
            &found,
            &[
                "line 1 names the columns",
                "column 1 ('patient_id') names each sample",
                "column 2 ('sex') holds texts, 2 different ones",
                "column 4 ('note') holds 1 value that is no number, the first in line 9: 'high'",
            ],
        );
        assert_eq!(found.input_columns().unwrap().to_string(), "2..3,4..5");
    }

    #[test]
    fn scales_constants_and_missing_values_are_said() {
        let text = lines("a,b,c,d\n", 30, |at| {
            let d = if at == 4 {
                "NA".to_owned()
            } else {
                at.to_string()
            };
            format!("{},0.00{},5,{d}", 1000 + 37 * at, at % 9)
        });
        let found = csv(&text);
        said(
            &found,
            &[
                "line 1 names the columns",
                "column 4 ('d') has 1 missing value, the first in line 6",
                "deviations of the inputs reach from",
                "1 input is constant: column 3 ('c')",
            ],
        );
        assert_eq!(found.columns[3].first_missing, Some(At::Line(6)));
        let ColumnValues::Numbers(numbers) = &found.columns[0].values else {
            panic!("numbers");
        };
        assert_eq!((numbers.min, numbers.max), (1000.0, 2073.0));
        assert!((numbers.mean - 1536.5).abs() < 1e-9);
        // 37 times the deviation of 0 .. 29.
        assert!((numbers.deviation - 37.0 * (899.0_f64 / 12.0).sqrt()).abs() < 1e-9);
    }

    #[test]
    fn answers_are_no_inputs_and_asked_columns_are_taken_as_they_are() {
        let text = lines("id,x,y,class\n", 12, |at| {
            format!("{at},{}.5,{},c{}", at % 4, at % 3, at % 2)
        });
        let asked = Describe {
            answers: Some(Columns::Named(vec!["class".to_owned()])),
            ..Describe::default()
        };
        let found = described("m.csv", text.as_bytes(), &asked).unwrap();
        roles(
            &found,
            &[
                ColumnRole::LeftOut(LeftOut::Index),
                INPUT,
                INPUT,
                ColumnRole::Answer,
            ],
        );
        let asked = Describe {
            columns: Some(Columns::range(0, 2)),
            ..Describe::default()
        };
        let found = described("m.csv", text.as_bytes(), &asked).unwrap();
        roles(
            &found,
            &[INPUT, INPUT, ColumnRole::NotAsked, ColumnRole::NotAsked],
        );
        said(
            &found,
            &[
                "line 1 names the columns",
                "column 1 ('id') counts the samples, and is read as an input",
            ],
        );
        let asked = Describe {
            answers: Some(Columns::Named(vec!["klass".to_owned()])),
            ..Describe::default()
        };
        let error = described("m.csv", text.as_bytes(), &asked).unwrap_err();
        assert!(
            error.contains("no column named 'klass'; it has 'id', 'x'"),
            "{error}"
        );
    }

    #[test]
    fn other_separators_and_decimal_commas_are_named() {
        for (text, words) in [
            ("a;b\n1;2\n3;4\n", "separated by ';'"),
            ("1,5;2,5\n3,5;4,5\n", "separated by ';'"),
            ("a\tb\n1\t2\n3\t4\n", "separated by tabs"),
        ] {
            let error = described("m.csv", text.as_bytes(), &Describe::default()).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        let quoted = csv("\"1,5\",2\n\"2,5\",3\n");
        said(&quoted, &["write decimals with '.'"]);
        let empty = described("m.csv", b"", &Describe::default()).unwrap_err();
        assert!(empty.contains("holds no values"), "{empty}");
    }

    #[test]
    fn arrays_are_looked_at_too() {
        let mut bytes = b"\x93NUMPY\x01\x00v\x00".to_vec();
        let head = "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }";
        bytes.extend(format!("{head:<117}\n").as_bytes());
        for number in [1.0_f64, 7.0, 2.0, 7.0, f64::NAN, 7.0] {
            bytes.extend(number.to_le_bytes());
        }
        let found = described("m.npy", &bytes, &Describe::default()).unwrap();
        assert_eq!(found.rows, 3);
        said(
            &found,
            &[
                "column 1 has 1 missing value, the first in row 3",
                "1 input is constant: column 2",
            ],
        );
    }
}
