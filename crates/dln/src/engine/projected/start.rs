//! The blocks that a trial starts with.

use super::block::LayerBlock;
use crate::config::{BlockKind, ProjectedKind, Trial};
use crate::data::Data;
use crate::error::{Matrix, TrialError};
use crate::init;
use crate::kernel::{Real, Threads};
use crate::law::{Basis, Origin, closed_from, natural_rank};

/// The blocks of every layer at step 0. Refreshed ones are taken with the first gradient; until then they are empty.
///
/// # Errors
/// What is wrong with the initial weights; a decomposition of the data or of the first gradient that does not converge.
pub(super) fn blocks<T: Real>(
    trial: &Trial,
    data: &Data,
    threads: Threads,
) -> Result<Vec<LayerBlock<T>>, TrialError> {
    let projected = &trial.train.projected;
    match projected.kind {
        ProjectedKind::Fixed => {
            let origin = Origin {
                block: projected.block,
                count: projected.rank,
            };
            let found = closed_from(origin, trial, data, threads)?;
            let bases = found.ok_or_else(|| TrialError::NoConvergence {
                matrix: decomposed(trial),
            })?;
            let side = |basis: &Basis| {
                let narrow = !basis.is_full();
                narrow.then(|| basis.view().mapv(T::of).as_standard_layout().into_owned())
            };
            let pairs = bases.windows(2).map(|pair| LayerBlock {
                left: side(&pair[1]),
                right: side(&pair[0]),
            });
            Ok(pairs.collect())
        }
        ProjectedKind::Refreshed => {
            let shapes = init::layer_shapes(trial);
            let last = shapes.len() - 1;
            let rank = projected.rank.unwrap_or_else(|| natural_rank(trial));
            let of = |(l, &(m, n)): (usize, &(usize, usize))| empty(l == last, rank, (m, n));
            Ok(shapes.iter().enumerate().map(of).collect())
        }
    }
}

/// A refreshed block before it is taken; one as large as the matrix is the whole matrix.
fn empty<T: Real>(is_last: bool, rank: usize, (m, n): (usize, usize)) -> LayerBlock<T> {
    let narrow = m.min(n);
    if is_last || rank >= narrow {
        return LayerBlock::WHOLE;
    }
    let zeros = |rows| Some(ndarray::Array2::zeros((rows, rank)));
    if n > m {
        LayerBlock {
            left: zeros(m),
            right: None,
        }
    } else {
        LayerBlock {
            left: None,
            right: zeros(n),
        }
    }
}

/// What a fixed block is a decomposition of.
fn decomposed(trial: &Trial) -> Matrix {
    match (trial.train.projected.block, trial.problem.task.samples()) {
        (BlockKind::Gradient, _) => Matrix::FirstGradient,
        (BlockKind::Data | BlockKind::Random, Some(_)) => Matrix::Inputs,
        (BlockKind::Data | BlockKind::Random, None) => Matrix::Target,
    }
}
