//! Products of small matrices, without packing and without a call to a library.
//!
//! Matrices are row-major with rows of whole vectors; what is between the last column and the end of a row
//! is zero and stays zero. Cores of some 10 to 100 rows live in the first two caches, where packing and
//! dispatch cost more than the product; for larger ones `Large` hands over to the general kernel.
//!
//! Measured against nano-gemm with its plans made beforehand (`cargo bench -p dln --bench small_products`, AVX2,
//! double precision, equal bits): for `A^T B` nano-gemm takes 1.6 times as long at 10 columns, 1.2 times at 20, 1.1
//! times at 66 and 1.0 times at 32. For `A B` it takes 1.1 times as long at 10 columns, 0.9 times at 5, 0.8 times at
//! 20 and 0.6 times from 32 to 100: there the rows of `A`, read one by one, hold the tiles back. nano-gemm takes raw
//! pointers, which only `view` does in this crate.

use ndarray::{ArrayView2, ArrayViewMut2, ShapeBuilder};
use pulp::{Simd, WithSimd};

use super::lanes::{BLOCK, Lane};
use crate::kernel::{Accum, Threads, product};

/// A matrix: row `i` is `entries[i * stride..][..columns]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mat<'a, T> {
    pub(crate) entries: &'a [T],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) stride: usize,
}

/// As [`Mat`], writable.
#[derive(Debug)]
pub(crate) struct MatMut<'a, T> {
    pub(crate) entries: &'a mut [T],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) stride: usize,
}

/// What becomes of a product `P`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Store<T> {
    /// `C <- factor P`.
    Replace { factor: T },
    /// `C <- keep C + factor P`.
    Update { keep: T, factor: T },
}

/// A way to multiply.
pub(crate) trait Products<T>: Copy {
    /// `P = A B`.
    fn times(self, C: MatMut<'_, T>, A: Mat<'_, T>, B: Mat<'_, T>, store: Store<T>);

    /// `P = A^T B`.
    fn transposed_times(self, C: MatMut<'_, T>, A: Mat<'_, T>, B: Mat<'_, T>, store: Store<T>);

    /// `to <- from^T`, with zeros from the last column to the end of each row.
    fn transpose(self, from: Mat<'_, T>, to: MatMut<'_, T>);
}

/// `to <- from^T`, block by block, with zeros from the last column to the end of each row.
#[inline(always)]
fn transpose<T: Lane>(from: Mat<'_, T>, to: MatMut<'_, T>) {
    if from.columns == 0 || to.stride == 0 {
        return;
    }
    let whole = from.rows - from.rows % BLOCK;
    for i in (0..whole).step_by(BLOCK) {
        let line = |r: usize| {
            from.entries[(i + r) * from.stride..][..from.stride]
                .as_chunks()
                .0
        };
        let lines: [&[[T; BLOCK]]; BLOCK] = [line(0), line(1), line(2), line(3)];
        let blocks = lines[0].iter().zip(lines[1]).zip(lines[2]).zip(lines[3]);
        for (j, (((a, b), c), d)) in blocks.enumerate() {
            let columns = T::turn_block([a, b, c, d]);
            let held = from.columns.saturating_sub(j * BLOCK);
            let at = j * BLOCK * to.stride + i;
            let out = |r: usize| at + r * to.stride..at + r * to.stride + BLOCK;
            if held >= BLOCK {
                // Written out for the registers' sake.
                to.entries[out(0)].copy_from_slice(&columns[0]);
                to.entries[out(1)].copy_from_slice(&columns[1]);
                to.entries[out(2)].copy_from_slice(&columns[2]);
                to.entries[out(3)].copy_from_slice(&columns[3]);
            } else {
                for (r, column) in columns.iter().take(held).enumerate() {
                    to.entries[out(r)].copy_from_slice(column);
                }
            }
        }
    }
    let rows = to.entries.chunks_exact_mut(to.stride).take(from.columns);
    for (j, row) in rows.enumerate() {
        for (i, out) in row.iter_mut().enumerate().skip(whole) {
            *out = if i < from.rows {
                from.entries[i * from.stride + j]
            } else {
                T::of(0.0)
            };
        }
    }
}

/// Register tiles of one instruction set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiles<S>(pub(crate) S);

impl<T: Lane, S: Simd> Products<T> for Tiles<S> {
    #[inline(always)]
    fn times(self, C: MatMut<'_, T>, A: Mat<'_, T>, B: Mat<'_, T>, store: Store<T>) {
        assert!(
            A.columns == B.rows && C.rows == A.rows,
            "rows and columns chain"
        );
        assert!(
            C.columns == B.columns && C.stride == B.stride,
            "one layout of rows"
        );
        // One copy of the loops, called from every product.
        self.0.vectorize(Sweep {
            left: Plain(A),
            C,
            B,
            store,
        });
    }

    #[inline(always)]
    fn transpose(self, from: Mat<'_, T>, to: MatMut<'_, T>) {
        transpose(from, to);
    }

    #[inline(always)]
    fn transposed_times(self, C: MatMut<'_, T>, A: Mat<'_, T>, B: Mat<'_, T>, store: Store<T>) {
        assert!(
            A.rows == B.rows && C.rows == A.columns,
            "rows and columns chain"
        );
        assert!(
            C.columns == B.columns && C.stride == B.stride,
            "one layout of rows"
        );
        self.0.vectorize(Sweep {
            left: Turned(A),
            C,
            B,
            store,
        });
    }
}

/// The left factor of a product, read some rows at a time.
trait Left<T>: Copy {
    /// The inner dimension.
    fn inner(self) -> usize;

    /// Entry `p` of the row `row + r`, by `p` below the inner dimension and `r` below `R`.
    fn reader<const R: usize>(self, row: usize) -> impl Fn(usize, usize) -> T;
}

#[derive(Clone, Copy)]
struct Plain<'a, T>(Mat<'a, T>);

impl<T: Copy> Left<T> for Plain<'_, T> {
    #[inline(always)]
    fn inner(self) -> usize {
        self.0.columns
    }

    #[inline(always)]
    fn reader<const R: usize>(self, row: usize) -> impl Fn(usize, usize) -> T {
        let Mat {
            entries,
            columns,
            stride,
            ..
        } = self.0;
        // A loop: `from_fn` is not inlined under the dispatch, and every entry would have its length checked.
        let mut rows = [&entries[..0]; R];
        for (r, line) in rows.iter_mut().enumerate() {
            *line = &entries[(row + r) * stride..][..columns];
        }
        move |p, r| rows[r][p]
    }
}

#[derive(Clone, Copy)]
struct Turned<'a, T>(Mat<'a, T>);

impl<T: Copy> Left<T> for Turned<'_, T> {
    #[inline(always)]
    fn inner(self) -> usize {
        self.0.rows
    }

    #[inline(always)]
    fn reader<const R: usize>(self, row: usize) -> impl Fn(usize, usize) -> T {
        let Mat {
            entries, stride, ..
        } = self.0;
        move |p, r| entries[p * stride + row..][..R][r]
    }
}

/// A whole product.
struct Sweep<'a, T, L> {
    left: L,
    C: MatMut<'a, T>,
    B: Mat<'a, T>,
    store: Store<T>,
}

impl<T: Lane, L: Left<T>> WithSimd for Sweep<'_, T, L> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Sweep { left, C, B, store } = self;
        let (rows, stride) = (C.rows, C.stride);
        if rows == 0 || stride == 0 {
            return;
        }
        let B = &B.entries[..B.rows * stride];
        let mut part = Part {
            simd,
            left,
            C: T::as_lanes_mut::<S>(&mut C.entries[..rows * stride]),
            B: T::as_lanes::<S>(B),
            width: stride / (size_of::<T::Vector<S>>() / size_of::<T>()),
            store,
        };
        let mut row = 0;
        while row + 4 <= rows {
            part.rows::<4>(row);
            row += 4;
        }
        if row + 2 <= rows {
            part.rows::<2>(row);
            row += 2;
        }
        if row < rows {
            part.rows::<1>(row);
        }
    }
}

struct Part<'a, T: Lane, S: Simd, L> {
    simd: S,
    left: L,
    C: &'a mut [T::Vector<S>],
    B: &'a [T::Vector<S>],
    /// Vectors in a row of `B` and `C`, at least 1.
    width: usize,
    store: Store<T>,
}

impl<T: Lane, S: Simd, L: Left<T>> Part<'_, T, S, L> {
    /// `R` rows of the result from `row` on: three vectors at a time, which with four rows fills the sixteen
    /// registers of AVX2, but never one alone where two and two will do.
    #[inline(always)]
    fn rows<const R: usize>(&mut self, row: usize) {
        let mut at = 0;
        while self.width - at >= 3 && self.width - at != 4 {
            self.tile::<R, 3>(row, at);
            at += 3;
        }
        while self.width - at >= 2 {
            self.tile::<R, 2>(row, at);
            at += 2;
        }
        if self.width > at {
            self.tile::<R, 1>(row, at);
        }
    }

    /// `R` rows from `row` on and `V` vectors from `at` on.
    #[inline(always)]
    fn tile<const R: usize, const V: usize>(&mut self, row: usize, at: usize) {
        let simd = self.simd;
        let read = self.left.reader::<R>(row);
        let zero = T::fill_lanes(simd, T::of(0.0));
        let mut sums = [[zero; V]; R];
        // Not `chunks_exact`, which divides at each tile.
        let mut from = at;
        for p in 0..self.left.inner() {
            let b = &self.B[from..][..V];
            from += self.width;
            for (r, sums) in sums.iter_mut().enumerate() {
                let a = T::fill_lanes(simd, read(p, r));
                for (sum, &b) in sums.iter_mut().zip(b) {
                    *sum = T::fused_lanes(simd, a, b, *sum);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            let from = (row + r) * self.width + at;
            let Some(out) = self.C[from..].first_chunk_mut::<V>() else {
                return;
            };
            match self.store {
                Store::Replace { factor } => {
                    let factor = T::fill_lanes(simd, factor);
                    for (c, &sum) in out.iter_mut().zip(sums) {
                        *c = T::multiply_lanes(simd, factor, sum);
                    }
                }
                Store::Update { keep, factor } => {
                    let keep = T::fill_lanes(simd, keep);
                    let factor = T::fill_lanes(simd, factor);
                    for (c, &sum) in out.iter_mut().zip(sums) {
                        let kept = T::multiply_lanes(simd, keep, *c);
                        *c = T::fused_lanes(simd, factor, sum, kept);
                    }
                }
            }
        }
    }
}

/// The general kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Large(pub(crate) Threads);

impl<T: Lane> Products<T> for Large {
    fn times(self, C: MatMut<'_, T>, A: Mat<'_, T>, B: Mat<'_, T>, store: Store<T>) {
        self.run(C, A.view(), B.view(), store);
    }

    fn transposed_times(self, C: MatMut<'_, T>, A: Mat<'_, T>, B: Mat<'_, T>, store: Store<T>) {
        self.run(C, A.view().reversed_axes(), B.view(), store);
    }

    fn transpose(self, from: Mat<'_, T>, to: MatMut<'_, T>) {
        transpose(from, to);
    }
}

impl Large {
    fn run<T: Lane>(
        self,
        C: MatMut<'_, T>,
        A: ArrayView2<'_, T>,
        B: ArrayView2<'_, T>,
        store: Store<T>,
    ) {
        let mut C = C.view();
        let (accum, factor) = match store {
            Store::Replace { factor } => (Accum::Replace, factor),
            Store::Update { keep, factor } => {
                C *= keep;
                (Accum::Add, factor)
            }
        };
        product(self.0, C, accum, factor, A, B);
    }
}

/// A matrix without entries has no row that a stride could lead to.
fn shape(rows: usize, columns: usize, stride: usize) -> ndarray::StrideShape<ndarray::Ix2> {
    if rows == 0 || columns == 0 {
        return (rows, columns).into();
    }
    (rows, columns).strides((stride.max(1), 1))
}

impl<'a, T> Mat<'a, T> {
    /// `rows x columns`.
    pub(crate) fn view(self) -> ArrayView2<'a, T> {
        let shape = shape(self.rows, self.columns, self.stride);
        ArrayView2::from_shape(shape, self.entries).expect("a matrix holds all of its rows")
    }
}

impl<'a, T> MatMut<'a, T> {
    /// `rows x columns`.
    pub(crate) fn view(self) -> ArrayViewMut2<'a, T> {
        let shape = shape(self.rows, self.columns, self.stride);
        ArrayViewMut2::from_shape(shape, self.entries).expect("a matrix holds all of its rows")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::simd::{archs, stride};
    use ndarray::{Array2, s};
    use pulp::Arch;

    fn matrix<T: Lane>(rows: usize, columns: usize, seed: usize) -> Array2<T> {
        let mut A = Array2::zeros((rows, stride::<T>(Arch::new(), columns)));
        for ((i, j), a) in A.slice_mut(s![.., ..columns]).indexed_iter_mut() {
            *a = T::of((((i * 131 + j * 17 + i * j + seed * 7919) % 101) as f64 / 50.5) - 1.0);
        }
        A
    }

    fn mat<T: Lane>(A: &Array2<T>, columns: usize) -> Mat<'_, T> {
        Mat {
            entries: A.as_slice().expect("row-major"),
            rows: A.nrows(),
            columns,
            stride: A.ncols(),
        }
    }

    fn mat_mut<T: Lane>(A: &mut Array2<T>, columns: usize) -> MatMut<'_, T> {
        let (rows, stride) = A.dim();
        MatMut {
            entries: A.as_slice_mut().expect("row-major"),
            rows,
            columns,
            stride,
        }
    }

    struct Both<'a, T> {
        out: [&'a mut Array2<T>; 2],
        A: Mat<'a, T>,
        A_turned: Mat<'a, T>,
        B: Mat<'a, T>,
        store: Store<T>,
    }

    impl<T: Lane> WithSimd for Both<'_, T> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let [one, other] = self.out;
            let n = self.B.columns;
            Tiles(simd).times(mat_mut(one, n), self.A, self.B, self.store);
            Tiles(simd).transposed_times(mat_mut(other, n), self.A_turned, self.B, self.store);
        }
    }

    fn check<T: Lane>(m: usize, k: usize, n: usize, tolerance: f64) {
        let A = matrix::<T>(m, k, 1);
        let mut A_turned = Array2::zeros((k, stride::<T>(Arch::new(), m)));
        transpose(mat(&A, k), mat_mut(&mut A_turned, m));
        assert_eq!(A_turned.slice(s![.., ..m]), A.slice(s![.., ..k]).t());
        let B = matrix::<T>(k, n, 2);
        let start = matrix::<T>(m, n, 3);
        let product = A.slice(s![.., ..k]).mapv(T::wide).dot(&B.mapv(T::wide));
        let stores = [
            (
                Store::Replace {
                    factor: T::of(-0.5),
                },
                0.0,
                -0.5,
            ),
            (
                Store::Update {
                    keep: T::of(0.75),
                    factor: T::of(0.25),
                },
                0.75,
                0.25,
            ),
        ];
        for (store, keep, factor) in stores {
            let wanted = start.mapv(T::wide) * keep + &product * factor;
            let mut all = Vec::new();
            for arch in archs() {
                let (mut one, mut other) = (start.clone(), start.clone());
                arch.dispatch(Both {
                    out: [&mut one, &mut other],
                    A: mat(&A, k),
                    A_turned: mat(&A_turned, m),
                    B: mat(&B, n),
                    store,
                });
                all.extend([one, other]);
            }
            let mut large = start.clone();
            Large(Threads::Seq).times(mat_mut(&mut large, n), mat(&A, k), mat(&B, n), store);
            let mut turned = start.clone();
            Large(Threads::Seq).transposed_times(
                mat_mut(&mut turned, n),
                mat(&A_turned, m),
                mat(&B, n),
                store,
            );
            all.extend([large, turned]);
            for found in all {
                let error = found.mapv(T::wide) - &wanted;
                let small = error.iter().all(|x| x.abs() <= tolerance * (k + 1) as f64);
                assert!(small, "{m} x {k} x {n}");
                // What is between the columns and the end of the rows stays zero.
                assert!(found.slice(s![.., n..]).iter().all(|x| x.wide() == 0.0));
            }
        }
    }

    #[test]
    fn tiles_of_every_shape_multiply() {
        for (m, k, n) in [
            (1, 1, 1),
            (20, 20, 20),
            (7, 5, 3),
            (10, 74, 74),
            (74, 10, 64),
            (3, 9, 13),
            (6, 0, 4),
            (5, 2, 37),
        ] {
            check::<f64>(m, k, n, 1e-15);
            check::<f32>(m, k, n, 1e-6);
        }
    }

    #[test]
    fn empty_matrices_are_served() {
        check::<f64>(0, 3, 4, 0.0);
        check::<f64>(3, 4, 0, 0.0);
        check::<f64>(0, 0, 0, 0.0);
    }
}
