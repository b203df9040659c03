//! Passes over the entries of matrices, vectorized for the machine and the same for any number of threads.
//!
//! Sums are taken in double precision, in chunks of a fixed length added as a fixed tree.

use ndarray::{Array2, ArrayView2};

use super::{Real, Threads};

/// Entries of one chunk: 128 kB of doubles, so that a chunk of a few arrays stays in the second-level cache.
const CHUNK: usize = 16_384;
/// Independent partial sums, two AVX-512 registers of doubles.
const LANES: usize = 16;

/// Runs `work` compiled for the best instruction set of this machine.
#[inline(always)]
pub(crate) fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// As [`vectorized`], for work that is long: its `call` is to be `#[inline(always)]`, which a closure cannot be. Where the
/// compiler leaves a closure apart, it lacks the instruction set, and each fused operation in it is a call.
#[inline(always)]
pub(crate) fn dispatched<W: pulp::NullaryFnOnce>(work: W) -> W::Output {
    pulp::Arch::new().dispatch(work)
}

/// Slices of one length that are cut together.
pub(crate) trait Parts: Sized + Send {
    fn size(&self) -> usize;
    fn cut(self, at: usize) -> (Self, Self);
}

impl<T: Sync> Parts for &[T] {
    fn size(&self) -> usize {
        self.len()
    }

    fn cut(self, at: usize) -> (Self, Self) {
        self.split_at(at)
    }
}

impl<T: Send> Parts for &mut [T] {
    fn size(&self) -> usize {
        self.len()
    }

    fn cut(self, at: usize) -> (Self, Self) {
        self.split_at_mut(at)
    }
}

impl<A: Parts, B: Parts> Parts for (A, B) {
    fn size(&self) -> usize {
        self.0.size()
    }

    fn cut(self, at: usize) -> (Self, Self) {
        let (A_before, A_after) = self.0.cut(at);
        let (B_before, B_after) = self.1.cut(at);
        ((A_before, B_before), (A_after, B_after))
    }
}

/// Applies `leaf` to chunks of `parts` and adds up what it returns.
pub(crate) fn in_chunks<P: Parts>(
    threads: Threads,
    parts: P,
    leaf: &(impl Fn(P) -> f64 + Sync),
) -> f64 {
    let size = parts.size();
    if size <= CHUNK {
        return leaf(parts);
    }
    let border = (size / 2).next_multiple_of(CHUNK);
    let (one, other) = parts.cut(border);
    match threads {
        Threads::Seq => in_chunks(threads, one, leaf) + in_chunks(threads, other, leaf),
        Threads::Pool => {
            let (a, b) = rayon::join(
                || in_chunks(threads, one, leaf),
                || in_chunks(threads, other, leaf),
            );
            a + b
        }
    }
}

/// Replaces the outputs `E` by `factor * (E - Y)` and returns the sum of squares of `E - Y`; with a mask
/// (0 or 1), of `mask (E - Y)` entry by entry.
///
/// # Panics
/// Where the arrays are not all in row-major order and of one shape.
pub(crate) fn squared_residual<T: Real>(
    threads: Threads,
    E: &mut Array2<T>,
    Y: &Array2<T>,
    mask: Option<&Array2<T>>,
    factor: T,
) -> f64 {
    assert_eq!(E.dim(), Y.dim(), "outputs and targets");
    let E = entries_mut(E);
    let Y = entries(Y);
    match mask.map(entries) {
        None => in_chunks(threads, (E, Y), &|(E, Y): (&mut [T], &[T])| {
            vectorized(|| plain_residual(E, Y, factor))
        }),
        Some(mask) => {
            assert_eq!(mask.len(), Y.len(), "mask and targets");
            in_chunks(threads, (E, (Y, mask)), &|(E, (Y, mask)): (
                &mut [T],
                (&[T], &[T]),
            )| {
                vectorized(|| masked_residual(E, Y, mask, factor))
            })
        }
    }
}

#[inline(always)]
fn plain_residual<T: Real>(E: &mut [T], Y: &[T], factor: T) -> f64 {
    let mut sums = [0.0; LANES];
    let (E_lanes, E_rest) = E.as_chunks_mut::<LANES>();
    let (Y_lanes, Y_rest) = Y.as_chunks::<LANES>();
    for (E, Y) in E_lanes.iter_mut().zip(Y_lanes) {
        for ((sum, e), &y) in sums.iter_mut().zip(E).zip(Y) {
            let r = *e - y;
            *sum += r.wide() * r.wide();
            *e = factor * r;
        }
    }
    for ((sum, e), &y) in sums.iter_mut().zip(E_rest).zip(Y_rest) {
        let r = *e - y;
        *sum += r.wide() * r.wide();
        *e = factor * r;
    }
    tree_sum(sums)
}

#[inline(always)]
fn masked_residual<T: Real>(E: &mut [T], Y: &[T], mask: &[T], factor: T) -> f64 {
    let mut sums = [0.0; LANES];
    let (E_lanes, E_rest) = E.as_chunks_mut::<LANES>();
    let (Y_lanes, Y_rest) = Y.as_chunks::<LANES>();
    let (mask_lanes, mask_rest) = mask.as_chunks::<LANES>();
    for ((E, Y), mask) in E_lanes.iter_mut().zip(Y_lanes).zip(mask_lanes) {
        for (((sum, e), &y), &m) in sums.iter_mut().zip(E).zip(Y).zip(mask) {
            let r = m * (*e - y);
            *sum += r.wide() * r.wide();
            *e = factor * r;
        }
    }
    for (((sum, e), &y), &m) in sums.iter_mut().zip(E_rest).zip(Y_rest).zip(mask_rest) {
        let r = m * (*e - y);
        *sum += r.wide() * r.wide();
        *e = factor * r;
    }
    tree_sum(sums)
}

/// Sum of squares of the entries: the Frobenius norm, squared.
pub(crate) fn square_sum<T: Real>(A: ArrayView2<'_, T>) -> f64 {
    match A.as_slice_memory_order() {
        Some(entries) => in_chunks(Threads::Seq, (entries, entries), &|(a, b): (&[T], &[T])| {
            vectorized(|| inner(a, b))
        }),
        None => A.iter().map(|x| x.wide() * x.wide()).sum(),
    }
}

/// Inner product of two vectors.
///
/// # Panics
/// Where the lengths differ.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "vectors of an inner product");
    in_chunks(Threads::Seq, (a, b), &|(a, b): (&[f64], &[f64])| {
        vectorized(|| inner(a, b))
    })
}

#[inline(always)]
fn inner<T: Real>(a: &[T], b: &[T]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a_lanes, a_rest) = a.as_chunks::<LANES>();
    let (b_lanes, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_lanes.iter().zip(b_lanes) {
        for ((sum, x), y) in sums.iter_mut().zip(a).zip(b) {
            *sum += x.wide() * y.wide();
        }
    }
    for ((sum, x), y) in sums.iter_mut().zip(a_rest).zip(b_rest) {
        *sum += x.wide() * y.wide();
    }
    tree_sum(sums)
}

#[inline(always)]
fn tree_sum(mut sums: [f64; LANES]) -> f64 {
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        let (one, other) = sums.split_at_mut(width);
        for (a, b) in one.iter_mut().zip(other.iter()) {
            *a += *b;
        }
    }
    sums[0]
}

/// `y <- factor y`.
pub(crate) fn scale<T: Real>(threads: Threads, y: &mut [T], factor: T) {
    in_chunks(threads, y, &|y: &mut [T]| {
        vectorized(|| {
            for y in y {
                *y *= factor;
            }
        });
        0.0
    });
}

/// `y <- y + factor x`.
///
/// # Panics
/// Where the lengths differ.
pub(crate) fn scaled_add<T: Real>(threads: Threads, y: &mut [T], factor: T, x: &[T]) {
    assert_eq!(y.len(), x.len(), "vectors of a sum");
    in_chunks(threads, (y, x), &|(y, x): (&mut [T], &[T])| {
        vectorized(|| {
            for (y, &x) in y.iter_mut().zip(x) {
                *y += factor * x;
            }
        });
        0.0
    });
}

/// The entries of a matrix kept in row-major order.
///
/// # Panics
/// Where it is kept in another order.
pub(crate) fn entries<T>(A: &Array2<T>) -> &[T] {
    A.as_slice()
        .expect("engines keep their matrices in row-major order")
}

/// As [`entries`], writable.
///
/// # Panics
/// Where it is kept in another order.
pub(crate) fn entries_mut<T>(A: &mut Array2<T>) -> &mut [T] {
    A.as_slice_mut()
        .expect("engines keep their matrices in row-major order")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, seed: usize) -> Vec<f64> {
        (0..count)
            .map(|i| (((i * 131 + seed * 7919) % 1009) as f64 / 504.5) - 1.0)
            .collect()
    }

    fn matrix(rows: usize, columns: usize, seed: usize) -> Array2<f64> {
        Array2::from_shape_vec((rows, columns), numbers(rows * columns, seed)).expect("a shape")
    }

    fn check(rows: usize, columns: usize) {
        let (E, Y) = (matrix(rows, columns, 1), matrix(rows, columns, 2));
        let mask = matrix(rows, columns, 3).mapv(|x| f64::from(u8::from(x > 0.2)));
        for mask in [None, Some(&mask)] {
            let mut wanted = &E - &Y;
            if let Some(mask) = mask {
                wanted *= mask;
            }
            let sum: f64 = wanted.iter().map(|r| r * r).sum();
            wanted *= 0.25;
            let mut seen = Vec::new();
            for threads in [Threads::Seq, Threads::Pool] {
                let mut R = E.clone();
                let found = squared_residual(threads, &mut R, &Y, mask, 0.25);
                assert!((found - sum).abs() <= 1e-12 * sum, "{found} {sum}");
                assert_eq!(R, wanted);
                seen.push(found.to_bits());
            }
            assert_eq!(seen[0], seen[1]);
        }
    }

    #[test]
    fn residuals_are_masked_scaled_and_summed() {
        check(1, 1);
        check(3, 7);
        check(100, 100);
        check(211, 401);
    }

    #[test]
    fn sums_do_not_lose_the_remainder() {
        for count in [0, 1, 15, 16, 17, CHUNK, CHUNK + 1, 5 * CHUNK + 3] {
            let (a, b) = (numbers(count, 1), numbers(count, 2));
            let wanted: f64 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
            let size: f64 = a.iter().zip(&b).map(|(x, y)| (x * y).abs()).sum();
            let bound = f64::EPSILON * count as f64 * size;
            assert!((dot(&a, &b) - wanted).abs() <= bound, "{count}");
            let mut y = b.clone();
            scaled_add(Threads::Pool, &mut y, 2.0, &a);
            scale(Threads::Pool, &mut y, 0.5);
            let wanted: Vec<f64> = a.iter().zip(&b).map(|(x, y)| 0.5 * (y + 2.0 * x)).collect();
            assert_eq!(y, wanted, "{count}");
        }
    }

    #[test]
    fn the_norm_of_a_strided_view_is_that_of_its_copy() {
        let A = matrix(9, 12, 4);
        let part = A.slice(ndarray::s![..;2, 3..;4]);
        let wanted = square_sum(part.to_owned().view());
        assert!((square_sum(part) - wanted).abs() < 1e-14);
    }
}
