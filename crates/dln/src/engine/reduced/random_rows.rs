//! The rows of the law's table, drawn at random and run on both engines; and cases at the edge of the law.
//!
//! This file owns what a row draws and the widest core that the table allows it. How a case is drawn, run and
//! reported is the business of `random_cases`.

use ndarray::s;

use super::random_cases::*;
use super::tests::{LOSSES, agree, gaussian_inputs, outcome, regression};
use crate::config::*;
use crate::data::fixture::{given, trial};
use crate::data::{Data, scale_columns};
use crate::error::{NotReducible, TrialError};
use crate::kernel::Threads;
use crate::outcome::{Outcome, Status};
use crate::reflectors::Reflectors;
use crate::stream::{Purpose, normal_rows};
use crate::{prepare, run};

/// A rank and more outputs than that, on either side of `3 r = r + K`.
fn rank_below_outputs(three: bool, chance: &mut Chance) -> (usize, usize) {
    if three {
        let rank = chance.count(1, 3);
        (rank, 2 * rank + chance.count(1, 3))
    } else {
        let rank = chance.count(2, 4);
        (rank, chance.count(rank + 1, 2 * rank))
    }
}

/// The core of square layers below `K` outputs: `H_0` from so many seeds, and what the outputs send back.
fn below_outputs(seeds: usize, rank: usize, outputs: usize) -> usize {
    seeds + outputs.min(rank + seeds)
}

fn square_factorization(chance: &mut Chance) -> Case {
    let (d, rank, depth) = (chance.count(8, 20), chance.count(1, 4), chance.count(2, 6));
    let problem = factors(d, d, rank, chance);
    let start = chance.of(&ISOMETRIC);
    Case::new(problem, &vec![d; depth - 1], start, 2 * rank, chance)
}

fn rectangular_factorization(chance: &mut Chance) -> Case {
    // Without samples, the two crossings that speak of them choose the branch and the short side.
    let (rank, short) = rank_below_outputs(chance.test, chance);
    let (d, depth) = (chance.count(13, 20), chance.count(2, 6));
    let (inputs_dim, outputs_dim) = if chance.classes {
        (short, d)
    } else {
        (d, short)
    };
    let problem = factors(inputs_dim, outputs_dim, rank, chance);
    let start = chance.of(&ISOMETRIC);
    let widest = (3 * rank).min(rank + short);
    Case::new(problem, &vec![d; depth - 1], start, widest, chance)
}

fn white_of_full_rank(chance: &mut Chance) -> Case {
    let (d, outputs, depth) = (chance.count(9, 16), chance.count(2, 4), chance.count(2, 6));
    let sampled = white(d, chance);
    let problem = problem(d, outputs, outputs, sampled, chance);
    let start = chance.of(&ISOMETRIC);
    Case::new(problem, &vec![d; depth - 1], start, 2 * outputs, chance)
}

fn white_of_fewer_directions(chance: &mut Chance) -> Case {
    let three = chance.count(0, 2) > 0;
    let (rank, outputs) = rank_below_outputs(three, chance);
    let (d, depth) = (chance.count(13, 18), chance.count(2, 6));
    let sampled = white(d, chance);
    let problem = problem(d, outputs, rank, sampled, chance);
    let start = chance.of(&ISOMETRIC);
    let widest = (3 * rank).min(rank + outputs);
    Case::new(problem, &vec![d; depth - 1], start, widest, chance)
}

fn any_data(chance: &mut Chance) -> Case {
    let (d, outputs, depth) = (chance.count(12, 20), chance.count(2, 4), chance.count(2, 6));
    let rank = chance.count(1, outputs);
    let (sampled, inputs_rank) = few(d, chance);
    let problem = problem(d, outputs, rank, sampled, chance);
    let start = chance.of(&ISOMETRIC);
    let widest = below_outputs(inputs_rank, rank.min(inputs_rank), outputs);
    Case::new(problem, &vec![d; depth - 1], start, widest, chance)
}

fn tall_first_layer(chance: &mut Chance) -> Case {
    let (inputs_dim, d) = (chance.count(5, 9), chance.count(18, 24));
    let (outputs, depth) = (chance.count(2, 3), chance.count(2, 5));
    let rank = chance.count(1, outputs);
    let kind = chance.count(0, 2);
    // The seeds at the inputs: all that the samples span, unless they are white.
    let (sampled, seeds) = if kind == 0 {
        (white(inputs_dim, chance), rank)
    } else {
        let train = if kind == 1 {
            chance.count(3, inputs_dim - 1)
        } else {
            chance.count(inputs_dim + 3, 3 * inputs_dim)
        };
        let count = train + chance.held_out();
        let sampled = Sampled {
            inputs: gaussian(count, chance.of(&[0.0, 0.1]), None, None),
            train,
            count,
            whiten: false,
        };
        (sampled, train.min(inputs_dim))
    };
    let problem = problem(inputs_dim, outputs, rank, sampled, chance);
    let start = chance.of(&ISOMETRIC);
    let widest = inputs_dim.min(seeds + outputs) + outputs;
    Case::new(problem, &vec![d; depth - 1], start, widest, chance)
}

fn square_outputs(chance: &mut Chance) -> Case {
    let (d, rank, depth) = (chance.count(12, 18), chance.count(1, 3), chance.count(2, 6));
    let (sampled, inputs_rank) = few(d, chance);
    let problem = problem(d, d, rank, sampled, chance);
    let start = chance.of(&ISOMETRIC);
    let widest = inputs_rank + rank.min(inputs_rank);
    Case::new(problem, &vec![d; depth - 1], start, widest, chance)
}

fn identity_and_a_part(chance: &mut Chance) -> Case {
    let (d, part) = (chance.count(10, 18), chance.count(1, 3));
    let (rank, depth) = (chance.count(1, 2), chance.count(2, 6));
    let more = chance.held_out();
    let sampled = match chance.count(0, 2) {
        0 => {
            let (train, count) = (d + part, d + part + more);
            let Q = Reflectors::new(chance.draw(), Purpose::Inputs, 5, d, d).form();
            let mut X = normal_rows(chance.draw(), Purpose::Inputs, 6, d, count) * 0.5;
            X.slice_mut(s![.., ..d]).assign(&(Q * 1.5));
            Sampled {
                inputs: Inputs::Given(given(X)),
                train,
                count,
                whiten: false,
            }
        }
        // Fewer samples than dimensions, all of one size: the part is the null space.
        1 => {
            let train = d - part;
            let count = train + more.min(part);
            Sampled {
                inputs: orthonormal(count, 0.0),
                train,
                count,
                whiten: false,
            }
        }
        _ => {
            let train = d - part;
            Sampled {
                inputs: gaussian(train + more, 0.0, None, None),
                train,
                count: train + more,
                whiten: true,
            }
        }
    };
    let start = chance.of(&ISOMETRIC);
    let (outputs, widest) = if chance.coin() {
        (d, 2 * rank + part)
    } else {
        let outputs = chance.count(rank + 1, 5);
        (outputs, below_outputs(part + rank, rank, outputs))
    };
    let problem = problem(d, outputs, rank, sampled, chance);
    Case::new(problem, &vec![d; depth - 1], start, widest, chance)
}

fn shallow_factorization(chance: &mut Chance) -> Case {
    let (inputs_dim, outputs_dim) = (chance.count(6, 10), chance.count(4, 10));
    let (d, rank) = (chance.count(4, 24), chance.count(1, 3));
    let problem = factors(inputs_dim, outputs_dim, rank, chance);
    let start = chance.of(&ANY);
    Case::new(problem, &[d], start, inputs_dim + outputs_dim, chance)
}

fn shallow_of_full_rank(chance: &mut Chance) -> Case {
    let (inputs_dim, outputs) = (chance.count(4, 7), chance.count(2, 4));
    let (d, rank) = (chance.count(6, 24), chance.count(1, outputs));
    let train = chance.count(inputs_dim + 2, 3 * inputs_dim);
    let count = train + chance.held_out();
    let sampled = Sampled {
        inputs: gaussian(count, chance.of(&[0.0, 0.1]), None, None),
        train,
        count,
        whiten: chance.coin(),
    };
    let problem = problem(inputs_dim, outputs, rank, sampled, chance);
    let start = chance.of(&ANY);
    Case::new(problem, &[d], start, inputs_dim + outputs, chance)
}

/// Depth 2 over inputs of small rank. With the losses alone, the core has what the inputs span, those held
/// out included; with the spectra, whatever the first layer makes of them, there and back.
fn shallow_of_small_rank(everything: bool, chance: &mut Chance) -> Case {
    let (inputs_dim, outputs) = (chance.count(9, 14), chance.count(2, 3));
    let (d, rank) = (chance.count(6, 24), chance.count(1, outputs));
    let more = chance.held_out();
    let whiten = chance.count(0, 2) == 0;
    let (train, factors) = if chance.coin() {
        (chance.count(3, 4), None)
    } else {
        (chance.count(6, 20), Some(2))
    };
    let count = train + more;
    let sampled = Sampled {
        inputs: gaussian(count, 0.0, factors, None),
        train,
        count,
        whiten,
    };
    let problem = problem(inputs_dim, outputs, rank, sampled, chance);
    let start = chance.of(&ANY);
    let seen = if everything {
        inputs_dim
    } else {
        factors.unwrap_or(count).min(inputs_dim)
    };
    let mut case = Case::new(problem, &[d], start, seen + outputs, chance);
    if !everything {
        case.trial.measure.metrics = LOSSES;
    }
    case
}

fn uneven_factorization(chance: &mut Chance) -> Case {
    let (inputs_dim, outputs_dim) = (chance.count(6, 14), chance.count(6, 14));
    let (rank, depth) = (chance.count(1, 2), chance.count(2, 6));
    let widths: Vec<usize> = (1..depth).map(|_| chance.count(6, 20)).collect();
    let problem = factors(inputs_dim, outputs_dim, rank, chance);
    let start = chance.of(&ISOMETRIC);
    // The table knows no width for these; the plan does.
    Case::new(problem, &widths, start, usize::MAX, chance)
}

fn uneven_samples(chance: &mut Chance) -> Case {
    let (inputs_dim, outputs, depth) =
        (chance.count(6, 14), chance.count(2, 5), chance.count(3, 6));
    let widths: Vec<usize> = (1..depth).map(|_| chance.count(6, 20)).collect();
    let (rank, train) = (chance.count(1, outputs), chance.count(5, 3 * inputs_dim));
    let count = train + chance.held_out();
    let inputs = match chance.count(0, 2) {
        0 => orthonormal(count, 0.0),
        1 => gaussian(count, 0.0, None, Some(30.0)),
        _ => gaussian(count, 0.1, None, None),
    };
    let sampled = Sampled {
        inputs,
        train,
        count,
        whiten: chance.coin(),
    };
    let problem = problem(inputs_dim, outputs, rank, sampled, chance);
    let start = chance.of(&ISOMETRIC);
    Case::new(problem, &widths, start, usize::MAX, chance)
}

#[test]
fn factorization() {
    check(1, square_factorization);
    check(2, rectangular_factorization);
}

#[test]
fn white_data() {
    check(3, white_of_full_rank);
    check(4, white_of_fewer_directions);
}

#[test]
fn data_of_any_kind() {
    check(5, any_data);
    check(6, tall_first_layer);
    check(7, square_outputs);
}

#[test]
fn a_part_beside_a_multiple_of_the_identity() {
    check(8, identity_and_a_part);
}

#[test]
fn depth_two_from_any_start() {
    check(9, shallow_factorization);
    check(10, shallow_of_full_rank);
    check(11, |chance| shallow_of_small_rank(false, chance));
    check(12, |chance| shallow_of_small_rank(true, chance));
}

#[test]
fn widths_of_any_size() {
    check(13, uneven_factorization);
    check(14, uneven_samples);
}

#[test]
fn gaussian_layers_from_depth_three_on_are_refused() {
    for seed in CASES * 15..CASES * 15 + 12 {
        let chance = &mut Chance::new(seed);
        let (d, depth) = (chance.count(8, 12), chance.count(3, 4));
        let rank = chance.count(1, 3);
        let problem = factors(d, d, rank, chance);
        let start = chance.of(&[Start::Gaussian, Start::Uniform, Start::Normals]);
        let case = Case::new(problem, &vec![d; depth - 1], start, d, chance);
        match outcome(&case.trial, EngineChoice::Reduced) {
            Err(TrialError::NotReducible(NotReducible::Start { width, .. })) => {
                assert_eq!(width, d, "seed {seed}");
            }
            other => {
                let other = other.map(|outcome| outcome.core_width);
                panic!("seed {seed} is not refused for its start: {other:?}");
            }
        }
    }
}

/// `U diag(values) V^T` of this shape, `U` and `V` Haar.
fn of_values(shape: (usize, usize), values: &[f64], draw: Draw) -> Given {
    let haar = |purpose, rows| Reflectors::new(draw, purpose, 7, rows, values.len()).form();
    let U = haar(Purpose::InputsLeft, shape.0);
    let V = haar(Purpose::InputsRight, shape.1);
    given(scale_columns(U.view(), values).dot(&V.t()))
}

/// Inputs in 12 dimensions of rank 4, one of whose directions is almost nothing.
fn near_rank(weak: f64, chance: &mut Chance) -> Case {
    let (inputs_dim, outputs, rank) = (12, 3, 2);
    let (train, more) = (8, chance.held_out());
    let shape = (inputs_dim, train + more);
    let X = of_values(shape, &[1.0, 0.8, 0.6, weak], chance.draw());
    let sampled = Sampled {
        inputs: Inputs::Given(X),
        train,
        count: train + more,
        whiten: false,
    };
    let problem = problem(inputs_dim, outputs, rank, sampled, chance);
    match chance.count(0, 2) {
        0 => {
            let start = chance.of(&ISOMETRIC);
            let widest = below_outputs(4, rank, outputs);
            Case::new(problem, &[12, 12], start, widest, chance)
        }
        1 => {
            let start = chance.of(&ISOMETRIC);
            let widest = inputs_dim.min(4 + outputs) + outputs;
            Case::new(problem, &[20, 20], start, widest, chance)
        }
        _ => {
            let start = chance.of(&ANY);
            let mut case = Case::new(problem, &[20], start, 4 + outputs, chance);
            case.trial.measure.metrics = LOSSES;
            case
        }
    }
}

#[test]
fn near_rank_inputs() {
    check(16, |chance| near_rank(1e-9, chance));
    check(17, |chance| near_rank(1e-10, chance));
    check(18, |chance| near_rank(1e-11, chance));
}

/// A target that is handed in as a dense matrix, of small rank up to rounding.
fn given_target(chance: &mut Chance) -> Case {
    let square = chance.coin();
    let inputs_dim = chance.count(8, 14);
    let outputs_dim = if square {
        inputs_dim
    } else {
        chance.count(5, 14)
    };
    let rank = chance.count(1, 3);
    let values = [2.0, 1.0, 0.5];
    let target = of_values((outputs_dim, inputs_dim), &values[..rank], chance.draw());
    let problem = Problem {
        inputs_dim,
        outputs_dim,
        loss: chance.of(&[Loss::Mean, Loss::Sum]),
        noise: 0.0,
        task: Task::Factorization {
            target: Target::Given(target),
        },
    };
    if square {
        let start = chance.of(&ISOMETRIC);
        Case::new(problem, &[inputs_dim], start, 2 * rank, chance)
    } else {
        let (d, start) = (chance.count(4, 24), chance.of(&ANY));
        Case::new(problem, &[d], start, inputs_dim + outputs_dim, chance)
    }
}

#[test]
fn a_given_target_at_depth_two() {
    check(19, given_target);
}

/// All that a run measures, to the last bit.
fn bits(trial: &Trial, data: &Data, threads: Threads) -> String {
    let Outcome {
        history,
        spectra,
        layers,
        ..
    } = run(trial, data, threads, &|| 0.0).expect("the law holds");
    format!("{history:?} {spectra:?} {layers:?}")
}

/// Compares a core of just this width with the full network, and with itself on pools of one thread and two.
fn check_wide(mut case: Case, core_width: u64) {
    assert_eq!(agree(&case.trial).core_width, Some(core_width));
    case.trial.train.engine = EngineChoice::Reduced;
    let trial = &case.trial;
    let data = prepare(trial).expect("drawn");
    let wanted = bits(trial, &data, Threads::Seq);
    for count in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .build()
            .expect("a pool");
        let found = pool.install(|| bits(trial, &data, Threads::Pool));
        assert!(found == wanted, "{count} threads");
    }
}

/// Singular values that fall slowly, so that every direction of a wide core is trained.
fn slowly_falling(d: usize, rank: usize) -> Problem {
    Problem {
        inputs_dim: d,
        outputs_dim: d,
        loss: Loss::Sum,
        noise: 0.0,
        task: Task::Factorization {
            target: Target::Drawn {
                rank,
                singular_values: SingularValues::Geometric(0.98),
            },
        },
    }
}

#[test]
fn cores_too_wide_for_tiles() {
    // Plain descent, then momentum with weight decay and unequal scales.
    for crossing in [0, 7] {
        let chance = &mut Chance::new(CASES * 20 + crossing);
        let problem = slowly_falling(110, 49);
        let mut case = Case::new(problem, &[110, 110], Start::Orthogonal, 98, chance);
        case.trial.train.steps = 20;
        case.trial.measure.every = 10;
        // A hundred values lie too close together for the angles of each to be known.
        case.trial.measure.metrics.angles = false;
        check_wide(case, 98);
    }
    let chance = &mut Chance::new(CASES * 21 + 24);
    let sampled = Sampled {
        inputs: gaussian(97, 0.0, None, None),
        train: 90,
        count: 97,
        whiten: false,
    };
    let problem = problem(130, 10, 10, sampled, chance);
    let mut case = Case::new(problem, &[130, 130], Start::Orthogonal, 100, chance);
    case.trial.train.steps = 20;
    case.trial.measure.every = 10;
    case.trial.measure.metrics.angles = false;
    check_wide(case, 100);
}

#[test]
fn cores_wide_enough_for_threads() {
    // From 256 on a product is cut into blocks that threads share.
    for crossing in [0, 7] {
        let chance = &mut Chance::new(CASES * 22 + crossing);
        let problem = slowly_falling(264, 130);
        let mut case = Case::new(problem, &[264], Start::Orthogonal, 260, chance);
        case.trial.train.steps = 4;
        case.trial.measure.every = 2;
        case.trial.measure.metrics = LOSSES;
        check_wide(case, 260);
    }
}

#[test]
fn a_zero_layer_beside_a_rest_stops_at_the_same_step() {
    // Off the inputs the first layer does nothing but decay, and its share of the gradient is what the rule
    // waits for at the end. The second layer has no such share.
    let problem = regression(gaussian_inputs(5, Some(2)), 9, 3, 5);
    for replicate in 0..4 {
        for momentum in [false, true] {
            let mut trial = trial(problem.clone(), &[20]);
            trial.draw.replicate = replicate;
            trial.init.kind = StartKind::Gaussian;
            trial.init.scales = vec![1.0, 0.0];
            trial.measure.metrics = LOSSES;
            trial.train.steps = 4000;
            let mut rate = 0.3 / curvature(&trial);
            if momentum {
                trial.optimizer.kind = OptimizerKind::Momentum;
                trial.optimizer.momentum = 0.8;
                rate *= 0.3;
            }
            trial.optimizer.rate = rate;
            trial.optimizer.weight_decay = 0.004 / rate;
            trial.train.stop_gradient_norm = Some(trial.optimizer.weight_decay);
            let full = outcome(&trial, EngineChoice::Full).expect("runs");
            let reduced = outcome(&trial, EngineChoice::Reduced).expect("the law holds");
            let what = format!("replicate {replicate}, momentum {momentum}");
            assert_eq!(full.status, Status::Completed, "{what}");
            assert!(
                full.steps > 0 && full.steps < 4000,
                "{what}: {}",
                full.steps
            );
            assert_eq!(full.steps, reduced.steps, "{what}");
        }
    }
}
