//! Products with a matrix of which some entries are observed.
//!
//! For thin factors these cost less than dense products followed by a mask. Lines (rows or columns) are
//! independent, and sums follow a tree that the entries alone decide, so the bits do not depend on threads.

use std::ops::Range;

use ndarray::Array2;

use super::{Real, Threads, entries, entries_mut, vectorized};

/// Entries of a piece of lines that one thread takes: some 100 microseconds at width 10.
const PIECE: usize = 16_384;
/// Lanes of an inner product: two AVX2 registers of doubles.
const LANES: usize = 8;
/// Entries whose inner products are taken together, sharing one operand.
const GROUP: usize = 4;

/// The observed entries of a `rows x columns` matrix, by row and by column.
#[derive(Clone, Debug)]
pub(crate) struct Sampled<T> {
    by_row: Lines,
    by_column: Lines,
    /// For every entry in column order, its number in row order.
    order: Vec<u32>,
    /// Targets in row order.
    targets: Vec<T>,
}

/// Compressed lines: entry `k` of line `i`, `starts[i] <= k < starts[i + 1]`, crosses line `across[k]`.
#[derive(Clone, Debug)]
struct Lines {
    starts: Vec<usize>,
    across: Vec<u32>,
}

impl<T: Real> Sampled<T> {
    /// The entries of `Y` where `mask` is not zero.
    ///
    /// # Shapes
    /// Both `rows x columns`.
    /// # Panics
    /// Where there are more than `u32::MAX` rows, columns or entries.
    pub(crate) fn new(mask: &Array2<T>, Y: &Array2<T>) -> Sampled<T> {
        let (rows, columns) = mask.dim();
        let fits = |count: usize| u32::try_from(count).is_ok();
        assert!(fits(mask.len()), "entries numbered by 32 bits");
        let zero = T::of(0.0);
        let mut by_row = Lines::with_lines(rows);
        let mut targets = Vec::new();
        let mut counts = vec![0usize; columns + 1];
        for (mask, Y) in mask.rows().into_iter().zip(Y.rows()) {
            for (j, (&m, &y)) in mask.iter().zip(Y).enumerate() {
                if m != zero {
                    by_row.across.push(j as u32);
                    targets.push(y);
                    counts[j + 1] += 1;
                }
            }
            by_row.starts.push(targets.len());
        }
        // Sums from the left: where every column starts, then the end of the last.
        let mut total = 0;
        for count in &mut counts {
            total += *count;
            *count = total;
        }
        let (by_column, order) = transposed(&by_row, counts);
        Sampled {
            by_row,
            by_column,
            order,
            targets,
        }
    }

    /// Observed entries.
    pub(crate) fn count(&self) -> usize {
        self.targets.len()
    }

    /// `residual <- factor (left right^T - Y)` at the observed entries, in row order; returns the sum of
    /// squares of `left right^T - Y` there.
    ///
    /// # Shapes
    /// `left`: `rows x h`, `right`: `columns x h`, row-major; `residual`: as many as entries.
    pub(crate) fn residual(
        &self,
        threads: Threads,
        left: &Array2<T>,
        right: &Array2<T>,
        factor: T,
        residual: &mut [T],
    ) -> f64 {
        let width = left.ncols();
        let (left, right) = (entries(left), entries(right));
        let rows = 0..self.by_row.count();
        let lines = &self.by_row;
        over_lines(
            threads,
            lines,
            rows,
            Share::Entries,
            residual,
            &|row, residual| {
                let one = &left[row * width..(row + 1) * width];
                let range = lines.range(row);
                let across = &lines.across[range.clone()];
                let targets = &self.targets[range];
                vectorized(|| line_residual(one, right, across, targets, factor, residual))
            },
        )
    }

    /// `out <- R right`, `R` the matrix with `residual` at the observed entries and 0 elsewhere.
    ///
    /// # Shapes
    /// `right`: `columns x h`, `out`: `rows x h`, row-major.
    pub(crate) fn times(
        &self,
        threads: Threads,
        residual: &[T],
        right: &Array2<T>,
        out: &mut Array2<T>,
    ) {
        combine(threads, &self.by_row, residual, right, out);
    }

    /// `out <- R^T left`. `scratch`, as long as `residual`, is overwritten.
    ///
    /// # Shapes
    /// `left`: `rows x h`, `out`: `columns x h`, row-major.
    pub(crate) fn transpose_times(
        &self,
        threads: Threads,
        residual: &[T],
        left: &Array2<T>,
        scratch: &mut [T],
        out: &mut Array2<T>,
    ) {
        for (value, &number) in scratch.iter_mut().zip(&self.order) {
            *value = residual[number as usize];
        }
        combine(threads, &self.by_column, scratch, left, out);
    }
}

impl Lines {
    fn with_lines(count: usize) -> Lines {
        let mut starts = Vec::with_capacity(count + 1);
        starts.push(0);
        Lines {
            starts,
            across: Vec::new(),
        }
    }

    fn count(&self) -> usize {
        self.starts.len() - 1
    }

    fn range(&self, line: usize) -> Range<usize> {
        self.starts[line]..self.starts[line + 1]
    }
}

/// The same entries by column, whose starts are given, and their numbers by row.
fn transposed(by_row: &Lines, starts: Vec<usize>) -> (Lines, Vec<u32>) {
    let mut next = starts.clone();
    let mut across = vec![0; by_row.across.len()];
    let mut order = vec![0; by_row.across.len()];
    for row in 0..by_row.count() {
        for k in by_row.range(row) {
            let place = &mut next[by_row.across[k] as usize];
            across[*place] = row as u32;
            order[*place] = k as u32;
            *place += 1;
        }
    }
    (Lines { starts, across }, order)
}

/// Every line's combination of the rows of `M`: `out[i] <- sum_k values[k] M[across[k]]`.
fn combine<T: Real>(
    threads: Threads,
    lines: &Lines,
    values: &[T],
    M: &Array2<T>,
    out: &mut Array2<T>,
) {
    let share = Share::Numbers(M.ncols());
    let M = entries(M);
    let all = 0..lines.count();
    over_lines(
        threads,
        lines,
        all,
        share,
        entries_mut(out),
        &|line, out| {
            let range = lines.range(line);
            let across = &lines.across[range.clone()];
            let values = &values[range];
            vectorized(|| line_combination(across, values, M, out));
            0.0
        },
    );
}

/// How much of the result belongs to a line.
#[derive(Clone, Copy)]
enum Share {
    /// A number for each of its entries.
    Entries,
    /// This many numbers.
    Numbers(usize),
}

impl Share {
    fn of(self, lines: &Lines, range: Range<usize>) -> usize {
        match self {
            Share::Entries => lines.starts[range.end] - lines.starts[range.start],
            Share::Numbers(count) => range.len() * count,
        }
    }
}

/// Calls `leaf` with every line of the range and its share of `out`, and adds up what it returns.
fn over_lines<T: Real>(
    threads: Threads,
    lines: &Lines,
    range: Range<usize>,
    share: Share,
    out: &mut [T],
    leaf: &(impl Fn(usize, &mut [T]) -> f64 + Sync),
) -> f64 {
    if range.len() < 2 || Share::Entries.of(lines, range.clone()) <= PIECE {
        let mut sum = 0.0;
        let mut rest = out;
        for line in range {
            let border = share.of(lines, line..line + 1);
            let (own, after) = std::mem::take(&mut rest).split_at_mut(border);
            sum += leaf(line, own);
            rest = after;
        }
        return sum;
    }
    let middle = range.start + range.len() / 2;
    let (before, after) = (range.start..middle, middle..range.end);
    let (one, other) = out.split_at_mut(share.of(lines, before.clone()));
    match threads {
        Threads::Seq => {
            over_lines(threads, lines, before, share, one, leaf)
                + over_lines(threads, lines, after, share, other, leaf)
        }
        Threads::Pool => {
            let (a, b) = rayon::join(
                || over_lines(threads, lines, before, share, one, leaf),
                || over_lines(threads, lines, after, share, other, leaf),
            );
            a + b
        }
    }
}

/// `residual[k] <- factor (one . right[across[k]] - targets[k])`; returns the sum of squares without the
/// factor.
#[inline(always)]
fn line_residual<T: Real>(
    one: &[T],
    right: &[T],
    across: &[u32],
    targets: &[T],
    factor: T,
    residual: &mut [T],
) -> f64 {
    let width = one.len();
    let (numbers, numbers_rest) = across.as_chunks::<GROUP>();
    let (wanted, wanted_rest) = targets.as_chunks::<GROUP>();
    let (made, made_rest) = residual.as_chunks_mut::<GROUP>();
    let mut sum = 0.0;
    for ((numbers, wanted), made) in numbers.iter().zip(wanted).zip(made) {
        let products = inner_products(one, numbers.map(|number| line(right, width, number)));
        for ((product, &y), r) in products.into_iter().zip(wanted).zip(made) {
            let e = product - y;
            sum += e.wide() * e.wide();
            *r = factor * e;
        }
    }
    for ((&number, &y), r) in numbers_rest.iter().zip(wanted_rest).zip(made_rest) {
        let [product] = inner_products(one, [line(right, width, number)]);
        let e = product - y;
        sum += e.wide() * e.wide();
        *r = factor * e;
    }
    sum
}

/// Row `number` of a row-major matrix.
#[inline(always)]
fn line<T>(M: &[T], width: usize, number: u32) -> &[T] {
    let from = number as usize * width;
    &M[from..from + width]
}

/// Inner products of one vector with several.
#[inline(always)]
fn inner_products<T: Real, const N: usize>(one: &[T], others: [&[T]; N]) -> [T; N] {
    let zero = T::of(0.0);
    let mut sums = [[zero; LANES]; N];
    let (lanes, rest) = one.as_chunks::<LANES>();
    for (chunk, a) in lanes.iter().enumerate() {
        for (sum, other) in sums.iter_mut().zip(&others) {
            let b = &other[chunk * LANES..(chunk + 1) * LANES];
            for ((s, &x), &y) in sum.iter_mut().zip(a).zip(b) {
                *s += x * y;
            }
        }
    }
    let done = lanes.len() * LANES;
    for (sum, other) in sums.iter_mut().zip(&others) {
        for ((s, &x), &y) in sum.iter_mut().zip(rest).zip(&other[done..]) {
            *s += x * y;
        }
    }
    sums.map(|[a, b, c, d, e, f, g, h]| ((a + e) + (c + g)) + ((b + f) + (d + h)))
}

/// `out <- sum_k values[k] M[across[k]]`, as many columns at a time as registers hold.
#[inline(always)]
fn line_combination<T: Real>(across: &[u32], values: &[T], M: &[T], out: &mut [T]) {
    let width = out.len();
    let mut start = 0;
    while width - start >= 32 {
        columns::<T, 32>(across, values, M, width, start, out);
        start += 32;
    }
    if width - start >= 16 {
        columns::<T, 16>(across, values, M, width, start, out);
        start += 16;
    }
    if width - start >= 8 {
        columns::<T, 8>(across, values, M, width, start, out);
        start += 8;
    }
    if width - start >= 4 {
        columns::<T, 4>(across, values, M, width, start, out);
        start += 4;
    }
    if width - start >= 2 {
        columns::<T, 2>(across, values, M, width, start, out);
        start += 2;
    }
    if width - start >= 1 {
        columns::<T, 1>(across, values, M, width, start, out);
    }
}

/// The columns `start .. start + N` of a combination, kept in registers.
#[inline(always)]
fn columns<T: Real, const N: usize>(
    across: &[u32],
    values: &[T],
    M: &[T],
    width: usize,
    start: usize,
    out: &mut [T],
) {
    let mut sums = [T::of(0.0); N];
    for (&number, &value) in across.iter().zip(values) {
        let from = number as usize * width + start;
        for (sum, &m) in sums.iter_mut().zip(&M[from..from + N]) {
            *sum += value * m;
        }
    }
    out[start..start + N].copy_from_slice(&sums);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: usize, columns: usize, seed: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows, columns), |(i, j)| {
            (((i * 131 + j * 17 + i * j + seed * 7919) % 1009) as f64 / 504.5) - 1.0
        })
    }

    fn check(rows: usize, columns: usize, width: usize, above: f64) {
        let mask = matrix(rows, columns, 1).mapv(|x| f64::from(u8::from(x > above)));
        let Y = matrix(rows, columns, 2);
        let (left, right) = (matrix(rows, width, 3), matrix(columns, width, 4));
        let R = &mask * &(left.dot(&right.t()) - &Y);
        let squares: f64 = R.iter().map(|r| r * r).sum();
        let R = R * 0.5;
        let sampled = Sampled::new(&mask, &Y);
        assert_eq!(sampled.count() as f64, mask.sum());
        let mut seen: Vec<(u64, Array2<f64>, Array2<f64>)> = Vec::new();
        for threads in [Threads::Seq, Threads::Pool] {
            let mut residual = vec![0.0; sampled.count()];
            let found = sampled.residual(threads, &left, &right, 0.5, &mut residual);
            assert!(
                (found - squares).abs() <= 1e-11 * squares,
                "{found} {squares}"
            );
            let mut G = matrix(rows, width, 5);
            sampled.times(threads, &residual, &right, &mut G);
            let mut B = matrix(columns, width, 6);
            let mut scratch = vec![0.0; sampled.count()];
            sampled.transpose_times(threads, &residual, &left, &mut scratch, &mut B);
            let near = |a: &Array2<f64>, b: &Array2<f64>| {
                (a - b)
                    .iter()
                    .all(|x| x.abs() <= 1e-12 * (rows + columns) as f64)
            };
            assert!(near(&G, &R.dot(&right)), "{rows} x {columns}, {width}");
            assert!(near(&B, &R.t().dot(&left)), "{rows} x {columns}, {width}");
            seen.push((found.to_bits(), G, B));
        }
        assert!(seen[0] == seen[1]);
    }

    #[test]
    fn sampled_products_are_masked_dense_ones_on_any_threads() {
        check(1, 1, 1, -2.0);
        check(5, 9, 3, 0.0);
        check(30, 20, 63, 0.5);
        check(8, 8, 10, 2.0);
        check(300, 310, 33, -0.5);
    }
}
