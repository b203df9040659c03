//! The wide networks' curves, by the full engine. The compressed ones of `completion_*.npz` are in `factored`.

use std::collections::BTreeSet;
use std::fs;

use dln::{
    Activation, EngineChoice, Given, Inputs, LeakBlock, Loss, Mask, Measure, Metrics, Network,
    OptimizerKind, Outcome, Problem, Samples, Target, Targets, Task, Threads, Trial,
};
use ndarray::Axis;

use super::files::{self, Arrays, folder};

/// What `manifest.json` says of a file and the file itself does not hold.
struct Case {
    file: &'static str,
    optimizer: OptimizerKind,
    rate: f64,
    activation: Activation,
}

const fn gd(file: &'static str, rate: f64, activation: Activation) -> Case {
    Case {
        file,
        optimizer: OptimizerKind::Gd,
        rate,
        activation,
    }
}

const fn optimizer(file: &'static str, optimizer: OptimizerKind, rate: f64) -> Case {
    Case {
        file,
        optimizer,
        rate,
        activation: Activation::Linear,
    }
}

/// Square factorizations: losses and singular values at every step.
const FACTORIZATIONS: [Case; 6] = [
    gd("thm_1", 1.0, Activation::Linear),
    gd("thm_2", 10.0, Activation::Linear),
    gd("thm_3", 1.0, Activation::Linear),
    optimizer("optimizer_momentum", OptimizerKind::Momentum, 1.0),
    optimizer("optimizer_adam", OptimizerKind::Adam, 0.01),
    optimizer("optimizer_rmsprop", OptimizerKind::Rmsprop, 0.01),
];

/// Classifications: losses every 100 steps, separation by layer at both ends.
const COLLAPSES: [Case; 6] = [
    gd("collapse_1", 10.0, Activation::Linear),
    gd("collapse_2", 10.0, Activation::Relu),
    gd("collapse_3", 1.0, Activation::Linear),
    gd("collapse_4", 1.0, Activation::Relu),
    gd("collapse_5", 1.0, Activation::Linear),
    gd("collapse_6", 0.25, Activation::Relu),
];

/// Completions: train and test losses of the wide network every 100 steps.
const COMPLETIONS: [Case; 2] = [
    gd("completion_1", 36.0, Activation::Linear),
    gd("completion_2", 300.0, Activation::Linear),
];

/// ReLU at depth 8 is chaotic: the manifest says by how much two correct codes differ.
const CHAOTIC: &str = "collapse_6";

/// A trial from these weights, measured every `every` steps.
fn trial(case: &Case, problem: Problem, weights: Vec<Given>, steps: u64, every: u64) -> Trial {
    let network = Network {
        activation: case.activation,
        ..files::linear(&weights)
    };
    let measure = Measure {
        every,
        metrics: Metrics::default(),
        tolerance: None,
        leak_block: LeakBlock::Gradient,
    };
    let descent = (case.optimizer, case.rate);
    let engine = EngineChoice::Full;
    files::trial(problem, network, weights, engine, descent, measure, steps)
}

fn outcome(trial: &Trial) -> Outcome {
    let data = dln::prepare(trial).expect("data");
    dln::run(trial, &data, Threads::Seq, &|| 0.0).expect("runs")
}

fn close(found: f64, wanted: f64, relative: f64) -> bool {
    (found - wanted).abs() <= relative * wanted.abs() + 1e-14
}

fn check_losses(case: &Case, outcome: &Outcome, wanted: &[f64], relative: f64) {
    assert_eq!(outcome.history.len(), wanted.len(), "{}", case.file);
    for (row, &wanted) in outcome.history.iter().zip(wanted) {
        let found = row.scalars.train_loss.expect("a finite loss");
        assert!(
            close(found, wanted, relative),
            "{} at step {}: {found:e} instead of {wanted:e}",
            case.file,
            row.step
        );
    }
}

fn check_factorization(case: &Case) {
    let mut arrays = Arrays::open(case.file);
    let target = arrays.matrix("target");
    let losses = arrays.vector("loss");
    let problem = Problem {
        inputs_dim: target.ncols(),
        outputs_dim: target.nrows(),
        loss: Loss::Mean,
        noise: 0.0,
        task: Task::Factorization {
            target: Target::Given(Given::from(target)),
        },
    };
    let steps = losses.len() as u64 - 1;
    let mut trial = trial(case, problem, arrays.start(""), steps, 1);
    trial.measure.metrics.spectrum = true;
    let outcome = outcome(&trial);
    check_losses(case, &outcome, &losses, 1e-9);
    // Axes: step, layer, index.
    let layers = arrays.tensor("svals");
    let whole = arrays.matrix("e2e_svals");
    let mut rows = outcome.spectra.iter();
    for (step, layers) in layers.axis_iter(Axis(0)).enumerate() {
        let spectra = std::iter::once(whole.row(step)).chain(layers.axis_iter(Axis(0)));
        for (layer, wanted) in spectra.enumerate() {
            for &wanted_value in wanted {
                let row = rows.next().expect("a row a value");
                assert_eq!((row.step, row.layer), (step as u64, layer as u32));
                let error = (row.value - wanted_value).abs();
                assert!(
                    error <= 1e-9 * wanted[0],
                    "{} at {row:?}: {wanted_value:e}",
                    case.file
                );
            }
        }
    }
    assert!(rows.next().is_none(), "{}", case.file);
}

fn check_separation(case: &Case, outcome: &Outcome, step: u64, wanted: &[f64], relative: f64) {
    let found = outcome
        .layers
        .iter()
        .filter(|row| row.step == step)
        .filter_map(|row| row.separation);
    let found: Vec<f64> = found.collect();
    assert_eq!(found.len(), wanted.len(), "{}", case.file);
    for (layer, (&found, &wanted)) in found.iter().zip(wanted).enumerate() {
        assert!(
            close(found, wanted, relative),
            "{} at step {step}, layer {layer}: {found:e} instead of {wanted:e}",
            case.file
        );
    }
}

fn check_collapse(case: &Case) {
    let mut arrays = Arrays::open(case.file);
    let inputs = arrays.matrix("input_data");
    let targets = arrays.matrix("target");
    let count = inputs.ncols();
    let problem = Problem {
        inputs_dim: inputs.nrows(),
        outputs_dim: targets.nrows(),
        loss: Loss::Mean,
        noise: 0.0,
        task: Task::Classification {
            samples: Samples {
                inputs: Inputs::Given(Given::from(inputs)),
                targets: Targets::Given(Given::from(targets)),
                train: (0, count),
                test: None,
                whiten: false,
                center: false,
                standardize: false,
                split: None,
            },
        },
    };
    let steps = arrays.number("total_iterations");
    let mut trial = trial(case, problem, arrays.start(""), steps, 100);
    trial.measure.metrics.separation = true;
    let outcome = outcome(&trial);
    let (losses, layers) = if case.file == CHAOTIC {
        (1e-6, 1e-6)
    } else {
        (1e-9, 1e-7)
    };
    check_losses(case, &outcome, &arrays.vector("loss"), losses);
    check_separation(case, &outcome, 0, &arrays.vector("collapse_init"), layers);
    let last = arrays.vector("collapse_final");
    check_separation(case, &outcome, steps, &last, layers);
}

fn check_completion(case: &Case) {
    let mut arrays = Arrays::open(case.file);
    let target = arrays.matrix("target");
    let problem = Problem {
        inputs_dim: target.ncols(),
        outputs_dim: target.nrows(),
        loss: Loss::Mean,
        noise: 0.0,
        task: Task::Completion {
            target: Target::Given(Given::from(target)),
            mask: Mask::Given(Given::from(arrays.mask("mask"))),
        },
    };
    let train = arrays.vector("wide_train_loss");
    let test = arrays.vector("wide_test_loss");
    let steps = 100 * (train.len() as u64 - 1);
    let mut trial = trial(case, problem, arrays.start(""), steps, 100);
    trial.measure.metrics.test_loss = true;
    let outcome = outcome(&trial);
    check_losses(case, &outcome, &train, 1e-9);
    for (row, &wanted) in outcome.history.iter().zip(&test) {
        let found = row.scalars.test_loss.expect("a finite loss");
        assert!(
            close(found, wanted, 1e-9),
            "{} at step {}: {found:e} instead of {wanted:e}",
            case.file,
            row.step
        );
    }
}

#[test]
fn factorizations_and_optimizers() {
    FACTORIZATIONS.iter().for_each(check_factorization);
}

#[test]
fn collapses() {
    COLLAPSES.iter().for_each(check_collapse);
}

#[test]
fn completions() {
    COMPLETIONS.iter().for_each(check_completion);
}

#[test]
fn no_file_is_left_out() {
    let entries = fs::read_dir(folder()).expect("the golden folder");
    let there: BTreeSet<String> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "npz"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    let checked = FACTORIZATIONS.iter().chain(&COLLAPSES).chain(&COMPLETIONS);
    let checked: BTreeSet<String> = checked.map(|case| case.file.to_owned()).collect();
    assert_eq!(there, checked);
}
