//! What the factored engine serves and what it costs, from a trial alone.

use crate::config::{Mask, StartLayers, Target, Task, Trial};
use crate::error::NotFactorable;

/// Share of entries observed above which dense products are cheaper. At width 10 an entry costs about 10
/// cycles by itself, and about 4 as part of three dense products, observed or not.
const DENSE_ABOVE: f64 = 0.4;

/// Sizes and costs of a factored trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cost {
    /// Columns of the two factors; an upper bound where the start is not given.
    pub(crate) width: usize,
    pub(crate) flops_per_step: f64,
    pub(crate) bytes: f64,
}

/// # Errors
/// Why the engine cannot serve the trial.
pub(crate) fn check(trial: &Trial) -> Result<(), NotFactorable> {
    if trial.problem.task.samples().is_some() {
        return Err(NotFactorable::Task);
    }
    let activation = trial.network.activation;
    if !trial.network.is_linear() {
        return Err(NotFactorable::Activation { activation });
    }
    let kind = trial.optimizer.kind;
    if kind.works_on_matrices() {
        return Err(NotFactorable::Optimizer { kind });
    }
    match trial.init.kind.layers() {
        StartLayers::Given => {
            let (found, wanted) = (trial.init.weights.len(), trial.network.depth() + 2);
            if found == wanted {
                Ok(())
            } else {
                Err(NotFactorable::WeightCount { found, wanted })
            }
        }
        StartLayers::Isometric => {
            let rank_estimate = trial.optimizer.rank_estimate;
            let limit = rank_limit(trial);
            let zero = trial.init.scales.iter().position(|&scale| scale == 0.0);
            if let Some(l) = zero {
                return Err(NotFactorable::ZeroScale { layer: l + 1 });
            }
            if (1..=limit).contains(&rank_estimate) {
                Ok(())
            } else {
                Err(NotFactorable::RankEstimate {
                    rank_estimate,
                    limit,
                })
            }
        }
        StartLayers::Chained | StartLayers::Generic => Err(NotFactorable::Start),
    }
}

/// The largest rank estimate whose two bases fit into every space.
fn rank_limit(trial: &Trial) -> usize {
    let widths = trial.network.widths.iter().copied();
    let narrowest = widths.fold(
        trial.problem.inputs_dim.min(trial.problem.outputs_dim),
        usize::min,
    );
    narrowest.div_ceil(2)
}

/// Costs of a trial; bounds where a value depends on the draw, the mask taken as full where it is given.
pub(crate) fn cost(trial: &Trial) -> Cost {
    let (d_x, d_y) = (trial.problem.inputs_dim, trial.problem.outputs_dim);
    let depth = trial.network.depth();
    let given = &trial.init.weights;
    let width = match trial.init.kind.layers() {
        StartLayers::Given => given.first().map_or(0, |first| first.0.nrows()),
        StartLayers::Isometric | StartLayers::Chained | StartLayers::Generic => {
            (2 * trial.optimizer.rank_estimate).min(d_x)
        }
    };
    let widths = vec![width; depth + 1];
    let all = (d_x * d_y) as f64;
    let (share, held_as_given) = match &trial.problem.task {
        Task::Completion { target, mask } => {
            let share = match mask {
                Mask::Drawn { observed } => *observed,
                Mask::Given(_) => 1.0,
            };
            let given = match target {
                Target::Given(_) => true,
                Target::Drawn { .. } => false,
            };
            (share, given)
        }
        Task::Factorization { .. } | Task::Regression { .. } | Task::Classification { .. } => {
            (1.0, false)
        }
    };
    let trained = trial.optimizer.factor_rate != 0.0;
    let dense = is_dense(share);
    let entries = if dense { all } else { share * all };
    let numbers = if dense {
        // Outputs, targets and mask.
        3.0 * all
    } else {
        // A number and a place for each entry, and the mask and the targets that measurements read.
        2.0 * entries + if held_as_given { 2.0 * all } else { all }
    };
    let factors = (width * (4 * d_x + 3 * d_y)) as f64;
    Cost {
        width,
        flops_per_step: flops(entries, d_y, &widths, trained),
        bytes: 8.0 * (numbers + factors),
    }
}

/// Whether dense products are cheaper than products by entries, at this share of entries observed.
pub(super) fn is_dense(share: f64) -> bool {
    share > DENSE_ABOVE
}

/// Products of one step over so many entries in `rows` rows, with cores of widths `p_0 .. p_L`.
pub(super) fn flops(entries: f64, rows: usize, widths: &[usize], trained: bool) -> f64 {
    let first = widths[0] as f64;
    let last = widths[widths.len() - 1] as f64;
    // Outputs, and the residual times one factor or both.
    let passes = if trained { 3.0 } else { 2.0 };
    let over_entries = passes * 2.0 * entries * first;
    // U C_L .. C_1, U^T T, and the gradient of U.
    let over_rows = passes * 2.0 * rows as f64 * first * last;
    let small: f64 = widths
        .windows(2)
        .map(|pair| 3.0 * 2.0 * last * (pair[0] * pair[1]) as f64)
        .sum();
    over_entries + over_rows + small
}
