//! The inputs of all samples, training and held-out together: drawn, or as handed in.

use std::borrow::Cow;

use ndarray::{Array2, s};

use super::check::{check_finite, check_shape};
use super::types::scale_columns;
use crate::config::{Draw, Given, Inputs};
use crate::error::{Dimension, Matrix, TrialError};
use crate::kernel::{Svd, Threads, multiply, svd};
use crate::reflectors::Reflectors;
use crate::stream::{Purpose, normal_rows};

/// `X`, `d_x x n` over all samples. A Gaussian sample does not depend on how many there are, unless a
/// condition is asked for.
///
/// # Errors
/// No samples, noise or a condition out of range, a rank above the smaller dimension, a given matrix with
/// another number of rows or a value that is not finite.
pub(super) fn inputs(
    inputs: &Inputs,
    inputs_dim: usize,
    draw: Draw,
) -> Result<Cow<'_, Array2<f64>>, TrialError> {
    match inputs {
        Inputs::Orthonormal { count, noise } => {
            check_draw(*count, *noise)?;
            let X = Reflectors::new(draw, Purpose::Inputs, 0, inputs_dim, *count).form();
            Ok(Cow::Owned(with_noise(X, *noise, draw)))
        }
        Inputs::Gaussian {
            count,
            noise,
            rank,
            condition,
        } => {
            check_draw(*count, *noise)?;
            let X = gaussian(inputs_dim, *count, *rank, draw)?;
            let X = match condition {
                Some(condition) => {
                    let rank = rank.unwrap_or(inputs_dim.min(*count));
                    conditioned(&X, rank, *condition)?
                }
                None => X,
            };
            Ok(Cow::Owned(with_noise(X, *noise, draw)))
        }
        Inputs::Given(Given(X)) => {
            check_shape(Matrix::Inputs, X.dim(), (inputs_dim, X.ncols()))?;
            check_finite(Matrix::Inputs, X.view())?;
            Ok(Cow::Borrowed(X.as_ref()))
        }
    }
}

fn check_draw(count: usize, noise: f64) -> Result<(), TrialError> {
    if count == 0 {
        return Err(TrialError::Empty {
            dimension: Dimension::Samples,
        });
    }
    if !noise.is_finite() || noise < 0.0 {
        return Err(TrialError::Noise { noise });
    }
    Ok(())
}

/// Unit entry variance; of rank `rank` where given.
fn gaussian(
    inputs_dim: usize,
    count: usize,
    rank: Option<usize>,
    draw: Draw,
) -> Result<Array2<f64>, TrialError> {
    let Some(rank) = rank else {
        let samples = normal_rows(draw, Purpose::Inputs, 0, count, inputs_dim);
        return Ok(samples.reversed_axes());
    };
    let limit = inputs_dim.min(count);
    if rank == 0 || rank > limit {
        return Err(TrialError::Rank {
            matrix: Matrix::Inputs,
            rank,
            limit,
        });
    }
    let left = normal_rows(draw, Purpose::InputsLeft, 0, rank, inputs_dim);
    let right = normal_rows(draw, Purpose::InputsRight, 0, count, rank);
    let X = multiply(Threads::Seq, left.t(), right.t());
    Ok(X / (rank as f64).sqrt())
}

/// The first `rank` singular vectors of `X` with singular values from `sqrt(n)` down to
/// `sqrt(n) / condition`, evenly spaced in their logarithm.
fn conditioned(X: &Array2<f64>, rank: usize, condition: f64) -> Result<Array2<f64>, TrialError> {
    if !condition.is_finite() || condition < 1.0 {
        return Err(TrialError::Condition { condition });
    }
    let Svd { U, V, .. } = svd(X.view()).ok_or(TrialError::NoConvergence {
        matrix: Matrix::Inputs,
    })?;
    let largest = (X.ncols() as f64).sqrt();
    let last = rank.saturating_sub(1).max(1) as f64;
    let values: Vec<f64> = (0..rank)
        .map(|i| largest * condition.powf(-(i as f64) / last))
        .collect();
    let left = scale_columns(U.slice(s![.., ..rank]), &values);
    Ok(multiply(
        Threads::Seq,
        left.view(),
        V.slice(s![.., ..rank]).t(),
    ))
}

fn with_noise(mut X: Array2<f64>, noise: f64, draw: Draw) -> Array2<f64> {
    if noise > 0.0 {
        let (rows, count) = X.dim();
        let N = normal_rows(draw, Purpose::InputsNoise, 0, count, rows);
        X.scaled_add(noise, &N.t());
    }
    X
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::singular_values;

    const DRAW: Draw = Draw {
        seed: 2,
        replicate: 1,
    };

    fn gaussian_inputs(count: usize, rank: Option<usize>, condition: Option<f64>) -> Inputs {
        Inputs::Gaussian {
            count,
            noise: 0.0,
            rank,
            condition,
        }
    }

    fn drawn(kind: &Inputs, inputs_dim: usize) -> Array2<f64> {
        inputs(kind, inputs_dim, DRAW).expect("drawn").into_owned()
    }

    fn check_spectrum(X: &Array2<f64>, expected: &[f64]) {
        let found = singular_values(X.view()).expect("converges");
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-12,
                "{found} is not {expected}"
            );
        }
    }

    #[test]
    fn orthonormal_inputs_are_semi_orthogonal_on_either_side() {
        for (d, count) in [(8, 5), (5, 8), (6, 6)] {
            let X = drawn(&Inputs::Orthonormal { count, noise: 0.0 }, d);
            assert_eq!(X.dim(), (d, count));
            check_spectrum(&X, &vec![1.0; d.min(count)]);
        }
    }

    #[test]
    fn noise_is_added_with_its_standard_deviation() {
        let clean = drawn(
            &Inputs::Orthonormal {
                count: 300,
                noise: 0.0,
            },
            100,
        );
        let noisy = drawn(
            &Inputs::Orthonormal {
                count: 300,
                noise: 0.1,
            },
            100,
        );
        let square = (&noisy - &clean).mapv(|x| x * x).mean().expect("entries");
        // The standard error of the ratio is 0.8 %.
        assert!((square / 0.01 - 1.0).abs() < 0.04, "{square}");
    }

    #[test]
    fn a_gaussian_sample_does_not_depend_on_the_count() {
        for rank in [None, Some(2)] {
            let few = drawn(&gaussian_inputs(4, rank, None), 3);
            let many = drawn(&gaussian_inputs(9, rank, None), 3);
            let difference = &many.slice(s![.., ..4]) - &few;
            assert!(difference.iter().all(|x| x.abs() < 1e-14), "{rank:?}");
        }
    }

    #[test]
    fn low_rank_inputs_have_their_rank_and_unit_variance() {
        let X = drawn(&gaussian_inputs(400, Some(30), None), 200);
        let s = singular_values(X.view()).expect("converges");
        assert!(s[29] > 1.0 && s[30] < 1e-11, "{} {}", s[29], s[30]);
        let variance = X.mapv(|x| x * x).mean().expect("entries");
        // Entries share factors: the standard error is about 0.022.
        assert!((variance - 1.0).abs() < 0.11, "{variance}");
    }

    #[test]
    fn a_condition_sets_the_singular_values() {
        let X = drawn(&gaussian_inputs(16, None, Some(100.0)), 3);
        check_spectrum(&X, &[4.0, 0.4, 0.04]);
        let X = drawn(&gaussian_inputs(16, Some(2), Some(8.0)), 5);
        check_spectrum(&X, &[4.0, 0.5, 0.0, 0.0, 0.0]);
        let X = drawn(&gaussian_inputs(16, Some(1), Some(8.0)), 5);
        check_spectrum(&X, &[4.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let error = |kind: &Inputs| inputs(kind, 3, DRAW).expect_err("does not fit");
        assert_eq!(
            error(&gaussian_inputs(9, Some(4), None)),
            TrialError::Rank {
                matrix: Matrix::Inputs,
                rank: 4,
                limit: 3
            }
        );
        assert_eq!(
            error(&gaussian_inputs(9, None, Some(0.5))),
            TrialError::Condition { condition: 0.5 }
        );
        assert_eq!(
            error(&gaussian_inputs(0, None, None)),
            TrialError::Empty {
                dimension: Dimension::Samples
            }
        );
        let noise = -1.0;
        assert_eq!(
            error(&Inputs::Orthonormal { count: 2, noise }),
            TrialError::Noise { noise }
        );
        let given = Inputs::Given(Given::from(Array2::zeros((2, 9))));
        assert_eq!(
            error(&given).to_string(),
            "expected 3 x 9 for the inputs, found 2 x 9"
        );
    }
}
