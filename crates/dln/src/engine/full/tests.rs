//! Gradients against central differences, by every way to them; threads and precisions.

use ndarray::Array2;

use super::network::Full;
use super::pass::Pass;
use crate::config::*;
use crate::data::fixture::{classification, completion, factorization, trial};
use crate::data::prepare;
use crate::engine::Engine;
use crate::init;
use crate::kernel::Threads;
use crate::kernel::simd::Lane;

/// The way to the gradients that shapes and mask should lead to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Samples,
    Outputs,
    Observed,
}

fn way<T>(pass: &Pass<T>) -> Way {
    match pass {
        Pass::Samples(_) => Way::Samples,
        Pass::Outputs(_) => Way::Outputs,
        Pass::Observed(_) => Way::Observed,
    }
}

fn gaussian(problem: Problem, widths: &[usize], activation: Activation) -> Trial {
    let mut trial = trial(problem, widths);
    trial.network.activation = activation;
    trial.init.kind = StartKind::Gaussian;
    trial
}

/// Every gradient entry against central differences of the loss, the norm against the entries, and the
/// update against the rule, at both scales of the loss and with and without weight decay.
fn check(problem: &Problem, widths: &[usize], activation: Activation, wanted: Way) {
    for loss in [Loss::Mean, Loss::Sum] {
        for weight_decay in [0.0, 0.3] {
            let problem = Problem {
                loss,
                ..problem.clone()
            };
            let mut trial = gaussian(problem, widths, activation);
            trial.optimizer.weight_decay = weight_decay;
            check_one(&trial, wanted);
        }
    }
}

fn check_one(trial: &Trial, wanted: Way) {
    let data = prepare(trial).expect("data");
    let start = init::weights(trial).expect("weights");
    let mut full = Full::<f64>::new(trial, &data, Threads::Seq, &start);
    assert_eq!(way(&full.pass), wanted, "{trial:?}");
    full.loss();
    let norm = full.gradient_norm();
    let gradients = full.gradients.clone();
    let (rate, decay) = (trial.optimizer.rate, trial.optimizer.weight_decay);
    let step = 1e-5;
    let mut squares = 0.0;
    for (l, G) in gradients.iter().enumerate() {
        for ((i, j), &g) in G.indexed_iter() {
            let w = start[l][[i, j]];
            let mut loss_at = |w: f64| {
                full.parameters[l][[i, j]] = w;
                full.loss()
            };
            let slope = (loss_at(w + step) - loss_at(w - step)) / (2.0 * step);
            loss_at(w);
            assert!(
                (slope - g).abs() <= 1e-7 * (1.0 + g.abs()),
                "layer {l}, {i} {j}: {slope} {g}, {trial:?}"
            );
            squares += (g + decay * w) * (g + decay * w);
        }
    }
    assert!((norm - f64::sqrt(squares)).abs() <= 1e-12 * (1.0 + norm));
    // Straight from the pass, and through the kept gradients.
    for kept in [false, true] {
        let mut full = Full::<f64>::new(trial, &data, Threads::Seq, &start);
        full.loss();
        if kept {
            full.gradient_norm();
        }
        full.update();
        for ((W, start), G) in full.parameters.iter().zip(&start).zip(&gradients) {
            let wanted = start - &((G + &(start * decay)) * rate);
            let size = G.iter().fold(1.0, |size: f64, g| size.max(g.abs()));
            let error = (W - &wanted).iter().fold(0.0, |e: f64, d| e.max(d.abs()));
            assert!(error <= 1e-13 * size, "{error:e} of {size:e}, {trial:?}");
        }
    }
}

#[test]
fn linear_gradients_by_the_samples() {
    use Activation::Linear;
    check(&factorization(4, 6, 2), &[], Linear, Way::Samples);
    check(&factorization(4, 6, 2), &[3], Linear, Way::Samples);
    check(&factorization(4, 7, 2), &[6, 5], Linear, Way::Samples);
    check(&factorization(4, 7, 2), &[3, 5, 6], Linear, Way::Samples);
    check(&completion(5, 6, 2, 0.8), &[4], Linear, Way::Samples);
    // Three samples of six inputs and four outputs: fewer samples than outputs.
    let few = classification(6, 3, 1);
    check(&few, &[5, 4], Linear, Way::Samples);
}

#[test]
fn linear_gradients_by_the_outputs() {
    use Activation::Linear;
    check(&factorization(6, 3, 2), &[7, 5], Linear, Way::Outputs);
    check(&factorization(6, 3, 2), &[7, 5, 4], Linear, Way::Outputs);
    check(&completion(6, 3, 2, 0.8), &[5, 7], Linear, Way::Outputs);
    // Folded from 30 samples to the inputs' 5.
    check(&classification(5, 3, 10), &[6], Linear, Way::Outputs);
    check(&classification(5, 3, 10), &[6, 7, 4], Linear, Way::Outputs);
}

#[test]
fn linear_gradients_by_the_observed_entries() {
    use Activation::Linear;
    check(&completion(7, 6, 2, 0.2), &[4], Linear, Way::Observed);
    check(&completion(6, 8, 2, 0.2), &[5, 3], Linear, Way::Observed);
    check(&completion(6, 7, 2, 0.2), &[5, 4, 3], Linear, Way::Observed);
    check(
        &completion(6, 6, 2, 0.2),
        &[5, 4, 3, 9],
        Linear,
        Way::Observed,
    );
}

#[test]
fn relu_gradients() {
    use Activation::Relu;
    check(&factorization(4, 6, 2), &[], Relu, Way::Samples);
    check(&factorization(4, 6, 2), &[5], Relu, Way::Samples);
    check(&completion(6, 5, 2, 0.3), &[5, 7], Relu, Way::Samples);
    check(&classification(5, 3, 4), &[6], Relu, Way::Samples);
    check(&classification(5, 3, 4), &[6, 7, 4], Relu, Way::Samples);
}

#[test]
fn gradients_of_every_activation_and_hybrid() {
    for &activation in Activation::ALL {
        if activation.is_linear() {
            continue;
        }
        let problems: [(Problem, &[usize]); 5] = [
            (factorization(4, 6, 2), &[5]),
            (completion(6, 5, 2, 0.3), &[5, 7]),
            (classification(5, 3, 4), &[6]),
            (classification(5, 3, 4), &[6, 7, 4]),
            (classification(5, 3, 4), &[4, 6, 5, 7]),
        ];
        for (problem, widths) in problems {
            check(&problem, widths, activation, Way::Samples);
            for layers in 1..widths.len() {
                let mut trial = gaussian(problem.clone(), widths, activation);
                trial.network.negative_slope = 0.3;
                trial.network.nonlinear_layers = Some(layers);
                check_one(&trial, Way::Samples);
            }
        }
    }
}

/// The first hidden layer of a hybrid bends, the last one does not: its output is linear in what follows.
#[test]
fn hybrids_end_linearly() {
    let mut trial = gaussian(classification(5, 3, 4), &[6, 7, 4], Activation::Tanh);
    trial.network.nonlinear_layers = Some(1);
    let data = prepare(&trial).expect("data");
    let start = init::weights(&trial).expect("weights");
    let mut full = Full::<f64>::new(&trial, &data, Threads::Seq, &start);
    full.loss();
    let hidden = full.pass.features().expect("kept").to_vec();
    let wanted = start[1].dot(&hidden[0]);
    assert!((&hidden[1] - &wanted).iter().all(|d| d.abs() < 1e-14));
    assert!(hidden[0].iter().all(|a| a.abs() < 1.0));
}

#[test]
fn a_hybrid_without_nonlinear_layers_is_linear() {
    for problem in [factorization(6, 3, 2), classification(5, 3, 10)] {
        let linear = gaussian(problem, &[7, 5, 4], Activation::Linear);
        let mut hybrid = linear.clone();
        hybrid.network.activation = Activation::Gelu;
        hybrid.network.nonlinear_layers = Some(0);
        let (way, wanted) = trained::<f64>(&linear, Threads::Seq);
        let (found_way, found) = trained::<f64>(&hybrid, Threads::Seq);
        assert_eq!(way, found_way);
        assert!(wanted == found);
    }
}

/// Bits of the weights after three steps.
fn trained<T: Lane>(trial: &Trial, threads: Threads) -> (Way, Vec<Array2<T>>) {
    let data = prepare(trial).expect("data");
    let start = init::weights(trial).expect("weights");
    let mut full = Full::<T>::new(trial, &data, threads, &start);
    for _ in 0..3 {
        full.loss();
        full.update();
    }
    (way(&full.pass), full.parameters)
}

#[test]
fn weights_do_not_depend_on_threads() {
    let linear = Activation::Linear;
    let mut adam = gaussian(factorization(300, 280, 3), &[290, 270], linear);
    adam.optimizer.kind = OptimizerKind::Adam;
    adam.optimizer.rate = 1e-3;
    let mut momentum = gaussian(classification(40, 5, 120), &[600, 300], linear);
    momentum.optimizer.kind = OptimizerKind::Momentum;
    let trials = [
        (Way::Samples, adam),
        (Way::Outputs, momentum),
        (
            Way::Observed,
            gaussian(completion(400, 300, 3, 0.3), &[30, 20], linear),
        ),
        (
            Way::Samples,
            gaussian(completion(300, 300, 3, 0.5), &[300], linear),
        ),
        (
            Way::Samples,
            gaussian(classification(50, 4, 150), &[260, 280], Activation::Relu),
        ),
        (
            Way::Samples,
            gaussian(classification(50, 4, 150), &[260, 280], Activation::Gelu),
        ),
        (
            Way::Samples,
            gaussian(classification(50, 4, 150), &[260, 280], Activation::Tanh),
        ),
    ];
    for (wanted, trial) in &trials {
        let (found, one) = trained::<f64>(trial, Threads::Seq);
        assert_eq!(found, *wanted);
        for count in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(count)
                .build()
                .expect("a pool");
            let (_, many) = pool.install(|| trained::<f64>(trial, Threads::Pool));
            assert!(one == many, "{wanted:?} on {count} threads");
        }
    }
}

/// Gradients of the observed entries lie in rows that are filled up; kept ones do not.
#[test]
fn every_optimizer_takes_gradients_of_the_observed_entries() {
    let kinds = [
        OptimizerKind::Gd,
        OptimizerKind::Momentum,
        OptimizerKind::Adam,
        OptimizerKind::Rmsprop,
    ];
    for kind in kinds {
        for widths in [&[4][..], &[5, 4, 3]] {
            let mut trial = gaussian(completion(6, 7, 2, 0.2), widths, Activation::Linear);
            trial.optimizer.kind = kind;
            trial.optimizer.rate = 0.01;
            trial.optimizer.weight_decay = 0.1;
            let (found, straight) = trained::<f64>(&trial, Threads::Seq);
            assert_eq!(found, Way::Observed);
            let data = prepare(&trial).expect("data");
            let start = init::weights(&trial).expect("weights");
            let mut kept = Full::<f64>::new(&trial, &data, Threads::Seq, &start);
            for _ in 0..3 {
                kept.loss();
                kept.gradient_norm();
                kept.update();
            }
            for (A, B) in straight.iter().zip(&kept.parameters) {
                let error = (A - B).iter().fold(0.0, |e: f64, d| e.max(d.abs()));
                assert!(error <= 1e-12, "{kind:?}: {error:e}");
            }
        }
    }
}

#[test]
fn single_precision_is_double_precision_rounded() {
    let trials = [
        gaussian(factorization(9, 8, 3), &[7], Activation::Linear),
        gaussian(completion(9, 8, 3, 0.3), &[7], Activation::Linear),
        gaussian(classification(6, 3, 10), &[7, 5], Activation::Linear),
        gaussian(classification(6, 3, 10), &[7, 5], Activation::Relu),
        gaussian(classification(6, 3, 10), &[7, 5], Activation::Gelu),
        gaussian(classification(6, 3, 10), &[7, 5], Activation::Silu),
    ];
    for trial in &trials {
        let (_, double) = trained::<f64>(trial, Threads::Seq);
        let (_, single) = trained::<f32>(trial, Threads::Seq);
        for (A, B) in double.iter().zip(&single) {
            for (&a, &b) in A.iter().zip(B) {
                assert!((a - f64::from(b)).abs() <= 1e-5, "{a} {b}");
            }
        }
    }
}
