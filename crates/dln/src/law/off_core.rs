//! What is off the core: how the initial weights chain there.
//!
//! This file owns the decomposition into runs and the test that there is one. How runs move is the business
//! of the reduced engine.

use ndarray::Array2;

use super::basis::Basis;
use super::layers::Layer;
use crate::kernel::square_sum;

/// Columns that are taken through the layers at once.
const BLOCK: usize = 64;
/// Sums of squared singular values this far from whole numbers, relative, are not those of a partial
/// isometry: the loss would be off by as much.
const PARTIAL: f64 = 1e-10;

/// The initial weights on the orthogonal complements `N_0 .. N_L` of the subspaces.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OffCore {
    /// Every direction lives on a run of consecutive spaces, where each layer takes it to the next as a
    /// multiple `eps_l` of an isometry.
    Runs(Vec<RankRun>),
    /// Something else. It is harmless where it cannot be seen and only decays.
    Rest {
        /// The first layer, from 1, that is no chain of runs.
        layer: usize,
    },
}

/// Directions that exist in the spaces `N_first .. N_last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RankRun {
    pub(crate) first: usize,
    pub(crate) last: usize,
    /// How many.
    pub(crate) count: usize,
}

impl RankRun {
    /// Whether the run passes through the weights of `layer`, from 1.
    pub(crate) fn passes(&self, layer: usize) -> bool {
        self.first < layer && layer <= self.last
    }

    /// Whether the run has directions in space `l`, from 0.
    pub(crate) fn holds(&self, l: usize) -> bool {
        self.first <= l && l <= self.last
    }
}

impl OffCore {
    /// Directions that go through all `depth` layers.
    pub(crate) fn live(&self, depth: usize) -> usize {
        match self {
            OffCore::Runs(runs) => runs
                .iter()
                .filter(|run| run.first == 0 && run.last == depth)
                .map(|run| run.count)
                .sum(),
            OffCore::Rest { .. } => 0,
        }
    }
}

/// Looks at the layers off the subspaces, which must be closed (with `one_sided`, all but `W_1^T H_1`).
pub(super) fn survey(layers: &[Layer], bases: &[Basis], one_sided: bool) -> OffCore {
    let sizes: Vec<usize> = bases
        .iter()
        .map(|basis| basis.rows() - basis.width())
        .collect();
    if one_sided && sizes[0] > 0 {
        return OffCore::Rest { layer: 1 };
    }
    let mut passing = Vec::with_capacity(layers.len());
    for (l, layer) in layers.iter().enumerate() {
        let both = sizes[l] > 0 && sizes[l + 1] > 0;
        let passes = both && !(layer.isometry().is_none() && layer.ends_at(&bases[l]));
        if passes && layer.isometry().is_none() {
            return OffCore::Rest { layer: l + 1 };
        }
        passing.push(passes);
    }
    match ranks(layers, bases, &sizes, &passing) {
        Ok(ranks) => runs(&ranks),
        Err(layer) => OffCore::Rest { layer },
    }
}

/// `ranks[a][b - a]` is the rank of the map from `N_a` to `N_b`, all of whose singular values, over the
/// scales, are 0 or 1; where some are not, the last layer of that map. `passing` marks the layers that make
/// anything of what is off the subspaces.
fn ranks(
    layers: &[Layer],
    bases: &[Basis],
    sizes: &[usize],
    passing: &[bool],
) -> Result<Vec<Vec<usize>>, usize> {
    let mut table = Vec::with_capacity(sizes.len());
    for a in 0..sizes.len() {
        let mut row = Vec::with_capacity(sizes.len() - a);
        for b in a..sizes.len() {
            let part = &sizes[a..=b];
            let narrowest = part.iter().copied().min().unwrap_or(0);
            let rank = if !passing[a..b].iter().all(|&passes| passes) {
                0
            } else if is_valley(part) {
                // Isometries after co-isometries: the narrowest space lets all of itself through.
                narrowest
            } else {
                measured_rank(&layers[a..b], &bases[a]).ok_or(b)?
            };
            row.push(rank);
        }
        table.push(row);
    }
    Ok(table)
}

/// Whether the sizes never rise before they have stopped falling.
fn is_valley(sizes: &[usize]) -> bool {
    let rises = sizes
        .windows(2)
        .position(|pair| pair[0] < pair[1])
        .unwrap_or(sizes.len());
    sizes[rises.min(sizes.len())..].is_sorted()
}

/// The number of singular values 1 of the layers' product off the subspace `from`; `None` where there are
/// values other than 0 and 1. Never forms more than a few columns.
fn measured_rank(layers: &[Layer], from: &Basis) -> Option<usize> {
    let rows = from.rows();
    let (mut squares, mut fourths) = (0.0, 0.0);
    for start in (0..rows).step_by(BLOCK) {
        let count = BLOCK.min(rows - start);
        let units = Array2::from_shape_fn(
            (rows, count),
            |(i, j)| {
                if i == start + j { 1.0 } else { 0.0 }
            },
        );
        let mut X = from.coordinates(units.view()).outside;
        for layer in layers {
            X = layer.up(X.view());
        }
        squares += square_sum(X.view());
        for layer in layers.iter().rev() {
            X = layer.down(X.view());
        }
        fourths += square_sum(from.coordinates(X.view()).outside.view());
    }
    let rank = squares.round();
    let tolerance = PARTIAL * (1.0 + rank);
    // Squares are at most 1, so the two sums agree only where every one is 0 or 1.
    let partial = (squares - rank).abs() <= tolerance && (squares - fourths).abs() <= tolerance;
    partial.then_some(rank as usize)
}

/// The runs behind the ranks: those on `a ..= b` pass from `N_a` to `N_b` but reach no further either way.
fn runs(ranks: &[Vec<usize>]) -> OffCore {
    let rank = |a: usize, b: usize| ranks[a][b - a] as i64;
    let last = ranks.len() - 1;
    let mut found = Vec::new();
    for a in 0..=last {
        for b in a..=last {
            let before = if a > 0 { rank(a - 1, b) } else { 0 };
            let after = if b < last { rank(a, b + 1) } else { 0 };
            let around = if a > 0 && b < last {
                rank(a - 1, b + 1)
            } else {
                0
            };
            match rank(a, b) - before - after + around {
                0 => {}
                count if count > 0 => found.push(RankRun {
                    first: a,
                    last: b,
                    count: count as usize,
                }),
                // Ranks that no chain of runs has.
                _ => return OffCore::Rest { layer: b.max(1) },
            }
        }
    }
    OffCore::Runs(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Draw;
    use crate::init::LayerStart;
    use crate::reflectors::Reflectors;
    use crate::stream::{Purpose, normal_rows};

    const DRAW: Draw = Draw {
        seed: 31,
        replicate: 0,
    };

    fn rotations(sizes: &[usize]) -> Vec<Layer> {
        let pairs = (1..).zip(sizes.windows(2));
        pairs
            .map(|(layer, pair)| {
                Layer::new(LayerStart::Reflected {
                    scale: 0.7,
                    Q: Reflectors::new(DRAW, Purpose::Init, layer, pair[1], pair[0]),
                })
            })
            .collect()
    }

    fn empty(sizes: &[usize]) -> Vec<Basis> {
        sizes.iter().copied().map(Basis::new).collect()
    }

    fn check(sizes: &[usize], wanted: &[(usize, usize, usize)]) {
        let found = survey(&rotations(sizes), &empty(sizes), false);
        let wanted = wanted
            .iter()
            .map(|&(first, last, count)| RankRun { first, last, count })
            .collect();
        assert_eq!(found, OffCore::Runs(wanted), "{sizes:?}");
    }

    #[test]
    fn valleys_are_counted_without_a_look_at_the_weights() {
        check(&[9, 9, 9], &[(0, 2, 9)]);
        check(&[9, 9, 4], &[(0, 1, 5), (0, 2, 4)]);
        check(&[4, 9, 9], &[(0, 2, 4), (1, 2, 5)]);
        check(&[8, 5, 3, 6], &[(0, 0, 3), (0, 1, 2), (0, 3, 3), (3, 3, 3)]);
        check(&[6], &[(0, 0, 6)]);
    }

    #[test]
    fn generic_angles_at_a_peak_are_no_runs() {
        let sizes = [5, 12, 6];
        let found = survey(&rotations(&sizes), &empty(&sizes), false);
        assert_eq!(found, OffCore::Rest { layer: 2 });
        assert_eq!(found.live(2), 0);
    }

    #[test]
    fn a_peak_whose_angles_are_right_is_measured() {
        // Inputs go to coordinates 0..5 of 12, outputs come from the coordinates 0..7.
        let identity = |rows, columns| {
            Layer::new(LayerStart::ScaledIdentity {
                scale: -2.0,
                rows,
                columns,
            })
        };
        let layers = [identity(12, 5), identity(7, 12)];
        let found = survey(&layers, &empty(&[5, 12, 7]), false);
        let run = |first, last, count| RankRun { first, last, count };
        let wanted = vec![run(0, 2, 5), run(1, 1, 5), run(1, 2, 2)];
        assert_eq!(found, OffCore::Runs(wanted));
        assert_eq!(found.live(2), 5);
        // The same behind a core that takes one direction of each space.
        let bases: Vec<Basis> = [5, 12, 7]
            .into_iter()
            .map(|rows| {
                let mut basis = Basis::new(rows);
                basis.extend(Array2::eye(rows).slice(ndarray::s![.., 1..2]), 1e-8);
                basis
            })
            .collect();
        let found = survey(&layers, &bases, false);
        let wanted = vec![run(0, 2, 4), run(1, 1, 5), run(1, 2, 2)];
        assert_eq!(found, OffCore::Runs(wanted));
    }

    #[test]
    fn a_layer_that_is_no_isometry_is_a_rest_unless_nothing_passes() {
        let W = normal_rows(DRAW, Purpose::Init, 1, 6, 4);
        let layers = [Layer::new(LayerStart::Dense(W))];
        let found = survey(&layers, &empty(&[4, 6]), false);
        assert_eq!(found, OffCore::Rest { layer: 1 });
        let mut full = Basis::new(4);
        full.extend(Array2::eye(4).view(), 1e-8);
        let found = survey(&layers, &[full, Basis::new(6)], false);
        let alone = RankRun {
            first: 1,
            last: 1,
            count: 6,
        };
        assert_eq!(found, OffCore::Runs(vec![alone]));
    }

    #[test]
    fn a_layer_that_is_zero_off_the_core_passes_nothing() {
        let mut W = Array2::<f64>::zeros((6, 4));
        W[[0, 1]] = 3.0;
        W[[2, 1]] = 1.0;
        let layers = [Layer::new(LayerStart::Dense(W))];
        let mut below = Basis::new(4);
        below.extend(Array2::eye(4).slice(ndarray::s![.., 1..2]), 1e-8);
        let mut above = Basis::new(6);
        above.extend(layers[0].up(below.view()).view(), 1e-8);
        let found = survey(&layers, &[below, above], false);
        let run = |l, count| RankRun {
            first: l,
            last: l,
            count,
        };
        assert_eq!(found, OffCore::Runs(vec![run(0, 3), run(1, 5)]));
    }

    #[test]
    fn the_open_side_of_the_first_layer_is_a_rest() {
        let found = survey(&rotations(&[4, 4]), &empty(&[4, 4]), true);
        assert_eq!(found, OffCore::Rest { layer: 1 });
    }
}
