//! Rows, stop rules, divergence, slices and checkpoints.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::config::*;
use crate::data::fixture::{classification, completion, factorization, trial};
use crate::data::prepare;
use crate::metric::{LayerRow, MeasuredTable, Requirement, SpectrumRow};
use crate::theory::closed_form;

const STILL: Clock<'static> = &|| 0.0;

fn outcome(trial: &Trial) -> Outcome {
    let data = prepare(trial).expect("data");
    run(trial, &data, Threads::Seq, STILL).expect("runs")
}

fn steps_of(outcome: &Outcome) -> Vec<u64> {
    outcome.history.iter().map(|row| row.step).collect()
}

/// Everything but the seconds.
fn assert_same(one: &Outcome, other: &Outcome) {
    assert_eq!(one.status, other.status);
    assert_eq!(one.steps, other.steps);
    assert_eq!(one.history, other.history);
    assert_eq!(one.spectra, other.spectra);
    assert_eq!(one.layers, other.layers);
    assert_eq!(one.last, other.last);
    assert_eq!(one.tolerance_steps, other.tolerance_steps);
    assert_eq!(one.flops.to_bits(), other.flops.to_bits());
}

/// Small trials of every kind of problem, optimizer and stop rule, with every metric.
fn assorted() -> Vec<Trial> {
    let mut trials = Vec::new();
    for &kind in OptimizerKind::ALL {
        for (problem, widths) in [
            (factorization(7, 6, 2), vec![8, 5]),
            (completion(7, 6, 2, 0.2), vec![4, 5]),
            (completion(6, 6, 2, 0.8), vec![4]),
            (classification(5, 3, 6), vec![6, 4]),
        ] {
            let mut one = trial(problem, &widths);
            one.measure.every = 15;
            one.measure.tolerance = Some(0.05);
            trials.extend(varied(one, kind));
        }
        trials.extend(batched(kind));
    }
    trials
}

/// Cross-entropy and biases on batches: 18 samples, 5 updates an epoch, the last one on two samples.
fn batched(kind: OptimizerKind) -> [Trial; 3] {
    let problem = Problem {
        loss: Loss::CrossEntropy,
        ..classification(5, 3, 6)
    };
    let mut one = trial(problem, &[6, 4]);
    one.network.bias = true;
    one.train.batch = 4;
    one.measure.every = 12;
    one.measure.tolerance = Some(1.09);
    varied(one, kind)
}

/// 30 steps of every metric but the sharpness, which is dear; then with an activation and a stop rule, and in single
/// precision.
fn varied(mut one: Trial, kind: OptimizerKind) -> [Trial; 3] {
    one.train.steps = 30;
    one.optimizer.kind = kind;
    one.optimizer.rate = 0.01;
    one.optimizer.weight_decay = 0.01;
    one.measure.metrics = Metrics {
        sharpness: false,
        ..Metrics::ALL
    };
    let mut relu = one.clone();
    relu.network.activation = Activation::Relu;
    relu.init.kind = StartKind::Gaussian;
    relu.train.stop_gradient_norm = Some(1e-12);
    let mut single = one.clone();
    single.train.precision = Precision::F32;
    [one, relu, single]
}

#[test]
fn rows_that_are_taken_and_the_rest_are_all_rows() {
    for mut trial in assorted() {
        trial.measure.every = 1;
        let whole = outcome(&trial);
        let data = prepare(&trial).expect("data");
        let mut run = Run::new(&trial, &data, Threads::Seq, STILL).expect("a run");
        let mut taken = Measurements::default();
        let mut state = Vec::new();
        while run.advance(7).expect("runs") == Progress::Running {
            let rows = run.take_rows();
            assert_eq!(run.rows(), [1, 0, 0]);
            taken.history.extend(rows.history);
            taken.spectra.extend(rows.spectra);
            taken.layers.extend(rows.layers);
            state = run.checkpoint();
        }
        // One that goes on from a checkpoint has what was not taken.
        let again = Run::restore(&trial, &data, Threads::Seq, STILL, &state);
        let mut again = again.expect("a state");
        while again.advance(u64::MAX).expect("runs") == Progress::Running {}
        for rest in [run.finish(), again.finish()] {
            let mut joined = rest.clone();
            joined.history = [taken.history.clone(), rest.history].concat();
            joined.spectra = [taken.spectra.clone(), rest.spectra].concat();
            joined.layers = [taken.layers.clone(), rest.layers].concat();
            assert_same(&joined, &whole);
        }
    }
}

#[test]
fn rows_are_where_they_are_asked_for() {
    let mut one = trial(factorization(5, 5, 2), &[5]);
    one.measure.metrics.train_loss = true;
    assert_eq!(steps_of(&outcome(&one)), [0, 10]);
    one.measure.every = 4;
    assert_eq!(steps_of(&outcome(&one)), [0, 4, 8, 10]);
    one.measure.metrics.angles = true;
    assert_eq!(steps_of(&outcome(&one)), [0, 1, 4, 8, 10]);
    one.train.steps = 0;
    let none = outcome(&one);
    assert_eq!((steps_of(&none), none.steps), (vec![0], 0));
    assert_eq!(none.status, Status::Completed);
    assert_eq!(none.flops, 0.0);
}

#[test]
fn every_metric_finds_its_table() {
    let mut one = trial(classification(5, 3, 6), &[6, 4]);
    one.measure.metrics = Metrics::ALL;
    let done = outcome(&one);
    let last = done.last;
    let scalars = [
        last.train_loss,
        last.test_loss,
        last.accuracy,
        last.test_accuracy,
        last.effective_rank,
        last.stable_rank,
        last.nuclear_norm,
        last.sharpness,
        last.alignment,
    ];
    assert!(scalars.iter().all(Option::is_some), "{last:?}");
    let at = |step: u64, layer: u32| {
        let rows = done.layers.iter();
        rows.filter(move |row| row.step == step && row.layer == layer)
            .map(|row| {
                (
                    row.separation.is_some(),
                    row.balancedness.is_some(),
                    row.effective_rank.is_some(),
                )
            })
            .collect::<Vec<_>>()
    };
    for step in [0, 1, 10] {
        assert_eq!(at(step, 0), [(true, false, false)]);
        assert_eq!(at(step, 1), [(true, true, true)]);
        assert_eq!(at(step, 2), [(true, true, true)]);
        assert_eq!(at(step, 3), [(false, false, true)]);
    }
    let values = |layer: u32| {
        let rows = done.spectra.iter();
        rows.filter(move |row| row.step == 10 && row.layer == layer)
            .count()
    };
    assert_eq!([0, 1, 2, 3].map(values), [3, 5, 4, 3]);
    let angles = |step: u64| done.spectra.iter().filter(move |row| row.step == step);
    assert!(angles(0).all(|row| row.left_angle.is_none() && row.right_angle.is_none()));
    assert!(angles(1).all(|row| row.left_angle.is_none_or(|angle| angle < 1e-7)));
    assert!(angles(10).any(|row| row.right_angle.is_some_and(|angle| angle > 0.0)));
    // Nothing but the train loss where nothing else is asked for.
    one.measure.metrics = Metrics::default();
    let bare = outcome(&one);
    assert!(bare.spectra.is_empty() && bare.layers.is_empty());
    let only = Scalars {
        train_loss: last.train_loss,
        ..Scalars::default()
    };
    assert_eq!(bare.last, only);
}

#[test]
fn stop_rules_end_at_the_first_step_that_meets_them() {
    let mut one = trial(factorization(6, 6, 2), &[6]);
    one.train.steps = 400;
    one.optimizer.rate = 3.0;
    one.measure.every = 1;
    let full = outcome(&one);
    let losses: Vec<f64> = full
        .history
        .iter()
        .filter_map(|row| row.scalars.train_loss)
        .collect();
    let bound = losses[150];
    let first = losses.iter().position(|&loss| loss <= bound).expect("met") as u64;
    one.train.stop_train_loss = Some(bound);
    one.measure.every = 0;
    one.measure.tolerance = Some(losses[20]);
    let stopped = outcome(&one);
    assert_eq!((stopped.steps, stopped.status), (first, Status::Completed));
    assert_eq!(steps_of(&stopped), [0, first]);
    assert!(stopped.last.train_loss.is_some_and(|loss| loss <= bound));
    let crossed = losses.iter().position(|&loss| loss <= losses[20]);
    assert_eq!(stopped.tolerance_steps, crossed.map(|step| step as u64));
    one.train.stop_train_loss = None;
    one.train.stop_gradient_norm = Some(1e-3);
    let flat = outcome(&one);
    assert!(flat.steps > 0 && flat.steps < 400, "{}", flat.steps);
    one.train.stop_gradient_norm = Some(f64::MAX);
    assert_eq!(outcome(&one).steps, 0);
}

/// The last row of a diverged run is that of its last step with a finite loss.
fn check_diverges(mut one: Trial) -> Outcome {
    let diverged = outcome(&one);
    assert_eq!(diverged.status, Status::Diverged);
    assert!(diverged.steps < one.train.steps);
    assert!(diverged.last.train_loss.is_some_and(f64::is_finite));
    assert_eq!(steps_of(&diverged).last(), Some(&diverged.steps));
    one.train.steps = diverged.steps;
    let shorter = outcome(&one);
    assert_eq!(shorter.status, Status::Completed);
    assert_eq!(shorter.last, diverged.last);
    one.train.steps += 1;
    assert_eq!(outcome(&one).status, Status::Diverged);
    diverged
}

#[test]
fn batches_are_judged_at_measured_steps() {
    let [mut one, ..] = batched(OptimizerKind::Gd);
    one.optimizer.rate = 0.2;
    one.train.steps = 60;
    one.measure.every = 1;
    let every = outcome(&one);
    assert_eq!(steps_of(&every), (0..=60).collect::<Vec<_>>());
    one.measure.every = 7;
    let some = outcome(&one);
    assert_eq!(steps_of(&some), [0, 1, 7, 14, 21, 28, 35, 42, 49, 56, 60]);
    for row in &some.history {
        assert_eq!(*row, every.history[row.step as usize]);
    }
    let loss_at = |step: usize| every.history[step].scalars.train_loss;
    // Met between two measured steps, seen at the later one.
    one.train.stop_train_loss = loss_at(30);
    one.measure.tolerance = loss_at(30);
    let stopped = outcome(&one);
    let met = some
        .history
        .iter()
        .find(|row| row.scalars.train_loss <= loss_at(30));
    assert_eq!(Some(stopped.steps), met.map(|row| row.step));
    assert_eq!(stopped.tolerance_steps, Some(stopped.steps));
    assert_eq!(stopped.status, Status::Completed);
    one.train.stop_train_loss = None;
    one.train.stop_gradient_norm = Some(f64::MAX);
    assert_eq!(outcome(&one).steps, 0);
}

#[test]
fn a_run_on_batches_that_diverges_ends_at_its_last_measured_step() {
    for (mut one, rate) in batched(OptimizerKind::Gd).into_iter().zip([1e4, 1e6, 1e4]) {
        one.problem.loss = Loss::Mean;
        one.optimizer.rate = rate;
        one.optimizer.weight_decay = 1.0;
        one.train.steps = 3000;
        one.measure.every = 3;
        let whole = outcome(&one);
        assert_eq!(whole.status, Status::Diverged);
        assert_eq!(steps_of(&whole).last(), Some(&whole.steps));
        assert!(whole.last.train_loss.is_some_and(f64::is_finite));
        // Angles have the first step measured too.
        assert!(
            whole.steps == 1 || whole.steps.is_multiple_of(3),
            "{}",
            whole.steps
        );
        assert!(whole.steps < 3000);
        let mut shorter = one.clone();
        shorter.train.steps = whole.steps;
        assert_eq!(outcome(&shorter).last, whole.last);
        // From a checkpoint between measured steps.
        let data = prepare(&one).expect("data");
        let mut run = Run::new(&one, &data, Threads::Seq, STILL).expect("starts");
        run.advance(whole.steps + 1).expect("advances");
        let bytes = run.checkpoint();
        let mut run = Run::restore(&one, &data, Threads::Seq, STILL, &bytes).expect("restores");
        while run.advance(1).expect("advances") == Progress::Running {}
        assert_same(&whole, &run.finish());
    }
}

#[test]
fn divergence_keeps_the_last_finite_values() {
    use Activation::{Linear, Relu};
    let problems = [
        (factorization(6, 6, 2), Linear, vec![6, 6], 1e4),
        (completion(6, 6, 2, 0.2), Linear, vec![6, 6], 1e4),
        (classification(6, 3, 5), Linear, vec![6, 6], 1e4),
        // Units die at such a rate; the decay, overshooting, makes the weights grow all the same.
        (factorization(6, 6, 2), Relu, vec![40], 1e4),
    ];
    for kind in [OptimizerKind::Gd, OptimizerKind::Momentum] {
        for (problem, activation, widths, rate) in &problems {
            let mut one = trial(problem.clone(), widths);
            one.network.activation = *activation;
            one.optimizer.kind = kind;
            one.optimizer.rate = *rate;
            one.optimizer.weight_decay = if *activation == Relu { 1.0 } else { 0.0 };
            one.train.steps = 1000;
            one.measure.every = 3;
            one.measure.metrics = Metrics::ALL;
            check_diverges(one);
        }
    }
}

#[test]
fn slow_divergence_goes_back_to_a_state_on_the_way() {
    // Depth 1 is a linear recursion: the error grows by |1 - rate c| = 1.05 a step, 7000 steps to infinity.
    let mut one = trial(factorization(3, 3, 1), &[]);
    one.optimizer.rate = 2.05 * 9.0;
    one.train.steps = 20_000;
    one.measure.metrics.nuclear_norm = true;
    let diverged = check_diverges(one);
    assert!(diverged.steps > 3 * SAFE_EVERY, "{}", diverged.steps);
}

#[test]
fn slices_do_not_matter() {
    for one in assorted() {
        let whole = outcome(&one);
        let data = prepare(&one).expect("data");
        for slice in [1, 4, 30] {
            let mut run = Run::new(&one, &data, Threads::Seq, STILL).expect("starts");
            let mut seen = 0;
            while run.advance(slice).expect("advances") == Progress::Running {
                assert!(run.steps() > seen || slice == 0);
                seen = run.steps();
            }
            assert_same(&whole, &run.finish());
        }
    }
}

#[test]
fn checkpoints_continue_to_the_same_bits() {
    for one in assorted() {
        let whole = outcome(&one);
        let data = prepare(&one).expect("data");
        for stop in [0, 1, 8, 29] {
            let mut run = Run::new(&one, &data, Threads::Seq, STILL).expect("starts");
            if stop > 0 {
                run.advance(stop).expect("advances");
            }
            let bytes = run.checkpoint();
            let mut run = Run::restore(&one, &data, Threads::Seq, STILL, &bytes).expect("restores");
            assert_eq!(run.steps(), stop);
            while run.advance(5).expect("advances") == Progress::Running {}
            assert_same(&whole, &run.finish());
        }
    }
}

#[test]
fn a_restored_run_can_still_diverge() {
    let mut one = trial(factorization(5, 5, 2), &[5]);
    one.optimizer.rate = 40.0;
    one.train.steps = 1000;
    let whole = outcome(&one);
    assert_eq!(whole.status, Status::Diverged);
    let data = prepare(&one).expect("data");
    let mut run = Run::new(&one, &data, Threads::Seq, STILL).expect("starts");
    run.advance(whole.steps - 1).expect("advances");
    let bytes = run.checkpoint();
    let mut run = Run::restore(&one, &data, Threads::Seq, STILL, &bytes).expect("restores");
    assert_eq!(run.advance(u64::MAX).expect("advances"), Progress::Done);
    assert_same(&whole, &run.finish());
    // One that has ended stays ended.
    let mut run = Run::new(&one, &data, Threads::Seq, STILL).expect("starts");
    run.advance(u64::MAX).expect("advances");
    let bytes = run.checkpoint();
    let mut run = Run::restore(&one, &data, Threads::Seq, STILL, &bytes).expect("restores");
    assert_eq!(run.advance(1).expect("advances"), Progress::Done);
    assert_same(&whole, &run.finish());
}

#[test]
fn damaged_and_foreign_checkpoints_are_refused() {
    let one = &assorted()[0];
    let data = prepare(one).expect("data");
    let mut run = Run::new(one, &data, Threads::Seq, STILL).expect("starts");
    run.advance(9).expect("advances");
    let bytes = run.checkpoint();
    let restore = |bytes: &[u8]| Run::restore(one, &data, Threads::Seq, STILL, bytes).err();
    assert_eq!(restore(&bytes), None);
    for end in (0..bytes.len()).step_by(7) {
        assert!(restore(&bytes[..end]).is_some(), "{end}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    let too_long = CheckpointError::TooLong { extra: 1 };
    assert_eq!(restore(&longer), Some(TrialError::Checkpoint(too_long)));
    let mut newer = bytes.clone();
    newer[0] += 1;
    assert!(matches!(
        restore(&newer),
        Some(TrialError::Checkpoint(CheckpointError::Format { .. }))
    ));
    let mut other = one.clone();
    other.network.widths[0] += 1;
    let foreign = Run::restore(&other, &data, Threads::Seq, STILL, &bytes).err();
    let wanted = TrialError::Checkpoint(CheckpointError::OtherTrial);
    assert_eq!(foreign, Some(wanted));
}

#[test]
fn seconds_add_up_to_what_the_clock_shows() {
    let ticks = AtomicU32::new(0);
    let clock = || f64::from(ticks.fetch_add(1, Ordering::Relaxed) + 1);
    let mut one = trial(factorization(5, 5, 2), &[5]);
    one.measure.every = 1;
    one.measure.tolerance = Some(f64::MAX);
    let data = prepare(&one).expect("data");
    let done = run(&one, &data, Threads::Seq, &clock).expect("runs");
    let total = done.setup_seconds + done.train_seconds + done.measure_seconds;
    assert_eq!(done.setup_seconds, 1.0);
    // Eleven rows, one tick each.
    assert_eq!(done.measure_seconds, 11.0);
    // All ticks but the first and the one between setup and training.
    assert_eq!(total, f64::from(ticks.into_inner()) - 2.0);
    assert_eq!(done.tolerance_steps, Some(0));
    assert!(done.tolerance_seconds.is_some_and(|seconds| seconds > 0.0));
}

/// Whether a metric's column has a value in any row.
fn has_values(outcome: &Outcome, (table, column): (MeasuredTable, &str)) -> bool {
    let among = |names: &[&str], rows: &[Vec<Option<f64>>]| {
        let at = names.iter().position(|name| *name == column);
        // Columns that are not null where there is a row at all.
        at.map_or(!rows.is_empty(), |at| {
            rows.iter().any(|row| row[at].is_some())
        })
    };
    match table {
        MeasuredTable::History => {
            let rows = outcome.history.iter();
            let rows: Vec<_> = rows.map(|row| row.scalars.measured().to_vec()).collect();
            among(&Scalars::MEASURED, &rows)
        }
        MeasuredTable::Spectra => {
            let rows = outcome.spectra.iter().map(|row| row.measured().to_vec());
            among(&SpectrumRow::MEASURED, &rows.collect::<Vec<_>>())
        }
        MeasuredTable::Layers => {
            let rows = outcome.layers.iter().map(|row| row.measured().to_vec());
            among(&LayerRow::MEASURED, &rows.collect::<Vec<_>>())
        }
    }
}

#[test]
fn the_table_of_metrics_says_where_there_are_values() {
    let linear = trial(classification(5, 3, 6), &[6, 4]);
    let mut curved = linear.clone();
    curved.network.activation = Activation::Relu;
    let mut cases = vec![
        (trial(factorization(7, 6, 2), &[8, 5]), EngineChoice::Full),
        (
            trial(factorization(9, 9, 2), &[9, 9]),
            EngineChoice::Reduced,
        ),
        (linear.clone(), EngineChoice::Full),
        (linear, EngineChoice::Reduced),
        (curved, EngineChoice::Full),
        (trial(factorization(9, 9, 2), &[9]), EngineChoice::Full),
        (trial(factorization(9, 9, 2), &[9]), EngineChoice::Reduced),
        (
            trial(completion(9, 9, 2, 0.5), &[9]),
            EngineChoice::Factored,
        ),
        (trial(factorization(9, 9, 2), &[9]), EngineChoice::Factored),
    ];
    for (one, engine) in &mut cases {
        one.train.engine = *engine;
        one.train.steps = 2;
        one.measure.every = 1;
        one.optimizer.rate = 0.01;
        let data = prepare(one).expect("data");
        for &metric in Metric::ALL {
            one.measure.metrics = Metrics::default();
            one.measure.metrics.set(metric, true);
            let outcome = run(one, &data, Threads::Seq, STILL).expect("runs");
            let about = metric.about();
            let wanted = about.engines.contains(&outcome.engine)
                && match about.requires {
                    Requirement::Nothing => true,
                    Requirement::HeldOut => data.test.is_some() || data.mask.is_some(),
                    Requirement::Classes => data.classes.is_some(),
                    Requirement::Map => one.network.is_linear(),
                    Requirement::ClosedForm => closed_form(one).is_ok(),
                };
            let found = about.columns.iter().any(|&of| has_values(&outcome, of));
            assert_eq!(found, wanted, "{} on {engine:?}", metric.name());
        }
    }
}
