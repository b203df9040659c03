//! A test as a function of sums of its axes. Counting by it is in `sums`.

use crate::value::Value;
use crate::values::Values;

/// What a test says of the value of each sum.
pub(crate) type Holds<'a> = Box<dyn Fn(&[Value]) -> bool + 'a>;

/// A test as a function of sums of axes.
pub(crate) struct Summed<'a> {
    pub(crate) sums: Vec<Sum<'a>>,
    /// Given the value of each sum.
    pub(crate) holds: Holds<'a>,
}

/// What a test looks at.
pub(crate) enum Sum<'a> {
    /// The constant and the value of each column (an axis and its integers) times its factor.
    Numbers {
        terms: Vec<(usize, &'a Values, i64)>,
        constant: i64,
        /// Positive.
        modulus: Option<i64>,
    },
    /// The value of one column.
    Column(usize, &'a Values),
}
