//! Why a grid does not contain an older one: the first key that differs.

use super::digits::shared_column;
use crate::error::{Mistake, SweepError};
use crate::grid::{Grid, Layout, Region, Verdict, Written, is_plain};
use crate::keys::{Id, Key, keys};
use crate::value::Value;
use crate::values::Values;

/// The error that names the first key, in the order of the table's columns, that has other values in `new`
/// than in `old`; else the filter.
pub(super) fn error(old: &Grid, new: &Grid) -> SweepError {
    let (before, after) = (old.layout(), new.layout());
    let missing = keys().iter().find(|&key| lacks(before, after, key));
    let changed = || {
        keys()
            .iter()
            .find(|key| before.written(key.id) != after.written(key.id))
    };
    let filter = filter_difference(before, after);
    let error = match (missing, filter) {
        (Some(key), _) => of_key(before, after, key),
        (None, Some(error)) => error,
        (None, None) => match changed() {
            Some(key) => of_key(before, after, key),
            None => not_contained("axes", "another product".to_owned(), "this one".to_owned()),
        },
    };
    if missing.is_none() && is_of_other_rules(before, after) {
        return error.help(
            "`where` means more since this folder was made: write rules = 1 below it to keep its old meaning, or run \
             into another folder (--out DIR, or another `name`)",
        );
    }
    error.help(
        "a folder grows when values are added to all of its old ones: put the old values back, or run into another folder \
         (--out DIR, or another `name`)",
    )
}

/// The same condition, read under other rules.
fn is_of_other_rules(old: &Layout, new: &Layout) -> bool {
    let (before, after) = (&old.spec.filter.condition, &new.spec.filter.condition);
    match (before, after) {
        (Some(before), Some(after)) => {
            before.text() == after.text() && before.rules() != after.rules()
        }
        _ => false,
    }
}

/// Whether `new` certainly lacks a value that `old` has for a key.
fn lacks(old: &Layout, new: &Layout, key: &'static Key) -> bool {
    let everywhere = Region::full((0..old.radix.axes()).map(|axis| old.radix.len(axis)));
    if old.applies(&everywhere, key.id) == Verdict::Fails {
        return false;
    }
    if !is_plain(key) {
        return match (old.written(key.id), new.written(key.id)) {
            (Written::Fixed(before), Written::Fixed(after)) => {
                old.shown(before.clone()) != new.shown(after.clone())
            }
            (Written::Axis { .. } | Written::Fixed(_), Written::Nothing) => key.leaves().is_empty(),
            (Written::Axis { axis, position }, _) => {
                let column = &old.spec.axes[*axis].values[*position];
                (0..column.len()).any(|j| !has(old, new, key.id, column.get(j)))
            }
            (Written::Fixed(before), Written::Axis { .. }) => {
                !has(old, new, key.id, before.clone())
            }
            (Written::Nothing, _) => false,
        };
    }
    let (Some(before), Some(after)) = (column(old, key), column(new, key)) else {
        return false;
    };
    match shared_column(&before, &after) {
        Some(shared) => shared.count_within(&(0..before.len())) < before.len(),
        None => before != after,
    }
}

/// Whether `new` has the value of a key that holds a table.
fn has(old: &Layout, new: &Layout, id: Id, value: Value) -> bool {
    let wanted = old.shown(value);
    match new.written(id) {
        Written::Nothing => false,
        Written::Fixed(value) => new.shown(value.clone()) == wanted,
        Written::Axis { axis, position } => {
            let column = &new.spec.axes[*axis].values[*position];
            (0..column.len()).any(|j| new.shown(column.get(j)) == wanted)
        }
    }
}

/// The values that a plain key has, if they do not depend on other keys.
fn column(layout: &Layout, key: &'static Key) -> Option<Values> {
    match layout.written(key.id) {
        Written::Axis { axis, position } => Some(layout.spec.axes[*axis].values[*position].clone()),
        Written::Fixed(value) => Some(Values::list(vec![value.clone()])),
        Written::Nothing => Some(Values::list(vec![key.fixed_default()?])),
    }
}

fn of_key(old: &Layout, new: &Layout, key: &'static Key) -> SweepError {
    let (mut before, mut after) = (words(old, key), words(new, key));
    if before == after {
        // A file of the same name with another content.
        before.push_str(&content(old, key));
        after.push_str(&content(new, key));
    }
    not_contained(key.name, before, after).at(new.spec.source.place(key.name))
}

/// The hash of a fixed file's content, in brackets.
fn content(layout: &Layout, key: &'static Key) -> String {
    const DIGITS: usize = 15;
    let Written::Fixed(value) = layout.written(key.id) else {
        return String::new();
    };
    let shown = layout.shown(value.clone());
    let hash = shown.field("file").and_then(Value::as_str);
    hash.and_then(|hash| hash.get(..DIGITS))
        .map_or_else(String::new, |hash| format!(" (content {hash}...)"))
}

/// The values of a key as a file writes them, long lists cut.
fn words(layout: &Layout, key: &'static Key) -> String {
    const LONGEST: usize = 120;
    let words = match layout.written(key.id) {
        Written::Nothing => match key.fixed_default() {
            Some(default) => format!("{default} (its default)"),
            None => "not set".to_owned(),
        },
        Written::Fixed(value) => value.to_string(),
        Written::Axis { axis, position } => layout.spec.axes[*axis].values[*position].to_string(),
    };
    match words.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &words[..end]),
        None => words,
    }
}

fn filter_difference(old: &Layout, new: &Layout) -> Option<SweepError> {
    let (before, after) = (&old.spec.filter, &new.spec.filter);
    let source = &new.spec.source;
    if before.condition != after.condition {
        let text = |layout: &Layout| match &layout.spec.filter.condition {
            Some(condition) => match condition.rules().filter(|_| is_of_other_rules(old, new)) {
                Some(rules) => format!("\"{}\" under rules {}", condition.text(), rules.number()),
                None => format!("\"{}\"", condition.text()),
            },
            None => "not set".to_owned(),
        };
        let error = not_contained("filter.where", text(old), text(new));
        return Some(error.at(source.condition_place()));
    }
    if let Some(i) = after
        .exclude
        .iter()
        .position(|point| !before.exclude.contains(point))
    {
        let error = not_contained(
            "filter.exclude",
            "without that point".to_owned(),
            "with it".to_owned(),
        );
        return Some(error.at(source.exclude_place(i)));
    }
    let lost = before
        .include
        .iter()
        .find(|point| !after.include.contains(point))?;
    let point: Vec<String> = lost
        .iter()
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    Some(not_contained(
        "filter.include",
        format!("with {}", point.join(", ")),
        "without".to_owned(),
    ))
}

fn not_contained(key: &str, old: String, new: String) -> SweepError {
    SweepError::new(Mistake::NotContained {
        key: key.to_owned(),
        old,
        new,
    })
}
