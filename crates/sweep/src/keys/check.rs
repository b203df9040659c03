//! The check of one written value against its key: type, bounds, allowed names; the result is canonical.
//!
//! Canonical means that values which are one value are equal afterwards: a whole float of an integer key is an
//! integer, a number of a float key a float, a set of metrics is in registry order, fields at their neutral
//! value are left out. Tables are checked in `table`.

use super::kind::Bounds;
use super::{Key, KeyKind, Preset, Schema, table};
use crate::error::{Mistake, SweepError, nearest};
use crate::spec::{Node, Tree};
use crate::value::Value;
use crate::values::MAX_LISTED;

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
        KeyKind::FloatOrList(bounds) => match &tree.node {
            Node::List(items) => list(key, tree, items, |item| float(key.name, item, bounds)),
            Node::Int(_) | Node::Float(_) => float(key.name, tree, bounds),
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
        KeyKind::Float(bounds) | KeyKind::FloatOrList(bounds) => {
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

/// What `key` takes, in the words of a message.
pub(crate) fn allowed(key: &Key) -> String {
    match key.kind {
        KeyKind::Int { min, max } => int_words(min, max),
        KeyKind::Float(bounds) => format!("a number{}", bounds.words()),
        KeyKind::Bool => "true or false".to_owned(),
        KeyKind::Name(names) => format!("one of {}", names.join(", ")),
        KeyKind::IntOrList { min, max } => format!("{}, or a list of them", int_words(min, max)),
        KeyKind::FloatOrList(bounds) => {
            format!("a number{}, or a list of them", bounds.words())
        }
        KeyKind::NameList(names) => format!("a list of names among {}", names.join(", ")),
        KeyKind::Spectrum => {
            format!(
                "one of {}, {{ geometric = ratio }}, or a list of numbers",
                SPECTRA.join(", ")
            )
        }
        KeyKind::Table(schema) => match schema {
            Schema::Span => "a table { range = [first, end] }".to_owned(),
            Schema::Stop => "a table { train_loss = number, gradient_norm = number }".to_owned(),
            Schema::Inputs => "a table { draw = .. } or { file = .. }".to_owned(),
            Schema::Weights => "a table { file = .., arrays = [..] }".to_owned(),
            Schema::Samples | Schema::Labels | Schema::Matrix => "a table { file = .. }".to_owned(),
        },
    }
}

pub(crate) const SPECTRA: &[&str] = &["gaussian", "flat"];

fn int_words(min: i64, max: i64) -> String {
    if max == i64::MAX {
        format!("an integer of at least {min}")
    } else {
        format!("an integer from {min} to {max}")
    }
}

pub(super) fn int(name: &str, tree: &Tree, min: i64, max: i64) -> Result<Value, SweepError> {
    let Some(number) = tree.whole() else {
        return Err(tree.wrong(name, int_words(min, max)));
    };
    if (min..=max).contains(&number) {
        return Ok(Value::Int(number));
    }
    Err(SweepError::new(Mistake::OutOfBounds {
        key: name.to_owned(),
        found: number.to_string(),
        allowed: int_words(min, max),
    })
    .at(Some(tree.place.clone())))
}

pub(super) fn float(name: &str, tree: &Tree, bounds: Bounds) -> Result<Value, SweepError> {
    let words = || format!("a number{}", bounds.words());
    match tree.number() {
        Some(number) if bounds.hold(number) => Ok(Value::Float(number)),
        Some(_) => Err(SweepError::new(Mistake::OutOfBounds {
            key: name.to_owned(),
            found: tree.found(),
            allowed: words(),
        })
        .at(Some(tree.place.clone()))),
        None => Err(tree.wrong(name, words())),
    }
}

pub(super) fn name(key: &str, tree: &Tree, names: &[&'static str]) -> Result<Value, SweepError> {
    let Node::Str(found) = &tree.node else {
        return Err(tree.wrong(key, format!("one of {}", names.join(", "))));
    };
    if names.contains(&found.as_str()) {
        return Ok(Value::text(found.as_str()));
    }
    Err(unknown_name(key, found, names).at(Some(tree.place.clone())))
}

/// `found` is none of the names that `key` takes.
pub(crate) fn unknown_name(key: &str, found: &str, names: &[&'static str]) -> SweepError {
    SweepError::new(Mistake::UnknownName {
        key: key.to_owned(),
        found: found.to_owned(),
    })
    .help(name_help(found, names))
}

/// The nearest name, and all of them.
pub(crate) fn name_help(found: &str, names: &[&'static str]) -> String {
    let all = format!("allowed are {}", names.join(", "));
    match nearest(found, names.iter().copied()) {
        Some(name) => format!("did you mean '{name}'? {all}"),
        None => all,
    }
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

pub(super) fn bounded(name: &str, tree: &Tree, items: &[Tree]) -> Result<(), SweepError> {
    if items.len() <= MAX_LISTED {
        return Ok(());
    }
    Err(SweepError::new(Mistake::OutOfBounds {
        key: name.to_owned(),
        found: format!("a list of {}", items.len()),
        allowed: format!("no longer than {MAX_LISTED}"),
    })
    .at(Some(tree.place.clone())))
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
        Node::Str(_) => name(key.name, tree, SPECTRA),
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
        Preset::Derived(words) => Some(words.to_owned()),
        _ => key.fixed_default().map(|value| value.to_toml()),
    }
}
