//! What the projected engine costs: before a trial is drawn, and counted as it runs.

use super::block::LayerBlock;
use super::layer::HeldLayer;
use crate::config::{ProjectedKind, Trial};
use crate::flops;
use crate::init::layer_shapes;
use crate::kernel::Real;
use crate::law::{Origin, block_widths, natural_rank};

/// Sizes and costs of a projected trial; upper bounds where they depend on the draw.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::engine) struct ProjectedCost {
    /// The widest side of a block at a hidden layer; none where there is none.
    pub(in crate::engine) width: Option<usize>,
    pub(in crate::engine) flops_per_step: f64,
    pub(in crate::engine) bytes: f64,
    /// Rows of `layers` that looks leave, a step.
    pub(in crate::engine) looks_per_step: f64,
}

/// Blocks that do not grow.
pub(in crate::engine) fn cost(trial: &Trial) -> ProjectedCost {
    let rules = &trial.train.projected;
    let shapes = layer_shapes(trial);
    let sides = planned(trial, &shapes);
    let steps = Steps::of(trial);
    let mut flops = steps.step(&sides);
    let mut bytes = unmoved_bytes(trial, &shapes);
    let size = trial.train.precision.bytes() as f64;
    for (number, (side, &(m, n))) in sides.iter().zip(&shapes).enumerate() {
        if rules.check > 0 {
            flops += steps.look(number, *side) * share(trial, rules.check);
        }
        let is_refreshed = match rules.kind {
            ProjectedKind::Refreshed => !side.is_whole(),
            ProjectedKind::Fixed => false,
        };
        if is_refreshed {
            flops += steps.decompose(number) * share(trial, rules.refresh.max(1));
        }
        bytes += side_bytes(trial, *side, (m, n), size);
    }
    // Blocks that may grow may come to be everything.
    let (blocks, bytes) = match rules.bound {
        Some(_) => {
            let started: usize = shapes.iter().map(|&(m, n)| m * n).sum();
            let full = flops::full_bytes(trial) + size * started as f64;
            (shapes.clone(), bytes.max(full))
        }
        None => (sides.iter().map(Sides::shape).collect(), bytes),
    };
    ProjectedCost {
        width: widest_inner(&blocks),
        flops_per_step: flops,
        bytes,
        looks_per_step: if rules.check > 0 {
            shapes.len() as f64 * share(trial, rules.check)
        } else {
            0.0
        },
    }
}

/// The share of a trial's steps, from the first on, that are multiples of `every`.
fn share(trial: &Trial, every: u64) -> f64 {
    let steps = trial.train.steps.max(1);
    steps.div_ceil(every) as f64 / steps as f64
}

/// The widest side at a hidden layer of blocks of these shapes.
pub(super) fn widest_inner(blocks: &[(usize, usize)]) -> Option<usize> {
    let pairs = blocks.windows(2);
    pairs.map(|pair| pair[0].0.max(pair[1].1)).max()
}

/// The full engine's memory with an optimizer that keeps nothing.
fn unmoved_bytes(trial: &Trial, shapes: &[(usize, usize)]) -> f64 {
    let kind = trial.optimizer.kind;
    let state: usize = shapes.iter().map(|&(m, n)| kind.state_numbers(m, n)).sum();
    let size = trial.train.precision.bytes() as f64;
    // Once in training, once in the state that a diverging run goes back to.
    flops::full_bytes(trial) - (size + 8.0) * state as f64
}

/// What a layer's block takes besides.
fn side_bytes(trial: &Trial, side: Sides, (m, n): (usize, usize), size: f64) -> f64 {
    let (a, b) = side.shape();
    let state = trial.optimizer.kind.state_numbers(a, b) as f64;
    let within = (a * b) as f64;
    if side.is_whole() {
        return (size + 8.0) * state + size * within;
    }
    let bases = side.left.map_or(0, |a| m * a) + side.right.map_or(0, |b| n * b);
    let weights = (m * n) as f64;
    let (start, kept) = match trial.train.projected.kind {
        // The start is kept, and a checkpoint holds coordinates in the place of weights.
        ProjectedKind::Fixed => (weights, within - weights),
        ProjectedKind::Refreshed => (0.0, within + bases as f64),
    };
    let scratch = (m * b + a * n) as f64;
    size * (bases as f64 + 3.0 * within + state + start + scratch) + 8.0 * (state + kept)
}

/// The blocks of a trial at the start, at most.
fn planned(trial: &Trial, shapes: &[(usize, usize)]) -> Vec<Sides> {
    let rules = &trial.train.projected;
    match rules.kind {
        ProjectedKind::Fixed => {
            let widths = block_widths(
                trial,
                Origin {
                    block: rules.block,
                    count: rules.rank,
                },
            );
            let pairs = widths.windows(2).zip(shapes);
            pairs
                .map(|(pair, &shape)| Sides::new(shape, (pair[1], pair[0])))
                .collect()
        }
        ProjectedKind::Refreshed => {
            let rank = rules.rank.unwrap_or_else(|| natural_rank(trial));
            let last = shapes.len() - 1;
            let of = |(l, &shape): (usize, &(usize, usize))| {
                Sides::new(shape, refreshed_shape(l == last, rank, shape))
            };
            shapes.iter().enumerate().map(of).collect()
        }
    }
}

/// Columns on both sides of a refreshed block of `rank` directions: the left side is narrow where the matrix is wider than
/// tall, else the right one. The last layer, and one that is no larger, move as a whole.
pub(super) fn refreshed_shape(
    is_last: bool,
    rank: usize,
    (m, n): (usize, usize),
) -> (usize, usize) {
    if is_last || rank >= m.min(n) {
        (m, n)
    } else if n > m {
        (rank, n)
    } else {
        (m, rank)
    }
}

/// A block by its sizes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sides {
    of: (usize, usize),
    /// Columns of `U` and of `V`; `None`: everything on that side.
    left: Option<usize>,
    right: Option<usize>,
}

impl Sides {
    fn new(of: (usize, usize), (a, b): (usize, usize)) -> Sides {
        Sides {
            of,
            left: (a < of.0).then_some(a),
            right: (b < of.1).then_some(b),
        }
    }

    fn of<T: Real>(block: &LayerBlock<T>, of: (usize, usize)) -> Sides {
        Sides {
            of,
            left: block.left.as_ref().map(|U| U.ncols()),
            right: block.right.as_ref().map(|V| V.ncols()),
        }
    }

    fn shape(&self) -> (usize, usize) {
        let (m, n) = self.of;
        (self.left.unwrap_or(m), self.right.unwrap_or(n))
    }

    fn is_whole(&self) -> bool {
        self.left.is_none() && self.right.is_none()
    }

    /// Products of [`LayerBlock::project`], of a gradient that is a product over `p`, or multiplied out.
    fn project(&self, p: Option<f64>) -> f64 {
        let (m, n) = (self.of.0 as f64, self.of.1 as f64);
        let (a, b) = (self.shape().0 as f64, self.shape().1 as f64);
        2.0 * match (self.left.is_some(), self.right.is_some(), p) {
            (false, false, None) => 0.0,
            (false, false, Some(p)) => m * n * p,
            (true, false, None) => a * m * n,
            (false, true, None) => m * n * b,
            (true, true, None) => a * m * n + a * n * b,
            (true, false, Some(p)) => a * m * p + a * p * n,
            (false, true, Some(p)) => p * n * b + m * p * b,
            (true, true, Some(p)) => a * m * p + p * n * b + a * p * b,
        }
    }

    /// Products of [`LayerBlock::add_to`].
    fn add(&self) -> f64 {
        let (m, n) = (self.of.0 as f64, self.of.1 as f64);
        let (a, b) = (self.shape().0 as f64, self.shape().1 as f64);
        2.0 * match (self.left.is_some(), self.right.is_some()) {
            (false, false) => 0.0,
            (true, false) => m * a * n,
            (false, true) => m * b * n,
            (true, true) => m * a * b + m * b * n,
        }
    }
}

/// Products of a trial's steps.
#[derive(Clone, Debug)]
struct Steps {
    optimizer: crate::config::Optimizer,
    shapes: Vec<(usize, usize)>,
    /// Of the passes, without the gradients.
    passes: f64,
    /// What each layer's gradient is a product over; `None` where it comes multiplied out.
    inner: Vec<Option<f64>>,
}

impl Steps {
    fn of(trial: &Trial) -> Steps {
        let shapes = layer_shapes(trial);
        let inner = flops::gradients_over(trial);
        let all = flops::full_step(trial) - flops::update(trial);
        let gradients = shapes.iter().zip(&inner);
        let gradients = gradients.map(|(&(m, n), p)| 2.0 * (m * n) as f64 * p.unwrap_or(0.0));
        Steps {
            optimizer: trial.optimizer.clone(),
            passes: all - gradients.sum::<f64>(),
            shapes,
            inner,
        }
    }

    fn step(&self, sides: &[Sides]) -> f64 {
        let blocks: Vec<(usize, usize)> = sides.iter().map(Sides::shape).collect();
        let layers = sides.iter().zip(&self.inner);
        let layers = layers.map(|(sides, &p)| sides.project(p) + sides.add());
        self.passes + layers.sum::<f64>() + self.optimizer.flops(&blocks)
    }

    /// A gradient multiplied out, and what of it lies outside.
    fn look(&self, layer: usize, sides: Sides) -> f64 {
        if sides.is_whole() {
            return 0.0;
        }
        let whole = Sides::new(sides.of, sides.of);
        whole.project(self.inner[layer]) + sides.project(None) + sides.add()
    }

    /// A gradient multiplied out and decomposed, as decompositions of measurements count.
    fn decompose(&self, layer: usize) -> f64 {
        let (m, n) = self.shapes[layer];
        let whole = Sides::new((m, n), (m, n));
        let (narrow, long) = (m.min(n) as f64, m.max(n) as f64);
        whole.project(self.inner[layer]) + 30.0 * narrow * narrow * long
    }
}

/// Operations of the steps taken.
#[derive(Clone, Debug)]
pub(super) struct Spent {
    steps: Steps,
    /// Of a step on the blocks as they are.
    a_step: f64,
    flops: f64,
    taken: u64,
}

impl Spent {
    pub(super) fn new<T: Real>(trial: &Trial, layers: &[HeldLayer<T>]) -> Spent {
        let mut spent = Spent {
            steps: Steps::of(trial),
            a_step: 0.0,
            flops: 0.0,
            taken: 0,
        };
        spent.settle(layers);
        spent
    }

    /// Counts the steps to come on these blocks.
    pub(super) fn settle<T: Real>(&mut self, layers: &[HeldLayer<T>]) {
        let layers = layers.iter().zip(&self.steps.shapes);
        let sides: Vec<Sides> = layers
            .map(|(layer, &shape)| Sides::of(&layer.block, shape))
            .collect();
        self.a_step = self.steps.step(&sides);
    }

    pub(super) fn flops(&self) -> f64 {
        self.flops
    }

    /// Counts on from a checkpoint.
    pub(super) fn go_on(&mut self, flops: f64, taken: u64) {
        self.flops = flops;
        self.taken = taken;
    }

    pub(super) fn step(&mut self) {
        self.flops += self.a_step;
        self.taken += 1;
    }

    pub(super) fn look<T: Real>(&mut self, layer: usize, block: &LayerBlock<T>) {
        let sides = Sides::of(block, self.steps.shapes[layer]);
        self.flops += self.steps.look(layer, sides);
    }

    pub(super) fn decompose(&mut self, layer: usize) {
        self.flops += self.steps.decompose(layer);
    }

    /// Of a step, on average; of the next one where none is taken.
    pub(super) fn mean(&self) -> f64 {
        if self.taken == 0 {
            self.a_step
        } else {
            self.flops / self.taken as f64
        }
    }
}
