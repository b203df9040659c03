//! Matrices that are read in pieces, and the products that need no more than one piece at a time.

use std::convert::Infallible;

use ndarray::{Array2, ArrayView2, s};

use crate::kernel::{Accum, Threads, multiply, product};

/// A matrix that hands itself over in blocks of whole rows, in order, as often as it is asked.
pub trait Pieces {
    /// Why it cannot be read.
    type Error;

    /// Rows and columns.
    fn shape(&self) -> (usize, usize);

    /// Hands over every block with the number of its first row.
    ///
    /// # Errors
    /// Where it cannot be read to its end.
    fn visit(&self, take: &mut dyn FnMut(usize, ArrayView2<'_, f64>)) -> Result<(), Self::Error>;
}

impl Pieces for Array2<f64> {
    type Error = Infallible;

    fn shape(&self) -> (usize, usize) {
        self.dim()
    }

    fn visit(&self, take: &mut dyn FnMut(usize, ArrayView2<'_, f64>)) -> Result<(), Self::Error> {
        take(0, self.view());
        Ok(())
    }
}

/// The whole matrix.
///
/// # Errors
/// As [`Pieces::visit`].
pub fn gathered<P: Pieces>(A: &P) -> Result<Array2<f64>, P::Error> {
    let mut whole = Array2::zeros(A.shape());
    A.visit(&mut |first, block| {
        let rows = first..first + block.nrows();
        whole.slice_mut(s![rows, ..]).assign(&block);
    })?;
    Ok(whole)
}

/// `A X` and `||A||_F^2`.
pub(super) fn up<P: Pieces>(A: &P, X: ArrayView2<'_, f64>) -> Result<(Array2<f64>, f64), P::Error> {
    let mut image = Array2::zeros((A.shape().0, X.ncols()));
    let mut square = 0.0;
    A.visit(&mut |first, block| {
        let rows = first..first + block.nrows();
        let part = image.slice_mut(s![rows, ..]);
        product(Threads::Pool, part, Accum::Replace, 1.0, block, X);
        square += block.iter().map(|x| x * x).sum::<f64>();
    })?;
    Ok((image, square))
}

/// `A^T X`.
pub(super) fn down<P: Pieces>(A: &P, X: ArrayView2<'_, f64>) -> Result<Array2<f64>, P::Error> {
    let mut image = Array2::zeros((A.shape().1, X.ncols()));
    A.visit(&mut |first, block| {
        let part = X.slice(s![first..first + block.nrows(), ..]);
        image += &multiply(Threads::Pool, block.t(), part);
    })?;
    Ok(image)
}

/// `||A||_F^2`.
pub(super) fn square<P: Pieces>(A: &P) -> Result<f64, P::Error> {
    let mut square = 0.0;
    A.visit(&mut |_, block| square += block.iter().map(|x| x * x).sum::<f64>())?;
    Ok(square)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A matrix that comes a few rows at a time.
    pub(in crate::inspect) struct Sliced(
        pub(in crate::inspect) Array2<f64>,
        pub(in crate::inspect) usize,
    );

    impl Pieces for Sliced {
        type Error = Infallible;

        fn shape(&self) -> (usize, usize) {
            self.0.dim()
        }

        fn visit(
            &self,
            take: &mut dyn FnMut(usize, ArrayView2<'_, f64>),
        ) -> Result<(), Infallible> {
            for first in (0..self.0.nrows()).step_by(self.1) {
                let end = (first + self.1).min(self.0.nrows());
                take(first, self.0.slice(s![first..end, ..]));
            }
            Ok(())
        }
    }

    #[test]
    fn pieces_give_the_products_of_the_whole() {
        let A = Array2::from_shape_fn((11, 4), |(i, j)| (3 * i + 7 * j) as f64 % 5.0 - 2.0);
        let X = Array2::from_shape_fn((4, 3), |(i, j)| (i + 2 * j) as f64);
        let Y = Array2::from_shape_fn((11, 2), |(i, j)| (i * j) as f64 - 3.0);
        for rows in [1, 3, 11, 20] {
            let sliced = Sliced(A.clone(), rows);
            let Ok((image, size)) = up(&sliced, X.view());
            assert_eq!(image, A.dot(&X));
            assert_eq!(size, A.iter().map(|x| x * x).sum::<f64>());
            assert_eq!(square(&sliced), Ok(size));
            assert_eq!(down(&sliced, Y.view()), Ok(A.t().dot(&Y)));
            assert_eq!(gathered(&sliced), Ok(A.clone()));
        }
    }
}
