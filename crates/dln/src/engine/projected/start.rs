//! The blocks that a trial starts with.

use ndarray::Array2;

use super::block::LayerBlock;
use super::cost::refreshed_shape;
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
            let of = |(l, &shape): (usize, &(usize, usize))| {
                empty(shape, refreshed_shape(l == last, rank, shape))
            };
            Ok(shapes.iter().enumerate().map(of).collect())
        }
    }
}

/// A refreshed block before it is taken, of these columns on its sides.
fn empty<T: Real>((m, n): (usize, usize), (a, b): (usize, usize)) -> LayerBlock<T> {
    let side = |rows, columns| (columns < rows).then(|| Array2::zeros((rows, columns)));
    LayerBlock {
        left: side(m, a),
        right: side(n, b),
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
