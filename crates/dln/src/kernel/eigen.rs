//! Functions of symmetric matrices by faer, on one thread so that the bits do not depend on how many there are.

use faer::Par;
use faer::diag::DiagMut;
use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use ndarray::{ArrayView2, ArrayViewMut2, ShapeBuilder};

use super::{Threads, multiply_into, view, view_mut};

/// Room for the functions of symmetric matrices up to a size, kept from one to the next.
pub(crate) struct SymmetricScratch {
    memory: MemBuffer,
    /// Eigenvectors, and the same with scaled columns.
    vectors: Vec<f64>,
    scaled: Vec<f64>,
    values: Vec<f64>,
}

impl std::fmt::Debug for SymmetricScratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = self.values.len();
        write!(f, "SymmetricScratch({size})")
    }
}

impl SymmetricScratch {
    /// For matrices with these numbers of rows.
    pub(crate) fn new(sizes: impl Iterator<Item = usize> + Clone) -> SymmetricScratch {
        let size = sizes.clone().max().unwrap_or(0);
        // Of nothing, the library would count rows below none.
        let requests = sizes.filter(|&size| size > 0).map(|size| {
            let vectors = ComputeEigenvectors::Yes;
            self_adjoint_evd_scratch::<f64>(size, vectors, Par::Seq, Default::default())
        });
        SymmetricScratch {
            memory: MemBuffer::new(requests.fold(StackReq::EMPTY, StackReq::or)),
            vectors: vec![0.0; size * size],
            scaled: vec![0.0; size * size],
            values: vec![0.0; size],
        }
    }

    /// `out <- U diag(of(values)) U^T` of `A = U diag(values) U^T`, of which the lower triangle is read; not a number
    /// where an entry of it is not finite or the iteration does not converge.
    ///
    /// # Panics
    /// Where the matrices are not square, of one size, and that size is not one of the scratch.
    pub(crate) fn apply(
        &mut self,
        threads: Threads,
        A: ArrayView2<'_, f64>,
        of: impl Fn(f64) -> f64,
        mut out: ArrayViewMut2<'_, f64>,
    ) {
        let size = A.nrows();
        if size == 0 {
            return;
        }
        let U = &mut self.vectors[..size * size];
        let mut U = ArrayViewMut2::from_shape((size, size).f(), U).expect("as many numbers");
        let values = &mut self.values[..size];
        let is_finite = A.iter().all(|x| x.is_finite());
        let decomposed = is_finite
            && self_adjoint_evd(
                view(A),
                DiagMut::from_slice_mut(values),
                Some(view_mut(U.view_mut())),
                Par::Seq,
                MemStack::new(&mut self.memory),
                Default::default(),
            )
            .is_ok();
        if !decomposed {
            out.fill(f64::NAN);
            return;
        }
        let scaled = &mut self.scaled[..size * size];
        let columns = U
            .columns()
            .into_iter()
            .zip(scaled.chunks_exact_mut(size.max(1)));
        for ((column, scaled), &value) in columns.zip(&*values) {
            let factor = of(value);
            for (to, &from) in scaled.iter_mut().zip(column) {
                *to = factor * from;
            }
        }
        let scaled = ArrayView2::from_shape((size, size).f(), scaled).expect("as many numbers");
        multiply_into(threads, out, scaled, U.t());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn symmetric(size: usize) -> Array2<f64> {
        let entry = |(i, j): (usize, usize)| ((i.max(j) * 131 + i.min(j) * 17) % 101) as f64 - 50.0;
        Array2::from_shape_fn((size, size), entry)
    }

    #[test]
    fn a_function_of_the_values_is_one_of_the_matrix() {
        let mut scratch = SymmetricScratch::new([40, 1, 7, 0].into_iter());
        for size in [40, 1, 7, 0] {
            let A = symmetric(size);
            let mut found = Array2::zeros((size, size));
            scratch.apply(Threads::Seq, A.view(), |x| x, found.view_mut());
            assert!((&found - &A).iter().all(|x| x.abs() < 1e-11), "{size}");
            scratch.apply(Threads::Seq, A.view(), |x| x * x, found.view_mut());
            let wanted = A.dot(&A);
            let bound = 1e-13 * (size * size) as f64 * 2500.0;
            assert!(
                (&found - &wanted).iter().all(|x| x.abs() <= bound),
                "{size}"
            );
        }
    }

    #[test]
    fn what_is_not_finite_has_no_function() {
        let mut A = symmetric(3);
        A[[2, 0]] = f64::INFINITY;
        let mut found = Array2::zeros((3, 3));
        SymmetricScratch::new([3].into_iter()).apply(
            Threads::Seq,
            A.view(),
            |x| x,
            found.view_mut(),
        );
        assert!(found.iter().all(|x| x.is_nan()));
    }
}
