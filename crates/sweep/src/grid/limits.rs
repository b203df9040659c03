//! Which points of a grid one worker could run in its time and memory, without walking over those that it could not.

use super::cost_tree::{CostLimits, CostTree, Fits, MAX_TREE};
use super::model::Grid;
use super::region::{Test, Wanted};
use super::search::first_of_counted;

impl Grid {
    fn cost_tree(&self) -> Option<&CostTree> {
        let costs = self.costs();
        let make = || {
            let cost = |index| self.cost(index);
            CostTree::of(&self.layout().radix, costs.axes(), &cost)
        };
        (costs.combinations() <= MAX_TREE).then(|| costs.tree.get_or_init(make))
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
    use crate::{Arrays, Cost, Spec};

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
