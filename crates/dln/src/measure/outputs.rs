//! What outputs are worth: distances to targets and classes hit.

use ndarray::{Array2, ArrayView2, Axis};

use crate::kernel::{Threads, multiply};

/// Samples evaluated together, so that a million of them need no more memory than a few thousand.
const TOGETHER: usize = 1024;

/// `W_L .. W_1`, multiplied from its outputs on or from its inputs on.
///
/// # Panics
/// Where there is no layer.
pub(crate) fn chain(threads: Threads, W: &[Array2<f64>], outputs_first: bool) -> Array2<f64> {
    let depth = W.len();
    if outputs_first {
        let mut M = W[depth - 1].clone();
        for W in W[..depth - 1].iter().rev() {
            M = multiply(threads, M.view(), W.view());
        }
        M
    } else {
        let mut M = W[0].clone();
        for W in &W[1..] {
            M = multiply(threads, W.view(), M.view());
        }
        M
    }
}

/// Adds up what `visit` makes of the outputs of the samples from its number on, some at a time.
///
/// # Shapes
/// `X`: `d_x x n`; `outputs`: from `d_x x k` to `d_y x k`.
pub(crate) fn over_samples(
    X: ArrayView2<'_, f64>,
    outputs: impl Fn(ArrayView2<'_, f64>) -> Array2<f64>,
    mut visit: impl FnMut(usize, ArrayView2<'_, f64>) -> f64,
) -> f64 {
    let mut sum = 0.0;
    let mut start = 0;
    for part in X.axis_chunks_iter(Axis(1), TOGETHER) {
        sum += visit(start, outputs(part).view());
        start += part.ncols();
    }
    sum
}

/// Share of the samples whose largest output is their class.
pub(crate) fn share_correct(
    X: ArrayView2<'_, f64>,
    classes: &[u32],
    outputs: impl Fn(ArrayView2<'_, f64>) -> Array2<f64>,
) -> f64 {
    let hits = over_samples(X, outputs, |start, outputs| {
        correct(outputs, &classes[start..start + outputs.ncols()]) as f64
    });
    hits / X.ncols() as f64
}

/// `||E - Y||_F^2`.
///
/// # Shapes
/// Both `d_y x n`.
pub(crate) fn square_distance(E: ArrayView2<'_, f64>, Y: ArrayView2<'_, f64>) -> f64 {
    let columns = E.columns().into_iter().zip(Y.columns());
    columns
        .map(|(e, y)| e.iter().zip(y).map(|(e, y)| (e - y) * (e - y)).sum::<f64>())
        .sum()
}

/// `||mask (E - Y)||_F^2`, entry by entry: over the entries that training sees, which without a mask are all.
///
/// # Shapes
/// All `d_y x d_x`; `mask` 0 or 1.
pub(crate) fn seen_square_distance(
    E: ArrayView2<'_, f64>,
    Y: ArrayView2<'_, f64>,
    mask: Option<ArrayView2<'_, f64>>,
) -> f64 {
    match mask {
        Some(mask) => {
            let hidden = mask.mapv(|seen| 1.0 - seen);
            hidden_square_distance(E, Y, hidden.view())
        }
        None => square_distance(E, Y),
    }
}

/// `||(1 - mask) (E - Y)||_F^2`, entry by entry: over the entries that training does not see.
///
/// # Shapes
/// All `d_y x d_x`; `mask` 0 or 1.
pub(crate) fn hidden_square_distance(
    E: ArrayView2<'_, f64>,
    Y: ArrayView2<'_, f64>,
    mask: ArrayView2<'_, f64>,
) -> f64 {
    let mut sum = 0.0;
    for ((e, y), m) in E.rows().into_iter().zip(Y.rows()).zip(mask.rows()) {
        // A sum a row, so that the error grows with the rows' length and their number, not the product.
        sum += e
            .iter()
            .zip(y)
            .zip(m)
            .map(|((e, y), m)| (1.0 - m) * (e - y) * (e - y))
            .sum::<f64>();
    }
    sum
}

/// How many columns have their largest entry, the first of equal ones, at the row of their class.
///
/// # Shapes
/// `outputs`: `classes x n`.
pub(crate) fn correct(outputs: ArrayView2<'_, f64>, classes: &[u32]) -> usize {
    outputs
        .columns()
        .into_iter()
        .zip(classes)
        .filter(|(column, class)| {
            let mut best = 0;
            for (row, value) in column.iter().enumerate() {
                if *value > column[best] {
                    best = row;
                }
            }
            best == **class as usize
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn distances_see_what_they_should() {
        let E = array![[1.0, 2.0], [3.0, 4.0]];
        let Y = array![[0.0, 2.0], [1.0, 1.0]];
        let mask = array![[1.0, 0.0], [0.0, 1.0]];
        assert_eq!(square_distance(E.view(), Y.view()), 14.0);
        assert_eq!(hidden_square_distance(E.view(), Y.view(), mask.view()), 4.0);
        let seen = |mask| seen_square_distance(E.view(), Y.view(), mask);
        assert_eq!((seen(Some(mask.view())), seen(None)), (10.0, 14.0));
    }

    #[test]
    fn the_first_of_equal_outputs_wins() {
        let outputs = array![[1.0, 0.0, 2.0], [1.0, 3.0, 5.0], [0.0, 3.0, 1.0]];
        assert_eq!(correct(outputs.view(), &[0, 1, 1]), 3);
        assert_eq!(correct(outputs.view(), &[1, 2, 0]), 0);
    }
}
