//! A block of a weight matrix: bases on its sides, and what becomes of matrices there.

use ndarray::{Array2, ArrayView2, Axis, concatenate};

use crate::kernel::{Accum, Real, Threads, multiply, multiply_into, product};
use crate::optimizer::{BasisChange, Gradient};

/// Orthonormal columns on either side of an `m x n` matrix; `None`: everything on that side.
#[derive(Clone, Debug)]
pub(super) struct LayerBlock<T> {
    /// `U`, `m x a`.
    pub(super) left: Option<Array2<T>>,
    /// `V`, `n x b`.
    pub(super) right: Option<Array2<T>>,
}

impl<T> LayerBlock<T> {
    /// The whole matrix.
    pub(super) const WHOLE: LayerBlock<T> = LayerBlock {
        left: None,
        right: None,
    };

    /// Whether it is the whole matrix.
    pub(super) fn is_whole(&self) -> bool {
        self.left.is_none() && self.right.is_none()
    }
}

impl<T: Real> LayerBlock<T> {
    /// `(a, b)` of a matrix of this shape.
    pub(super) fn shape(&self, (m, n): (usize, usize)) -> (usize, usize) {
        let width = |side: &Option<Array2<T>>, all| side.as_ref().map_or(all, Array2::ncols);
        (width(&self.left, m), width(&self.right, n))
    }

    /// `within <- U^T G V`, in rooms for a product on the way.
    pub(super) fn project(
        &self,
        threads: Threads,
        gradient: &Gradient<'_, T>,
        within: &mut Array2<T>,
        scratch: &mut ProjectionScratch<T>,
    ) {
        let Gradient { left: B, right } = *gradient;
        match (&self.left, &self.right, right) {
            (None, None, _) => gradient.write_to(threads, within.view_mut()),
            (Some(U), None, None) => multiply_into(threads, within.view_mut(), U.t(), B),
            (None, Some(V), None) => multiply_into(threads, within.view_mut(), B, V.view()),
            (Some(U), Some(V), None) => {
                let half = of_shape(&mut scratch.first, U.ncols(), B.ncols());
                multiply_into(threads, half.view_mut(), U.t(), B);
                multiply_into(threads, within.view_mut(), half.view(), V.view());
            }
            (Some(U), None, Some(A)) => {
                let half = of_shape(&mut scratch.first, U.ncols(), B.ncols());
                multiply_into(threads, half.view_mut(), U.t(), B);
                multiply_into(threads, within.view_mut(), half.view(), A);
            }
            (None, Some(V), Some(A)) => {
                let half = of_shape(&mut scratch.first, A.nrows(), V.ncols());
                multiply_into(threads, half.view_mut(), A, V.view());
                multiply_into(threads, within.view_mut(), B, half.view());
            }
            (Some(U), Some(V), Some(A)) => {
                let above = of_shape(&mut scratch.first, U.ncols(), B.ncols());
                multiply_into(threads, above.view_mut(), U.t(), B);
                let below = of_shape(&mut scratch.second, A.nrows(), V.ncols());
                multiply_into(threads, below.view_mut(), A, V.view());
                multiply_into(threads, within.view_mut(), above.view(), below.view());
            }
        }
    }

    /// `W <- W + factor U D V^T`.
    pub(super) fn add_to(
        &self,
        threads: Threads,
        W: &mut Array2<T>,
        factor: T,
        D: &Array2<T>,
        scratch: &mut ProjectionScratch<T>,
    ) {
        let W = W.view_mut();
        match (&self.left, &self.right) {
            (None, None) => {
                let mut W = W;
                W.scaled_add(factor, D);
            }
            (Some(U), None) => product(threads, W, Accum::Add, factor, U.view(), D.view()),
            (None, Some(V)) => product(threads, W, Accum::Add, factor, D.view(), V.t()),
            (Some(U), Some(V)) => {
                let half = of_shape(&mut scratch.first, U.nrows(), D.ncols());
                multiply_into(threads, half.view_mut(), U.view(), D.view());
                product(threads, W, Accum::Add, factor, half.view(), V.t());
            }
        }
    }

    /// `U^T W V`.
    pub(super) fn coordinates(&self, threads: Threads, W: ArrayView2<'_, T>) -> Array2<T> {
        let rows = match &self.left {
            Some(U) => multiply(threads, U.t(), W),
            None => W.to_owned(),
        };
        match &self.right {
            Some(V) => multiply(threads, rows.view(), V.view()),
            None => rows,
        }
    }
}

/// From the coordinates of one block to those of another.
pub(super) fn between<T: Real>(
    threads: Threads,
    from: &LayerBlock<T>,
    to: &LayerBlock<T>,
) -> BasisChange<T> {
    let side = |from: &Option<Array2<T>>, to: &Option<Array2<T>>| match (from, to) {
        (Some(from), Some(to)) => Some(multiply(threads, to.t(), from.view())),
        (Some(from), None) => Some(from.clone()),
        // Blocks grow or change, they do not shrink.
        (None, _) => None,
    };
    BasisChange {
        left: side(&from.left, &to.left),
        right: side(&from.right, &to.right),
    }
}

/// The columns of `U`, and after them what those of `X` have outside, orthonormal.
pub(super) fn widened<T: Real>(U: &Array2<T>, X: ArrayView2<'_, f64>) -> Array2<T> {
    let wide = U.mapv(T::wide);
    let mut outside = X.to_owned();
    // Twice, so that what is left is orthogonal to the last digit.
    for _ in 0..2 {
        let along = multiply(Threads::Seq, wide.t(), outside.view());
        let (U, along) = (wide.view(), along.view());
        product(Threads::Seq, outside.view_mut(), Accum::Add, -1.0, U, along);
    }
    let added = crate::law::orthonormal(outside.view());
    let scratch = U.nrows() - U.ncols();
    let added = added.slice(ndarray::s![.., ..added.ncols().min(scratch)]);
    let all = concatenate![Axis(1), wide, added];
    all.mapv(T::of).as_standard_layout().into_owned()
}

/// ProjectionScratch for the products of a projection: a matrix of each shape that was asked for, on either side.
#[derive(Debug)]
pub(super) struct ProjectionScratch<T> {
    first: Vec<Array2<T>>,
    second: Vec<Array2<T>>,
}

impl<T: Real> ProjectionScratch<T> {
    /// Takes what it needs when it is first used.
    pub(super) fn new() -> ProjectionScratch<T> {
        ProjectionScratch {
            first: Vec::new(),
            second: Vec::new(),
        }
    }

    /// Gives back what blocks of other shapes have used.
    pub(super) fn clear(&mut self) {
        self.first.clear();
        self.second.clear();
    }
}

/// A matrix of this shape, with whatever numbers.
fn of_shape<T: Real>(kept: &mut Vec<Array2<T>>, rows: usize, columns: usize) -> &mut Array2<T> {
    let shape = (rows, columns);
    let at = kept.iter().position(|kept| kept.dim() == shape);
    let at = at.unwrap_or_else(|| {
        kept.push(Array2::zeros(shape));
        kept.len() - 1
    });
    &mut kept[at]
}
