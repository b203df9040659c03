//! What is told of given matrices before anything is trained: ranks, and whether singular values cluster.
//!
//! A decomposition of a given matrix costs as much as some steps of training, and plans are asked for trial by
//! trial: each matrix is decomposed once and remembered for as long as somebody holds it. What is remembered
//! follows from the matrix alone, so a plan stays a function of its trial.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use ndarray::{Array2, ArrayView2, s};

use super::moments::{RANK, widest_cluster};
use crate::config::Given;
use crate::kernel::{svd, triangle};

/// What the singular values of some columns of a given matrix tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ranks {
    /// Singular values above 1e-12 of the largest.
    pub(super) rank: usize,
    /// All of those are equal.
    pub(super) flat: bool,
    /// Fewer than half of all, the zeros included, are equal: no orthogonal start, nor one that training has
    /// changed in a few directions.
    pub(super) scattered: bool,
}

/// Allocation, first column, column behind the last.
type Key = (usize, usize, usize);

type Known = BTreeMap<Key, (Weak<Array2<f64>>, Ranks)>;

static KNOWN: Mutex<Known> = Mutex::new(BTreeMap::new());

/// The ranks of the columns `from .. to`, as many of them as there are.
pub(super) fn of_columns(given: &Given, from: usize, to: usize) -> Ranks {
    let to = to.min(given.0.ncols());
    let from = from.min(to);
    let key = (Arc::as_ptr(&given.0) as usize, from, to);
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((matrix, ranks)) = known().get(&key)
        // Another matrix may have taken the place of one that is gone.
        && matrix.upgrade().is_some_and(|known| Arc::ptr_eq(&known, &given.0))
    {
        return *ranks;
    }
    let ranks = find(given.0.slice(s![.., from..to]));
    let mut known = known();
    known.retain(|_, (matrix, _)| matrix.strong_count() > 0);
    known.insert(key, (Arc::downgrade(&given.0), ranks));
    ranks
}

/// The ranks of the whole matrix.
pub(super) fn of(given: &Given) -> Ranks {
    of_columns(given, 0, usize::MAX)
}

fn find(A: ArrayView2<'_, f64>) -> Ranks {
    let smaller = A.nrows().min(A.ncols());
    // What is wrong with a matrix is told where it is used; until then it is taken for one without structure.
    let unknown = Ranks {
        rank: smaller,
        flat: false,
        scattered: false,
    };
    if smaller == 0 || A.iter().any(|value| !value.is_finite()) {
        return unknown;
    }
    // The triangle of a QR decomposition has the same singular values and no more rows than columns.
    let decomposed = if A.ncols() > A.nrows() {
        svd(triangle(A.t()).view())
    } else {
        svd(triangle(A).view())
    };
    let Some(decomposed) = decomposed else {
        return unknown;
    };
    let values = &decomposed.s;
    let largest = values.first().copied().unwrap_or(0.0);
    let rank = values
        .iter()
        .filter(|&&value| value > RANK * largest)
        .count();
    let (_, equal) = widest_cluster(values);
    let (_, equal_of_rank) = widest_cluster(&values[..rank]);
    Ranks {
        rank,
        flat: rank > 0 && equal_of_rank == rank,
        scattered: 2 * equal < smaller,
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn check(A: Array2<f64>, expected: (usize, bool, bool)) {
        let given = Given(Arc::new(A));
        for _ in 0..2 {
            let found = of(&given);
            assert_eq!((found.rank, found.flat, found.scattered), expected);
        }
    }

    #[test]
    fn singular_values_are_counted() {
        check(array![[0.6, -0.8], [0.8, 0.6]], (2, true, false));
        check(
            array![[3.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 3.0]],
            (2, true, false),
        );
        check(array![[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]], (1, true, false));
        check(
            Array2::from_diag(&array![4.0, 3.0, 2.0, 1.0, 0.5]),
            (5, false, true),
        );
        // Trained in one direction of four.
        check(
            Array2::from_diag(&array![4.0, 1.0, 1.0, 1.0]),
            (4, false, false),
        );
        check(Array2::zeros((3, 3)), (0, false, false));
        check(array![[f64::NAN]], (1, false, false));
    }

    #[test]
    fn columns_are_looked_at_alone() {
        let given = Given(Arc::new(array![[1.0, 1.0, 5.0], [0.0, 0.0, 2.0]]));
        assert_eq!(of_columns(&given, 0, 2).rank, 1);
        assert_eq!(of_columns(&given, 0, 3).rank, 2);
        assert_eq!(of_columns(&given, 2, 9).rank, 1);
        assert_eq!(of_columns(&given, 7, 9).rank, 0);
    }
}
