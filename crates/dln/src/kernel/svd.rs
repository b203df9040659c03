//! Singular values and vectors by faer, on one thread so that the bits do not depend on how many there are.

use faer::Par;
use faer::diag::DiagMut;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::svd::{ComputeSvdVectors, svd as faer_svd, svd_scratch};
use ndarray::{Array2, ArrayView2, ShapeBuilder};

use super::{view, view_mut};

/// A thin decomposition `U diag(s) V^T`, `k = min(m, n)`.
#[derive(Clone, Debug)]
pub(crate) struct Svd {
    /// `m x k`, orthonormal columns.
    pub(crate) U: Array2<f64>,
    /// `k` values, descending.
    pub(crate) s: Vec<f64>,
    /// `n x k`, orthonormal columns.
    pub(crate) V: Array2<f64>,
}

/// The thin singular value decomposition of an `m x n` matrix; `None` where an entry is not finite or the
/// iteration does not converge.
pub(crate) fn svd(A: ArrayView2<'_, f64>) -> Option<Svd> {
    let (m, n) = A.dim();
    let k = m.min(n);
    let mut U = Array2::zeros((m, k).f());
    let mut V = Array2::zeros((n, k).f());
    let s = decompose(A, Some((&mut U, &mut V)))?;
    Some(Svd { U, s, V })
}

/// The singular values of an `m x n` matrix, descending; `None` as in [`svd`].
pub(crate) fn singular_values(A: ArrayView2<'_, f64>) -> Option<Vec<f64>> {
    decompose(A, None)
}

fn decompose(
    A: ArrayView2<'_, f64>,
    vectors: Option<(&mut Array2<f64>, &mut Array2<f64>)>,
) -> Option<Vec<f64>> {
    let (m, n) = A.dim();
    let factor = safe_factor(A)?;
    let scaled = if factor == 1.0 {
        None
    } else {
        Some(A.mapv(|x| x * factor))
    };
    let A = scaled.as_ref().map_or(A, |scaled| scaled.view());
    let compute = match vectors {
        Some(_) => ComputeSvdVectors::Thin,
        None => ComputeSvdVectors::No,
    };
    let (U, V) = match vectors {
        Some((U, V)) => (Some(view_mut(U.view_mut())), Some(view_mut(V.view_mut()))),
        None => (None, None),
    };
    let scratch = svd_scratch::<f64>(m, n, compute, compute, Par::Seq, Default::default());
    let mut memory = MemBuffer::new(scratch);
    let mut s = vec![0.0; m.min(n)];
    faer_svd(
        view(A),
        DiagMut::from_slice_mut(&mut s),
        U,
        V,
        Par::Seq,
        MemStack::new(&mut memory),
        Default::default(),
    )
    .ok()?;
    for value in &mut s {
        *value /= factor;
    }
    Some(s)
}

/// A power of two that brings the largest entry near 1 where squares of the entries would overflow or
/// vanish (networks of small initial scale and large depth have end-to-end maps near 1e-100); else 1.
fn safe_factor(A: ArrayView2<'_, f64>) -> Option<f64> {
    let mut largest = 0.0f64;
    for value in A {
        if !value.is_finite() {
            return None;
        }
        largest = largest.max(value.abs());
    }
    if largest == 0.0 || (1e-100..1e100).contains(&largest) {
        return Some(1.0);
    }
    let exponent = largest.log2().floor().clamp(-1000.0, 1000.0);
    Some(2f64.powi(-(exponent as i32)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array1;

    fn matrix(rows: usize, columns: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows, columns), |(i, j)| {
            (((i * 131 + j * 17 + i * j) % 101) as f64 / 50.5) - 1.0
        })
    }

    fn check(rows: usize, columns: usize, size: f64) {
        let A = matrix(rows, columns) * size;
        let Svd { U, s, V } = svd(A.view()).expect("converges");
        let k = rows.min(columns);
        assert_eq!((U.dim(), s.len(), V.dim()), ((rows, k), k, (columns, k)));
        assert!(s.is_sorted_by(|a, b| a >= b));
        let tolerance = 1e-13 * (rows + columns) as f64;
        let back = (&U * &Array1::from(s.clone())).dot(&V.t());
        assert!((&back - &A).iter().all(|x| x.abs() <= tolerance * s[0]));
        for basis in [&U, &V] {
            let gram = basis.t().dot(basis) - Array2::<f64>::eye(k);
            assert!(gram.iter().all(|x| x.abs() <= tolerance));
        }
        let alone = singular_values(A.view()).expect("converges");
        for (a, b) in alone.iter().zip(&s) {
            assert!((a - b).abs() <= tolerance * s[0]);
        }
    }

    #[test]
    fn factors_multiply_back_at_every_shape_and_size() {
        check(1, 1, 1.0);
        check(7, 3, 1.0);
        check(3, 40, 1.0);
        check(60, 60, 1.0);
        check(60, 20, 1e-140);
        check(20, 20, 1e140);
    }

    #[test]
    fn zeros_differ_from_non_finite_entries() {
        let zeros = Array2::zeros((4, 3));
        assert_eq!(singular_values(zeros.view()), Some(vec![0.0; 3]));
        let mut A = matrix(4, 4);
        A[[2, 1]] = f64::NAN;
        assert_eq!(singular_values(A.view()), None);
        assert!(svd(A.view()).is_none());
    }
}
