//! Rates of the full engine by activation: `cargo bench -p dln --bench activation_rate -- FIGURE`.
//!
//! FIGURE is one of
//!
//! - `wide`: a step at width 1000, depth 4 and 1,200 samples compared with the bare products of its shapes, on one
//!   thread;
//! - `small`: microseconds a step and trial at width 64, depth 3, 100 samples, 64 inputs and 10 outputs, eight trials
//!   on two threads: what `tests/measure/activations.py` compares with JAX;
//! - `entries`: nanoseconds that an activation adds to such a step for each entry of its layers.
//!
//! Without a word it prints all three.
#![expect(clippy::print_stdout, reason = "the figures are its output")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(non_snake_case, reason = "matrices keep the capitals of the papers")]

#[path = "setting/clock.rs"]
mod clock;
mod setting;

use std::hint::black_box;
use std::process::ExitCode;

use clock::{advance, timed};
use dln::{
    Activation, Inputs, Precision, Run, Samples, SingularValues, StartKind, Targets, Task, Threads,
    Trial, prepare,
};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use rayon::prelude::*;

/// Inputs, hidden widths, outputs, samples.
struct Sizes {
    dims: &'static [usize],
    samples: usize,
}

const WIDE: Sizes = Sizes {
    dims: &[1000, 1000, 1000, 1000, 10],
    samples: 1200,
};
const SMALL: Sizes = Sizes {
    dims: &[64, 64, 64, 10],
    samples: 100,
};

/// Rounds in which both sides take turns, so that they see the machine in the same state.
const ROUNDS: usize = 5;
const WIDE_STEPS: u64 = 2;
const SMALL_STEPS: u64 = 4_000;
const TRIALS: u64 = 8;
const THREADS: usize = 2;

fn main() -> ExitCode {
    let figures: [(&str, fn()); 3] = [("wide", wide), ("small", small), ("entries", entries)];
    // `cargo bench` adds `--bench`.
    let words = std::env::args().skip(1);
    let asked: Vec<String> = words.filter(|word| !word.starts_with('-')).collect();
    let is_figure = |word: &str| figures.iter().any(|&(name, _)| name == word);
    if let Some(other) = asked.iter().find(|word| !is_figure(word)) {
        eprintln!("`{other}` is no figure: wide, small or entries");
        return ExitCode::from(2);
    }
    println!("instruction set {}", dln::isa());
    for (name, figure) in figures {
        if asked.is_empty() || asked.iter().any(|word| word == name) {
            println!("\n$ cargo bench -p dln --bench activation_rate -- {name}");
            figure();
        }
    }
    ExitCode::SUCCESS
}

/// Regression on Gaussian inputs, gradient descent from a Gaussian start, measured at both ends alone.
fn trial(sizes: &Sizes, activation: Activation, precision: Precision, replicate: u64) -> Trial {
    let (dims, count) = (sizes.dims, sizes.samples);
    let depth = dims.len() - 1;
    let mut trial = setting::completion(dims[0], dims[1], depth, 1.0, replicate);
    trial.problem.outputs_dim = dims[depth];
    trial.problem.task = Task::Regression {
        samples: Samples {
            inputs: Inputs::Gaussian {
                count,
                noise: 0.0,
                rank: None,
                condition: None,
            },
            targets: Targets::Teacher {
                rank: 5,
                singular_values: SingularValues::Flat,
            },
            train: (0, count),
            test: None,
            center: false,
            standardize: false,
            whiten: false,
            split: None,
        },
    };
    trial.network.activation = activation;
    trial.network.negative_slope = 0.1;
    trial.init.kind = StartKind::Gaussian;
    trial.train.precision = precision;
    trial.optimizer.rate = 1e-3;
    trial
}

/// The activations that a network of samples can have; the linear one would be folded.
fn nonlinear() -> impl Iterator<Item = Activation> {
    let all = Activation::ALL.iter().copied();
    all.filter(|activation| !activation.is_linear())
}

/// The products of one step, by plain faer: forward, gradients of the layers, gradients of the features.
struct Products {
    weights: Vec<Mat<f64>>,
    /// Features of the inputs and of every layer.
    features: Vec<Mat<f64>>,
    gradients: Vec<Mat<f64>>,
}

impl Products {
    fn new(sizes: &Sizes) -> Products {
        let number = |i: usize, j: usize| ((i * 7 + j * 3) % 11) as f64 / 11.0 - 0.5;
        let pairs = || sizes.dims.windows(2);
        let matrices = || pairs().map(|pair| Mat::from_fn(pair[1], pair[0], number));
        let features = sizes.dims.iter();
        Products {
            weights: matrices().collect(),
            gradients: matrices().collect(),
            features: features
                .map(|&d| Mat::from_fn(d, sizes.samples, number))
                .collect(),
        }
    }

    fn step(&mut self) {
        let one = Accum::Replace;
        for (l, W) in self.weights.iter().enumerate() {
            let (below, above) = self.features.split_at_mut(l + 1);
            matmul(&mut above[0], one, W, &below[l], 1e-3, Par::Seq);
        }
        for (l, W) in self.weights.iter().enumerate().rev() {
            let (below, above) = self.features.split_at_mut(l + 1);
            let (A, B) = (&mut below[l], &above[0]);
            let G = &mut self.gradients[l];
            matmul(G, one, B, A.transpose(), 1e-3, Par::Seq);
            if l > 0 {
                matmul(A, one, W.transpose(), B, 1e-3, Par::Seq);
            }
        }
        black_box(&mut self.gradients);
    }
}

fn wide() {
    let mut products = Products::new(&WIDE);
    for activation in nonlinear() {
        let trial = trial(&WIDE, activation, Precision::F64, 0);
        let data = prepare(&trial).expect("data");
        let mut run = Run::new(&trial, &data, Threads::Seq, &|| 0.0).expect("starts");
        let (mut bare, mut steps) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..=ROUNDS {
            bare = bare.min(timed(|| (0..WIDE_STEPS).for_each(|_| products.step())));
            steps = steps.min(timed(|| advance(&mut run, WIDE_STEPS)));
        }
        let each = 1e3 / WIDE_STEPS as f64;
        println!(
            "{}: step {:.1} ms, its bare products {:.1} ms; share {:.1} %",
            activation.name(),
            steps * each,
            bare * each,
            100.0 * bare / steps
        );
    }
}

fn small() {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(THREADS)
        .build()
        .expect("a pool");
    for precision in [Precision::F64, Precision::F32] {
        for activation in nonlinear() {
            let seconds = (0..ROUNDS).map(|_| {
                pool.install(|| {
                    timed(|| {
                        let trials = (0..TRIALS).into_par_iter();
                        trials.for_each(|replicate| {
                            train(&trial(&SMALL, activation, precision, replicate));
                        });
                    })
                })
            });
            let fastest = seconds.fold(f64::INFINITY, f64::min);
            println!(
                "{} {}: {:.1} us a step and trial",
                activation.name(),
                precision.name(),
                1e6 * fastest / (TRIALS * SMALL_STEPS) as f64
            );
        }
    }
}

fn entries() {
    let entries = (SMALL.dims[1..3].iter().sum::<usize>() * SMALL.samples) as f64;
    let step = |activation, layers| {
        let mut trial = trial(&SMALL, activation, Precision::F64, 0);
        trial.network.nonlinear_layers = Some(layers);
        let data = prepare(&trial).expect("data");
        let mut run = Run::new(&trial, &data, Threads::Seq, &|| 0.0).expect("starts");
        let rounds = (0..ROUNDS).map(|_| timed(|| advance(&mut run, SMALL_STEPS)));
        rounds.fold(f64::INFINITY, f64::min) / SMALL_STEPS as f64
    };
    for activation in nonlinear() {
        // Without any the network would be folded: one layer less stands for all.
        let seconds = 2.0 * (step(activation, 2) - step(activation, 1));
        println!(
            "{}: {:.2} ns an entry",
            activation.name(),
            1e9 * seconds / entries
        );
    }
}

fn train(trial: &Trial) {
    let data = prepare(trial).expect("data");
    let mut run = Run::new(trial, &data, Threads::Seq, &|| 0.0).expect("starts");
    advance(&mut run, SMALL_STEPS);
}
