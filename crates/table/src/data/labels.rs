//! Labels to one-hot columns.

use std::collections::BTreeSet;

use ndarray::Array2;

use super::error::DataProblem;
use super::load::{Matrix, value_count};

/// One-hot columns, `classes x n`. Classes are sorted: as numbers if all labels are whole numbers, else as text.
pub(super) fn one_hot(matrix: Matrix, transpose: bool) -> Result<Array2<f64>, DataProblem> {
    let texts = match matrix {
        Matrix::Texts(texts) => column(texts, transpose)?,
        Matrix::Numbers(numbers) => column(numbers, transpose)?
            .iter()
            .enumerate()
            .map(|(row, &found)| {
                whole(found).ok_or(DataProblem::Label {
                    row: row as u64 + 1,
                    found,
                })
            })
            .collect::<Result<_, _>>()?,
    };
    let numbers: Option<Vec<i64>> = texts.iter().map(|text| text.parse().ok()).collect();
    match numbers {
        Some(numbers) => indicators(&numbers),
        None => indicators(&texts),
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

/// A label as a whole number, exactly.
fn whole(label: f64) -> Option<String> {
    // Beyond 2^53 a float does not tell its neighbours apart.
    let exact = label.fract() == 0.0 && label.abs() <= 9_007_199_254_740_992.0;
    exact.then(|| format!("{}", label as i64))
}

fn indicators<T: Ord>(labels: &[T]) -> Result<Array2<f64>, DataProblem> {
    let classes: Vec<&T> = labels.iter().collect::<BTreeSet<_>>().into_iter().collect();
    value_count(classes.len(), labels.len())?;
    let mut matrix = Array2::zeros((classes.len(), labels.len()));
    for (sample, label) in labels.iter().enumerate() {
        if let Ok(class) = classes.binary_search(&label) {
            matrix[(class, sample)] = 1.0;
        }
    }
    Ok(matrix)
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use sweep::Role;

    use super::super::load::read_array;
    use super::super::load::tests::array_ref;
    use super::*;

    fn check(bytes: &[u8], expected: &Array2<f64>) {
        let found = read_array(bytes, &array_ref(Role::Labels, "l.csv")).unwrap();
        assert_eq!(&found, expected);
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
    fn numbers_of_a_matrix_are_labels_if_they_are_whole() {
        let one = one_hot(Matrix::Numbers(array![[3.0, 1.0, 3.0]]), true).unwrap();
        assert_eq!(one, array![[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]);
        let told = one_hot(Matrix::Numbers(array![[1.0], [2.5]]), false).unwrap_err();
        assert_eq!(
            told.to_string(),
            "row 2: label 2.5 is neither a whole number nor a text"
        );
    }

    #[test]
    fn labels_are_one_column() {
        let told = read_array(b"1,2\n", &array_ref(Role::Labels, "l.csv")).unwrap_err();
        assert_eq!(
            told.to_string(),
            "l.csv: labels are one column, and 2 are here; name one by `columns`"
        );
        let mut one = array_ref(Role::Labels, "l.csv");
        one.columns = Some((1, 2));
        assert_eq!(read_array(b"1,2\n", &one).unwrap(), array![[1.0]]);
    }
}
