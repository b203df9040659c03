//! Which trials `[train] verify` takes, and what comparing them costs.
//!
//! They are spread evenly over those trials of a generation that it adds and that the law can reduce, so a folder
//! that grows compares some of what is new.

use dln::{EngineChoice, Trial};

use super::part::GenerationNumbers;
use crate::cost::Cost;
use crate::grid::Grid;

/// Generations of at most so many trials are looked at one by one: a fraction of a second.
const LISTED: u64 = 4096;

/// Trials of a larger one that are looked at in vain, and of those at most so many for one share.
const IN_VAIN: usize = 4096;
const IN_VAIN_A_SHARE: usize = 1000;

/// Most memory of a wide run. A comparison is an extra: it must not end a worker on which its trial would have run
/// in a thousandth of that.
const MOST_BYTES: f64 = 8e9;

/// The trials of a folder that are compared on both engines.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verified {
    /// How many the generations ask for.
    pub wanted: u64,
    /// Their numbers, ascending, with what a comparison adds to each.
    pub chosen: Vec<(u64, Cost)>,
    /// Why a trial that was looked at is not among them.
    pub reason: Option<String>,
}

impl Verified {
    /// What the comparison of this trial adds; `None` where it is not compared.
    pub fn cost(&self, number: u64) -> Option<Cost> {
        let at = self.place(number).ok()?;
        Some(self.chosen[at].1)
    }

    /// What all comparisons add.
    pub fn total(&self) -> Cost {
        let costs = self.chosen.iter().map(|&(_, cost)| cost);
        costs.fold(Cost::default(), Cost::and)
    }

    /// `end`, or the first number at or after `number` at which predicted costs change for a comparison.
    pub(super) fn cut(&self, number: u64, end: u64) -> u64 {
        match self.place(number) {
            Ok(_) => number + 1,
            Err(next) => self
                .chosen
                .get(next)
                .map_or(end, |&(next, _)| end.min(next)),
        }
    }

    fn place(&self, number: u64) -> Result<usize, usize> {
        self.chosen
            .binary_search_by_key(&number, |&(number, _)| number)
    }

    /// Trials of a single grid, whatever its spec asks for.
    pub fn of_grid(grid: &Grid, wanted: u64) -> Verified {
        let part = GenerationNumbers {
            base: 0,
            grid,
            older: None,
        };
        let mut verified = Verified::default();
        verified.add(&part, grid.count(), wanted);
        verified
    }

    /// Adds trials of a generation, which comes after those that are here; `fresh` of its points are new.
    pub(super) fn add(&mut self, part: &GenerationNumbers<'_>, fresh: u64, wanted: u64) {
        self.wanted += wanted;
        if wanted == 0 {
            return;
        }
        let numbers = if fresh <= LISTED {
            self.among_all(part, wanted)
        } else {
            self.by_shares(part, wanted.min(fresh))
        };
        let cost = |number| Some((number, of_comparison(&part.trial(number)?)));
        self.chosen.extend(numbers.into_iter().filter_map(cost));
    }

    fn among_all(&mut self, part: &GenerationNumbers<'_>, wanted: u64) -> Vec<u64> {
        let mut able = Vec::new();
        let mut from = part.base;
        while let Some(number) = part.next(from, part.end()) {
            from = number + 1;
            if self.can_reduce(part, number) {
                able.push(number);
            }
        }
        let count = wanted.min(able.len() as u64);
        let at = |k: u64| able[middle_of_share(k, count, able.len() as u64) as usize];
        (0..count).map(at).collect()
    }

    /// The middles of equal shares of what is left, or what comes next after them. A share that begins with a gap, as
    /// where older generations hold the points, is cut anew after it.
    fn by_shares(&mut self, part: &GenerationNumbers<'_>, wanted: u64) -> Vec<u64> {
        let mut chosen = Vec::new();
        let mut in_vain = IN_VAIN;
        let mut free = part.next(part.base, part.end()).unwrap_or(part.end());
        for k in 0..wanted {
            let share = (part.end() - free) / (wanted - k);
            let mut from = free + share / 2;
            free += share;
            let mut left = in_vain.min(IN_VAIN_A_SHARE);
            in_vain -= left;
            while let Some(number) = part.next(from, part.end()) {
                from = number + 1;
                if self.can_reduce(part, number) {
                    chosen.push(number);
                    free = free.max(from);
                    break;
                }
                if left == 0 {
                    break;
                }
                left -= 1;
            }
            in_vain += left;
        }
        chosen
    }

    /// Whether the law's assumptions hold, as far as is known without drawing.
    fn can_reduce(&mut self, part: &GenerationNumbers<'_>, number: u64) -> bool {
        let Some(trial) = part.trial(number) else {
            return false;
        };
        match trial.train.engine {
            // The compressed network is another network.
            EngineChoice::Factored => {
                self.reason
                    .get_or_insert_with(|| "the factored engine trains another network".to_owned());
                return false;
            }
            EngineChoice::Projected => {
                self.reason.get_or_insert_with(|| {
                    "the projected engine holds updates in a block of its own".to_owned()
                });
                return false;
            }
            EngineChoice::Auto | EngineChoice::Full | EngineChoice::Reduced => {}
        }
        match dln::plan(&dln::verify::on(&trial, EngineChoice::Reduced)).refused {
            Some(refused) => {
                self.reason.get_or_insert_with(|| refused.to_string());
                false
            }
            None => self.is_small(&trial),
        }
    }

    /// Whether a worker may be asked to train the wide network too.
    fn is_small(&mut self, trial: &Trial) -> bool {
        let bytes = of_comparison(trial).bytes;
        if bytes > MOST_BYTES {
            self.reason.get_or_insert_with(|| {
                format!(
                    "the wide network takes {:.0} GB, too many to train it for a comparison",
                    bytes / 1e9
                )
            });
        }
        bytes <= MOST_BYTES
    }
}

/// Training on both engines with the rows that are compared.
fn of_comparison(trial: &Trial) -> Cost {
    let trial = dln::verify::compared(trial);
    let on = |engine| Cost::of(&dln::verify::on(&trial, engine));
    // Its rows are compared and forgotten.
    Cost {
        rows: 0.0,
        row_bytes: 0.0,
        ..on(EngineChoice::Reduced).and(on(EngineChoice::Full))
    }
}

/// The middle of share `k` of `shares` of `0..size`.
fn middle_of_share(k: u64, shares: u64, size: u64) -> u64 {
    let middle = (2 * u128::from(k) + 1) * u128::from(size) / (2 * u128::from(shares.max(1)));
    // Below `size`, since `k` is below `shares`.
    middle as u64
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::{Arrays, Folder, Grid, Spec};

    const SWEEP: &str = r#"
name = "v"
[axes]
"init.kind" = ["orthogonal", "gaussian"]
"network.depth" = [3, 4]
"replicate" = { range = [0, 50] }
[problem]
dim = 12
rank = 2
[train]
steps = 30
verify = 4
[optimizer]
rate = 2.0
"#;

    fn grid(text: &str) -> Arc<Grid> {
        let spec = Spec::parse(text, "v.toml", &[]).unwrap();
        Arc::new(Grid::new(spec, Arrays::new()).unwrap())
    }

    fn numbers(folder: &Folder) -> Vec<u64> {
        folder.verified().chosen.iter().map(|&(n, _)| n).collect()
    }

    #[test]
    fn trials_are_spread_over_those_that_the_law_can_reduce() {
        let folder = Folder::new(grid(SWEEP));
        // The orthogonal half, 0..100, in shares of 25.
        assert_eq!(numbers(&folder), [12, 37, 62, 87]);
        let reason = folder.verified().reason.clone();
        assert!(reason.is_some(), "the gaussian half has no core");
        let large = Folder::new(grid(&SWEEP.replace("[0, 50]", "[0, 1000000]")));
        let found = numbers(&large);
        assert_eq!(
            found,
            [500_000, 1_500_000],
            "the gaussian half is not searched to its end"
        );
        let none = Folder::new(grid(&SWEEP.replace("verify = 4", "verify = 0")));
        assert_eq!(*none.verified(), super::Verified::default());
    }

    #[test]
    fn a_folder_that_grows_compares_some_of_what_is_new() {
        let mut folder = Folder::new(grid(SWEEP));
        folder
            .grow(grid(&SWEEP.replace("[0, 50]", "[0, 60]")))
            .unwrap();
        let new: Vec<u64> = numbers(&folder).split_off(4);
        assert_eq!((new.len(), folder.verified().wanted), (4, 8));
        assert!(
            new.iter()
                .all(|&number| number >= 200 && folder.kept(number)),
            "{new:?}"
        );
    }

    #[test]
    fn what_is_new_in_a_large_folder_is_spread_too() {
        let large = SWEEP
            .replace("\"init.kind\" = [\"orthogonal\", \"gaussian\"]\n", "")
            .replace("[0, 50]", "[0, 1000000]");
        let mut folder = Folder::new(grid(&large));
        assert_eq!(numbers(&folder), [250_000, 750_000, 1_250_000, 1_750_000]);
        folder
            .grow(grid(&large.replace("[3, 4]", "[3, 4, 5]")))
            .unwrap();
        // The new depth is the last third of the new numbers.
        let new = numbers(&folder).split_off(4);
        let first = 2_000_000 + 2_000_000;
        let spread = [125_000, 375_000, 625_000, 875_000].map(|k| first + k);
        assert_eq!(new, spread);
    }

    #[test]
    fn choosing_ends_where_the_law_holds_nowhere() {
        let adam = SWEEP
            .replace("[0, 50]", "[0, 1000000000]")
            .replace("verify = 4", "verify = 10000")
            .replace("rate = 2.0", "rate = 2.0\nkind = \"adam\"");
        let folder = Folder::new(grid(&adam));
        assert_eq!(numbers(&folder), Vec::<u64>::new());
        assert!(
            folder
                .verified()
                .reason
                .as_deref()
                .is_some_and(|why| why.contains("adam"))
        );
    }

    #[test]
    fn a_network_too_wide_to_train_is_not_compared() {
        let wide = SWEEP.replace("[problem]", "[network]\nwidth = 40000\n[problem]");
        let folder = Folder::new(grid(&wide));
        let reason = folder.verified().reason.as_deref().unwrap_or("");
        assert!(
            numbers(&folder).is_empty() && reason.contains("GB"),
            "{reason}"
        );
    }

    #[test]
    fn a_comparison_counts_in_what_is_predicted() {
        let folder = Folder::new(grid(SWEEP));
        let plain = Folder::new(grid(&SWEEP.replace("verify = 4", "verify = 0")));
        let (twelve, thirteen) = (folder.cost(12), folder.cost(13));
        let added = folder.verified().cost(12).unwrap();
        assert_eq!(twelve.seconds, plain.cost(12).seconds + added.seconds);
        assert_eq!(thirteen, plain.cost(13));
        // Runs of constant cost end before a compared trial and after it.
        assert_eq!(
            [0, 12, 13].map(|number| folder.constant_run(number)),
            [12, 13, 37]
        );
        let by_runs = |folder: &Folder| {
            let (mut at, mut seconds) = (0, 0.0);
            while at < folder.end() {
                let end = folder.constant_run(at).min(folder.end());
                seconds += folder.cost(at).seconds * (end - at) as f64;
                at = end;
            }
            seconds
        };
        let total = folder.total_cost().seconds;
        assert!((by_runs(&folder) / total - 1.0).abs() < 1e-9);
        assert!(total > plain.total_cost().seconds);
    }
}
