//! Checks of matrices that were handed in.

use ndarray::ArrayView2;

use crate::error::{Matrix, Shape, ShapeError, TrialError};

/// # Errors
/// The first entry, row by row, that is NaN or infinite.
pub(crate) fn check_finite(matrix: Matrix, A: ArrayView2<'_, f64>) -> Result<(), TrialError> {
    for ((row, column), &value) in A.indexed_iter() {
        if !value.is_finite() {
            return Err(TrialError::NotFinite {
                matrix,
                row,
                column,
                value,
            });
        }
    }
    Ok(())
}

/// # Errors
/// [`ShapeError`] where `found` is not `wanted`; both are (rows, columns).
pub(crate) fn check_shape(
    matrix: Matrix,
    found: (usize, usize),
    wanted: (usize, usize),
) -> Result<(), ShapeError> {
    if found == wanted {
        return Ok(());
    }
    Err(ShapeError {
        matrix,
        found: Shape(found.0, found.1),
        wanted: Shape(wanted.0, wanted.1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn check(A: ndarray::Array2<f64>, expected: Option<(usize, usize)>) {
        let found = match check_finite(Matrix::Inputs, A.view()) {
            Ok(()) => None,
            Err(TrialError::NotFinite { row, column, .. }) => Some((row, column)),
            Err(other) => panic!("unexpected {other}"),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn the_first_entry_that_is_not_finite_is_named() {
        check(array![[1.0, -2.0], [0.0, 4.0]], None);
        check(array![[1.0, 2.0], [f64::NAN, f64::INFINITY]], Some((1, 0)));
        check(
            array![[1.0, f64::NEG_INFINITY], [f64::NAN, 0.0]],
            Some((0, 1)),
        );
    }

    #[test]
    fn both_shapes_are_named() {
        let error = check_shape(Matrix::Mask, (2, 3), (3, 2)).expect_err("transposed");
        assert_eq!(
            error.to_string(),
            "expected 3 x 2 for the mask, found 2 x 3"
        );
        assert_eq!(check_shape(Matrix::Mask, (3, 2), (3, 2)), Ok(()));
    }
}
