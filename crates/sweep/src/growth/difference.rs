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
    match (missing, filter) {
        (Some(key), _) => of_key(before, after, key),
        (None, Some(error)) => error,
        (None, None) => match changed() {
            Some(key) => of_key(before, after, key),
            None => not_contained("axes", "another product".to_owned(), "this one".to_owned()),
        },
    }
    .help("give the new sweep a name or a folder of its own, or keep every value of the old one and add to them")
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
    not_contained(key.name, words(old, key), words(new, key)).at(new.spec.source.place(key.name))
}

/// The values of a key as a file writes them, long lists cut.
fn words(layout: &Layout, key: &'static Key) -> String {
    const LONGEST: usize = 120;
    let words = match layout.written(key.id) {
        Written::Nothing => match key.fixed_default() {
            Some(default) => format!("{default} (its default)"),
            None => "not set".to_owned(),
        },
        Written::Fixed(value) => layout.shown(value.clone()).to_string(),
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
            Some(condition) => format!("\"{}\"", condition.text()),
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
