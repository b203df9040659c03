//! Rates of the reduced and factored engines: `cargo bench -p dln --bench law_rate`.
//!
//! Prints, at d = 1000 and L = 3, (1) microseconds a step and trial of the core of a rank-10 factorization,
//! many trials side by side, (2) one such trial from setup to step 2,000 on one core, (3) a factored step of
//! a rank-5 completion with 20 % observed, and the whole fit to a train loss of 1e-13; and, on samples of
//! the shape of the digits (1,797 of rank 61 in 64 dimensions, 10 classes) at width 1000 and depth 4,
//! (4) a step of the core beside a full step on folded and on unfolded samples.
#![expect(clippy::print_stdout, reason = "the figures are its output")]
#![expect(non_snake_case, reason = "matrices keep the capitals of the papers")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod setting;

use std::sync::Arc;
use std::time::Instant;

use dln::{
    EngineChoice, Given, Inputs, Outcome, Problem, Run, Samples, SingularValues, Target, Targets,
    Task, Threads, Trial, prepare,
};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use ndarray::Array2;
use rayon::prelude::*;

const DIM: usize = 1000;
const TRIALS: u64 = 64;
const STEPS: u64 = 2000;
const FIT_STEPS: u64 = 60_000;
const SAMPLES: usize = 1797;
const INPUTS: usize = 64;
const CLASSES: usize = 10;

fn main() {
    println!("instruction set {}", dln::isa());
    pool(2).install(cores);
    pool(1).install(whole_trial);
    pool(2).install(factored);
    pool(1).install(digits);
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("a pool")
}

/// A square factorization of rank 10, everything observed.
fn factorization(replicate: u64) -> Trial {
    let mut trial = setting::completion(DIM, DIM, 3, 1.0, replicate);
    trial.problem.task = Task::Factorization {
        target: Target::Drawn {
            rank: 10,
            singular_values: SingularValues::Gaussian,
        },
    };
    trial.init.scales = vec![0.1; 3];
    trial.train.engine = EngineChoice::Reduced;
    trial.optimizer.rate = 100.0;
    trial
}

/// Seconds since the process began to measure.
fn clock() -> impl Fn() -> f64 {
    let begun = Instant::now();
    move || begun.elapsed().as_secs_f64()
}

/// The outcome after so many steps.
fn train(trial: &Trial, threads: Threads, steps: u64) -> Outcome {
    let mut trial = trial.clone();
    trial.train.steps = steps;
    let data = prepare(&trial).expect("data");
    let clock = clock();
    let outcome = dln::run(&trial, &data, threads, &clock).expect("serves");
    assert_eq!(outcome.status, dln::Status::Completed);
    outcome
}

fn cores() {
    let seconds: Vec<f64> = (0..TRIALS)
        .into_par_iter()
        .map(|replicate| {
            let trial = factorization(replicate);
            train(&trial, Threads::Seq, 10 * STEPS).train_seconds
        })
        .collect();
    let threads = rayon::current_num_threads() as f64;
    let steps = (TRIALS * 10 * STEPS) as f64;
    println!(
        "d = {DIM}, r = 10, L = 3, core: {:.2} us a step and trial on {threads} threads, {TRIALS} trials",
        1e6 * seconds.iter().sum::<f64>() / threads / steps
    );
}

fn whole_trial() {
    let mut best = f64::INFINITY;
    let mut setup = f64::INFINITY;
    for replicate in 0..5 {
        let mut trial = factorization(replicate);
        trial.train.steps = STEPS;
        let clock = clock();
        let data = prepare(&trial).expect("data");
        let outcome = dln::run(&trial, &data, Threads::Seq, &clock).expect("serves");
        best = best.min(clock());
        setup = setup.min(outcome.setup_seconds);
    }
    println!(
        "d = {DIM}, r = 10, L = 3, {STEPS} steps, setup included, one core: {best:.4} s ({setup:.4} s setup)"
    );
}

fn factored() {
    let mut trial = setting::completion(DIM, DIM, 3, 0.2, 0);
    trial.train.engine = EngineChoice::Factored;
    trial.init.scales = vec![1e-3; 3];
    trial.optimizer.rate = 1000.0;
    let data = prepare(&trial).expect("data");
    let mut run = Run::new(&trial, &data, Threads::Pool, &|| 0.0).expect("serves");
    run.advance(200).expect("advances");
    let begun = Instant::now();
    run.advance(STEPS).expect("advances");
    let step = begun.elapsed().as_secs_f64() / STEPS as f64;
    drop(run);
    trial.train.stop_train_loss = Some(1e-13);
    let outcome = train(&trial, Threads::Pool, FIT_STEPS);
    let threads = rayon::current_num_threads();
    println!(
        "d = {DIM}, r = 5, 20 % observed, factored, {threads} threads: {:.3} ms a step; fit to {:.1e} in {} \
         steps, {:.1} s and {:.1} s setup",
        1e3 * step,
        outcome.last.train_loss.unwrap_or(f64::NAN),
        outcome.steps,
        outcome.train_seconds,
        outcome.setup_seconds
    );
}

/// Samples of the digits' shape: rank 61, classes in turn.
fn samples() -> Problem {
    let number = |i: usize, j: usize, seed: usize| {
        let hash = (i * 7919 + j * 104_729 + seed * 1_299_709 + i * j * 31) % 10_007;
        hash as f64 / 5003.5 - 1.0
    };
    let left = Array2::from_shape_fn((INPUTS, 61), |(i, j)| number(i, j, 1));
    let right = Array2::from_shape_fn((61, SAMPLES), |(i, j)| number(i, j, 2) / 8.0);
    let targets = Array2::from_shape_fn((CLASSES, SAMPLES), |(class, sample)| {
        if sample % CLASSES == class { 1.0 } else { 0.0 }
    });
    Problem {
        inputs_dim: INPUTS,
        outputs_dim: CLASSES,
        loss: dln::Loss::Mean,
        task: Task::Classification {
            samples: Samples {
                inputs: Inputs::Given(Given(Arc::new(left.dot(&right)))),
                targets: Targets::Given(Given(Arc::new(targets))),
                train: (0, SAMPLES),
                test: None,
                whiten: false,
            },
        },
    }
}

fn digits() {
    let mut trial = setting::completion(INPUTS, DIM, 4, 1.0, 0);
    trial.problem = samples();
    trial.init.scales = vec![0.7; 4];
    trial.optimizer.rate = 0.01;
    let step = |engine: EngineChoice, steps: u64| {
        let mut trial = trial.clone();
        trial.train.engine = engine;
        let outcome = train(&trial, Threads::Seq, steps);
        (outcome.train_seconds / steps as f64, outcome)
    };
    let (core, outcome) = step(EngineChoice::Reduced, 5000);
    let (folded, _) = step(EngineChoice::Full, 30);
    let unfolded = unfolded_step();
    println!(
        "digits' shape, width {DIM}, depth 4, core {}: {:.1} us a step; full {:.2} ms folded ({:.0} times), \
         {:.1} ms unfolded ({:.0} times)",
        outcome.core_width.unwrap_or(0),
        1e6 * core,
        1e3 * folded,
        folded / core,
        1e3 * unfolded,
        unfolded / core
    );
}

/// Seconds of the products of one step on all samples as they are: forward, backward and gradients.
fn unfolded_step() -> f64 {
    let sizes = [INPUTS, DIM, DIM, DIM, CLASSES];
    let weights: Vec<Mat<f64>> = sizes
        .windows(2)
        .map(|pair| {
            Mat::from_fn(pair[1], pair[0], |i, j| {
                ((i * 7 + j * 3) % 11) as f64 * 1e-3
            })
        })
        .collect();
    let mut activations: Vec<Mat<f64>> = sizes
        .iter()
        .map(|&size| Mat::from_fn(size, SAMPLES, |i, j| ((i + 3 * j) % 7) as f64))
        .collect();
    let mut gradients: Vec<Mat<f64>> = weights
        .iter()
        .map(|W| Mat::zeros(W.nrows(), W.ncols()))
        .collect();
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let begun = Instant::now();
        for (l, W) in weights.iter().enumerate() {
            let (below, above) = activations.split_at_mut(l + 1);
            matmul(&mut above[0], Accum::Replace, W, &below[l], 1.0, Par::Seq);
        }
        let mut back = activations[weights.len()].clone();
        for (l, W) in weights.iter().enumerate().rev() {
            let A = activations[l].transpose();
            matmul(&mut gradients[l], Accum::Replace, &back, A, 1.0, Par::Seq);
            if l > 0 {
                let mut next = Mat::zeros(W.ncols(), SAMPLES);
                matmul(
                    &mut next,
                    Accum::Replace,
                    W.transpose(),
                    &back,
                    1.0,
                    Par::Seq,
                );
                back = next;
            }
        }
        best = best.min(begun.elapsed().as_secs_f64());
    }
    best
}
