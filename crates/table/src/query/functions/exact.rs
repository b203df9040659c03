//! Numbers of twice the precision of a double: sums from which a row can be taken out again without a trace.

/// The unevaluated sum of two doubles, 106 bits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Exact {
    high: f64,
    low: f64,
}

impl Exact {
    pub(super) fn of(value: f64) -> Self {
        Self {
            high: value,
            low: 0.0,
        }
    }

    /// The exact difference of two doubles.
    pub(super) fn difference(left: f64, right: f64) -> Self {
        let (high, low) = two_sum(left, -right);
        Self { high, low }
    }

    pub(super) fn value(self) -> f64 {
        self.high + self.low
    }

    pub(super) fn negative(self) -> Self {
        Self {
            high: -self.high,
            low: -self.low,
        }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        let (high, error) = two_sum(self.high, other.high);
        let (middle, low) = two_sum(self.low, other.low);
        let (high, error) = quick_sum(high, error + middle);
        let (high, low) = quick_sum(high, error + low);
        Self { high, low }
    }

    pub(super) fn minus(self, other: Self) -> Self {
        self.plus(other.negative())
    }

    pub(super) fn times(self, other: Self) -> Self {
        let product = self.high * other.high;
        let error = self.high.mul_add(other.high, -product);
        let (high, low) = quick_sum(
            product,
            error + (self.high * other.low + self.low * other.high),
        );
        Self { high, low }
    }

    pub(super) fn over(self, divisor: Self) -> Self {
        let first = self.high / divisor.high;
        let rest = self.minus(divisor.times(Self::of(first)));
        let second = rest.high / divisor.high;
        let rest = rest.minus(divisor.times(Self::of(second)));
        let third = rest.high / divisor.high;
        let (high, low) = quick_sum(first, second);
        Self { high, low }.plus(Self::of(third))
    }
}

/// The rounded sum and what rounding took.
fn two_sum(left: f64, right: f64) -> (f64, f64) {
    let sum = left + right;
    let back = sum - left;
    (sum, (left - (sum - back)) + (right - back))
}

/// As [`two_sum`], where `left` is the larger.
fn quick_sum(left: f64, right: f64) -> (f64, f64) {
    let sum = left + right;
    (sum, right - (sum - left))
}
