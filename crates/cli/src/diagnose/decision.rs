//! From a diagnosis to the page for people who decide.

use dln::Trial;
use dln::diagnose::held_out::{BaselineKind, Doubt as Found, HeldOut, Numbers, Score, Verdict};
use report::decision::{
    Answer, Compared, Cost, Decision, Doubt, Kind, Measured, Next, Point, Reference, Risk,
};
use sweep::Role;

use super::diagnosis::Diagnosis;

/// A class of fewer samples (20) has at most five held out: its own figure moves by twenty points a sample.
const RARE: usize = 20;

/// Inputs whose sizes differ by this factor rule the directions among themselves.
const SCALES: f64 = 100.0;

/// What the page says.
pub(crate) fn decision(diagnosis: &Diagnosis, watts: f64) -> Decision {
    let held = &diagnosis.held;
    let (rows, columns) = diagnosis.report.shape;
    let outputs = diagnosis.outputs.unwrap_or(0);
    let kind = match diagnosis.role() {
        None => Kind::Matrix { rows, columns },
        Some(Role::Labels) => Kind::Classes {
            samples: columns,
            classes: outputs,
        },
        Some(_) => Kind::Targets {
            samples: columns,
            targets: outputs,
        },
    };
    let next = next(diagnosis);
    Decision {
        file: diagnosis.sources.main.array.file.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        kind,
        inputs: rows,
        measured: match held.score {
            Score::Accuracy => Measured::Accuracy,
            Score::Explained => Measured::Explained,
            Score::Energy => Measured::Energy,
        },
        answer: answer(&held.verdict),
        spectrum: diagnosis.report.spectrum.values.clone(),
        curve: curve(held),
        references: references(held),
        today: held.wide.as_ref().map(|trial| cost(trial, true)),
        after: after(held),
        width_is_given: held.width_is_given,
        splits: held.splits,
        held_out: held.test,
        watts,
        risks: risks(diagnosis),
        next,
        command: command(diagnosis, next),
    }
}

fn answer(verdict: &Verdict) -> Answer {
    let compared = |found: &Numbers| Compared {
        k: found.k,
        of: found.of,
        score: found.score,
        best: found.best,
        error: found.standard_error,
    };
    match verdict {
        Verdict::SmallIsEnough(found) => Answer::Enough(compared(found)),
        Verdict::SmallCosts(found) => Answer::Costs(compared(found)),
        Verdict::NotLowDimensional(found) => Answer::NotLowDimensional(compared(found)),
        Verdict::CannotTell(doubt) => Answer::CannotTell(match *doubt {
            Found::FewSamples { found, wanted } => Doubt::FewSamples { found, wanted },
            Found::NothingLearned {
                score, majority, ..
            } => Doubt::NothingLearned { score, majority },
            Found::Behind {
                score, baseline, ..
            } => Doubt::Behind {
                score,
                reference: baseline,
            },
            Found::TooLarge { .. } => Doubt::TooLarge,
            Found::NothingToLearn => Doubt::NothingToLearn,
        }),
    }
}

/// A point for each number of directions.
fn curve(held: &HeldOut) -> Vec<Point> {
    let mut points: Vec<Point> = held
        .prices
        .iter()
        .filter(|price| !price.scores.is_empty())
        .map(|price| Point {
            k: price.k,
            scores: price.scores.clone(),
        })
        .collect();
    points.dedup_by_key(|point| point.k);
    points
}

fn references(held: &HeldOut) -> Vec<(Reference, f64)> {
    let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len().max(1) as f64;
    let named = |kind| match kind {
        BaselineKind::Majority => Reference::Majority,
        BaselineKind::LeastSquares => Reference::LeastSquares,
        BaselineKind::Logistic => Reference::Logistic,
    };
    let of_majority_and_best = held
        .baselines
        .iter()
        .filter(|baseline| match baseline.kind {
            BaselineKind::Majority | BaselineKind::Logistic => true,
            // One line of the two: they would lie on each other.
            BaselineKind::LeastSquares => held.baseline(BaselineKind::Logistic).is_none(),
        });
    of_majority_and_best
        .map(|baseline| (named(baseline.kind), mean(&baseline.scores)))
        .collect()
}

/// What training takes by the cost model.
fn cost(trial: &Trial, is_full: bool) -> Cost {
    let found = if is_full {
        sweep::Cost::of_full_engine(trial)
    } else {
        sweep::Cost::of(trial)
    };
    let width = match is_full {
        true => None,
        false => dln::plan(trial).core_width,
    };
    let given = trial.network.widths.first().copied().unwrap_or(0);
    Cost {
        width: width
            .and_then(|width| usize::try_from(width).ok())
            .unwrap_or(given),
        inputs: trial.problem.inputs_dim,
        flops: found.flops,
        seconds: found.seconds,
        memory_bytes: found.bytes,
    }
}

fn after(held: &HeldOut) -> Option<Cost> {
    let k = held.verdict.directions()?;
    let row = held.prices.iter().find(|price| price.k >= k)?;
    let mut found = cost(&row.trial, false);
    found.inputs = row.k;
    Some(found)
}

fn risks(diagnosis: &Diagnosis) -> Vec<Risk> {
    let held = &diagnosis.held;
    let mut risks = Vec::new();
    match held.score {
        Score::Energy => risks.push(Risk::NoHeldOut),
        Score::Accuracy | Score::Explained => risks.extend([Risk::SameSource, Risk::Linear]),
    }
    if let Some(balance) = &held.balance {
        let samples = balance.smallest();
        if samples < RARE {
            risks.push(Risk::RareClass { samples });
        }
    }
    if diagnosis.scales >= SCALES {
        risks.push(Risk::Scales);
    }
    if held.prices.iter().any(|price| price.scores.is_empty()) {
        risks.push(Risk::Untrained);
    }
    risks.push(Risk::Predicted);
    risks
}

fn next(diagnosis: &Diagnosis) -> Next {
    match &diagnosis.held.verdict {
        Verdict::SmallIsEnough(_) | Verdict::SmallCosts(_) => Next::Plan,
        Verdict::NotLowDimensional(_) => Next::Wide,
        Verdict::CannotTell(Found::FewSamples { .. } | Found::NothingToLearn) => Next::Collect,
        Verdict::CannotTell(Found::Behind { .. } | Found::TooLarge { .. }) => Next::Prepare,
        Verdict::CannotTell(Found::NothingLearned {
            majority, baseline, ..
        }) => {
            if baseline - majority > dln::diagnose::held_out::limits::CLEARLY {
                Next::Prepare
            } else {
                Next::Collect
            }
        }
    }
}

fn command(diagnosis: &Diagnosis, next: Next) -> String {
    let words = &diagnosis.words;
    match next {
        Next::Plan | Next::Wide => {
            format!("{words} --write plan\nparsimony plan-check plan")
        }
        Next::Prepare => format!("{words} --center --standardize"),
        Next::Collect => String::new(),
    }
}
