//! What outputs are worth: distances to targets and classes hit.

use ndarray::ArrayView2;

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
    }

    #[test]
    fn the_first_of_equal_outputs_wins() {
        let outputs = array![[1.0, 0.0, 2.0], [1.0, 3.0, 5.0], [0.0, 3.0, 1.0]];
        assert_eq!(correct(outputs.view(), &[0, 1, 1]), 3);
        assert_eq!(correct(outputs.view(), &[1, 2, 0]), 0);
    }
}
