//! Defaults that depend on other keys or on files: each a rule, from which the keys that it looks at are derived.
//!
//! Defaults that are the same in every trial stand in the registry.

use std::collections::BTreeMap;

use super::condition::Condition::{self, All, Is};
use super::condition::Read;
use super::id::Id;
use super::lookup::Lookup;
use super::sizes::{INPUTS_DIM, SAMPLE_COUNT, Size};
use crate::refs::{ArrayRef, Arrays, Role};
use crate::value::Value;

/// A default that depends on other keys or on files.
#[derive(Clone, Copy, Debug)]
pub struct Derived {
    /// For people.
    pub words: &'static str,
    pub(super) rule: DefaultRule,
}

/// How a default comes about.
#[derive(Clone, Copy, Debug)]
pub(super) enum DefaultRule {
    Null,
    Int(i64),
    Float(f64),
    /// The first rule where the condition holds, else the second.
    If(
        &'static Condition,
        &'static DefaultRule,
        &'static DefaultRule,
    ),
    /// The value of another key, where it has one.
    Same(Id, &'static DefaultRule),
    /// The length of the list that another key holds, where it holds one.
    Length(Id, &'static DefaultRule),
    Size(&'static Size),
    /// The number of layers among the weights from a file, where they are from one.
    Layers(&'static DefaultRule),
    /// The widths between these layers.
    Widths(&'static DefaultRule),
    /// The samples before those to test on, or after.
    Samples,
    /// A table of the defaults of its fields.
    Table,
}

/// As many as in the papers' figures.
pub(super) const CLASSES: Derived = Derived {
    words: "5 for classification; unset for regression",
    rule: DefaultRule::If(
        &Is(Id::ProblemKind, &["classification"]),
        &DefaultRule::Int(5),
        &DefaultRule::Null,
    ),
};

pub(super) const INPUTS: Derived = Derived {
    words: "{ draw = \"orthonormal\" }",
    rule: DefaultRule::Table,
};

pub(super) const RANK: Derived = Derived {
    words: "1, or the length of a list `singular_values`",
    rule: DefaultRule::Length(Id::ProblemSingularValues, &DefaultRule::Int(1)),
};

pub(super) const SAMPLES: Derived = Derived {
    words: "all; with a range as `test`, those before it, or after it where it begins at 0",
    rule: DefaultRule::Samples,
};

/// The papers' standard.
pub(super) const DEPTH: Derived = Derived {
    words: "3, or the number of weights from a file",
    rule: DefaultRule::Layers(&DefaultRule::Int(3)),
};

pub(super) const WIDTH: Derived = Derived {
    words: "the dimension of the inputs, or the widths of weights from a file",
    rule: DefaultRule::Widths(&DefaultRule::Size(&INPUTS_DIM)),
};

/// On a loss that is a mean curvatures are small, since 1 / (d_y n) stands before them; on a sum they grow with the
/// data, and adaptive optimizers want small steps anyway.
pub(super) const RATE: Derived = Derived {
    words: "1 for gd, momentum and nesterov on a mean loss, else 0.001",
    rule: DefaultRule::If(
        &All(&[
            Is(Id::OptimizerKind, &["gd", "momentum", "nesterov"]),
            Is(Id::ProblemLoss, &["mean"]),
        ]),
        &DefaultRule::Float(1.0),
        &DefaultRule::Float(1e-3),
    ),
};

pub(super) const MOMENTUM: Derived = Derived {
    words: "0.9, for muon 0.95",
    rule: DefaultRule::If(
        &Is(Id::OptimizerKind, &["muon"]),
        &DefaultRule::Float(0.95),
        &DefaultRule::Float(0.9),
    ),
};

pub(super) const SCHEDULE_STEPS: Derived = Derived {
    words: "`train.steps`",
    rule: DefaultRule::Same(Id::TrainSteps, &DefaultRule::Null),
};

pub(super) const RANK_ESTIMATE: Derived = Derived {
    words: "`problem.rank`, or 1 where the target is from a file",
    rule: DefaultRule::Same(Id::ProblemRank, &DefaultRule::Int(1)),
};

impl DefaultRule {
    /// `None`: null, or not known without files that `arrays` lacks. Fields of a table are filled in by `settle`.
    pub(super) fn value(&self, values: &Lookup<'_>, arrays: &Arrays) -> Option<Value> {
        match *self {
            DefaultRule::Null => None,
            DefaultRule::Int(number) => Some(Value::Int(number)),
            DefaultRule::Float(number) => Some(Value::Float(number)),
            DefaultRule::If(condition, yes, no) => {
                let rule = if condition.eval(values) { yes } else { no };
                rule.value(values, arrays)
            }
            DefaultRule::Same(id, other) => match values.get(id) {
                Some(value) => Some(value.clone()),
                None => other.value(values, arrays),
            },
            DefaultRule::Length(id, other) => match values.get(id).and_then(Value::as_list) {
                Some(list) => Some(Value::Int(list.len() as i64)),
                None => other.value(values, arrays),
            },
            DefaultRule::Size(size) => whole(size.of(values, arrays)?),
            DefaultRule::Layers(other) => match layers(values) {
                Some(layers) => Some(Value::Int(layers.len() as i64)),
                None => other.value(values, arrays),
            },
            DefaultRule::Widths(other) => match layers(values) {
                Some(layers) => widths(&layers, arrays),
                None => other.value(values, arrays),
            },
            DefaultRule::Samples => samples(values, arrays),
            DefaultRule::Table => Some(Value::Table(BTreeMap::new())),
        }
    }

    /// Every key that the rule looks at.
    pub(super) fn reads(&self) -> Vec<Id> {
        match *self {
            DefaultRule::Null
            | DefaultRule::Int(_)
            | DefaultRule::Float(_)
            | DefaultRule::Table => Vec::new(),
            DefaultRule::If(condition, yes, no) => {
                let condition = condition.reads().into_iter().map(Read::id);
                condition.chain(yes.reads()).chain(no.reads()).collect()
            }
            DefaultRule::Same(id, other) | DefaultRule::Length(id, other) => {
                other.reads().into_iter().chain([id]).collect()
            }
            DefaultRule::Size(size) => size.reads().collect(),
            DefaultRule::Layers(other) | DefaultRule::Widths(other) => {
                other.reads().into_iter().chain(READ_BY_LAYERS).collect()
            }
            DefaultRule::Samples => SAMPLE_COUNT.reads().chain([Id::ProblemTest]).collect(),
        }
    }
}

fn whole(size: u64) -> Option<Value> {
    i64::try_from(size).ok().map(Value::Int)
}

fn samples(values: &Lookup<'_>, arrays: &Arrays) -> Option<Value> {
    let count = i64::try_from(SAMPLE_COUNT.of(values, arrays)?).ok()?;
    let test = values
        .field(Id::ProblemTest, "range")
        .and_then(Value::as_list)
        .and_then(|ends| Some((ends.first()?.as_int()?, ends.get(1)?.as_int()?)));
    let (start, end) = match test {
        Some((first, _)) if first > 0 => (0, first.min(count)),
        Some((_, last)) if last < count => (last, count),
        _ => (0, count),
    };
    let ends = Value::List(vec![Value::Int(start), Value::Int(end)]);
    Some(Value::Table(BTreeMap::from([("range".to_owned(), ends)])))
}

const READ_BY_LAYERS: [Id; 3] = [Id::TrainEngine, Id::InitKind, Id::InitWeights];

/// The layers among the arrays of `init.weights`: all, or without the two outer factors of a compressed network.
fn layers(values: &Lookup<'_>) -> Option<Vec<ArrayRef>> {
    if values.name(Id::InitKind) != Some("file") {
        return None;
    }
    let mut arrays = ArrayRef::all_of(Role::Weights, values.get(Id::InitWeights)?);
    if values.name(Id::TrainEngine) == Some("factored") && arrays.len() > 2 {
        arrays.pop();
        arrays.remove(0);
    }
    Some(arrays)
}

fn widths(layers: &[ArrayRef], arrays: &Arrays) -> Option<Value> {
    let (_, hidden) = layers.split_last()?;
    let widths = hidden
        .iter()
        .map(|array| i64::try_from(arrays.shape(array)?.0).ok())
        .collect::<Option<Vec<i64>>>()?;
    let first = *widths.first()?;
    Some(if widths.iter().all(|width| *width == first) {
        Value::Int(first)
    } else {
        Value::List(widths.into_iter().map(Value::Int).collect())
    })
}
