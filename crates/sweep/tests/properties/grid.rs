//! Grids against walking: index -> point -> index, identities, filters, counting, cost.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sweep::{Cost, Grid, Point, Value};

use super::sweeps::{Sweep, kept_ids, sweep};

/// Which indices are kept, by walking: filtered on their values, and the first of equal points.
fn model(grid: &Grid) -> Vec<bool> {
    let filter = &grid.spec().filter;
    let product: u64 = grid.spec().axes.iter().map(|axis| axis.len()).product();
    let mut first: BTreeMap<String, u64> = BTreeMap::new();
    (0..grid.size())
        .map(|index| {
            let point = grid.point(index).expect("within");
            let is_first = *first.entry(point.id()).or_insert(index) == index;
            if index >= product {
                return true;
            }
            let get = |key: &str| point.get(key).cloned();
            let passes = filter.condition.as_ref().is_none_or(|c| c.eval(&get));
            let excluded = filter
                .exclude
                .iter()
                .any(|excluded| agrees(&point, excluded));
            passes && !excluded && is_first
        })
        .collect()
}

fn agrees(point: &Point, wanted: &BTreeMap<&'static str, Value>) -> bool {
    wanted
        .iter()
        .all(|(key, value)| point.get(key) == Some(value))
}

fn check(sweep: &Sweep) -> Result<(), TestCaseError> {
    let grid = sweep.grid();
    let kept = model(&grid);
    let mut values = Vec::new();
    for index in 0..grid.size() {
        let point = grid.point(index).expect("within");
        prop_assert_eq!(grid.kept(index), kept[index as usize], "{}", index);
        prop_assert_eq!(grid.id_of(index).expect("within").to_string(), point.id());
        grid.resolve_into(index, &mut values).expect("within");
        prop_assert_eq!(&values, point.values());
        let located = grid.locate(&point);
        if grid.kept(index) {
            prop_assert_eq!(located, Some(index));
            if let Err(error) = grid.trial(index) {
                return Err(TestCaseError::fail(error.to_string()));
            }
        } else if let Some(other) = located {
            prop_assert!(grid.kept(other));
            prop_assert_eq!(grid.point(other).expect("within"), point);
        }
    }
    prop_assert!(grid.point(grid.size()).is_err());

    let count = kept.iter().filter(|kept| **kept).count();
    prop_assert_eq!(grid.count(), count as u64);
    prop_assert_eq!(kept_ids(&grid).len(), count);
    for from in 0..=grid.size() {
        let next = (from..grid.size()).find(|&index| kept[index as usize]);
        prop_assert_eq!(grid.next_kept(from, u64::MAX), next);
        let end = (from + 5).min(grid.size());
        let near = next.filter(|&index| index < end);
        prop_assert_eq!(grid.next_kept(from, end), near);
    }
    check_cost(&grid)
}

fn check_cost(grid: &Grid) -> Result<(), TestCaseError> {
    let mut total = Cost::default();
    for index in (0..grid.size()).filter(|&index| grid.kept(index)) {
        let cost = grid.cost(index);
        let trial = grid.trial(index).expect("sound");
        prop_assert_eq!(cost, Cost::of(&trial));
        let run = grid.constant_run(index);
        prop_assert!(run > index && run <= grid.size());
        for other in (index..run).filter(|&other| grid.kept(other)) {
            prop_assert_eq!(grid.cost(other), cost);
        }
        total.flops += cost.flops;
        total.seconds += cost.seconds;
        total.bytes = total.bytes.max(cost.bytes);
    }
    let found = grid.total_cost();
    prop_assert!((found.flops - total.flops).abs() <= 1e-9 * total.flops);
    prop_assert!((found.seconds - total.seconds).abs() <= 1e-9 * total.seconds);
    prop_assert_eq!(found.bytes, total.bytes);
    let trials: u64 = grid.survey().groups.iter().map(|group| group.trials).sum();
    prop_assert_eq!(trials, grid.count());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn index_to_point_to_index_is_the_identity(sweep in sweep()) {
        check(&sweep)?;
    }

    #[test]
    fn filters_never_change_identities(sweep in sweep()) {
        let filtered = sweep.grid();
        let mut all = sweep.clone();
        all.condition = None;
        all.exclude.clear();
        let all = all.grid();
        let product: u64 = all.spec().axes.iter().map(|axis| axis.len()).product();
        for index in 0..product {
            prop_assert_eq!(
                filtered.point(index).expect("within"),
                all.point(index).expect("within")
            );
        }
        // What the filter leaves out, `include` may bring back.
        prop_assert!(kept_ids(&filtered).is_subset(&kept_ids(&all)));
    }

    #[test]
    fn the_order_of_axes_and_values_does_not_matter(
        (sweep, shuffled) in sweep().prop_flat_map(|sweep| {
            let mut bare = sweep;
            // The points of `include` take the first values of the axes, which do depend on the order.
            bare.include.clear();
            let axes = Just(bare.axes.clone()).prop_shuffle();
            (Just(bare), axes)
        }),
    ) {
        let mut other = sweep.clone();
        other.axes = shuffled;
        for axis in &mut other.axes {
            axis.rows.reverse();
        }
        prop_assert_eq!(kept_ids(&sweep.grid()), kept_ids(&other.grid()));
    }

    #[test]
    fn a_point_has_one_identity_in_every_sweep(sweep in sweep(), other in sweep()) {
        let (one, two) = (sweep.grid(), other.grid());
        let ids = kept_ids(&two);
        for index in (0..one.size()).filter(|&index| one.kept(index)) {
            let point = one.point(index).expect("within");
            let Some(found) = two.locate(&point) else {
                prop_assert!(!ids.contains(&point.id()));
                continue;
            };
            prop_assert!(two.kept(found));
            prop_assert_eq!(two.point(found).expect("within").id(), point.id());
            prop_assert_eq!(two.trial(found).expect("sound"), one.trial(index).expect("sound"));
        }
    }
}

#[test]
fn numbers_have_one_identity_however_they_are_written() {
    let id = |axis: &str| {
        let grid = super::sweeps::grid(&format!("name = \"x\"\n[axes]\n{axis}\n"));
        grid.id_of(0).expect("within").to_string()
    };
    assert_eq!(
        id("'train.steps' = [3000000.0]"),
        id("'train.steps' = [3000000]")
    );
    assert_eq!(
        id("'init.scale' = { lin = [0.3, 0.3], points = 1 }"),
        id("'init.scale' = [0.3]")
    );
    assert_ne!(
        id("'init.scale' = [0.3]"),
        id("'init.scale' = [0.30000001]")
    );
}

#[test]
fn the_seed_is_a_part_of_the_identity_and_the_name_is_not() {
    let id = |text: &str| super::sweeps::grid(text).id_of(0).expect("within");
    assert_eq!(id("name = \"a\""), id("name = \"b\""));
    assert_eq!(id("name = \"a\""), id("name = \"a\"\nseed = 0"));
    assert_ne!(id("name = \"a\""), id("name = \"a\"\nseed = 1"));
    assert_eq!(id("name = \"a\""), id("name = \"a\"\ntrain.verify = 3"));
}
