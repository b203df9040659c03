//! What a file says to no effect: keys that apply to no trial, excluded values that no axis has.

use super::model::Spec;
use crate::keys::{Id, Key, Lookup, keys, settle};
use crate::refs::Arrays;
use crate::value::Value;

/// Combinations of deciding keys looked at; with more, a key counts as used. A warning must be quick and may be
/// missing, but never wrong.
const MAX_COMBINATIONS: usize = 512;

/// Values of a long axis that are looked at: its first ones and its last.
const MAX_SAMPLED: u64 = 16;

pub(super) fn of(spec: &Spec) -> Vec<String> {
    let mut warnings = Vec::new();
    for key in keys() {
        if is_set(spec, key) && !applies_somewhere(spec, key) {
            warnings.push(format!("`{}` is set, but applies to no trial", key.name));
        }
    }
    warnings.extend(unchecked_stop(spec));
    for point in &spec.filter.exclude {
        for (name, value) in point {
            let absent = spec
                .axes
                .iter()
                .flat_map(|axis| axis.keys.iter().zip(&axis.values))
                .any(|(key, values)| key.name == *name && values.find(value).is_none());
            if absent {
                warnings.push(format!(
                    "`exclude` names {value} for `{name}`, which the axis does not have"
                ));
            }
        }
    }
    warnings
}

/// Stop rules of trials on batches that are measured at the start and the end alone.
fn unchecked_stop(spec: &Spec) -> Option<String> {
    let key = |id: Id| &keys()[id as usize];
    let stop = key(Id::TrainStop);
    let mut stops = std::iter::once(stop).chain(stop.leaves());
    let number = |value: &Option<Value>| value.as_ref().and_then(Value::as_int).unwrap_or(0);
    let some = |id: Id, test: fn(i64) -> bool| {
        choices(spec, key(id))
            .iter()
            .any(|value| test(number(value)))
    };
    let unchecked = stops.any(|stop| is_set(spec, stop))
        && some(Id::TrainBatch, |batch| batch > 0)
        && some(Id::MeasureEvery, |every| every == 0);
    unchecked.then(|| {
        "with `train.batch`, `train.stop` is checked at measured steps alone: set `measure.every` for trials to end early"
            .to_owned()
    })
}

fn is_set(spec: &Spec, key: &Key) -> bool {
    spec.fixed.contains_key(key.name)
        || spec
            .axes
            .iter()
            .any(|axis| axis.keys.iter().any(|swept| swept.id == key.id))
}

/// Whether some combination of the keys that decide about `key` makes it apply.
fn applies_somewhere(spec: &Spec, key: &'static Key) -> bool {
    let choices: Vec<(Id, Vec<Option<Value>>)> = key
        .controls()
        .iter()
        .map(|id| (*id, choices(spec, &keys()[*id as usize])))
        .collect();
    let combinations = choices
        .iter()
        .try_fold(1usize, |count, (_, values)| count.checked_mul(values.len()))
        .unwrap_or(usize::MAX);
    combinations > MAX_COMBINATIONS
        || (0..combinations).any(|combination| applies(key, &choices, combination))
}

/// Whether `key` applies under one combination, counted in mixed radix.
fn applies(key: &'static Key, choices: &[(Id, Vec<Option<Value>>)], combination: usize) -> bool {
    let mut rest = combination;
    let mut chosen = Vec::with_capacity(choices.len());
    for (id, values) in choices {
        chosen.push((*id, &values[rest % values.len()]));
        rest /= values.len();
    }
    let written = |key: &'static Key| {
        let (_, value) = chosen.iter().find(|(id, _)| *id == key.id)?;
        (*value).clone()
    };
    let before = &keys()[..key.id as usize];
    let mut slots: Vec<Option<Value>> = Vec::with_capacity(before.len());
    for key in before {
        let value = settle(key, &written, &Lookup::new(&slots), &Arrays::new());
        slots.push(value);
    }
    key.applies.eval(&Lookup::new(&slots))
}

/// The values that a deciding key has in some trial; `None` stands for its default.
fn choices(spec: &Spec, key: &Key) -> Vec<Option<Value>> {
    let mut choices: Vec<Option<Value>> = Vec::new();
    let columns = spec
        .axes
        .iter()
        .flat_map(|axis| axis.keys.iter().zip(&axis.values))
        .filter(|(swept, _)| swept.id == key.id);
    for (_, values) in columns {
        let sampled = match values.listed() {
            Some(_) => values.len(),
            None => values.len().min(MAX_SAMPLED),
        };
        choices.extend((0..sampled).map(|j| Some(values.get(j))));
        choices.push(Some(values.get(values.len() - 1)));
    }
    choices.extend(spec.fixed.get(key.name).cloned().map(Some));
    if choices.is_empty() {
        choices.push(None);
    }
    let included = spec.filter.include.iter();
    choices.extend(included.filter_map(|point| point.get(key.name).cloned().map(Some)));
    choices.sort();
    choices.dedup();
    choices
}
