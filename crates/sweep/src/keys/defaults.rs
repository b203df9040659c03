//! Defaults that depend on other keys or on files, and the sizes that they come from.
//!
//! Defaults that are the same in every trial stand in the registry.

use std::collections::BTreeMap;

use super::kind::Preset;
use super::settle::complete;
use super::{Id, Key, Lookup};
use crate::refs::{ArrayRef, Arrays, Role};
use crate::value::Value;

/// Classes of a drawn classification, as in the papers' figures.
const CLASSES: i64 = 5;
/// Layers of a network: the papers' standard.
const DEPTH: i64 = 3;
/// Step size on a loss that is a mean; curvatures are then small, since 1 / (d_y n) stands before them.
const RATE_OF_MEAN: f64 = 1.0;
/// Step size of the adaptive optimizers, and of descent on a sum, whose curvature grows with the data.
const RATE_ELSE: f64 = 1e-3;

/// The default of `key` where it applies, given the settled values of the keys before it. `None`: null unless
/// set, or not known without files that `arrays` lacks.
pub fn default_of(key: &Key, values: &Lookup<'_>, arrays: &Arrays) -> Option<Value> {
    if !matches!(key.default, Preset::Derived(_)) {
        return key.fixed_default();
    }
    match key.id {
        Id::ProblemClasses => {
            (values.name(Id::ProblemKind) == Some("classification")).then_some(Value::Int(CLASSES))
        }
        Id::ProblemInputs => complete(key.id, Value::Table(BTreeMap::new()), values),
        Id::ProblemRank => {
            let listed = values
                .get(Id::ProblemSingularValues)
                .and_then(Value::as_list);
            Some(Value::Int(listed.map_or(1, |list| list.len() as i64)))
        }
        Id::ProblemSamples => samples(values, arrays),
        Id::OptimizerRate => {
            let plain = matches!(values.name(Id::OptimizerKind), Some("gd" | "momentum"));
            let mean = values.name(Id::ProblemLoss) == Some("mean");
            Some(Value::Float(if plain && mean {
                RATE_OF_MEAN
            } else {
                RATE_ELSE
            }))
        }
        Id::OptimizerRankEstimate => Some(Value::Int(values.int(Id::ProblemRank).unwrap_or(1))),
        Id::NetworkDepth => Some(Value::Int(depth(values))),
        Id::NetworkWidth => width(values, arrays),
        _ => None,
    }
}

/// `d_x`: of the file that is read, else as set. `None` if that file is not in `arrays`.
pub fn inputs_dim(values: &Lookup<'_>, arrays: &Arrays) -> Option<u64> {
    if let Some((_, columns)) = shape(values, arrays, Id::ProblemTarget, Role::Target) {
        return columns;
    }
    if let Some((rows, _)) = shape(values, arrays, Id::ProblemInputs, Role::Inputs) {
        return rows;
    }
    set_dim(values, Id::ProblemInputsDim)
}

/// `d_y`: of the file that is read, the number of classes, else as set. `None` if that file is not in `arrays`.
pub fn outputs_dim(values: &Lookup<'_>, arrays: &Arrays) -> Option<u64> {
    for (id, role) in [
        (Id::ProblemTarget, Role::Target),
        (Id::ProblemLabels, Role::Labels),
        (Id::ProblemTargets, Role::Targets),
    ] {
        if let Some((rows, _)) = shape(values, arrays, id, role) {
            return rows;
        }
    }
    match values.int(Id::ProblemClasses) {
        Some(classes) => u64::try_from(classes).ok(),
        None => set_dim(values, Id::ProblemOutputsDim),
    }
}

/// Number of samples there are, whether trained on, tested on or neither: of the inputs' file, the labels' or
/// targets' file, the classes, else the count of the drawn inputs. `None` where a matrix is fitted, and if the
/// file is not in `arrays`.
pub fn sample_count(values: &Lookup<'_>, arrays: &Arrays) -> Option<u64> {
    for (id, role) in [
        (Id::ProblemInputs, Role::Inputs),
        (Id::ProblemLabels, Role::Labels),
        (Id::ProblemTargets, Role::Targets),
    ] {
        if let Some((_, columns)) = shape(values, arrays, id, role) {
            return columns;
        }
    }
    let classes = values.int(Id::ProblemClasses);
    let each = values.int(Id::ProblemSamplesPerClass);
    let count = match (classes, each) {
        (Some(classes), Some(each)) => classes.checked_mul(each)?,
        _ => values.field(Id::ProblemInputs, "count")?.as_int()?,
    };
    u64::try_from(count).ok()
}

/// Rows and columns of the file that the key names: `None` if it names none, `Some((None, None))` if that is
/// not loaded.
fn shape(
    values: &Lookup<'_>,
    arrays: &Arrays,
    id: Id,
    role: Role,
) -> Option<(Option<u64>, Option<u64>)> {
    let array = ArrayRef::of(role, values.get(id)?)?;
    Some(match arrays.shape(&array) {
        Some((rows, columns)) => (Some(rows), Some(columns)),
        None => (None, None),
    })
}

fn set_dim(values: &Lookup<'_>, id: Id) -> Option<u64> {
    let dim = values.int(id).or_else(|| values.int(Id::ProblemDim))?;
    u64::try_from(dim).ok()
}

fn samples(values: &Lookup<'_>, arrays: &Arrays) -> Option<Value> {
    let count = i64::try_from(sample_count(values, arrays)?).ok()?;
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

fn depth(values: &Lookup<'_>) -> i64 {
    layers(values).map_or(DEPTH, |layers| layers.len() as i64)
}

fn width(values: &Lookup<'_>, arrays: &Arrays) -> Option<Value> {
    let Some(layers) = layers(values) else {
        let width = i64::try_from(inputs_dim(values, arrays)?).ok()?;
        return Some(Value::Int(width));
    };
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
