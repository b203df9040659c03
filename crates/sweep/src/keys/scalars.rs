//! The checks of single numbers and names, and what a key takes in words.

use dln::SpectrumKind;

use super::kind::{Bounds, Key, KeyKind, Schema};
use crate::error::{Mistake, SweepError, nearest};
use crate::tree::{Node, Tree};
use crate::value::Value;
use crate::values::MAX_LISTED;

/// What `key` takes, in the words of a message.
pub(crate) fn allowed(key: &Key) -> String {
    match key.kind {
        KeyKind::Int { min, max } => int_words(min, max),
        KeyKind::Float(bounds) => format!("a number{}", bounds.words()),
        KeyKind::Bool => "true or false".to_owned(),
        KeyKind::Name(names) => format!("one of {}", names.join(", ")),
        KeyKind::IntOrList { min, max } => format!("{}, or a list of them", int_words(min, max)),
        KeyKind::FloatOrList { one, each } if one == each => {
            format!("a number{}, or a list of them", one.words())
        }
        KeyKind::FloatOrList { one, each } => format!(
            "a number{}, or a list of numbers{}",
            one.words(),
            each.words()
        ),
        KeyKind::NameList(names) => format!("a list of names among {}", names.join(", ")),
        KeyKind::Spectrum => {
            format!(
                "one of {}, {{ geometric = ratio }}, or a list of numbers",
                SpectrumKind::NAMES.join(", ")
            )
        }
        KeyKind::Table(schema) => match schema {
            Schema::Span => "a table { range = [first, end] }".to_owned(),
            Schema::Test => {
                "a table { range = [first, end] } or { share = number, stratify = true }".to_owned()
            }
            Schema::Stop => "a table { train_loss = number, gradient_norm = number }".to_owned(),
            Schema::Schedule => "a table { kind = .., .. }".to_owned(),
            Schema::Inputs => "a table { draw = .. } or { file = .. }".to_owned(),
            Schema::Weights => "a table { file = .., arrays = [..] }".to_owned(),
            Schema::Samples | Schema::Labels | Schema::Matrix => "a table { file = .. }".to_owned(),
        },
    }
}

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
