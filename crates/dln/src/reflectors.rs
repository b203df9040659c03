//! Haar (semi-)orthogonal matrices as products of Householder reflectors that are never stored.
//!
//! This file owns the draw of such a matrix and its products with a few columns or with the identity. Each
//! reflector is regenerated from its own stream when it is needed, so a product with `k` columns takes
//! `O(m (k + block))` memory, and the formed matrix and the one that was only applied are the same draw.

use std::f64::consts::SQRT_2;

use faer::linalg::matmul::matmul;
use faer::linalg::triangular_solve::{
    solve_unit_lower_triangular_in_place, solve_unit_upper_triangular_in_place,
};
use faer::prelude::{MatMut, MatRef, Reborrow, ReborrowMut};
use faer::{Accum, Par};
use ndarray::{Array2, ArrayView2};
use rand_chacha::ChaCha8Rng;

use crate::config::Draw;
use crate::stream::{Purpose, fill_normal, key};

/// Columns at and above which a product is wide: it then pays for the larger Gram matrix of a larger block.
const WIDE: usize = 64;
/// Reflectors a block when few columns are multiplied. The Gram matrix costs `2 block` a reflector and
/// row against `4 k` for the product, so at `k` = 10 to 20 columns 16 is about even.
const NARROW_BLOCK: usize = 16;
/// Reflectors a block when many columns are multiplied: products of inner size 64 run near full speed.
const WIDE_BLOCK: usize = 64;

/// A Haar semi-orthogonal `rows x columns` matrix.
///
/// For `rows >= columns` it is `H_1 ... H_n S E`: `E` the first `n` columns of the identity, `S` a diagonal
/// of signs, `H_j` the reflector that takes a standard normal vector on coordinates `j..` to its first axis,
/// drawn from stream `j`. For `rows < columns` it is the transpose of the `columns x rows` one.
///
/// # Source
/// Stewart, "The efficient generation of random orthogonal matrices with an application to condition
/// estimators", SIAM J. Numer. Anal. 17 (1980). The signs make the first column `x / ||x||`, so the
/// distribution is Haar without a further random sign.
#[derive(Clone, Debug)]
pub(crate) struct Reflectors {
    key: ChaCha8Rng,
    rows: usize,
    columns: usize,
}

impl Reflectors {
    pub(crate) fn new(
        draw: Draw,
        purpose: Purpose,
        index: u64,
        rows: usize,
        columns: usize,
    ) -> Self {
        Self {
            key: key(draw, purpose, index),
            rows,
            columns,
        }
    }

    /// (rows, columns).
    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// `Q X`.
    ///
    /// # Shapes
    /// `X`: `columns x k`; returns `rows x k`, row-major.
    /// # Panics
    /// When `X` does not have `columns` rows.
    pub(crate) fn apply(&self, X: ArrayView2<'_, f64>) -> Array2<f64> {
        assert_eq!(X.nrows(), self.columns, "rows of the matrix applied to");
        if self.rows >= self.columns {
            self.tall_product(X)
        } else {
            self.tall_transpose_product(X)
        }
    }

    /// `Q^T X`.
    ///
    /// # Shapes
    /// `X`: `rows x k`; returns `columns x k`, row-major.
    /// # Panics
    /// When `X` does not have `rows` rows.
    pub(crate) fn apply_transpose(&self, X: ArrayView2<'_, f64>) -> Array2<f64> {
        assert_eq!(X.nrows(), self.rows, "rows of the matrix applied to");
        if self.rows >= self.columns {
            self.tall_transpose_product(X)
        } else {
            self.tall_product(X)
        }
    }

    /// `Q` itself, `rows x columns`, row-major.
    pub(crate) fn form(&self) -> Array2<f64> {
        let (m, n) = self.tall_shape();
        let mut z = vec![0.0; m * n];
        let mut block = ReflectorBlock::new(self, n);
        for start in block.starts().rev() {
            block.draw(start);
            for (i, &sign) in block.signs.iter().enumerate() {
                z[(start + i) * m + start + i] = sign;
            }
            // The columns before `start` are still those of the identity and zero on the rows from `start`.
            block.reflect(&mut z, n, start, Order::LastFirst);
        }
        let (rows, columns) = self.shape();
        if rows >= columns {
            Array2::from_shape_fn((rows, columns), |(i, j)| z[j * m + i])
        } else {
            Array2::from_shape_fn((rows, columns), |(i, j)| z[i * m + j])
        }
    }

    /// Shape of the tall matrix that is drawn: this one or its transpose.
    fn tall_shape(&self) -> (usize, usize) {
        (self.rows.max(self.columns), self.rows.min(self.columns))
    }

    /// `H_1 ... H_n S E X`, from the last reflector to the first. A block's rows are untouched by the
    /// blocks after it, so the signs, known once the block is drawn, go in on the way.
    fn tall_product(&self, X: ArrayView2<'_, f64>) -> Array2<f64> {
        let (m, _) = self.tall_shape();
        let k = X.ncols();
        let mut z = vec![0.0; m * k];
        let mut block = ReflectorBlock::new(self, k);
        for start in block.starts().rev() {
            block.draw(start);
            for (i, &sign) in block.signs.iter().enumerate() {
                for (column, &x) in z.chunks_exact_mut(m).zip(X.row(start + i)) {
                    column[start + i] = sign * x;
                }
            }
            block.reflect(&mut z, k, 0, Order::LastFirst);
        }
        Array2::from_shape_fn((m, k), |(i, j)| z[j * m + i])
    }

    /// `E^T S H_n ... H_1 X`, from the first reflector to the last.
    fn tall_transpose_product(&self, X: ArrayView2<'_, f64>) -> Array2<f64> {
        let (m, n) = self.tall_shape();
        let k = X.ncols();
        let mut z: Vec<f64> = Vec::with_capacity(m * k);
        for column in X.columns() {
            z.extend(column);
        }
        let mut block = ReflectorBlock::new(self, k);
        for start in block.starts() {
            block.draw(start);
            block.reflect(&mut z, k, 0, Order::FirstFirst);
            for (i, &sign) in block.signs.iter().enumerate() {
                for column in z.chunks_exact_mut(m) {
                    column[start + i] *= sign;
                }
            }
        }
        Array2::from_shape_fn((n, k), |(i, j)| z[j * m + i])
    }
}

/// Which reflector of a block acts first.
#[derive(Clone, Copy)]
enum Order {
    /// `H_1 ... H_b`.
    LastFirst,
    /// `H_b ... H_1`.
    FirstFirst,
}

/// Consecutive reflectors in compact form: with every `||v_j||^2 = 2`, `H_1 ... H_b = I - V T V^T`, where
/// `T^-1` is the unit upper triangle of `V^T V`.
struct ReflectorBlock<'a> {
    source: &'a Reflectors,
    /// Rows and columns of the tall matrix.
    m: usize,
    n: usize,
    /// Reflectors in a full block.
    width: usize,
    start: usize,
    /// `(m - start) x b`, column-major.
    v: Vec<f64>,
    signs: Vec<f64>,
    /// `b x b`.
    gram: Vec<f64>,
    /// `b x k`.
    w: Vec<f64>,
}

impl<'a> ReflectorBlock<'a> {
    /// Buffers for products with `k` columns.
    fn new(source: &'a Reflectors, k: usize) -> Self {
        let (m, n) = source.tall_shape();
        let limit = if k < WIDE { NARROW_BLOCK } else { WIDE_BLOCK };
        let width = limit.min(n).max(1);
        Self {
            source,
            m,
            n,
            width,
            start: 0,
            v: vec![0.0; m * width],
            signs: Vec::with_capacity(width),
            gram: vec![0.0; width * width],
            w: vec![0.0; width * k],
        }
    }

    /// First reflector, from 0, of each block.
    fn starts(&self) -> std::iter::StepBy<std::ops::Range<usize>> {
        (0..self.n).step_by(self.width)
    }

    /// Draws the block whose first reflector, from 0, is `start`.
    fn draw(&mut self, start: usize) {
        let count = self.width.min(self.n - start);
        let height = self.m - start;
        self.start = start;
        self.signs.clear();
        let columns = self.v.chunks_exact_mut(height).take(count);
        for (i, column) in columns.enumerate() {
            let (above, v) = column.split_at_mut(i);
            above.fill(0.0);
            let number = (start + i + 1) as u64;
            self.signs.push(draw_reflector(&self.source.key, number, v));
        }
    }

    /// Applies the block to columns `first..k` of `z`, `m x k` and column-major, in place.
    fn reflect(&mut self, z: &mut [f64], k: usize, first: usize, order: Order) {
        let columns = k - first;
        if columns == 0 {
            return;
        }
        let count = self.signs.len();
        let height = self.m - self.start;
        let V = MatRef::from_column_major_slice(&self.v[..height * count], height, count);
        let mut gram =
            MatMut::from_column_major_slice_mut(&mut self.gram[..count * count], count, count);
        let mut W =
            MatMut::from_column_major_slice_mut(&mut self.w[..count * columns], count, columns);
        let mut Z = MatMut::from_column_major_slice_mut(z, self.m, k)
            .submatrix_mut(self.start, first, height, columns);
        matmul(
            gram.rb_mut(),
            Accum::Replace,
            V.transpose(),
            V,
            1.0,
            Par::Seq,
        );
        matmul(
            W.rb_mut(),
            Accum::Replace,
            V.transpose(),
            Z.rb(),
            1.0,
            Par::Seq,
        );
        match order {
            Order::LastFirst => {
                solve_unit_upper_triangular_in_place(gram.rb(), W.rb_mut(), Par::Seq);
            }
            Order::FirstFirst => {
                solve_unit_lower_triangular_in_place(gram.rb().transpose(), W.rb_mut(), Par::Seq);
            }
        }
        matmul(Z.rb_mut(), Accum::Add, V, W.rb(), -1.0, Par::Seq);
    }
}

/// Draws the vector `v` of reflector `number` (from 1), `||v||^2 = 2`, and returns the sign that belongs
/// to it: `sign * H e_1` is the direction of the normal vector drawn.
fn draw_reflector(key: &ChaCha8Rng, number: u64, v: &mut [f64]) -> f64 {
    let mut rng = key.clone();
    rng.set_stream(number);
    fill_normal(&mut rng, v);
    let norm = sum_of_squares(v).sqrt();
    let sign = if v[0] < 0.0 { -1.0 } else { 1.0 };
    if norm == 0.0 {
        v[0] = SQRT_2;
        return -sign;
    }
    let scale = 1.0 / (norm * (norm + v[0].abs())).sqrt();
    v[0] += sign * norm;
    for x in v {
        *x *= scale;
    }
    -sign
}

/// In eight partial sums, so that the additions do not wait for one another.
fn sum_of_squares(v: &[f64]) -> f64 {
    let mut lanes = [0.0f64; 8];
    let mut chunks = v.chunks_exact(8);
    for chunk in &mut chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += x * x;
        }
    }
    let rest: f64 = chunks.remainder().iter().map(|x| x * x).sum();
    lanes.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPES: [(usize, usize); 9] = [
        (1, 1),
        (5, 1),
        (1, 5),
        (6, 6),
        (40, 17),
        (17, 40),
        (70, 70),
        (150, 130),
        (130, 150),
    ];

    fn draw(replicate: u64) -> Draw {
        Draw { seed: 3, replicate }
    }

    fn matrix(rows: usize, columns: usize) -> Reflectors {
        Reflectors::new(draw(0), Purpose::Init, 1, rows, columns)
    }

    fn normals(rows: usize, columns: usize) -> Array2<f64> {
        let mut X = Array2::<f64>::zeros((rows, columns));
        let mut rng = crate::stream::stream(draw(9), Purpose::Inputs, 0, 0);
        fill_normal(
            &mut rng,
            X.as_slice_mut().expect("a new array is contiguous"),
        );
        X
    }

    fn check_close(found: &Array2<f64>, expected: &Array2<f64>, tolerance: f64, what: &str) {
        assert_eq!(found.dim(), expected.dim(), "{what}");
        let worst = found
            .iter()
            .zip(expected)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max);
        assert!(worst < tolerance, "{what}: {worst:e}");
    }

    #[test]
    fn the_short_side_is_orthonormal() {
        for (m, n) in SHAPES {
            let Q = matrix(m, n).form();
            let gram = if m >= n { Q.t().dot(&Q) } else { Q.dot(&Q.t()) };
            check_close(&gram, &Array2::eye(m.min(n)), 1e-13, "gram");
        }
    }

    #[test]
    fn applied_and_formed_agree_at_both_block_widths() {
        for (m, n) in SHAPES {
            let Q = matrix(m, n);
            let formed = Q.form();
            for k in [1, 3, WIDE - 1, WIDE + 6] {
                // Columns of normals have norms of about 12 at most, so 1e-13 of a unit column.
                let X = normals(n, k);
                check_close(&Q.apply(X.view()), &formed.dot(&X), 1e-12, "apply");
                let Y = normals(m, k);
                let transposed = Q.apply_transpose(Y.view());
                check_close(&transposed, &formed.t().dot(&Y), 1e-12, "transpose");
            }
            assert_eq!(Q.apply(normals(n, 0).view()).dim(), (m, 0));
        }
    }

    #[test]
    fn views_of_any_layout_give_the_same_bits() {
        let Q = matrix(40, 40);
        let X = normals(40, 6);
        let reversed = X.t().as_standard_layout().into_owned().reversed_axes();
        assert_eq!(Q.apply(X.view()), Q.apply(reversed.view()));
    }

    #[test]
    fn a_wide_matrix_is_the_transpose_of_the_tall_one() {
        assert_eq!(matrix(17, 40).form(), matrix(40, 17).form().t());
    }

    #[test]
    fn the_same_name_gives_the_same_bits_and_another_name_others() {
        assert_eq!(matrix(20, 20).form(), matrix(20, 20).form());
        let other = Reflectors::new(draw(0), Purpose::Init, 2, 20, 20).form();
        assert_ne!(matrix(20, 20).form(), other);
    }

    #[test]
    fn the_first_column_is_the_normalized_normal_vector() {
        let mut x = [0.0; 9];
        fill_normal(
            &mut crate::stream::stream(draw(0), Purpose::Init, 1, 1),
            &mut x,
        );
        let norm = x.iter().map(|x| x * x).sum::<f64>().sqrt();
        let Q = matrix(9, 4).form();
        for (q, x) in Q.column(0).iter().zip(x) {
            assert!((q - x / norm).abs() < 1e-15);
        }
    }

    /// For a Haar matrix of O(4): `E tr Q = 0`, `E (tr Q)^2 = 1`, `E (tr Q)^4 = 3`, `det Q = 1` half of the
    /// time, and every entry has mean 0 and mean square 1/4.
    #[test]
    fn moments_are_those_of_haar_measure() {
        let count = 20_000;
        let (mut trace, mut square, mut fourth, mut positive) = (0.0, 0.0, 0.0, 0.0);
        let mut entries = Array2::<f64>::zeros((4, 4));
        let mut squares = Array2::<f64>::zeros((4, 4));
        for replicate in 0..count {
            let Q = Reflectors::new(draw(replicate), Purpose::Init, 1, 4, 4).form();
            let t = Q.diag().sum();
            trace += t;
            square += t * t;
            fourth += t.powi(4);
            positive += f64::from(u8::from(determinant(Q.clone()) > 0.0));
            entries += &Q;
            squares += &Q.mapv(|q| q * q);
        }
        let n = count as f64;
        // About five standard errors each.
        check("trace", trace / n, 0.0, 5.0 / n.sqrt());
        check("square", square / n, 1.0, 5.0 * 1.5 / n.sqrt());
        check("fourth", fourth / n, 3.0, 5.0 * 9.0 / n.sqrt());
        check("determinant", positive / n, 0.5, 2.5 / n.sqrt());
        for (entry, square) in entries.iter().zip(&squares) {
            check("entry", entry / n, 0.0, 2.5 / n.sqrt());
            check("entry squared", square / n, 0.25, 1.25 / n.sqrt());
        }
    }

    fn check(what: &str, found: f64, expected: f64, tolerance: f64) {
        assert!(
            (found - expected).abs() < tolerance,
            "{what}: {found} is not {expected} +- {tolerance}"
        );
    }

    /// By Gaussian elimination; random matrices need no pivoting at this tolerance.
    fn determinant(mut A: Array2<f64>) -> f64 {
        let n = A.nrows();
        let mut product = 1.0;
        for p in 0..n {
            let pivot = A[[p, p]];
            product *= pivot;
            for i in p + 1..n {
                let factor = A[[i, p]] / pivot;
                for j in p..n {
                    A[[i, j]] -= factor * A[[p, j]];
                }
            }
        }
        product
    }
}
