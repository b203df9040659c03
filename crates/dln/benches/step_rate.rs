//! Rates of the full engine: `cargo bench -p dln --bench step_rate`.
//!
//! Prints (1) the rate of a step at d = 1000, L = 3, masked, beside a bare product's on the same threads in
//! the same run, and (2) microseconds a step and replicate at d = 100, width 50, L = 3, masked, six
//! replicates on two threads.
#![expect(clippy::print_stdout, reason = "the figures are its output")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod setting;

use std::hint::black_box;
use std::time::Instant;

use dln::{Progress, Run, Threads, prepare};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use rayon::prelude::*;

const DIM: usize = 1000;
/// Rounds in which products and steps take turns, so that both see the machine in the same state.
const ROUNDS: usize = 5;
const STEPS_A_ROUND: u64 = 4;
const PRODUCTS_A_ROUND: usize = 12;

const REPLICATES: u64 = 6;
const SMALL_STEPS: u64 = 20_000;

fn main() {
    println!("instruction set {}", dln::isa());
    pool(1).install(|| wide(1));
    let most = rayon::current_num_threads();
    if most > 1 {
        pool(most).install(|| wide(most));
    }
    for observed in [0.2, 0.3, 0.5] {
        pool(2).install(|| narrow(observed));
    }
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("a pool")
}

/// d = 1000, L = 3, 20 % observed: operations a second of a step and of a bare product.
fn wide(threads: usize) {
    let trial = setting::completion(DIM, DIM, 3, 0.2, 0);
    let data = prepare(&trial).expect("data");
    let mut run = Run::new(&trial, &data, Threads::Pool, &|| 0.0).expect("starts");
    run.advance(2).expect("advances");
    let a = Mat::<f64>::from_fn(DIM, DIM, |i, j| ((i * 7 + j * 3) % 11) as f64);
    let b = Mat::<f64>::from_fn(DIM, DIM, |i, j| ((i * 5 + j * 2) % 13) as f64);
    let mut c = Mat::<f64>::zeros(DIM, DIM);
    let par = if threads == 1 {
        Par::Seq
    } else {
        Par::rayon(threads)
    };
    let (mut products, mut steps) = (0.0, 0.0);
    for round in 0..=ROUNDS {
        let begun = Instant::now();
        for _ in 0..PRODUCTS_A_ROUND {
            matmul(&mut c, Accum::Replace, &a, &b, 1.0, par);
            black_box(&mut c);
        }
        let between = Instant::now();
        run.advance(STEPS_A_ROUND).expect("advances");
        // The first round warms up.
        if round > 0 {
            products += (between - begun).as_secs_f64();
            steps += between.elapsed().as_secs_f64();
        }
    }
    let taken = run.steps();
    let flops = run.finish().flops / taken as f64;
    let step_count = (ROUNDS as u64 * STEPS_A_ROUND) as f64;
    let product_count = (ROUNDS * PRODUCTS_A_ROUND) as f64;
    let step_rate = flops * step_count / steps;
    let product_rate = 2.0 * (DIM as f64).powi(3) * product_count / products;
    println!(
        "d = {DIM}, L = 3, masked, {threads} threads: step {:.1} ms, {:.1} GFLOP/s; bare product {:.1} \
         GFLOP/s; share {:.1} %",
        1e3 * steps / step_count,
        step_rate / 1e9,
        product_rate / 1e9,
        100.0 * step_rate / product_rate
    );
}

/// d = 100, width 50, L = 3: six replicates side by side, wall time over steps and replicates.
fn narrow(observed: f64) {
    let begun = Instant::now();
    let flops: Vec<f64> = (0..REPLICATES)
        .into_par_iter()
        .map(|replicate| {
            let trial = setting::completion(100, 50, 3, observed, replicate);
            let data = prepare(&trial).expect("data");
            let mut run = Run::new(&trial, &data, Threads::Seq, &|| 0.0).expect("starts");
            let progress = run.advance(SMALL_STEPS).expect("advances");
            assert_eq!(progress, Progress::Running, "diverged");
            run.finish().flops
        })
        .collect();
    let seconds = begun.elapsed().as_secs_f64();
    let all = (REPLICATES * SMALL_STEPS) as f64;
    println!(
        "d = 100, width 50, L = 3, {:.0} % observed, {REPLICATES} replicates on 2 threads: {:.1} us a step \
         and replicate, {:.1} GFLOP/s together",
        100.0 * observed,
        1e6 * seconds / all,
        flops.iter().sum::<f64>() / seconds / 1e9
    );
}
