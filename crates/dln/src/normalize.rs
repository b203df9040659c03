//! Inputs with mean 0 and deviation 1, an input at a time, by statistics of the training samples alone.

use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis};

/// Share of an input's largest value at or below which its deviation is rounding: the input is constant. A mean over
/// a million equal numbers is off by some 1e-16 of its value.
const CONSTANT: f64 = 1e-14;

/// What is subtracted from each input, and what it is then divided by.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalization {
    /// One an input; all 0 where inputs are not centred.
    pub means: Vec<f64>,
    /// One an input, of the training samples with as many as there are in the denominator; 1 for a constant input, and
    /// all 1 where inputs are not standardized.
    pub deviations: Vec<f64>,
}

impl Normalization {
    /// The means of the rows of `X` where `center`, and their deviations where `standardize`; `None` where neither.
    pub fn learned(
        X: ArrayView2<'_, f64>,
        center: bool,
        standardize: bool,
    ) -> Option<Normalization> {
        if !center && !standardize {
            return None;
        }
        let each = X.rows().into_iter().map(mean_and_deviation);
        let (mut means, mut deviations): (Vec<f64>, Vec<f64>) = each.unzip();
        if !center {
            means.fill(0.0);
        }
        if !standardize {
            deviations.fill(1.0);
        }
        Some(Normalization { means, deviations })
    }

    /// Puts it to samples, whether it was learned on them or not.
    ///
    /// # Shapes
    /// `X`: `d_x x n`.
    pub fn apply(&self, mut X: ArrayViewMut2<'_, f64>) {
        let learned = self.means.iter().zip(&self.deviations);
        for (mut input, (mean, deviation)) in X.axis_iter_mut(Axis(0)).zip(learned) {
            input.mapv_inplace(|value| (value - mean) / deviation);
        }
    }

    /// As [`Normalization::apply`], on a copy.
    pub fn applied(&self, X: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut copy = X.as_standard_layout().into_owned();
        self.apply(copy.view_mut());
        copy
    }
}

/// The mean of an input and its deviation; 1 for a constant input.
fn mean_and_deviation(input: ArrayView1<'_, f64>) -> (f64, f64) {
    let count = input.len() as f64;
    let Some(&first) = input.first() else {
        return (0.0, 1.0);
    };
    // From the first value on, so that a constant input has its value as its mean exactly.
    let mean = first
        + input
            .iter()
            .map(|value| (value - first) / count)
            .sum::<f64>();
    let largest = |of: &dyn Fn(f64) -> f64| {
        let sizes = input.iter().map(|&value| of(value).abs());
        sizes.fold(0.0, f64::max)
    };
    let furthest = largest(&|value| value - mean);
    if furthest <= CONSTANT * largest(&|value| value) {
        return (mean, 1.0);
    }
    // Over the furthest, so that no square overflows or vanishes.
    let squares = input
        .iter()
        .map(|value| ((value - mean) / furthest).powi(2));
    (mean, furthest * (squares.sum::<f64>() / count).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{array, s};

    fn learned(X: &Array2<f64>) -> Normalization {
        Normalization::learned(X.view(), true, true).expect("asked for")
    }

    #[test]
    fn inputs_get_mean_zero_and_deviation_one() {
        let X = array![
            [1.0, 2.0, 3.0, 6.0],
            [-1e6, 1e6, 3e6, -3e6],
            [1e-9, 0.0, 0.0, 3e-9]
        ];
        let found = learned(&X);
        assert_eq!(found.means[0], 3.0);
        // (4 + 1 + 0 + 9) / 4
        assert!((found.deviations[0] - 3.5_f64.sqrt()).abs() < 1e-15);
        let normal = found.applied(X.view());
        for row in normal.rows() {
            assert!(row.sum().abs() < 1e-13, "{row}");
            let square = row.iter().map(|x| x * x).sum::<f64>() / 4.0;
            assert!((square - 1.0).abs() < 1e-13, "{row}");
        }
    }

    #[test]
    fn each_half_is_asked_for_by_itself() {
        let X = array![[1.0, 3.0]];
        let of = |center, standardize| {
            let found = Normalization::learned(X.view(), center, standardize)?;
            Some(found.applied(X.view()))
        };
        assert_eq!(of(false, false), None);
        assert_eq!(of(true, false), Some(array![[-1.0, 1.0]]));
        assert_eq!(of(false, true), Some(array![[1.0, 3.0]]));
        let wide = array![[2.0, 6.0]];
        let found = Normalization::learned(wide.view(), false, true).expect("asked for");
        assert_eq!(found.applied(wide.view()), array![[1.0, 3.0]]);
    }

    #[test]
    fn a_constant_input_is_divided_by_one() {
        let mut X = Array2::from_elem((3, 7), 0.1);
        X.row_mut(1).fill(0.0);
        X.row_mut(2).fill(-3e8);
        // Rounding is no deviation.
        X[[2, 3]] = -3e8 * (1.0 + 2.0 * f64::EPSILON);
        let found = learned(&X);
        assert_eq!(found.deviations, vec![1.0; 3]);
        assert_eq!(found.means[..2], [0.1, 0.0]);
        let centred = found.applied(X.view());
        assert!(centred.slice(s![..2, ..]).iter().all(|&x| x == 0.0));
    }

    #[test]
    fn sizes_far_from_one_are_kept() {
        for size in [1e-200, 1e-160, 1e160] {
            let X = array![[-size, size]];
            let found = learned(&X);
            assert!((found.deviations[0] / size - 1.0).abs() < 1e-12, "{size}");
            let normal = found.applied(X.view());
            assert!((normal[[0, 1]] - 1.0).abs() < 1e-12, "{size}: {normal}");
        }
    }
}
