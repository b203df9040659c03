//! The digits under cross-entropy, batches, momentum, biases and a rate that changes: a wide network and its core.
#![expect(
    clippy::disallowed_methods,
    reason = "the digits are read here, at the edge"
)]
#![expect(non_snake_case, reason = "matrices keep the capitals of the papers")]

#[path = "../benches/setting/digits.rs"]
mod digits;

use digits::{CLASSES, PIXELS, read_digits};
use dln::{
    Activation, Data, Draw, EngineChoice, Given, Init, Inputs, LeakBlock, Loss, Measure, Metrics,
    Network, Optimizer, OptimizerKind, Outcome, Polar, Precision, Problem, Projected, Samples,
    Schedule, StartKind, Targets, Task, Threads, Train, Trial,
};

const STEPS: u64 = 500;

/// The first 400 digits, width 300, depth 4.
fn trial(schedule: Schedule, test: bool) -> Trial {
    let (X, Y) = read_digits();
    Trial {
        problem: Problem {
            inputs_dim: PIXELS,
            outputs_dim: CLASSES,
            loss: Loss::CrossEntropy,
            noise: 0.0,
            task: Task::Classification {
                samples: Samples {
                    inputs: Inputs::Given(Given::from(X)),
                    targets: Targets::Given(Given::from(Y)),
                    train: (0, 400),
                    split: None,
                    test: test.then_some((400, 1797)),
                    whiten: false,
                    center: false,
                    standardize: false,
                },
            },
        },
        network: Network {
            widths: vec![300; 3],
            activation: Activation::Linear,
            negative_slope: 0.01,
            nonlinear_layers: None,
            bias: true,
        },
        init: Init {
            kind: StartKind::Orthogonal,
            scales: vec![0.7; 4],
            weights: Vec::new(),
        },
        train: Train {
            engine: EngineChoice::Auto,
            precision: Precision::F64,
            steps: STEPS,
            stop_train_loss: None,
            stop_gradient_norm: None,
            batch: 32,
            projected: Projected::DEFAULT,
        },
        optimizer: Optimizer {
            kind: OptimizerKind::Momentum,
            rate: 0.02,
            momentum: 0.9,
            weight_decay: 0.0,
            factor_rate: 0.01,
            rank_estimate: 1,
            schedule,
            polar: Polar::NewtonSchulz,
        },
        measure: Measure {
            every: 50,
            metrics: Metrics {
                train_loss: true,
                test_loss: true,
                separation: true,
                ..Metrics::NONE
            },
            tolerance: None,
            leak_block: LeakBlock::Gradient,
        },
        draw: Draw {
            seed: 3,
            replicate: 0,
        },
    }
}

fn run(trial: &Trial, data: &Data, engine: EngineChoice) -> Outcome {
    let mut trial = trial.clone();
    trial.train.engine = engine;
    dln::run(&trial, data, Threads::Seq, &|| 0.0).expect("it runs")
}

/// The largest relative difference of the losses.
fn check(schedule: Schedule, test: bool) -> f64 {
    let trial = trial(schedule, test);
    let data = dln::prepare(&trial).expect("data");
    let (full, core) = (
        run(&trial, &data, EngineChoice::Full),
        run(&trial, &data, EngineChoice::Auto),
    );
    // 56 directions of the inputs, and 10 outputs.
    assert_eq!(core.core_width, Some(66));
    assert!(
        core.reduction_residual
            .is_some_and(|residual| residual < 1e-13)
    );
    assert_eq!(full.history.len(), 11);
    let mut largest = 0.0_f64;
    for (a, b) in full.history.iter().zip(&core.history) {
        let (x, y) = (a.scalars, b.scalars);
        assert_eq!((x.accuracy, x.test_accuracy), (y.accuracy, y.test_accuracy));
        let both = [(x.train_loss, y.train_loss), (x.test_loss, y.test_loss)];
        for (x, y) in both.into_iter().filter_map(|(x, y)| Some((x?, y?))) {
            largest = largest.max((x - y).abs() / x);
        }
    }
    for (a, b) in full.layers.iter().zip(&core.layers) {
        if let (Some(x), Some(y)) = (a.separation, b.separation) {
            assert!(
                (x - y).abs() <= 1e-9 * x,
                "layer {} at step {}",
                a.layer,
                a.step
            );
        }
    }
    let (first, last) = (full.history[0].scalars, full.last);
    assert!(last.train_loss < first.train_loss.map(|loss| 0.3 * loss));
    eprintln!("losses differ by at most {largest:.1e} over {STEPS} steps");
    largest
}

#[test]
fn cross_entropy_batches_momentum_and_biases_have_an_exact_core() {
    let cosine = Schedule::Cosine {
        alpha: 0.2,
        steps: STEPS,
    };
    assert!(check(cosine, false) <= 1e-11);
}

#[test]
fn held_out_digits_off_the_trained_directions_are_seen_too() {
    let slow = Schedule::List(vec![0.005]);
    assert!(check(slow, true) <= 1e-11);
}
