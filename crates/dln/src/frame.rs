//! Aligned starts: layers that are made of the target's own singular bases.
//!
//! With `T = U diag(s) V^T` and square orthogonal `U` and `V`, `W_L = eps_L U I`, `W_1 = eps_1 I V^T` and `eps_l I`
//! between, `I` being the identity of each layer's shape. Then `U^T W_L .. W_1 V` is diagonal and stays so: every mode
//! of the target is learned by itself (Saxe, McClelland, Ganguli, arXiv 1312.6120).
//!
//! This file owns the bases and their products with a few columns. What a start is, is the business of `init`.

use ndarray::{Array2, ArrayView2, s};

use crate::config::{Given, Target, Task, Trial};
use crate::data::{check_finite, check_shape};
use crate::error::{Matrix, TrialError};
use crate::kernel::{Threads, multiply, svd};
use crate::law::completed;
use crate::reflectors::Reflectors;
use crate::stream::Purpose;

/// Orthonormal columns, `rows x columns`.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "two a layer are alive at a time")]
pub(crate) enum Frame {
    /// The first columns of the identity.
    Units {
        rows: usize,
        columns: usize,
    },
    /// Drawn, and never stored.
    Drawn(Reflectors),
    Dense(Array2<f64>),
}

impl Frame {
    pub(crate) fn rows(&self) -> usize {
        match self {
            Frame::Units { rows, .. } => *rows,
            Frame::Drawn(Q) => Q.shape().0,
            Frame::Dense(Q) => Q.nrows(),
        }
    }

    /// `Q X`.
    pub(crate) fn apply(&self, X: ArrayView2<'_, f64>) -> Array2<f64> {
        match self {
            Frame::Units { rows, columns } => {
                let mut all = Array2::zeros((*rows, X.ncols()));
                all.slice_mut(s![..*columns, ..]).assign(&X);
                all
            }
            Frame::Drawn(Q) => Q.apply(X),
            Frame::Dense(Q) => multiply(Threads::Seq, Q.view(), X),
        }
    }

    /// `Q^T X`.
    pub(crate) fn apply_transpose(&self, X: ArrayView2<'_, f64>) -> Array2<f64> {
        match self {
            Frame::Units { columns, .. } => X.slice(s![..*columns, ..]).to_owned(),
            Frame::Drawn(Q) => Q.apply_transpose(X),
            Frame::Dense(Q) => multiply(Threads::Seq, Q.t(), X),
        }
    }
}

/// The bases of the target, with as many columns as are asked for.
enum TargetBases<'a> {
    Drawn(&'a Trial),
    /// `U` and `V` of a thin decomposition.
    Given(Array2<f64>, Array2<f64>),
}

impl TargetBases<'_> {
    fn left(&self, columns: usize) -> Frame {
        match self {
            TargetBases::Drawn(trial) => {
                let rows = trial.problem.outputs_dim;
                Frame::Drawn(Reflectors::new(
                    trial.draw,
                    Purpose::TargetLeft,
                    0,
                    rows,
                    columns,
                ))
            }
            TargetBases::Given(U, _) => Frame::Dense(completed(U.view(), columns)),
        }
    }

    fn right(&self, columns: usize) -> Frame {
        match self {
            TargetBases::Drawn(trial) => {
                let rows = trial.problem.inputs_dim;
                Frame::Drawn(Reflectors::new(
                    trial.draw,
                    Purpose::TargetRight,
                    0,
                    rows,
                    columns,
                ))
            }
            TargetBases::Given(_, V) => Frame::Dense(completed(V.view(), columns)),
        }
    }
}

/// The bases `L` and `R` of each layer of an aligned start, which is `eps_l L R^T`; `shapes` are those of the layers.
///
/// # Errors
/// [`TrialError::NoTarget`] where the problem has no target matrix; a given one that does not fit, is not finite or
/// whose decomposition does not converge.
pub(crate) fn aligned_frames(
    trial: &Trial,
    shapes: &[(usize, usize)],
) -> Result<Vec<(Frame, Frame)>, TrialError> {
    let bases = target_bases(trial)?;
    let last = shapes.len() - 1;
    let layers = shapes.iter().enumerate();
    Ok(layers
        .map(|(l, &(rows, columns))| {
            let thin = rows.min(columns);
            let units = |rows| Frame::Units {
                rows,
                columns: thin,
            };
            let left = if l == last {
                bases.left(thin)
            } else {
                units(rows)
            };
            let right = if l == 0 {
                bases.right(thin)
            } else {
                units(columns)
            };
            (left, right)
        })
        .collect())
}

fn target_bases(trial: &Trial) -> Result<TargetBases<'_>, TrialError> {
    let task = &trial.problem.task;
    let (Task::Factorization { target } | Task::Completion { target, .. }) = task else {
        return Err(TrialError::NoTarget { task: task.kind() });
    };
    match target {
        Target::Drawn { .. } => Ok(TargetBases::Drawn(trial)),
        Target::Given(Given(Y)) => {
            let shape = (trial.problem.outputs_dim, trial.problem.inputs_dim);
            check_shape(Matrix::Target, Y.dim(), shape)?;
            check_finite(Matrix::Target, Y.view())?;
            // As the data hold it, so that both find the same bits.
            let Y = Y.as_standard_layout();
            let matrix = Matrix::Target;
            let found = svd(Y.view()).ok_or(TrialError::NoConvergence { matrix })?;
            Ok(TargetBases::Given(found.U, found.V))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StartKind;
    use crate::data::{TargetMatrix, fixture, prepare, scale_columns};
    use crate::init::weights;

    /// `U^T W_L .. W_1 V` in the target's bases is the product of the scales on the diagonal, as far as every layer
    /// reaches, and zero elsewhere.
    fn check(mut trial: Trial) {
        trial.init.kind = StartKind::Aligned;
        let layers = trial.network.depth();
        trial.init.scales = (1..=layers).map(|l| 0.5 + 0.25 * l as f64).collect();
        let data = prepare(&trial).expect("fits");
        let target = data.Y.decomposed().expect("converges");
        let W = weights(&trial).expect("drawn");
        for (W, scale) in W.iter().zip(&trial.init.scales) {
            let s = crate::kernel::singular_values(W.view()).expect("converges");
            assert!(s.iter().all(|s| (s - scale).abs() < 1e-13), "{s:?}");
        }
        let mut map = W[0].clone();
        for W in &W[1..] {
            map = W.dot(&map);
        }
        let modes = target.U.t().dot(&map).dot(&target.V);
        let reached = trial.sizes().into_iter().min().expect("sizes");
        let through: f64 = trial.init.scales.iter().product();
        for ((i, j), &found) in modes.indexed_iter() {
            let wanted = if i == j && i < reached { through } else { 0.0 };
            assert!((found - wanted).abs() < 1e-12, "({i}, {j}): {found}");
        }
    }

    #[test]
    fn the_end_to_end_map_is_diagonal_in_the_targets_bases() {
        for widths in [&[][..], &[5], &[9, 9], &[2, 7], &[12, 3, 12]] {
            check(fixture::trial(fixture::factorization(7, 9, 3), widths));
            check(fixture::trial(fixture::factorization(9, 7, 3), widths));
            let mut trial = fixture::trial(fixture::factorization(9, 7, 3), widths);
            let drawn = prepare(&trial).expect("fits").Y.dense().into_owned();
            let target = Target::Given(fixture::given(drawn));
            trial.problem.task = Task::Factorization { target };
            check(trial);
        }
    }

    #[test]
    fn more_columns_leave_the_first_ones_as_they_are() {
        let trial = fixture::trial(fixture::factorization(7, 9, 3), &[9]);
        let data = prepare(&trial).expect("fits");
        let TargetMatrix::LowRank { U, V, .. } = &data.Y else {
            panic!("a drawn target");
        };
        let bases = target_bases(&trial).expect("a target");
        for (frame, wanted) in [(bases.left(9), U), (bases.right(7), V)] {
            let first = frame.apply(Array2::eye(frame.rows()).slice(s![.., ..3]));
            assert!((&first - wanted).iter().all(|x| x.abs() < 1e-14));
        }
    }

    #[test]
    fn a_given_target_of_any_rank_has_full_bases() {
        let mut trial = fixture::trial(fixture::factorization(4, 6, 2), &[6]);
        let Y = scale_columns(fixture::normals(1, 6, 4).view(), &[1.0, 0.0, 2.0, 0.0]);
        let target = Target::Given(fixture::given(Y));
        trial.problem.task = Task::Factorization { target };
        check(trial);
    }

    #[test]
    fn problems_without_a_target_are_refused() {
        let mut trial = fixture::trial(fixture::classification(5, 3, 6), &[4]);
        trial.init.kind = StartKind::Aligned;
        let error = weights(&trial).expect_err("no target matrix");
        assert_eq!(
            error.to_string(),
            "an aligned start needs a target matrix (factorization or completion), this problem is classification"
        );
    }
}
