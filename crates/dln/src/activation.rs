//! Activations: what stands after every layer but the last, its slope and its curvature.
//!
//! The formulas are the implementations of [`Entrywise`], a block each; the passes over matrices are written once.
//! Slopes and curvatures are taken from the value, which is what a pass keeps.

use ndarray::Array2;

use crate::choice::choice;
use crate::kernel::{Real, Threads, entries, entries_mut, in_chunks, vectorized};

choice! {
    /// The function after every layer but the last.
    pub enum Activation {
        /// No activation: the network is one linear map.
        Linear = "linear",
        /// `max(z, 0)`.
        Relu = "relu" ("after every layer but the last"),
    }
}

/// Runs `$work` with `$F` as the function of an activation; what `$linear` says where there is none.
macro_rules! with_function {
    ($activation:expr, $linear:expr, $F:ident => $work:expr) => {
        match $activation {
            Activation::Linear => $linear,
            Activation::Relu => {
                type $F = Relu;
                $work
            }
        }
    };
}

impl Activation {
    /// Whether it is the identity.
    pub fn is_linear(self) -> bool {
        with_function!(self, true, F => F::LINEAR)
    }

    /// Whether its second derivative is not zero almost everywhere.
    pub(crate) fn is_curved(self) -> bool {
        with_function!(self, false, F => F::CURVED)
    }

    /// `Z <- f(Z)`, where NaN stays NaN so that a diverging run shows.
    pub(crate) fn apply<T: Real>(self, threads: Threads, Z: &mut Array2<T>) {
        with_function!(self, {}, F => apply::<T, F>(threads, Z));
    }

    /// `B <- B f'(Z)`, entry by entry, for `A = f(Z)`.
    pub(crate) fn slope<T: Real>(self, threads: Threads, B: &mut Array2<T>, A: &Array2<T>) {
        with_function!(self, {}, F => slope::<T, F>(threads, B, A));
    }

    /// `B <- B f''(Z)`, entry by entry, for `A = f(Z)`.
    pub(crate) fn curvature<T: Real>(self, threads: Threads, B: &mut Array2<T>, A: &Array2<T>) {
        with_function!(self, B.fill(T::of(0.0)), F => curvature::<T, F>(threads, B, A));
    }
}

/// A function of one entry, compiled into the passes below.
trait Entrywise {
    /// Whether it is the identity.
    const LINEAR: bool = false;
    /// Whether `f''` is not zero almost everywhere.
    const CURVED: bool;

    /// `f(z)`.
    fn value<T: Real>(z: T) -> T;

    /// `b f'(z)` for `a = f(z)`.
    fn slope<T: Real>(b: T, a: T) -> T;

    /// `f''(z)` for `a = f(z)`.
    fn curvature<T: Real>(a: T) -> T;
}

struct Relu;

impl Entrywise for Relu {
    const CURVED: bool = false;

    #[inline(always)]
    fn value<T: Real>(z: T) -> T {
        if z < T::of(0.0) { T::of(0.0) } else { z }
    }

    #[inline(always)]
    fn slope<T: Real>(b: T, a: T) -> T {
        if a > T::of(0.0) { b } else { T::of(0.0) }
    }

    #[inline(always)]
    fn curvature<T: Real>(_: T) -> T {
        T::of(0.0)
    }
}

fn apply<T: Real, F: Entrywise>(threads: Threads, Z: &mut Array2<T>) {
    in_chunks(threads, entries_mut(Z), &|Z: &mut [T]| {
        vectorized(|| {
            for z in Z {
                *z = F::value(*z);
            }
        });
        0.0
    });
}

fn slope<T: Real, F: Entrywise>(threads: Threads, B: &mut Array2<T>, A: &Array2<T>) {
    let parts = (entries_mut(B), entries(A));
    in_chunks(threads, parts, &|(B, A): (&mut [T], &[T])| {
        vectorized(|| {
            for (b, &a) in B.iter_mut().zip(A) {
                *b = F::slope(*b, a);
            }
        });
        0.0
    });
}

fn curvature<T: Real, F: Entrywise>(threads: Threads, B: &mut Array2<T>, A: &Array2<T>) {
    let parts = (entries_mut(B), entries(A));
    in_chunks(threads, parts, &|(B, A): (&mut [T], &[T])| {
        vectorized(|| {
            for (b, &a) in B.iter_mut().zip(A) {
                *b *= F::curvature(a);
            }
        });
        0.0
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a pass over one entry makes of it.
    fn one(work: impl FnOnce(&mut Array2<f64>)) -> f64 {
        let mut A = Array2::ones((1, 1));
        work(&mut A);
        A[[0, 0]]
    }

    #[test]
    fn slopes_and_curvatures_are_derivatives() {
        let seq = Threads::Seq;
        for &f in Activation::ALL {
            let value = |z: f64| {
                one(|A| {
                    A.fill(z);
                    f.apply(seq, A);
                })
            };
            let slope = |z: f64| one(|B| f.slope(seq, B, &Array2::from_elem((1, 1), value(z))));
            for z in [-2.3, -0.7, -0.1, 0.2, 0.9, 3.1] {
                let h = 1e-5;
                let wanted = (value(z + h) - value(z - h)) / (2.0 * h);
                assert!((slope(z) - wanted).abs() < 1e-9, "{f:?} at {z}");
                let a = Array2::from_elem((1, 1), value(z));
                let found = one(|B| f.curvature(seq, B, &a));
                let wanted = (slope(z + h) - slope(z - h)) / (2.0 * h);
                assert!((found - wanted).abs() < 1e-9, "{f:?} at {z}");
                assert!(f.is_curved() || found == 0.0, "{f:?}");
            }
            let straight = value(-1.5) == -1.5 && value(2.0) == 2.0;
            assert_eq!(f.is_linear(), straight, "{f:?}");
            assert!(value(f64::NAN).is_nan(), "{f:?}");
        }
    }
}
