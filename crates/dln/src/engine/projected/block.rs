//! A block of a weight matrix: bases on its sides, and what becomes of matrices there.

use ndarray::{Array2, ArrayView2, Axis, concatenate};

use crate::kernel::{Accum, Real, Threads, multiply, multiply_into, product};
use crate::optimizer::{Gradient, Turn};

/// Orthonormal columns on either side of an `m x n` matrix; `None`: everything on that side.
#[derive(Clone, Debug)]
pub(super) struct Block<T> {
    /// `U`, `m x a`.
    pub(super) left: Option<Array2<T>>,
    /// `V`, `n x b`.
    pub(super) right: Option<Array2<T>>,
}

impl<T> Block<T> {
    /// The whole matrix.
    pub(super) const WHOLE: Block<T> = Block {
        left: None,
        right: None,
    };

    /// Whether it is the whole matrix.
    pub(super) fn is_whole(&self) -> bool {
        self.left.is_none() && self.right.is_none()
    }
}

impl<T: Real> Block<T> {
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
        room: &mut Room<T>,
    ) {
        let Gradient { left: B, right } = *gradient;
        match (&self.left, &self.right, right) {
            (None, None, _) => gradient.write_to(threads, within.view_mut()),
            (Some(U), None, None) => multiply_into(threads, within.view_mut(), U.t(), B),
            (None, Some(V), None) => multiply_into(threads, within.view_mut(), B, V.view()),
            (Some(U), Some(V), None) => {
                let half = room.first.of(U.ncols(), B.ncols());
                multiply_into(threads, half.view_mut(), U.t(), B);
                multiply_into(threads, within.view_mut(), half.view(), V.view());
            }
            (Some(U), None, Some(A)) => {
                let half = room.first.of(U.ncols(), B.ncols());
                multiply_into(threads, half.view_mut(), U.t(), B);
                multiply_into(threads, within.view_mut(), half.view(), A);
            }
            (None, Some(V), Some(A)) => {
                let half = room.first.of(A.nrows(), V.ncols());
                multiply_into(threads, half.view_mut(), A, V.view());
                multiply_into(threads, within.view_mut(), B, half.view());
            }
            (Some(U), Some(V), Some(A)) => {
                let above = room.first.of(U.ncols(), B.ncols());
                multiply_into(threads, above.view_mut(), U.t(), B);
                let below = room.second.of(A.nrows(), V.ncols());
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
        room: &mut Room<T>,
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
                let half = room.first.of(U.nrows(), D.ncols());
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
pub(super) fn between<T: Real>(threads: Threads, from: &Block<T>, to: &Block<T>) -> Turn<T> {
    let side = |from: &Option<Array2<T>>, to: &Option<Array2<T>>| match (from, to) {
        (Some(from), Some(to)) => Some(multiply(threads, to.t(), from.view())),
        (Some(from), None) => Some(from.clone()),
        // Blocks grow or turn, they do not shrink.
        (None, _) => None,
    };
    Turn {
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
    let room = U.nrows() - U.ncols();
    let added = added.slice(ndarray::s![.., ..added.ncols().min(room)]);
    let all = concatenate![Axis(1), wide, added];
    all.mapv(T::of)
}

/// Room for the products of a projection.
#[derive(Debug)]
pub(super) struct Room<T> {
    first: Scratch<T>,
    second: Scratch<T>,
}

impl<T: Real> Room<T> {
    /// Takes what it needs when it is first used.
    pub(super) fn new() -> Room<T> {
        Room {
            first: Scratch(Vec::new()),
            second: Scratch(Vec::new()),
        }
    }
}

#[derive(Debug)]
struct Scratch<T>(Vec<Array2<T>>);

impl<T: Real> Scratch<T> {
    /// A matrix of this shape, with whatever numbers: one is kept for each shape that was asked for.
    fn of(&mut self, rows: usize, columns: usize) -> &mut Array2<T> {
        let shape = (rows, columns);
        let at = self.0.iter().position(|kept| kept.dim() == shape);
        let at = at.unwrap_or_else(|| {
            self.0.push(Array2::zeros(shape));
            self.0.len() - 1
        });
        &mut self.0[at]
    }
}
