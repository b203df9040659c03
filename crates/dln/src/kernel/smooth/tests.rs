//! Errors in units in the last place, over dense samples: double precision against numbers of 32 digits, single against
//! double.

use pulp::NullaryFnOnce;

use super::Smooth;
use crate::kernel::simd::archs;

/// The sum of two doubles, some 32 digits.
///
/// # Source
/// Dekker, Numerische Mathematik 18 (1971), with the products' errors by fused operations.
#[derive(Clone, Copy, Debug)]
struct Pair(f64, f64);

fn sum(a: f64, b: f64) -> Pair {
    let s = a + b;
    let v = s - a;
    Pair(s, (a - (s - v)) + (b - v))
}

fn times(a: f64, b: f64) -> Pair {
    let p = a * b;
    Pair(p, a.mul_add(b, -p))
}

impl Pair {
    fn of(x: f64) -> Pair {
        Pair(x, 0.0)
    }

    fn plus(self, o: Pair) -> Pair {
        let Pair(s, e) = sum(self.0, o.0);
        let Pair(t, f) = sum(self.1, o.1);
        let Pair(s, e) = sum(s, e + t);
        sum(s, e + f)
    }

    fn minus(self, o: Pair) -> Pair {
        self.plus(Pair(-o.0, -o.1))
    }

    fn by(self, o: Pair) -> Pair {
        let Pair(p, e) = times(self.0, o.0);
        sum(p, e + self.0.mul_add(o.1, self.1 * o.0))
    }

    fn over(self, o: Pair) -> Pair {
        let first = self.0 / o.0;
        let rest = self.minus(o.by(Pair::of(first)));
        let second = rest.0 / o.0;
        let rest = rest.minus(o.by(Pair::of(second)));
        let Pair(s, e) = sum(first, second);
        sum(s, e + rest.0 / o.0)
    }

    /// Times a power of two.
    fn scaled(self, factor: f64) -> Pair {
        Pair(self.0 * factor, self.1 * factor)
    }
}

/// A number `m 2^k`.
#[derive(Clone, Copy, Debug)]
struct Scaled {
    m: Pair,
    k: i32,
}

const LN_2: Pair = Pair(std::f64::consts::LN_2, 2.3190468138462996e-17);
/// `1 / sqrt(2 pi)`.
const DENSITY: Pair = Pair(0.3989422804014327, -2.49232720227773e-17);

fn e_to(x: Pair) -> Scaled {
    let k = (x.0 / LN_2.0).round();
    let r = x.minus(LN_2.by(Pair::of(k))).scaled(1.0 / 64.0);
    let mut s = Pair::of(0.0);
    for n in (1..=15).rev() {
        // e^r - 1 by Horner.
        s = Pair::of(1.0).plus(s).by(r).over(Pair::of(f64::from(n)));
    }
    for _ in 0..6 {
        s = s.scaled(2.0).plus(s.by(s));
    }
    Scaled {
        m: s.plus(Pair::of(1.0)),
        k: k as i32,
    }
}

impl Scaled {
    fn value(self) -> Pair {
        self.m.scaled(2f64.powi(self.k))
    }
}

fn tanh(x: f64) -> Pair {
    if x.abs() < 1e-5 {
        let square = times(x, x);
        let fifth = square.by(square).scaled(2.0).over(Pair::of(15.0));
        let sum = Pair::of(1.0).minus(square.over(Pair::of(3.0))).plus(fifth);
        return sum.by(Pair::of(x));
    }
    let e = e_to(Pair::of(2.0 * x.clamp(-40.0, 40.0))).value();
    e.minus(Pair::of(1.0)).over(e.plus(Pair::of(1.0)))
}

fn logistic(x: f64) -> Scaled {
    let e = e_to(Pair::of(-x.abs()));
    let below = Pair::of(1.0).plus(e.value());
    if x < 0.0 {
        let m = e.m.over(below);
        return Scaled { m, k: e.k };
    }
    let m = Pair::of(1.0).over(below);
    Scaled { m, k: 0 }
}

/// The distribution function of the normal distribution.
fn normal(z: f64) -> Scaled {
    let u = z.abs();
    let e = e_to(times(u, u).scaled(-0.5));
    let e = Scaled {
        m: e.m.by(DENSITY),
        ..e
    };
    let half = Pair::of(0.5);
    let tail = if u < 2.0 {
        let mut s = Pair::of(0.0);
        for n in (0..60).rev() {
            let next = Pair::of(f64::from(2 * n + 3));
            s = Pair::of(1.0).plus(times(u, u).by(s).over(next));
        }
        let m = half.minus(e.value().by(Pair::of(u)).by(s));
        Scaled { m, k: 0 }
    } else {
        // Laplace's continued fraction.
        let mut s = Pair::of(u);
        for n in (1..=300).rev() {
            s = Pair::of(u).plus(Pair::of(f64::from(n)).over(s));
        }
        Scaled {
            m: e.m.over(s),
            k: e.k,
        }
    };
    if z < 0.0 {
        return tail;
    }
    let m = Pair::of(1.0).minus(tail.value());
    Scaled { m, k: 0 }
}

/// `x 2^k`, in two steps, as `2^k` may be no normal number.
fn raised(x: f64, k: i32) -> f64 {
    x * 2f64.powi(k / 2) * 2f64.powi(k - k / 2)
}

/// `found` against `wanted`, in units in the last place of `wanted`.
fn off(found: f64, wanted: Scaled) -> f64 {
    let exponent = wanted.m.0.abs().log2().floor() as i32 + wanted.k;
    let last = (exponent - 52).max(-1074);
    // Both in these units.
    let Pair(high, low) = wanted.m;
    let (high, low) = (raised(high, wanted.k - last), raised(low, wanted.k - last));
    ((raised(found, -last) - high) - low).abs()
}

/// `count` numbers between these, not equally far from each other.
fn between(low: f64, high: f64, count: u32) -> impl Iterator<Item = f64> {
    (0..count).map(move |i| {
        let wobble = f64::from(i.wrapping_mul(2_654_435_769) >> 8) / f64::from(1 << 24);
        low + (high - low) * (f64::from(i) + wobble) / f64::from(count)
    })
}

/// Down to the smallest numbers, both signs.
fn small() -> impl Iterator<Item = f64> {
    (0..1074 * 3).flat_map(|i| {
        let x = raised(1.0 + f64::from(i % 3) * 0.29, -i / 3);
        [x, -x]
    })
}

/// Largest error over the samples, at most `bound`.
fn check(
    name: &str,
    found: impl Fn(f64) -> f64,
    wanted: impl Fn(f64) -> Scaled,
    samples: impl Iterator<Item = f64>,
    bound: f64,
) {
    for x in samples {
        let error = off(found(x), wanted(x));
        assert!(error <= bound, "{name}({x:e}) is {error} units off");
    }
}

fn plain(m: Pair) -> Scaled {
    Scaled { m, k: 0 }
}

const COUNT: u32 = 20_000;

#[test]
fn doubles_are_within_two_units() {
    let wide = between(-745.1, 709.78, 2 * COUNT);
    let near = between(-1.0, 1.0, COUNT).chain(small());
    let e = |x: f64| e_to(Pair::of(x));
    check("exp", f64::exponential, e, wide.chain(near), 1.0);
    let wide = between(-21.0, 21.0, COUNT);
    let near = between(-1.2, 1.2, 2 * COUNT).chain(small());
    let f = |x: f64| plain(tanh(x));
    check("tanh", f64::hyperbolic_tangent, f, wide.chain(near), 2.0);
    let wide = between(-745.0, 40.0, COUNT);
    let near = between(-3.0, 3.0, COUNT).chain(small());
    check("logistic", f64::logistic, logistic, wide.chain(near), 2.0);
    let wide = between(-38.5, 9.0, COUNT);
    let near = between(-6.0, 6.0, COUNT).chain(small());
    let found = |z: f64| z.normal().0;
    check("normal", found, normal, wide.chain(near), 2.0);
    let density = |z: f64| {
        let e = e_to(times(z, z).scaled(-0.5));
        let m = e.m.by(DENSITY);
        Scaled { m, ..e }
    };
    let wide = between(-38.5, 38.5, COUNT).chain(small());
    check("density", |z| z.normal().1, density, wide, 2.0);
}

/// A sample of all numbers, both signs, NaN and infinities left out.
fn singles() -> impl Iterator<Item = f32> {
    let all = (0..u32::MAX).step_by(1_009).map(f32::from_bits);
    all.filter(|x| x.is_finite())
}

#[test]
fn singles_are_within_two_units() {
    let off = |found: f32, wanted: f64| {
        let exponent = if wanted == 0.0 {
            -149
        } else {
            wanted.abs().log2().floor() as i32 - 23
        };
        (f64::from(found) - wanted).abs() / 2f64.powi(exponent.max(-149))
    };
    for x in singles() {
        let wide = f64::from(x);
        for (name, found, wanted, bound) in [
            ("exp", x.exponential(), wide.exponential(), 1.0),
            (
                "tanh",
                x.hyperbolic_tangent(),
                wide.hyperbolic_tangent(),
                2.0,
            ),
            ("logistic", x.logistic(), wide.logistic(), 2.0),
            ("normal", x.normal().0, wide.normal().0, 2.0),
            ("density", x.normal().1, wide.normal().1, 2.0),
        ] {
            if wanted > f64::from(f32::MAX) {
                assert_eq!(found, f32::INFINITY, "{name}({x:e})");
                continue;
            }
            let error = off(found, wanted);
            assert!(error <= bound, "{name}({x:e}) is {error} units off");
        }
    }
}

#[test]
fn ends_are_exact_and_nan_stays() {
    macro_rules! check_ends {
        ($T:ty) => {{
            const MAX: $T = <$T>::MAX;
            const INFINITY: $T = <$T>::INFINITY;
            for x in [MAX, INFINITY] {
                assert_eq!(x.exponential(), INFINITY);
                assert_eq!((-x).exponential(), 0.0);
                assert_eq!(x.hyperbolic_tangent(), 1.0);
                assert_eq!((-x).hyperbolic_tangent(), -1.0);
                assert_eq!(x.logistic(), 1.0);
                assert_eq!((-x).logistic(), 0.0);
                assert_eq!(x.normal(), (1.0, 0.0));
                assert_eq!((-x).normal(), (0.0, 0.0));
            }
            for zero in [0.0, -0.0] {
                let zero: $T = zero;
                assert_eq!(zero.exponential(), 1.0);
                assert_eq!(zero.hyperbolic_tangent().to_bits(), zero.to_bits());
                assert_eq!(zero.logistic(), 0.5);
                assert_eq!(zero.normal().0, 0.5);
            }
            let nan = <$T>::NAN;
            assert!(nan.exponential().is_nan() && nan.hyperbolic_tangent().is_nan());
            assert!(nan.logistic().is_nan());
            assert!(nan.normal().0.is_nan() && nan.normal().1.is_nan());
        }};
    }
    check_ends!(f64);
    check_ends!(f32);
}

/// Four functions of many numbers, as a pass takes them.
struct Pass<'a, T>(&'a mut [T]);

impl<T: Smooth> pulp::NullaryFnOnce for Pass<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for x in self.0 {
            let (F, density) = x.normal();
            let sum = x.exponential() + x.hyperbolic_tangent();
            *x = sum + x.logistic() + F + density;
        }
    }
}

#[test]
fn the_bits_do_not_depend_on_the_vectors() {
    let one: Vec<f64> = between(-12.0, 12.0, 3_001).collect();
    let other: Vec<f32> = one.iter().map(|&x| x as f32).collect();
    let (mut wanted, mut wanted_singles) = (one.clone(), other.clone());
    Pass(&mut wanted).call();
    Pass(&mut wanted_singles).call();
    for arch in archs() {
        let (mut one, mut other) = (one.clone(), other.clone());
        arch.dispatch(Pass(&mut one));
        arch.dispatch(Pass(&mut other));
        assert!(one == wanted && other == wanted_singles, "{arch:?}");
    }
}
