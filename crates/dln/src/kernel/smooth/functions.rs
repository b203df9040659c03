//! The exponential, the hyperbolic tangent, the logistic function and the normal distribution, of either precision.
//!
//! Every function is a fixed sequence of operations without branches, so passes over many entries become vector code.
//! Each operation rounds once, `a b + c` included, so the bits are the same on every machine and for any vectors;
//! a machine without such an operation does it in software, slowly.
//!
//! With `x = k ln 2 + r`, `|r| <= ln(2) / 2`, and `e^r = 1 + p`, `p = r + r^2 Q(r)`:
//!
//! - `e^x = 2^k + 2^k p`;
//! - `tanh x = m / (m + 2)`, `m = e^(2x) - 1 = 2^k p + (2^k - 1)`;
//! - `F(-u) = e^(-u^2 / 2) G / (u + a)`, `G = a/2 + u N(u) / D(u)`, for `u >= 0`, where
//!   `F(z) = (1 + erf(z / sqrt 2)) / 2`. The quotient in `G` is small, compared with `a/2`, so its own rounding does
//!   not show. The lower tail keeps all its digits, where `1 + erf` would cancel.
//!
//! What the square, the denominators and the quotients lose to rounding is put back. Errors in units in the last place,
//! of both precisions: at most 1 for `e^x`, 2 for the others; over the samples of the tests 0.87, and 1.71 or less.
//! NaN stays NaN.
//!
//! # Source
//! Coefficients, and how far the formulas are from the functions: `tests/measure/coefficients.py`. The sums' and
//! products' errors: Dekker, Numerische Mathematik 18 (1971).

use std::ops::{Add, Div, Mul, Neg, Sub};

/// A number that has them.
pub(crate) trait Smooth:
    'static
    + Copy
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    const ZERO: Self;
    const ONE: Self;
    const TWO: Self;
    const HALF: Self;
    /// `1 / ln 2`.
    const LOG2_E: Self;
    /// `ln 2` without its last digits, so that its products with exponents are exact.
    const LN_2: Self;
    /// The rest of `ln 2`.
    const LN_2_REST: Self;
    /// Added to a number below a quarter of it, it leaves the nearest integer and the exponents' bias in the last bits.
    const ROUNDER: Self;
    /// Where the exponential is 0 and infinite.
    const LEAST: Self;
    const MOST: Self;
    /// From here on `tanh x` rounds to 1; of `2 x`.
    const FLAT: Self;
    /// Where `F(-u)` is 0.
    const TAIL_END: Self;
    /// `Q`, by rising powers.
    const EXP: &'static [Self];
    /// `a`.
    const TAIL_SHIFT: Self;
    /// `N` and `D`, by rising powers.
    const TAIL_ABOVE: &'static [Self];
    const TAIL_BELOW: &'static [Self];
    /// `1 / sqrt(2 pi)`.
    const DENSITY: Self;

    /// `self b + c` in one rounding.
    fn fused(self, b: Self, c: Self) -> Self;
    fn magnitude(self) -> Self;
    fn with_sign(self, of: Self) -> Self;
    /// `2^k` of `k` + [`Self::ROUNDER`], where it is a normal number.
    fn power_of_two(self) -> Self;

    /// `e^x`.
    #[inline(always)]
    fn exponential(self) -> Self {
        let x = if self < Self::LEAST {
            Self::LEAST
        } else {
            self
        };
        let x = if x > Self::MOST { Self::MOST } else { x };
        let (k, p) = reduced(x, Self::ZERO);
        let [s, t] = halves(k);
        p.fused(s, s) * t
    }

    /// `1 / (1 + e^-x)`.
    #[inline(always)]
    fn logistic(self) -> Self {
        let e = (-self.magnitude()).exponential();
        let above = if self < Self::ZERO { e } else { Self::ONE };
        let below = Self::ONE + e;
        quotient(above, Self::ZERO, below, e - (below - Self::ONE))
    }

    /// `tanh x`.
    #[inline(always)]
    fn hyperbolic_tangent(self) -> Self {
        let x = Self::TWO * self.magnitude();
        let x = if x > Self::FLAT { Self::FLAT } else { x };
        let (k, p) = reduced(x, Self::ZERO);
        let s = (k + Self::ROUNDER).power_of_two();
        let m = p.fused(s, s - Self::ONE);
        let below = m + Self::TWO;
        let rest = m - (below - Self::TWO);
        quotient(m, Self::ZERO, below, rest).with_sign(self)
    }

    /// `F(z)` of the normal distribution, and its density `e^(-z^2 / 2) / sqrt(2 pi)`.
    #[inline(always)]
    fn normal(self) -> (Self, Self) {
        let u = self.magnitude();
        let u = if u > Self::TAIL_END {
            Self::TAIL_END
        } else {
            u
        };
        let square = u * u;
        let rest = u.fused(u, -square);
        let (k, p) = reduced(-Self::HALF * square, -Self::HALF * rest);
        let [s, t] = halves(k);
        let small = u * polynomial(Self::TAIL_ABOVE, u) / polynomial(Self::TAIL_BELOW, u);
        let G = Self::HALF * Self::TAIL_SHIFT + small;
        let above = p.fused(G, G);
        let above_rest = p.fused(G, G - above);
        let below = u + Self::TAIL_SHIFT;
        let below_rest = u - (below - Self::TAIL_SHIFT);
        let tail = quotient(above, above_rest, below, below_rest) * s * t;
        let density = p.fused(Self::DENSITY, Self::DENSITY) * s * t;
        let F = if self < Self::ZERO {
            tail
        } else {
            Self::ONE - tail
        };
        (F, density)
    }
}

/// `k` and `p` of `x + rest`.
#[inline(always)]
fn reduced<T: Smooth>(x: T, rest: T) -> (T, T) {
    let k = x.fused(T::LOG2_E, T::ROUNDER) - T::ROUNDER;
    let high = (-k).fused(T::LN_2, x);
    let low = (-k).fused(T::LN_2_REST, rest);
    let r = high + low;
    let low = low - (r - high);
    (k, r + (r * r).fused(polynomial(T::EXP, r), low))
}

/// `(a + a') / (b + b')`, where `a'` and `b'` are small, in about one rounding.
#[inline(always)]
fn quotient<T: Smooth>(a: T, a_rest: T, b: T, b_rest: T) -> T {
    let inverse = T::ONE / b;
    let q = a * inverse;
    let rest = (-q).fused(b, a) + (-q).fused(b_rest, a_rest);
    rest.fused(inverse, q)
}

/// Two normal numbers whose product is `2^k`, also where that is not normal.
#[inline(always)]
fn halves<T: Smooth>(k: T) -> [T; 2] {
    let half = k.fused(T::HALF, T::ROUNDER);
    let other = k - (half - T::ROUNDER);
    [half.power_of_two(), (other + T::ROUNDER).power_of_two()]
}

/// Even and odd powers by themselves: two chains of half the length.
#[inline(always)]
fn polynomial<T: Smooth>(coefficients: &[T], x: T) -> T {
    let square = x * x;
    let last = coefficients.len() - 1;
    let (mut one, mut other) = (coefficients[last], coefficients[last - 1]);
    let mut i = last - 1;
    while i >= 2 {
        i -= 2;
        one = one.fused(square, coefficients[i + 1]);
        other = other.fused(square, coefficients[i]);
    }
    if i == 1 {
        // One more of the chain that began with the last power.
        one = one.fused(square, coefficients[0]);
        return other.fused(x, one);
    }
    one.fused(x, other)
}

impl Smooth for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const TWO: f64 = 2.0;
    const HALF: f64 = 0.5;
    const LOG2_E: f64 = std::f64::consts::LOG2_E;
    const LN_2: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
    const LN_2_REST: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
    const ROUNDER: f64 = ((3_u64 << 51) + 1023) as f64;
    const LEAST: f64 = -746.0;
    const MOST: f64 = 710.0;
    const FLAT: f64 = 44.0;
    const TAIL_END: f64 = 39.0;
    const DENSITY: f64 = 0.5 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
    const TAIL_SHIFT: f64 = 0.796875;
    const EXP: &'static [f64] = &[
        0.5,
        0.16666666666666685,
        0.04166666666659981,
        0.008333333333316192,
        0.0013888888928385993,
        0.00019841269898232815,
        2.4801506765131403e-05,
        2.7557233186138298e-06,
        2.762592478734749e-07,
        2.5112575199224824e-08,
    ];
    const TAIL_ABOVE: &'static [f64] = &[
        0.18209287030510837,
        0.24925928530502073,
        0.16974598076794087,
        0.07387668766783725,
        0.022424579645683576,
        0.004902301062029984,
        0.0007716777908843568,
        8.465453942530279e-05,
        5.928351432414197e-06,
        2.0709257272966898e-07,
        3.1361945601639813e-10,
    ];
    const TAIL_BELOW: &'static [f64] = &[
        1.0,
        2.4656803693310745,
        2.845632623263208,
        2.0333484267967914,
        1.001974072198033,
        0.3585589708128416,
        0.09541452453782741,
        0.01896214808990837,
        0.0027731906378352794,
        0.00028631436983527744,
        1.8973113039099314e-05,
        6.212987966393945e-07,
    ];

    #[inline(always)]
    fn fused(self, b: f64, c: f64) -> f64 {
        self.mul_add(b, c)
    }

    #[inline(always)]
    fn magnitude(self) -> f64 {
        self.abs()
    }

    #[inline(always)]
    fn with_sign(self, of: f64) -> f64 {
        self.copysign(of)
    }

    #[inline(always)]
    fn power_of_two(self) -> f64 {
        f64::from_bits(self.to_bits() << 52)
    }
}

impl Smooth for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const TWO: f32 = 2.0;
    const HALF: f32 = 0.5;
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    const LN_2: f32 = f32::from_bits(0x3f31_7200);
    const LN_2_REST: f32 = f32::from_bits(0x35bf_be8e);
    const ROUNDER: f32 = ((3_u32 << 22) + 127) as f32;
    const LEAST: f32 = -104.0;
    const MOST: f32 = 89.0;
    const FLAT: f32 = 20.0;
    const TAIL_END: f32 = 15.0;
    const DENSITY: f32 = 0.5 * std::f32::consts::FRAC_2_SQRT_PI * std::f32::consts::FRAC_1_SQRT_2;
    const TAIL_SHIFT: f32 = 0.796875;
    const EXP: &'static [f32] = &[0.5, 0.16666515, 0.041666456, 0.008369223, 0.0013935872];
    const TAIL_ABOVE: &'static [f32] =
        &[0.18209293, 0.10998332, 0.030898, 0.0038510587, 6.06003e-06];
    const TAIL_BELOW: &'static [f32] = &[
        1.0,
        1.7008251,
        1.2441657,
        0.4973885,
        0.11125524,
        0.011942691,
    ];

    #[inline(always)]
    fn fused(self, b: f32, c: f32) -> f32 {
        self.mul_add(b, c)
    }

    #[inline(always)]
    fn magnitude(self) -> f32 {
        self.abs()
    }

    #[inline(always)]
    fn with_sign(self, of: f32) -> f32 {
        self.copysign(of)
    }

    #[inline(always)]
    fn power_of_two(self) -> f32 {
        f32::from_bits(self.to_bits() << 23)
    }
}
