//! Principal angles between subspaces.

use ndarray::{Array2, ArrayView2, Axis};

use crate::kernel::{Threads, multiply, singular_values, square_sum};

/// The largest principal angle between the spans of two orthonormal bases of one size, in radians: from its
/// sine and its cosine, so that it is accurate near 0 and near pi/2. `None` where an entry is not finite.
///
/// # Shapes
/// Both `n x p`, `p > 0`.
/// # Source
/// Björck and Golub, Mathematics of Computation 27 (1973): the cosines are the singular values of `A^T B`, the
/// sines those of `B - A A^T B`.
pub(crate) fn largest_angle(A: ArrayView2<'_, f64>, B: ArrayView2<'_, f64>) -> Option<f64> {
    let overlap = multiply(Threads::Seq, A.t(), B);
    let mut rest = B.to_owned();
    rest -= &multiply(Threads::Seq, A, overlap.view());
    if B.ncols() == 1 {
        return principal_angle(square_sum(rest.view()).sqrt(), overlap[[0, 0]].abs());
    }
    let sine = *singular_values(rest.view())?.first()?;
    let cosine = *singular_values(overlap.view())?.last()?;
    principal_angle(sine, cosine)
}

/// The angle in `[0, pi/2]` of this sine and cosine.
pub(crate) fn principal_angle(sine: f64, cosine: f64) -> Option<f64> {
    let angle = sine.atan2(cosine);
    angle.is_finite().then_some(angle)
}

/// The largest principal angle between the spans of some columns of two orthonormal bases.
///
/// Where the bases are square and most columns are taken, the orthogonal complements are compared instead:
/// they include the same angle and are smaller.
pub(super) fn subspace_angle(
    one: &Array2<f64>,
    one_columns: &[usize],
    other: &Array2<f64>,
    other_columns: &[usize],
) -> Option<f64> {
    if one_columns.len() != other_columns.len() {
        return None;
    }
    let square = one.nrows() == one.ncols() && other.nrows() == other.ncols();
    let (one_columns, other_columns) = if square && 2 * one_columns.len() > one.ncols() {
        (
            complement(one_columns, one.ncols()),
            complement(other_columns, other.ncols()),
        )
    } else {
        (one_columns.to_vec(), other_columns.to_vec())
    };
    if one_columns.is_empty() {
        return Some(0.0);
    }
    largest_angle(
        one.select(Axis(1), &one_columns).view(),
        other.select(Axis(1), &other_columns).view(),
    )
}

/// The numbers below `count` that are not in `columns` (ascending).
fn complement(columns: &[usize], count: usize) -> Vec<usize> {
    (0..count)
        .filter(|column| columns.binary_search(column).is_err())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::s;
    use std::f64::consts::FRAC_PI_2;

    /// The identity with coordinates `i` and `j` turned.
    fn turned(n: usize, i: usize, j: usize, angle: f64) -> Array2<f64> {
        let mut G = Array2::<f64>::eye(n);
        G[[i, i]] = angle.cos();
        G[[j, j]] = angle.cos();
        G[[i, j]] = -angle.sin();
        G[[j, i]] = angle.sin();
        G
    }

    fn check(angle: f64) {
        let A = Array2::<f64>::eye(6);
        let B = turned(6, 1, 4, angle);
        for p in [2, 3, 4] {
            let found = largest_angle(A.slice(s![.., ..p]), B.slice(s![.., ..p]));
            let found = found.expect("finite");
            assert!(
                (found - angle).abs() < 1e-14 + 1e-12 * angle,
                "{p}: {found}"
            );
        }
        let one = largest_angle(A.slice(s![.., 1..2]), B.slice(s![.., 1..2]));
        assert!((one.expect("finite") - angle).abs() < 1e-14 + 1e-12 * angle);
    }

    #[test]
    fn small_and_right_angles_are_accurate() {
        for angle in [0.0, 1e-12, 1e-8, 1e-3, 0.7, 1.5, FRAC_PI_2] {
            check(angle);
        }
    }

    #[test]
    fn complements_include_the_same_angle() {
        let A = turned(7, 0, 6, 0.2);
        let B = turned(7, 2, 6, 0.4).dot(&A);
        let columns = [0, 1, 2, 3, 4];
        let short = subspace_angle(&A, &columns, &B, &columns).expect("finite");
        let long = largest_angle(A.slice(s![.., ..5]), B.slice(s![.., ..5])).expect("finite");
        assert!((short - long).abs() < 1e-13 && long > 0.1);
        let all = [0, 1, 2, 3, 4, 5, 6];
        assert_eq!(subspace_angle(&A, &all, &B, &all), Some(0.0));
    }
}
