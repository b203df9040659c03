//! What checks and trials read of a point: files, sizes, widths and ranges.

use dln::Split;

use super::fault::Fault;
use crate::error::Mistake;
use crate::keys::{FILES, INPUTS_DIM, Id, Lookup, OUTPUTS_DIM};
use crate::refs::{ArrayRef, Arrays, Role};
use crate::value::Value;

pub(super) fn files_are_loaded(values: &Lookup<'_>, arrays: &Arrays) -> Result<(), Fault> {
    for &(id, role) in FILES {
        let Some(table) = values.get(id) else {
            continue;
        };
        for array in ArrayRef::all_of(role, table) {
            if arrays.get(&array).is_none() {
                return Err(not_loaded(&array));
            }
        }
    }
    Ok(())
}

pub(super) fn not_loaded(array: &ArrayRef) -> Fault {
    let about = match array.role {
        Role::Inputs => &[Id::ProblemInputs],
        Role::Labels => &[Id::ProblemLabels],
        Role::Targets => &[Id::ProblemTargets],
        Role::Target => &[Id::ProblemTarget],
        Role::Mask => &[Id::ProblemMask],
        Role::Weights => &[Id::InitWeights],
    };
    Fault::new(
        about,
        Mistake::ArrayNotLoaded {
            array: array.to_string(),
        },
    )
}

/// The value of a key that counts something.
pub(super) fn count(values: &Lookup<'_>, id: Id) -> Option<u64> {
    u64::try_from(values.int(id)?).ok()
}

/// `d_x` and `d_y`.
pub(super) fn dims(values: &Lookup<'_>, arrays: &Arrays) -> Result<(u64, u64), Fault> {
    let d_x = inputs_dim(values, arrays)?;
    match OUTPUTS_DIM.of(values, arrays) {
        Some(d_y) => Ok((d_x, d_y)),
        None => Err(open_size(values, arrays)),
    }
}

/// `d_x`.
pub(super) fn inputs_dim(values: &Lookup<'_>, arrays: &Arrays) -> Result<u64, Fault> {
    INPUTS_DIM
        .of(values, arrays)
        .ok_or_else(|| open_size(values, arrays))
}

/// Every size has a default, so only a file that is not there leaves one open.
fn open_size(values: &Lookup<'_>, arrays: &Arrays) -> Fault {
    files_are_loaded(values, arrays)
        .err()
        .unwrap_or_else(|| missing("problem.dim"))
}

pub(super) fn missing(key: &str) -> Fault {
    Fault::new(
        &[Id::ProblemKind],
        Mistake::KeyMissing {
            key: key.to_owned(),
            reason: "the trial".to_owned(),
        },
    )
}

/// The hidden widths, one a layer.
pub(super) fn widths(values: &Lookup<'_>) -> Vec<u64> {
    let depth = count(values, Id::NetworkDepth).unwrap_or(1);
    match values.get(Id::NetworkWidth) {
        Some(Value::List(list)) => list
            .iter()
            .filter_map(|width| u64::try_from(width.as_int()?).ok())
            .collect(),
        Some(width) => {
            let width = width.as_int().and_then(|width| u64::try_from(width).ok());
            let layers = usize::try_from(depth.saturating_sub(1)).unwrap_or(0);
            width.map_or_else(Vec::new, |width| vec![width; layers])
        }
        None => Vec::new(),
    }
}

/// The share of the samples that `problem.test` holds out, where it is one.
pub(super) fn split(values: &Lookup<'_>) -> Option<Split> {
    let stratify = values.field(Id::ProblemTest, "stratify");
    Some(Split {
        share: values.field(Id::ProblemTest, "share")?.as_float()?,
        stratify: stratify.and_then(Value::as_bool).unwrap_or(false),
    })
}

/// The half-open range of a key that holds `{ range = [a, b] }`.
pub(super) fn span(values: &Lookup<'_>, id: Id) -> Option<(u64, u64)> {
    let ends = values.field(id, "range")?.as_list()?;
    let end = |i: usize| u64::try_from(ends.get(i)?.as_int()?).ok();
    Some((end(0)?, end(1)?))
}

/// The class of each column of one-hot labels.
pub(super) fn classes_of(labels: &ndarray::Array2<f64>) -> Vec<u64> {
    let mut classes = vec![0; labels.ncols()];
    for (class, row) in (0..).zip(labels.rows()) {
        for (slot, &value) in classes.iter_mut().zip(row) {
            if value != 0.0 {
                *slot = class;
            }
        }
    }
    classes
}
