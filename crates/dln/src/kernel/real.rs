//! The two precisions that networks train in.

use faer::traits::RealField;
use ndarray::NdFloat;

use super::Smooth;

/// `f64` or `f32`, known to both faer and ndarray.
pub(crate) trait Real: RealField + NdFloat + Smooth {
    /// The distance from 1 to the next number.
    const ROUNDING: f64;

    /// The nearest number of this precision.
    fn of(value: f64) -> Self;
    /// The same number as `f64`, exactly.
    fn wide(self) -> f64;
}

impl Real for f64 {
    const ROUNDING: f64 = f64::EPSILON;

    fn of(value: f64) -> f64 {
        value
    }

    fn wide(self) -> f64 {
        self
    }
}

impl Real for f32 {
    const ROUNDING: f64 = f32::EPSILON as f64;

    fn of(value: f64) -> f32 {
        value as f32
    }

    fn wide(self) -> f64 {
        f64::from(self)
    }
}
