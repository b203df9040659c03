//! What is read while a point is settled, checked and priced, held against what the keys declare and what is derived
//! from that. A grid that trusts a declaration which forgets a key gives points the values, the checks or the cost of
//! other points.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ndarray::Array2;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use proptest::strategy::ValueTree;

use crate::cost::Cost;
use crate::grid::Grid;
use crate::keys::{FILES, Id, Key, KeyKind, Lookup, Preset, Recorded, Schema, keys, reads, settle};
use crate::point::{
    CHECKS, DataSizes, ENGINE, READ_BY_SIZES, ids, odd_uses, sizes_from_files, trial, trial_of,
};
use crate::refs::{ArrayRef, Arrays, Loaded};
use crate::spec::Spec;
use crate::value::Value;

/// What a sweep writes in one point, one a key.
type Written = Vec<Option<Value>>;

fn table<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Table(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

fn file(name: &str) -> (&'static str, Value) {
    ("file", Value::text(name))
}

/// Values of a key that small experiments have; every kind of key has some, so that a new key is tried as well.
fn values_of(key: &Key) -> Vec<Value> {
    let texts = |names: &[&str]| names.iter().map(|name| Value::text(*name)).collect();
    let floats = |numbers: &[f64]| Value::List(numbers.iter().map(|x| Value::Float(*x)).collect());
    let ints = |numbers: &[i64]| Value::List(numbers.iter().map(|i| Value::Int(*i)).collect());
    let few = |min: i64, max: i64| {
        let few = [0, 1, 2, 3, 4, 7, 40].into_iter();
        few.filter(move |i| (min..=max).contains(i)).map(Value::Int)
    };
    let shares = [0.0, 0.01, 0.3, 0.9, 1.0, 2.5].into_iter();
    match key.kind {
        KeyKind::Int { min, max } => few(min, max).collect(),
        KeyKind::IntOrList { min, max } => few(min, max)
            .chain([ints(&[3]), ints(&[4, 2]), ints(&[2, 2, 3])])
            .collect(),
        KeyKind::Float(bounds) => shares
            .filter(|x| bounds.hold(*x))
            .map(Value::Float)
            .collect(),
        KeyKind::FloatOrList { one, .. } => shares
            .filter(|x| one.hold(*x))
            .map(Value::Float)
            .chain([floats(&[0.5, 0.1]), floats(&[0.0, 0.1, 0.2])])
            .collect(),
        KeyKind::Bool => vec![Value::Bool(false), Value::Bool(true)],
        KeyKind::Name(names) => texts(names),
        KeyKind::NameList(names) => names
            .iter()
            .map(|name| Value::List(vec![Value::text(*name)]))
            .chain([Value::List(texts(names)), Value::List(Vec::new())])
            .collect(),
        KeyKind::Spectrum => vec![
            Value::text("gaussian"),
            Value::text("flat"),
            floats(&[2.0, 1.0]),
            table([("geometric", Value::Float(0.5))]),
        ],
        KeyKind::Table(schema) => match schema {
            Schema::Inputs => vec![
                table([("draw", Value::text("gaussian"))]),
                table([("noise", Value::Float(0.1))]),
                table([file("x.npy")]),
                table([file("x.npy"), ("center", Value::Bool(true))]),
            ],
            Schema::Samples => vec![table([file("t.npy")])],
            Schema::Labels => vec![table([file("l.npy")])],
            Schema::Matrix => vec![table([file("m.npy")])],
            Schema::Span => [[0, 4], [4, 8], [2, 12]]
                .map(|ends| table([("range", ints(&ends))]))
                .to_vec(),
            Schema::Test => vec![
                table([("range", ints(&[4, 8]))]),
                table([("range", ints(&[0, 4]))]),
                table([("share", Value::Float(0.25))]),
                table([
                    ("share", Value::Float(0.3)),
                    ("stratify", Value::Bool(true)),
                ]),
            ],
            Schema::Weights => {
                let arrays = |names: &[&str]| ("arrays", Value::List(texts(names)));
                vec![
                    table([file("w.npz"), arrays(&["a", "b"])]),
                    table([file("w.npz"), arrays(&["v", "a", "b", "u"])]),
                ]
            }
            Schema::Schedule => vec![
                table([
                    ("kind", Value::text("cosine")),
                    ("alpha", Value::Float(0.1)),
                ]),
                table([
                    ("kind", Value::text("warmup_cosine")),
                    ("warmup", Value::Int(2)),
                ]),
                table([
                    ("kind", Value::text("list")),
                    ("rates", floats(&[0.5, 0.1])),
                ]),
            ],
            Schema::Stop => vec![table([("gradient_norm", Value::Float(1e-3))])],
        },
    }
}

/// The arrays of those files.
fn arrays() -> Arrays {
    let mut arrays = Arrays::new();
    for &(id, role) in FILES {
        for value in values_of(&keys()[id as usize]) {
            for array in ArrayRef::all_of(role, &value) {
                let shape = match (array.file.as_str(), array.array.as_deref()) {
                    ("x.npy", _) => (4, 12),
                    ("t.npy" | "l.npy", _) => (3, 12),
                    ("m.npy", _) => (3, 4),
                    (_, Some("v")) => (2, 4),
                    (_, Some("u")) => (3, 2),
                    (_, Some("a")) => (4, 4),
                    _ => (3, 4),
                };
                let hash = format!("blake3:{}", array.file);
                let array_of =
                    Array2::from_shape_fn(shape, |(i, j)| f64::from(u8::from(i == j % shape.0)));
                let loaded = Loaded {
                    array: Arc::new(array_of.into()),
                    hash,
                };
                arrays.insert(array, loaded);
            }
        }
    }
    arrays
}

/// Points of which a few keys are written.
fn points() -> impl Strategy<Value = Written> {
    let all: Vec<Id> = keys().iter().map(|key| key.id).collect();
    // These decide most.
    let first = [
        Id::ProblemKind,
        Id::TrainEngine,
        Id::InitKind,
        Id::OptimizerKind,
        Id::OptimizerScheduleKind,
        Id::ProblemInputsDraw,
        Id::InitWeights,
    ];
    let chosen = (
        subsequence(first.to_vec(), 0..=first.len()),
        subsequence(all, 0..=8),
    );
    let picks = proptest::collection::vec(any::<Index>(), keys().len());
    (chosen, picks).prop_map(|((first, more), picks)| {
        let mut written = vec![None; keys().len()];
        for id in first.into_iter().chain(more) {
            let values = values_of(&keys()[id as usize]);
            written[id as usize] = Some(picks[id as usize].get(&values).clone());
        }
        // Small, so that pricing is quick.
        written[Id::ProblemDim as usize].get_or_insert(Value::Int(4));
        written
    })
}

/// The points of the sweeps that come with the program: at both ends and in the middle of each axis.
fn ready() -> Vec<Written> {
    let sweeps = [
        include_str!("../../../sweeps/quickstart.toml"),
        include_str!("../../../sweeps/digits.toml"),
        include_str!("../../../sweeps/edge-of-stability.toml"),
        include_str!("../../../sweeps/fig-collapse.toml"),
        include_str!("../../../sweeps/fig-completion.toml"),
        include_str!("../../../sweeps/fig-equivalent-trajectories.toml"),
        include_str!("../../../sweeps/fig-optimizers.toml"),
        include_str!("../../../sweeps/saddle-to-saddle.toml"),
        include_str!("../../../sweeps/target-noise.toml"),
        include_str!("../../../sweeps/weight-decay-rank.toml"),
    ];
    let mut points = Vec::new();
    for text in sweeps {
        let spec = Spec::parse(text, "ready.toml", &[]).expect("a sweep");
        for part in [0, 1, 2] {
            let mut written = vec![None; keys().len()];
            for key in keys() {
                written[key.id as usize] = spec.fixed.get(key.name).cloned();
            }
            for axis in &spec.axes {
                for (position, key) in axis.keys.iter().enumerate() {
                    let value = axis.value(position, (axis.len() - 1) * part / 2);
                    written[key.id as usize] = Some(value);
                }
            }
            points.push(written);
        }
    }
    points
}

fn settled(
    written: &Written,
    arrays: &Arrays,
    look: &mut dyn FnMut(&'static Key, &BTreeSet<Id>),
) -> Written {
    let mut slots: Written = Vec::new();
    for key in keys() {
        let read = Recorded::default();
        let value = settle(
            key,
            &|key| {
                read.borrow_mut().insert(key.id);
                written[key.id as usize].clone()
            },
            &Lookup::recorded(&slots, &read),
            arrays,
        );
        look(key, &read.borrow());
        slots.push(value);
    }
    slots
}

/// What settling a key may read.
fn declared(key: &'static Key, is_written: bool) -> BTreeSet<Id> {
    let of_condition = key.applies.reads().into_iter().map(|read| read.id());
    let own = key.leaves().iter().map(|leaf| leaf.id).chain([key.id]);
    let values = reads(key, is_written).chain(key.parent);
    of_condition.chain(own).chain(values).collect()
}

fn check_settling(written: &Written, arrays: &Arrays) -> Written {
    settled(written, arrays, &mut |key, read| {
        let is_written = written[key.id as usize].is_some()
            || key
                .leaves()
                .iter()
                .any(|leaf| written[leaf.id as usize].is_some());
        let declared = declared(key, is_written);
        let forgotten: Vec<&Id> = read.difference(&declared).collect();
        assert!(
            forgotten.is_empty(),
            "settling `{}` reads {forgotten:?}",
            key.name
        );
    })
}

fn check_checks(slots: &Written, arrays: &Arrays) {
    let held = |what: &str, declared: BTreeSet<Id>, test: &mut dyn FnMut(&Lookup<'_>)| {
        let read = Recorded::default();
        test(&Lookup::recorded(slots, &read));
        let read = read.into_inner();
        let forgotten: Vec<&Id> = read.difference(&declared).collect();
        assert!(forgotten.is_empty(), "{what} reads {forgotten:?}");
    };
    for (at, check) in CHECKS.iter().enumerate() {
        if !check.only.eval(&Lookup::new(slots)) {
            // What it reads to find that it has nothing to do is what `only` reads.
            continue;
        }
        let declared = check.only.reads().into_iter().map(|read| read.id());
        let declared = declared.chain(ids(check.reads)).collect();
        let mut is_sound = true;
        held(&format!("check {at}"), declared, &mut |values| {
            is_sound = (check.test)(values, arrays).is_ok();
        });
        if !is_sound {
            return;
        }
    }
    held("the sizes", ids(READ_BY_SIZES).collect(), &mut |values| {
        DataSizes::of(values, arrays);
        sizes_from_files(values, arrays);
        odd_uses(values, arrays);
    });
}

/// The slots with another value of one key, the leaves and the tables of which follow.
fn changed(slots: &Written, key: &'static Key, value: &Value) -> Written {
    let mut slots = slots.clone();
    let old = slots[key.id as usize].replace(value.clone());
    if let Some(parent) = key.parent
        && let Some(Value::Table(table)) = &mut slots[parent as usize]
    {
        table.insert(key.field().to_owned(), value.clone());
    }
    let is_table = matches!(value, Value::Table(_)) || matches!(old, Some(Value::Table(_)));
    if is_table {
        for leaf in key.leaves() {
            slots[leaf.id as usize] = value.field(leaf.field()).cloned();
        }
    }
    slots
}

/// Trials that differ in keys alone of which no cost depends cost the same; and the same for the choice of the engine.
fn check_prices(slots: &Written, arrays: &Arrays) {
    let Ok(before) = trial(slots, arrays) else {
        return;
    };
    let cost = Cost::of(&before);
    let refused = |trial: &dln::Trial| dln::plan(trial).refused.map(|refused| refused.to_string());
    let engine: BTreeSet<Id> = ids(ENGINE.reads).collect();
    let decides_engine = |key: &Key| {
        engine.contains(&key.id) || key.parent.is_some_and(|parent| engine.contains(&parent))
    };
    for key in keys() {
        if slots[key.id as usize].is_none() {
            continue;
        }
        for value in values_of(key) {
            let slots = changed(slots, key, &value);
            let Ok(after) = trial(&slots, arrays) else {
                continue;
            };
            if !key.costs {
                assert_eq!(
                    Cost::of(&after),
                    cost,
                    "`{}` = {value} changes the cost",
                    key.name
                );
            }
            if !decides_engine(key) {
                assert_eq!(
                    refused(&after),
                    refused(&before),
                    "`{}` = {value} changes which engine serves",
                    key.name
                );
            }
        }
    }
}

fn check(written: &Written) {
    let arrays = arrays();
    let slots = check_settling(written, &arrays);
    check_checks(&slots, &arrays);
    check_prices(&slots, &arrays);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_read_is_declared(written in points()) {
        check(&written);
    }

    /// A cost that is remembered for one point is that of every point it is used for.
    #[test]
    fn remembered_costs_are_those_of_the_trials(
        kind in select(vec!["factorization", "completion", "regression"]),
        engine in select(vec!["auto", "full", "factored", "reduced"]),
        swept in subsequence(keys().iter().map(|key| key.id).collect::<Vec<_>>(), 1..=3),
    ) {
        let axes: Vec<String> = swept
            .iter()
            .map(|&id| &keys()[id as usize])
            .filter(|key| key.sweepable && key.leaves().is_empty())
            .filter(|key| !matches!(key.kind, KeyKind::Table(_)))
            .filter(|key| ![Id::ProblemKind, Id::TrainEngine, Id::InitKind].contains(&key.id))
            .map(|key| {
                let values: Vec<String> = values_of(key).iter().map(Value::to_toml).collect();
                format!("\"{}\" = [{}]\n", key.name, values.join(", "))
            })
            .collect();
        let text = format!(
            "name = \"x\"\n[problem]\nkind = \"{kind}\"\ndim = 6\n[train]\nengine = \"{engine}\"\nsteps = 3\n[axes]\n{}",
            axes.concat()
        )
        .replace("dim = 6\n", if axes.iter().any(|axis| axis.contains("problem.dim")) { "" } else { "dim = 6\n" })
        .replace("steps = 3\n", if axes.iter().any(|axis| axis.contains("train.steps")) { "" } else { "steps = 3\n" });
        let spec = Spec::parse(&text, "x.toml", &[]).expect("a sweep");
        // Combinations that cannot be are refused as a whole.
        if let Ok(grid) = Grid::new(spec, Arrays::new()) {
            for index in 0..grid.size().min(400) {
                let Ok(trial) = grid.trial(index) else { continue };
                prop_assert_eq!(grid.cost(index), Cost::of(&trial), "{} at {}", text, index);
            }
        }
    }
}

#[test]
fn ready_sweeps_read_what_is_declared() {
    for written in ready() {
        check(&written);
    }
}

/// Every key that a condition, a default or a table is declared to look at is looked at in some point.
#[test]
fn what_is_declared_is_read() {
    let arrays = arrays();
    let mut read: BTreeMap<Id, BTreeSet<Id>> = BTreeMap::new();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..3000 {
        let written = points().new_tree(&mut runner).expect("a point").current();
        settled(&written, &arrays, &mut |key, found| {
            read.entry(key.id).or_default().extend(found);
        });
    }
    for key in keys() {
        let unread: Vec<Id> = declared(key, false)
            .difference(&read[&key.id])
            .copied()
            .collect();
        // A leaf is read from its table, whose own statement is what is written.
        let unread: Vec<Id> = unread
            .into_iter()
            .filter(|id| key.parent.is_none() || *id != key.id)
            .collect();
        assert!(
            unread.is_empty(),
            "`{}` never looks at {unread:?}",
            key.name
        );
        let is_derived = matches!(key.default, Preset::Derived(_));
        assert!(
            is_derived || reads(key, false).eq(reads(key, true)),
            "{}",
            key.name
        );
    }
}

/// A key that no trial is made from does nothing.
#[test]
fn every_key_reaches_the_trial() {
    let arrays = arrays();
    let read = Recorded::default();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..3000 {
        let written = points().new_tree(&mut runner).expect("a point").current();
        let slots = settled(&written, &arrays, &mut |_, _| {});
        // Refused or not, what it looks at counts.
        let _ = trial_of(&Lookup::recorded(&slots, &read), &arrays);
    }
    let read = read.into_inner();
    for key in keys() {
        let is_read = read.contains(&key.id)
            || key.parent.is_some_and(|parent| read.contains(&parent))
            || key.leaves().iter().any(|leaf| read.contains(&leaf.id));
        assert!(
            is_read || key.id == Id::MeasureDummy,
            "nothing reads `{}`",
            key.name
        );
    }
}

#[test]
fn the_rate_of_the_factors_has_a_price() {
    let text = "name = \"x\"\n[problem]\ndim = 40\n[train]\nengine = \"factored\"\n[axes]\n\"optimizer.factor_rate\" = [0.0, 0.01]\n";
    let spec = Spec::parse(text, "x.toml", &[]).expect("a sweep");
    let grid = Grid::new(spec, Arrays::new()).expect("a grid");
    let [frozen, moving] = [0, 1].map(|index| grid.cost(index));
    assert_eq!(moving, Cost::of(&grid.trial(1).expect("a trial")));
    assert!(
        moving.seconds > 1.2 * frozen.seconds,
        "{frozen:?} {moving:?}"
    );
    assert_eq!(grid.constant_run(0), 1);
}
