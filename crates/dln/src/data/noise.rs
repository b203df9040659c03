//! Noise on drawn targets.

use ndarray::Array2;

use super::types::TargetMatrix;
use crate::config::Draw;
use crate::error::TrialError;
use crate::kernel::square_sum;
use crate::stream::{Purpose, normal_rows};

/// What the numbers of a row of the targets have in common, which fixes the stream that its noise comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoiseBy {
    /// A row of a target matrix, which is an output.
    Output,
    /// A column of the targets of samples, which is a sample: its noise is the same however many there are.
    Sample,
}

/// # Errors
/// [`TrialError::Noise`].
pub(super) fn check_noise(noise: f64) -> Result<(), TrialError> {
    if noise.is_finite() && noise >= 0.0 {
        return Ok(());
    }
    Err(TrialError::Noise { noise })
}

/// The targets with normal noise whose deviation is `noise` times their root mean square.
///
/// # Shapes
/// `Y`: `d_y x n`.
pub(super) fn with_noise(Y: &TargetMatrix, noise: f64, by: NoiseBy, draw: Draw) -> Array2<f64> {
    let mut noisy = Y.dense().into_owned();
    let (outputs, count) = noisy.dim();
    let squares = match Y {
        TargetMatrix::LowRank { s, .. } => s.iter().map(|s| s * s).sum(),
        TargetMatrix::Dense(Y) => square_sum(Y.view()),
    };
    let deviation = noise * (squares / (outputs as f64 * count as f64)).sqrt();
    let normals = |rows, columns| normal_rows(draw, Purpose::TargetNoise, 0, rows, columns);
    match by {
        NoiseBy::Output => noisy.scaled_add(deviation, &normals(outputs, count)),
        NoiseBy::Sample => noisy.scaled_add(deviation, &normals(count, outputs).t()),
    }
    noisy
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixture::normals;

    const DRAW: Draw = Draw {
        seed: 6,
        replicate: 2,
    };

    #[test]
    fn noise_has_its_share_of_the_root_mean_square() {
        let clean = normals(1, 80, 120) * 7.0;
        let Y = TargetMatrix::Dense(clean.clone());
        for by in [NoiseBy::Output, NoiseBy::Sample] {
            let added = with_noise(&Y, 0.25, by, DRAW) - &clean;
            let ratio = (square_sum(added.view()) / square_sum(clean.view())).sqrt();
            // The standard error of the ratio is 0.7 %.
            assert!((ratio / 0.25 - 1.0).abs() < 0.04, "{ratio}");
            let mean = added.sum() / added.len() as f64;
            assert!(mean.abs() < 0.1, "{mean}");
        }
    }

    #[test]
    fn the_noise_of_a_sample_does_not_depend_on_their_number() {
        let ones = |count| TargetMatrix::Dense(Array2::ones((3, count)));
        let few = with_noise(&ones(4), 0.5, NoiseBy::Sample, DRAW);
        let many = with_noise(&ones(9), 0.5, NoiseBy::Sample, DRAW);
        assert_eq!(few, many.slice(ndarray::s![.., ..4]));
    }
}
