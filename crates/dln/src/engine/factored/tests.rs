//! The factored engine against the textbook, the authors' start, and what it refuses.
#![expect(
    clippy::disallowed_methods,
    reason = "the authors' arrays are read from a file"
)]

use std::fs::File;
use std::path::Path;

use ndarray::Array2;
use ndarray_npy::NpzReader;

use super::network::Factored;
use super::start::{FactoredStart, compressed, start};
use super::{build, check as check_trial, cost};
use crate::config::*;
use crate::data::Data;
use crate::data::fixture::{classification, completion, factorization, given, trial};
use crate::engine::Engine as _;
use crate::engine::plan;
use crate::error::{NotFactorable, TrialError};
use crate::init::LayerStart;
use crate::kernel::Threads;
use crate::outcome::EngineKind;
use crate::stream::{Purpose, normal_rows};
use crate::{Progress, Run, prepare, run};

fn normals(index: u64, rows: usize, columns: usize) -> Array2<f64> {
    let draw = Draw {
        seed: 81,
        replicate: 0,
    };
    let size = rows.max(columns) as f64;
    normal_rows(draw, Purpose::Init, index, rows, columns) / size.sqrt()
}

/// A factored trial from drawn `V^T, C_1 .. C_L, U` of these inner widths.
fn given_trial(problem: Problem, widths: &[usize], factor_rate: f64) -> Trial {
    let depth = widths.len() - 1;
    let mut trial = trial(problem, &vec![9; depth - 1]);
    let mut sizes = vec![trial.problem.inputs_dim];
    sizes.extend(widths);
    sizes.push(trial.problem.outputs_dim);
    let matrices = (1..).zip(sizes.windows(2));
    trial.init.kind = StartKind::File;
    trial.init.weights = matrices
        .map(|(index, pair)| given(normals(index, pair[1], pair[0])))
        .collect();
    trial.train.engine = EngineChoice::Factored;
    trial.optimizer.rate = 2.0;
    trial.optimizer.factor_rate = factor_rate;
    trial
}

/// Gradients of `V, C_1 .. C_L, U` by the textbook, and the loss.
fn textbook(network: &FactoredStart, data: &Data) -> (f64, FactoredStart) {
    let mut layers = vec![network.V.t().to_owned()];
    layers.extend(network.C.iter().cloned());
    layers.push(network.U.clone());
    let mut E = layers[0].clone();
    for W in &layers[1..] {
        E = W.dot(&E);
    }
    E -= &*data.Y.dense();
    if let Some(mask) = &data.mask {
        E *= mask;
    }
    let loss = 0.5 * data.c * E.iter().map(|e| e * e).sum::<f64>();
    E *= data.c;
    let mut gradients: Vec<Array2<f64>> = (0..layers.len())
        .map(|l| {
            let mut G = E.clone();
            for W in layers[l + 1..].iter().rev() {
                G = W.t().dot(&G);
            }
            let mut below = Array2::<f64>::eye(data.Y.dense().ncols());
            for W in &layers[..l] {
                below = W.dot(&below);
            }
            G.dot(&below.t())
        })
        .collect();
    let U = gradients.pop().expect("at least two factors");
    let C = gradients.split_off(1);
    let V = gradients[0].t().to_owned();
    (loss, FactoredStart { V, C, U })
}

fn parts(network: &FactoredStart) -> Vec<&Array2<f64>> {
    let mut all = vec![&network.V];
    all.extend(&network.C);
    all.push(&network.U);
    all
}

/// Four steps against the textbook.
fn check(trial: &Trial) {
    let data = prepare(trial).expect("drawn");
    let begun = start(trial, &data, Threads::Seq).expect("given");
    let mut engine = Factored::<f64>::new(trial, &data, Threads::Seq, &begun);
    let mut wanted = begun.clone();
    let mut velocities: Vec<Array2<f64>> = parts(&begun).iter().map(|W| *W * 0.0).collect();
    let optimizer = &trial.optimizer;
    let (beta, decay) = match optimizer.kind {
        OptimizerKind::Momentum => (optimizer.momentum, optimizer.weight_decay),
        _ => (0.0, optimizer.weight_decay),
    };
    for step in 0..4 {
        let (loss, gradients) = textbook(&wanted, &data);
        let found = engine.loss();
        assert!(
            (found - loss).abs() <= 1e-12 * loss,
            "step {step}: {found} {loss}"
        );
        let frozen = optimizer.factor_rate == 0.0;
        let mut squares = 0.0;
        let last = velocities.len() - 1;
        let weights = [&mut wanted.V].into_iter().chain(&mut wanted.C);
        let weights = weights.chain([&mut wanted.U]);
        for (l, ((W, V), G)) in weights
            .zip(&mut velocities)
            .zip(parts(&gradients))
            .enumerate()
        {
            let is_factor = l == 0 || l == last;
            if is_factor && frozen {
                continue;
            }
            let share = if is_factor {
                optimizer.factor_rate
            } else {
                1.0
            };
            let whole = G + &(&*W * decay);
            squares += whole.iter().map(|g| g * g).sum::<f64>();
            *V = &*V * beta + &whole;
            *W -= &(&*V * (share * optimizer.rate));
        }
        let norm = engine.gradient_norm();
        assert!(
            (norm - squares.sqrt()).abs() <= 1e-11 * norm,
            "step {step}: {norm}"
        );
        engine.update();
        let found = engine.network();
        for (l, (a, b)) in parts(&found).into_iter().zip(parts(&wanted)).enumerate() {
            let near = a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
            assert!(near, "step {step} factor {l}");
        }
    }
}

#[test]
fn steps_are_those_of_the_textbook() {
    for factor_rate in [0.0, 0.1] {
        // By entries and dense, square and not, inner widths equal and not, depths 1 to 3.
        let sparse = given_trial(completion(17, 13, 2, 0.3), &[4, 4, 4, 4], factor_rate);
        check(&sparse);
        check(&given_trial(
            completion(17, 13, 2, 0.9),
            &[4, 4],
            factor_rate,
        ));
        check(&given_trial(
            factorization(8, 12, 2),
            &[3, 5, 2],
            factor_rate,
        ));
        let mut heavy = sparse;
        heavy.optimizer.kind = OptimizerKind::Momentum;
        heavy.optimizer.weight_decay = 0.1;
        check(&heavy);
    }
}

#[test]
fn the_bits_do_not_depend_on_threads_or_checkpoints() {
    let mut trial = given_trial(completion(300, 280, 3, 0.2), &[6, 6, 6], 0.05);
    trial.optimizer.rate = 200.0;
    trial.train.steps = 12;
    trial.measure.every = 4;
    trial.measure.metrics.test_loss = true;
    trial.measure.metrics.spectrum = true;
    trial.measure.metrics.balancedness = true;
    let data = prepare(&trial).expect("drawn");
    let clock = || 0.0;
    let whole = run(&trial, &data, Threads::Seq, &clock).expect("serves");
    assert_eq!(
        (whole.engine, whole.core_width),
        (EngineKind::Factored, Some(6))
    );
    let wanted = format!("{:?} {:?} {:?}", whole.history, whole.spectra, whole.layers);
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool");
        let found = pool.install(|| {
            let mut part = Run::new(&trial, &data, Threads::Pool, &clock).expect("serves");
            assert_eq!(part.advance(5), Ok(Progress::Running));
            let bytes = part.checkpoint();
            let mut rest =
                Run::restore(&trial, &data, Threads::Pool, &clock, &bytes).expect("its own");
            assert_eq!(rest.advance(u64::MAX), Ok(Progress::Done));
            let rest = rest.finish();
            format!("{:?} {:?} {:?}", rest.history, rest.spectra, rest.layers)
        });
        assert_eq!(found, wanted);
    }
}

#[test]
fn the_map_is_measured_as_if_it_were_formed() {
    let mut trial = given_trial(completion(14, 11, 2, 0.5), &[4, 3, 4], 0.1);
    trial.train.steps = 3;
    trial.measure.metrics = Metrics {
        separation: false,
        ..Metrics::ALL
    };
    let data = prepare(&trial).expect("drawn");
    let begun = start(&trial, &data, Threads::Seq).expect("given");
    let outcome = run(&trial, &data, Threads::Seq, &|| 0.0).expect("serves");
    let mut map = begun.V.t().to_owned();
    for W in begun.C.iter().chain([&begun.U]) {
        map = W.dot(&map);
    }
    let s = crate::kernel::singular_values(map.view()).expect("finite");
    let found = outcome
        .spectra
        .iter()
        .filter(|row| row.step == 0 && row.layer == 0);
    let found: Vec<f64> = found.map(|row| row.value).collect();
    assert_eq!(found.len(), 4);
    for (a, b) in found.iter().zip(&s) {
        assert!((a - b).abs() < 1e-14 * s[0].max(1.0));
    }
    let first = outcome.history[0].scalars;
    let nuclear: f64 = s.iter().sum();
    assert!((first.nuclear_norm.expect("asked for") - nuclear).abs() < 1e-13);
    let mask = data.mask.as_ref().expect("completion");
    let hidden = (&map - &*data.Y.dense()) * &mask.mapv(|m| 1.0 - m);
    let hidden = 0.5 * data.c * hidden.iter().map(|e| e * e).sum::<f64>();
    assert!((first.test_loss.expect("hidden entries") - hidden).abs() < 1e-14);
    assert!(first.sharpness.is_some_and(|sharpness| sharpness > 0.0));
    let layers: Vec<u32> = outcome.layers.iter().take(2).map(|row| row.layer).collect();
    assert_eq!(layers, [1, 2]);
    // Step 1 is the reference of the angles.
    let turned = outcome.spectra.iter().filter(|row| row.step == 1);
    assert!(turned.clone().count() > 0);
    assert!(
        turned
            .into_iter()
            .all(|row| row.left_angle.is_none_or(|angle| angle < 1e-7))
    );
}

#[test]
fn an_orthogonal_start_is_compressed_to_twice_the_estimate() {
    let mut trial = trial(completion(20, 20, 2, 0.5), &[20, 20]);
    trial.train.engine = EngineChoice::Factored;
    trial.init.scales = vec![1e-2, 2e-2, 3e-2];
    trial.optimizer.rank_estimate = 3;
    let data = prepare(&trial).expect("drawn");
    let FactoredStart { V, C, U } = start(&trial, &data, Threads::Seq).expect("orthogonal");
    assert_eq!((V.dim(), U.dim()), ((20, 6), (20, 6)));
    for basis in [&V, &U] {
        let gram = basis.t().dot(basis) - Array2::<f64>::eye(6);
        assert!(gram.iter().all(|x| x.abs() < 1e-13));
    }
    for (C, scale) in C.iter().zip(&trial.init.scales) {
        assert_eq!(*C, Array2::<f64>::eye(6) * *scale);
    }
    let outcome = run(&trial, &data, Threads::Seq, &|| 0.0).expect("serves");
    assert_eq!(
        (outcome.engine, outcome.core_width),
        (EngineKind::Factored, Some(6))
    );
}

fn authors(name: &str) -> NpzReader<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let file = File::open(root.join(name)).expect("a golden file");
    NpzReader::new(file).expect("an archive")
}

/// Both starts span the same spaces, by projections: bases may be rotated.
fn check_start(name: &str, depth: usize, scale: f64, rank: usize) {
    let mut arrays = authors(name);
    let mut matrix = |name: &str| -> Array2<f64> { arrays.by_name(name).expect("a matrix") };
    let target = matrix("target");
    let layers: Vec<LayerStart> = (0..depth)
        .map(|layer| LayerStart::Dense(matrix(&format!("init_w{layer}"))))
        .collect();
    let V = matrix("comp_init_w0").t().to_owned();
    let U = matrix(&format!("comp_init_w{}", depth + 1));
    let mask: Array2<u8> = authors(name).by_name("mask").expect("a mask");
    let d = target.nrows();
    let mut problem = completion(d, d, rank, 0.5);
    problem.task = Task::Completion {
        target: Target::Given(given(target)),
        mask: Mask::Given(given(mask.mapv(f64::from))),
    };
    let data = prepare(&trial(problem, &vec![d; depth - 1])).expect("given");
    let found =
        compressed(&layers, &vec![scale; depth], &data, rank, Threads::Pool).expect("orthogonal");
    let near = |a: Array2<f64>, b: Array2<f64>| (a - b).iter().all(|x| x.abs() < 1e-8);
    assert!(
        near(found.V.dot(&found.V.t()), V.dot(&V.t())),
        "{name}: inputs"
    );
    assert!(
        near(found.U.dot(&found.V.t()), U.dot(&V.t())),
        "{name}: outputs"
    );
}

#[test]
fn the_start_is_that_of_the_authors() {
    check_start("completion_1.npz", 2, 1e-3, 3);
    check_start("completion_2.npz", 3, 1e-3, 5);
}

#[test]
fn what_it_cannot_serve_is_refused_by_name() {
    let refusal = |trial: &Trial| {
        let data = prepare(trial).expect("drawn");
        let refused = check_trial(trial).expect_err("refused");
        match build(trial, &data, Threads::Seq) {
            Err(TrialError::NotFactorable(found)) => assert_eq!(found, refused),
            _ => panic!("not refused"),
        }
        refused
    };
    let mut base = trial(completion(12, 12, 2, 0.5), &[12, 12]);
    base.train.engine = EngineChoice::Factored;
    assert_eq!(check_trial(&base), Ok(()));
    let mut other = base.clone();
    other.problem = classification(12, 3, 4);
    assert_eq!(refusal(&other), NotFactorable::Task);
    let mut other = base.clone();
    other.network.activation = Activation::Relu;
    assert_eq!(
        refusal(&other),
        NotFactorable::Activation {
            activation: Activation::Relu
        }
    );
    for rank_estimate in [0, 7] {
        let mut other = base.clone();
        other.optimizer.rank_estimate = rank_estimate;
        let wanted = NotFactorable::RankEstimate {
            rank_estimate,
            limit: 6,
        };
        assert_eq!(refusal(&other), wanted);
    }
    let mut other = base.clone();
    other.init.kind = StartKind::Gaussian;
    assert_eq!(refusal(&other), NotFactorable::Start);
    let mut other = base.clone();
    other.init.kind = StartKind::File;
    other.init.weights = vec![given(Array2::zeros((4, 12)))];
    assert_eq!(
        refusal(&other),
        NotFactorable::WeightCount {
            found: 1,
            wanted: 5
        }
    );
    let mut other = given_trial(completion(12, 12, 2, 0.5), &[4, 4, 4], 0.1);
    other.init.weights[1] = given(Array2::zeros((4, 3)));
    let data = prepare(&other).expect("drawn");
    let error = start(&other, &data, Threads::Seq).expect_err("does not chain");
    assert_eq!(
        error.to_string(),
        "expected 4 x 4 for the weights of layer 2, found 4 x 3"
    );
}

#[test]
fn the_plan_knows_the_width_and_the_cost() {
    let mut trial = trial(completion(100, 80, 2, 0.2), &[100, 100]);
    trial.train.engine = EngineChoice::Factored;
    trial.optimizer.rank_estimate = 4;
    let planned = plan(&trial);
    assert_eq!(
        (planned.engine, planned.core_width),
        (EngineKind::Factored, Some(8))
    );
    assert!(planned.refused.is_none());
    let data = prepare(&trial).expect("drawn");
    let engine = build(&trial, &data, Threads::Seq).expect("serves");
    // The plan does not know which entries are drawn.
    let ratio = planned.flops_per_step / engine.flops_per_step();
    assert!((ratio - 1.0).abs() < 0.1, "{ratio}");
    assert_eq!(cost(&trial).width, 8);
    drop(engine);
    trial.optimizer.rank_estimate = 0;
    let planned = plan(&trial);
    assert!(planned.refused.is_some() && planned.reason.contains("rank estimate"));
}

#[test]
fn an_empty_mask_trains_nothing() {
    let mut problem = completion(10, 9, 2, 0.5);
    if let Task::Completion { mask, .. } = &mut problem.task {
        *mask = Mask::Given(given(Array2::zeros((9, 10))));
    }
    let trial = given_trial(problem, &[3, 3], 0.1);
    let data = prepare(&trial).expect("given");
    let outcome = run(&trial, &data, Threads::Seq, &|| 0.0).expect("serves");
    assert_eq!(outcome.last.train_loss, Some(0.0));
}
