//! From what is written to what holds: a key's value in one point.
//!
//! Leaves of tables are put into their table here, so that `inputs = { noise = 0.1 }` and a swept
//! `problem.inputs.noise` are one thing. Defaults are in `defaults`, conditions in `apply`.

use std::collections::BTreeMap;

use super::{Id, Key, Lookup, defaults};
use crate::refs::Arrays;
use crate::value::Value;

/// The value of `key` in a point: `None` if it does not apply or is null.
///
/// `written` gives what the sweep says about a key in this point (its axis, else its fixed value); `values`
/// holds the settled values of the keys before `key` in [`super::keys`]. Defaults that come from the shapes of
/// files are `None` as long as `arrays` lacks them.
pub fn settle(
    key: &'static Key,
    written: &dyn Fn(&'static Key) -> Option<Value>,
    values: &Lookup<'_>,
    arrays: &Arrays,
) -> Option<Value> {
    if !(key.applies)(values) {
        return None;
    }
    if let Some(parent) = key.parent {
        return leaf_of(key, values.get(parent)?);
    }
    match merged(key, written) {
        Some(value) => complete(key.id, value, values),
        None => defaults::default_of(key, values, arrays),
    }
}

/// What is written for `key`, the leaves of its table that are written under their own names put in. Leaves of
/// a draw leave a table that names a file alone.
pub fn merged(key: &'static Key, written: &dyn Fn(&'static Key) -> Option<Value>) -> Option<Value> {
    let mut value = written(key);
    for leaf in key.leaves() {
        let Some(leaf_value) = written(leaf) else {
            continue;
        };
        match &mut value {
            Some(Value::Table(table)) => {
                if !table.contains_key("file") {
                    table.insert(leaf.field().to_owned(), leaf_value);
                }
            }
            other => {
                *other = Some(Value::Table(BTreeMap::from([(
                    leaf.field().to_owned(),
                    leaf_value,
                )])));
            }
        }
    }
    value
}

/// The value of the leaf `key` within the settled value of its table.
pub fn leaf_of(key: &Key, table: &Value) -> Option<Value> {
    table.field(key.field()).cloned()
}

/// Fills in the fields that a table leaves open, and drops those that do not apply: equal experiments then have
/// equal tables.
pub(super) fn complete(id: Id, value: Value, values: &Lookup<'_>) -> Option<Value> {
    match (id, value) {
        (Id::ProblemInputs, Value::Table(table)) => {
            Some(Value::Table(complete_inputs(table, values)))
        }
        (Id::TrainStop, Value::Table(table)) if table.is_empty() => None,
        (_, value) => Some(value),
    }
}

fn complete_inputs(
    mut table: BTreeMap<String, Value>,
    values: &Lookup<'_>,
) -> BTreeMap<String, Value> {
    if table.contains_key("file") {
        return table;
    }
    // The leaves' own entries hold the defaults.
    for id in [Id::ProblemInputsDraw, Id::ProblemInputsNoise] {
        fill(&mut table, id);
    }
    if table.get("draw").and_then(Value::as_str) != Some("gaussian") {
        table.remove("rank");
        table.remove("condition");
    }
    let teacher = values.name(Id::ProblemKind) == Some("regression")
        && !values.has_file(Id::ProblemTargets)
        && values.get(Id::ProblemClasses).is_none();
    if teacher {
        fill(&mut table, Id::ProblemInputsCount);
    } else {
        table.remove("count");
    }
    table
}

fn fill(table: &mut BTreeMap<String, Value>, id: Id) {
    let leaf = &super::keys()[id as usize];
    if let Some(value) = leaf.fixed_default() {
        table.entry(leaf.field().to_owned()).or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{key, keys};

    /// Settles every key from the written pairs and returns the values asked for, as column texts.
    fn check(written: &[(&str, Value)], expected: &[(&str, Option<&str>)]) {
        let written = |key: &'static Key| {
            written
                .iter()
                .find(|(name, _)| *name == key.name)
                .map(|(_, value)| value.clone())
        };
        let mut slots: Vec<Option<Value>> = Vec::new();
        for key in keys() {
            let value = settle(key, &written, &Lookup::new(&slots), &Arrays::new());
            slots.push(value);
        }
        for (name, text) in expected {
            let id = key(name).expect("a key").id;
            let found = slots[id as usize].as_ref().map(Value::to_column_text);
            assert_eq!(found.as_deref(), *text, "{name}");
        }
    }

    fn table(fields: &[(&str, Value)]) -> Value {
        Value::Table(
            fields
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        )
    }

    #[test]
    fn the_smallest_sweep_is_a_factorization() {
        check(
            &[],
            &[
                ("seed", Some("0")),
                ("problem.kind", Some("factorization")),
                ("problem.dim", Some("100")),
                ("problem.inputs_dim", None),
                ("problem.rank", Some("1")),
                ("problem.singular_values", Some("gaussian")),
                ("problem.observed", None),
                ("problem.inputs", None),
                ("problem.classes", None),
                ("network.depth", Some("3")),
                ("network.width", Some("100")),
                ("optimizer.rate", Some("1")),
                ("optimizer.momentum", None),
                ("optimizer.factor_rate", None),
                ("train.stop", None),
                ("measure.tolerance", None),
            ],
        );
    }

    #[test]
    fn classification_draws_classes() {
        check(
            &[
                ("problem.kind", Value::text("classification")),
                ("problem.inputs.noise", Value::Float(0.1)),
                ("problem.inputs.rank", Value::Int(8)),
                ("problem.rank", Value::Int(7)),
                ("problem.test", table(&[("range", range(40, 50))])),
            ],
            &[
                ("problem.classes", Some("5")),
                ("problem.samples_per_class", Some("10")),
                (
                    "problem.inputs",
                    Some(r#"{"draw":"orthonormal","noise":0.1}"#),
                ),
                ("problem.inputs.draw", Some("orthonormal")),
                ("problem.inputs.rank", None),
                ("problem.inputs.count", None),
                ("problem.rank", None),
                ("problem.outputs_dim", None),
                ("problem.samples", Some(r#"{"range":[0,40]}"#)),
            ],
        );
    }

    fn range(start: i64, end: i64) -> Value {
        Value::List(vec![Value::Int(start), Value::Int(end)])
    }

    #[test]
    fn a_teacher_counts_its_inputs_and_classes_replace_it() {
        let kind = ("problem.kind", Value::text("regression"));
        check(
            &[kind.clone(), ("optimizer.kind", Value::text("adam"))],
            &[
                (
                    "problem.inputs",
                    Some(r#"{"count":100,"draw":"orthonormal","noise":0}"#),
                ),
                ("problem.rank", Some("1")),
                ("problem.samples", Some(r#"{"range":[0,100]}"#)),
                ("problem.samples_per_class", None),
                ("optimizer.rate", Some("0.001")),
            ],
        );
        check(
            &[kind, ("problem.classes", Value::Int(4))],
            &[
                ("problem.rank", None),
                ("problem.samples_per_class", Some("10")),
                ("problem.inputs.count", None),
                ("problem.samples", Some(r#"{"range":[0,40]}"#)),
            ],
        );
    }

    #[test]
    fn files_bring_their_own_sizes() {
        check(
            &[
                ("problem.kind", Value::text("classification")),
                ("problem.inputs", table(&[("file", Value::text("x.npy"))])),
                ("problem.inputs.noise", Value::Float(0.1)),
                ("problem.labels", table(&[("file", Value::text("y.npy"))])),
            ],
            &[
                ("problem.inputs", Some(r#"{"file":"x.npy"}"#)),
                ("problem.inputs.noise", None),
                ("problem.inputs.draw", None),
                ("problem.classes", None),
                ("problem.dim", None),
                // Not known before the file is read.
                ("problem.samples", None),
                ("network.width", None),
            ],
        );
    }

    #[test]
    fn leaves_join_their_table() {
        check(
            &[
                (
                    "train.stop",
                    table(&[("gradient_norm", Value::Float(1e-8))]),
                ),
                ("train.stop.train_loss", Value::Float(1e-10)),
                ("problem.singular_values.geometric", Value::Float(0.5)),
            ],
            &[
                (
                    "train.stop",
                    Some(r#"{"gradient_norm":1e-8,"train_loss":1e-10}"#),
                ),
                ("train.stop.gradient_norm", Some("1e-8")),
                ("problem.singular_values", Some(r#"{"geometric":0.5}"#)),
                ("problem.singular_values.geometric", Some("0.5")),
            ],
        );
        check(&[("train.stop", table(&[]))], &[("train.stop", None)]);
    }

    #[test]
    fn depth_one_has_no_hidden_layer() {
        check(
            &[
                ("network.depth", Value::Int(1)),
                ("network.activation", Value::text("relu")),
            ],
            &[("network.width", None), ("network.activation", None)],
        );
    }

    #[test]
    fn weights_from_a_file_set_the_depth() {
        let weights = table(&[
            ("file", Value::text("w.npz")),
            (
                "arrays",
                Value::List(["v", "c1", "c2", "u"].map(Value::text).to_vec()),
            ),
        ]);
        let kind = ("init.kind", Value::text("file"));
        check(
            &[kind.clone(), ("init.weights", weights.clone())],
            &[("network.depth", Some("4")), ("init.scale", None)],
        );
        check(
            &[
                kind,
                ("init.weights", weights),
                ("train.engine", Value::text("factored")),
            ],
            &[
                ("network.depth", Some("2")),
                ("optimizer.rank_estimate", None),
                ("optimizer.factor_rate", Some("0.01")),
            ],
        );
    }
}
