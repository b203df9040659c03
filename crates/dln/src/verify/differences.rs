//! How far two outcomes of one trial are apart, and how far the law lets them be.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Precision;
use crate::outcome::{Outcome, Scalars, SpectrumRow};

/// Differences are held against themselves and this share of what they are measured by: of the first loss, or of
/// one for separations.
pub(super) const FLOOR: f64 = 1e-3;

/// Singular values nearer than this to a neighbour, relative to the largest, at the step or at step 1: the law's
/// 1e-11 in a value turns their vectors by more than the 1e-6 that it promises of angles.
const GAP: f64 = 1e-4;

/// How much coarser single precision is.
pub(super) const SINGLE: f64 = 536_870_912.0;

/// Something that both engines measure.
#[derive(Clone, Copy, Debug)]
pub struct Compared {
    /// In tables and JSON.
    pub name: &'static str,
    /// For people, with the unit.
    pub words: &'static str,
    /// What the law promises in double precision.
    pub promise: f64,
    /// Whether it is judged in single precision.
    pub in_single: bool,
}

/// Losses are held against themselves and a thousandth of the first, separations against themselves and a
/// thousandth, singular values against the largest of their layer and step. Accuracies are counts: one sample more
/// or less is a difference. In single precision accuracies and angles are reported and not judged: outputs that are
/// nearly equal, and vectors of values that are, go either way there.
pub const COMPARED: [Compared; 6] = [
    compared("loss", "loss (relative)", 1e-11, true),
    compared("test_loss", "test loss (relative)", 1e-11, true),
    compared("accuracy", "accuracy", 1e-12, false),
    compared(
        "singular_values",
        "singular values (of the largest)",
        1e-11,
        true,
    ),
    compared("angles", "angles (radians)", 1e-6, false),
    compared("separation", "separation (relative)", 1e-9, true),
];

const fn compared(
    name: &'static str,
    words: &'static str,
    promise: f64,
    in_single: bool,
) -> Compared {
    Compared {
        name,
        words,
        promise,
        in_single,
    }
}

/// The largest difference of each thing compared; `None` where neither engine measures such a thing.
pub type Found = [Option<f64>; COMPARED.len()];

/// The largest differences over all rows of a trial.
#[derive(Clone, Debug)]
pub struct Differences {
    /// In the order of [`COMPARED`].
    pub found: Found,
    /// By how much the promise is stretched: 1 in double precision.
    pub coarser: f64,
    /// The last step that is judged, where the run amplifies rounding after it.
    pub until: Option<u64>,
    /// Of the steps alone.
    pub full_seconds: f64,
    pub reduced_seconds: f64,
}

impl Differences {
    /// Of one trial on both engines, over the steps that both have a row of: a stop rule may end one of them a
    /// step before the other.
    pub fn between(full: &Outcome, reduced: &Outcome, precision: Precision) -> Self {
        let loss = |pick: fn(&Scalars) -> Option<f64>| {
            let (full, reduced) = (curve(full, pick), curve(reduced, pick));
            let first = full.values().next().copied().unwrap_or(0.0).abs();
            apart(&full, &reduced, |a| a.abs() + FLOOR * first)
        };
        let count = |pick: fn(&Scalars) -> Option<f64>| {
            apart(&curve(full, pick), &curve(reduced, pick), |_| 1.0)
        };
        let accuracies = [
            count(|scalars| scalars.accuracy),
            count(|scalars| scalars.test_accuracy),
        ];
        Differences {
            found: [
                // Both engines have a loss at step 0.
                loss(|scalars| scalars.train_loss).or(Some(f64::NAN)),
                loss(|scalars| scalars.test_loss),
                largest(accuracies.into_iter().flatten()),
                singular_values(full, reduced),
                angles_apart(full, reduced),
                apart(&separations(full), &separations(reduced), |a| {
                    a.abs() + FLOOR
                }),
            ],
            coarser: match precision {
                Precision::F64 => 1.0,
                Precision::F32 => SINGLE,
            },
            until: None,
            full_seconds: full.train_seconds,
            reduced_seconds: reduced.train_seconds,
        }
    }

    /// Whether all of it is within the promise. Not a number is no promise kept.
    pub fn is_kept(&self) -> bool {
        COMPARED.iter().zip(self.found).all(|(compared, found)| {
            let judged = self.coarser == 1.0 || compared.in_single;
            !judged || found.is_none_or(|found| found <= compared.promise * self.coarser)
        })
    }
}

/// A scalar by step.
fn curve(outcome: &Outcome, pick: fn(&Scalars) -> Option<f64>) -> BTreeMap<u64, f64> {
    let rows = outcome.history.iter();
    rows.filter_map(|row| Some((row.step, pick(&row.scalars)?)))
        .collect()
}

/// Places of values that stand clear of their neighbours by [`GAP`].
fn clear(outcome: &Outcome) -> BTreeSet<(u64, u32, u32)> {
    let mut spectra: BTreeMap<(u64, u32), Vec<(u32, f64)>> = BTreeMap::new();
    for row in &outcome.spectra {
        let values = spectra.entry((row.step, row.layer)).or_default();
        values.push((row.index, row.value));
    }
    let mut clear = BTreeSet::new();
    for ((step, layer), mut values) in spectra {
        values.sort_unstable_by_key(|&(index, _)| index);
        let wide = GAP * values.first().map_or(0.0, |&(_, largest)| largest);
        for (at, &(index, value)) in values.iter().enumerate() {
            let near = |other: Option<&(u32, f64)>| {
                other.is_some_and(|&(_, other)| (other - value).abs() < wide)
            };
            let before = at.checked_sub(1).and_then(|at| values.get(at));
            if !near(before) && !near(values.get(at + 1)) {
                clear.insert((step, layer, index));
            }
        }
    }
    clear
}

/// Angles by step, layer, index and side, where they are defined and their values stand clear.
fn angles(outcome: &Outcome) -> BTreeMap<(u64, u32, u32, bool), f64> {
    let clear = clear(outcome);
    let stands = |row: &&SpectrumRow| {
        // Angles are against step 1.
        [row.step, 1]
            .iter()
            .all(|&step| clear.contains(&(step, row.layer, row.index)))
    };
    let sides = outcome.spectra.iter().filter(stands).flat_map(|row| {
        let place = |left| (row.step, row.layer, row.index, left);
        [
            (place(true), row.left_angle),
            (place(false), row.right_angle),
        ]
    });
    sides
        .filter_map(|(place, angle)| Some((place, angle?)))
        .collect()
}

/// Which values stand clear may differ by a rounding, so that one engine may have none here.
fn angles_apart(full: &Outcome, reduced: &Outcome) -> Option<f64> {
    let (full, reduced) = (angles(full), angles(reduced));
    if full.is_empty() || reduced.is_empty() {
        return None;
    }
    apart(&full, &reduced, |_| 1.0)
}

/// Separations by step and layer.
fn separations(outcome: &Outcome) -> BTreeMap<(u64, u32), f64> {
    let rows = outcome.layers.iter();
    rows.filter_map(|row| Some(((row.step, row.layer), row.separation?)))
        .collect()
}

/// The largest difference over the places that both have, in units of `size` of the first; NaN where one has none and the
/// other has some.
fn apart<K: Ord>(
    one: &BTreeMap<K, f64>,
    other: &BTreeMap<K, f64>,
    size: impl Fn(f64) -> f64,
) -> Option<f64> {
    if one.is_empty() != other.is_empty() {
        return Some(f64::NAN);
    }
    largest(one.iter().filter_map(|(place, &a)| {
        let b = other.get(place)?;
        Some(relative(a - b, size(a)))
    }))
}

fn singular_values(full: &Outcome, reduced: &Outcome) -> Option<f64> {
    let spectra = |outcome: &Outcome| {
        let mut spectra: BTreeMap<(u64, u32), Vec<f64>> = BTreeMap::new();
        for row in &outcome.spectra {
            let values = spectra.entry((row.step, row.layer)).or_default();
            values.extend((0..row.multiplicity).map(|_| row.value));
        }
        spectra
    };
    let (full, reduced) = (spectra(full), spectra(reduced));
    if full.is_empty() != reduced.is_empty() {
        return Some(f64::NAN);
    }
    largest(full.iter().filter_map(|(place, a)| {
        let b = reduced.get(place)?;
        let size = a.first().copied().unwrap_or(0.0);
        // A value that one of them lacks is 0 there.
        let at = |values: &[f64], i: usize| values.get(i).copied().unwrap_or(0.0);
        largest((0..a.len().max(b.len())).map(|i| relative(at(a, i) - at(b, i), size)))
    }))
}

fn relative(difference: f64, size: f64) -> f64 {
    if difference == 0.0 {
        0.0
    } else {
        difference.abs() / size
    }
}

/// The largest number, NaN where there is one; `None` without numbers.
pub fn largest(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    numbers.reduce(|a, b| if b.is_nan() || b > a { b } else { a })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Metrics, Trial};
    use crate::data::fixture::{classification, trial};
    use crate::{Threads, prepare, run};

    /// A comparison with nothing between the engines.
    fn equal() -> Differences {
        Differences {
            found: [Some(0.0); COMPARED.len()],
            coarser: 1.0,
            until: None,
            full_seconds: 1.0,
            reduced_seconds: 0.5,
        }
    }

    #[test]
    fn each_difference_over_its_bound_breaks_the_promise_by_itself() {
        for (k, compared) in COMPARED.iter().enumerate() {
            // Single precision has 29 bits less.
            for coarser in [1.0, 2.0_f64.powi(29)] {
                let bound = coarser * compared.promise;
                let judged = coarser == 1.0 || compared.in_single;
                for (found, kept) in [
                    (0.999 * bound, true),
                    (1.001 * bound, !judged),
                    (f64::NAN, !judged),
                ] {
                    let mut differences = equal();
                    (differences.found[k], differences.coarser) = (Some(found), coarser);
                    assert_eq!(differences.is_kept(), kept, "{}: {found:e}", compared.name);
                }
            }
        }
        let promises = COMPARED.map(|compared| (compared.name, compared.promise));
        assert_eq!(
            promises,
            [
                ("loss", 1e-11),
                ("test_loss", 1e-11),
                ("accuracy", 1e-12),
                ("singular_values", 1e-11),
                ("angles", 1e-6),
                ("separation", 1e-9),
            ]
        );
        let mut losses = equal();
        losses.found[1..].fill(None);
        assert!(losses.is_kept(), "what is not measured breaks nothing");
    }

    #[test]
    fn another_rate_shows_in_everything_that_is_compared() {
        let mut trial = trial(classification(12, 3, 13), &[20, 20]);
        trial.train.steps = 40;
        trial.optimizer.rate = 0.2;
        trial.measure.every = 10;
        trial.measure.metrics = Metrics {
            train_loss: true,
            test_loss: true,
            spectrum: true,
            angles: true,
            separation: true,
            ..Metrics::default()
        };
        let outcome = |trial: &Trial| {
            let data = prepare(trial).unwrap();
            run(trial, &data, Threads::Seq, &|| 0.0).unwrap()
        };
        let same = Differences::between(&outcome(&trial), &outcome(&trial), Precision::F64);
        assert!(same.is_kept());
        assert_eq!(same.found, [Some(0.0); COMPARED.len()]);
        let mut other = trial.clone();
        other.optimizer.rate *= 8.0;
        let apart = Differences::between(&outcome(&trial), &outcome(&other), Precision::F64);
        for (compared, found) in COMPARED.iter().zip(apart.found) {
            let found = found.unwrap_or(0.0);
            assert!(found > compared.promise, "{}: {found:e}", compared.name);
        }
        assert!(largest([1.0, f64::NAN, 2.0].into_iter()).is_some_and(f64::is_nan));
        // What one engine does not write is no agreement.
        let whole = outcome(&trial);
        for (thing, forget) in [
            (
                "test_loss",
                (|part: &mut Outcome| {
                    for row in &mut part.history {
                        row.scalars.test_loss = None;
                    }
                }) as fn(&mut Outcome),
            ),
            ("singular_values", |part| part.spectra.clear()),
            ("separation", |part| part.layers.clear()),
        ] {
            let mut part = whole.clone();
            forget(&mut part);
            let lacks = Differences::between(&whole, &part, Precision::F64);
            assert!(!lacks.is_kept(), "{thing}");
            assert!(!Differences::between(&part, &whole, Precision::F64).is_kept());
        }
    }
}
