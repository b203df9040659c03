//! The registry itself: one entry a key, in the order of the table's columns.
//!
//! The order is also one in which points can be settled: whatever decides whether a key applies, or what its
//! default is, stands before it. The entries are in `problem_keys` and `trial_keys`, the conditions in `apply`.

use super::apply;
use super::kind::{ColumnType, Key, KeyKind, Preset};
use super::{problem_keys, trial_keys};

/// A key by its place in [`keys`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Id {
    Seed,
    Replicate,
    ProblemKind,
    ProblemTarget,
    ProblemMask,
    ProblemLabels,
    ProblemTargets,
    ProblemClasses,
    ProblemSamplesPerClass,
    ProblemInputs,
    ProblemInputsDraw,
    ProblemInputsNoise,
    ProblemInputsRank,
    ProblemInputsCondition,
    ProblemInputsCount,
    ProblemInputsDim,
    ProblemOutputsDim,
    ProblemDim,
    ProblemSingularValues,
    ProblemSingularValuesGeometric,
    ProblemRank,
    ProblemLoss,
    ProblemObserved,
    ProblemTest,
    ProblemSamples,
    ProblemWhiten,
    TrainEngine,
    TrainPrecision,
    TrainSteps,
    TrainStop,
    TrainStopTrainLoss,
    TrainStopGradientNorm,
    InitKind,
    InitScale,
    InitWeights,
    NetworkDepth,
    NetworkWidth,
    NetworkActivation,
    OptimizerKind,
    OptimizerRate,
    OptimizerMomentum,
    OptimizerWeightDecay,
    OptimizerFactorRate,
    OptimizerRankEstimate,
    MeasureEvery,
    MeasureMetrics,
    MeasureTolerance,
}

/// How many keys there are.
const COUNT: usize = Id::MeasureTolerance as usize + 1;

static KEYS: [Key; COUNT] = joined([OF_THE_SWEEP, problem_keys::ENTRIES, trial_keys::ENTRIES]);

const fn joined(parts: [&[Key]; 3]) -> [Key; COUNT] {
    let mut keys = [PLAIN; COUNT];
    let (mut part, mut filled) = (0, 0);
    while part < parts.len() {
        let mut i = 0;
        while i < parts[part].len() {
            keys[filled] = parts[part][i];
            filled += 1;
            i += 1;
        }
        part += 1;
    }
    // A missing or doubled entry does not compile.
    assert!(filled == COUNT);
    keys
}

/// Every key, in the order of the table's columns. `keys()[id as usize].id == id`.
pub fn keys() -> &'static [Key] {
    &KEYS
}

/// The key of that dotted name.
pub fn key(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Position of the key of that dotted name in [`keys`].
pub fn index_of(name: &str) -> Option<usize> {
    KEYS.iter().position(|key| key.name == name)
}

/// Sides of a matrix: a square one of this side fills 8 TB, which no machine trains on.
pub(super) const MAX_DIM: i64 = 1_000_000;
/// Samples, steps and repeats: exact in an f64, and more than anybody waits for.
pub(super) const MAX_COUNT: i64 = 1_000_000_000_000;

/// What most entries have in common; each entry says where it differs.
pub(super) const PLAIN: Key = Key {
    id: Id::Seed,
    name: "",
    column: "",
    column_type: ColumnType::Int,
    list_column: None,
    doc: "",
    default: Preset::None,
    kind: KeyKind::Int {
        min: 0,
        max: i64::MAX,
    },
    parent: None,
    controls: &[],
    applies: apply::always,
    costs: false,
    sweepable: true,
};

const OF_THE_SWEEP: &[Key] = &[
    Key {
        id: Id::Seed,
        name: "seed",
        column: "seed",
        doc: "seed of the sweep: with `replicate` it fixes every draw",
        default: Preset::Int(0),
        sweepable: false,
        ..PLAIN
    },
    Key {
        id: Id::Replicate,
        name: "replicate",
        column: "replicate",
        doc: "number of an independent repeat under the seed; sweep it for error bars",
        default: Preset::Int(0),
        ..PLAIN
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_positions_and_columns_follow_names() {
        for (i, key) in keys().iter().enumerate() {
            assert_eq!(key.id as usize, i, "{}", key.name);
            assert_eq!(key.column, key.name.replace('.', "_"));
            assert_eq!(index_of(key.name), Some(i));
            assert!(!key.doc.is_empty(), "{}", key.name);
            if let Some(column) = key.list_column {
                assert_eq!(column, format!("{}_list", key.column));
            }
        }
    }

    #[test]
    fn controls_stand_before_and_are_closed() {
        for key in keys() {
            for control in key.controls {
                assert!(control < &key.id, "{}: {control:?}", key.name);
                for further in keys()[*control as usize].controls {
                    assert!(
                        key.controls.contains(further),
                        "{} does not name {further:?}, which decides {control:?}",
                        key.name
                    );
                }
            }
        }
    }

    #[test]
    fn columns_have_the_type_of_their_key() {
        for key in keys() {
            let expected = match key.kind {
                KeyKind::Int { .. } | KeyKind::IntOrList { .. } => ColumnType::Int,
                KeyKind::Float(_) | KeyKind::FloatOrList(_) => ColumnType::Float,
                KeyKind::Bool => ColumnType::Bool,
                KeyKind::Name(_) | KeyKind::NameList(_) | KeyKind::Spectrum | KeyKind::Table(_) => {
                    ColumnType::Str
                }
            };
            assert_eq!(key.column_type, expected, "{}", key.name);
            let lists = matches!(
                key.kind,
                KeyKind::IntOrList { .. } | KeyKind::FloatOrList(_)
            );
            assert_eq!(key.list_column.is_some(), lists, "{}", key.name);
        }
    }

    #[test]
    fn leaves_follow_their_table() {
        for key in keys() {
            let Some(parent) = key.parent else { continue };
            let parent = &keys()[parent as usize];
            assert!(parent.id < key.id);
            assert_eq!(format!("{}.{}", parent.name, key.field()), key.name);
        }
    }
}
