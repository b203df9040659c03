//! What the layers have moved since the start: its singular values, and how much of it lies outside a block.
//!
//! With `D = W_l(t) - W_l(0)` and `P_l` the projector on the predicted `H_l`,
//!
//! ```text
//! leak         1 - ||P_l D P_(l-1)||_F^2 / ||D||_F^2
//! leak_best    1 - (s_1^2 + .. + s_k^2) / ||D||_F^2,   k = min(dim H_l, dim H_(l-1))
//! leak_chance  1 - dim H_l dim H_(l-1) / (rows columns)
//! ```
//!
//! No block of `dim H_l` by `dim H_(l-1)` holds more than the second says, and a random one is expected to hold what the
//! third says. Projectors are orthonormal bases here; no matrix of a layer's size is made.

use ndarray::{Array2, ArrayView2};

use super::scalars::spectrum_scalars;
use super::{Entry, EntryKind, finite};
use crate::config::Precision;
use crate::kernel::{Threads, multiply, singular_values, square_sum};

/// What one layer has moved since the start.
#[derive(Clone, Debug)]
pub(crate) struct Moved {
    /// Singular values, descending.
    pub(crate) values: Vec<Entry>,
    /// `||D||_F^2`.
    pub(crate) square: f64,
    /// Where a block is predicted.
    pub(crate) within: Option<Within>,
}

/// The part of an update within a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Within {
    /// `||P_l D P_(l-1)||_F^2`.
    pub(crate) square: f64,
    /// `dim H_l` and `dim H_(l-1)`.
    pub(crate) block: (usize, usize),
    /// The layer's shape.
    pub(crate) shape: (usize, usize),
}

/// The three leaks of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Leaks {
    pub(crate) leak: Option<f64>,
    pub(crate) best: Option<f64>,
    pub(crate) chance: Option<f64>,
}

impl Moved {
    /// Of the update itself, within the block of these orthonormal bases of `H_l` and `H_(l-1)`; `None` where it is not
    /// finite.
    pub(crate) fn of(
        D: &Array2<f64>,
        block: Option<(ArrayView2<'_, f64>, ArrayView2<'_, f64>)>,
        threads: Threads,
    ) -> Option<Moved> {
        let values = singular_values(D.view())?;
        Some(Moved {
            values: values.into_iter().map(|value| entry(value, 1)).collect(),
            square: square_sum(D.view()),
            within: block.map(|(above, below)| {
                let rows = multiply(threads, above.t(), D.view());
                let inner = multiply(threads, rows.view(), below);
                Within {
                    square: square_sum(inner.view()),
                    block: (above.ncols(), below.ncols()),
                    shape: D.dim(),
                }
            }),
        })
    }

    /// Of singular values with their multiplicities, in any order.
    pub(crate) fn sorted(mut values: Vec<Entry>, square: f64, within: Option<Within>) -> Moved {
        values.retain(|entry| entry.multiplicity() > 0);
        values.sort_by(|a, b| b.value.total_cmp(&a.value));
        Moved {
            values,
            square,
            within,
        }
    }

    /// `None` throughout where nothing has moved.
    pub(crate) fn leaks(&self) -> Leaks {
        let Some(within) = &self.within else {
            return Leaks::default();
        };
        let whole = self.square;
        if whole == 0.0 {
            return Leaks::default();
        }
        let ((above, below), (rows, columns)) = (within.block, within.shape);
        let share = (above * below) as f64 / (rows * columns) as f64;
        // Rounding must not make a share negative.
        let positive = |share: f64| finite(share).map(|share| share.max(0.0));
        Leaks {
            leak: positive(1.0 - within.square / whole),
            best: positive(self.tail(above.min(below)) / whole),
            chance: positive(1.0 - share),
        }
    }

    /// exp of the entropy of the singular values over their sum.
    pub(crate) fn effective_rank(&self) -> Option<f64> {
        spectrum_scalars(&self.values).effective_rank
    }

    /// The sum of squares of all singular values but the `first` ones.
    fn tail(&self, first: usize) -> f64 {
        let mut left = first as u64;
        let mut sum = 0.0;
        for entry in &self.values {
            let count = u64::from(entry.multiplicity());
            let skipped = left.min(count);
            left -= skipped;
            sum += (count - skipped) as f64 * entry.value * entry.value;
        }
        sum
    }
}

/// Equal singular values.
pub(crate) fn entry(value: f64, multiplicity: u32) -> Entry {
    Entry {
        value,
        kind: EntryKind::Block {
            id: 0,
            multiplicity,
        },
    }
}

/// A matrix as it is held in this precision.
pub(crate) fn rounded(precision: Precision, A: &Array2<f64>) -> Array2<f64> {
    match precision {
        Precision::F64 => A.clone(),
        Precision::F32 => A.mapv(|x| f64::from(x as f32)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{array, s};

    #[test]
    fn leaks_by_hand() {
        let D = array![[3.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 1.0]];
        let I = Array2::<f64>::eye(3);
        // The second direction above, the last two below.
        let block = (I.slice(s![.., 1..2]), I.slice(s![.., 1..]));
        let moved = Moved::of(&D, Some(block), Threads::Seq).expect("finite");
        let found = moved.leaks();
        let near = |found: Option<f64>, wanted: f64| {
            assert!((found.expect("moved") - wanted).abs() < 1e-14);
        };
        near(found.leak, 10.0 / 14.0);
        near(found.best, 5.0 / 14.0);
        near(found.chance, 7.0 / 9.0);
        let p = [0.5, 1.0 / 3.0, 1.0 / 6.0];
        let entropy: f64 = p.iter().map(|p: &f64| -p * p.ln()).sum();
        near(moved.effective_rank(), entropy.exp());
    }

    #[test]
    fn nothing_moved_has_no_leak() {
        let zero = Array2::zeros((3, 2));
        let I = Array2::<f64>::eye(3);
        let block = (I.slice(s![.., ..1]), I.slice(s![..2, ..1]));
        let moved = Moved::of(&zero, Some(block), Threads::Seq).expect("finite");
        assert_eq!(moved.leaks(), Leaks::default());
        assert_eq!(moved.effective_rank(), None);
        let alone = Moved::of(&I, None, Threads::Seq).expect("finite");
        assert_eq!(alone.leaks(), Leaks::default());
        assert!(Moved::of(&array![[f64::NAN]], None, Threads::Seq).is_none());
    }

    #[test]
    fn equal_values_count_as_often_as_they_are() {
        let block = Within {
            square: 10.0,
            block: (3, 2),
            shape: (6, 6),
        };
        let values = vec![entry(1.0, 4), entry(3.0, 1), entry(0.0, 0)];
        let moved = Moved::sorted(values, 13.0, Some(block));
        assert_eq!(moved.values.len(), 2);
        let found = moved.leaks();
        assert!((found.best.expect("moved") - 3.0 / 13.0).abs() < 1e-15);
        assert!((found.leak.expect("moved") - 3.0 / 13.0).abs() < 1e-15);
    }
}
