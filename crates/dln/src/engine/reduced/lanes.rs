//! Vectors of numbers, of both precisions and every instruction set that pulp dispatches to.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use pulp::{Arch, Simd, WithSimd};

use crate::kernel::Real;

/// Rows of matrices start on multiples of this many bytes, one AVX2 register: the layout, and with it a
/// checkpoint, is then the same on machines with narrower registers.
const ROW_BYTES: usize = 32;

/// Bytes that buffers start on a multiple of, one cache line.
pub(crate) const LINE: usize = 64;

/// Side of the blocks that a transpose moves at once.
pub(super) const BLOCK: usize = 4;

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

    // The compiler moves a block number by number where nobody tells it of the shuffles.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn turn_block(rows: [&[f64; BLOCK]; BLOCK]) -> [[f64; BLOCK]; BLOCK] {
        let Some(simd) = pulp::x86::V3::try_new() else {
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

/// Entries from the start of one row to that of the next, for rows of this length: whole vectors.
pub(crate) fn stride<T: Lane>(columns: usize) -> usize {
    let lanes = Arch::new().dispatch(LaneCount(PhantomData::<T>));
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
        assert_eq!(stride::<f64>(0), 0);
        for columns in [1, 4, 10, 20, 33] {
            let double = stride::<f64>(columns);
            assert!(double >= columns && double.is_multiple_of(4), "{double}");
            let single = stride::<f32>(columns);
            assert!(single >= columns && single.is_multiple_of(8), "{single}");
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
