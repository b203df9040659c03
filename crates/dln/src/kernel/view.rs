//! ndarray views as faer views of the same memory: the only unsafe code of the crate.

use faer::{MatMut, MatRef};
use ndarray::{ArrayView2, ArrayViewMut2};

/// The same matrix, seen by faer.
#[expect(
    unsafe_code,
    reason = "faer has no safe constructor for two arbitrary strides"
)]
pub(crate) fn view<'a, T>(A: ArrayView2<'a, T>) -> MatRef<'a, T> {
    let (rows, columns) = A.dim();
    let strides = A.strides();
    let (row_stride, column_stride) = (strides[0], strides[1]);
    // SAFETY: ndarray guarantees that every index below `dim`, at these strides (in elements), is an
    // initialized element of one allocation that stays borrowed, shared, for 'a; the pointer is never null.
    unsafe { MatRef::from_raw_parts(A.as_ptr(), rows, columns, row_stride, column_stride) }
}

/// The same matrix, seen by faer and writable.
#[expect(
    unsafe_code,
    reason = "faer has no safe constructor for two arbitrary strides"
)]
pub(crate) fn view_mut<'a, T>(mut A: ArrayViewMut2<'a, T>) -> MatMut<'a, T> {
    let (rows, columns) = A.dim();
    let strides = A.strides();
    let (row_stride, column_stride) = (strides[0], strides[1]);
    let pointer = A.as_mut_ptr();
    // SAFETY: as in `view`; the view is consumed, so the borrow is unique for 'a, and ndarray's mutable
    // views never map two indices to one element.
    unsafe { MatMut::from_raw_parts_mut(pointer, rows, columns, row_stride, column_stride) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, s};

    #[test]
    fn every_stride_is_kept() {
        let A = Array2::from_shape_fn((5, 7), |(i, j)| (10 * i + j) as f64);
        let views = [
            A.view(),
            A.t(),
            A.slice(s![1..4, 2..6]),
            A.slice(s![..;2, ..;-3]),
        ];
        for one in views {
            let seen = view(one);
            assert_eq!((seen.nrows(), seen.ncols()), one.dim());
            for ((i, j), &value) in one.indexed_iter() {
                assert_eq!(seen[(i, j)], value);
            }
        }
    }

    #[test]
    fn writes_reach_the_array() {
        let mut A = Array2::<f64>::zeros((4, 3));
        let mut seen = view_mut(A.slice_mut(s![1.., ..]).reversed_axes());
        seen[(2, 1)] = 5.0;
        assert_eq!(A[[2, 2]], 5.0);
        assert_eq!(A.sum(), 5.0);
    }
}
