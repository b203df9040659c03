//! Drawn low-rank matrices and masks.
//!
//! This file owns the target of factorization and completion, the teacher of a drawn regression, which is
//! the same draw under other streams, and which entries are observed.

use ndarray::Array2;
use rand_distr::{Distribution, StandardUniform};

use super::check::{check_finite, check_shape};
use super::types::TargetMatrix;
use crate::config::{Draw, Given, Mask, SingularValues, Target};
use crate::error::{Matrix, TrialError};
use crate::reflectors::Reflectors;
use crate::spectrum_draw::gaussian_singular_values;
use crate::stream::{Purpose, stream};

/// `U diag(s) V^T`, `U` and `V` with orthonormal columns, `s` descending.
#[derive(Clone, Debug)]
pub(super) struct LowRank {
    /// `rows x rank`.
    pub(super) U: Array2<f64>,
    pub(super) s: Vec<f64>,
    /// `columns x rank`.
    pub(super) V: Array2<f64>,
}

/// What the target matrix of `shape` (output x input) is.
///
/// # Errors
/// A rank above the smaller dimension, singular values that do not fit it, a given matrix of another shape
/// or with a value that is not finite.
pub(super) fn target(
    target: &Target,
    shape: (usize, usize),
    draw: Draw,
) -> Result<TargetMatrix, TrialError> {
    match target {
        Target::Drawn {
            rank,
            singular_values,
        } => {
            let LowRank { U, s, V } =
                low_rank(Matrix::Target, shape, *rank, singular_values, draw)?;
            Ok(TargetMatrix::LowRank { U, s, V })
        }
        Target::Given(Given(Y)) => {
            check_shape(Matrix::Target, Y.dim(), shape)?;
            check_finite(Matrix::Target, Y.view())?;
            Ok(TargetMatrix::Dense(Y.as_standard_layout().into_owned()))
        }
    }
}

/// A drawn matrix of rank `rank`: the target, or the teacher where `matrix` is [`Matrix::Teacher`].
///
/// # Errors
/// As [`target`].
pub(super) fn low_rank(
    matrix: Matrix,
    (rows, columns): (usize, usize),
    rank: usize,
    values: &SingularValues,
    draw: Draw,
) -> Result<LowRank, TrialError> {
    let limit = rows.min(columns);
    if rank == 0 || rank > limit {
        return Err(TrialError::Rank {
            matrix,
            rank,
            limit,
        });
    }
    let (left, right, spectrum) = match matrix {
        Matrix::Teacher => (
            Purpose::TeacherLeft,
            Purpose::TeacherRight,
            Purpose::TeacherValues,
        ),
        Matrix::Target
        | Matrix::Targets
        | Matrix::Inputs
        | Matrix::Mask
        | Matrix::Weights { .. }
        | Matrix::EndToEnd
        | Matrix::FirstGradient => (
            Purpose::TargetLeft,
            Purpose::TargetRight,
            Purpose::TargetValues,
        ),
    };
    let mut s = match values {
        SingularValues::Gaussian => gaussian_singular_values(draw, spectrum, rows, columns, rank),
        SingularValues::Flat => vec![1.0; rank],
        SingularValues::Geometric(ratio) => (0..rank).map(|i| ratio.powf(i as f64)).collect(),
        SingularValues::List(list) => list.clone(),
    };
    if s.len() != rank {
        return Err(TrialError::SingularValueCount {
            count: s.len(),
            rank,
        });
    }
    if s.iter().any(|s| !s.is_finite() || *s < 0.0) {
        return Err(TrialError::SingularValues {
            values: values.clone(),
        });
    }
    s.sort_by(|a, b| b.total_cmp(a));
    Ok(LowRank {
        U: Reflectors::new(draw, left, 0, rows, rank).form(),
        s,
        V: Reflectors::new(draw, right, 0, columns, rank).form(),
    })
}

/// 1 where an entry is observed, else 0.
///
/// # Errors
/// A fraction outside of (0, 1], a given mask of another shape or with a value that is not finite.
pub(super) fn mask(
    mask: &Mask,
    shape: (usize, usize),
    draw: Draw,
) -> Result<Array2<f64>, TrialError> {
    match mask {
        Mask::Drawn { observed } => {
            let observed = *observed;
            // Written so that NaN is refused too.
            if !(observed > 0.0 && observed <= 1.0) {
                return Err(TrialError::Observed { observed });
            }
            let mut mask = Array2::<f64>::zeros(shape);
            for (i, mut row) in mask.rows_mut().into_iter().enumerate() {
                let mut rng = stream(draw, Purpose::Mask, 0, i as u64);
                row.mapv_inplace(|_| {
                    let unit: f64 = StandardUniform.sample(&mut rng);
                    if unit < observed { 1.0 } else { 0.0 }
                });
            }
            Ok(mask)
        }
        Mask::Given(Given(mask)) => {
            check_shape(Matrix::Mask, mask.dim(), shape)?;
            check_finite(Matrix::Mask, mask.view())?;
            let mask = mask.as_standard_layout();
            Ok(mask.mapv(|entry| if entry == 0.0 { 0.0 } else { 1.0 }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    const DRAW: Draw = Draw {
        seed: 1,
        replicate: 0,
    };

    fn spectrum(values: SingularValues, rank: usize) -> Result<Vec<f64>, TrialError> {
        low_rank(Matrix::Target, (6, 4), rank, &values, DRAW).map(|drawn| drawn.s)
    }

    #[test]
    fn singular_values_are_those_asked_for_in_descending_order() {
        assert_eq!(spectrum(SingularValues::Flat, 3), Ok(vec![1.0; 3]));
        assert_eq!(
            spectrum(SingularValues::Geometric(0.5), 3),
            Ok(vec![1.0, 0.5, 0.25])
        );
        assert_eq!(
            spectrum(SingularValues::List(vec![2.0, 5.0]), 2),
            Ok(vec![5.0, 2.0])
        );
        let few = spectrum(SingularValues::Gaussian, 2).expect("drawn");
        let all = spectrum(SingularValues::Gaussian, 4).expect("drawn");
        assert_eq!(few, all[..2]);
    }

    #[test]
    fn factors_are_orthonormal_and_the_target_has_its_singular_values() {
        let values = SingularValues::List(vec![3.0, 1.0]);
        let drawn = Target::Drawn {
            rank: 2,
            singular_values: values,
        };
        let target = target(&drawn, (6, 4), DRAW).expect("drawn");
        let dense = target.dense();
        assert_eq!(dense.dim(), (6, 4));
        let s = crate::kernel::singular_values(dense.view()).expect("converges");
        for (found, expected) in s.iter().zip([3.0, 1.0, 0.0, 0.0]) {
            assert!((found - expected).abs() < 1e-14, "{s:?}");
        }
    }

    #[test]
    fn the_teacher_is_another_draw_than_the_target() {
        let of =
            |matrix| low_rank(matrix, (6, 4), 2, &SingularValues::Gaussian, DRAW).expect("drawn");
        let (target, teacher) = (of(Matrix::Target), of(Matrix::Teacher));
        assert_ne!(target.U, teacher.U);
        assert_ne!(target.V, teacher.V);
        assert_ne!(target.s, teacher.s);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for rank in [0, 5] {
            assert_eq!(
                spectrum(SingularValues::Flat, rank),
                Err(TrialError::Rank {
                    matrix: Matrix::Target,
                    rank,
                    limit: 4
                })
            );
        }
        assert_eq!(
            spectrum(SingularValues::List(vec![1.0; 3]), 2),
            Err(TrialError::SingularValueCount { count: 3, rank: 2 })
        );
        for values in [
            SingularValues::List(vec![1.0, -1.0]),
            SingularValues::Geometric(f64::INFINITY),
        ] {
            assert_eq!(
                spectrum(values.clone(), 2),
                Err(TrialError::SingularValues { values })
            );
        }
        for observed in [0.0, 1.5, -0.1] {
            assert_eq!(
                mask(&Mask::Drawn { observed }, (3, 3), DRAW),
                Err(TrialError::Observed { observed })
            );
        }
    }

    #[test]
    fn masks_observe_the_share_asked_for() {
        let drawn = mask(&Mask::Drawn { observed: 0.2 }, (200, 100), DRAW).expect("drawn");
        assert!(drawn.iter().all(|&m| m == 0.0 || m == 1.0));
        // The standard error is 0.0028.
        assert!((drawn.sum() / 20_000.0 - 0.2).abs() < 0.015);
        let all = mask(&Mask::Drawn { observed: 1.0 }, (20, 10), DRAW).expect("drawn");
        assert_eq!(all.sum(), 200.0);
        let given = Mask::Given(Given::from(array![[0.0, 2.0], [-1.0, 0.0]]));
        assert_eq!(
            mask(&given, (2, 2), DRAW),
            Ok(array![[0.0, 1.0], [1.0, 0.0]])
        );
    }
}
