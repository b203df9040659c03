//! Sizes of the singular values of a matrix.

use ndarray::ArrayView2;

use super::report::{DataSpectrum, Energy, Subject};
use crate::config::Given;
use crate::error::{Matrix, TrialError};
use crate::kernel::rank::{OF_DATA, rank};
use crate::kernel::{singular_values, triangle};

/// Of the matrix or of the inputs.
pub(super) fn spectrum(subject: &Subject) -> Result<DataSpectrum, TrialError> {
    let (matrix, A) = match subject {
        Subject::Matrix(Given(A)) => (Matrix::Target, A),
        Subject::Labelled { inputs, .. } | Subject::Paired { inputs, .. } => {
            (Matrix::Inputs, &inputs.0)
        }
    };
    of_matrix(A.view(), matrix)
}

/// Of inputs.
pub(super) fn spectrum_of(X: ArrayView2<'_, f64>) -> Result<DataSpectrum, TrialError> {
    of_matrix(X, Matrix::Inputs)
}

fn of_matrix(A: ArrayView2<'_, f64>, matrix: Matrix) -> Result<DataSpectrum, TrialError> {
    let (rows, columns) = A.dim();
    // The triangle of a tall matrix has its singular values.
    let values = if columns > 2 * rows {
        singular_values(triangle(A.t()).view())
    } else {
        singular_values(A.view())
    };
    let values = values.ok_or(TrialError::NoConvergence { matrix })?;
    Ok(sizes_of(values, (rows, columns)))
}

fn sizes_of(values: Vec<f64>, (rows, columns): (usize, usize)) -> DataSpectrum {
    let largest = values.first().copied().unwrap_or(0.0);
    let relative: Vec<f64> = if largest > 0.0 {
        values.iter().map(|value| value / largest).collect()
    } else {
        Vec::new()
    };
    let sum: f64 = relative.iter().sum();
    let squares: f64 = relative.iter().map(|q| q * q).sum();
    let shares = relative.iter().filter(|&&q| q > 0.0).map(|q| q / sum);
    let entropy: f64 = shares.map(|p| -p * p.ln()).sum();
    DataSpectrum {
        rank: rank(&values, OF_DATA),
        effective_rank: if largest > 0.0 { entropy.exp() } else { 0.0 },
        stable_rank: squares,
        energy: [0.9, 0.95, 0.99, 0.999].map(|share| Energy {
            share,
            count: carrying(&values, share),
        }),
        threshold_rank: threshold_rank(&values, rows, columns),
        values,
    }
}

impl DataSpectrum {
    /// Fewest values that carry this share of the sum of squares.
    pub fn carrying(&self, share: f64) -> usize {
        carrying(&self.values, share)
    }

    /// Share of the sum of squares in the first `count` values; 0 for a zero matrix.
    pub fn kept(&self, count: usize) -> f64 {
        let largest = self.values.first().copied().unwrap_or(0.0);
        if largest <= 0.0 {
            return 0.0;
        }
        let square = |value: &f64| (value / largest).powi(2);
        let all: f64 = self.values.iter().map(square).sum();
        let kept: f64 = self.values.iter().take(count).map(square).sum();
        kept / all
    }
}

/// Fewest values, of values in descending order, that carry this share of the sum of squares.
fn carrying(values: &[f64], share: f64) -> usize {
    let largest = values.first().copied().unwrap_or(0.0);
    if largest <= 0.0 {
        return 0;
    }
    let square = |value: &f64| (value / largest).powi(2);
    let needed = share * values.iter().map(square).sum::<f64>();
    let mut carried = 0.0;
    let reaches = |value: &f64| {
        carried += square(value);
        carried >= needed
    };
    values.iter().position(reaches).map_or(0, |at| at + 1)
}

fn threshold_rank(values: &[f64], rows: usize, columns: usize) -> usize {
    let (small, large) = (rows.min(columns), rows.max(columns));
    if small == 0 {
        return 0;
    }
    let beta = small as f64 / large as f64;
    let omega = 0.56 * beta.powi(3) - 0.95 * beta.powi(2) + 1.82 * beta + 1.43;
    let middle = small / 2;
    let median = if small.is_multiple_of(2) {
        0.5 * (values[middle - 1] + values[middle])
    } else {
        values[middle]
    };
    // Where half of the values are zero there is no noise to cut off.
    let threshold = omega * median;
    values
        .iter()
        .filter(|&&value| value > threshold)
        .count()
        .min(rank(values, OF_DATA))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixture::{given, normals};
    use ndarray::Array2;

    #[test]
    fn spectra_by_hand() {
        let found = sizes_of(vec![2.0, 2.0, 1.0, 0.0], (4, 4));
        assert_eq!(found.rank, 3);
        assert!((found.stable_rank - 2.25).abs() < 1e-15);
        // p = 0.4, 0.4, 0.2.
        let entropy = -2.0 * 0.4 * 0.4f64.ln() - 0.2 * 0.2f64.ln();
        assert!((found.effective_rank - entropy.exp()).abs() < 1e-13);
        // Squares 4, 4, 1 of 9: two carry 88.9 %.
        assert_eq!(found.energy.map(|energy| energy.count), [3, 3, 3, 3]);
        let zero = sizes_of(vec![0.0, 0.0], (2, 2));
        assert_eq!((zero.rank, zero.threshold_rank), (0, 0));
        assert_eq!((zero.effective_rank, zero.stable_rank), (0.0, 0.0));
        assert_eq!(zero.energy.map(|energy| energy.count), [0; 4]);
    }

    #[test]
    fn the_threshold_finds_a_signal_in_noise() {
        let noise = normals(8, 60, 60);
        let signal = normals(9, 60, 4).dot(&normals(10, 4, 60)) * 3.0;
        let spectrum = |A: Array2<f64>| spectrum(&Subject::Matrix(given(A))).expect("converges");
        assert_eq!(spectrum(&noise + &signal).threshold_rank, 4);
        assert_eq!(spectrum(noise).threshold_rank, 0);
        assert_eq!(spectrum(signal).threshold_rank, 4);
        // omega(1) is 2.858, 4 / sqrt(3) over the root of the median of the quarter circle law.
        assert_eq!(threshold_rank(&[2.87, 1.0, 0.5], 3, 3), 1);
        assert_eq!(threshold_rank(&[2.85, 1.0, 0.5], 3, 3), 0);
    }

    /// A matrix with these singular values on its diagonal.
    fn diagonal(values: &[f64], rows: usize, columns: usize) -> Array2<f64> {
        let mut A = Array2::zeros((rows, columns));
        for (i, &value) in values.iter().enumerate() {
            A[[i, i]] = value;
        }
        A
    }

    #[test]
    fn each_share_of_the_energy_has_its_own_count() {
        let counts = |values: &[f64], rows: usize, columns: usize| {
            let A = given(diagonal(values, rows, columns));
            let found = spectrum(&Subject::Matrix(A)).expect("converges");
            assert_eq!(
                found.energy.map(|energy| energy.share),
                [0.9, 0.95, 0.99, 0.999]
            );
            found.energy.map(|energy| energy.count)
        };
        // Of the sum of squares 91, 4.5, 3.6, 0.85 and 0.05 %: after each 91, 95.5, 99.1, 99.95 and 100.
        let steep = [9100.0, 450.0, 360.0, 85.0, 5.0].map(f64::sqrt);
        // Square, tall, and wide enough that a triangle stands for the matrix.
        for (rows, columns) in [(5, 5), (9, 5), (5, 12)] {
            assert_eq!(counts(&steep, rows, columns), [1, 2, 3, 4]);
        }
        // Ten of 9.05 %, nine of 1 %, and 0.5 % together: 90.5 after 10, 95.5 after 15, 99.5 after 19, 99.85
        // after 21 and 99.95 after 22.
        let mut flat = vec![905.0_f64; 10];
        flat.extend([100.0; 9]);
        flat.extend([20.0, 15.0, 10.0, 4.0, 1.0]);
        let flat: Vec<f64> = flat.into_iter().map(f64::sqrt).collect();
        assert_eq!(counts(&flat, 24, 24), [10, 15, 19, 22]);
    }

    #[test]
    fn the_threshold_of_a_matrix_that_is_not_square_is_the_published_one() {
        // 4 / sqrt(3) at beta = 1 becomes lambda(beta) = sqrt(2 (beta + 1) + 8 beta / (beta + 1 +
        // sqrt(beta^2 + 14 beta + 1))), over the root of the median of the Marchenko-Pastur law; the cubic is
        // nowhere farther than 0.006 from it here. The medians are 0.9665651, 0.9160041, 0.8304659, 0.7429485.
        for (rows, columns, omega) in [
            (3, 30, 1.608_772),
            (3, 12, 1.836_866),
            (3, 6, 2.171_185),
            (3, 4, 2.501_430),
        ] {
            let count = |largest: f64| {
                let values = [2.0 * largest, 2.0, 1.0];
                let wide = threshold_rank(&values, rows, columns);
                assert_eq!(wide, threshold_rank(&values, columns, rows));
                wide
            };
            assert_eq!(count(omega + 0.007), 1, "{rows} x {columns}");
            assert_eq!(count(omega - 0.007), 0, "{rows} x {columns}");
        }
        // The cubic itself at a half: 0.07 - 0.2375 + 0.91 + 1.43.
        assert_eq!(threshold_rank(&[2.172_51, 1.0, 0.5], 3, 6), 1);
        assert_eq!(threshold_rank(&[2.172_49, 1.0, 0.5], 3, 6), 0);
    }

    #[test]
    fn the_threshold_finds_a_signal_in_noise_that_is_not_square() {
        let noise = normals(8, 60, 120);
        let signal = normals(9, 60, 4).dot(&normals(10, 4, 120)) * 3.0;
        let rank = |A: Array2<f64>| {
            let found = spectrum(&Subject::Matrix(given(A))).expect("converges");
            found.threshold_rank
        };
        assert_eq!(rank(&noise + &signal), 4);
        assert_eq!(rank((&noise + &signal).reversed_axes()), 4);
        assert_eq!(rank(noise), 0);
    }
}
