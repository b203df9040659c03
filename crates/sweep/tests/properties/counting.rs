//! Counting over sums against walking: conditions on sums of integers and their remainders, on grids that are large
//! enough for it.

use proptest::prelude::*;
use proptest::sample::select;
use sweep::{Grid, Mistake};

use super::sweeps::{grid, try_grid};

/// Axes of some 2,000 to 30,000 points: rules up and down, lists in no order, a zip of integers, a switch that decides
/// whether another axis counts.
fn axes() -> impl Strategy<Value = String> {
    let range = |key: &'static str, low: i64, step: i64| {
        (5i64..12).prop_map(move |points| {
            let (first, last) = (low, low + points * step);
            let (first, last) = if step < 0 {
                (first - step * 12, last - step * 12)
            } else {
                (first, last)
            };
            format!("'{key}' = {{ range = [{first}, {last}], step = {step} }}\n")
        })
    };
    let list = proptest::collection::btree_set(0i64..40, 4..9)
        .prop_shuffle_list()
        .prop_map(|values| format!("'replicate' = {values:?}\n"));
    let kinds = select(vec![
        "",
        "'optimizer.kind' = ['gd', 'momentum']\n'optimizer.momentum' = [0.5, 0.9]\n",
        "'init.scale' = { lin = [0.1, 0.5], points = 3 }\n",
    ]);
    let zip = select(vec![
        "",
        "[[zip]]\n'network.width' = [21, 22, 25, 21, 29]\n'measure.every' = [3, 1, 4, 1, 5]\n",
        "[[zip]]\n'network.width' = { range = [21, 26] }\n'measure.every' = { range = [9, 4], step = -1 }\n",
    ]);
    (
        range("network.depth", 2, 1),
        range("problem.rank", 1, 2),
        range("train.steps", 100, -3),
        list,
        kinds,
        zip,
    )
        .prop_map(|(depth, rank, steps, replicate, kinds, zip)| {
            format!("{depth}{rank}{steps}{replicate}{kinds}{zip}")
        })
}

trait ShuffleList {
    fn prop_shuffle_list(self) -> BoxedStrategy<Vec<i64>>;
}

impl<S: Strategy<Value = std::collections::BTreeSet<i64>> + 'static> ShuffleList for S {
    fn prop_shuffle_list(self) -> BoxedStrategy<Vec<i64>> {
        self.prop_map(|set| set.into_iter().collect::<Vec<i64>>())
            .prop_shuffle()
            .boxed()
    }
}

/// A condition that ties several axes together.
fn condition() -> impl Strategy<Value = String> {
    let key = select(vec![
        "network.depth",
        "problem.rank",
        "train.steps",
        "replicate",
        "network.width",
        "measure.every",
    ]);
    let term = (key, -9i64..10).prop_map(|(key, by)| format!("{key} * {by}"));
    let sum = proptest::collection::vec(term, 2..5).prop_map(|terms| terms.join(" + "));
    let remainder = (sum.clone(), 2i64..9, 0i64..9)
        .prop_map(|(sum, modulus, rest)| format!("({sum}) % {modulus} == {rest}"));
    let bound = (sum.clone(), select(vec!["<", ">=", "!="]), -300i64..300)
        .prop_map(|(sum, op, bound)| format!("{sum} {op} {bound}"));
    let share = (sum, 1i64..4).prop_map(|(sum, by)| format!("({sum}) / {by} > init.scale * 100"));
    let leaf = prop_oneof![4 => remainder, 2 => bound, 1 => share];
    leaf.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} and {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    })
}

/// The kept indices, by evaluating the condition at every point that is the first of its kind.
fn walked(grid: &Grid, all: &Grid) -> Vec<u64> {
    let condition = grid.spec().filter.condition.as_ref().expect("a condition");
    let passes = |&index: &u64| {
        let point = grid.point(index).expect("within");
        all.kept(index) && condition.eval(&|key: &str| point.get(key).cloned())
    };
    (0..grid.size()).filter(passes).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn counting_over_sums_agrees_with_walking(
        axes in axes(),
        condition in condition(),
        exclude in any::<bool>(),
    ) {
        let base = format!("name = \"x\"\n[axes]\n{axes}");
        let exclude = if exclude { "exclude = [{ 'replicate' = 99, 'network.depth' = 2 }]\n" } else { "" };
        let text = format!("{base}[filter]\nwhere = \"{condition}\"\n{exclude}");
        let (grid, all) = (grid(&text), grid(&base));
        let kept = walked(&grid, &all);
        prop_assert_eq!(grid.count(), kept.len() as u64);
        for share in 0..8 {
            let from = grid.size() * share / 8;
            let next = kept.iter().copied().find(|&index| index >= from);
            prop_assert_eq!(grid.next_kept(from, u64::MAX), next);
        }
    }
}

#[test]
fn remainders_over_a_billion_points_are_counted() {
    let text = "name = \"x\"\n[axes]\n'network.depth' = { range = [2, 12] }\n\
        'problem.rank' = { range = [1, 71] }\n'train.steps' = { range = [1000, 3000] }\n\
        'replicate' = { range = [0, 1000] }\n[problem]\ndim = 100\n[filter]\n";
    let sum = "network.depth * 7 + problem.rank * 13 + train.steps * 3 + replicate";
    // Each remainder of `replicate` comes 200 times with every combination of the others.
    let fifth = grid(&format!("{text}where = \"({sum}) % 5 == 0\"\n"));
    assert_eq!((fifth.size(), fifth.count()), (1_400_000_000, 280_000_000));
    let index = fifth.next_kept(700_000_000, u64::MAX).expect("one of five");
    assert!(index < 700_000_005);

    // Far apart: the search goes by counts.
    let rare = grid(&format!(
        "{text}where = \"({sum}) % 5 == 0 and ({sum}) % 1009 == 3\"\n"
    ));
    let mut from = 0;
    for _ in 0..20 {
        let index = rare.next_kept(from, u64::MAX).expect("some");
        let point = rare.point(index).expect("within");
        let condition = rare.spec().filter.condition.as_ref().expect("a condition");
        assert!(condition.eval(&|key: &str| point.get(key).cloned()));
        from = index + 1;
    }
    let none = grid(&format!(
        "{text}where = \"({sum}) % 5 == 0 and ({sum}) % 10 == 7\"\n"
    ));
    assert_eq!((none.count(), none.next_kept(0, u64::MAX)), (0, None));
    assert!(none.survey().groups.is_empty());
}

#[test]
fn what_takes_too_long_to_count_is_refused() {
    let text = "name = \"x\"\n[axes]\n'network.depth' = { range = [2, 12] }\n\
        'problem.rank' = { range = [1, 71] }\n'train.steps' = { range = [1000, 3000] }\n\
        'replicate' = { range = [0, 1000] }\n[problem]\ndim = 100\n[filter]\n\
        where = \"replicate < 900 and (problem.rank * train.steps * replicate) % 7919 == 3\"\n";
    let error = try_grid(text).expect_err("a product of three keys");
    let Mistake::TooMuchWork {
        filter,
        keys,
        points,
        ..
    } = error.mistake()
    else {
        panic!("{error}");
    };
    assert_eq!((*filter, *points), ("filter.where", 140_000_000));
    assert_eq!(keys, "`problem.rank`, `train.steps`, `replicate`");
    let place = error.place().expect("a place");
    assert!(place.source.text[place.span.clone()].starts_with("\"replicate < 900"));

    let spec = sweep::Spec::parse(text, "x.toml", &[]).expect("sound");
    let asked = std::cell::Cell::new(0);
    let stop = || {
        asked.set(asked.get() + 1);
        asked.get() > 3
    };
    let stopped = Grid::new_until(spec, sweep::Arrays::new(), &stop).expect_err("stopped");
    assert_eq!(*stopped.mistake(), Mistake::Stopped);
}
