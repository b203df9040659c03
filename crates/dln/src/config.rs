//! What one trial is: the resolved experiment, with no default left open.
//!
//! This file owns the plain types that describe a trial. How they are written in a sweep file is the
//! business of the crate `sweep`; what they mean numerically is in `data`, `init` and `engine`.

use std::iter::once;

pub use crate::activation::Activation;
use crate::choice::choice;
pub use crate::engines::EngineChoice;
pub use crate::given::{Given, GivenMatrix};
pub use crate::loss::Loss;
pub use crate::metric::{Metric, Metrics};
pub use crate::start::{StartDraw, StartKind, StartLayers};

/// One point of a grid, ready to be trained once.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    pub problem: Problem,
    pub network: Network,
    pub init: Init,
    pub train: Train,
    pub optimizer: Optimizer,
    pub measure: Measure,
    pub draw: Draw,
}

/// The key of every random stream of a trial: what is drawn depends on these two numbers, the purpose
/// and the shape, never on the trial's index, the worker or the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Draw {
    /// Seed of the sweep.
    pub seed: u64,
    /// Independent repeat under that seed.
    pub replicate: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// `d_x`: rows of the inputs `X`.
    pub inputs_dim: usize,
    /// `d_y`: rows of the targets `Y`.
    pub outputs_dim: usize,
    pub loss: Loss,
    /// Standard deviation of Gaussian noise on a drawn target, relative to the root mean square of its entries.
    pub noise: f64,
    pub task: Task,
}

choice! {
    /// What is fitted.
    pub enum TaskKind {
        /// A matrix, every entry seen.
        Factorization = "factorization",
        /// Real targets of samples.
        Regression = "regression",
        /// Classes of samples.
        Classification = "classification",
        /// A matrix, some entries seen.
        Completion = "completion",
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// `X = I` (`n = d_x`), `Y` the target matrix.
    Factorization { target: Target },
    /// `X = I`, `Y` the target, the residual masked.
    Completion { target: Target, mask: Mask },
    /// Targets are real; `accuracy` is null.
    Regression { samples: Samples },
    /// Targets are one-hot columns; `accuracy` is the share of samples whose largest output is the class.
    Classification { samples: Samples },
}

impl TaskKind {
    /// Whether samples are fitted, not a matrix.
    pub fn has_samples(self) -> bool {
        match self {
            TaskKind::Regression | TaskKind::Classification => true,
            TaskKind::Factorization | TaskKind::Completion => false,
        }
    }

    /// Whether it fits a target matrix.
    pub fn has_target(self) -> bool {
        match self {
            TaskKind::Factorization | TaskKind::Completion => true,
            TaskKind::Regression | TaskKind::Classification => false,
        }
    }

    /// Whether accuracies and separations have a meaning.
    pub fn has_classes(self) -> bool {
        match self {
            TaskKind::Classification => true,
            TaskKind::Factorization | TaskKind::Regression | TaskKind::Completion => false,
        }
    }
}

impl Task {
    pub fn kind(&self) -> TaskKind {
        match self {
            Task::Factorization { .. } => TaskKind::Factorization,
            Task::Completion { .. } => TaskKind::Completion,
            Task::Regression { .. } => TaskKind::Regression,
            Task::Classification { .. } => TaskKind::Classification,
        }
    }

    /// The samples, where the task has any: a matrix is fitted on identity inputs.
    pub fn samples(&self) -> Option<&Samples> {
        match self {
            Task::Factorization { .. } | Task::Completion { .. } => None,
            Task::Regression { samples } | Task::Classification { samples } => Some(samples),
        }
    }
}

impl Samples {
    /// How many are trained on.
    pub fn trained(&self) -> usize {
        let all = self.train.1.saturating_sub(self.train.0);
        let drawn = self.split.map_or(0, |split| split.held_out(all));
        all - drawn
    }

    /// How many are held out.
    pub fn held_out(&self) -> usize {
        let all = self.train.1.saturating_sub(self.train.0);
        match (self.split, self.test) {
            (Some(split), _) => split.held_out(all),
            (None, Some((start, end))) => end.saturating_sub(start),
            (None, None) => 0,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// `U diag(s) V^T`, `U` (`d_y x rank`) and `V` (`d_x x rank`) Haar, `s` descending.
    Drawn {
        rank: usize,
        singular_values: SingularValues,
    },
    /// `d_y x d_x`.
    Given(Given),
}

choice! {
    /// The singular values that have a name.
    pub enum SpectrumKind {
        /// Those of a Gaussian matrix, cut to the rank.
        Gaussian = "gaussian",
        /// All one.
        Flat = "flat",
    }
}

impl From<SpectrumKind> for SingularValues {
    fn from(kind: SpectrumKind) -> SingularValues {
        match kind {
            SpectrumKind::Gaussian => SingularValues::Gaussian,
            SpectrumKind::Flat => SingularValues::Flat,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum SingularValues {
    /// The largest `rank` singular values of a `d_y x d_x` matrix of standard normals, drawn from the
    /// bidiagonal of Dumitriu and Edelman.
    Gaussian,
    /// All one.
    Flat,
    /// `ratio^(i-1)`, `i = 1..rank`.
    Geometric(f64),
    /// `rank` numbers, any order; used in descending order.
    List(Vec<f64>),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Mask {
    /// Each entry is observed independently with this probability.
    Drawn { observed: f64 },
    /// `d_y x d_x`; an entry that is not zero is observed.
    Given(Given),
}

/// Labelled or paired samples, and which of them train and test.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    pub inputs: Inputs,
    pub targets: Targets,
    /// Half-open range of samples trained on; with `split`, of those that are split.
    pub train: (usize, usize),
    /// Half-open range held out, if any.
    pub test: Option<(usize, usize)>,
    /// Hold out a drawn share of `train`, instead of `test`.
    pub split: Option<Split>,
    /// Subtract from each input its mean over the training samples.
    pub center: bool,
    /// Divide each input by its deviation over the training samples; by 1 where that is 0.
    pub standardize: bool,
    /// Then replace X by `(X X^T)^(-1/2) X` (pseudo-inverse square root where rank-deficient), fitted on the
    /// training samples and applied to the test samples too.
    pub whiten: bool,
}

/// A drawn share of the samples that is held out, others in every replicate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Split {
    /// Above 0 and below 1.
    pub share: f64,
    /// Every class keeps its share on both sides.
    pub stratify: bool,
}

choice! {
    /// How inputs are drawn.
    pub enum InputsDraw {
        /// Orthonormal samples.
        Orthonormal = "orthonormal",
        /// Normal entries.
        Gaussian = "gaussian",
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Inputs {
    /// Haar semi-orthogonal `d_x x n` over all samples.
    Orthonormal { count: usize, noise: f64 },
    /// Standard normal entries; with `rank`, a product of two Gaussian factors of that rank scaled to unit
    /// entry variance; with `condition`, singular vectors of that draw but singular values log-spaced
    /// from `sqrt(n)` down to `sqrt(n) / condition`; then `noise` times standard normals added.
    Gaussian {
        count: usize,
        noise: f64,
        rank: Option<usize>,
        condition: Option<f64>,
    },
    /// `d_x x n`.
    Given(Given),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// Classes `0..classes`, `samples_per_class` samples each, in class order: `Y` is one-hot, `classes x n`.
    Classes {
        classes: usize,
        samples_per_class: usize,
    },
    /// `Y = M X` with a drawn teacher `M`, `d_y x d_x` (regression on drawn data).
    Teacher {
        rank: usize,
        singular_values: SingularValues,
    },
    /// `d_y x n`: targets, or one-hot labels.
    Given(Given),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The `depth - 1` hidden widths; empty at depth 1.
    pub widths: Vec<usize>,
    pub activation: Activation,
    /// Slope of a leaky ReLU below zero.
    pub negative_slope: f64,
    /// Hidden layers, counted from the inputs, that the activation stands after; all of the hidden ones where it is `None`.
    pub nonlinear_layers: Option<usize>,
    /// Whether layers have biases, which start at zero and have no weight decay.
    pub bias: bool,
}

impl Trial {
    /// `d_0 .. d_L`: inputs, hidden widths, outputs.
    pub fn sizes(&self) -> Vec<usize> {
        let hidden = self.network.widths.iter().copied();
        once(self.problem.inputs_dim)
            .chain(hidden)
            .chain(once(self.problem.outputs_dim))
            .collect()
    }
}

impl Network {
    /// Number of layers `L`.
    pub fn depth(&self) -> usize {
        self.widths.len() + 1
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Init {
    pub kind: StartKind,
    /// One scale a layer, eps_1 .. eps_L.
    pub scales: Vec<f64>,
    /// Of [`StartKind::File`]: `W_1 .. W_L`, output x input, not scaled. For the factored engine
    /// `V^T, C_1 .. C_L, U`.
    pub weights: Vec<Given>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Train {
    pub engine: EngineChoice,
    pub precision: Precision,
    pub steps: u64,
    pub stop_train_loss: Option<f64>,
    pub stop_gradient_norm: Option<f64>,
    /// Samples of an update; 0: all samples.
    pub batch: usize,
    /// Of [`EngineChoice::Projected`].
    pub projected: Projected,
}

choice! {
    /// How the projected engine comes to its blocks.
    pub enum ProjectedKind {
        /// Closed at the start, on both sides of every layer.
        Fixed = "fixed" ("the same block on both sides of every layer"),
        /// Leading singular vectors of the gradient, on one side of every layer but the last, taken anew at regular steps.
        Refreshed = "refreshed" ("one side, from the gradient, taken anew"),
    }
}

choice! {
    /// What a fixed block of the projected engine is closed from.
    pub enum BlockKind {
        /// The range of the inputs, or the target matrix.
        Data = "data" ("range of the inputs, or the target"),
        /// The leading singular vectors of the first gradient.
        Gradient = "gradient" ("of the first step"),
        /// Random directions.
        Random = "random" ("as many random directions"),
    }
}

/// The blocks that the projected engine holds updates in: `W_l(t) = W_l(0) + U_l (C_l(t) - C_l(0)) V_l^T`.
#[derive(Clone, Debug, PartialEq)]
pub struct Projected {
    pub kind: ProjectedKind,
    /// Of [`ProjectedKind::Fixed`].
    pub block: BlockKind,
    /// Directions that a fixed block is closed from, or that a refreshed one keeps; `None`: the rank of the target or the
    /// number of outputs; of [`BlockKind::Data`] all that there are.
    pub rank: Option<usize>,
    /// Steps between refreshed blocks, at least 1.
    pub refresh: u64,
    /// Share of the first gradient's norm outside a layer's block above which it grows; `None`: it never does.
    pub bound: Option<f64>,
    /// Steps between looks at what lies outside; 0: at measured steps alone.
    pub check: u64,
}

impl Projected {
    /// Where a sweep file says nothing.
    pub const DEFAULT: Projected = Projected {
        kind: ProjectedKind::Fixed,
        block: BlockKind::Data,
        rank: None,
        refresh: 200,
        bound: None,
        check: 50,
    };
}

choice! {
    /// The numbers that a trial trains with.
    pub enum Precision {
        /// Double precision.
        F64 = "f64",
        /// Single precision.
        F32 = "f32",
    }
}

impl Precision {
    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Precision::F64 => 8,
            Precision::F32 => 4,
        }
    }
}

choice! {
    /// The rule of an update.
    pub enum OptimizerKind {
        /// Gradient descent: `W <- W - rate g`.
        Gd = "gd",
        /// Heavy ball: `m <- g + momentum m; W <- W - rate m`.
        Momentum = "momentum",
        /// Adam: b1 = 0.9, b2 = 0.999, eps = 1e-8.
        Adam = "adam",
        /// RMSProp: decay 0.9, eps = 1e-8 inside the root.
        Rmsprop = "rmsprop",
        /// Nesterov's momentum: `m <- g + momentum m; W <- W - rate (g + momentum m)`.
        Nesterov = "nesterov",
        /// Adam with decoupled weight decay.
        Adamw = "adamw",
        /// Signs of an average of gradients: 0.9, 0.99; decoupled weight decay.
        Lion = "lion",
        /// Signs of the gradient.
        Sign = "sign",
        /// The gradient over its norm, of all layers and biases together.
        Normalized = "normalized",
        /// Momentum made orthogonal; biases by Adam.
        Muon = "muon",
        /// `L^(-1/4) g R^(-1/4)` with `L`, `R` the sums of `g g^T`, `g^T g`; biases by gradient descent.
        Shampoo = "shampoo",
    }
}

/// An optimizer with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimizer {
    pub kind: OptimizerKind,
    /// eta
    pub rate: f64,
    /// beta of the kinds that have one ([`OptimizerKind::has_momentum`]).
    pub momentum: f64,
    /// lambda: `lambda W` is added to the gradient first, or to the update
    /// ([`OptimizerKind::has_decoupled_decay`]). Biases have none.
    pub weight_decay: f64,
    /// gamma of the factored engine: its two factors train at `gamma * rate`.
    pub factor_rate: f64,
    /// r_hat of the factored engine.
    pub rank_estimate: usize,
    /// How the rate goes over the steps.
    pub schedule: Schedule,
    /// How Muon makes its updates orthogonal.
    pub polar: Polar,
}

/// The rate of step `t` (from 0), as optax's schedules, relative to `rate` unless said.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// The same at every step.
    Constant,
    /// Half a cosine from 1 down to `alpha` over `steps`.
    Cosine { alpha: f64, steps: u64 },
    /// A line from 0 to 1 over `warmup` steps, then half a cosine down to the absolute rate `end` at `steps`.
    WarmupCosine { warmup: u64, end: f64, steps: u64 },
    /// Times `factor` after `every` steps.
    Step { every: u64, factor: f64 },
    /// A line to the absolute rate `end` over `steps`.
    Linear { end: f64, steps: u64 },
    /// These absolute rates; the last one holds.
    List(Vec<f64>),
}

choice! {
    /// The schedules that a sweep file names.
    pub enum ScheduleKind {
        /// The same rate at every step.
        Constant = "constant",
        /// Half a cosine from the rate down.
        Cosine = "cosine",
        /// A line from 0 up to the rate, then half a cosine down.
        WarmupCosine = "warmup_cosine",
        /// Times a factor at regular steps.
        Step = "step",
        /// A line from the rate to another one.
        Linear = "linear",
        /// One rate a step.
        List = "list",
    }
}

choice! {
    /// The polar factor of a matrix, exactly or nearly.
    pub enum Polar {
        /// Five steps of a Newton-Schulz iteration.
        NewtonSchulz = "newton_schulz",
        /// `U V^T` of the singular value decomposition.
        Exact = "exact",
    }
}

choice! {
    /// The block that the metric `leak` holds updates against.
    pub enum LeakBlock {
        /// Closed from the leading singular vectors of the first gradient.
        Gradient = "gradient" ("of the first step"),
        /// Closed from the range of the inputs, or from the target matrix.
        Data = "data" ("range of the inputs, or the target"),
    }
}

impl From<LeakBlock> for BlockKind {
    fn from(block: LeakBlock) -> BlockKind {
        match block {
            LeakBlock::Gradient => BlockKind::Gradient,
            LeakBlock::Data => BlockKind::Data,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// Steps between measured rows; 0: start and end alone.
    pub every: u64,
    pub metrics: Metrics,
    /// Train loss whose first crossing is reported as `tolerance_steps`.
    pub tolerance: Option<f64>,
    /// Of the metric `leak`.
    pub leak_block: LeakBlock,
}
