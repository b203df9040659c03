//! What the readers of all formats give back, and what they are asked for.

use std::ops::Range;

use ndarray::Array2;

use super::error::{Cause, DataProblem};

/// A matrix as a file holds it.
pub(super) enum Matrix {
    Numbers(Array2<f64>),
    Texts {
        texts: Array2<String>,
        /// Line of each text, where the file has lines.
        lines: Vec<u64>,
    },
}

/// What the values are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Numbers,
    /// Numbers, or `true` and `false` as texts.
    Mask,
    Labels,
}

/// The columns to take of a file that has `width`; `cause` says why it may have too few.
pub(super) fn cut(
    columns: Option<(u64, u64)>,
    width: usize,
    cause: impl FnOnce() -> Cause,
) -> Result<Range<usize>, DataProblem> {
    let Some((start, end)) = columns else {
        return Ok(0..width);
    };
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(from), Ok(to)) if from < to && to <= width => Ok(from..to),
        _ => Err(DataProblem::Columns {
            start,
            end,
            found: width,
            cause: cause(),
        }),
    }
}
