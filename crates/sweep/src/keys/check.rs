//! The check of one written value against its key: type, bounds, allowed names; the result is canonical.
//!
//! Canonical means that values which are one value are equal afterwards: a whole float of an integer key is an
//! integer, a number of a float key a float, a set of metrics is in registry order, fields at their neutral
//! value are left out. Tables are checked in `table`.

use dln::SpectrumKind;

use super::kind::{Bounds, Key, KeyKind, Preset};
use super::scalars::{allowed, bounded, float, int, name};
use super::table;
use crate::error::{Mistake, SweepError};
use crate::tree::{Node, Tree};
use crate::value::Value;

/// Checks `tree` as one value of `key`.
///
/// # Errors
/// [`Mistake::WrongType`], [`Mistake::OutOfBounds`], [`Mistake::UnknownName`] and what tables add, each at its
/// place in the text.
pub(crate) fn value(key: &Key, tree: &Tree) -> Result<Value, SweepError> {
    match key.kind {
        KeyKind::Int { min, max } => int(key.name, tree, min, max),
        KeyKind::Float(bounds) => float(key.name, tree, bounds),
        KeyKind::Bool => match tree.node {
            Node::Bool(b) => Ok(Value::Bool(b)),
            _ => Err(tree.wrong(key.name, "true or false")),
        },
        KeyKind::Name(names) => name(key.name, tree, names),
        KeyKind::IntOrList { min, max } => match &tree.node {
            Node::List(items) => list(key, tree, items, |item| int(key.name, item, min, max)),
            Node::Int(_) | Node::Float(_) => int(key.name, tree, min, max),
            _ => Err(tree.wrong(key.name, allowed(key))),
        },
        KeyKind::FloatOrList { one, each } => match &tree.node {
            Node::List(items) => list(key, tree, items, |item| float(key.name, item, each)),
            Node::Int(_) | Node::Float(_) => float(key.name, tree, one),
            _ => Err(tree.wrong(key.name, allowed(key))),
        },
        KeyKind::NameList(names) => name_list(key, tree, names),
        KeyKind::Spectrum => spectrum(key, tree),
        KeyKind::Table(schema) => table::value(key, schema, tree),
    }
}

/// Checks a number that a rule (`range`, `lin`, `log`) gives to `key`, which takes numbers.
///
/// # Errors
/// [`Mistake::OutOfBounds`] without a place.
pub(crate) fn number_within(key: &Key, number: &Value) -> Result<(), SweepError> {
    let within = match key.kind {
        KeyKind::Int { min, max } | KeyKind::IntOrList { min, max } => number
            .as_int()
            .is_some_and(|number| (min..=max).contains(&number)),
        KeyKind::Float(bounds) | KeyKind::FloatOrList { one: bounds, .. } => {
            number.as_float().is_some_and(|number| bounds.hold(number))
        }
        _ => false,
    };
    if within {
        return Ok(());
    }
    Err(Mistake::OutOfBounds {
        key: key.name.to_owned(),
        found: number.to_string(),
        allowed: allowed(key),
    }
    .into())
}

fn list(
    key: &Key,
    tree: &Tree,
    items: &[Tree],
    item: impl Fn(&Tree) -> Result<Value, SweepError>,
) -> Result<Value, SweepError> {
    if items.is_empty() {
        return Err(tree.wrong(key.name, allowed(key)));
    }
    bounded(key.name, tree, items)?;
    Ok(Value::List(
        items.iter().map(item).collect::<Result<_, _>>()?,
    ))
}

fn name_list(key: &Key, tree: &Tree, names: &[&'static str]) -> Result<Value, SweepError> {
    let Node::List(items) = &tree.node else {
        return Err(tree.wrong(key.name, allowed(key)));
    };
    bounded(key.name, tree, items)?;
    let found = items
        .iter()
        .map(|item| name(key.name, item, names).map_err(|error| always_there(item, names, error)))
        .collect::<Result<Vec<Value>, SweepError>>()?;
    // A set: order and repetition mean nothing.
    let canonical = names
        .iter()
        .map(|name| Value::text(*name))
        .filter(|name| found.contains(name))
        .collect();
    Ok(Value::List(canonical))
}

/// Columns of the tables that nobody has to ask for.
const ALWAYS_THERE: &[&str] = &[
    "accuracy",
    "test_accuracy",
    "steps",
    "flops",
    "engine",
    "core_width",
    "status",
    "train_seconds",
];

/// The error with its cure where the name is of a column that is there anyway.
fn always_there(item: &Tree, names: &[&'static str], error: SweepError) -> SweepError {
    match &item.node {
        Node::Str(found) if ALWAYS_THERE.contains(&found.as_str()) => error.help(format!(
            "`{found}` is always there (accuracies in classification), leave it out; to choose from are {}",
            names.join(", ")
        )),
        _ => error,
    }
}

fn spectrum(key: &Key, tree: &Tree) -> Result<Value, SweepError> {
    match &tree.node {
        Node::Str(_) => name(key.name, tree, SpectrumKind::NAMES),
        Node::List(items) => {
            let Value::List(mut values) = list(key, tree, items, |item| {
                float(key.name, item, Bounds::NOT_NEGATIVE)
            })?
            else {
                return Err(tree.wrong(key.name, allowed(key)));
            };
            // They are used in descending order, whatever the order in the file.
            values.sort_by(|a, b| b.cmp(a));
            Ok(Value::List(values))
        }
        Node::Table { .. } => table::geometric(key, tree),
        _ => Err(tree.wrong(key.name, allowed(key))),
    }
}

/// The default of `key` as the file would write it, or words where it depends on others.
pub(crate) fn default_words(key: &Key) -> Option<String> {
    match key.default {
        Preset::None => None,
        Preset::Derived(derived) => Some(derived.words.to_owned()),
        _ => key.fixed_default().map(|value| value.to_toml()),
    }
}
