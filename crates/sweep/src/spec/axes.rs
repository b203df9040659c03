//! Axes as written: a list of values, or a rule (`range`, `lin`, `log`) for numbers.

use std::collections::BTreeSet;

use super::collect::Setting;
use crate::axis::Axis;
use crate::error::{Mistake, Place, SweepError, did_you_mean};
use crate::keys::{Key, KeyKind, check};
use crate::tree::{Entry, Node, Tree};
use crate::value::{Value, float_text, round_15};
use crate::values::{MAX_LISTED, Rule, Values};

/// An axis with the places of its listed values.
pub(super) struct Swept {
    pub(super) axis: Axis,
    /// One list of places a key; empty for a rule.
    pub(super) places: Vec<Vec<Place>>,
}

/// Reads an axis of `[axes]` (one setting) or a `[[zip]]` (several). Repeated values are left out, with a
/// warning.
pub(super) fn axis(settings: &[Setting], warnings: &mut Vec<String>) -> Result<Swept, SweepError> {
    let mut columns = Vec::with_capacity(settings.len());
    for setting in settings {
        columns.push(column(setting)?);
    }
    if let Some(unequal) = columns
        .iter()
        .position(|(values, _)| values.len() != columns[0].0.len())
    {
        return Err(SweepError::new(Mistake::UnequalZip {
            key: settings[unequal].key.name.to_owned(),
            found: columns[unequal].0.len(),
            first: settings[0].key.name.to_owned(),
            expected: columns[0].0.len(),
        })
        .at(Some(settings[unequal].value.place.clone()))
        .help("axes of one [[zip]] move together and need one length"));
    }
    let names: Vec<&str> = settings.iter().map(|setting| setting.key.name).collect();
    drop_repeats(&names.join(" + "), &mut columns, warnings);
    let (values, places) = columns.into_iter().unzip();
    Ok(Swept {
        axis: Axis::new(settings.iter().map(|setting| setting.key).collect(), values),
        places,
    })
}

type Column = (Values, Vec<Place>);

/// Leaves out positions whose values all stood before. A rule never repeats a value.
fn drop_repeats(name: &str, columns: &mut [Column], warnings: &mut Vec<String>) {
    let mut lists = Vec::with_capacity(columns.len());
    for (values, _) in columns.iter() {
        match values.listed() {
            Some(list) => lists.push(list.to_vec()),
            None => return,
        }
    }
    let Some(count) = lists.first().map(Vec::len) else {
        return;
    };
    let mut seen = BTreeSet::new();
    let mut repeated = None;
    let kept: Vec<usize> = (0..count)
        .filter(|i| {
            let tuple: Vec<&Value> = lists.iter().map(|list| &list[*i]).collect();
            if seen.insert(tuple) {
                return true;
            }
            repeated = repeated.or(Some(*i));
            false
        })
        .collect();
    if let Some(i) = repeated {
        let words: Vec<String> = lists.iter().map(|list| list[i].to_string()).collect();
        let more = match count - kept.len() {
            1 => String::new(),
            several => format!(" ({several} repetitions in all)"),
        };
        warnings.push(format!(
            "axis `{name}` lists {} more than once{more}; it counts once",
            words.join(" + ")
        ));
    }
    if kept.len() == count {
        return;
    }
    for ((values, places), list) in columns.iter_mut().zip(&lists) {
        *values = Values::list(kept.iter().map(|i| list[*i].clone()).collect());
        *places = kept.iter().map(|i| places[*i].clone()).collect();
    }
}

fn column(setting: &Setting) -> Result<Column, SweepError> {
    let key = setting.key;
    let label = || format!("in axis `{}`", key.name);
    match &setting.value.node {
        Node::List(items) => list(setting, items).map_err(|error| error.label(label())),
        Node::Table { entries, .. } if takes_numbers(key) => rule(key, entries, &setting.value)
            .map(|values| (values, Vec::new()))
            .map_err(|error| error.label(label())),
        _ => {
            let allowed = if takes_numbers(key) {
                "a list, { range = [a, b], step = s }, { lin = [a, b], points = n } or { log = [a, b], points = n }"
            } else {
                "a list of values"
            };
            let error = setting.value.wrong(key.name, allowed).label(label());
            let section = key.section();
            Err(match &setting.value.node {
                Node::Table { .. } => error,
                _ if section.is_empty() => error.help("a single value is fixed outside of [axes]"),
                _ => error.help(format!("a single value is fixed in [{section}]")),
            })
        }
    }
}

fn takes_numbers(key: &Key) -> bool {
    is_whole(key) || matches!(key.kind, KeyKind::Float(_) | KeyKind::FloatOrList { .. })
}

fn is_whole(key: &Key) -> bool {
    matches!(key.kind, KeyKind::Int { .. } | KeyKind::IntOrList { .. })
}

fn list(setting: &Setting, items: &[Tree]) -> Result<Column, SweepError> {
    let key = setting.key;
    let place = || Some(setting.value.place.clone());
    if items.is_empty() {
        return Err(SweepError::new(Mistake::EmptyAxis {
            axis: key.name.to_owned(),
        })
        .at(place())
        .help("an axis has at least one value"));
    }
    if items.len() > MAX_LISTED {
        return Err(SweepError::new(Mistake::TooManyValues {
            axis: key.name.to_owned(),
            count: items.len(),
            limit: MAX_LISTED,
        })
        .at(place())
        .help("rules (range, lin, log) are not bounded so"));
    }
    let mut values = Vec::with_capacity(items.len());
    for item in items {
        values.push(check::value(key, item)?);
    }
    let places = items.iter().map(|item| item.place.clone()).collect();
    Ok((Values::list(values), places))
}

fn rule(key: &Key, entries: &[Entry], tree: &Tree) -> Result<Values, SweepError> {
    let here = |error: SweepError| {
        if error.place().is_some() {
            error
        } else {
            error.at(Some(tree.place.clone()))
        }
    };
    for entry in entries {
        let names = || {
            Rule::ALL
                .map(Rule::name)
                .into_iter()
                .chain(["step", "points"])
        };
        if !names().any(|name| name == entry.name) {
            let hint = did_you_mean(&entry.name, names());
            return Err(SweepError::new(Mistake::UnknownKey {
                key: format!("{}.{}", key.name, entry.name),
            })
            .at(Some(entry.place.clone()))
            .help(hint.unwrap_or_else(|| {
                "an axis is { range = .., step = .. }, { lin = .., points = .. } or { log = .., points = .. }"
                    .to_owned()
            })));
        }
    }
    let field = |name: &str| entries.iter().find(|entry| entry.name == name);
    let mut rules = Rule::ALL
        .into_iter()
        .filter_map(|rule| Some((rule, field(rule.name())?)));
    let Some((kind, rule)) = rules.next() else {
        return Err(
            here(missing(key, "range")).help("one of range, lin, log says what the values are")
        );
    };
    let second = rules.next().map(|(_, entry)| entry);
    let excluded = ["step", "points"]
        .into_iter()
        .filter(|&name| name != kind.counted_by());
    if let Some(second) = second.or_else(|| excluded.into_iter().find_map(field)) {
        return Err(SweepError::new(Mistake::FieldsExclude {
            key: key.name.to_owned(),
            first: rule.name.clone(),
            second: second.name.clone(),
        })
        .at(Some(second.place.clone()))
        .help("range goes with step; lin and log go with points"));
    }
    let points = || {
        let missing = || here(missing(key, "points")).help("how many values, both ends included");
        field("points").ok_or_else(missing)
    };
    let values = match kind {
        Rule::Range => range(key, rule, field("step")),
        Rule::Lin => spaced(key, rule, points()?, Values::lin, whole_range),
        Rule::Log => spaced(key, rule, points()?, Values::log, whole_list),
    }
    .map_err(here)?;
    for end in values.ends() {
        check::number_within(key, &end).map_err(here)?;
    }
    Ok(values)
}

fn missing(key: &Key, field: &'static str) -> SweepError {
    SweepError::new(Mistake::FieldMissing {
        key: key.name.to_owned(),
        field,
    })
}

fn full_name(key: &Key, entry: &Entry) -> String {
    format!("{}.{}", key.name, entry.name)
}

/// The two elements of a list.
fn ends<T>(tree: &Tree, read: impl Fn(&Tree) -> Option<T>) -> Option<(T, T)> {
    match &tree.node {
        Node::List(ends) => match ends.as_slice() {
            [first, last] => read(first).zip(read(last)),
            _ => None,
        },
        _ => None,
    }
}

fn range(key: &Key, rule: &Entry, step: Option<&Entry>) -> Result<Values, SweepError> {
    let Some((start, end)) = ends(&rule.value, Tree::whole) else {
        return Err(rule
            .value
            .wrong(
                &full_name(key, rule),
                "two integers [first, end], half open",
            )
            .help(as_lin(key, rule, step)));
    };
    let step = match step {
        None => 1,
        Some(step) => step.value.whole().ok_or_else(|| {
            step.value
                .wrong(&full_name(key, step), "an integer")
                .help(as_lin(key, rule, Some(step)))
        })?,
    };
    let values = Values::range(key.name, start, end, step)?;
    if is_whole(key) {
        return Ok(values);
    }
    // The same numbers as floats.
    let points = values.len();
    let number = |j| values.get(j).as_float().unwrap_or(f64::NAN);
    Values::lin(key.name, number(0), number(points - 1), points)
}

/// The `lin` that a range of fractions means: half open, as ranges are.
fn as_lin(key: &Key, rule: &Entry, step: Option<&Entry>) -> String {
    let numbers = ends(&rule.value, Tree::number);
    let step = step.map_or(Some(1.0), |step| step.value.number());
    let (Some((start, end)), Some(step), false) = (numbers, step, is_whole(key)) else {
        return "`lin` takes any numbers, { lin = [first, last], points = n }".to_owned();
    };
    // A last point that rounding alone puts before the end is not meant.
    let steps = (round_15((end - start) / step)).ceil();
    if !(1.0..=1e6).contains(&steps) {
        return "`lin` takes any numbers, { lin = [first, last], points = n }".to_owned();
    }
    let last = round_15(start + (steps - 1.0) * step);
    format!(
        "`lin` takes any numbers, both ends included: {{ lin = [{}, {}], points = {steps} }}",
        float_text(start),
        float_text(last)
    )
}

/// Makes the values of a rule between two ends.
type Make = fn(&str, f64, f64, u64) -> Result<Values, SweepError>;

/// Makes integers of them; `None` if a point is none.
type WholeList = fn(&Key, &Values) -> Result<Option<Values>, SweepError>;

/// A rule of a number of points between two ends.
fn spaced(
    key: &Key,
    rule: &Entry,
    points: &Entry,
    make: Make,
    whole: WholeList,
) -> Result<Values, SweepError> {
    let Some((first, last)) = ends(&rule.value, Tree::number) else {
        return Err(rule.value.wrong(
            &full_name(key, rule),
            "two numbers [first, last], both included",
        ));
    };
    let count = points
        .value
        .whole()
        .and_then(|count| u64::try_from(count).ok())
        .ok_or_else(|| {
            points
                .value
                .wrong(&full_name(key, points), "an integer of at least 1")
        })?;
    let values = make(key.name, first, last, count)?;
    if !is_whole(key) {
        return Ok(values);
    }
    whole(key, &values)?.ok_or_else(|| {
        SweepError::new(Mistake::BadEnds {
            axis: key.name.to_owned(),
            found: format!(
                "[{}, {}] with {count} points",
                float_text(first),
                float_text(last)
            ),
            needs: "an integer at every point",
        })
        .help(format!("`{}` takes integers; write the list", key.name))
    })
}

/// Evenly spaced integers, as the range that they are.
fn whole_range(key: &Key, values: &Values) -> Result<Option<Values>, SweepError> {
    let integer = |value: &Value| {
        let x = value.as_float()?;
        (x.fract() == 0.0 && x.abs() <= 9.0e15).then_some(x as i64)
    };
    let range = || {
        let [first, last] = values.ends();
        let (first, last) = (integer(&first)?, integer(&last)?);
        if values.len() == 1 {
            return Values::range(key.name, first, first + 1, 1).ok();
        }
        let steps = i64::try_from(values.len() - 1).ok()?;
        let step = (last - first) / steps;
        if step * steps != last - first {
            return None;
        }
        Values::range(key.name, first, last + step.signum(), step).ok()
    };
    Ok(range())
}

/// Integers with one ratio, as a list; `None` if a point is no integer.
fn whole_list(key: &Key, values: &Values) -> Result<Option<Values>, SweepError> {
    let count = usize::try_from(values.len()).unwrap_or(usize::MAX);
    if count > MAX_LISTED {
        return Err(Mistake::TooManyValues {
            axis: key.name.to_owned(),
            count,
            limit: MAX_LISTED,
        }
        .into());
    }
    let integers = (0..values.len())
        .map(|j| {
            let x = values.get(j).as_float()?;
            (x.fract() == 0.0 && x.abs() <= 9.0e15).then_some(Value::Int(x as i64))
        })
        .collect::<Option<Vec<Value>>>();
    Ok(integers.map(Values::list))
}
