//! Singular values of a Gaussian matrix, drawn without the matrix.
//!
//! This file owns the bidiagonal of random chi variables that has the same singular values in distribution,
//! and the bisection that finds the largest of them. Where they are used is the business of `data` and
//! `init`.

use rand_chacha::ChaCha8Rng;
use rand_distr::{ChiSquared, Distribution};

use crate::config::Draw;
use crate::kernel::vectorized;
use crate::stream::{Purpose, stream};

/// Singular values sought at once: independent divisions hide one another's latency.
const LANES: usize = 8;
/// Halvings of the interval: more than the 53 bits of a double, so an interval ends at neighbours.
const HALVINGS: usize = 64;

/// The largest `count` singular values, descending, of a `rows x columns` matrix of standard normals.
///
/// The bidiagonal drawn does not depend on `count`, so a smaller count gives the first of the same values.
/// Takes `O(count (rows + columns))` time.
///
/// # Panics
/// When `count` is larger than the smaller dimension.
/// # Source
/// Dumitriu and Edelman, "Matrix models for beta ensembles", J. Math. Phys. 43 (2002), beta = 1: diagonal
/// chi with `m, m-1, ..` degrees of freedom, the other `n-1, n-2, ..`, for `m >= n`. The singular values
/// are the positive eigenvalues of the Golub-Kahan tridiagonal with zero diagonal.
pub(crate) fn gaussian_singular_values(
    draw: Draw,
    purpose: Purpose,
    rows: usize,
    columns: usize,
    count: usize,
) -> Vec<f64> {
    let (diagonal, off_diagonal) = bidiagonal(draw, purpose, rows, columns);
    largest(&diagonal, &off_diagonal, count)
}

/// Diagonal and superdiagonal.
fn bidiagonal(draw: Draw, purpose: Purpose, rows: usize, columns: usize) -> (Vec<f64>, Vec<f64>) {
    let m = rows.max(columns);
    let n = rows.min(columns);
    let mut rng = stream(draw, purpose, 0, 0);
    let diagonal = (0..n).map(|i| chi(&mut rng, m - i)).collect();
    let mut rng = stream(draw, purpose, 0, 1);
    let off_diagonal = (1..n).rev().map(|k| chi(&mut rng, k)).collect();
    (diagonal, off_diagonal)
}

fn chi(rng: &mut ChaCha8Rng, degrees: usize) -> f64 {
    ChiSquared::new(degrees as f64)
        .expect("a bidiagonal asks for at least one degree of freedom")
        .sample(rng)
        .sqrt()
}

/// The largest `count` singular values of an upper bidiagonal matrix, descending, to the last bits of the
/// largest.
fn largest(diagonal: &[f64], off_diagonal: &[f64], count: usize) -> Vec<f64> {
    assert!(
        count <= diagonal.len(),
        "more singular values than there are"
    );
    let Some((last, before)) = diagonal.split_last() else {
        return Vec::new();
    };
    // Off-diagonal of the Golub-Kahan tridiagonal, in order.
    let mut off: Vec<f64> = Vec::with_capacity(2 * diagonal.len());
    for (&a, &b) in before.iter().zip(off_diagonal) {
        off.extend([a, b]);
    }
    off.push(*last);
    let gershgorin = off
        .windows(2)
        .map(|pair| pair[0] + pair[1])
        .fold(off[0], f64::max);
    let squares: Vec<f64> = off.iter().map(|e| e * e).collect();

    let mut values = Vec::with_capacity(count + LANES);
    for first in (0..count).step_by(LANES) {
        values.extend(bisect(&squares, gershgorin, first));
    }
    values.truncate(count);
    // Neighbours closer than rounding may come out in either order.
    values.sort_by(|a, b| b.total_cmp(a));
    values
}

/// The singular values with indices `first ..first + LANES`, from 0, largest first. A lane past the last
/// index holds 0.
fn bisect(squares: &[f64], bound: f64, first: usize) -> [f64; LANES] {
    // One dispatch for all halvings: in small draws it would cost as much as they do.
    vectorized(|| halved(squares, bound, first))
}

#[inline(always)]
fn halved(squares: &[f64], bound: f64, first: usize) -> [f64; LANES] {
    let count = squares.len().div_ceil(2);
    let mut low = [0.0f64; LANES];
    let mut high = [bound; LANES];
    let mut index = [0.0f64; LANES];
    for lane in 0..LANES {
        index[lane] = (first + lane) as f64;
        if first + lane >= count {
            // There is nothing to look for.
            high[lane] = 0.0;
        }
    }
    for _ in 0..HALVINGS {
        let mut middle = [0.0f64; LANES];
        let mut unsettled = 0;
        for lane in 0..LANES {
            middle[lane] = 0.5 * (low[lane] + high[lane]);
            let settled = middle[lane] == low[lane] || middle[lane] == high[lane];
            unsettled += u64::from(!settled);
        }
        if unsettled == 0 {
            break;
        }
        let above = count_above(squares, &middle);
        for lane in 0..LANES {
            let is_above = above[lane] > index[lane];
            low[lane] = if is_above { middle[lane] } else { low[lane] };
            high[lane] = if is_above { high[lane] } else { middle[lane] };
        }
    }
    low
}

/// How many singular values lie above each `x > 0`: the non-negative pivots of `T - x I`, `T` the
/// Golub-Kahan tridiagonal whose squared off-diagonal is `squares`. A pivot of 0 makes the next one
/// negative infinity and the one after it `-x`, which counts as if `x` were a little smaller.
#[inline(always)]
fn count_above(squares: &[f64], x: &[f64; LANES]) -> [f64; LANES] {
    let mut pivot = x.map(|x| -x);
    let mut count = [0.0f64; LANES];
    for &square in squares {
        for ((pivot, count), x) in pivot.iter_mut().zip(&mut count).zip(x) {
            *pivot = -x - square / *pivot;
            *count += if *pivot >= 0.0 { 1.0 } else { 0.0 };
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::normal_rows;
    use faer::Mat;

    fn draw(replicate: u64) -> Draw {
        Draw { seed: 5, replicate }
    }

    fn drawn(replicate: u64, rows: usize, columns: usize, count: usize) -> Vec<f64> {
        gaussian_singular_values(draw(replicate), Purpose::TargetValues, rows, columns, count)
    }

    fn dense_singular_values(A: &Mat<f64>) -> Vec<f64> {
        A.singular_values().expect("a small matrix converges")
    }

    #[test]
    fn bisection_finds_the_singular_values_of_the_bidiagonal() {
        for (rows, columns) in [(1, 1), (1, 7), (2, 2), (30, 30), (50, 20), (20, 50)] {
            let (diagonal, off) = bidiagonal(draw(1), Purpose::TargetValues, rows, columns);
            let n = diagonal.len();
            let B = Mat::from_fn(n, n, |i, j| {
                if i == j {
                    diagonal[i]
                } else if i + 1 == j {
                    off[i]
                } else {
                    0.0
                }
            });
            let expected = dense_singular_values(&B);
            let found = drawn(1, rows, columns, n);
            assert_eq!(found.len(), n);
            for (found, wanted) in found.iter().zip(&expected) {
                let error = (found - wanted).abs() / expected[0];
                assert!(error < 1e-13, "{rows} x {columns}: {found} is not {wanted}");
            }
        }
    }

    #[test]
    fn a_smaller_count_gives_the_first_of_the_same_values() {
        let all = drawn(2, 40, 25, 25);
        assert_eq!(drawn(2, 40, 25, 3), all[..3]);
        assert_eq!(drawn(2, 40, 25, 11), all[..11]);
        assert!(drawn(2, 40, 25, 0).is_empty());
    }

    /// Mean and mean square of every singular value, drawn and of a dense Gaussian matrix, within five
    /// standard errors of their difference.
    #[test]
    fn the_distribution_is_that_of_a_gaussian_matrix() {
        let (rows, columns, count) = (9, 6, 3000);
        let mut moments = [[[0.0f64; 3]; 6]; 2];
        for replicate in 0..count {
            let G = normal_rows(draw(replicate), Purpose::Inputs, 0, rows, columns);
            let dense = dense_singular_values(&Mat::from_fn(rows, columns, |i, j| G[[i, j]]));
            let samples = [drawn(replicate, rows, columns, columns), dense];
            for (moments, values) in moments.iter_mut().zip(&samples) {
                for (sums, value) in moments.iter_mut().zip(values) {
                    sums[0] += value;
                    sums[1] += value * value;
                    sums[2] += value.powi(4);
                }
            }
        }
        let n = count as f64;
        let [bidiagonal, dense] = moments.map(|moments| moments.map(|sums| sums.map(|s| s / n)));
        for (a, b) in bidiagonal.iter().zip(&dense) {
            let variance = |m: &[f64; 3]| m[1] - m[0] * m[0];
            let variance_of_squares = |m: &[f64; 3]| m[2] - m[1] * m[1];
            let mean = 5.0 * ((variance(a) + variance(b)) / n).sqrt();
            let square = 5.0 * ((variance_of_squares(a) + variance_of_squares(b)) / n).sqrt();
            assert!((a[0] - b[0]).abs() < mean, "means {} and {}", a[0], b[0]);
            assert!(
                (a[1] - b[1]).abs() < square,
                "squares {} and {}",
                a[1],
                b[1]
            );
        }
    }
}
