//! What can be wrong with a trial, as types.
//!
//! This file owns the errors of the whole crate. A diverging run is not among them: it is an
//! [`crate::Outcome`] with status [`crate::Status::Diverged`].

use std::fmt;

use crate::config::{Activation, Loss, OptimizerKind, SingularValues, TaskKind};

/// Why a trial could not be run. Every variant is a fault of what was asked for or handed in, except
/// [`TrialError::NoConvergence`].
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrialError {
    #[error(transparent)]
    Shape(#[from] ShapeError),
    #[error("found {value} in row {row}, column {column} of the {matrix}")]
    NotFinite {
        matrix: Matrix,
        /// From 0.
        row: usize,
        /// From 0.
        column: usize,
        value: f64,
    },
    #[error("the {dimension} is 0")]
    Empty { dimension: Dimension },
    #[error("rank {rank} of the {matrix} must be between 1 and {limit}")]
    Rank {
        matrix: Matrix,
        rank: usize,
        limit: usize,
    },
    #[error("{count} singular values are given for rank {rank}")]
    SingularValueCount { count: usize, rank: usize },
    #[error("singular values {values:?} are not finite and non-negative")]
    SingularValues { values: SingularValues },
    #[error("condition {condition} is below 1")]
    Condition { condition: f64 },
    #[error("noise {noise} is not a finite non-negative number")]
    Noise { noise: f64 },
    #[error("noise is added to drawn targets, and the {matrix} is given")]
    NoiseOnGiven { matrix: Matrix },
    #[error("the fraction {observed} of observed entries is not above 0 and at most 1")]
    Observed { observed: f64 },
    #[error("the {range} range {start}..{end} is empty or ends past the {count} samples")]
    SampleRange {
        range: SampleRange,
        start: usize,
        end: usize,
        count: usize,
    },
    #[error("the share {share} of samples held out is not above 0 and below 1")]
    SplitShare { share: f64 },
    #[error("{count} samples cannot be split into training and test samples")]
    SplitFew { count: usize },
    #[error("samples without classes cannot be split by class")]
    SplitWithoutClasses,
    #[error("class {class} has one sample, which cannot both train and test")]
    SplitClass {
        /// From 0.
        class: usize,
    },
    #[error(
        "{classes} classes cannot all stand on both sides of a split into {train} and {test} samples"
    )]
    SplitClasses {
        classes: usize,
        train: usize,
        test: usize,
    },
    #[error("the inputs hold {inputs} samples but the targets {targets}")]
    SampleCount { inputs: usize, targets: usize },
    #[error("{classes} classes are drawn but the outputs have dimension {outputs_dim}")]
    ClassCount { classes: usize, outputs_dim: usize },
    #[error("the targets of sample {sample} are not one-hot")]
    NotOneHot {
        /// From 0, over all samples of the array.
        sample: usize,
    },
    #[error(
        "the loss {} needs classes, kind {} has none", .loss.name(), .task.name()
    )]
    LossWithoutClasses { loss: Loss, task: TaskKind },
    #[error("kind {} fits a product of matrices, which biases are no part of", .task.name())]
    BiasOfMatrix { task: TaskKind },
    #[error("a batch of {batch} samples is more than the {samples} that train")]
    Batch { batch: usize, samples: usize },
    #[error("{found} initial scales are given for {depth} layers")]
    ScaleCount { found: usize, depth: usize },
    #[error("{found} initial weights are given for {depth} layers")]
    WeightCount { found: usize, depth: usize },
    #[error(
        "an aligned start needs a target matrix (factorization or completion), this problem is {}",
        .task.name()
    )]
    NoTarget { task: TaskKind },
    #[error(transparent)]
    NotReducible(#[from] NotReducible),
    #[error(transparent)]
    NotFactorable(#[from] NotFactorable),
    #[error("the singular value decomposition of {matrix} did not converge")]
    NoConvergence { matrix: Matrix },
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// A matrix that does not fit its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {wanted} for the {matrix}, found {found}")]
pub struct ShapeError {
    pub matrix: Matrix,
    pub found: Shape,
    pub wanted: Shape,
}

/// Rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape(pub usize, pub usize);

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.0, self.1)
    }
}

/// The matrix that an error speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matrix {
    Inputs,
    /// `Y` of a regression or classification.
    Targets,
    /// The target matrix of a factorization or completion.
    Target,
    Teacher,
    Mask,
    /// `W_layer`, from 1.
    Weights {
        layer: usize,
    },
    EndToEnd,
    /// `G_1` at the start.
    FirstGradient,
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Matrix::Inputs => f.write_str("inputs"),
            Matrix::Targets => f.write_str("targets"),
            Matrix::Target => f.write_str("target"),
            Matrix::Teacher => f.write_str("teacher"),
            Matrix::Mask => f.write_str("mask"),
            Matrix::Weights { layer } => write!(f, "weights of layer {layer}"),
            Matrix::EndToEnd => f.write_str("end-to-end map"),
            Matrix::FirstGradient => f.write_str("the first gradient"),
        }
    }
}

/// A size of the problem or of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    Inputs,
    Outputs,
    /// Hidden width after layer `layer`, from 1.
    Width {
        layer: usize,
    },
    Samples,
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dimension::Inputs => f.write_str("inputs' dimension"),
            Dimension::Outputs => f.write_str("outputs' dimension"),
            Dimension::Width { layer } => write!(f, "width after layer {layer}"),
            Dimension::Samples => f.write_str("number of samples"),
        }
    }
}

/// Which range of samples an error speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleRange {
    Train,
    Test,
}

impl fmt::Display for SampleRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SampleRange::Train => "train",
            SampleRange::Test => "test",
        })
    }
}

/// The assumption of the law that a trial breaks, so that the reduced engine cannot serve it exactly.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NotReducible {
    #[error("engine `reduced` needs a linear network, this one has {}", .activation.name())]
    Activation { activation: Activation },
    #[error(
        "engine `reduced` needs an optimizer that commutes with rotations, {} acts on each entry by itself",
        .kind.name()
    )]
    Optimizer { kind: OptimizerKind },
    #[error(
        "engine `reduced` does not serve weight decay with {}: what it adds off the core counts in what updates are \
         divided by",
        .kind.name()
    )]
    Decay { kind: OptimizerKind },
    #[error("engine `reduced` does not serve biases with {}, which trains them entry by entry", .kind.name())]
    Biases { kind: OptimizerKind },
    #[error("engine `reduced` needs every entry observed, this problem has a mask")]
    Mask,
    #[error(
        "engine `reduced` needs an orthogonal start from depth 3 on, this one is {kind} at depth {depth}: its \
         core would be as wide as the network ({width})"
    )]
    Start {
        kind: &'static str,
        depth: usize,
        width: usize,
    },
    #[error("the closed core is as wide as the network ({width}), so nothing can be reduced")]
    NoCore { width: usize },
    #[error("off the core the initial weights of layer {layer} are not a scaled isometry")]
    OffCore { layer: usize },
    #[error(
        "the metrics asked for need what the reduction does not carry: the rest of the first layer"
    )]
    Metrics,
    #[error("the squares of the data overflow, so that nothing certifies the reduction")]
    Overflow,
    #[error("the residual {residual:e} of the reduction is above {tolerance:e}")]
    Residual { residual: f64, tolerance: f64 },
}

/// Why the factored engine cannot serve a trial.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NotFactorable {
    #[error("engine `factored` serves factorization and completion alone")]
    Task,
    #[error("engine `factored` needs a linear network, this one has {}", .activation.name())]
    Activation { activation: Activation },
    #[error(
        "engine `factored` does not serve {}, which works on whole matrices", .kind.name()
    )]
    Optimizer { kind: OptimizerKind },
    #[error("engine `factored` needs a rank estimate between 1 and {limit}, found {rank_estimate}")]
    RankEstimate { rank_estimate: usize, limit: usize },
    #[error("engine `factored` needs {wanted} given matrices (V^T, C_1 to C_L, U), found {found}")]
    WeightCount { found: usize, wanted: usize },
    #[error("engine `factored` starts from an orthogonal initialization or from given matrices")]
    Start,
    #[error("engine `factored` needs initial scales that are not 0, that of layer {layer} is")]
    ZeroScale { layer: usize },
}

/// Bytes that are no checkpoint of this trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    #[error("the checkpoint ends early")]
    Truncated,
    #[error("the checkpoint has {extra} bytes too many")]
    TooLong { extra: usize },
    #[error("the checkpoint has format {found}, this program reads {wanted}")]
    Format { found: u32, wanted: u32 },
    #[error("the checkpoint belongs to another trial or engine")]
    OtherTrial,
}
