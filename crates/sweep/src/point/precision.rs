//! Numbers that single precision cannot hold: a weight, a rate or data that become zero or infinite when they are
//! rounded to it.
//!
//! The engines round at different places, so such a trial depends on the engine that runs it. Folders of earlier
//! programs may hold such points, which stay what they are: a grid is asked on its own, when a sweep is new.

use super::checks::{Check, CheckInput};
use super::fault::Fault;
use crate::error::Mistake;
use crate::keys::{Condition, Id, Lookup, keys};
use crate::refs::{ArrayRef, Arrays, Role};
use crate::value::{Value, float_text};

/// What a trial in single precision is checked for.
pub(crate) const PRECISION: &[Check] = &[
    Check {
        reads: &[
            CheckInput::Key(Id::TrainPrecision),
            CheckInput::Key(Id::InitScale),
        ],
        only: &SINGLE,
        test: scales_are_held,
    },
    Check {
        reads: &[
            CheckInput::Key(Id::TrainPrecision),
            CheckInput::Key(Id::OptimizerRate),
            CheckInput::Key(Id::OptimizerFactorRate),
            CheckInput::Key(Id::OptimizerWeightDecay),
            CheckInput::Key(Id::OptimizerScheduleEnd),
            CheckInput::Key(Id::OptimizerScheduleRates),
        ],
        only: &SINGLE,
        test: rates_are_held,
    },
    Check {
        reads: &[
            CheckInput::Key(Id::TrainPrecision),
            CheckInput::Key(Id::ProblemSingularValues),
        ],
        only: &SINGLE,
        test: singular_values_are_held,
    },
    Check {
        reads: &[
            CheckInput::Key(Id::TrainPrecision),
            CheckInput::Key(Id::ProblemInputs),
            CheckInput::Key(Id::ProblemTargets),
            CheckInput::Key(Id::ProblemTarget),
            CheckInput::Key(Id::InitWeights),
        ],
        only: &SINGLE,
        test: files_are_held,
    },
];

const SINGLE: Condition = Condition::Is(Id::TrainPrecision, &["f32"]);

/// A number that does not survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    /// It loses its digits, or all of itself.
    Small,
    Large,
}

/// What becomes of a number in single precision, if it is not held. Zero is.
fn loss(number: f64) -> Option<Loss> {
    let size = number.abs();
    if size > f64::from(f32::MAX) {
        return Some(Loss::Large);
    }
    (size > 0.0 && size < f64::from(f32::MIN_POSITIVE)).then_some(Loss::Small)
}

fn is_single(values: &Lookup<'_>) -> bool {
    values.name(Id::TrainPrecision) == Some("f32")
}

fn scales_are_held(values: &Lookup<'_>, _: &Arrays) -> Result<(), Fault> {
    let about = &[Id::InitScale, Id::TrainPrecision];
    numbers_are_held(values, Id::InitScale, about, &[Loss::Small, Loss::Large])
}

fn rates_are_held(values: &Lookup<'_>, _: &Arrays) -> Result<(), Fault> {
    let both = &[Loss::Small, Loss::Large];
    let rate = &[Id::OptimizerRate, Id::TrainPrecision];
    numbers_are_held(values, Id::OptimizerRate, rate, both)?;
    let factor_rate = &[Id::OptimizerFactorRate, Id::TrainPrecision];
    numbers_are_held(values, Id::OptimizerFactorRate, factor_rate, both)?;
    // A schedule may end with a rate that is next to nothing in any precision.
    let end = &[Id::OptimizerScheduleEnd, Id::OptimizerSchedule];
    numbers_are_held(values, Id::OptimizerScheduleEnd, end, &[Loss::Large])?;
    let rates = &[Id::OptimizerScheduleRates, Id::OptimizerSchedule];
    numbers_are_held(values, Id::OptimizerScheduleRates, rates, &[Loss::Large])?;
    // A decay that vanishes is none in double precision either.
    let decay = &[Id::OptimizerWeightDecay, Id::TrainPrecision];
    numbers_are_held(values, Id::OptimizerWeightDecay, decay, &[Loss::Large])
}

/// A small one is next to nothing among the others in any precision.
fn singular_values_are_held(values: &Lookup<'_>, _: &Arrays) -> Result<(), Fault> {
    let about = &[Id::ProblemSingularValues, Id::TrainPrecision];
    numbers_are_held(values, Id::ProblemSingularValues, about, &[Loss::Large])
}

/// The number of a key, or each number of its list.
fn numbers_are_held(
    values: &Lookup<'_>,
    id: Id,
    about: &'static [Id],
    refused: &[Loss],
) -> Result<(), Fault> {
    if !is_single(values) {
        return Ok(());
    }
    let value = values.get(id);
    let listed = value.and_then(Value::as_list).unwrap_or_default();
    let numbers = value.and_then(Value::as_float).into_iter();
    for number in numbers.chain(listed.iter().filter_map(Value::as_float)) {
        if let Some(loss) = loss(number).filter(|loss| refused.contains(loss)) {
            return Err(lost(about, float_text(number), loss));
        }
    }
    Ok(())
}

fn files_are_held(values: &Lookup<'_>, arrays: &Arrays) -> Result<(), Fault> {
    const DATA: [(Id, Role, &[Id]); 3] = [
        (
            Id::ProblemInputs,
            Role::Inputs,
            &[Id::ProblemInputs, Id::TrainPrecision],
        ),
        (
            Id::ProblemTargets,
            Role::Targets,
            &[Id::ProblemTargets, Id::TrainPrecision],
        ),
        (
            Id::ProblemTarget,
            Role::Target,
            &[Id::ProblemTarget, Id::TrainPrecision],
        ),
    ];
    if !is_single(values) {
        return Ok(());
    }
    for (id, role, about) in DATA {
        let array = values
            .get(id)
            .and_then(|table| ArrayRef::of(role, table))
            .and_then(|array| arrays.get(&array));
        let largest = array.map_or(0.0, |loaded| largest(loaded.array.iter()));
        if let Some(Loss::Large) = loss(largest) {
            return Err(lost(about, in_file(largest), Loss::Large));
        }
    }
    let weights = values.get(Id::InitWeights);
    for array in weights.map_or_else(Vec::new, |table| ArrayRef::all_of(Role::Weights, table)) {
        let loaded = arrays.get(&array);
        // A layer whose largest weight is lost is lost as a whole.
        let largest = loaded.map_or(0.0, |loaded| largest(loaded.array.iter()));
        if let Some(loss) = loss(largest) {
            let about = &[Id::InitWeights, Id::TrainPrecision];
            return Err(lost(about, in_file(largest), loss));
        }
    }
    Ok(())
}

fn largest<'a>(numbers: impl Iterator<Item = &'a f64>) -> f64 {
    numbers.fold(0.0, |largest, number| number.abs().max(largest))
}

fn in_file(largest: f64) -> String {
    format!("a file whose largest number is {}", float_text(largest))
}

/// The key is the first of `about`.
fn lost(about: &'static [Id], found: String, loss: Loss) -> Fault {
    let (bound, help) = match loss {
        Loss::Small => (
            "keeps no number below 1.2e-38",
            "raise it, or set train.precision = \"f64\"",
        ),
        Loss::Large => (
            "keeps no number above 3.4e38",
            "lower it, or set train.precision = \"f64\"",
        ),
    };
    let key = about.first().map_or("", |&id| keys()[id as usize].name);
    Fault::new(
        about,
        Mistake::Contradiction {
            key: key.to_owned(),
            found,
            needs: format!("`train.precision` = \"f32\" {bound}"),
        },
    )
    .help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_single_precision_loses() {
        let check = |number: f64, expected| {
            assert_eq!(loss(number), expected, "{number}");
            assert_eq!(loss(-number), expected, "-{number}");
        };
        check(0.0, None);
        check(1.2e-38, None);
        check(3.4e38, None);
        check(1.1e-38, Some(Loss::Small));
        check(1e-320, Some(Loss::Small));
        check(3.5e38, Some(Loss::Large));
        check(f64::MAX, Some(Loss::Large));
    }
}
