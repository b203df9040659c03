//! The triangular factor of a tall matrix, block of rows by block of rows.

use faer::Par;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::qr::no_pivoting::factor::{
    qr_in_place, qr_in_place_scratch, recommended_block_size,
};
use ndarray::{Array2, ArrayView2, Axis, ShapeBuilder, s};

use super::view_mut;

/// `R` (`min(n, d) x d`) with `A^T A = R^T R`, so that `||A M||_F = ||R M||_F` for every `M`.
///
/// # Shapes
/// `A`: `n x d`; `n` may be large: the memory used is a few `d x d` matrices.
pub(crate) fn triangle(A: ArrayView2<'_, f64>) -> Array2<f64> {
    let d = A.ncols();
    let mut R = Array2::<f64>::zeros((0, d));
    for rows in A.axis_chunks_iter(Axis(0), (4 * d).max(256)) {
        let above = R.nrows();
        let mut stacked = Array2::zeros((above + rows.nrows(), d).f());
        stacked.slice_mut(s![..above, ..]).assign(&R);
        stacked.slice_mut(s![above.., ..]).assign(&rows);
        R = upper(stacked);
    }
    R
}

fn upper(mut A: Array2<f64>) -> Array2<f64> {
    let (n, d) = A.dim();
    let size = n.min(d);
    if size == 0 {
        return Array2::zeros((size, d));
    }
    let block = recommended_block_size::<f64>(n, d);
    let mut coefficients = Array2::zeros((block, size).f());
    let scratch = qr_in_place_scratch::<f64>(n, d, block, Par::Seq, Default::default());
    let mut memory = MemBuffer::new(scratch);
    qr_in_place(
        view_mut(A.view_mut()),
        view_mut(coefficients.view_mut()),
        Par::Seq,
        MemStack::new(&mut memory),
        Default::default(),
    );
    Array2::from_shape_fn((size, d), |(i, j)| if i <= j { A[[i, j]] } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(n: usize, d: usize) {
        let A = Array2::from_shape_fn((n, d), |(i, j)| {
            (((i * 131 + j * 17 + i * j) % 101) as f64 / 50.5) - 1.0
        });
        let R = triangle(A.view());
        assert_eq!(R.dim(), (n.min(d), d));
        let wanted = A.t().dot(&A);
        let difference = R.t().dot(&R) - &wanted;
        assert!(
            difference.iter().all(|x| x.abs() <= 1e-11 * n as f64),
            "{n} x {d}"
        );
    }

    #[test]
    fn the_gram_matrix_is_kept() {
        check(1, 1);
        check(3, 5);
        check(5, 3);
        check(256, 10);
        check(1000, 10);
        check(300, 70);
    }
}
