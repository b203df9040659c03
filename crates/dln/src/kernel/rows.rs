//! A number a row: biases added to the samples, and gradients summed over them.

use ndarray::{Array2, ArrayView2};

use super::{Real, entries, entries_mut};

/// Independent partial sums, two AVX-512 registers of doubles.
const LANES: usize = 16;

/// `A[i, j] <- A[i, j] + b[i]`.
///
/// # Shapes
/// `A`: `m x n` in row-major order, `b`: `m x 1`.
pub(crate) fn add_to_rows<T: Real>(A: &mut Array2<T>, b: &Array2<T>) {
    let n = A.ncols();
    if n == 0 {
        return;
    }
    let rows = entries_mut(A).chunks_exact_mut(n);
    for (row, &b) in rows.zip(entries(b)) {
        for a in row {
            *a += b;
        }
    }
}

/// `sums[i] <- sum_j A[i, j]`, in double precision.
///
/// # Shapes
/// `A`: `m x n`, `sums`: `m x 1`.
pub(crate) fn row_sums<T: Real>(A: ArrayView2<'_, T>, sums: &mut Array2<T>) {
    for (row, sum) in A.rows().into_iter().zip(entries_mut(sums)) {
        *sum = T::of(match row.as_slice() {
            Some(row) => total(row),
            None => row.iter().map(|x| x.wide()).sum(),
        });
    }
}

fn total<T: Real>(row: &[T]) -> f64 {
    let mut sums = [0.0; LANES];
    let (lanes, rest) = row.as_chunks::<LANES>();
    for lane in lanes {
        for (sum, x) in sums.iter_mut().zip(lane) {
            *sum += x.wide();
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum += x.wide();
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_moved_and_summed() {
        for n in [1, 15, 16, 40] {
            let A = Array2::from_shape_fn((3, n), |(i, j)| (100 * i + j) as f64);
            let b = Array2::from_shape_fn((3, 1), |(i, _)| 0.5 * i as f64);
            let mut moved = A.clone();
            add_to_rows(&mut moved, &b);
            assert_eq!(moved, &A + &b);
            let mut sums = Array2::zeros((3, 1));
            row_sums(A.view(), &mut sums);
            let wanted = A.sum_axis(ndarray::Axis(1));
            assert_eq!(sums.column(0), wanted);
            row_sums(A.t().to_owned().t(), &mut sums);
            assert_eq!(sums.column(0), wanted);
        }
    }
}
