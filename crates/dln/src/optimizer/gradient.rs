//! A gradient as the engines hand it over: a product that is not multiplied out.

use ndarray::{Array2, ArrayView2, ArrayViewMut2};

use crate::kernel::{Accum, Real, Threads, entries_mut, multiply_into, product, scaled_add};

/// A gradient of the train loss: `left * right`, or `left` alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gradient<'a, T> {
    pub(crate) left: ArrayView2<'a, T>,
    pub(crate) right: Option<ArrayView2<'a, T>>,
}

impl<'a, T> Gradient<'a, T> {
    /// One that is multiplied out.
    pub(crate) fn of(G: &'a Array2<T>) -> Gradient<'a, T> {
        Gradient {
            left: G.view(),
            right: None,
        }
    }
}

impl<T: Real> Gradient<'_, T> {
    /// `target <- gradient`.
    pub(crate) fn write_to(&self, threads: Threads, mut target: ArrayViewMut2<'_, T>) {
        match self.right {
            Some(right) => multiply_into(threads, target, self.left, right),
            None => target.assign(&self.left),
        }
    }

    /// `target <- target + factor * gradient`.
    pub(crate) fn add_to(&self, threads: Threads, target: &mut Array2<T>, factor: T) {
        match (self.right, self.left.as_slice()) {
            (Some(right), _) => {
                product(
                    threads,
                    target.view_mut(),
                    Accum::Add,
                    factor,
                    self.left,
                    right,
                );
            }
            (None, Some(left)) => scaled_add(threads, entries_mut(target), factor, left),
            (None, None) => target.scaled_add(factor, &self.left),
        }
    }
}

/// Room for a gradient multiplied out.
#[derive(Debug)]
pub(super) struct Scratch<T>(Vec<T>);

impl<T: Real> Scratch<T> {
    /// As large as the largest of these layers.
    pub(super) fn new(shapes: &[(usize, usize)]) -> Scratch<T> {
        let largest = shapes.iter().map(|(m, n)| m * n).max().unwrap_or(0);
        Scratch(vec![T::of(0.0); largest])
    }

    /// The gradient of a layer of this shape, row by row.
    pub(super) fn multiplied_out(
        &mut self,
        threads: Threads,
        shape: (usize, usize),
        gradient: &Gradient<'_, T>,
    ) -> &mut [T] {
        let G = &mut self.0[..shape.0 * shape.1];
        gradient.write_to(threads, seen_mut(shape, G));
        G
    }
}

/// Numbers as the matrix of this shape that they are, row by row.
///
/// # Panics
/// Where they are more or fewer than its entries.
pub(super) fn seen<T>(shape: (usize, usize), entries: &[T]) -> ArrayView2<'_, T> {
    ArrayView2::from_shape(shape, entries).expect("as many numbers as the matrix has entries")
}

/// As [`seen`], writable.
///
/// # Panics
/// As [`seen`].
pub(super) fn seen_mut<T>(shape: (usize, usize), entries: &mut [T]) -> ArrayViewMut2<'_, T> {
    ArrayViewMut2::from_shape(shape, entries).expect("as many numbers as the matrix has entries")
}
