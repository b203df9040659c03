//! Gradients against central differences for every combination of the declared choices: activation, loss, biases,
//! batches, nonlinear layers. A choice that is added later is covered by itself.

use ndarray::{Array2, Axis};

use super::network::Full;
use crate::batch::Batches;
use crate::config::*;
use crate::data::fixture::{classification, given, normals, trial};
use crate::data::{Data, InputsMatrix, prepare};
use crate::engine::Engine;
use crate::init;
use crate::kernel::Threads;
use crate::kernel::simd::Lane;

/// 30 samples of 5 inputs and 3 classes. Batches of 7 leave one of 2, whose gradients come by the samples where those
/// of the others come by the outputs.
fn combinations() -> Vec<Trial> {
    let mut trials = Vec::new();
    for &activation in Activation::ALL {
        for &loss in Loss::ALL {
            for (bias, batch, nonlinear_layers) in [
                (false, 0, None),
                (true, 0, None),
                (false, 7, None),
                (true, 7, None),
                (false, 0, Some(1)),
                (true, 7, Some(1)),
                (true, 2, Some(0)),
            ] {
                let problem = Problem {
                    loss,
                    ..classification(5, 3, 10)
                };
                let mut one = trial(problem, &[6, 7, 4]);
                one.network.activation = activation;
                one.network.bias = bias;
                one.network.nonlinear_layers = nonlinear_layers;
                one.train.batch = batch;
                one.init.kind = StartKind::Gaussian;
                one.optimizer.weight_decay = 0.3;
                trials.push(one);
            }
        }
    }
    trials
}

/// The engine with biases that are not zero.
fn full<'a, T: Lane>(trial: &'a Trial, data: &'a Data, threads: Threads) -> Full<'a, T> {
    let start = init::weights(trial).expect("weights");
    let mut full = Full::<T>::new(trial, data, threads, &start);
    for (index, b) in (50..).zip(&mut full.parameters[start.len()..]) {
        *b = normals(index, b.nrows(), 1).mapv(|x| T::of(0.3 * x));
    }
    full
}

/// Every gradient entry against central differences of `loss`.
fn check_gradients(
    trial: &Trial,
    full: &mut Full<'_, f64>,
    gradients: &[Array2<f64>],
    loss: impl Fn(&mut Full<'_, f64>) -> f64,
) {
    assert_eq!(gradients.len(), full.parameters.len());
    let step = 1e-5;
    for (number, G) in gradients.iter().enumerate() {
        for ((i, j), &g) in G.indexed_iter() {
            let w = full.parameters[number][[i, j]];
            let mut loss_at = |w: f64| {
                full.parameters[number][[i, j]] = w;
                loss(full)
            };
            let slope = (loss_at(w + step) - loss_at(w - step)) / (2.0 * step);
            loss_at(w);
            assert!(
                (slope - g).abs() <= 1e-6 * (1.0 + g.abs()),
                "parameter {number}, {i} {j}: {slope} {g}, {trial:?}"
            );
        }
    }
}

/// The loss and the gradients of the batch of this update.
fn of_batch(full: &mut Full<'_, f64>, update: u64) -> (f64, Vec<Array2<f64>>) {
    let batch = full.batch.as_mut().expect("batches");
    let parameters = &mut full.parameters;
    let mut gradients: Vec<_> = parameters.iter().map(|W| Array2::zeros(W.dim())).collect();
    let pass = batch.forward(Threads::Seq, parameters, update);
    pass.gradients(Threads::Seq, parameters, &mut |number, _, gradient| {
        gradient.write_to(Threads::Seq, gradients[number].view_mut());
    });
    (batch.loss, gradients)
}

#[test]
fn gradients_of_all_samples() {
    for trial in combinations() {
        let data = prepare(&trial).expect("data");
        let mut full = full::<f64>(&trial, &data, Threads::Seq);
        full.loss();
        let norm = full.gradient_norm();
        let gradients = full.gradients.clone();
        let depth = trial.network.depth();
        let decayed = gradients.iter().zip(&full.parameters).enumerate();
        let squares = decayed.map(|(number, (G, W))| {
            let decay = if number < depth { 0.3 } else { 0.0 };
            (G + &(W * decay)).mapv(|g| g * g).sum()
        });
        let wanted = squares.sum::<f64>().sqrt();
        assert!((norm - wanted).abs() <= 1e-12 * (1.0 + wanted), "{trial:?}");
        check_gradients(&trial, &mut full, &gradients, |full| full.loss());
    }
}

#[test]
fn gradients_of_batches() {
    let batched = combinations();
    for trial in batched.iter().filter(|trial| trial.train.batch > 0) {
        let data = prepare(trial).expect("data");
        let mut full = full::<f64>(trial, &data, Threads::Seq);
        // The short one, and one of another epoch.
        for update in [0, 4, 17] {
            let (_, gradients) = of_batch(&mut full, update);
            check_gradients(trial, &mut full, &gradients, |full| {
                of_batch(full, update).0
            });
        }
    }
}

/// The same problem with these training samples alone.
fn cut(trial: &Trial, data: &Data, samples: &[usize]) -> Trial {
    let InputsMatrix::Dense(X) = &data.X else {
        panic!("samples");
    };
    let mut few = trial.clone();
    few.train.batch = 0;
    let Task::Classification { samples: of_task } = &mut few.problem.task else {
        panic!("a classification");
    };
    of_task.inputs = Inputs::Given(given(X.select(Axis(1), samples)));
    of_task.targets = Targets::Given(given(data.Y.dense().select(Axis(1), samples)));
    of_task.train = (0, samples.len());
    of_task.test = None;
    few
}

#[test]
fn a_batch_is_trained_on_as_if_there_were_no_other_samples() {
    let batched = combinations();
    for trial in batched.iter().filter(|trial| trial.train.batch > 0) {
        let data = prepare(trial).expect("data");
        let mut batches = Batches::of(trial).expect("batches");
        for update in [3, 4] {
            let few = cut(trial, &data, batches.at(update));
            let few_data = prepare(&few).expect("data");
            let mut alone = full::<f64>(&few, &few_data, Threads::Seq);
            let wanted = alone.loss();
            alone.gradient_norm();
            let mut full = full::<f64>(trial, &data, Threads::Seq);
            let (loss, gradients) = of_batch(&mut full, update);
            assert!((loss - wanted).abs() <= 1e-13 * (1.0 + wanted), "{trial:?}");
            for (G, wanted) in gradients.iter().zip(&alone.gradients) {
                let error = (G - wanted).iter().fold(0.0f64, |e, d| e.max(d.abs()));
                assert!(error <= 1e-11, "{error:e}, {trial:?}");
            }
        }
    }
}

/// The engine's parameters after some updates.
fn trained<T: Lane>(trial: &Trial, data: &Data, threads: Threads, steps: u64) -> Vec<Array2<T>> {
    let mut full = full::<T>(trial, data, threads);
    for _ in 0..steps {
        full.loss();
        full.update();
    }
    full.parameters
}

#[test]
fn a_batch_of_all_samples_has_the_bits_of_full_descent() {
    let combinations = combinations();
    for one in combinations.iter().filter(|one| one.train.batch == 0) {
        let mut one = one.clone();
        one.optimizer.rate = 1e-3;
        let mut all = one.clone();
        all.train.batch = 30;
        let data = prepare(&one).expect("data");
        let wanted = trained::<f64>(&one, &data, Threads::Seq, 7);
        assert!(wanted == trained::<f64>(&all, &data, Threads::Seq, 7));
    }
}

#[test]
fn biases_have_no_weight_decay_and_move() {
    for mut one in combinations() {
        if !one.network.bias {
            continue;
        }
        one.optimizer.rate = 1e-3;
        let data = prepare(&one).expect("data");
        let depth = one.network.depth();
        let mut at = |weight_decay: f64| {
            one.optimizer.weight_decay = weight_decay;
            trained::<f64>(&one, &data, Threads::Seq, 1)
        };
        let (with, without) = (at(0.5), at(0.0));
        assert!(with[..depth] != without[..depth]);
        assert!(with[depth..] == without[depth..]);
        let start = full::<f64>(&one, &data, Threads::Seq).parameters;
        assert!(start[2 * depth - 1] != without[2 * depth - 1]);
    }
}

#[test]
fn bits_do_not_depend_on_threads_and_precisions_agree() {
    for bias in [false, true] {
        for (activation, batch) in [(Activation::Relu, 0), (Activation::Linear, 300)] {
            let problem = Problem {
                loss: Loss::CrossEntropy,
                ..classification(70, 20, 40)
            };
            let mut one = trial(problem, &[270, 260]);
            one.network.activation = activation;
            one.network.bias = bias;
            one.train.batch = batch;
            one.init.kind = StartKind::Gaussian;
            let data = prepare(&one).expect("data");
            let alone = trained::<f64>(&one, &data, Threads::Seq, 3);
            for count in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(count);
                let pool = pool.build().expect("a pool");
                let many = pool.install(|| trained::<f64>(&one, &data, Threads::Pool, 3));
                assert!(alone == many, "{one:?} on {count} threads");
            }
            let single = trained::<f32>(&one, &data, Threads::Seq, 3);
            for (A, B) in alone.iter().zip(&single) {
                let worst = A.iter().zip(B).map(|(&a, &b)| (a - f64::from(b)).abs());
                assert!(worst.fold(0.0, f64::max) <= 1e-4);
            }
        }
    }
}

#[test]
fn short_batches_have_passes_of_their_own_size() {
    let one = combinations().into_iter().find(|one| one.train.batch == 7);
    let one = one.expect("one with batches");
    let data = prepare(&one).expect("data");
    let mut full = full::<f64>(&one, &data, Threads::Seq);
    let batch = full.batch.as_mut().expect("batches");
    let mut samples = |update: u64| {
        let pass = batch.forward(Threads::Seq, &full.parameters, update);
        pass.fit_mut().expect("samples").samples()
    };
    assert_eq!([0, 3, 4, 5].map(&mut samples), [7, 7, 2, 7]);
}
