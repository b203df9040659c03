//! Vectors of numbers, of both precisions and every instruction set that pulp dispatches to.

#[cfg(target_arch = "x86_64")]
use std::any::Any;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256d, __m512d};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

#[cfg(target_arch = "x86_64")]
use pulp::bytemuck::cast as bytes;
#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};
use pulp::{Arch, Simd, WithSimd};

use crate::kernel::Real;

/// Rows of matrices start on multiples of at least this many bytes, one AVX2 register, on machines with narrower
/// registers too. Checkpoints hold rows without what fills them up.
const ROW_BYTES: usize = 32;

/// Bytes that buffers start on a multiple of, one cache line.
pub(crate) const LINE: usize = 64;

/// Side of the blocks that a transpose moves at once.
pub(crate) const BLOCK: usize = 4;

/// A number that comes in vectors.
pub(crate) trait Lane: Real {
    type Vector<S: Simd>: Copy + 'static;

    /// The same number in every lane.
    fn fill_lanes<S: Simd>(simd: S, value: Self) -> Self::Vector<S>;

    /// `a b`.
    fn multiply_lanes<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;

    /// `a b + c`, in one rounding where the machine can.
    fn fused_lanes<S: Simd>(
        simd: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        c: Self::Vector<S>,
    ) -> Self::Vector<S>;

    /// The sum over the lanes.
    fn sum_lanes<S: Simd>(simd: S, a: Self::Vector<S>) -> Self;

    /// The sum over the lanes of each.
    #[inline(always)]
    fn sum_each<S: Simd>(simd: S, [a, b, c, d]: [Self::Vector<S>; BLOCK]) -> [Self; BLOCK] {
        [
            Self::sum_lanes(simd, a),
            Self::sum_lanes(simd, b),
            Self::sum_lanes(simd, c),
            Self::sum_lanes(simd, d),
        ]
    }

    /// Columns of a block, from its rows.
    #[inline(always)]
    fn turn_block([a, b, c, d]: [&[Self; BLOCK]; BLOCK]) -> [[Self; BLOCK]; BLOCK] {
        [0, 1, 2, 3].map(|r| [a[r], b[r], c[r], d[r]])
    }

    /// Whole vectors from the front.
    fn as_lanes<S: Simd>(entries: &[Self]) -> &[Self::Vector<S>];

    /// As [`Lane::as_lanes`], writable.
    fn as_lanes_mut<S: Simd>(entries: &mut [Self]) -> &mut [Self::Vector<S>];
}

impl Lane for f64 {
    type Vector<S: Simd> = S::f64s;

    #[inline(always)]
    fn fill_lanes<S: Simd>(simd: S, value: f64) -> S::f64s {
        simd.splat_f64s(value)
    }

    #[inline(always)]
    fn multiply_lanes<S: Simd>(simd: S, a: S::f64s, b: S::f64s) -> S::f64s {
        simd.mul_f64s(a, b)
    }

    #[inline(always)]
    fn fused_lanes<S: Simd>(simd: S, a: S::f64s, b: S::f64s, c: S::f64s) -> S::f64s {
        simd.mul_add_e_f64s(a, b, c)
    }

    #[inline(always)]
    fn sum_lanes<S: Simd>(simd: S, a: S::f64s) -> f64 {
        simd.reduce_sum_f64s(a)
    }

    // One by one, four sums take three times the shuffles.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn sum_each<S: Simd>(simd: S, [a, b, c, d]: [S::f64s; BLOCK]) -> [f64; BLOCK] {
        let known: &dyn Any = &simd;
        if let Some(simd) = known.downcast_ref::<V4>() {
            let wide = simd.avx512f;
            let [a, b, c, d]: [__m512d; BLOCK] = [bytes(a), bytes(b), bytes(c), bytes(d)];
            let ab =
                wide._mm512_add_pd(wide._mm512_unpacklo_pd(a, b), wide._mm512_unpackhi_pd(a, b));
            let cd =
                wide._mm512_add_pd(wide._mm512_unpacklo_pd(c, d), wide._mm512_unpackhi_pd(c, d));
            // Quarters 0 and 1 of both, then 2 and 3.
            let quarters = wide._mm512_add_pd(
                wide._mm512_shuffle_f64x2::<0b01_00_01_00>(ab, cd),
                wide._mm512_shuffle_f64x2::<0b11_10_11_10>(ab, cd),
            );
            // Those of a and b meet in the first and the third, those of c and d in the others.
            let halves = wide._mm512_shuffle_f64x2::<0b11_01_10_00>(quarters, quarters);
            return pulp::cast(simd.avx._mm256_add_pd(
                wide._mm512_castpd512_pd256(halves),
                wide._mm512_extractf64x4_pd::<1>(halves),
            ));
        }
        if let Some(simd) = known.downcast_ref::<V3>() {
            let avx = simd.avx;
            let [a, b, c, d]: [__m256d; BLOCK] = [bytes(a), bytes(b), bytes(c), bytes(d)];
            let ab = avx._mm256_add_pd(avx._mm256_unpacklo_pd(a, b), avx._mm256_unpackhi_pd(a, b));
            let cd = avx._mm256_add_pd(avx._mm256_unpacklo_pd(c, d), avx._mm256_unpackhi_pd(c, d));
            // Lower halves of both, upper halves of both.
            return pulp::cast(avx._mm256_add_pd(
                avx._mm256_permute2f128_pd::<0x20>(ab, cd),
                avx._mm256_permute2f128_pd::<0x31>(ab, cd),
            ));
        }
        [
            simd.reduce_sum_f64s(a),
            simd.reduce_sum_f64s(b),
            simd.reduce_sum_f64s(c),
            simd.reduce_sum_f64s(d),
        ]
    }

    // The compiler moves a block number by number unless the shuffles are spelled out.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn turn_block(rows: [&[f64; BLOCK]; BLOCK]) -> [[f64; BLOCK]; BLOCK] {
        let Some(simd) = V3::try_new() else {
            let [a, b, c, d] = rows;
            return [0, 1, 2, 3].map(|r| [a[r], b[r], c[r], d[r]]);
        };
        let avx = simd.avx;
        let [a, b, c, d] = rows.map(|row| pulp::cast(*row));
        let (ab_even, ab_odd) = (avx._mm256_unpacklo_pd(a, b), avx._mm256_unpackhi_pd(a, b));
        let (cd_even, cd_odd) = (avx._mm256_unpacklo_pd(c, d), avx._mm256_unpackhi_pd(c, d));
        // Lower halves of both, then upper halves of both.
        [
            pulp::cast(avx._mm256_permute2f128_pd::<0x20>(ab_even, cd_even)),
            pulp::cast(avx._mm256_permute2f128_pd::<0x20>(ab_odd, cd_odd)),
            pulp::cast(avx._mm256_permute2f128_pd::<0x31>(ab_even, cd_even)),
            pulp::cast(avx._mm256_permute2f128_pd::<0x31>(ab_odd, cd_odd)),
        ]
    }

    #[inline(always)]
    fn as_lanes<S: Simd>(entries: &[f64]) -> &[S::f64s] {
        S::as_simd_f64s(entries).0
    }

    #[inline(always)]
    fn as_lanes_mut<S: Simd>(entries: &mut [f64]) -> &mut [S::f64s] {
        S::as_mut_simd_f64s(entries).0
    }
}

impl Lane for f32 {
    type Vector<S: Simd> = S::f32s;

    #[inline(always)]
    fn fill_lanes<S: Simd>(simd: S, value: f32) -> S::f32s {
        simd.splat_f32s(value)
    }

    #[inline(always)]
    fn multiply_lanes<S: Simd>(simd: S, a: S::f32s, b: S::f32s) -> S::f32s {
        simd.mul_f32s(a, b)
    }

    #[inline(always)]
    fn fused_lanes<S: Simd>(simd: S, a: S::f32s, b: S::f32s, c: S::f32s) -> S::f32s {
        simd.mul_add_e_f32s(a, b, c)
    }

    #[inline(always)]
    fn sum_lanes<S: Simd>(simd: S, a: S::f32s) -> f32 {
        simd.reduce_sum_f32s(a)
    }

    #[inline(always)]
    fn as_lanes<S: Simd>(entries: &[f32]) -> &[S::f32s] {
        S::as_simd_f32s(entries).0
    }

    #[inline(always)]
    fn as_lanes_mut<S: Simd>(entries: &mut [f32]) -> &mut [S::f32s] {
        S::as_mut_simd_f32s(entries).0
    }
}

/// The instruction set for passes that move about as much as they compute, over rows of this length. What a vector
/// holds beyond a row's end is moved all the same: vectors of 512 bits pay where they are at most three fifths as
/// many as those of 256 (measured: at 20 columns by 7 %, at 40 by 80 %; at 10, two for three, they lose 10 %).
pub(crate) fn arch_for<T: Lane>(columns: usize) -> Arch {
    let best = Arch::new();
    #[cfg(target_arch = "x86_64")]
    if let Arch::V4(simd) = best {
        let narrow = Arch::V3(*simd);
        let vectors = |arch: Arch| columns.div_ceil(arch.dispatch(LaneCount(PhantomData::<T>)));
        if 5 * vectors(best) > 3 * vectors(narrow) {
            return narrow;
        }
    }
    best
}

/// Entries from the start of one row to that of the next, for rows of this length: whole vectors.
pub(crate) fn stride<T: Lane>(arch: Arch, columns: usize) -> usize {
    let lanes = arch.dispatch(LaneCount(PhantomData::<T>));
    columns.next_multiple_of(lanes.max(ROW_BYTES / size_of::<T>()))
}

/// Zeros, aligned to a cache line.
#[derive(Debug)]
pub(crate) struct Buffer<T> {
    storage: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Lane> Buffer<T> {
    pub(crate) fn zeros(len: usize) -> Buffer<T> {
        let spare = LINE / size_of::<T>();
        let storage = vec![T::of(0.0); len + spare];
        let start = storage.as_ptr().align_offset(LINE).min(spare);
        Buffer {
            storage,
            start,
            len,
        }
    }
}

impl<T> Deref for Buffer<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        &self.storage[self.start..self.start + self.len]
    }
}

impl<T> DerefMut for Buffer<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.storage[self.start..self.start + self.len]
    }
}

/// The instruction sets of this machine.
#[cfg(test)]
pub(crate) fn archs() -> Vec<Arch> {
    let mut archs = vec![Arch::new()];
    #[cfg(target_arch = "x86_64")]
    archs.extend(
        [Arch::Scalar]
            .into_iter()
            .chain(V3::try_new().map(Arch::V3)),
    );
    archs
}

struct LaneCount<T>(PhantomData<T>);

impl<T: Lane> WithSimd for LaneCount<T> {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> usize {
        size_of::<T::Vector<S>>() / size_of::<T>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_hold_whole_vectors() {
        assert_eq!(stride::<f64>(Arch::new(), 0), 0);
        assert!([12, 16].contains(&stride::<f64>(Arch::new(), 10)));
        for (columns, row) in [(4, 4), (10, 12), (12, 12)] {
            assert_eq!(stride::<f64>(arch_for::<f64>(columns), columns), row);
        }
        for columns in [1, 4, 10, 20, 33] {
            let double = stride::<f64>(Arch::new(), columns);
            assert!(double >= columns && double.is_multiple_of(4), "{double}");
            let single = stride::<f32>(Arch::new(), columns);
            assert!(single >= columns && single.is_multiple_of(8), "{single}");
        }
    }

    struct EachAsOne<T>(PhantomData<T>);

    impl<T: Lane> WithSimd for EachAsOne<T> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let numbers: Vec<T> = (0..64).map(|k| T::of(f64::from(k * k))).collect();
            let [a, b, c, d, ..] = T::as_lanes::<S>(&numbers) else {
                return;
            };
            let one = [a, b, c, d].map(|&vector| T::sum_lanes(simd, vector).wide());
            let each = T::sum_each(simd, [*a, *b, *c, *d]).map(T::wide);
            assert_eq!(each, one, "whole numbers add up without rounding");
            assert!(one[0] < one[1] && one[2] < one[3]);
        }
    }

    #[test]
    fn sums_together_are_sums_one_by_one() {
        for arch in archs() {
            arch.dispatch(EachAsOne::<f64>(PhantomData));
            arch.dispatch(EachAsOne::<f32>(PhantomData));
        }
    }

    #[test]
    fn buffers_start_on_cache_lines() {
        for len in [0, 1, 100, 5000] {
            let buffer = Buffer::<f64>::zeros(len);
            assert_eq!(buffer.len(), len);
            assert_eq!(buffer.as_ptr().align_offset(LINE), 0);
        }
    }
}
