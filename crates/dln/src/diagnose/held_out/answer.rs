//! What is asked of held-out samples and what is answered, as plain types.

use crate::config::{Loss, Trial};

/// What is done to the inputs, learned on the training samples alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preparation {
    /// Means become 0.
    pub center: bool,
    /// Deviations become 1; a constant input stays as it is.
    pub standardize: bool,
    /// `X X^T = I`, within the directions that are kept.
    pub whiten: bool,
}

/// The network that would be trained on the samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Question {
    pub depth: usize,
    /// Of every hidden layer; `None`: the narrowest that loses nothing.
    pub width: Option<usize>,
    /// eps of the orthogonal start.
    pub scale: f64,
    /// `None`: [`super::limits::STEPS`].
    pub steps: Option<u64>,
    pub preparation: Preparation,
}

/// What a score is: larger is better, 1 is perfect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Score {
    /// Share of held-out samples whose class is found.
    Accuracy,
    /// Share of the variance of held-out targets that is explained.
    Explained,
    /// Share of the sum of squares of a matrix that is kept.
    Energy,
}

impl Score {
    pub fn name(self) -> &'static str {
        match self {
            Score::Accuracy => "accuracy",
            Score::Explained => "explained variance",
            Score::Energy => "energy",
        }
    }
}

/// Samples of each class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    pub counts: Vec<usize>,
}

impl Balance {
    /// Share of the largest class: what the same answer for every sample reaches.
    pub fn majority(&self) -> f64 {
        let all: usize = self.counts.iter().sum();
        let most = self.counts.iter().copied().max().unwrap_or(0);
        most as f64 / all.max(1) as f64
    }

    /// Samples of the smallest class.
    pub fn smallest(&self) -> usize {
        self.counts.iter().copied().min().unwrap_or(0)
    }
}

/// A model that is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaselineKind {
    /// The most frequent class, or the mean of the targets.
    Majority,
    /// Linear least squares with an intercept.
    LeastSquares,
    /// Multinomial logistic regression with an L2 penalty, chosen for each split on a part of its training samples.
    Logistic,
}

impl BaselineKind {
    pub fn name(self) -> &'static str {
        match self {
            BaselineKind::Majority => "majority",
            BaselineKind::LeastSquares => "least squares",
            BaselineKind::Logistic => "logistic regression",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    pub kind: BaselineKind,
    /// One a split.
    pub scores: Vec<f64>,
    /// Of the logistic regression on the first split: the mean cross-entropy has `penalty / 2 ||W||^2` added.
    pub penalty: Option<f64>,
}

impl Baseline {
    /// Mean over the splits.
    pub fn mean(&self) -> f64 {
        mean(&self.scores).unwrap_or(0.0)
    }

    /// Whether it looks at the inputs, so that training can be checked against it.
    pub fn is_model(&self) -> bool {
        match self.kind {
            BaselineKind::LeastSquares | BaselineKind::Logistic => true,
            BaselineKind::Majority => false,
        }
    }
}

/// How networks are trained here and in the staged plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    pub loss: Loss,
    /// Of the heavy ball.
    pub momentum: f64,
    pub rate: f64,
    /// eps of the orthogonal start.
    pub scale: f64,
    pub steps: u64,
    /// Samples a step; 0: all.
    pub batch: usize,
}

/// A rate of the search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateTried {
    pub rate: f64,
    /// Mean over splits of the training samples; `None` where training diverged on one of them.
    pub score: Option<f64>,
}

/// A width of the search for the narrowest network that loses nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct WidthTried {
    pub width: usize,
    /// One a split.
    pub scores: Vec<f64>,
}

/// A row of the price of truncation.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    /// Share of the energy that the directions carry; `None`: all of it.
    pub share: Option<f64>,
    /// Directions kept.
    pub k: usize,
    /// Widest hidden layer of the exact core; `None` at depth 1.
    pub core_width: Option<usize>,
    /// One a split; empty where training would take too long ([`super::limits::RUN_FLOPS`]).
    pub scores: Vec<f64>,
    /// Splits on which training diverged, even at smaller rates; they count as 0.
    pub diverged: usize,
    /// Products of a step, `2 m n k` each.
    pub flops_per_step: f64,
    pub steps: u64,
    /// Mean of the trained runs.
    pub measured_seconds: Option<f64>,
    /// Of the stored model, in double precision: the directions and the core.
    pub bytes: f64,
    /// One of the runs, for who predicts its cost.
    pub trial: Trial,
}

impl Price {
    /// Mean over the splits.
    pub fn mean(&self) -> Option<f64> {
        mean(&self.scores)
    }

    /// Whether every split has a score.
    pub fn is_measured(&self) -> bool {
        !self.scores.is_empty() && self.diverged == 0
    }
}

pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Standard deviation of a sample; 0 for fewer than two values.
pub fn deviation(values: &[f64]) -> f64 {
    let Some(mean) = mean(values).filter(|_| values.len() > 1) else {
        return 0.0;
    };
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}
