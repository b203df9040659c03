//! Labels to one-hot columns.
//!
//! Classes are sorted: as numbers if all labels are integers, else by their texts. `1` and `1.0` are one class, and
//! under the first rules two.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::Array2;
use sweep::Rules;

use super::bounds::{Limits, value_count};
use super::delimited::{QUOTED, separator_in};
use super::error::{At, Cause, DataProblem};
use super::matrix::Matrix;
use super::missing::is_missing;
use super::notes::DataNote;

/// Bytes of one label: a name of a class, not a document.
pub(super) const LABEL_BYTES: usize = 1024;

/// Samples from which on the number of classes is looked at.
const SAMPLES_FOR_NOTE: usize = 20;

/// Beyond 2^53 a float is equal to its neighbours.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// How labels are read.
pub(super) struct Options {
    /// The file has a sample a column.
    pub(super) transpose: bool,
    /// The first line may be a header that was not announced.
    pub(super) may_have_header: bool,
    pub(super) rules: Rules,
    pub(super) limits: Limits,
}

/// One-hot columns, `classes x n`.
pub(super) fn one_hot(
    matrix: Matrix,
    options: &Options,
    notes: &mut Vec<DataNote>,
) -> Result<Array2<f64>, DataProblem> {
    let classes = match matrix {
        Matrix::Texts { texts, lines } => {
            let texts = column(texts, options.transpose)?;
            match options.rules {
                Rules::First => classes_of_any_texts(&texts),
                Rules::Second => {
                    check_texts(&texts, &lines, options.may_have_header)?;
                    notes.extend(perhaps_header(&texts).filter(|_| options.may_have_header));
                    classes_of_texts(&texts, &lines)?
                }
            }
        }
        Matrix::Numbers(numbers) => {
            let numbers = column(numbers, options.transpose)?;
            let whole = numbers.iter().zip(1..).map(|(&found, row)| {
                whole(found).ok_or_else(|| DataProblem::Label {
                    at: At::Row(row),
                    found: found.to_string(),
                })
            });
            sorted(&whole.collect::<Result<Vec<i64>, _>>()?)
        }
    };
    if classes.of.len() >= SAMPLES_FOR_NOTE && 2 * classes.count > classes.of.len() {
        notes.push(DataNote::ManyClasses {
            classes: classes.count,
            samples: classes.of.len(),
        });
    }
    classes.indicators(options.limits)
}

/// The labels as they are written; whole numbers without a fraction.
pub(super) fn texts(matrix: Matrix, transpose: bool) -> Result<Vec<String>, DataProblem> {
    match matrix {
        Matrix::Texts { texts, .. } => column(texts, transpose),
        Matrix::Numbers(numbers) => {
            let numbers = column(numbers, transpose)?;
            let text = |number: f64| match whole(number) {
                Some(whole) => whole.to_string(),
                None => number.to_string(),
            };
            Ok(numbers.into_iter().map(text).collect())
        }
    }
}

/// The one column, or the one row of a file that has a sample a column.
fn column<T>(matrix: Array2<T>, transpose: bool) -> Result<Vec<T>, DataProblem> {
    let (rows, columns) = matrix.dim();
    let found = if transpose { rows } else { columns };
    if found != 1 {
        return Err(DataProblem::LabelColumns { found });
    }
    Ok(matrix.into_iter().collect())
}

fn quoted(label: &str) -> String {
    label.chars().take(QUOTED).collect()
}

/// Line of a label where lines are known, else its row.
fn at(lines: &[u64], sample: usize) -> At {
    match lines.get(sample) {
        Some(&line) => At::Line(line),
        None => At::Row(sample as u64 + 1),
    }
}

/// Texts that are no labels: too long, missing, a header, whole lines of a file with other separators.
fn check_texts(texts: &[String], lines: &[u64], may_have_header: bool) -> Result<(), DataProblem> {
    for (sample, text) in texts.iter().enumerate() {
        let at = at(lines, sample);
        if text.len() > LABEL_BYTES {
            return Err(DataProblem::LabelLong {
                at,
                found: text.len(),
                allowed: LABEL_BYTES,
            });
        }
        if text.is_empty() {
            return Err(DataProblem::LabelEmpty { at });
        }
        if is_missing(text) {
            let found = quoted(text);
            return Err(DataProblem::LabelMissing { at, found });
        }
    }
    let Some((first, rest)) = texts.split_first() else {
        return Ok(());
    };
    let is_number = |text: &String| text.parse::<f64>().is_ok();
    if may_have_header && !rest.is_empty() && !is_number(first) && rest.iter().all(is_number) {
        return Err(DataProblem::LabelHeader {
            at: at(lines, 0),
            found: quoted(first),
        });
    }
    // A bar may join the names of one class.
    let separator = separator_in(first).filter(|_| !first.contains('|'));
    if let Some(separator) = separator
        && texts
            .iter()
            .all(|text| separator_in(text) == Some(separator))
    {
        return Err(DataProblem::LabelSeparator {
            at: at(lines, 0),
            found: quoted(first),
            cause: Cause::Separator(separator),
        });
    }
    Ok(())
}

/// A note where the first label is a text of its own and the others are few classes: it may name the column.
fn perhaps_header(texts: &[String]) -> Option<DataNote> {
    let (first, rest) = texts.split_first()?;
    let others: BTreeSet<&String> = rest.iter().collect();
    let is_few = rest.len() >= SAMPLES_FOR_NOTE && 4 * others.len() <= rest.len();
    let is_alone = first.parse::<f64>().is_err() && !others.contains(first);
    (is_few && is_alone).then(|| DataNote::PerhapsHeader {
        found: quoted(first),
    })
}

/// A label as a whole number, exactly.
fn whole(label: f64) -> Option<i64> {
    (label.fract() == 0.0 && label.abs() <= EXACT).then_some(label as i64)
}

/// A text as a whole number, also where it is written as a float.
fn whole_text(text: &str) -> Option<i64> {
    text.parse()
        .ok()
        .or_else(|| whole(text.parse::<f64>().ok()?))
}

fn classes_of_texts(texts: &[String], lines: &[u64]) -> Result<Classes, DataProblem> {
    let integers: Option<Vec<i64>> = texts.iter().map(|text| text.parse().ok()).collect();
    if let Some(integers) = integers {
        return Ok(sorted(&integers));
    }
    if texts.iter().all(|text| text.parse::<f64>().is_ok()) {
        let fraction = texts.iter().position(|text| whole_text(text).is_none());
        if let Some(sample) = fraction {
            return Err(DataProblem::Label {
                at: at(lines, sample),
                found: quoted(&texts[sample]),
            });
        }
        let numbers: Vec<i64> = texts.iter().filter_map(|text| whole_text(text)).collect();
        let spelled: BTreeSet<(i64, &str)> = numbers
            .iter()
            .copied()
            .zip(texts.iter().map(String::as_str))
            .collect();
        let distinct: BTreeSet<i64> = numbers.iter().copied().collect();
        if spelled.len() > distinct.len() {
            return Ok(sorted(&numbers));
        }
    }
    Ok(by_text(texts))
}

/// Classes by text, in the order of their texts; a whole number written as a float is the integer.
fn by_text(texts: &[String]) -> Classes {
    let name = |text: &str| -> String {
        let is_float = text.parse::<i64>().is_err();
        match whole_text(text).filter(|_| is_float) {
            Some(number) => number.to_string(),
            None => text.to_owned(),
        }
    };
    // The smallest spelling of each name decides its place.
    let mut spelled: BTreeMap<String, &str> = BTreeMap::new();
    for text in texts.iter().collect::<BTreeSet<_>>() {
        spelled.entry(name(text)).or_insert(text);
    }
    let mut order: Vec<(&str, &str)> = spelled
        .iter()
        .map(|(name, spelling)| (*spelling, name.as_str()))
        .collect();
    order.sort_unstable();
    let places: BTreeMap<&str, usize> = order.iter().map(|pair| pair.1).zip(0..).collect();
    Classes {
        count: order.len(),
        of: texts
            .iter()
            .map(|text| places.get(name(text).as_str()).copied().unwrap_or(0))
            .collect(),
    }
}

/// Classes under the first rules: each text is one, whatever it says.
fn classes_of_any_texts(texts: &[String]) -> Classes {
    let integers: Option<Vec<i64>> = texts.iter().map(|text| text.parse().ok()).collect();
    match integers {
        Some(integers) => sorted(&integers),
        None => sorted(texts),
    }
}

/// The class of each sample.
struct Classes {
    count: usize,
    of: Vec<usize>,
}

fn sorted<T: Ord>(labels: &[T]) -> Classes {
    let classes: BTreeSet<&T> = labels.iter().collect();
    let classes: Vec<&T> = classes.into_iter().collect();
    let of = labels
        .iter()
        .map(|label| classes.binary_search(&label).unwrap_or(0));
    Classes {
        of: of.collect(),
        count: classes.len(),
    }
}

impl Classes {
    fn indicators(&self, limits: Limits) -> Result<Array2<f64>, DataProblem> {
        let values = value_count(self.count, self.of.len())?;
        limits.numbers(values as u64)?;
        let mut matrix = Array2::zeros((self.count, self.of.len()));
        for (sample, &class) in self.of.iter().enumerate() {
            matrix[(class, sample)] = 1.0;
        }
        Ok(matrix)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use sweep::Role;

    use super::super::load::tests::{array_ref, notes_of};
    use super::super::load::{read_array, read_keyed};
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: &Array2<f64>) {
        let found = read_array(bytes, &array_ref(Role::Labels, "l.csv")).unwrap();
        assert_eq!(&found, expected);
    }

    #[track_caller]
    fn refused(bytes: &[u8], expected: &str) {
        let error = read_array(bytes, &array_ref(Role::Labels, "l.csv")).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }

    #[test]
    fn every_text_is_a_class_under_the_first_rules() {
        let wanted = array_ref(Role::Labels, "l.csv");
        let bytes = b"class\nnan\n1\n1.0\n1\n";
        let (found, notes) = read_keyed(bytes, &wanted, None, Rules::First).unwrap();
        // "1" < "1.0" < "class" < "nan".
        let expected = array![
            [0.0, 0.0, 1.0, 0.0, 1.0],
            [0.0, 0.0, 0.0, 1.0, 0.0],
            [1.0, 0.0, 0.0, 0.0, 0.0],
            [0.0, 1.0, 0.0, 0.0, 0.0],
        ];
        assert_eq!((found, notes), (expected, Vec::new()));
        assert!(read_keyed(bytes, &wanted, None, Rules::Second).is_err());
        let reals = read_keyed(b"0.5\n1.5\n", &wanted, None, Rules::First).unwrap();
        assert_eq!(reals.0, Array2::<f64>::eye(2));
    }

    #[test]
    fn numbers_sort_as_numbers_and_texts_as_texts() {
        // 2 < 10 as numbers.
        check(b"10\n2\n10\n", &array![[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]);
        // "10" < "2" < "x" as texts.
        check(
            b"10\n2\nx\n",
            &array![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        );
        check(b"-1\n07\n7\n", &array![[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]);
    }

    #[test]
    fn a_number_is_one_class_however_it_is_written() {
        check(b"1\n1.0\n2\n", &array![[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
        // 2 < 10 as numbers, where two spellings meet.
        check(b"10.0\n2\n2.0\n", &array![[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]);
        check(b"1.0\nx\n1\n", &array![[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]);
        // Where one spelling is used throughout, the order is that of the texts, as it ever was.
        check(b"10.0\n2.0\n", &array![[1.0, 0.0], [0.0, 1.0]]);
        check(b"01\n1\nx\n", &Array2::eye(3));
    }

    #[test]
    fn what_is_no_label_is_refused_with_its_line() {
        refused(
            b"a\nnan\nb\n",
            "line 2: label 'nan' stands for a missing value",
        );
        refused(b"a\nb\nNA\n", "line 3: label 'NA'");
        refused(b"null\na\n", "line 1: label 'null'");
        refused(b"a\nNone\n", "line 2: label 'None'");
        refused(b"1\ninf\n", "line 2: label 'inf'");
        refused(b"a\n\"\"\nb\n", "line 2: there is no label");
        refused(b"0.25\n1\n", "line 1: label 0.25 is not a whole number");
        refused(b"0.25\n1\n", "kind = \"regression\"");
        refused(
            b"label\n1\n2\n",
            "line 1: label 'label' is a text and all others are numbers",
        );
        refused(b"1;a\n2;b\n", "separated by ';'");
        refused(format!("{}\n", "x".repeat(2000)).as_bytes(), "2000 bytes");
        // One line alone, and texts throughout, may be labels.
        check(b"label\n", &array![[1.0]]);
        check(b"new york\nparis\n", &Array2::eye(2));
    }

    #[test]
    fn numbers_of_a_matrix_are_labels_if_they_are_whole() {
        let one = |numbers: Array2<f64>, transpose| {
            let options = Options {
                transpose,
                may_have_header: false,
                rules: Rules::Second,
                limits: Limits::with(0, u64::MAX),
            };
            one_hot(Matrix::Numbers(numbers), &options, &mut Vec::new())
        };
        let found = one(array![[3.0, 1.0, 3.0]], true).unwrap();
        assert_eq!(found, array![[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]);
        let error = one(array![[1.0], [2.5]], false).unwrap_err().to_string();
        assert!(
            error.starts_with("row 2: label 2.5 is not a whole number"),
            "{error}"
        );
        let error = one(array![[1.0], [f64::NAN]], false).unwrap_err();
        assert!(error.to_string().starts_with("row 2: label NaN"), "{error}");
    }

    #[test]
    fn labels_are_one_column() {
        let error = read_array(b"1,2\n", &array_ref(Role::Labels, "l.csv")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("l.csv: labels are one column, and 2 are here; name one by `columns`"),
            "{error}"
        );
        let mut one = array_ref(Role::Labels, "l.csv");
        one.columns = Some(sweep::Columns::range(1, 2));
        assert_eq!(read_array(b"1,2\n", &one).unwrap(), array![[1.0]]);
    }

    #[test]
    fn a_first_label_that_stands_nowhere_else_is_noted() {
        let check = |first: &str, expected: usize| {
            let lines = (0..40).map(|k| format!("c{}\n", k % 3));
            let text = format!("{first}\n{}", lines.collect::<String>());
            let notes = notes_of(text.as_bytes(), &array_ref(Role::Labels, "l.csv"));
            assert_eq!(notes.len(), expected, "{notes:?}");
            assert!(notes.iter().all(|note| note.contains("header = true")));
        };
        check("species", 1);
        check("c1", 0);
        check("7", 0);
    }

    #[test]
    fn a_class_a_sample_is_noted() {
        let bytes = |classes: usize| -> Vec<u8> {
            let lines = (0..40).map(|k| format!("{}\n", k % classes));
            lines.collect::<String>().into_bytes()
        };
        let array = array_ref(Role::Labels, "l.csv");
        assert_eq!(notes_of(&bytes(20), &array), Vec::<String>::new());
        let notes = notes_of(&bytes(40), &array);
        assert!(notes[0].contains("40 samples make 40 classes"), "{notes:?}");
    }
}
