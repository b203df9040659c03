//! The axes of a grid, as `plan` shows them.

use super::model::Grid;
use crate::axis::Axis;
use crate::value::Value;

/// Values shown at the beginning of a long axis.
const SHOWN_FIRST: u64 = 3;

/// Values shown at its end.
const SHOWN_LAST: u64 = 2;

/// One axis of the product.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisSummary {
    /// One key, or those of a `[[zip]]`.
    pub keys: Vec<&'static str>,
    /// Number of values.
    pub count: u64,
    /// The values as the file writes them, one text a key.
    pub written: Vec<String>,
    /// The first values, each with one number or name a key.
    pub first: Vec<Vec<Value>>,
    /// The last values that are not among the first. There are others between if `count` is larger than both
    /// together.
    pub last: Vec<Vec<Value>>,
}

impl Grid {
    /// The axes in the order of the product, the slowest first.
    pub fn axes(&self) -> Vec<AxisSummary> {
        self.spec().axes.iter().map(summary).collect()
    }
}

fn summary(axis: &Axis) -> AxisSummary {
    let count = axis.len();
    let tuple = |j: u64| -> Vec<Value> {
        (0..axis.keys.len())
            .map(|position| axis.value(position, j))
            .collect()
    };
    let first = count.min(SHOWN_FIRST);
    let last = count.saturating_sub(SHOWN_LAST).max(first);
    AxisSummary {
        keys: axis.keys.iter().map(|key| key.name).collect(),
        count,
        written: axis.values.iter().map(ToString::to_string).collect(),
        first: (0..first).map(tuple).collect(),
        last: (last..count).map(tuple).collect(),
    }
}
