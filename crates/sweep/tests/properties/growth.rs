//! Growing folders against walking: numbers, gaps, runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use sweep::{Folder, Grid, Growth, Mistake};

use super::sweeps::{Sweep, grid, grown, kept_ids, sweep};

/// What a folder numbers, by walking: the identity of every kept number.
#[derive(Default)]
struct Model {
    end: u64,
    numbers: BTreeMap<u64, String>,
    ids: BTreeMap<String, u64>,
}

impl Model {
    fn grow(&mut self, grid: &Grid) {
        for index in (0..grid.size()).filter(|&index| grid.kept(index)) {
            let id = grid.point(index).expect("within").id();
            let number = self.end + index;
            if !self.ids.contains_key(&id) {
                self.ids.insert(id.clone(), number);
                self.numbers.insert(number, id);
            }
        }
        self.end += grid.size();
    }

    fn check(&self, folder: &Folder) -> Result<(), TestCaseError> {
        prop_assert_eq!(folder.end(), self.end);
        prop_assert_eq!(folder.count(), self.numbers.len() as u64);
        for number in 0..=self.end {
            prop_assert_eq!(
                folder.kept(number),
                self.numbers.contains_key(&number),
                "{}",
                number
            );
            let next = self.numbers.range(number..).next().map(|(next, _)| *next);
            prop_assert_eq!(folder.next_kept(number, u64::MAX), next);
            let end = number + 7;
            prop_assert_eq!(
                folder.next_kept(number, end),
                next.filter(|&next| next < end)
            );
        }
        for (number, id) in &self.numbers {
            let found = folder.id_of(*number).expect("within").to_string();
            prop_assert_eq!(&found, id);
            let point = folder.point(*number).expect("within");
            prop_assert_eq!(folder.locate(&point), Some(*number));
            let run = folder.constant_run(*number);
            prop_assert!(run > *number && run <= self.end);
            let cost = folder.cost(*number);
            prop_assert_eq!(folder.cost(run - 1), cost);
        }
        for max_len in [1, 3, 100, u64::MAX] {
            self.check_runs(folder, max_len)?;
        }
        Ok(())
    }

    /// The runs, one after the other, hold every kept number once and no other.
    fn check_runs(&self, folder: &Folder, max_len: u64) -> Result<(), TestCaseError> {
        let mut from = 0;
        let mut seen = Vec::new();
        while let Some(run) = folder.kept_run(from, u64::MAX, max_len) {
            prop_assert!(run.start >= from && run.start < run.end);
            prop_assert!(run.end - run.start <= max_len);
            from = run.end;
            seen.extend(run);
        }
        let numbers: Vec<u64> = self.numbers.keys().copied().collect();
        prop_assert_eq!(seen, numbers);
        Ok(())
    }
}

/// A sweep and two that grow out of it, one after the other.
fn history() -> impl Strategy<Value = (Sweep, Sweep, Sweep)> {
    sweep()
        .prop_flat_map(|first| (grown(&first), Just(first)))
        .prop_flat_map(|(second, first)| (Just(first), grown(&second), Just(second)))
        .prop_map(|(first, third, second)| (first, second, third))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn folders_number_each_point_once((first, second, third) in history()) {
        let mut model = Model::default();
        let first = first.shared();
        model.grow(&first);
        let mut folder = Folder::new(first);
        model.check(&folder)?;
        for next in [second, third] {
            let next = next.shared();
            let contained = kept_ids(folder.newest()).is_subset(&kept_ids(&next));
            let is_new = next.count() > folder.count();
            let growth = folder.grow(Arc::clone(&next));
            match (contained, is_new) {
                (false, _) => prop_assert!(growth.is_err()),
                (true, false) => prop_assert_eq!(growth, Ok(Growth::Same)),
                (true, true) => {
                    prop_assert_eq!(growth, Ok(Growth::Grown));
                    model.grow(&next);
                }
            }
            model.check(&folder)?;
        }
    }

    #[test]
    fn a_folder_takes_exactly_the_grids_that_contain_it(first in sweep(), next in sweep()) {
        let (first, next) = (first.shared(), next.shared());
        let contained = kept_ids(&first).is_subset(&kept_ids(&next));
        let mut folder = Folder::new(first);
        prop_assert_eq!(folder.grow(next).is_ok(), contained);
    }
}

fn folder(text: &str) -> Folder {
    Folder::new(Arc::new(grid(text)))
}

#[test]
fn a_grid_that_lacks_points_names_the_first_key() {
    let check = |old: &str, new: &str, expected: &str| {
        let with_name = |text: &str| format!("name = \"x\"\n{text}\n");
        let mut folder = folder(&with_name(old));
        let error = folder
            .grow(Arc::new(grid(&with_name(new))))
            .expect_err(expected);
        match error.mistake() {
            Mistake::NotContained { key, .. } => assert_eq!(key, expected, "{old} {new}"),
            other => panic!("{other}"),
        }
    };
    check("seed = 1", "seed = 2", "seed");
    check(
        "[axes]\n'network.depth' = [2, 3]",
        "[axes]\n'network.depth' = [2, 4]",
        "network.depth",
    );
    check(
        "[axes]\n'replicate' = { range = [0, 5] }\n'network.depth' = [2, 3]",
        "[axes]\n'replicate' = { range = [0, 5] }\n[network]\ndepth = 2",
        "network.depth",
    );
    check(
        "[network]\nwidth = 8",
        "[network]\nwidth = 9",
        "network.width",
    );
    check("[train]\nsteps = 10", "[train]\nsteps = 11", "train.steps");
    check(
        "[axes]\n'replicate' = { range = [0, 5] }",
        "[axes]\n'replicate' = { range = [0, 5] }\n[filter]\nwhere = \"replicate != 3\"",
        "filter.where",
    );
    check(
        "[filter]\ninclude = [{ 'network.depth' = 7 }]",
        "[filter]\ninclude = [{ 'network.depth' = 8 }]",
        "filter.include",
    );
    check(
        "[problem]\nsingular_values = 'flat'",
        "[problem]\nsingular_values = 'gaussian'",
        "problem.singular_values",
    );
}

#[test]
fn a_default_may_become_an_axis() {
    let mut grown = folder("name = \"x\"\n[axes]\n'network.depth' = [2, 3]");
    let next = grid(
        "name = \"x\"\n[axes]\n'network.depth' = [2, 3]\n'optimizer.rate' = [0.5, 1.0]\n'init.scale' = [1.0, 2.0]",
    );
    assert_eq!(grown.grow(Arc::new(next)), Ok(Growth::Grown));
    // Of the second generation, rate 1 and scale 1 at both depths are old.
    let kept: Vec<u64> = (0..grown.end()).filter(|&n| grown.kept(n)).collect();
    assert_eq!(kept, [0, 1, 2, 3, 5, 6, 7, 9]);
    assert_eq!(grown.grow(Arc::clone(grown.newest())), Ok(Growth::Same));
}
