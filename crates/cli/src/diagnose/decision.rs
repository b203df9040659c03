//! From a diagnosis to the page for people who decide.

use dln::Trial;
use dln::diagnose::held_out::{
    BaselineKind, Doubt as Found, Heavy, HeldOut, Numbers, Preparation, Score, Verdict, limits,
};
use report::decision::{
    Answer, Compared, Cost, Decision, Doubt, Kind, Measured, Next, Point, Reference, Risk,
};
use sweep::Role;

use super::diagnosis::Diagnosis;
use super::words::Call;

/// A class of fewer samples (20) has at most five held out: its own figure moves by twenty points a sample.
const RARE: usize = 20;

/// Inputs whose sizes differ by this factor rule the directions among themselves.
const SCALES: f64 = 100.0;

/// How many times the steps are advised where training has not found what the data hold.
const LONGER: u64 = 4;

/// Fewest steps that are advised.
const FEWEST: u64 = 100;

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
    let (is_matrix, done) = (diagnosis.role().is_none(), diagnosis.preparation);
    let next = next(&held.verdict, is_matrix, done);
    let steps = held
        .prices
        .first()
        .map_or(limits::STEPS, |price| price.steps);
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
        command: command(next, &diagnosis.call, done, &held.verdict, steps),
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
            Found::TooLarge { what, .. } => match what {
                Heavy::Run => Doubt::LargeNetwork,
                Heavy::Samples | Heavy::Decomposition => Doubt::LargeSamples,
            },
            Found::Diverged { k } => Doubt::Diverged { k },
            Found::NothingToLearn => Doubt::NothingToLearn,
            Found::NothingHeldOut { classes } => Doubt::NothingHeldOut { classes },
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
    if held.splits > 0 && !held.is_checked() {
        risks.push(Risk::Unchecked);
    }
    risks.push(Risk::Predicted);
    risks
}

fn next(verdict: &Verdict, is_matrix: bool, done: Preparation) -> Next {
    // What is done already is no advice.
    let cure = if done.center && done.standardize {
        Next::Longer
    } else {
        Next::Prepare
    };
    match verdict {
        Verdict::SmallIsEnough(_) | Verdict::SmallCosts(_) | Verdict::NotLowDimensional(_)
            if is_matrix =>
        {
            Next::Sweep
        }
        Verdict::SmallIsEnough(_) | Verdict::SmallCosts(_) => Next::Plan,
        Verdict::NotLowDimensional(_) => Next::Wide,
        Verdict::CannotTell(
            Found::FewSamples { .. } | Found::NothingToLearn | Found::NothingHeldOut { .. },
        ) => Next::Collect,
        Verdict::CannotTell(Found::Behind { .. } | Found::Diverged { .. }) => cure,
        Verdict::CannotTell(Found::TooLarge { .. }) => Next::Smaller,
        Verdict::CannotTell(Found::NothingLearned {
            majority, baseline, ..
        }) => {
            if baseline - majority > limits::CLEARLY {
                cure
            } else {
                Next::Collect
            }
        }
    }
}

/// The command that follows. `steps`: of the runs that were made, or would have been.
fn command(next: Next, call: &Call, done: Preparation, verdict: &Verdict, steps: u64) -> String {
    match next {
        Next::Plan | Next::Wide => {
            let write = call.with(&["--write", "plan"]);
            format!("{write}\nparsimony plan-check plan")
        }
        // The stages of a folder need labels or targets.
        Next::Sweep => {
            let write = call.with(&["--write", "plan.toml"]);
            format!("{write}\nparsimony run plan.toml")
        }
        Next::Prepare => {
            let all = [
                ("--center", done.center),
                ("--standardize", done.standardize),
            ];
            let missing = all.iter().filter(|(_, is_done)| !is_done);
            let missing: Vec<&str> = missing.map(|(option, _)| *option).collect();
            call.with(&missing)
        }
        Next::Longer => call.with_value("--steps", LONGER * steps),
        Next::Smaller => match fewer_steps(verdict, steps) {
            Some(fewer) => call.with_value("--steps", fewer),
            None => String::new(),
        },
        Next::Collect => String::new(),
    }
}

/// As many steps as this check trains, rounded down to hundreds; `None` where those would be too few to learn anything.
fn fewer_steps(verdict: &Verdict, steps: u64) -> Option<u64> {
    match verdict {
        Verdict::CannotTell(Found::TooLarge {
            what: Heavy::Run,
            found,
            limit,
        }) if *found > 0.0 => {
            // Far below 2^53.
            let fewer = (steps as f64 * limit / found / FEWEST as f64).floor() as u64 * FEWEST;
            (fewer >= FEWEST).then_some(fewer)
        }
        Verdict::CannotTell(_)
        | Verdict::SmallIsEnough(_)
        | Verdict::SmallCosts(_)
        | Verdict::NotLowDimensional(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: Preparation = Preparation {
        center: false,
        standardize: false,
        whiten: false,
    };
    const BOTH: Preparation = Preparation {
        center: true,
        standardize: true,
        whiten: false,
    };
    const NUMBERS: Numbers = Numbers {
        k: 2,
        of: 9,
        score: 0.9,
        best: 0.9,
        lost: 0.0,
        standard_error: 0.01,
    };
    const NOTHING: Verdict = Verdict::CannotTell(Found::NothingLearned {
        score: 0.5,
        majority: 0.5,
        baseline: 0.9,
    });
    const LARGE: Verdict = Verdict::CannotTell(Found::TooLarge {
        what: Heavy::Run,
        found: 1e12,
        limit: 2.5e11,
    });

    fn call(words: &str) -> Call {
        Call::of(words.split(' ').map(str::to_owned))
    }

    #[track_caller]
    fn check(verdict: &Verdict, is_matrix: bool, done: Preparation, words: &str, expected: &str) {
        let next = next(verdict, is_matrix, done);
        let found = command(next, &call(words), done, verdict, 1000);
        assert_eq!(found, expected, "{next:?}");
    }

    #[test]
    fn the_next_command_runs() {
        let enough = Verdict::SmallIsEnough(NUMBERS);
        check(
            &enough,
            false,
            RAW,
            "diagnose x.csv --labels 9 --json",
            "parsimony diagnose x.csv --labels 9 --write plan\nparsimony plan-check plan",
        );
        check(
            &Verdict::NotLowDimensional(NUMBERS),
            true,
            RAW,
            "diagnose m.npy",
            "parsimony diagnose m.npy --write plan.toml\nparsimony run plan.toml",
        );
    }

    #[test]
    fn the_advice_is_what_was_not_done() {
        let centred = Preparation {
            center: true,
            ..RAW
        };
        check(
            &NOTHING,
            false,
            centred,
            "diagnose x.csv --center",
            "parsimony diagnose x.csv --center --standardize",
        );
        check(
            &NOTHING,
            false,
            BOTH,
            "diagnose x.csv --steps=1000 --center --standardize",
            "parsimony diagnose x.csv --center --standardize --steps 4000",
        );
        check(
            &LARGE,
            false,
            RAW,
            "diagnose x.csv",
            "parsimony diagnose x.csv --steps 200",
        );
        assert_eq!(fewer_steps(&LARGE, 300), None);
    }
}
