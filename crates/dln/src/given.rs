//! Matrices handed in from outside, and what is known of them before anything is trained.
//!
//! A decomposition of a given matrix costs as much as some steps of training, and plans are asked for trial by trial:
//! a matrix keeps the ranks that were found. They follow from the matrix alone, so a plan stays a function of its
//! trial.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use ndarray::{Array2, ArrayView2, s};

use crate::kernel::rank::{OF_DATA, rank, widest_cluster};
use crate::kernel::{svd, triangle};
use crate::normalize::Normalization;

/// A matrix handed in from outside, shared between trials. Equal when it is the same allocation.
#[derive(Clone, Debug)]
pub struct Given(pub Arc<GivenMatrix>);

/// A matrix with what is known of its ranks.
#[derive(Debug)]
pub struct GivenMatrix {
    values: Array2<f64>,
    ranks: Mutex<BTreeMap<Part, Ranks>>,
}

/// A part of a matrix that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    /// First column and column behind the last.
    columns: (usize, usize),
    /// Centred by row.
    center: bool,
    /// Divided by the deviation of each row.
    standardize: bool,
}

impl From<Array2<f64>> for GivenMatrix {
    fn from(values: Array2<f64>) -> GivenMatrix {
        GivenMatrix {
            values,
            ranks: Mutex::default(),
        }
    }
}

impl From<Array2<f64>> for Given {
    fn from(values: Array2<f64>) -> Given {
        Given(Arc::new(values.into()))
    }
}

impl Deref for GivenMatrix {
    type Target = Array2<f64>;

    fn deref(&self) -> &Array2<f64> {
        &self.values
    }
}

impl PartialEq for Given {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// What the singular values of some columns of a given matrix show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ranks {
    /// Singular values above 1e-12 of the largest.
    pub(crate) rank: usize,
    /// All of those are equal.
    pub(crate) flat: bool,
    /// Fewer than half of all, the zeros included, are equal: no orthogonal start, nor one that training has
    /// changed in a few directions.
    pub(crate) scattered: bool,
}

impl Given {
    /// The ranks of the columns `from .. to`, as many of them as there are.
    pub(crate) fn ranks_of(&self, from: usize, to: usize) -> Ranks {
        self.ranks_of_part(Part {
            columns: (from, to),
            center: false,
            standardize: false,
        })
    }

    /// As [`Given::ranks_of`], the columns centred and divided by the deviation of each row, where that is asked for.
    pub(crate) fn ranks_of_normal(
        &self,
        columns: (usize, usize),
        center: bool,
        standardize: bool,
    ) -> Ranks {
        self.ranks_of_part(Part {
            columns,
            center,
            standardize,
        })
    }

    fn ranks_of_part(&self, part: Part) -> Ranks {
        let to = part.columns.1.min(self.0.ncols());
        let from = part.columns.0.min(to);
        let part = Part {
            columns: (from, to),
            ..part
        };
        let known = || self.0.ranks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ranks) = known().get(&part) {
            return *ranks;
        }
        let columns = self.0.slice(s![.., from..to]);
        let ranks = match Normalization::learned(columns, part.center, part.standardize) {
            Some(normalization) => find(normalization.applied(columns).view()),
            None => find(columns),
        };
        known().insert(part, ranks);
        ranks
    }

    /// The ranks of the whole matrix.
    pub(crate) fn ranks(&self) -> Ranks {
        self.ranks_of(0, usize::MAX)
    }
}

fn find(A: ArrayView2<'_, f64>) -> Ranks {
    let smaller = A.nrows().min(A.ncols());
    // What is wrong with a matrix is reported where it is used; until then it is taken for one without structure.
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
    let rank = rank(values, OF_DATA);
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
        let given = Given::from(A);
        for _ in 0..2 {
            let found = given.ranks();
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
        let given = Given::from(array![[1.0, 1.0, 5.0], [0.0, 0.0, 2.0]]);
        assert_eq!(given.ranks_of(0, 2).rank, 1);
        assert_eq!(given.ranks_of(0, 3).rank, 2);
        assert_eq!(given.ranks_of(2, 9).rank, 1);
        assert_eq!(given.ranks_of(7, 9).rank, 0);
    }

    #[test]
    fn centring_takes_a_rank_and_scaling_none() {
        // The ones are a combination of the rows, so that centring loses one of the three.
        let given = Given::from(array![
            [1.0, 2.0, 5.0, 0.0],
            [0.0, -1.0, -4.0, 1.0],
            [7.0, 1.0, 0.0, 2.0]
        ]);
        let ranks = |center, standardize| {
            let part = Part {
                columns: (0, 4),
                center,
                standardize,
            };
            given.ranks_of_part(part).rank
        };
        assert_eq!(ranks(false, false), 3);
        assert_eq!(ranks(true, false), 2);
        assert_eq!(ranks(false, true), 3);
        assert_eq!(ranks(true, true), 2);
    }
}
