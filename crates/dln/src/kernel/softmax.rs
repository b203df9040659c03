//! Softmax over the columns of a matrix, sample by sample.
//!
//! With `z` the outputs of a sample, `t` the largest and `rest` the sum of `exp(z_i - t)` over all but one that
//! attains it: `-log softmax(z)[k] = log1p(rest) + t - z_k`. Nothing overflows, and neither the loss nor the slope of
//! a sample that is nearly certain loses digits to a difference from 1.
//!
//! Rows are contiguous, so a few columns are taken together and every pass runs along them. Sums are taken in double
//! precision and added as a fixed tree over blocks whose borders depend on the shape alone.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};

use super::{Real, Smooth, Threads, dispatched};

/// Columns of a block: their sums fit into the first-level cache.
const BLOCK: usize = 64;
/// Entries below which one thread goes on alone.
const ALONE: usize = 16_384;

/// Replaces the outputs `E` by `factor * (softmax(E) - Y)` and returns the sum over the samples of
/// `-log softmax(E)[class]`.
///
/// # Shapes
/// Both `classes x n`, `Y` one-hot.
/// # Panics
/// Where the arrays are not in row-major order and of one shape.
pub(crate) fn softmax_residual<T: Real>(
    threads: Threads,
    E: &mut Array2<T>,
    Y: &Array2<T>,
    factor: T,
) -> f64 {
    assert_eq!(E.dim(), Y.dim(), "outputs and targets");
    in_blocks(threads, E.view_mut(), Y.view(), factor)
}

fn in_blocks<T: Real>(
    threads: Threads,
    E: ArrayViewMut2<'_, T>,
    Y: ArrayView2<'_, T>,
    factor: T,
) -> f64 {
    let (classes, n) = E.dim();
    if n <= BLOCK {
        return dispatched(Block { E, Y, factor });
    }
    let border = (n / 2).next_multiple_of(BLOCK);
    let (E_one, E_other) = E.split_at(Axis(1), border);
    let (Y_one, Y_other) = Y.split_at(Axis(1), border);
    let one = || in_blocks(threads, E_one, Y_one, factor);
    let other = || in_blocks(threads, E_other, Y_other, factor);
    match threads {
        Threads::Pool if classes * n > ALONE => {
            let (a, b) = rayon::join(one, other);
            a + b
        }
        Threads::Seq | Threads::Pool => one() + other(),
    }
}

/// What is kept of each column of a block.
struct Columns {
    /// The largest output.
    top: [f64; BLOCK],
    /// Sum of the exponentials of the others.
    rest: [f64; BLOCK],
    /// How many attain the largest.
    ties: [f64; BLOCK],
    /// The output of the class, less the largest.
    own: [f64; BLOCK],
}

struct Block<'a, T> {
    E: ArrayViewMut2<'a, T>,
    Y: ArrayView2<'a, T>,
    factor: T,
}

impl<T: Real> pulp::NullaryFnOnce for Block<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        block(self.E, self.Y, self.factor)
    }
}

#[inline(always)]
fn block<T: Real>(mut E: ArrayViewMut2<'_, T>, Y: ArrayView2<'_, T>, factor: T) -> f64 {
    let mut columns = Columns {
        top: [f64::NEG_INFINITY; BLOCK],
        rest: [0.0; BLOCK],
        ties: [0.0; BLOCK],
        own: [0.0; BLOCK],
    };
    for row in E.rows() {
        for (top, &z) in columns.top.iter_mut().zip(row) {
            let z = z.wide();
            *top = if z > *top { z } else { *top };
        }
    }
    for (mut row, y) in E.rows_mut().into_iter().zip(Y.rows()) {
        exponentials(&mut columns, slice_mut(&mut row), slice(&y));
    }
    for (rest, ties) in columns.rest.iter_mut().zip(&columns.ties) {
        *rest += ties - 1.0;
    }
    for (mut row, y) in E.rows_mut().into_iter().zip(Y.rows()) {
        let pairs = slice_mut(&mut row).iter_mut().zip(slice(&y));
        for ((e, &y), &rest) in pairs.zip(&columns.rest) {
            let (x, y) = (e.wide(), y.wide());
            let total = 1.0 + rest;
            let others = if x == 1.0 { rest } else { total - x };
            *e = factor * T::of((x * (1.0 - y) - others * y) / total);
        }
    }
    let n = E.ncols();
    let samples = columns.rest[..n].iter().zip(&columns.own);
    samples.map(|(rest, own)| rest.ln_1p() - own).sum()
}

/// Replaces a row by its exponentials over the largest of each column.
#[inline(always)]
fn exponentials<T: Real>(columns: &mut Columns, row: &mut [T], y: &[T]) {
    let Columns {
        top,
        rest,
        ties,
        own,
    } = columns;
    for (((e, &y), &top), own) in row.iter_mut().zip(y).zip(top.iter()).zip(own) {
        let z = e.wide() - top;
        *own += y.wide() * z;
        *e = T::of(z);
    }
    for ((e, rest), ties) in row.iter_mut().zip(rest).zip(ties) {
        let z = e.wide();
        let x = z.exponential();
        *e = T::of(x);
        // What is not a number stays in the sum, so that a diverging run shows.
        let is_top = z == 0.0;
        *rest += if is_top { 0.0 } else { x };
        *ties += if is_top { 1.0 } else { 0.0 };
    }
}

/// The softmax of each column, for measurements.
pub(crate) fn softmax(E: ArrayView2<'_, f64>) -> Array2<f64> {
    let mut P = E.as_standard_layout().into_owned();
    for mut column in P.columns_mut() {
        let top = column.fold(f64::NEG_INFINITY, |top, &z| top.max(z));
        column.mapv_inplace(|z| (z - top).exponential());
        let total = column.sum();
        column /= total;
    }
    P
}

fn slice<'a, T>(row: &'a ndarray::ArrayView1<'_, T>) -> &'a [T] {
    row.as_slice().expect("rows are contiguous")
}

fn slice_mut<'a, T>(row: &'a mut ndarray::ArrayViewMut1<'_, T>) -> &'a mut [T] {
    row.as_slice_mut().expect("rows are contiguous")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn outputs(classes: usize, n: usize) -> (Array2<f64>, Array2<f64>) {
        let E = Array2::from_shape_fn((classes, n), |(i, j)| {
            ((i * 131 + j * 7919) % 1009) as f64 / 50.0 - 10.0
        });
        let Y = Array2::from_shape_fn((classes, n), |(i, j)| {
            f64::from(u8::from((j * 5 + 1) % classes == i))
        });
        (E, Y)
    }

    #[test]
    fn the_residual_is_softmax_less_the_class() {
        for (classes, n) in [(1, 1), (3, 64), (5, 65), (10, 1000), (130, 300)] {
            let (E, Y) = outputs(classes, n);
            let P = softmax(E.view());
            let wanted = (&P - &Y) * 0.25;
            let sum: f64 = (0..n)
                .map(|j| {
                    -(0..classes)
                        .map(|i| Y[[i, j]] * P[[i, j]].ln())
                        .sum::<f64>()
                })
                .sum();
            let mut seen = Vec::new();
            for threads in [Threads::Seq, Threads::Pool] {
                let mut R = E.clone();
                let found = softmax_residual(threads, &mut R, &Y, 0.25);
                assert!((found - sum).abs() <= 1e-12 * (1.0 + sum), "{found} {sum}");
                let error = (&R - &wanted).iter().fold(0.0f64, |e, d| e.max(d.abs()));
                assert!(error < 1e-15, "{classes} {n}: {error:e}");
                seen.push((found.to_bits(), R));
            }
            assert!(seen[0] == seen[1]);
            let mut R = E.mapv(|z| z as f32);
            let found = softmax_residual(Threads::Seq, &mut R, &Y.mapv(|y| y as f32), 0.25);
            assert!((found - sum).abs() <= 1e-5 * (1.0 + sum), "{found} {sum}");
            assert!(
                R.iter()
                    .zip(&wanted)
                    .all(|(&r, w)| (f64::from(r) - w).abs() < 1e-6)
            );
        }
    }

    #[test]
    fn a_nearly_certain_sample_keeps_its_digits() {
        let mut E = array![[40.0, 1000.0], [0.0, -1000.0]];
        let Y = array![[1.0, 0.0], [0.0, 1.0]];
        let loss = softmax_residual(Threads::Seq, &mut E, &Y, 1.0);
        // The second sample is certain and wrong.
        assert_eq!(loss, 2000.0 + (-40f64).exp());
        let small = (-40f64).exp();
        assert!((E[[0, 0]] + small).abs() < 1e-15 * small);
        assert!((E[[1, 0]] - small).abs() < 1e-15 * small);
        assert_eq!((E[[0, 1]], E[[1, 1]]), (1.0, -1.0));
        let mut E = array![[40.0], [0.0]];
        let loss = softmax_residual(Threads::Seq, &mut E, &array![[1.0], [0.0]], 1.0);
        assert!((loss - small).abs() < 1e-15 * small, "{loss:e}");
    }

    #[test]
    fn ties_share_and_what_is_not_finite_shows() {
        let mut E = array![[2.0_f64], [2.0], [2.0]];
        let Y = array![[0.0], [1.0], [0.0]];
        let loss = softmax_residual(Threads::Seq, &mut E, &Y, 3.0);
        assert!((loss - 3f64.ln()).abs() < 1e-15);
        assert!((E[[1, 0]] + 2.0).abs() < 1e-15 && (E[[0, 0]] - 1.0).abs() < 1e-15);
        for bad in [f64::NAN, f64::INFINITY] {
            let mut E = array![[2.0], [bad], [2.0]];
            assert!(!softmax_residual(Threads::Seq, &mut E, &Y, 1.0).is_finite());
        }
    }
}
