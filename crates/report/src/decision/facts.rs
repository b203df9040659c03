//! What a decision rests on, as plain numbers.

/// What the data are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Classes { samples: usize, classes: usize },
    Targets { samples: usize, targets: usize },
    Matrix { rows: usize, columns: usize },
}

/// What a score is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    Accuracy,
    Explained,
    Energy,
}

/// A simple model that stands next to the networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    Majority,
    LeastSquares,
    Logistic,
}

/// Scores of a small model and of the model on everything.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    pub k: usize,
    pub of: usize,
    pub score: f64,
    pub best: f64,
    /// Standard error of the best.
    pub error: f64,
}

/// Why nothing can be said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Doubt {
    FewSamples {
        found: usize,
        wanted: usize,
    },
    NothingLearned {
        score: f64,
        majority: f64,
    },
    Behind {
        score: f64,
        reference: f64,
    },
    /// A network that decides takes too long to train.
    LargeNetwork,
    /// The samples are too many numbers.
    LargeSamples,
    Diverged {
        k: usize,
    },
    NothingToLearn,
    /// Nearly every sample has a class of its own.
    NothingHeldOut {
        classes: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer {
    Enough(Compared),
    Costs(Compared),
    NotLowDimensional(Compared),
    CannotTell(Doubt),
}

/// A number of directions, its energy and its scores.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    pub k: usize,
    /// One a split.
    pub scores: Vec<f64>,
}

/// What training takes once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Hidden width.
    pub width: usize,
    /// Inputs that the network sees.
    pub inputs: usize,
    pub flops: f64,
    /// Predicted, on one core.
    pub seconds: f64,
    pub memory_bytes: f64,
}

/// What was not checked, or weakens the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Risk {
    /// Held-out samples come from the same file.
    SameSource,
    /// The networks are linear.
    Linear,
    /// The smallest class has few samples.
    RareClass { samples: usize },
    /// Inputs differ in size by orders of magnitude, and nothing was done about it.
    Scales,
    /// Rows of the curve were too large to be trained.
    Untrained,
    /// No simple model was fitted that the training could be checked against.
    Unchecked,
    /// Seconds come of a cost model.
    Predicted,
    /// A matrix: no held-out entries.
    NoHeldOut,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Write the staged plan and run it.
    Plan,
    /// Prepare the inputs and ask again.
    Prepare,
    /// Get more samples or other inputs.
    Collect,
    /// Keep the wide network, and plan it.
    Wide,
    /// Write the plan of a matrix as a sweep and run it.
    Sweep,
    /// Train for more steps and ask again.
    Longer,
    /// Ask again with less to compute.
    Smaller,
}

/// Everything on the page.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The file as it was named.
    pub file: String,
    /// The version of the program.
    pub version: String,
    pub kind: Kind,
    /// Numbers of a sample.
    pub inputs: usize,
    pub measured: Measured,
    pub answer: Answer,
    /// Descending.
    pub spectrum: Vec<f64>,
    /// Ascending in k.
    pub curve: Vec<Point>,
    pub references: Vec<(Reference, f64)>,
    pub today: Option<Cost>,
    pub after: Option<Cost>,
    /// Whether the width of `today` was asked for.
    pub width_is_given: bool,
    pub splits: usize,
    pub held_out: usize,
    /// Of a core while it trains.
    pub watts: f64,
    pub risks: Vec<Risk>,
    pub next: Next,
    /// The command that follows.
    pub command: String,
}
