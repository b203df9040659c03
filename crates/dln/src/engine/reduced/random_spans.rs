//! The law where neither the loss nor the samples of a step are known: random crossings of loss, batch, biases, schedule,
//! optimizer, shape and data on both engines.
//!
//! A row is an optimizer. Each case is judged up to the step where two full runs from starts one rounding apart part.

use super::random_cases::*;
use super::tests::{ALL, LOSSES, compare_outcomes, outcome};
use crate::batch::Epoch;
use crate::config::*;
use crate::data::fixture::{classification, trial};
use crate::engine::plan;
use crate::error::{NotReducible, TrialError};
use crate::outcome::{EngineKind, Status};
use crate::verify::{horizon, nudged, until};

const STEPS: u64 = 60;

/// A trial of 60 steps, measured every 10, and the widest core that the table allows.
struct Spanned {
    trial: Trial,
    widest: usize,
}

fn drawn(kind: OptimizerKind, chance: &mut Chance) -> Spanned {
    let depth = chance.count(1, 5);
    let (d_x, outputs) = (chance.count(12, 18), chance.count(2, 4));
    let (sampled, rank) = few(d_x, chance);
    let samples = sampled.train;
    let mut problem = problem(d_x, outputs, outputs, sampled, chance);
    if chance.classes && chance.coin() {
        problem.loss = Loss::CrossEntropy;
    }
    // Off the range of the inputs its sums are 1e-8 next to eigenvalues near 1, which double precision resolves to
    // eight digits: held-out samples and spectra of the map see the ninth, the losses of the training samples do not.
    if let (
        OptimizerKind::Shampoo,
        Task::Classification { samples } | Task::Regression { samples },
    ) = (kind, &mut problem.task)
    {
        samples.test = None;
    }
    let sizes = [[24, 24, 24, 24], [20, 28, 24, 20], [d_x, d_x, d_x, d_x]];
    let widths = &chance.of(&sizes)[..depth - 1];
    let mut trial = trial(problem, widths);
    trial.draw = chance.draw();
    for scale in &mut trial.init.scales {
        *scale = chance.within(0.6, 1.0);
    }
    let everything = chance.count(0, 3) == 0 && !matches!(kind, OptimizerKind::Shampoo);
    let starts = if depth <= 2 && !everything {
        &ANY[..]
    } else {
        &ISOMETRIC
    };
    let start = chance.of(starts);
    (trial.init.kind, trial.init.weights) = start.kind(&trial);
    trial.train.steps = STEPS;
    trial.measure.every = 10;
    trial.measure.metrics = if everything { ALL } else { LOSSES };
    let batch = chance.count(1, samples);
    trial.train.batch = chance.of(&[0, batch, batch]);
    if !matches!(kind, OptimizerKind::Muon) {
        trial.network.bias = chance.coin();
    }
    optimized(&mut trial, kind, chance);
    // From the open first layer on, what it sends up and what the outputs send down; both ways more.
    let widest = if everything {
        d_x.min(rank + outputs) + outputs
    } else {
        rank + outputs
    };
    let many = widths.windows(2).any(|pair| pair[0] != pair[1]);
    let hidden = widths.iter().copied().max().unwrap_or(0);
    Spanned {
        trial,
        widest: if many { hidden } else { widest.min(hidden) },
    }
}

/// A rate that keeps the trajectory calm, a schedule around it, and weight decay where it is served.
fn optimized(trial: &mut Trial, kind: OptimizerKind, chance: &mut Chance) {
    let linear = 0.2 * chance.within(0.5, 1.0) / curvature(trial);
    let optimizer = &mut trial.optimizer;
    optimizer.kind = kind;
    optimizer.momentum = 0.8;
    optimizer.rate = match kind {
        OptimizerKind::Gd => linear,
        OptimizerKind::Momentum | OptimizerKind::Nesterov => 0.3 * linear,
        OptimizerKind::Normalized | OptimizerKind::Shampoo => chance.within(0.005, 0.02),
        // What rounding leaves off the range of a gradient, an update holds up to 485 times: slow, so that it stays small.
        OptimizerKind::Muon => chance.within(0.0003, 0.0008),
        OptimizerKind::Adam
        | OptimizerKind::Rmsprop
        | OptimizerKind::Adamw
        | OptimizerKind::Lion
        | OptimizerKind::Sign => unreachable!("entry by entry"),
    };
    if kind.is_linear() && chance.decays() {
        optimizer.weight_decay = 0.003 / optimizer.rate;
    }
    let rate = optimizer.rate;
    optimizer.schedule = match chance.count(0, 5) {
        0 => Schedule::Cosine {
            alpha: 0.1,
            steps: 50,
        },
        1 => Schedule::WarmupCosine {
            warmup: 7,
            end: 0.2 * rate,
            steps: 60,
        },
        2 => Schedule::Step {
            every: 9,
            factor: 0.7,
        },
        3 => Schedule::Linear {
            end: 0.3 * rate,
            steps: 40,
        },
        4 => Schedule::List(vec![rate, 0.5 * rate, 0.8 * rate]),
        _ => Schedule::Constant,
    };
}

/// Whether it was judged to its end.
fn judge(case: &Spanned) -> bool {
    let Spanned { trial, widest } = case;
    let full = outcome(trial, EngineChoice::Full).expect("the full engine runs");
    let reduced = outcome(trial, EngineChoice::Reduced).expect("the law holds");
    let away = nudged(trial).expect("weights");
    let away = outcome(&away, EngineChoice::Full).expect("the full engine runs");
    assert_eq!(reduced.engine, EngineKind::Reduced);
    assert_eq!(full.status, Status::Completed, "a calm rate");
    assert!(
        reduced
            .reduction_residual
            .is_some_and(|residual| residual <= 1e-10)
    );
    let width = reduced.core_width.unwrap_or(0);
    let squares = trial.problem.loss.is_quadratic() && !trial.network.bias;
    if !squares || Epoch::of(trial).is_some() {
        assert!(
            width <= *widest as u64,
            "the core is {width} wide, {widest} allowed"
        );
    }
    let mut asked = trial.clone();
    asked.train.engine = EngineChoice::Reduced;
    assert!(plan(&asked).core_width.unwrap_or(0) >= width, "{width}");
    match horizon(&full, &away, Precision::F64) {
        Some(step) => {
            compare_outcomes(&until(&full, step), &until(&reduced, step));
            false
        }
        None => {
            compare_outcomes(&full, &reduced);
            true
        }
    }
}

/// Every case of a row; at least `whole` are judged to their ends.
fn check(row: u64, kind: OptimizerKind, whole: usize) {
    let mut to_the_end = 0;
    let mut failures = Vec::new();
    for seed in CASES * row..CASES * (row + 1) {
        let case = drawn(kind, &mut Chance::new(seed));
        match caught(|| judge(&case)) {
            Ok(whole) => to_the_end += usize::from(whole),
            Err(what) => failures.push(format!("seed {seed}: {what}\n  {:?}", case.trial)),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(
        to_the_end >= whole,
        "{to_the_end} of {CASES} judged to the end"
    );
}

#[test]
fn gradient_descent() {
    check(40, OptimizerKind::Gd, 30);
}

#[test]
fn momentum() {
    check(41, OptimizerKind::Momentum, 30);
}

#[test]
fn nesterov() {
    check(42, OptimizerKind::Nesterov, 30);
}

#[test]
fn normalized() {
    check(43, OptimizerKind::Normalized, 20);
}

#[test]
fn muon() {
    check(44, OptimizerKind::Muon, 10);
}

#[test]
fn shampoo() {
    check(45, OptimizerKind::Shampoo, 10);
}

#[test]
fn what_the_span_does_not_serve_is_refused() {
    let refused = |change: &dyn Fn(&mut Trial)| {
        let mut trial = trial(classification(9, 3, 2), &[20, 20]);
        trial.measure.metrics = LOSSES;
        trial.train.batch = 2;
        change(&mut trial);
        let planned = plan(&crate::verify::on(&trial, EngineChoice::Reduced)).refused;
        let found = outcome(&trial, EngineChoice::Reduced).expect_err("outside of the law");
        assert_eq!(planned, Some(found.clone()));
        let auto = outcome(&trial, EngineChoice::Auto).expect("the full engine serves it");
        assert_eq!(auto.engine, EngineKind::Full);
        found
    };
    let decayed = |kind| {
        refused(&move |trial: &mut Trial| {
            trial.optimizer.kind = kind;
            trial.optimizer.weight_decay = 0.1;
        })
    };
    for kind in [
        OptimizerKind::Normalized,
        OptimizerKind::Muon,
        OptimizerKind::Shampoo,
    ] {
        assert_eq!(
            decayed(kind),
            TrialError::from(NotReducible::Decay { kind })
        );
    }
    let kind = OptimizerKind::Muon;
    let biased = refused(&|trial| {
        trial.optimizer.kind = OptimizerKind::Muon;
        trial.network.bias = true;
    });
    assert_eq!(biased, TrialError::from(NotReducible::Biases { kind }));
    let entrywise = refused(&|trial| trial.optimizer.kind = OptimizerKind::Lion);
    let kind = OptimizerKind::Lion;
    assert_eq!(
        entrywise,
        TrialError::from(NotReducible::Optimizer { kind })
    );
    let wide = refused(&|trial| trial.init.kind = StartKind::Gaussian);
    let fills = matches!(wide, TrialError::NotReducible(NotReducible::Start { .. }));
    assert!(fills, "{wide}");
}
