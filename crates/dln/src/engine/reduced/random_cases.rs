//! Random cases for the reduced engine against the full one.
//!
//! This file owns how a case is drawn, run and reported: it is a function of its row and its seed, and a
//! failure names the seed. The rows are in `random_rows`; what is compared, and how closely, is the business
//! of `tests`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardUniform};

use super::tests::{ALL, agree};
use crate::config::*;
use crate::data::InputsMatrix;
use crate::data::fixture::{given, trial};
use crate::engine::plan;
use crate::init::{layer_shapes, weights};
use crate::kernel::singular_values;
use crate::prepare;
use crate::reflectors::Reflectors;
use crate::stream::{Purpose, normal_rows};

/// Cases of a row: every crossing once.
pub(super) const CASES: u64 = 32;

/// The choices of a case, all from its seed.
pub(super) struct Chance {
    pub(super) seed: u64,
    // The last five bits of the seed, so that the cases of a row go through every crossing.
    momentum: bool,
    decay: bool,
    unequal: bool,
    pub(super) test: bool,
    pub(super) classes: bool,
    rng: ChaCha8Rng,
}

impl Chance {
    pub(super) fn new(seed: u64) -> Chance {
        let bit = |place: u32| (seed >> place) & 1 == 1;
        Chance {
            seed,
            momentum: bit(0),
            decay: bit(1),
            unequal: bit(2),
            test: bit(3),
            classes: bit(4),
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// In `low .. high`.
    pub(super) fn within(&mut self, low: f64, high: f64) -> f64 {
        let unit: f64 = StandardUniform.sample(&mut self.rng);
        low + unit * (high - low)
    }

    /// One of `low ..= high`.
    pub(super) fn count(&mut self, low: usize, high: usize) -> usize {
        self.within(low as f64, (high + 1) as f64) as usize
    }

    pub(super) fn coin(&mut self) -> bool {
        self.count(0, 1) == 1
    }

    pub(super) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.count(0, choices.len() - 1)]
    }

    /// Samples held out; none where the crossing has no test range.
    pub(super) fn held_out(&mut self) -> usize {
        if self.test { self.count(3, 8) } else { 0 }
    }

    /// Whether weights decay.
    pub(super) fn decays(&self) -> bool {
        self.decay
    }

    pub(super) fn draw(&self) -> Draw {
        Draw {
            seed: self.seed,
            replicate: 0,
        }
    }
}

/// Where the weights come from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    Orthogonal,
    Identity,
    /// Scaled (semi-)orthogonal matrices, handed in.
    Rotations,
    Gaussian,
    Uniform,
    Balanced,
    /// Gaussian matrices, handed in.
    Normals,
}

pub(super) const ISOMETRIC: [Start; 4] = [
    Start::Orthogonal,
    Start::Orthogonal,
    Start::Identity,
    Start::Rotations,
];

pub(super) const ANY: [Start; 7] = [
    Start::Orthogonal,
    Start::Identity,
    Start::Rotations,
    Start::Gaussian,
    Start::Uniform,
    Start::Balanced,
    Start::Normals,
];

impl Start {
    /// The kind, and the matrices that are handed in.
    pub(super) fn kind(self, trial: &Trial) -> (StartKind, Vec<Given>) {
        let kind = match self {
            Start::Orthogonal => StartKind::Orthogonal,
            Start::Identity => StartKind::Identity,
            Start::Gaussian => StartKind::Gaussian,
            Start::Uniform => StartKind::Uniform,
            Start::Balanced => StartKind::Balanced,
            Start::Rotations => {
                let made = handed_in(trial, |draw, layer, (rows, columns)| {
                    Reflectors::new(draw, Purpose::Init, 40 + layer, rows, columns).form()
                });
                return (StartKind::File, made);
            }
            Start::Normals => {
                let made = handed_in(trial, |draw, layer, (rows, columns)| {
                    let size = rows.max(columns) as f64;
                    normal_rows(draw, Purpose::Init, 40 + layer, rows, columns) / size.sqrt()
                });
                return (StartKind::File, made);
            }
        };
        (kind, Vec::new())
    }
}

/// `W_1 .. W_L`, made from a layer's number and shape and scaled as the trial says.
fn handed_in(trial: &Trial, make: impl Fn(Draw, u64, (usize, usize)) -> Array2<f64>) -> Vec<Given> {
    let layers = (1..).zip(layer_shapes(trial)).zip(&trial.init.scales);
    let made = layers.map(|((layer, shape), &scale)| given(make(trial.draw, layer, shape) * scale));
    made.collect()
}

pub(super) struct Case {
    pub(super) trial: Trial,
    start: Start,
    /// The widest hidden core that the table allows.
    widest: usize,
}

impl Case {
    /// A trial of 60 steps, every metric measured at steps 0, 1, 20, 40 and 60.
    pub(super) fn new(
        problem: Problem,
        widths: &[usize],
        start: Start,
        widest: usize,
        chance: &mut Chance,
    ) -> Case {
        let mut trial = trial(problem, widths);
        trial.draw = chance.draw();
        let equal = chance.within(0.6, 1.0);
        for scale in &mut trial.init.scales {
            *scale = if chance.unequal {
                chance.within(0.6, 1.1)
            } else {
                equal
            };
        }
        (trial.init.kind, trial.init.weights) = start.kind(&trial);
        trial.train.steps = 60;
        trial.measure.every = 20;
        // The sharpness costs more than all else, so two crossings of a row have it.
        trial.measure.metrics = Metrics {
            sharpness: matches!(chance.seed % CASES, 6 | 25),
            ..ALL
        };
        let mut rate = chance.within(0.3, 0.6) / curvature(&trial);
        if chance.momentum {
            trial.optimizer.kind = OptimizerKind::Momentum;
            trial.optimizer.momentum = 0.8;
            rate *= 0.3;
        }
        trial.optimizer.rate = rate;
        if chance.decay {
            trial.optimizer.weight_decay = 0.003 / rate;
        }
        let widest = widest.min(widths.iter().copied().max().unwrap_or(0));
        Case {
            trial,
            start,
            widest,
        }
    }

    pub(super) fn check(&self) {
        let width = agree(&self.trial).core_width.expect("a hidden layer");
        assert!(
            width <= self.widest as u64,
            "the core is {width} wide, the table says {} at most",
            self.widest
        );
        let mut asked = self.trial.clone();
        asked.train.engine = EngineChoice::Reduced;
        let planned = plan(&asked).core_width.expect("a hidden layer");
        assert!(
            width <= planned,
            "the core is {width} wide, the plan says {planned} at most"
        );
    }

    fn describe(&self) -> String {
        let Trial {
            problem,
            network,
            init,
            optimizer,
            ..
        } = &self.trial;
        format!(
            "{} -> {:?} -> {}, {:?} loss, {:?} start of {:?}, {optimizer:?}",
            problem.inputs_dim,
            network.widths,
            problem.outputs_dim,
            problem.loss,
            self.start,
            init.scales,
        )
    }
}

/// The scale of the curvature along the way, from above but for the residual's share: `c ||X||^2 L b^(2 L - 2)`,
/// where `b` is the largest norm that a layer starts from or has to reach. Rates under its inverse keep
/// trajectories stable, so that they do not amplify what rounding leaves between the engines.
pub(super) fn curvature(trial: &Trial) -> f64 {
    let data = prepare(trial).expect("a problem that can be drawn");
    let inputs = match &data.X {
        InputsMatrix::Identity => 1.0,
        InputsMatrix::Dense(X) => norm(X),
    };
    let depth = trial.network.depth();
    let map = norm(&data.Y.dense()) / inputs;
    let layers = weights(trial).expect("weights that can be drawn");
    let largest = layers
        .iter()
        .map(norm)
        .fold(map.max(1.0).powf(1.0 / depth as f64), f64::max);
    data.c * inputs * inputs * depth as f64 * largest.powi(2 * depth as i32 - 2)
}

/// The largest singular value.
fn norm(A: &Array2<f64>) -> f64 {
    singular_values(A.view()).expect("finite entries")[0]
}

/// Runs every case of a row; `row` is a number of its own for each.
pub(super) fn check(row: u64, draw: fn(&mut Chance) -> Case) {
    let seeds = CASES * row..CASES * (row + 1);
    let failures: Vec<String> = seeds.filter_map(|seed| replay(seed, draw).err()).collect();
    assert!(
        failures.is_empty(),
        "{} of {CASES} cases fail\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// One case of a row. An error names the seed that draws the case again.
fn replay(seed: u64, draw: fn(&mut Chance) -> Case) -> Result<(), String> {
    let drawn = caught(|| draw(&mut Chance::new(seed)));
    let case = drawn.map_err(|what| format!("seed {seed} draws no case: {what}"))?;
    caught(|| case.check()).map_err(|what| format!("seed {seed}: {what}\n  {}", case.describe()))
}

/// The message of a panic, so that the other cases of a row still run.
pub(super) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(|&text| text.to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        text.unwrap_or_else(|| "a panic without a message".to_owned())
    })
}

/// Inputs of `count` samples, of which the first `train` are trained on.
pub(super) struct Sampled {
    pub(super) inputs: Inputs,
    pub(super) train: usize,
    pub(super) count: usize,
    pub(super) whiten: bool,
}

pub(super) fn gaussian(
    count: usize,
    noise: f64,
    rank: Option<usize>,
    condition: Option<f64>,
) -> Inputs {
    Inputs::Gaussian {
        count,
        noise,
        rank,
        condition,
    }
}

pub(super) fn orthonormal(count: usize, noise: f64) -> Inputs {
    Inputs::Orthonormal { count, noise }
}

/// Inputs with `X X^T = I`. A part of orthonormal samples is not orthonormal by itself, so with samples held
/// out they are whitened.
pub(super) fn white(d: usize, chance: &mut Chance) -> Sampled {
    let train = chance.count(d + 2, 2 * d);
    if chance.test {
        let count = train + chance.held_out();
        Sampled {
            inputs: gaussian(count, 0.0, None, None),
            train,
            count,
            whiten: true,
        }
    } else {
        let train = chance.of(&[d, train]);
        Sampled {
            inputs: orthonormal(train, 0.0),
            train,
            count: train,
            whiten: chance.coin(),
        }
    }
}

/// Inputs in 12 or more dimensions that leave most of them empty, and their rank: few samples, or many of few
/// factors.
pub(super) fn few(d: usize, chance: &mut Chance) -> (Sampled, usize) {
    let (train, many) = (chance.count(4, 6), chance.count(d, 2 * d));
    let (rank, more) = (chance.count(1, 4), chance.held_out());
    let count = train + more;
    let (inputs, train, rank) = match chance.count(0, 6) {
        0 => (gaussian(count, 0.0, None, None), train, train),
        1 => (gaussian(count, 0.2, None, None), train, train),
        2 => (gaussian(count, 0.0, None, Some(100.0)), train, train),
        3 => (gaussian(many + more, 0.0, Some(rank), None), many, rank),
        4 => {
            let inputs = gaussian(many + more, 0.0, Some(rank), Some(20.0));
            (inputs, many, rank)
        }
        5 => (orthonormal(count, 0.0), train, train),
        _ => (orthonormal(count, 0.1), train, train),
    };
    let sampled = Sampled {
        inputs,
        train,
        count: train + more,
        whiten: chance.count(0, 2) == 0,
    };
    (sampled, rank)
}

/// Targets of this rank over the training samples: so many classes that occur among them, or a teacher.
pub(super) fn problem(
    inputs_dim: usize,
    outputs_dim: usize,
    rank: usize,
    sampled: Sampled,
    chance: &mut Chance,
) -> Problem {
    let Sampled {
        inputs,
        train,
        count,
        whiten,
    } = sampled;
    let targets = if chance.classes {
        one_hot(outputs_dim, rank, train, count)
    } else {
        Targets::Teacher {
            rank,
            singular_values: SingularValues::Geometric(0.7),
        }
    };
    let samples = Samples {
        inputs,
        targets,
        train: (0, train),
        test: (train < count).then_some((train, count)),
        whiten,
        center: false,
        standardize: false,
        split: None,
    };
    Problem {
        inputs_dim,
        outputs_dim,
        loss: chance.of(&[Loss::Mean, Loss::Sum]),
        noise: 0.0,
        task: if chance.classes {
            Task::Classification { samples }
        } else {
            Task::Regression { samples }
        },
    }
}

/// The training samples take turns among the first `used` classes, those held out among all.
pub(super) fn one_hot(classes: usize, used: usize, train: usize, count: usize) -> Targets {
    let class = |sample: usize| sample % if sample < train { used } else { classes };
    let hot = |(row, sample): (usize, usize)| f64::from(u8::from(row == class(sample)));
    Targets::Given(given(Array2::from_shape_fn((classes, count), hot)))
}

pub(super) fn factors(
    inputs_dim: usize,
    outputs_dim: usize,
    rank: usize,
    chance: &mut Chance,
) -> Problem {
    let singular_values = if chance.coin() {
        SingularValues::Gaussian
    } else {
        SingularValues::Geometric(0.6)
    };
    Problem {
        inputs_dim,
        outputs_dim,
        loss: chance.of(&[Loss::Mean, Loss::Sum]),
        noise: 0.0,
        task: Task::Factorization {
            target: Target::Drawn {
                rank,
                singular_values,
            },
        },
    }
}
