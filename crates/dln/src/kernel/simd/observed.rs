//! The observed entries alone: residual, its products with both factors, in one pass.
//!
//! Rows are cut into chunks, which threads share; a chunk goes over its entries in blocks of columns, so that
//! the rows of the factor and of its gradient that a block touches stay in the first-level cache. Chunks and
//! blocks depend on the shape alone, and chunks are added up in order: the bits do not depend on threads.

use std::ops::Range;

use ndarray::Array2;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::lanes::{BLOCK, Buffer, Lane, arch_for, stride};
use crate::kernel::{Threads, entries, entries_mut, scaled_add};

/// Rows of a chunk: eight chunks of a thousand rows, some 50 microseconds each at a fifth of the entries.
const CHUNK_ROWS: usize = 128;
/// Bytes of both factors' rows in one block of columns: three quarters of a first-level cache of 32 KiB.
const BLOCK_BYTES: usize = 24 * 1024;
/// Entries whose errors are added up together: a row's in a block are filled up to a multiple with the column after
/// the last one, which is zero.
const GROUP: usize = BLOCK;
/// Groups of a row whose errors are made before any is used: an error is the end of a chain of a dozen operations
/// that each wait for the one before, and the chains of neighbours overlap only where nothing waits for their
/// ends.
const AT_ONCE: usize = 8;
/// Numbers of a gradient that are added up together.
const PART: usize = 4096;

/// The observed entries of a `rows x columns` matrix, with their targets.
#[derive(Debug)]
pub(crate) struct Observed<T> {
    chunks: Vec<Chunk<T>>,
    /// The right factor, aligned, and a row of zeros.
    right: Buffer<T>,
    count: usize,
    stride: usize,
    c: T,
    arch: Arch,
}

/// The entries of some rows, block of columns by block, row by row, each row's filled up to whole groups.
#[derive(Debug)]
struct Chunk<T> {
    rows: usize,
    /// Where the entries of row `i` in block `b` start: `starts[b * rows + i]`; one more at the end.
    starts: Vec<u32>,
    columns: Vec<u32>,
    targets: Vec<T>,
    /// This chunk's part of the right factor's gradient, and a row of what is added up in vain; empty where that is
    /// not trained.
    back: Buffer<T>,
    /// Without those that fill up.
    count: usize,
    squares: f64,
}

impl<T: Lane> Observed<T> {
    /// The entries of `Y` where `mask` is not zero, for factors of this many columns; `trained` says whether
    /// the right factor's gradient is wanted.
    ///
    /// # Panics
    /// Where a chunk of rows has more than `u32::MAX` entries, or a row more columns.
    pub(crate) fn new(
        Y: &Array2<f64>,
        mask: &Array2<f64>,
        width: usize,
        trained: bool,
        c: T,
    ) -> Observed<T> {
        let (rows, columns) = Y.dim();
        assert!(
            u32::try_from((columns + 1) * CHUNK_ROWS * GROUP).is_ok(),
            "entries of a chunk counted by 32 bits"
        );
        let arch = arch_for::<T>(width);
        let stride = stride::<T>(arch, width);
        let row_bytes = 2 * stride.max(1) * size_of::<T>();
        let block = (BLOCK_BYTES / row_bytes).max(16);
        let chunks: Vec<Chunk<T>> = (0..rows)
            .step_by(CHUNK_ROWS)
            .map(|start| {
                let range = start..(start + CHUNK_ROWS).min(rows);
                let back = if trained { (columns + 1) * stride } else { 0 };
                Chunk::new(Y, mask, range, block, back)
            })
            .collect();
        Observed {
            count: chunks.iter().map(|chunk| chunk.count).sum(),
            chunks,
            right: Buffer::zeros((columns + 1) * stride),
            stride,
            c,
            arch,
        }
    }

    /// Observed entries.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Numbers from the start of a factor's row to that of the next.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// With `R = left right^T - Y` at the observed entries and 0 elsewhere: `out <- c R right`,
    /// `back <- c R^T left`; returns `||R||^2`.
    ///
    /// # Shapes
    /// `left`, `out`: `rows x stride`, `right`, `back`: `columns x stride`, zero from the factors' width on.
    pub(crate) fn pass(
        &mut self,
        threads: Threads,
        [left, right]: [&Array2<T>; 2],
        out: &mut Array2<T>,
        back: Option<&mut Array2<T>>,
    ) -> f64 {
        let stride = left.ncols();
        if stride == 0 {
            // Factors without columns: the outputs are zero.
            return self.target_squares();
        }
        let right = entries(right);
        self.right[..right.len()].copy_from_slice(right);
        let (c, right) = (self.c, &self.right[..]);
        let rows = CHUNK_ROWS * stride;
        let arch = self.arch;
        let visit = |chunk: &mut Chunk<T>, left: &[T], out: &mut [T]| {
            arch.dispatch(ObservedPass {
                chunk,
                left,
                right,
                out,
                stride,
                c,
            });
        };
        let (left, out) = (entries(left), entries_mut(out));
        match threads {
            Threads::Seq => {
                let parts = left.chunks(rows).zip(out.chunks_mut(rows));
                for (chunk, (left, out)) in self.chunks.iter_mut().zip(parts) {
                    visit(chunk, left, out);
                }
            }
            Threads::Pool => {
                let parts = left.par_chunks(rows).zip(out.par_chunks_mut(rows));
                self.chunks
                    .par_iter_mut()
                    .zip(parts)
                    .for_each(|(chunk, (left, out))| visit(chunk, left, out));
            }
        }
        if let Some(back) = back {
            self.add_up(threads, entries_mut(back));
        }
        self.chunks.iter().map(|chunk| chunk.squares).sum()
    }

    fn target_squares(&self) -> f64 {
        let targets = self.chunks.iter().flat_map(|chunk| &chunk.targets);
        targets.map(|y| y.wide() * y.wide()).sum()
    }

    /// The chunks' parts of a gradient, added in order.
    fn add_up(&self, threads: Threads, back: &mut [T]) {
        let chunks = &self.chunks;
        let add = |part: usize, out: &mut [T]| {
            let from = part * PART;
            out.fill(T::of(0.0));
            for chunk in chunks {
                let own = &chunk.back[from..from + out.len()];
                scaled_add(Threads::Seq, out, T::of(1.0), own);
            }
        };
        match threads {
            Threads::Seq => {
                for (part, out) in back.chunks_mut(PART).enumerate() {
                    add(part, out);
                }
            }
            Threads::Pool => {
                back.par_chunks_mut(PART)
                    .enumerate()
                    .for_each(|(part, out)| add(part, out));
            }
        }
    }
}

impl<T: Lane> Chunk<T> {
    /// The entries of the rows `range`, in blocks of `block` columns.
    fn new(
        Y: &Array2<f64>,
        mask: &Array2<f64>,
        range: Range<usize>,
        block: usize,
        back: usize,
    ) -> Chunk<T> {
        let columns = Y.ncols();
        let mut chunk = Chunk {
            rows: range.len(),
            starts: vec![0],
            columns: Vec::new(),
            targets: Vec::new(),
            back: Buffer::zeros(back),
            count: 0,
            squares: 0.0,
        };
        for first in (0..columns).step_by(block) {
            let last = (first + block).min(columns);
            for i in range.clone() {
                for j in first..last {
                    if mask[[i, j]] != 0.0 {
                        chunk.columns.push(j as u32);
                        chunk.targets.push(T::of(Y[[i, j]]));
                        chunk.count += 1;
                    }
                }
                let filled = chunk.columns.len().next_multiple_of(GROUP);
                chunk.columns.resize(filled, columns as u32);
                chunk.targets.resize(filled, T::of(0.0));
                chunk.starts.push(chunk.columns.len() as u32);
            }
        }
        chunk
    }
}

/// One pass over a chunk.
struct ObservedPass<'a, T> {
    chunk: &'a mut Chunk<T>,
    /// The chunk's rows of the left factor, and of the residual's product with the right one.
    left: &'a [T],
    out: &'a mut [T],
    right: &'a [T],
    stride: usize,
    c: T,
}

impl<T: Lane> WithSimd for ObservedPass<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
        // As many vectors as a row has are kept in registers; each number has its own loop.
        match self.stride / lanes {
            1 => self.rows::<S, 1>(simd),
            2 => self.rows::<S, 2>(simd),
            3 => self.rows::<S, 3>(simd),
            4 => self.rows::<S, 4>(simd),
            5 => self.rows::<S, 5>(simd),
            6 => self.rows::<S, 6>(simd),
            7 => self.rows::<S, 7>(simd),
            8 => self.rows::<S, 8>(simd),
            9 => self.rows::<S, 9>(simd),
            10 => self.rows::<S, 10>(simd),
            11 => self.rows::<S, 11>(simd),
            12 => self.rows::<S, 12>(simd),
            13 => self.rows::<S, 13>(simd),
            14 => self.rows::<S, 14>(simd),
            15 => self.rows::<S, 15>(simd),
            16 => self.rows::<S, 16>(simd),
            _ => self.rows_of_any_width::<S>(simd),
        }
    }
}

impl<T: Lane> ObservedPass<'_, T> {
    #[inline(always)]
    fn rows<S: Simd, const N: usize>(self, simd: S) {
        let ObservedPass {
            chunk,
            left,
            out,
            right,
            c,
            ..
        } = self;
        out.fill(T::of(0.0));
        chunk.back.fill(T::of(0.0));
        let left = T::as_lanes::<S>(left);
        let right = T::as_lanes::<S>(right).as_chunks().0;
        let out = T::as_lanes_mut::<S>(out);
        let back = T::as_lanes_mut::<S>(&mut chunk.back).as_chunks_mut().0;
        let trained = !back.is_empty();
        let mut squares = 0.0;
        for (part, pair) in chunk.starts.windows(2).enumerate() {
            let range = pair[0] as usize..pair[1] as usize;
            if range.is_empty() {
                continue;
            }
            let row = (part % chunk.rows) * N;
            let (Some(a), Some(sums)) = (
                left[row..].first_chunk::<N>(),
                out[row..].first_chunk_mut::<N>(),
            ) else {
                return;
            };
            let line = Line {
                columns: &chunk.columns[range.clone()],
                targets: &chunk.targets[range],
                c,
            };
            squares += if trained {
                line.go::<S, N, true>(simd, a, right, back, sums)
            } else {
                line.go::<S, N, false>(simd, a, right, back, sums)
            };
        }
        chunk.squares = squares;
    }

    #[inline(always)]
    fn rows_of_any_width<S: Simd>(self, simd: S) {
        let ObservedPass {
            chunk,
            left,
            out,
            right,
            stride,
            c,
        } = self;
        out.fill(T::of(0.0));
        chunk.back.fill(T::of(0.0));
        let trained = !chunk.back.is_empty();
        let mut squares = 0.0;
        for (part, pair) in chunk.starts.windows(2).enumerate() {
            let row = (part % chunk.rows) * stride;
            let a = T::as_lanes::<S>(&left[row..row + stride]);
            let sums = T::as_lanes_mut::<S>(&mut out[row..row + stride]);
            for k in pair[0] as usize..pair[1] as usize {
                let at = chunk.columns[k] as usize * stride;
                let v = T::as_lanes::<S>(&right[at..at + stride]);
                let mut product = T::fill_lanes(simd, T::of(0.0));
                for (&a, &v) in a.iter().zip(v) {
                    product = T::fused_lanes(simd, a, v, product);
                }
                let e = T::sum_lanes(simd, product) - chunk.targets[k];
                squares += e.wide() * e.wide();
                let e = T::fill_lanes(simd, c * e);
                for (sum, &v) in sums.iter_mut().zip(v) {
                    *sum = T::fused_lanes(simd, e, v, *sum);
                }
                if trained {
                    let back = T::as_lanes_mut::<S>(&mut chunk.back[at..at + stride]);
                    for (b, &a) in back.iter_mut().zip(a) {
                        *b = T::fused_lanes(simd, e, a, *b);
                    }
                }
            }
        }
        chunk.squares = squares;
    }
}

/// The entries of one row in one block of columns.
struct Line<'a, T> {
    columns: &'a [u32],
    targets: &'a [T],
    c: T,
}

impl<T: Lane> Line<'_, T> {
    /// Adds to `sums` and, with `BACK`, to `back`; returns the sum of squares.
    #[inline(always)]
    fn go<S: Simd, const N: usize, const BACK: bool>(
        self,
        simd: S,
        a: &[T::Vector<S>; N],
        right: &[[T::Vector<S>; N]],
        back: &mut [[T::Vector<S>; N]],
        sums: &mut [T::Vector<S>; N],
    ) -> f64 {
        let mut squares = [0.0; GROUP];
        let a = *a;
        let mut held = *sums;
        let zero = T::fill_lanes(simd, T::of(0.0));
        let columns = self.columns.as_chunks::<GROUP>().0.chunks(AT_ONCE);
        let targets = self.targets.as_chunks::<GROUP>().0.chunks(AT_ONCE);
        for (columns, targets) in columns.zip(targets) {
            let mut errors = [[T::of(0.0); GROUP]; AT_ONCE];
            for ((errors, columns), targets) in errors.iter_mut().zip(columns).zip(targets) {
                let mut products = [zero; GROUP];
                for (product, &column) in products.iter_mut().zip(columns) {
                    let Some(v) = right.get(column as usize) else {
                        return f64::NAN;
                    };
                    for (&a, &v) in a.iter().zip(v) {
                        *product = T::fused_lanes(simd, a, v, *product);
                    }
                }
                let mut apart = T::sum_each::<S>(simd, products);
                for (e, &target) in apart.iter_mut().zip(targets) {
                    *e -= target;
                }
                for (square, e) in squares.iter_mut().zip(apart) {
                    *square += e.wide() * e.wide();
                }
                for (error, e) in errors.iter_mut().zip(apart) {
                    *error = self.c * e;
                }
            }
            for (errors, columns) in errors.iter().zip(columns) {
                for (&e, &column) in errors.iter().zip(columns) {
                    let e = T::fill_lanes(simd, e);
                    let Some(v) = right.get(column as usize) else {
                        return f64::NAN;
                    };
                    for (sum, &v) in held.iter_mut().zip(v) {
                        *sum = T::fused_lanes(simd, e, v, *sum);
                    }
                    if BACK {
                        let Some(b) = back.get_mut(column as usize) else {
                            return f64::NAN;
                        };
                        for (b, &a) in b.iter_mut().zip(&a) {
                            *b = T::fused_lanes(simd, e, a, *b);
                        }
                    }
                }
            }
        }
        *sums = held;
        squares.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixture::normals;
    use crate::kernel::Dense;
    use ndarray::s;

    fn padded<T: Lane>(A: &Array2<f64>) -> Array2<T> {
        let mut more = Array2::zeros((A.nrows(), stride::<T>(arch_for::<T>(A.ncols()), A.ncols())));
        let mut held = more.slice_mut(s![.., ..A.ncols()]);
        held.zip_mut_with(A, |to, &from| *to = T::of(from));
        more
    }

    fn check<T: Lane>(rows: usize, columns: usize, width: usize, above: f64, tolerance: f64) {
        let Y = normals(1, rows, columns);
        let mask = normals(2, rows, columns).mapv(|x| f64::from(u8::from(x > above)));
        let (A, V) = (normals(3, rows, width), normals(4, columns, width));
        let R = (A.dot(&V.t()) - &Y) * &mask;
        let squares = R.iter().map(|r| r * r).sum::<f64>();
        let R = R * 0.5;
        let (left, right) = (padded::<T>(&A), padded::<T>(&V));
        let mut seen = Vec::new();
        for threads in [Threads::Seq, Threads::Pool] {
            for trained in [true, false] {
                let mut observed = Observed::new(&Y, &mask, width, trained, T::of(0.5));
                assert_eq!(observed.count() as f64, mask.sum());
                let mut out = padded::<T>(&normals(5, rows, width));
                let mut back = padded::<T>(&normals(6, columns, width));
                let wanted = trained.then_some(&mut back);
                let found = observed.pass(threads, [&left, &right], &mut out, wanted);
                assert!((found - squares).abs() <= tolerance * (1.0 + squares));
                let near = |found: &Array2<T>, wanted: &Array2<f64>| {
                    let error = found.slice(s![.., ..width]).mapv(T::wide) - wanted;
                    let size = tolerance * (rows + columns) as f64;
                    assert!(
                        error.iter().all(|x| x.abs() <= size),
                        "{rows} x {columns}, {width}"
                    );
                };
                near(&out, &R.dot(&V));
                if trained {
                    near(&back, &R.t().dot(&A));
                    seen.push((found.to_bits(), out, back));
                }
            }
        }
        assert!(seen[0] == seen[1], "the same bits on any threads");
        let mut dense = Dense::new(Y.mapv(T::of), Some(mask.mapv(T::of)), T::of(0.5));
        let (squares, out, back) = seen.swap_remove(0);
        let (mut other, mut other_back) = (out.clone(), back.clone());
        other.fill(T::of(0.0));
        other_back.fill(T::of(0.0));
        let both = [&left, &right];
        let threads = Threads::Seq;
        let found = dense.pass(threads, width, both, &mut other, Some(&mut other_back));
        let squares = f64::from_bits(squares);
        assert!((found - squares).abs() <= tolerance * (1.0 + squares));
        for (a, b) in [(&out, &other), (&back, &other_back)] {
            let size = tolerance * (rows + columns) as f64;
            assert!(
                a.iter()
                    .zip(b)
                    .all(|(a, b)| (a.wide() - b.wide()).abs() <= size)
            );
        }
    }

    #[test]
    fn entries_alone_give_the_masked_dense_products() {
        check::<f64>(1, 1, 1, -9.0, 1e-13);
        check::<f64>(60, 60, 6, 0.3, 1e-13);
        check::<f64>(300, 170, 10, 0.8, 1e-13);
        check::<f64>(130, 700, 33, 0.0, 1e-13);
        for width in [44, 52, 56, 60, 64] {
            check::<f64>(9, 5, width, 0.5, 1e-13);
        }
        // More than registers hold.
        check::<f64>(150, 90, 150, 0.5, 1e-13);
        check::<f64>(20, 30, 4, 9.0, 1e-13);
        check::<f32>(300, 170, 10, 0.8, 1e-4);
    }
}
