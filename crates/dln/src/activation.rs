//! Activations: what stands after hidden layers, its slope and its curvature.
//!
//! The formulas are the implementations of [`Entrywise`], a block each; the passes over matrices are written once.
//! Slopes are read off the value, which a pass keeps anyway, where that is possible. Where it is not, they are made
//! together with the value, which shares its exponential, and kept too.

use ndarray::Array2;
use pulp::NullaryFnOnce;

use crate::choice::choice;
use crate::kernel::{Real, Threads, dispatched, entries, entries_mut, in_chunks, vectorized};

choice! {
    /// The function after hidden layers.
    pub enum Activation {
        /// No activation: the network is one linear map.
        Linear = "linear",
        /// `max(z, 0)`.
        Relu = "relu" ("after the hidden layers, as the others"),
        /// `z` above zero, `negative_slope z` below.
        LeakyRelu = "leaky_relu",
        /// The hyperbolic tangent.
        Tanh = "tanh",
        /// `z F(z)`, `F` the distribution function of the normal distribution.
        Gelu = "gelu" ("exact, by erf"),
        /// `z / (1 + e^-z)`.
        Silu = "silu",
    }
}

/// What stands after a layer: an activation with its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LayerFunction {
    activation: Activation,
    negative_slope: f64,
}

/// Runs `$work` with `$f` as the function; what `$linear` says where it is the identity.
macro_rules! with_function {
    ($function:expr, $linear:expr, $f:ident => $work:expr) => {{
        let function: LayerFunction = $function;
        match function.activation {
            Activation::Linear => $linear,
            Activation::Relu => {
                let $f = Relu;
                $work
            }
            Activation::LeakyRelu => {
                let $f = LeakyRelu {
                    slope: function.negative_slope,
                };
                $work
            }
            Activation::Tanh => {
                let $f = Tanh;
                $work
            }
            Activation::Gelu => {
                let $f = Gelu;
                $work
            }
            Activation::Silu => {
                let $f = Silu;
                $work
            }
        }
    }};
}

impl Activation {
    /// Whether it is the identity.
    pub fn is_linear(self) -> bool {
        LayerFunction::of(self, 0.0).is_linear()
    }

    /// Whether it came when results of networks with the others had bits already, which never change: what gives the
    /// same numbers to rounding for less is only for those that came later.
    pub(crate) fn came_later(self) -> bool {
        match self {
            Activation::Linear | Activation::Relu => false,
            Activation::LeakyRelu | Activation::Tanh | Activation::Gelu | Activation::Silu => true,
        }
    }

    /// Nanoseconds that an entry adds to a step of the full engine in double precision, for value and slope: on one core
    /// of an EPYC with AVX2, 6,400 entries at a time.
    pub fn entry_nanoseconds(self) -> f64 {
        with_function!(LayerFunction::of(self, 0.0), 0.0, f => nanoseconds(f))
    }
}

impl LayerFunction {
    pub(crate) fn of(activation: Activation, negative_slope: f64) -> LayerFunction {
        LayerFunction {
            activation,
            negative_slope,
        }
    }

    /// Whether it is the identity.
    pub(crate) fn is_linear(self) -> bool {
        with_function!(self, true, _f => false)
    }

    /// Whether its second derivative is not zero almost everywhere.
    pub(crate) fn is_curved(self) -> bool {
        with_function!(self, false, f => is_curved(f))
    }

    /// Whether its slope cannot be read off its value.
    pub(crate) fn keeps_slope(self) -> bool {
        with_function!(self, false, f => keeps_slope(f))
    }

    /// `Z <- f(Z)`, where NaN stays NaN so that a diverging run shows.
    pub(crate) fn apply<T: Real>(self, threads: Threads, Z: &mut Array2<T>) {
        with_function!(self, {}, f => apply(f, threads, Z));
    }

    /// `Z <- f(Z)`, and `D <- f'(Z)` where the slope is kept; else `D` is left alone.
    ///
    /// # Panics
    /// Where the slope is kept and `D` has another shape than `Z`.
    pub(crate) fn apply_keeping<T: Real>(
        self,
        threads: Threads,
        Z: &mut Array2<T>,
        D: &mut Array2<T>,
    ) {
        with_function!(self, {}, f => apply_keeping(f, threads, Z, D));
    }

    /// `B <- B f'(Z)`, entry by entry, for `A` and `D` of [`LayerFunction::apply_keeping`].
    pub(crate) fn slope<T: Real>(
        self,
        threads: Threads,
        B: &mut Array2<T>,
        A: &Array2<T>,
        D: &Array2<T>,
    ) {
        let kept = if self.keeps_slope() { D } else { A };
        with_function!(self, {}, f => slope(f, threads, B, kept));
    }

    /// `Z <- f''(Z)`.
    pub(crate) fn curvature<T: Real>(self, threads: Threads, Z: &mut Array2<T>) {
        with_function!(self, Z.fill(T::of(0.0)), f => curvature(f, threads, Z));
    }
}

/// A function of one entry, compiled into the passes below.
trait Entrywise: Copy + Sync {
    /// Whether `f''` is not zero almost everywhere.
    const CURVED: bool;
    /// Whether `f'` does not follow from `f`.
    const KEEPS_SLOPE: bool = false;
    /// [`Activation::entry_nanoseconds`].
    const NANOSECONDS: f64;

    /// `f(z)`.
    fn value<T: Real>(self, z: T) -> T;

    /// `f(z)` and `f'(z)`.
    fn value_and_slope<T: Real>(self, z: T) -> (T, T);

    /// `b f'(z)` for `f(z)`, or for `f'(z)` where it is kept.
    fn slope<T: Real>(self, b: T, kept: T) -> T;

    /// `f''(z)`.
    fn curvature<T: Real>(self, z: T) -> T;
}

#[derive(Clone, Copy)]
struct Relu;

impl Entrywise for Relu {
    const CURVED: bool = false;
    const NANOSECONDS: f64 = 0.9;

    #[inline(always)]
    fn value<T: Real>(self, z: T) -> T {
        if z < T::of(0.0) { T::of(0.0) } else { z }
    }

    #[inline(always)]
    fn value_and_slope<T: Real>(self, z: T) -> (T, T) {
        (self.value(z), self.slope(T::of(1.0), z))
    }

    #[inline(always)]
    fn slope<T: Real>(self, b: T, a: T) -> T {
        if a > T::of(0.0) { b } else { T::of(0.0) }
    }

    #[inline(always)]
    fn curvature<T: Real>(self, _: T) -> T {
        T::of(0.0)
    }
}

#[derive(Clone, Copy)]
struct LeakyRelu {
    /// Not negative: the value has the sign of `z`.
    slope: f64,
}

impl Entrywise for LeakyRelu {
    const CURVED: bool = false;
    const NANOSECONDS: f64 = 0.9;

    #[inline(always)]
    fn value<T: Real>(self, z: T) -> T {
        if z < T::of(0.0) {
            T::of(self.slope) * z
        } else {
            z
        }
    }

    #[inline(always)]
    fn value_and_slope<T: Real>(self, z: T) -> (T, T) {
        (self.value(z), self.slope(T::of(1.0), z))
    }

    #[inline(always)]
    fn slope<T: Real>(self, b: T, a: T) -> T {
        if a > T::of(0.0) {
            b
        } else {
            T::of(self.slope) * b
        }
    }

    #[inline(always)]
    fn curvature<T: Real>(self, _: T) -> T {
        T::of(0.0)
    }
}

#[derive(Clone, Copy)]
struct Tanh;

impl Entrywise for Tanh {
    const CURVED: bool = true;
    const NANOSECONDS: f64 = 2.4;

    #[inline(always)]
    fn value<T: Real>(self, z: T) -> T {
        z.hyperbolic_tangent()
    }

    #[inline(always)]
    fn value_and_slope<T: Real>(self, z: T) -> (T, T) {
        let a = self.value(z);
        (a, self.slope(T::of(1.0), a))
    }

    #[inline(always)]
    fn slope<T: Real>(self, b: T, a: T) -> T {
        b * (T::of(1.0) - a * a)
    }

    #[inline(always)]
    fn curvature<T: Real>(self, z: T) -> T {
        let (a, slope) = self.value_and_slope(z);
        T::of(-2.0) * a * slope
    }
}

/// `f = z F(z)`, `f' = F + z F'`, `f'' = (2 - z^2) F'`.
#[derive(Clone, Copy)]
struct Gelu;

impl Entrywise for Gelu {
    const CURVED: bool = true;
    const KEEPS_SLOPE: bool = true;
    const NANOSECONDS: f64 = 4.6;

    #[inline(always)]
    fn value<T: Real>(self, z: T) -> T {
        z * z.normal().0
    }

    #[inline(always)]
    fn value_and_slope<T: Real>(self, z: T) -> (T, T) {
        let (F, density) = z.normal();
        (z * F, F + z * density)
    }

    #[inline(always)]
    fn slope<T: Real>(self, b: T, kept: T) -> T {
        b * kept
    }

    #[inline(always)]
    fn curvature<T: Real>(self, z: T) -> T {
        (T::of(2.0) - z * z) * z.normal().1
    }
}

/// With `s = 1 / (1 + e^-z)`: `f = z s`, `f' = s + z s (1 - s)`, `f'' = s (1 - s) (2 + z (1 - 2 s))`.
#[derive(Clone, Copy)]
struct Silu;

impl Entrywise for Silu {
    const CURVED: bool = true;
    const KEEPS_SLOPE: bool = true;
    const NANOSECONDS: f64 = 2.8;

    #[inline(always)]
    fn value<T: Real>(self, z: T) -> T {
        z * z.logistic()
    }

    #[inline(always)]
    fn value_and_slope<T: Real>(self, z: T) -> (T, T) {
        let s = z.logistic();
        let a = z * s;
        (a, s + a * (T::of(1.0) - s))
    }

    #[inline(always)]
    fn slope<T: Real>(self, b: T, kept: T) -> T {
        b * kept
    }

    #[inline(always)]
    fn curvature<T: Real>(self, z: T) -> T {
        let (one, two) = (T::of(1.0), T::of(2.0));
        let s = z.logistic();
        s * (one - s) * (two + z * (one - two * s))
    }
}

fn nanoseconds<F: Entrywise>(_: F) -> f64 {
    F::NANOSECONDS
}

fn is_curved<F: Entrywise>(_: F) -> bool {
    F::CURVED
}

fn keeps_slope<F: Entrywise>(_: F) -> bool {
    F::KEEPS_SLOPE
}

/// `f` of every entry.
struct Values<'a, T, F>(F, &'a mut [T]);

impl<T: Real, F: Entrywise> NullaryFnOnce for Values<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for z in self.1 {
            *z = self.0.value(*z);
        }
    }
}

/// `f` and `f'` of every entry.
struct ValuesAndSlopes<'a, T, F>(F, &'a mut [T], &'a mut [T]);

impl<T: Real, F: Entrywise> NullaryFnOnce for ValuesAndSlopes<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (z, d) in self.1.iter_mut().zip(self.2) {
            (*z, *d) = self.0.value_and_slope(*z);
        }
    }
}

/// `f''` of every entry.
struct Curvatures<'a, T, F>(F, &'a mut [T]);

impl<T: Real, F: Entrywise> NullaryFnOnce for Curvatures<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for z in self.1 {
            *z = self.0.curvature(*z);
        }
    }
}

fn apply<T: Real, F: Entrywise>(f: F, threads: Threads, Z: &mut Array2<T>) {
    in_chunks(threads, entries_mut(Z), &|Z: &mut [T]| {
        dispatched(Values(f, Z));
        0.0
    });
}

fn apply_keeping<T: Real, F: Entrywise>(
    f: F,
    threads: Threads,
    Z: &mut Array2<T>,
    D: &mut Array2<T>,
) {
    if !F::KEEPS_SLOPE {
        return apply(f, threads, Z);
    }
    assert_eq!(Z.dim(), D.dim(), "values and slopes");
    let parts = (entries_mut(Z), entries_mut(D));
    in_chunks(threads, parts, &|(Z, D): (&mut [T], &mut [T])| {
        dispatched(ValuesAndSlopes(f, Z, D));
        0.0
    });
}

fn slope<T: Real, F: Entrywise>(f: F, threads: Threads, B: &mut Array2<T>, kept: &Array2<T>) {
    let parts = (entries_mut(B), entries(kept));
    in_chunks(threads, parts, &|(B, kept): (&mut [T], &[T])| {
        vectorized(|| {
            for (b, &kept) in B.iter_mut().zip(kept) {
                *b = f.slope(*b, kept);
            }
        });
        0.0
    });
}

fn curvature<T: Real, F: Entrywise>(f: F, threads: Threads, Z: &mut Array2<T>) {
    in_chunks(threads, entries_mut(Z), &|Z: &mut [T]| {
        dispatched(Curvatures(f, Z));
        0.0
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a pass over one entry makes of it.
    fn one(z: f64, work: impl FnOnce(&mut Array2<f64>)) -> f64 {
        let mut A = Array2::from_elem((1, 1), z);
        work(&mut A);
        A[[0, 0]]
    }

    fn functions() -> impl Iterator<Item = LayerFunction> {
        let of = |&activation| LayerFunction::of(activation, 0.3);
        Activation::ALL.iter().map(of)
    }

    #[test]
    fn slopes_and_curvatures_are_derivatives() {
        let seq = Threads::Seq;
        for f in functions() {
            let value = |z: f64| one(z, |A| f.apply(seq, A));
            let slope = |z: f64| {
                let (mut A, mut D) = (Array2::from_elem((1, 1), z), Array2::zeros((1, 1)));
                f.apply_keeping(seq, &mut A, &mut D);
                assert!(A[[0, 0]] == value(z) || z.is_nan(), "{f:?} at {z}");
                one(1.0, |B| f.slope(seq, B, &A, &D))
            };
            for z in [-9.0, -2.3, -0.7, -0.1, 0.2, 0.9, 3.1, 8.0] {
                let h = 1e-5;
                let wanted = (value(z + h) - value(z - h)) / (2.0 * h);
                assert!((slope(z) - wanted).abs() < 1e-9, "{f:?} at {z}");
                let found = one(z, |Z| f.curvature(seq, Z));
                let wanted = (slope(z + h) - slope(z - h)) / (2.0 * h);
                assert!((found - wanted).abs() < 1e-9, "{f:?} at {z}");
                assert!(f.is_curved() || found == 0.0, "{f:?}");
            }
            let straight = value(-1.5) == -1.5 && value(2.0) == 2.0;
            assert_eq!(f.is_linear(), straight, "{f:?}");
            assert!(value(f64::NAN).is_nan(), "{f:?}");
            assert!(slope(f64::NAN).is_nan() || !f.is_curved(), "{f:?}");
        }
    }

    #[test]
    fn values_are_those_of_their_names() {
        let check = |activation: Activation, z: f64, wanted: f64| {
            let f = LayerFunction::of(activation, 0.3);
            let found = one(z, |A| f.apply(Threads::Seq, A));
            assert!(
                (found - wanted).abs() <= 1e-15 * wanted.abs(),
                "{f:?}: {found}"
            );
        };
        check(Activation::Relu, -2.0, 0.0);
        check(Activation::LeakyRelu, -2.0, -0.6);
        check(Activation::Tanh, 0.5, 0.462_117_157_260_009_75);
        check(Activation::Gelu, 1.0, 0.841_344_746_068_542_9);
        check(Activation::Gelu, -10.0, -7.619_853_024_160_527e-23);
        check(Activation::Silu, -1.0, -0.268_941_421_369_995_1);
    }
}
