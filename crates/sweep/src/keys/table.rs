//! Keys that hold a table: which fields each has, and the check of a written one.
//!
//! The result is canonical: fields at their neutral value (`scale = 1`, `transpose = false`) are left out.
//! Fields that depend on other keys are filled in by `settle`.

use std::collections::BTreeMap;

use dln::InputsDraw;

use super::apply::INPUTS;
use super::kind::{Bounds, Field, FieldKind, Key, KeyKind, Schema, Side};
use super::scalars::{allowed, bounded, float, int, name};
use super::{Id, keys};
use crate::error::{Mistake, SweepError, did_you_mean};
use crate::refs::Columns;
use crate::tree::{Entry, Node, Tree};
use crate::value::Value;

/// Longest name of a file or an array; the file systems in use allow no longer path.
const MAX_TEXT_BYTES: usize = 4096;

const fn of_file(name: &'static str, kind: FieldKind) -> Field {
    Field {
        name,
        kind,
        side: Side::Given,
        required: false,
    }
}

const FILE: Field = Field {
    name: "file",
    kind: FieldKind::Text,
    side: Side::Given,
    required: true,
};
const ARRAY: Field = of_file("array", FieldKind::Text);
const COLUMNS: Field = of_file("columns", FieldKind::Columns);
const SCALE: Field = of_file("scale", FieldKind::Scale);
const TRANSPOSE: Field = of_file("transpose", FieldKind::Flag);
const HEADER: Field = of_file("header", FieldKind::Flag);

const SAMPLES: &[Field] = &[FILE, ARRAY, COLUMNS, SCALE, TRANSPOSE, HEADER];
const LABELS: &[Field] = &[FILE, ARRAY, COLUMNS, TRANSPOSE, HEADER];
const MATRIX: &[Field] = &[FILE, ARRAY, COLUMNS, SCALE, HEADER];
const WEIGHTS: &[Field] = &[FILE, of_file("arrays", FieldKind::TextList)];
const SPAN: &[Field] = &[Field {
    name: "range",
    kind: FieldKind::Range,
    side: Side::Drawn,
    required: true,
}];

const TEST: &[Field] = &[
    Field {
        name: "range",
        kind: FieldKind::Range,
        side: Side::Given,
        required: true,
    },
    Field {
        name: "share",
        kind: FieldKind::Float(Bounds::PART),
        side: Side::Drawn,
        required: true,
    },
    Field {
        name: "stratify",
        kind: FieldKind::Flag,
        side: Side::Drawn,
        required: false,
    },
];

/// The fields of a table. Those that are keys of their own have the bounds of that key.
pub(crate) fn fields(key: &Key, schema: Schema) -> Vec<Field> {
    let shared: &[Field] = match schema {
        Schema::Inputs | Schema::Samples => SAMPLES,
        Schema::Labels => LABELS,
        Schema::Matrix => MATRIX,
        Schema::Weights => WEIGHTS,
        Schema::Span => SPAN,
        Schema::Test => TEST,
        Schema::Stop | Schema::Schedule => &[],
    };
    let leaves = key.leaves().iter().map(|leaf| Field {
        name: leaf.field(),
        kind: match leaf.kind {
            KeyKind::Int { min, max } => FieldKind::Int { min, max },
            KeyKind::Float(bounds) => FieldKind::Float(bounds),
            KeyKind::FloatOrList { each, .. } => FieldKind::FloatOrList(each),
            KeyKind::Name(names) => FieldKind::Name(names),
            KeyKind::Bool => FieldKind::Flag,
            // No leaf of a table has another kind; a test of this module says so.
            _ => FieldKind::Name(InputsDraw::NAMES),
        },
        side: if *leaf.applies == INPUTS {
            Side::Both
        } else {
            Side::Drawn
        },
        required: is_required(schema, leaf.field()),
    });
    leaves.chain(shared.iter().copied()).collect()
}

/// Whether a table with any field must have this one, which has a key of its own.
fn is_required(schema: Schema, field: &str) -> bool {
    match schema {
        // Without a kind the other fields would mean nothing.
        Schema::Schedule => field == "kind",
        Schema::Inputs
        | Schema::Samples
        | Schema::Labels
        | Schema::Matrix
        | Schema::Span
        | Schema::Test
        | Schema::Weights
        | Schema::Stop => false,
    }
}

/// Checks `tree` as a table of `schema`.
pub(super) fn value(key: &Key, schema: Schema, tree: &Tree) -> Result<Value, SweepError> {
    let Some(entries) = tree.entries() else {
        return Err(tree.wrong(key.name, allowed(key)));
    };
    let fields = fields(key, schema);
    let mut table = BTreeMap::new();
    let mut sides: [Option<&Entry>; 2] = [None, None];
    for entry in entries {
        let full = format!("{}.{}", key.name, entry.name);
        let Some(field) = fields.iter().find(|field| field.name == entry.name) else {
            return Err(unknown_field(key, &fields, entry));
        };
        match field.side {
            Side::Drawn => sides[0] = sides[0].or(Some(entry)),
            Side::Given => sides[1] = sides[1].or(Some(entry)),
            Side::Both => {}
        }
        if let [Some(draw), Some(file)] = sides {
            return Err(SweepError::new(Mistake::FieldsExclude {
                key: key.name.to_owned(),
                first: draw.name.clone(),
                second: file.name.clone(),
            })
            .at(Some(entry.place.clone()))
            .help(match schema {
                Schema::Test => "either a range of samples or a drawn share of them",
                _ => "either draw it or read it from a file",
            }));
        }
        if let Some(value) = field_value(&full, field.kind, &entry.value)? {
            table.insert(entry.name.clone(), value);
        }
    }
    let [is_drawn, is_given] = sides.map(|side| side.is_some());
    let missing = fields.iter().find(|field| {
        let wanted = match (schema, field.side) {
            (Schema::Inputs, _) => is_given,
            (Schema::Test, Side::Drawn) => is_drawn,
            (Schema::Test, Side::Given | Side::Both) => !is_drawn,
            _ => true,
        };
        field.required && wanted && !table.contains_key(field.name)
    });
    match missing {
        Some(field) => Err(SweepError::new(Mistake::FieldMissing {
            key: key.name.to_owned(),
            field: field.name,
        })
        .at(Some(tree.place.clone()))
        .help(format!("write {}", allowed(key)))),
        None => Ok(Value::Table(table)),
    }
}

/// Checks `tree` as `{ geometric = ratio }`.
pub(super) fn geometric(key: &Key, tree: &Tree) -> Result<Value, SweepError> {
    let leaf = &keys()[Id::ProblemSingularValuesGeometric as usize];
    let entries = tree.entries().unwrap_or(&[]);
    let mut table = BTreeMap::new();
    for entry in entries {
        if entry.name != leaf.field() {
            return Err(unknown(key, entry, [leaf.field()]));
        }
        let KeyKind::Float(bounds) = leaf.kind else {
            return Err(entry.value.wrong(leaf.name, allowed(leaf)));
        };
        let ratio = float(leaf.name, &entry.value, bounds)?;
        table.insert(entry.name.clone(), ratio);
    }
    if table.is_empty() {
        return Err(tree.wrong(key.name, allowed(key)));
    }
    Ok(Value::Table(table))
}

fn unknown_field(key: &Key, fields: &[Field], entry: &Entry) -> SweepError {
    unknown(key, entry, fields.iter().map(|field| field.name))
}

fn unknown<'a>(key: &Key, entry: &Entry, names: impl IntoIterator<Item = &'a str>) -> SweepError {
    let names: Vec<&str> = names.into_iter().collect();
    let all = format!("`{}` has the fields {}", key.name, names.join(", "));
    let help = match did_you_mean(&entry.name, names) {
        Some(hint) => format!("{hint} {all}"),
        None => all,
    };
    SweepError::new(Mistake::UnknownKey {
        key: format!("{}.{}", key.name, entry.name),
    })
    .at(Some(entry.place.clone()))
    .help(help)
}

/// The canonical value of a field, `None` if it is at its neutral value.
fn field_value(full: &str, kind: FieldKind, tree: &Tree) -> Result<Option<Value>, SweepError> {
    Ok(match kind {
        FieldKind::Int { min, max } => Some(int(full, tree, min, max)?),
        FieldKind::Float(bounds) => Some(float(full, tree, bounds)?),
        FieldKind::FloatOrList(bounds) => Some(floats(full, tree, bounds)?),
        FieldKind::Name(names) => Some(name(full, tree, names)?),
        FieldKind::Flag => match tree.node {
            Node::Bool(flag) => flag.then_some(Value::Bool(true)),
            _ => return Err(tree.wrong(full, "true or false")),
        },
        FieldKind::Text => Some(text(full, tree)?),
        FieldKind::TextList => {
            let Node::List(items) = &tree.node else {
                return Err(tree.wrong(full, "a list of names"));
            };
            if items.is_empty() {
                return Err(tree.wrong(full, "a list of names"));
            }
            bounded(full, tree, items)?;
            let names = items.iter().map(|item| text(full, item));
            Some(Value::List(names.collect::<Result<_, _>>()?))
        }
        FieldKind::Columns => Some(columns(full, tree)?),
        FieldKind::Scale => {
            let scale = float(full, tree, Bounds::ANY)?;
            (scale != Value::Float(1.0)).then_some(scale)
        }
        FieldKind::Range => Some(range(full, tree)?),
    })
}

fn floats(full: &str, tree: &Tree, bounds: Bounds) -> Result<Value, SweepError> {
    let Node::List(items) = &tree.node else {
        return float(full, tree, bounds);
    };
    if items.is_empty() {
        return Err(tree.wrong(
            full,
            format!("a number{}, or a list of them", bounds.words()),
        ));
    }
    bounded(full, tree, items)?;
    let numbers = items.iter().map(|item| float(full, item, bounds));
    Ok(Value::List(numbers.collect::<Result<_, _>>()?))
}

fn text(full: &str, tree: &Tree) -> Result<Value, SweepError> {
    match &tree.node {
        Node::Str(text)
            if !text.is_empty()
                && text.len() <= MAX_TEXT_BYTES
                && !text.chars().any(char::is_control) =>
        {
            Ok(Value::text(text.as_str()))
        }
        _ => Err(tree.wrong(full, "a name")),
    }
}

/// Ranges as a text, names as a text or a list.
fn columns(full: &str, tree: &Tree) -> Result<Value, SweepError> {
    const ALLOWED: &str =
        "columns such as \"0..64\", \"0..4,6..9\", or names from a header, [\"age\", \"weight\"]";
    match &tree.node {
        Node::Str(range)
            if range
                .chars()
                .all(|c| c.is_ascii_digit() || "., -".contains(c)) =>
        {
            let columns = Columns::parse(range).ok_or_else(|| tree.wrong(full, ALLOWED))?;
            Ok(columns.to_value())
        }
        Node::Str(_) => Ok(Value::List(vec![text(full, tree)?])),
        Node::List(names) if !names.is_empty() => {
            bounded(full, tree, names)?;
            let names = names.iter().map(|name| text(full, name));
            Ok(Value::List(names.collect::<Result<_, _>>()?))
        }
        _ => Err(tree.wrong(full, ALLOWED)),
    }
}

fn range(full: &str, tree: &Tree) -> Result<Value, SweepError> {
    let ends = match &tree.node {
        Node::List(ends) => match ends.as_slice() {
            [start, end] => start.whole().zip(end.whole()),
            _ => None,
        },
        _ => None,
    };
    match ends {
        Some((start, end)) if start >= 0 && start < end => {
            Ok(Value::List(vec![Value::Int(start), Value::Int(end)]))
        }
        Some((start, end)) => Err(SweepError::new(Mistake::OutOfBounds {
            key: full.to_owned(),
            found: format!("[{start}, {end}]"),
            allowed: "a range of samples, half open, not empty, from 0 on".to_owned(),
        })
        .at(Some(tree.place.clone()))),
        None => Err(tree.wrong(full, "two integers [first, end], half open")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_of_tables_have_kinds_that_fields_know() {
        for key in keys().iter().filter(|key| key.parent.is_some()) {
            assert!(
                matches!(
                    key.kind,
                    KeyKind::Int { .. }
                        | KeyKind::Float(_)
                        | KeyKind::FloatOrList { .. }
                        | KeyKind::Name(_)
                        | KeyKind::Bool
                ),
                "{}",
                key.name
            );
        }
    }
}
