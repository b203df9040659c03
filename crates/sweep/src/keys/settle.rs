//! From what is written to what holds: a key's value in one point.
//!
//! Leaves of tables are put into their table here, so that `inputs = { noise = 0.1 }` and a swept
//! `problem.inputs.noise` are one thing. Defaults are in `defaults`, conditions in `apply`.

use std::collections::BTreeMap;

use super::condition::Facts;
use super::kind::{KeyKind, Preset};
use super::{Id, Key, Lookup};
use crate::refs::Arrays;
use crate::value::Value;

/// The value of `key` in a point: `None` if it does not apply or is null.
///
/// `written` gives what the sweep says about a key in this point (its axis, else its fixed value); `values`
/// holds the settled values of the keys before `key` in [`super::keys`]. Defaults that come from the shapes of
/// files are `None` as long as `arrays` lacks them.
pub(crate) fn settle(
    key: &'static Key,
    written: &dyn Fn(&'static Key) -> Option<Value>,
    values: &Lookup<'_>,
    arrays: &Arrays,
) -> Option<Value> {
    if !key.applies.eval(values) {
        return None;
    }
    if let Some(parent) = key.parent {
        return leaf_of(key, values.get(parent)?);
    }
    let value = match merged(key, written) {
        Some(value) => value,
        None => default_of(key, values, arrays)?,
    };
    complete(key, value, values, arrays)
}

/// What is written for `key`, the leaves of its table that are written under their own names put in. Those that do not
/// apply are taken out again as the table is completed: a draw's next to a file.
fn merged(key: &'static Key, written: &dyn Fn(&'static Key) -> Option<Value>) -> Option<Value> {
    let mut value = written(key);
    for leaf in key.leaves() {
        let Some(leaf_value) = written(leaf) else {
            continue;
        };
        match &mut value {
            Some(Value::Table(table)) => {
                table.insert(leaf.field().to_owned(), leaf_value);
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

/// The value of the leaf `key` within the settled value of its table, in which flags stand only where they are set.
fn leaf_of(key: &Key, table: &Value) -> Option<Value> {
    let found = table.field(key.field()).cloned();
    match key.kind {
        KeyKind::Bool => found.or_else(|| key.fixed_default()),
        KeyKind::Int { .. }
        | KeyKind::Float(_)
        | KeyKind::Name(_)
        | KeyKind::IntOrList { .. }
        | KeyKind::FloatOrList { .. }
        | KeyKind::NameList(_)
        | KeyKind::Spectrum
        | KeyKind::Table(_) => found,
    }
}

/// The default of `key` where it applies, given the settled values of the keys before it. `None`: null unless set, or
/// not known without files that `arrays` lacks.
fn default_of(key: &Key, values: &Lookup<'_>, arrays: &Arrays) -> Option<Value> {
    match key.default {
        Preset::Derived(derived) => derived.rule.value(values, arrays),
        Preset::None
        | Preset::Int(_)
        | Preset::Float(_)
        | Preset::Bool(_)
        | Preset::Name(_)
        | Preset::Names(_)
        | Preset::Kind(_) => key.fixed_default(),
    }
}

/// Fills in the fields that a table leaves open, and drops those that do not apply and flags that are not set: equal
/// experiments then have equal tables. An empty table says nothing.
fn complete(
    key: &'static Key,
    value: Value,
    values: &Lookup<'_>,
    arrays: &Arrays,
) -> Option<Value> {
    let Value::Table(mut table) = value else {
        return Some(value);
    };
    for leaf in key.leaves() {
        let facts = Pending {
            key,
            table: &table,
            values,
        };
        if !leaf.applies.eval(&facts) {
            table.remove(leaf.field());
            continue;
        }
        let Some(default) = default_of(leaf, values, arrays) else {
            continue;
        };
        if !matches!(leaf.kind, KeyKind::Bool) {
            table.entry(leaf.field().to_owned()).or_insert(default);
        } else if table.get(leaf.field()) == Some(&default) {
            table.remove(leaf.field());
        }
    }
    (!table.is_empty()).then_some(Value::Table(table))
}

/// A table that is being completed, among the values settled before it.
struct Pending<'a> {
    key: &'static Key,
    table: &'a BTreeMap<String, Value>,
    values: &'a Lookup<'a>,
}

impl Pending<'_> {
    fn get(&self, id: Id) -> Option<&Value> {
        let key = &super::keys()[id as usize];
        if key.parent == Some(self.key.id) {
            self.table.get(key.field())
        } else {
            self.values.get(id)
        }
    }
}

impl Facts for Pending<'_> {
    type Truth = bool;

    fn is(&self, id: Id, names: &[&str]) -> bool {
        let name = self.get(id).and_then(Value::as_str);
        name.is_some_and(|name| names.contains(&name))
    }

    fn has_file(&self, id: Id) -> bool {
        if id == self.key.id {
            self.table.contains_key("file")
        } else {
            self.values.has_file(id)
        }
    }

    fn is_set(&self, id: Id) -> bool {
        self.get(id).is_some()
    }

    fn is_at_least(&self, id: Id, number: i64) -> bool {
        let found = self.get(id).and_then(Value::as_int);
        found.is_some_and(|found| found >= number)
    }
}

/// Settles every key, in the order of the registry. Tables that name files stay as written.
pub(crate) fn settle_all(
    written: &dyn Fn(&'static Key) -> Option<Value>,
    arrays: &Arrays,
) -> Vec<Option<Value>> {
    let mut slots: Vec<Option<Value>> = Vec::with_capacity(super::keys().len());
    for key in super::keys() {
        let value = settle(key, written, &Lookup::new(&slots), arrays);
        slots.push(value);
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::key;

    /// Settles every key from the written pairs and returns the values asked for, as column texts.
    fn check(written: &[(&str, Value)], expected: &[(&str, Option<&str>)]) {
        let written = |key: &'static Key| {
            written
                .iter()
                .find(|(name, _)| *name == key.name)
                .map(|(_, value)| value.clone())
        };
        let slots = settle_all(&written, &Arrays::new());
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

    /// An optimizer that is added must say here too whether it has a momentum and what its usual rate is.
    #[test]
    fn keys_of_optimizers_follow_their_declarations() {
        for &kind in dln::OptimizerKind::ALL {
            let momentum = kind.default_momentum().map(|momentum| momentum.to_string());
            check(
                &[("optimizer.kind", Value::text(kind.name()))],
                &[
                    ("optimizer.momentum", momentum.as_deref()),
                    (
                        "optimizer.rate",
                        Some(if kind.is_linear() { "1" } else { "0.001" }),
                    ),
                ],
            );
        }
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
    fn files_and_draws_are_centred_alike() {
        let kind = ("problem.kind", Value::text("classification"));
        let file = table(&[("file", Value::text("x.npy"))]);
        let centred = table(&[
            ("file", Value::text("x.npy")),
            ("center", Value::Bool(true)),
        ]);
        for (written, center) in [(file, Some(true)), (centred, None)] {
            let mut pairs = vec![
                kind.clone(),
                ("problem.inputs", written),
                ("problem.inputs.noise", Value::Float(0.1)),
                ("problem.inputs.standardize", Value::Bool(false)),
            ];
            pairs.extend(center.map(|set| ("problem.inputs.center", Value::Bool(set))));
            check(
                &pairs,
                &[
                    ("problem.inputs", Some(r#"{"center":true,"file":"x.npy"}"#)),
                    ("problem.inputs.center", Some("true")),
                    ("problem.inputs.standardize", Some("false")),
                    ("problem.inputs.noise", None),
                ],
            );
        }
        check(
            &[
                kind.clone(),
                ("problem.inputs.center", Value::Bool(false)),
                ("problem.inputs.standardize", Value::Bool(true)),
            ],
            &[
                (
                    "problem.inputs",
                    Some(r#"{"draw":"orthonormal","noise":0,"standardize":true}"#),
                ),
                ("problem.inputs.center", Some("false")),
            ],
        );
        check(
            &[("problem.inputs.center", Value::Bool(true))],
            &[("problem.inputs", None), ("problem.inputs.center", None)],
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
    fn schedules_have_the_fields_of_their_kind() {
        let steps = ("train.steps", Value::Int(300));
        let kind = |name: &str| ("optimizer.schedule.kind", Value::text(name));
        let check = |written: &[(&str, Value)], text: &str| {
            check(written, &[("optimizer.schedule", Some(text))]);
        };
        let constant = r#"{"kind":"constant"}"#;
        check(&[], constant);
        check(&[kind("constant"), steps.clone()], constant);
        check(&[("optimizer.schedule.alpha", Value::Float(0.1))], constant);
        check(
            &[kind("cosine"), steps.clone()],
            r#"{"alpha":0,"kind":"cosine","steps":300}"#,
        );
        let table_of = |fields: &[(&str, Value)]| ("optimizer.schedule", table(fields));
        check(
            &[
                table_of(&[
                    ("kind", Value::text("warmup_cosine")),
                    ("warmup", Value::Int(20)),
                    ("factor", Value::Float(0.5)),
                ]),
                ("optimizer.schedule.end", Value::Float(0.01)),
                steps.clone(),
            ],
            r#"{"end":0.01,"kind":"warmup_cosine","steps":300,"warmup":20}"#,
        );
        check(
            &[table_of(&[
                ("kind", Value::text("step")),
                ("every", Value::Int(50)),
                ("factor", Value::Float(0.3)),
                ("steps", Value::Int(7)),
            ])],
            r#"{"every":50,"factor":0.3,"kind":"step"}"#,
        );
        check(
            &[kind("linear"), ("optimizer.schedule.steps", Value::Int(7))],
            r#"{"end":0,"kind":"linear","steps":7}"#,
        );
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
    fn activations_bring_their_keys() {
        let names = ["network.negative_slope", "network.nonlinear_layers"];
        let check_of = |activation: &str, expected: [Option<&str>; 2]| {
            check(
                &[
                    ("network.activation", Value::text(activation)),
                    ("network.nonlinear_layers", Value::Int(1)),
                ],
                &[(names[0], expected[0]), (names[1], expected[1])],
            );
        };
        check_of("linear", [None, None]);
        check_of("relu", [None, Some("1")]);
        check_of("leaky_relu", [Some("0.01"), Some("1")]);
        check(
            &[("network.activation", Value::text("gelu"))],
            &[(names[1], None)],
        );
        check(
            &[
                ("network.activation", Value::text("leaky_relu")),
                ("network.depth", Value::Int(1)),
            ],
            &[(names[0], None), (names[1], None)],
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
