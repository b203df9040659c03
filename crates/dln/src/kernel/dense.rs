//! All entries, by dense products: where most are observed.

use ndarray::{Array2, s};

use crate::kernel::{Real, Threads, multiply_into, squared_residual};

#[derive(Debug)]
pub(crate) struct Dense<T> {
    Y: Array2<T>,
    mask: Option<Array2<T>>,
    /// The outputs, turned into the residual.
    E: Array2<T>,
    c: T,
}

impl<T: Real> Dense<T> {
    /// `Y`: `d_y x d_x`; `mask`: 0 or 1, of the same shape.
    pub(crate) fn new(Y: Array2<T>, mask: Option<Array2<T>>, c: T) -> Dense<T> {
        Dense {
            E: Array2::zeros(Y.dim()),
            Y,
            mask,
            c,
        }
    }

    /// As [`super::simd::Observed::pass`].
    pub(crate) fn pass(
        &mut self,
        threads: Threads,
        width: usize,
        [left, right]: [&Array2<T>; 2],
        out: &mut Array2<T>,
        back: Option<&mut Array2<T>>,
    ) -> f64 {
        let held = s![.., ..width];
        let (left, right) = (left.slice(held), right.slice(held));
        multiply_into(threads, self.E.view_mut(), left, right.t());
        let squares = squared_residual(threads, &mut self.E, &self.Y, self.mask.as_ref(), self.c);
        let E = self.E.view();
        multiply_into(threads, out.slice_mut(held), E, right);
        if let Some(back) = back {
            multiply_into(threads, back.slice_mut(held), E.t(), left);
        }
        squares
    }
}
