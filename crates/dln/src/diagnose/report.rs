//! What is asked and what is answered, as plain types.

use crate::config::{Given, Loss};

/// What is looked at.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A matrix to be factored, output x input.
    Matrix(Given),
    /// `d_x x n` inputs, and their one-hot classes `classes x n`.
    Labelled { inputs: Given, classes: Given },
    /// `d_x x n` inputs, and their real targets `d_y x n`.
    Paired { inputs: Given, targets: Given },
}

/// The network that one would train on it, from an orthogonal start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Proposal {
    pub depth: usize,
    /// Of every hidden layer.
    pub width: usize,
    /// eps
    pub scale: f64,
    pub loss: Loss,
}

/// Everything that there is to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Rows and columns of the matrix or of the inputs.
    pub shape: (usize, usize),
    /// Of the matrix or of the inputs.
    pub spectrum: DataSpectrum,
    /// Rank of the correlation of targets and inputs: of the matrix itself where there are no targets.
    pub correlation_rank: usize,
    /// `k_0 .. k_L` of the exact core.
    pub core_widths: Vec<usize>,
    /// Widest hidden core; none at depth 1.
    pub core_width: Option<usize>,
    pub full: EngineCost,
    pub reduced: EngineCost,
    pub curvature: Curvature,
    /// 2 over the largest curvature at the start: descent beyond it rises at once.
    pub safe_rate: f64,
    /// Steps in which half of the safe rate brings the slowest direction of 99 % of the energy down by 10^6,
    /// by the spectrum of the inputs alone.
    pub steps: u64,
    pub advice: Advice,
    pub stages: Vec<Stage>,
}

/// Sizes of singular values.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSpectrum {
    /// Descending.
    pub values: Vec<f64>,
    /// Values above 1e-12 of the largest.
    pub rank: usize,
    /// exp of the entropy of the values over their sum; 0 for a zero matrix.
    pub effective_rank: f64,
    /// `||A||_F^2 / ||A||_2^2`; 0 for a zero matrix.
    pub stable_rank: f64,
    /// Fewest values that carry 90, 95, 99 and 99.9 % of the sum of squares.
    pub energy: [Energy; 4],
    /// Values above the optimal hard threshold for noise of unknown size.
    ///
    /// # Source
    /// Gavish and Donoho, "The optimal hard threshold for singular values is 4/sqrt(3)", arXiv 1305.5870,
    /// eq. (11) with the cubic approximation of its section IV.
    pub threshold_rank: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Energy {
    /// Of the sum of squares.
    pub share: f64,
    pub count: usize,
}

/// What a step of an engine costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EngineCost {
    /// Products, `2 m n k` each.
    pub flops_per_step: f64,
    pub bytes: f64,
}

/// The largest eigenvalue of the loss's Hessian at the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Curvature {
    pub value: f64,
    /// Found on the core; otherwise an upper bound.
    pub exact: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Train the core: it is the wide network, cheaper.
    Core,
    /// Train the network itself: its core is nearly as costly.
    Wide,
}

/// A step of the staged plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    pub title: &'static str,
    pub detail: String,
}

impl Subject {
    /// Rows and columns of the matrix or of the inputs.
    pub fn shape(&self) -> (usize, usize) {
        match self {
            Subject::Matrix(Given(A)) => A.dim(),
            Subject::Labelled { inputs, .. } | Subject::Paired { inputs, .. } => inputs.0.dim(),
        }
    }

    /// A width to look at where none is named: as wide as a matrix, as in the papers' factorizations; for
    /// samples one that counts as wide.
    pub fn usual_width(&self) -> usize {
        let (rows, columns) = self.shape();
        match self {
            Subject::Matrix(_) => rows.max(columns),
            Subject::Labelled { .. } | Subject::Paired { .. } => (4 * rows).max(1000),
        }
    }
}
