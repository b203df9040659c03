//! Rates of the reduced and the factored engine: `cargo bench -p dln --bench reduced_rate -- FIGURE`.
//!
//! FIGURE is one of
//!
//! - `step`: a step of the core of a factorization at d = 1000, r = 10, L = 3, many trials on two threads;
//! - `trial`: one whole trial of that setting, 2,000 steps, setup included, on one thread;
//! - `factored`: a step of the compressed network of a completion, d = 1000, r = 5, 20 % observed, on two threads;
//! - `fit`: that network from its setup to a train loss of 1e-13 (half a minute);
//! - `digits`: the 1,797 digits at width 1000 and depth 4 on one thread: a step of the core beside a step of the
//!   full engine, whose samples are folded, and against a step on all samples as they are;
//! - `batch`: 400 digits with cross-entropy, batches of 32, biases and momentum at width 1000 and depth 4 on one thread: a
//!   step of the core of 66 against its bare products at those shapes, and against a step of the full engine.
//!
//! Without a word it prints all six. Each line of output stands below the machine, its instruction set and
//! the command that prints it again.
#![expect(clippy::print_stdout, reason = "the figures are its output")]
#![expect(non_snake_case, reason = "matrices keep the capitals of the papers")]
#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock, and the digits from their file"
)]

#[path = "setting/clock.rs"]
mod clock;
#[path = "setting/digits.rs"]
mod digits;
mod setting;

use std::process::ExitCode;
use std::sync::Barrier;
use std::time::Instant;

use clock::{advance, timed};
use digits::{CLASSES, PIXELS, read_digits};
use dln::{
    Data, EngineChoice, Given, Inputs, Loss, Metrics, OptimizerKind, Outcome, Progress, Run,
    Samples, SingularValues, Status, Target, Targets, Task, Threads, Trial, prepare,
};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use ndarray::ArrayView2;

const DIM: usize = 1000;
const LAYERS: usize = 3;

/// Trials side by side in `step`, and steps of each.
const TRIALS: usize = 64;
const STEPS: u64 = 20_000;
const THREADS: usize = 2;

/// Steps of a whole trial.
const TRIAL_STEPS: u64 = 2_000;
/// Trials of which the fastest counts.
const REPEATS: u64 = 5;

/// Step size at which the compressed network needs the papers' 19,500 steps or so.
const FIT_RATE: f64 = 5_000.0;
const FIT_LOSS: f64 = 1e-13;
/// Where a fit that fails gives up.
const FIT_STEPS: u64 = 100_000;
const FACTORED_STEPS: u64 = 2_000;

const DIGITS_WIDTH: usize = 1000;
const DIGITS_DEPTH: usize = 4;
/// Rounds in which the three take turns, so that all see the machine in the same state, and steps of each in
/// a round.
const ROUNDS: usize = 3;
const CORE_STEPS: u64 = 2_000;
const FULL_STEPS: u64 = 20;

fn main() -> ExitCode {
    let figures: [(&str, fn()); 6] = [
        ("step", step),
        ("trial", trial),
        ("factored", factored),
        ("fit", fit),
        ("digits", digits),
        ("batch", batch),
    ];
    // `cargo bench` adds `--bench`.
    let words = std::env::args().skip(1);
    let asked: Vec<String> = words.filter(|word| !word.starts_with('-')).collect();
    let is_figure = |word: &str| figures.iter().any(|&(name, _)| name == word);
    if let Some(other) = asked.iter().find(|word| !is_figure(word)) {
        eprintln!("`{other}` is no figure: step, trial, factored, fit, digits or batch");
        return ExitCode::from(2);
    }
    println!(
        "machine: {}, {} cores, instruction set {}",
        processor(),
        cores(),
        dln::isa()
    );
    for (name, figure) in figures {
        if asked.is_empty() || asked.iter().any(|word| word == name) {
            println!("\n$ cargo bench -p dln --bench reduced_rate -- {name}");
            figure();
        }
    }
    ExitCode::SUCCESS
}

/// The processor's name, where the system reports it.
fn processor() -> String {
    let all = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = all.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split_once(':'));
    name.map_or_else(
        || "unknown processor".to_owned(),
        |(_, name)| name.trim().to_owned(),
    )
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("a pool")
}

/// The factorization of sweeps/fig-equivalent-trajectories.toml on its core.
fn factorization(replicate: u64) -> Trial {
    let mut trial = setting::completion(DIM, DIM, LAYERS, 1.0, replicate);
    trial.problem.task = Task::Factorization {
        target: Target::Drawn {
            rank: 10,
            singular_values: SingularValues::Gaussian,
        },
    };
    trial.init.scales = vec![0.1; LAYERS];
    trial.train.engine = EngineChoice::Reduced;
    trial.optimizer.rate = 200.0;
    trial
}

fn step() {
    let barrier = Barrier::new(THREADS);
    let seconds: Vec<f64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let barrier = &barrier;
                scope.spawn(move || side_by_side(thread, barrier))
            })
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.map(|seconds| seconds.expect("no panic")).collect()
    });
    // Wall time: that of the slower thread.
    let slowest = seconds.into_iter().fold(0.0, f64::max);
    println!(
        "d = {DIM}, r = 10, L = {LAYERS}, core of 20: {:.3} us a step and trial ({TRIALS} trials of {STEPS} steps on \
         {THREADS} threads, wall time; wanted: at most 2)",
        1e6 * slowest / (TRIALS as f64 * STEPS as f64)
    );
}

/// One thread's share of the trials, set up before any thread begins; seconds of its steps.
fn side_by_side(thread: usize, barrier: &Barrier) -> f64 {
    let share = (0..TRIALS).filter(|trial| trial % THREADS == thread);
    let ready: Vec<(Trial, Data)> = share
        .map(|replicate| {
            let trial = factorization(replicate as u64);
            let data = prepare(&trial).expect("data");
            (trial, data)
        })
        .collect();
    let mut runs: Vec<Run<'_>> = ready
        .iter()
        .map(|(trial, data)| {
            let mut run = Run::new(trial, data, Threads::Seq, &|| 0.0).expect("the law holds");
            // Step 0 is measured; that is no part of a step.
            run.advance(1).expect("advances");
            run
        })
        .collect();
    barrier.wait();
    let begun = Instant::now();
    for run in &mut runs {
        let progress = run.advance(STEPS).expect("advances");
        assert_eq!(progress, Progress::Running, "diverged");
    }
    let seconds = begun.elapsed().as_secs_f64();
    for run in runs {
        assert_eq!(run.finish().core_width, Some(20));
    }
    seconds
}

fn trial() {
    let ends = fastest(|replicate| {
        let mut trial = factorization(replicate);
        trial.train.steps = TRIAL_STEPS;
        trial
    });
    let often = fastest(|replicate| {
        let mut trial = factorization(replicate);
        trial.train.steps = TRIAL_STEPS;
        trial.measure.every = 50;
        trial.measure.metrics = Metrics {
            train_loss: true,
            effective_rank: true,
            nuclear_norm: true,
            ..Metrics::default()
        };
        trial
    });
    for ((seconds, outcome), measured) in [(ends, "at both ends"), (often, "every 50 steps")] {
        println!(
            "d = {DIM}, r = 10, L = {LAYERS}, {TRIAL_STEPS} steps, setup included, one thread, measured {measured}: \
             {seconds:.4} s (data and setup {:.4}, steps {:.4}, measurements {:.4}; residual {:.1e}; wanted: \
             under 0.1)",
            seconds - outcome.train_seconds - outcome.measure_seconds,
            outcome.train_seconds,
            outcome.measure_seconds,
            outcome.reduction_residual.unwrap_or(f64::NAN)
        );
    }
}

/// Seconds of the fastest of some trials, data and setup included, and its outcome.
fn fastest(trial: impl Fn(u64) -> Trial) -> (f64, Outcome) {
    let all = (0..REPEATS).map(|replicate| {
        let trial = trial(replicate);
        let begun = Instant::now();
        let clock = || begun.elapsed().as_secs_f64();
        let data = prepare(&trial).expect("data");
        let outcome = dln::run(&trial, &data, Threads::Seq, &clock).expect("the law holds");
        let seconds = clock();
        assert_eq!(
            (outcome.status, outcome.steps),
            (Status::Completed, TRIAL_STEPS)
        );
        (seconds, outcome)
    });
    all.min_by(|a, b| a.0.total_cmp(&b.0)).expect("some trials")
}

/// The completion of sweeps/fig-completion.toml, compressed, its factors at a hundredth of the rate.
fn completion() -> Trial {
    let mut trial = setting::completion(DIM, DIM, LAYERS, 0.2, 0);
    trial.init.scales = vec![1e-3; LAYERS];
    trial.train.engine = EngineChoice::Factored;
    trial.optimizer.rate = FIT_RATE;
    trial.optimizer.factor_rate = 0.01;
    trial.optimizer.rank_estimate = 5;
    trial
}

fn factored() {
    let trial = completion();
    let data = prepare(&trial).expect("data");
    let (seconds, outcome) = pool(THREADS).install(|| {
        let mut run =
            Run::new(&trial, &data, Threads::Pool, &|| 0.0).expect("it can be compressed");
        run.advance(200).expect("advances");
        let begun = Instant::now();
        let progress = run.advance(FACTORED_STEPS).expect("advances");
        let seconds = begun.elapsed().as_secs_f64();
        assert_eq!(progress, Progress::Running, "diverged");
        (seconds, run.finish())
    });
    let flops = outcome.flops / outcome.steps as f64;
    let a_step = seconds / FACTORED_STEPS as f64;
    println!(
        "d = {DIM}, r = 5, 20 % observed, factors of 10 columns: {:.4} ms a step on {THREADS} threads, {:.1} GFLOP/s \
         (wanted: under 0.6 ms)",
        1e3 * a_step,
        flops / a_step / 1e9
    );
}

fn fit() {
    let mut trial = completion();
    trial.train.steps = FIT_STEPS;
    trial.train.stop_train_loss = Some(FIT_LOSS);
    trial.measure.metrics.test_loss = true;
    let begun = Instant::now();
    let clock = || begun.elapsed().as_secs_f64();
    let data = prepare(&trial).expect("data");
    let outcome = pool(THREADS).install(|| {
        dln::run(&trial, &data, Threads::Pool, &|| {
            begun.elapsed().as_secs_f64()
        })
        .expect("it can be compressed")
    });
    println!(
        "the whole fit: train loss {:.2e} and test loss {:.2e} after {} steps, {:.2} s on {THREADS} threads (steps \
         {:.2}, data and setup {:.2}; rate {FIT_RATE}; wanted: 1e-13 in under 13 s)",
        outcome.last.train_loss.unwrap_or(f64::NAN),
        outcome.last.test_loss.unwrap_or(f64::NAN),
        outcome.steps,
        clock(),
        outcome.train_seconds,
        clock() - outcome.train_seconds - outcome.measure_seconds
    );
}

/// Of the curves side by side.
const CURVE_STEPS: u64 = 500;

fn digits() {
    let (X, Y) = read_digits();
    let mut trial = setting::completion(PIXELS, DIGITS_WIDTH, DIGITS_DEPTH, 1.0, 0);
    trial.problem.outputs_dim = CLASSES;
    trial.problem.task = Task::Classification {
        samples: Samples {
            inputs: Inputs::Given(Given::from(X.clone())),
            targets: Targets::Given(Given::from(Y.clone())),
            train: (0, X.ncols()),
            test: None,
            whiten: false,
            center: false,
            standardize: false,
            split: None,
        },
    };
    trial.init.scales = vec![0.7; DIGITS_DEPTH];
    trial.optimizer.rate = 0.2;
    let mut reduced = trial.clone();
    reduced.train.engine = EngineChoice::Reduced;
    let data = prepare(&trial).expect("data");
    let mut core = Run::new(&reduced, &data, Threads::Seq, &|| 0.0).expect("the law holds");
    let mut full = Run::new(&trial, &data, Threads::Seq, &|| 0.0).expect("starts");
    let mut unfolded = Unfolded::new(X.view(), Y.view(), trial.optimizer.rate);
    for run in [&mut core, &mut full] {
        run.advance(1).expect("advances");
    }
    let mut seconds = [0.0; 3];
    for round in 0..=ROUNDS {
        let marks = [
            timed(|| advance(&mut core, CORE_STEPS)) / CORE_STEPS as f64,
            timed(|| advance(&mut full, FULL_STEPS)) / FULL_STEPS as f64,
            timed(|| unfolded.step()),
        ];
        // The first round warms up.
        if round > 0 {
            for (sum, mark) in seconds.iter_mut().zip(marks) {
                *sum += mark / ROUNDS as f64;
            }
        }
    }
    let [of_core, of_full, of_unfolded] = seconds;
    let (core, full) = (core.finish(), full.finish());
    let flops = |outcome: &Outcome| outcome.flops / outcome.steps as f64;
    println!(
        "digits ({} samples), width {DIGITS_WIDTH}, depth {DIGITS_DEPTH}, one thread:",
        X.ncols()
    );
    println!(
        "  reduced, core of {}: {:.1} us a step, {:.2} MFLOP (wanted: at most 150 us)",
        core.core_width.unwrap_or(0),
        1e6 * of_core,
        flops(&core) / 1e6
    );
    println!(
        "  full, samples folded: {:.2} ms a step, {:.0} MFLOP: {:.0} times (wanted: at least 60)",
        1e3 * of_full,
        flops(&full) / 1e6,
        of_full / of_core
    );
    println!(
        "  full, samples as they are: {:.0} ms a step, {:.1} GFLOP: {:.0} times (wanted: at least 1,000)",
        1e3 * of_unfolded,
        dln::flops::unfolded_step(&trial) / 1e9,
        of_unfolded / of_core
    );
    curves(&trial, &reduced, &data);
}

/// Samples of a step of `batch`, and of all that are trained on.
const BATCH: usize = 32;
const BATCH_SAMPLES: usize = 400;
/// Steps of the wide network in a round of `batch`.
const WIDE_STEPS: u64 = 50;

fn batch() {
    let (X, Y) = read_digits();
    let mut trial = setting::completion(PIXELS, DIGITS_WIDTH, DIGITS_DEPTH, 1.0, 0);
    trial.problem.outputs_dim = CLASSES;
    trial.problem.loss = Loss::CrossEntropy;
    trial.problem.task = Task::Classification {
        samples: Samples {
            inputs: Inputs::Given(Given::from(X)),
            targets: Targets::Given(Given::from(Y)),
            train: (0, BATCH_SAMPLES),
            split: None,
            test: None,
            whiten: false,
            center: false,
            standardize: false,
        },
    };
    trial.network.bias = true;
    trial.init.scales = vec![0.7; DIGITS_DEPTH];
    trial.train.batch = BATCH;
    trial.optimizer.kind = OptimizerKind::Momentum;
    trial.optimizer.rate = 0.005;
    let mut reduced = trial.clone();
    reduced.train.engine = EngineChoice::Reduced;
    let data = prepare(&trial).expect("data");
    let mut core = Run::new(&reduced, &data, Threads::Seq, &|| 0.0).expect("the law holds");
    let mut full = Run::new(&trial, &data, Threads::Seq, &|| 0.0).expect("starts");
    let mut bare = BareProducts::new(&[56, 66, 66, 66, CLASSES], BATCH);
    for run in [&mut core, &mut full] {
        run.advance(1).expect("advances");
    }
    let mut seconds = [0.0; 3];
    for round in 0..=ROUNDS {
        let marks = [
            timed(|| advance(&mut core, CORE_STEPS)) / CORE_STEPS as f64,
            timed(|| (0..CORE_STEPS).for_each(|_| bare.step())) / CORE_STEPS as f64,
            timed(|| advance(&mut full, WIDE_STEPS)) / WIDE_STEPS as f64,
        ];
        // The first round warms up.
        if round > 0 {
            for (sum, mark) in seconds.iter_mut().zip(marks) {
                *sum += mark / ROUNDS as f64;
            }
        }
    }
    let [of_core, of_products, of_full] = seconds;
    let core = core.finish();
    assert_eq!(core.core_width, Some(66));
    println!(
        "{BATCH_SAMPLES} digits, cross-entropy, batches of {BATCH}, biases, momentum, width {DIGITS_WIDTH}, depth \
         {DIGITS_DEPTH}, one thread:"
    );
    println!(
        "  reduced, core of 66: {:.1} us a step, {:.2} MFLOP; its bare products {:.1} us: {:.0} % of their rate (wanted: \
         at least 70)",
        1e6 * of_core,
        core.flops / core.steps as f64 / 1e6,
        1e6 * of_products,
        100.0 * of_products / of_core
    );
    println!(
        "  full: {:.2} ms a step: {:.0} times",
        1e3 * of_full,
        of_full / of_core
    );
}

/// The products of a step on `n` samples, and nothing else.
struct BareProducts {
    weights: Vec<Mat<f64>>,
    gradients: Vec<Mat<f64>>,
    activations: Vec<Mat<f64>>,
    errors: Vec<Mat<f64>>,
}

impl BareProducts {
    fn new(widths: &[usize], samples: usize) -> BareProducts {
        let filled = |rows, columns| {
            Mat::from_fn(rows, columns, |i, j| {
                ((i * 31 + j * 17) % 13) as f64 / 130.0
            })
        };
        let shapes = || widths.windows(2).map(|pair| (pair[1], pair[0]));
        let by_sample = || widths.iter().map(|&width| filled(width, samples)).collect();
        BareProducts {
            weights: shapes()
                .map(|(rows, columns)| filled(rows, columns))
                .collect(),
            gradients: shapes()
                .map(|(rows, columns)| Mat::zeros(rows, columns))
                .collect(),
            activations: by_sample(),
            errors: by_sample(),
        }
    }

    fn step(&mut self) {
        let replace = Accum::Replace;
        let depth = self.weights.len();
        for l in 0..depth {
            let (below, above) = self.activations.split_at_mut(l + 1);
            matmul(
                &mut above[0],
                replace,
                &self.weights[l],
                &below[l],
                1.0,
                Par::Seq,
            );
        }
        for l in (0..depth).rev() {
            let (below, above) = self.errors.split_at_mut(l + 1);
            let E = &above[0];
            let A = self.activations[l].transpose();
            matmul(&mut self.gradients[l], replace, E, A, 1.0, Par::Seq);
            if l > 0 {
                let W = self.weights[l].transpose();
                matmul(&mut below[l], replace, W, E, 1.0, Par::Seq);
            }
        }
        let probe = self.gradients[0][(0, 0)];
        assert!(probe.is_finite(), "diverged");
    }
}

/// The loss of both networks side by side, and what the curve cost.
fn curves(trial: &Trial, reduced: &Trial, data: &Data) {
    let curve = |trial: &Trial| {
        let mut trial = trial.clone();
        (trial.train.steps, trial.measure.every) = (CURVE_STEPS, CURVE_STEPS / 5);
        let begun = Instant::now();
        let clock = || begun.elapsed().as_secs_f64();
        dln::run(&trial, data, Threads::Seq, &clock).expect("the law holds")
    };
    let (full, core) = (curve(trial), curve(reduced));
    println!("  train loss     wide network         its core  relative difference");
    let losses = |outcome: &Outcome| -> Vec<f64> {
        let rows = outcome.history.iter();
        rows.filter_map(|row| row.scalars.train_loss).collect()
    };
    let (of_full, of_core) = (losses(&full), losses(&core));
    for (row, (a, b)) in full.history.iter().zip(of_full.iter().zip(&of_core)) {
        let difference = (a - b).abs() / a;
        println!(
            "  step {:5} {a:16.13} {b:16.13} {difference:20.1e}",
            row.step
        );
        assert!(difference <= 1e-11, "the law does not hold");
    }
    println!(
        "  {CURVE_STEPS} steps: {:.2} s and {:.1} GFLOP on the wide network, {:.4} s and {:.3} GFLOP on its core",
        full.train_seconds,
        full.flops / 1e9,
        core.train_seconds,
        core.flops / 1e9
    );
}

/// Gradient descent on all samples as they are: what the full engine does not do, since folding them gives the
/// same numbers for less.
struct Unfolded {
    /// `W_1 .. W_L`.
    weights: Vec<Mat<f64>>,
    gradients: Vec<Mat<f64>>,
    /// `X` and what each layer makes of it.
    activations: Vec<Mat<f64>>,
    /// Gradients in the activations.
    errors: Vec<Mat<f64>>,
    Y: Mat<f64>,
    rate: f64,
}

impl Unfolded {
    /// Weights of the size of the other two networks'; their values do not matter for the time.
    fn new(X: ArrayView2<'_, f64>, Y: ArrayView2<'_, f64>, rate: f64) -> Unfolded {
        let n = X.ncols();
        let mut sizes = [DIGITS_WIDTH; DIGITS_DEPTH + 1];
        sizes[0] = PIXELS;
        sizes[DIGITS_DEPTH] = CLASSES;
        let shapes = || sizes.windows(2).map(|pair| (pair[1], pair[0]));
        let weights = shapes().map(|(rows, columns)| {
            Mat::from_fn(rows, columns, |i, j| {
                let sign = ((i * 31 + j * 17 + i * j) % 13) as f64 - 6.0;
                0.1 * sign / (rows.max(columns) as f64).sqrt()
            })
        });
        let by_sample = || sizes.iter().map(move |&size| Mat::zeros(size, n));
        let mut activations: Vec<Mat<f64>> = by_sample().collect();
        activations[0] = Mat::from_fn(PIXELS, n, |i, j| X[[i, j]]);
        Unfolded {
            weights: weights.collect(),
            gradients: shapes()
                .map(|(rows, columns)| Mat::zeros(rows, columns))
                .collect(),
            activations,
            errors: by_sample().collect(),
            Y: Mat::from_fn(CLASSES, n, |i, j| Y[[i, j]]),
            rate,
        }
    }

    fn step(&mut self) {
        let depth = self.weights.len();
        for l in 0..depth {
            let (below, above) = self.activations.split_at_mut(l + 1);
            matmul(
                &mut above[0],
                Accum::Replace,
                &self.weights[l],
                &below[l],
                1.0,
                Par::Seq,
            );
        }
        let scale = 1.0 / (self.Y.nrows() * self.Y.ncols()) as f64;
        for j in 0..self.Y.ncols() {
            for i in 0..self.Y.nrows() {
                self.errors[depth][(i, j)] =
                    scale * (self.activations[depth][(i, j)] - self.Y[(i, j)]);
            }
        }
        for l in (0..depth).rev() {
            let (below, above) = self.errors.split_at_mut(l + 1);
            let E = &above[0];
            let A = self.activations[l].transpose();
            matmul(&mut self.gradients[l], Accum::Replace, E, A, 1.0, Par::Seq);
            if l > 0 {
                let W = self.weights[l].transpose();
                matmul(&mut below[l], Accum::Replace, W, E, 1.0, Par::Seq);
            }
        }
        for (W, G) in self.weights.iter_mut().zip(&self.gradients) {
            for j in 0..W.ncols() {
                for i in 0..W.nrows() {
                    W[(i, j)] -= self.rate * G[(i, j)];
                }
            }
        }
        let probe = self.weights[0][(0, 0)];
        assert!(probe.is_finite(), "diverged");
    }
}
