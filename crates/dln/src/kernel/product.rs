//! Matrix products by faer, with the same bits for any number of threads.
//!
//! A large result is cut into blocks whose borders depend on its shape alone; each block is one sequential
//! product. Threads only decide who computes which block.

pub(crate) use faer::Accum;
use faer::Par;
use faer::linalg::matmul::matmul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};

use super::{Real, view, view_mut};

/// Where the blocks of large products run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// On the calling thread.
    Seq,
    /// On rayon's current pool.
    Pool,
}

/// A result with fewer rows and columns than this is one block: threads inside a small product cost more
/// than they bring, and sweeps are parallel over trials first.
const LARGE: usize = 256;
/// So is one of fewer multiplications than this, about 40 microseconds on one core.
const MANY: usize = 1 << 20;
/// Most rows of a block. Every block packs its own operands, so blocks must be large beside that cost,
/// and there must be enough of them at 1000 x 1000 for a handful of threads: 4 x 2.
const BLOCK_ROWS: usize = 256;
/// Most columns of a block.
const BLOCK_COLUMNS: usize = 512;
/// Inner borders fall on multiples of this many rows or columns, so that faer's register tiles are full:
/// 24 holds both 12 x 4 (AVX2) and 24 x 8 (AVX-512).
const TILE: usize = 24;

/// `C = alpha A B` ([`Accum::Replace`]) or `C += alpha A B` ([`Accum::Add`]).
///
/// # Shapes
/// `C`: `m x n`, `A`: `m x k`, `B`: `k x n`; any strides.
/// # Panics
/// Where the shapes do not chain.
pub(crate) fn product<T: Real>(
    threads: Threads,
    C: ArrayViewMut2<'_, T>,
    accum: Accum,
    alpha: T,
    A: ArrayView2<'_, T>,
    B: ArrayView2<'_, T>,
) {
    let (m, n) = C.dim();
    if (m < LARGE && n < LARGE) || m * n * A.ncols() < MANY {
        block(C, accum, alpha, A, B);
        return;
    }
    let job = Job { accum, alpha, A, B };
    let rows = (m.div_ceil(BLOCK_ROWS), m);
    let columns = (n.div_ceil(BLOCK_COLUMNS), n);
    split(threads, C, &job, rows, columns);
}

/// `C = A B`, as [`product`].
pub(crate) fn multiply_into<T: Real>(
    threads: Threads,
    C: ArrayViewMut2<'_, T>,
    A: ArrayView2<'_, T>,
    B: ArrayView2<'_, T>,
) {
    product(threads, C, Accum::Replace, T::of(1.0), A, B);
}

/// `A B` in a new matrix. For setup and measurements; a step allocates nothing.
pub(crate) fn multiply<T: Real>(
    threads: Threads,
    A: ArrayView2<'_, T>,
    B: ArrayView2<'_, T>,
) -> Array2<T> {
    let mut C = Array2::zeros((A.nrows(), B.ncols()));
    multiply_into(threads, C.view_mut(), A, B);
    C
}

struct Job<'a, T> {
    accum: Accum,
    alpha: T,
    A: ArrayView2<'a, T>,
    B: ArrayView2<'a, T>,
}

/// A number of blocks along an axis, and the rows or columns that they cover.
type Blocks = (usize, usize);

/// Halves the rows' blocks, then the columns', down to single blocks.
fn split<T: Real>(
    threads: Threads,
    C: ArrayViewMut2<'_, T>,
    job: &Job<'_, T>,
    rows: Blocks,
    columns: Blocks,
) {
    if rows.0 > 1 {
        let (upper, lower, border) = halve(rows);
        let (C_upper, C_lower) = C.split_at(Axis(0), border);
        let (A_upper, A_lower) = job.A.split_at(Axis(0), border);
        let above = Job { A: A_upper, ..*job };
        let below = Job { A: A_lower, ..*job };
        both(
            threads,
            || split(threads, C_upper, &above, upper, columns),
            || split(threads, C_lower, &below, lower, columns),
        );
    } else if columns.0 > 1 {
        let (left, right, border) = halve(columns);
        let (C_left, C_right) = C.split_at(Axis(1), border);
        let (B_left, B_right) = job.B.split_at(Axis(1), border);
        let before = Job { B: B_left, ..*job };
        let after = Job { B: B_right, ..*job };
        both(
            threads,
            || split(threads, C_left, &before, rows, left),
            || split(threads, C_right, &after, rows, right),
        );
    } else {
        block(C, job.accum, job.alpha, job.A, job.B);
    }
}

/// The two halves of the blocks and the border between them, counted from the first row or column. The
/// border is a function of the blocks alone, hence of the shape.
fn halve((count, size): Blocks) -> (Blocks, Blocks, usize) {
    let before = count / 2;
    let even = (size * before).div_ceil(count);
    let border = even.next_multiple_of(TILE).min(size);
    ((before, border), (count - before, size - border), border)
}

fn both(threads: Threads, one: impl FnOnce() + Send, other: impl FnOnce() + Send) {
    match threads {
        Threads::Seq => {
            one();
            other();
        }
        Threads::Pool => {
            rayon::join(one, other);
        }
    }
}

fn block<T: Real>(
    C: ArrayViewMut2<'_, T>,
    accum: Accum,
    alpha: T,
    A: ArrayView2<'_, T>,
    B: ArrayView2<'_, T>,
) {
    matmul(view_mut(C), accum, view(A), view(B), alpha, Par::Seq);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::square_sum;

    fn matrix(rows: usize, columns: usize, seed: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows, columns), |(i, j)| {
            (((i * 131 + j * 17 + seed * 7919) % 1009) as f64 / 504.5) - 1.0
        })
    }

    fn check(m: usize, k: usize, n: usize) {
        let A = matrix(m, k, 1);
        let B = matrix(k, n, 2);
        let start = matrix(m, n, 3);
        let mut one = start.clone();
        product(
            Threads::Seq,
            one.view_mut(),
            Accum::Add,
            -0.5,
            A.view(),
            B.view(),
        );
        let wanted = &start - &(A.dot(&B) * 0.5);
        let error = square_sum((&one - &wanted).view()).sqrt();
        let size = square_sum(wanted.view()).sqrt();
        assert!(
            error <= 1e-14 * size * k as f64,
            "{m} x {k} x {n}: {error:e} of {size:e}"
        );
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .expect("a pool");
            let mut many = start.clone();
            pool.install(|| {
                product(
                    Threads::Pool,
                    many.view_mut(),
                    Accum::Add,
                    -0.5,
                    A.view(),
                    B.view(),
                );
            });
            assert_eq!(one, many, "{m} x {k} x {n} on {threads} threads");
        }
    }

    #[test]
    fn products_agree_with_ndarray_and_do_not_depend_on_threads() {
        check(3, 4, 5);
        check(255, 7, 255);
        check(256, 33, 10);
        check(10, 64, 1500);
        check(300, 300, 20);
        check(517, 60, 1030);
    }

    #[test]
    fn transposed_operands_and_results_are_served() {
        let A = matrix(300, 40, 1);
        let B = matrix(520, 300, 2);
        let wanted = A.t().dot(&B.t());
        let made = multiply(Threads::Seq, A.t(), B.t());
        assert!((&made - &wanted).iter().all(|x| x.abs() < 1e-11));
        let mut C = Array2::zeros((520, 40));
        product(
            Threads::Seq,
            C.view_mut().reversed_axes(),
            Accum::Replace,
            1.0,
            A.t(),
            B.t(),
        );
        assert!((&C.t() - &wanted).iter().all(|x| x.abs() < 1e-11));
    }

    #[test]
    fn blocks_tile_the_result() {
        for size in [256_usize, 257, 300, 1000, 1025, 60_000] {
            let mut pieces = vec![(size.div_ceil(BLOCK_ROWS), size)];
            let mut covered = 0;
            while let Some(blocks) = pieces.pop() {
                if blocks.0 > 1 {
                    let (one, other, border) = halve(blocks);
                    assert!(border > 0 && border < blocks.1, "{size}");
                    pieces.extend([one, other]);
                } else {
                    covered += blocks.1;
                }
            }
            assert_eq!(covered, size);
        }
    }
}
