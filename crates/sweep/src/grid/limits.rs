//! Which points of a grid one worker could run in its time and memory, without walking over those that it could not.
//!
//! Cost depends on some axes alone. A tree over the combinations of these axes holds the least and greatest cost below
//! each node, so whole blocks of points are passed over at once. What the limits are is the caller's business.

use std::sync::OnceLock;

use super::costs::Costs;
use super::model::Grid;
use super::region::{Region, Test, Verdict};
use super::search::{Wanted, first_of_counted};
use crate::cost::Cost;

/// Combinations that a tree is made for: some 50 bytes each, and as many costs to compute, a fraction of a second.
/// In a grid with more, every kept point counts as one that may fit.
const MAX_TREE: u64 = 20_000;

/// What one worker can take of a single trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CostLimits {
    /// Longest predicted seconds that end in the worker's time.
    pub seconds: f64,
    /// Trials from this length on leave checkpoints, so a worker may begin them though it cannot finish them. Infinite
    /// where it may not.
    pub long_seconds: f64,
    /// Largest working memory.
    pub bytes: f64,
}

impl CostLimits {
    /// Of a worker without an end of its time that does not know its memory.
    pub const NONE: CostLimits = CostLimits {
        seconds: f64::INFINITY,
        long_seconds: f64::INFINITY,
        bytes: f64::INFINITY,
    };

    /// Whether a trial of this cost may be begun.
    pub fn fits(&self, seconds: f64, bytes: f64) -> bool {
        self.fits_time(seconds) && self.fits_memory(bytes)
    }

    pub fn fits_time(&self, seconds: f64) -> bool {
        // A prediction that is no number says nothing against a trial.
        seconds.is_nan() || seconds <= self.seconds || seconds >= self.long_seconds
    }

    pub fn fits_memory(&self, bytes: f64) -> bool {
        bytes.is_nan() || bytes <= self.bytes
    }

    fn verdict(&self, bounds: &Bounds) -> Verdict {
        let Bounds { least, greatest } = bounds;
        let time = if greatest.seconds <= self.seconds || least.seconds >= self.long_seconds {
            Verdict::Holds
        } else if least.seconds > self.seconds && greatest.seconds < self.long_seconds {
            Verdict::Fails
        } else {
            Verdict::Depends
        };
        let memory = if greatest.bytes <= self.bytes {
            Verdict::Holds
        } else if least.bytes > self.bytes {
            Verdict::Fails
        } else {
            Verdict::Depends
        };
        match (time, memory) {
            (Verdict::Fails, _) | (_, Verdict::Fails) => Verdict::Fails,
            (Verdict::Holds, Verdict::Holds) => Verdict::Holds,
            (Verdict::Depends, _) | (_, Verdict::Depends) => Verdict::Depends,
        }
    }
}

/// The least and greatest cost of some points.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    least: Cost,
    greatest: Cost,
}

impl Bounds {
    fn of(cost: Cost) -> Bounds {
        Bounds {
            least: cost,
            greatest: cost,
        }
    }

    fn and(self, other: Bounds) -> Bounds {
        let each = |a: Cost, b: Cost, pick: fn(f64, f64) -> f64| Cost {
            flops: pick(a.flops, b.flops),
            bytes: pick(a.bytes, b.bytes),
            seconds: pick(a.seconds, b.seconds),
            rows: pick(a.rows, b.rows),
            row_bytes: pick(a.row_bytes, b.row_bytes),
        };
        Bounds {
            least: each(self.least, other.least, f64::min),
            greatest: each(self.greatest, other.greatest, f64::max),
        }
    }
}

/// Bounds of cost below each prefix of digits of the axes that cost depends on.
#[derive(Debug, Default)]
pub(super) struct CostTree {
    axes: Vec<usize>,
    lens: Vec<u64>,
    /// Level `k`: a node for each combination of the first `k` axes. The last level is the combinations themselves.
    levels: Vec<Vec<Bounds>>,
}

impl CostTree {
    fn of(grid: &Grid, axes: &[usize]) -> CostTree {
        let radix = &grid.layout().radix;
        let lens: Vec<u64> = axes.iter().map(|&axis| radix.len(axis)).collect();
        let mut leaves = Vec::new();
        Region::full((0..radix.axes()).map(|axis| radix.len(axis))).each(axes, &mut |digits| {
            leaves.push(Bounds::of(grid.cost(radix.index(digits))));
            true
        });
        let mut levels = vec![leaves];
        for len in lens.iter().rev() {
            let below = &levels[levels.len() - 1];
            let merged = below
                .chunks(*len as usize)
                .filter_map(|chunk| chunk.iter().copied().reduce(Bounds::and));
            levels.push(merged.collect());
        }
        levels.reverse();
        CostTree {
            axes: axes.to_vec(),
            lens,
            levels,
        }
    }

    /// Bounds over a region: exact where the axes of the tree are pinned, else perhaps too wide.
    fn bounds(&self, region: &Region) -> Option<Bounds> {
        let mut node = 0;
        for (level, (&axis, &len)) in self.axes.iter().zip(&self.lens).enumerate() {
            let below = |digit: u64| {
                let at = usize::try_from(node * len + digit).ok()?;
                self.levels[level + 1].get(at).copied()
            };
            match region.pinned(axis) {
                Some(digit) => node = node * len + digit,
                None => return region.range(axis).filter_map(below).reduce(Bounds::and),
            }
        }
        let at = usize::try_from(node).ok()?;
        self.levels.last()?.get(at).copied()
    }
}

/// Holds at the points whose cost is within the limits.
struct Fits<'a> {
    tree: &'a CostTree,
    limits: CostLimits,
}

impl Test for Fits<'_> {
    fn axes(&self) -> &[usize] {
        &self.tree.axes
    }

    fn verdict(&self, region: &Region) -> Verdict {
        self.tree
            .bounds(region)
            .map_or(Verdict::Holds, |bounds| self.limits.verdict(&bounds))
    }
}

impl Grid {
    fn cost_tree(&self) -> Option<&CostTree> {
        let costs: &Costs = self.costs();
        let tree: &OnceLock<CostTree> = &costs.tree;
        (costs.combinations() <= MAX_TREE)
            .then(|| tree.get_or_init(|| CostTree::of(self, costs.axes())))
    }

    /// Calls `search` with the test that the limits are, where there is one that is worth it.
    pub(crate) fn with_limits<T>(
        &self,
        limits: &CostLimits,
        search: impl FnOnce(Option<&dyn Test>) -> T,
    ) -> T {
        match self.cost_tree() {
            Some(tree) => search(Some(&Fits {
                tree,
                limits: *limits,
            })),
            None => search(None),
        }
    }

    /// The first kept index in `from..end` whose cost may be within the limits: points before it are left out, or are
    /// outside of them.
    pub fn next_fitting(&self, from: u64, end: u64, limits: &CostLimits) -> Option<u64> {
        let end = end.min(self.size());
        let product = self.product_size();
        let found = self.with_limits(limits, |fits| {
            let Some(fits) = fits else {
                return self.next_kept(from, end.min(product));
            };
            let mut parts = self.tests();
            parts.push(fits);
            let radix = &self.layout().radix;
            first_of_counted(radix, &parts, Wanted::Passing, (from, end))
        });
        found.or_else(|| {
            let included = from.max(product);
            (included < end).then_some(included)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Arrays, Spec};

    fn grid(lines: &str) -> Grid {
        let text = format!("name = \"x\"\n{lines}");
        let spec = Spec::parse(&text, "x.toml", &[]).expect("a sweep");
        Grid::new(spec, Arrays::new()).expect("a grid")
    }

    /// Every point that fits is found, in order, and no other.
    fn check(grid: &Grid, limits: &CostLimits) -> Vec<u64> {
        let fits = |&index: &u64| {
            let cost = grid.cost(index);
            grid.kept(index) && limits.fits(cost.seconds, cost.bytes)
        };
        let expected: Vec<u64> = (0..grid.size()).filter(fits).collect();
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(index) = grid.next_fitting(from, grid.size(), limits) {
            from = index + 1;
            if index < grid.product_size() {
                assert!(fits(&index), "{index} does not fit {limits:?}");
            }
            if fits(&index) {
                found.push(index);
            }
        }
        assert_eq!(found, expected, "{limits:?}");
        found
    }

    const SMALL: &str = r#"
[axes]
"replicate" = [0, 1]
"train.steps" = [4000, 10, 70000]
"optimizer.rate" = [0.1, 0.2]
"problem.dim" = [200, 20]
[problem]
kind = "factorization"
rank = 2
[train]
engine = "full"
[filter]
where = "not (replicate == 1 and train.steps == 10 and optimizer.rate == 0.1)"
include = [ { "problem.dim" = 40 } ]
"#;

    #[test]
    fn what_fits_is_found_and_nothing_else() {
        let grid = grid(SMALL);
        let all = check(&grid, &CostLimits::NONE).len();
        let costs: Vec<Cost> = (0..grid.size()).map(|index| grid.cost(index)).collect();
        for cost in &costs {
            let time = CostLimits {
                seconds: cost.seconds,
                ..CostLimits::NONE
            };
            let memory = CostLimits {
                bytes: cost.bytes,
                ..CostLimits::NONE
            };
            check(&grid, &memory);
            check(&grid, &time);
            // What is longer still leaves checkpoints.
            check(
                &grid,
                &CostLimits {
                    seconds: cost.seconds * 0.5,
                    long_seconds: cost.seconds * 2.0,
                    bytes: cost.bytes,
                },
            );
        }
        let least = costs
            .iter()
            .map(|cost| cost.seconds)
            .fold(f64::MAX, f64::min);
        let short = CostLimits {
            seconds: least,
            ..CostLimits::NONE
        };
        let few = check(&grid, &short).len();
        assert!(0 < few && few < all, "{few} of {all}");
        let nothing = CostLimits {
            seconds: 0.0,
            ..CostLimits::NONE
        };
        assert!(check(&grid, &nothing).is_empty());
    }

    #[test]
    fn a_grid_of_a_billion_is_searched_by_blocks() {
        let grid = grid(
            "[axes]\n\"train.steps\" = [4000, 10]\n\"optimizer.rate\" = { lin = [0.1, 1.0], points = 100000 }\n\
             \"network.depth\" = [2, 3]\n\"replicate\" = { range = [0, 2500] }\n[problem]\ndim = 50\n",
        );
        assert_eq!(grid.size(), 1_000_000_000);
        let limits = CostLimits {
            seconds: grid.cost(grid.size() - 1).seconds,
            ..CostLimits::NONE
        };
        assert_eq!(
            grid.next_fitting(7, grid.size(), &limits),
            Some(500_000_000)
        );
        let none = CostLimits {
            bytes: 1.0,
            ..CostLimits::NONE
        };
        assert_eq!(grid.next_fitting(0, grid.size(), &none), None);
    }
}
