//! Orthonormal bases that grow.
//!
//! This file owns how a direction comes to count as new. Which directions are offered, and when, is the
//! business of `closure`.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, ShapeBuilder, s};

use crate::kernel::{Accum, Threads, dot, multiply, product, scale, scaled_add};

/// An orthonormal basis of a subspace of `R^rows`, column after column.
#[derive(Clone, Debug)]
pub(crate) struct Basis {
    /// At least 1.
    rows: usize,
    entries: Vec<f64>,
}

/// Vectors seen from a basis.
pub(crate) struct Coordinates {
    /// `width x k`.
    pub(crate) within: Array2<f64>,
    /// What the basis does not reach, `rows x k`.
    pub(crate) outside: Array2<f64>,
}

impl Basis {
    /// The basis of the null space.
    pub(crate) fn new(rows: usize) -> Basis {
        Basis {
            rows,
            entries: Vec::new(),
        }
    }

    /// The unit vectors, in order.
    pub(super) fn whole(rows: usize) -> Basis {
        let mut entries = vec![0.0; rows * rows];
        for unit in entries.iter_mut().step_by(rows + 1) {
            *unit = 1.0;
        }
        Basis { rows, entries }
    }

    /// Dimension of the space around.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Dimension of the subspace.
    pub(crate) fn width(&self) -> usize {
        self.entries.len() / self.rows
    }

    /// Whether it holds every direction there is.
    pub(crate) fn is_full(&self) -> bool {
        self.width() == self.rows
    }

    /// `rows x width`.
    pub(crate) fn view(&self) -> ArrayView2<'_, f64> {
        self.columns(0..self.width())
    }

    /// `rows x range.len()`.
    pub(crate) fn columns(&self, range: Range<usize>) -> ArrayView2<'_, f64> {
        let entries = &self.entries[range.start * self.rows..range.end * self.rows];
        ArrayView2::from_shape((self.rows, range.len()).f(), entries)
            .expect("a basis holds whole columns")
    }

    /// Takes in what `X` has outside, direction by direction from the farthest, until every column of `X`
    /// lies within `tolerance` of the subspace.
    ///
    /// # Shapes
    /// `X`: `rows x k`, columns of a norm of about 1.
    pub(crate) fn extend(&mut self, X: ArrayView2<'_, f64>, tolerance: f64) {
        let rows = self.rows;
        let mut rest: Vec<f64> = Vec::with_capacity(X.len());
        for column in X.columns() {
            rest.extend(column);
        }
        for _ in 0..2 {
            self.project_out(&mut rest, X.ncols());
        }
        let mut pending: Vec<&mut [f64]> = rest.chunks_exact_mut(rows).collect();
        while self.width() < rows {
            let farthest = pending
                .iter()
                .map(|y| dot(y, y))
                .enumerate()
                .max_by(|a, b| a.1.total_cmp(&b.1));
            let Some((at, square)) = farthest else { break };
            if square.sqrt() <= tolerance {
                break;
            }
            let direction = pending.swap_remove(at);
            self.push(direction);
            let newest = &self.entries[self.entries.len() - rows..];
            for y in &mut pending {
                let y: &mut [f64] = y;
                let along = dot(newest, y);
                scaled_add(Threads::Seq, y, -along, newest);
            }
        }
    }

    /// The components of `X`, `rows x k`.
    pub(crate) fn coordinates(&self, X: ArrayView2<'_, f64>) -> Coordinates {
        let U = self.view();
        let within = multiply(Threads::Seq, U.t(), X);
        let mut outside = X.to_owned();
        product(
            Threads::Seq,
            outside.view_mut(),
            Accum::Add,
            -1.0,
            U,
            within.view(),
        );
        Coordinates { within, outside }
    }

    /// `sqrt(sum_i (weights_i ||(I - P) x_i||)^2)` over the columns of `X`.
    pub(super) fn distance(&self, X: ArrayView2<'_, f64>, weights: &[f64]) -> f64 {
        let outside = self.coordinates(X).outside;
        let columns = outside.columns().into_iter().zip(weights);
        columns
            .map(|(column, weight)| weight * weight * column.dot(&column))
            .sum::<f64>()
            .sqrt()
    }

    /// Makes `direction` a unit vector orthogonal to the basis, and the next column.
    fn push(&mut self, direction: &mut [f64]) {
        for _ in 0..2 {
            normalize(direction);
            self.project_out(direction, 1);
        }
        normalize(direction);
        self.entries.extend_from_slice(direction);
    }

    /// `Y - U U^T Y`, `Y` `rows x k` and column-major, in place.
    fn project_out(&self, Y: &mut [f64], k: usize) {
        if self.entries.is_empty() || k == 0 {
            return;
        }
        let U = self.view();
        let mut Y = ArrayViewMut2::from_shape((self.rows, k).f(), Y)
            .expect("the columns have the length of the basis");
        let along = multiply(Threads::Seq, U.t(), Y.view());
        product(
            Threads::Seq,
            Y.view_mut(),
            Accum::Add,
            -1.0,
            U,
            along.view(),
        );
    }
}

/// An orthonormal basis of the span of the columns of `X`, directions below 1e-8 left out.
///
/// # Shapes
/// `X`: `n x k`, columns of a norm of about 1; returns `n x p`, `p <= k`, row-major.
pub(crate) fn orthonormal(X: ArrayView2<'_, f64>) -> Array2<f64> {
    let mut basis = Basis::new(X.nrows());
    basis.extend(X, 1e-8);
    basis.view().as_standard_layout().into_owned()
}

/// The columns of `U`, orthonormal, and as many orthonormal ones after them as make this number.
///
/// # Shapes
/// `U`: `n x k`; returns `n x columns`, `columns <= n`; fewer than `k` where fewer are asked for.
pub(crate) fn completed(U: ArrayView2<'_, f64>, columns: usize) -> Array2<f64> {
    let (rows, k) = U.dim();
    if columns <= k {
        return U.slice(s![.., ..columns]).to_owned();
    }
    let mut all = Basis::new(rows);
    all.extend(U, 0.5);
    // Of the unit vectors, those that lie farthest outside come first: none of the rest is near the span.
    all.extend(Array2::eye(rows).view(), 1e-6);
    let mut found = Array2::zeros((rows, columns));
    found.slice_mut(s![.., ..k]).assign(&U);
    found
        .slice_mut(s![.., k..])
        .assign(&all.columns(k..columns));
    found
}

fn normalize(v: &mut [f64]) {
    let norm = dot(v, v).sqrt();
    scale(Threads::Seq, v, 1.0 / norm);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Axis, concatenate};

    fn normals(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
        let draw = crate::config::Draw { seed, replicate: 0 };
        let purpose = crate::stream::Purpose::Inputs;
        crate::stream::normal_rows(draw, purpose, 0, rows, columns) / (rows as f64).sqrt()
    }

    fn check(X: &Array2<f64>, tolerance: f64, width: usize) -> Basis {
        let mut basis = Basis::new(X.nrows());
        basis.extend(X.view(), tolerance);
        assert_eq!(basis.width(), width);
        let gram = basis.view().t().dot(&basis.view()) - Array2::<f64>::eye(width);
        assert!(gram.iter().all(|x| x.abs() < 1e-14));
        let outside = basis.coordinates(X.view()).outside;
        for column in outside.axis_iter(Axis(1)) {
            assert!(column.dot(&column).sqrt() <= tolerance);
        }
        basis
    }

    #[test]
    fn what_is_within_adds_nothing() {
        let X = normals(50, 7, 1);
        let mut basis = check(&X, 1e-8, 7);
        let mixed = X.dot(&normals(7, 20, 2));
        basis.extend(mixed.view(), 1e-8);
        assert_eq!(basis.width(), 7);
        basis.extend(normals(50, 4, 3).view(), 1e-8);
        assert_eq!(basis.width(), 11);
    }

    #[test]
    fn directions_above_the_tolerance_are_kept_and_those_below_are_not() {
        let A = normals(30, 3, 1);
        let mut near = A.clone();
        near += &(normals(30, 3, 2) * 1e-6);
        check(&concatenate![Axis(1), A, near], 1e-8, 6);
        let mut nearer = A.clone();
        nearer += &(normals(30, 3, 2) * 1e-10);
        check(&concatenate![Axis(1), A, nearer], 1e-8, 3);
    }

    #[test]
    fn a_basis_fills_its_space_and_no_more() {
        check(&normals(6, 15, 1), 1e-8, 6);
        check(&Array2::zeros((6, 3)), 1e-8, 0);
        check(&Array2::zeros((6, 0)), 1e-8, 0);
        check(&Array2::from_elem((1, 1), -2.0), 1e-8, 1);
    }

    #[test]
    fn the_whole_space_has_its_own_coordinates() {
        let whole = Basis::whole(3);
        assert_eq!(whole.view(), Array2::<f64>::eye(3));
        let X = normals(3, 5, 4);
        let seen = whole.coordinates(X.view());
        assert_eq!(seen.within, X);
        assert!(seen.outside.iter().all(|&x| x == 0.0));
    }

    #[test]
    fn distances_weigh_each_column() {
        let basis = check(
            &Array2::eye(4).slice(ndarray::s![.., ..2]).to_owned(),
            1e-8,
            2,
        );
        let X = Array2::<f64>::eye(4);
        assert_eq!(basis.distance(X.view(), &[5.0, 7.0, 0.0, 2.0]), 2.0);
    }
}
