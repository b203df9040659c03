//! Where keys apply: one condition a group of keys.

use super::condition::Condition::{self, All, Any, AtLeast, HasFile, Is, IsSet, Not};
use super::id::Id;

/// Factorization and completion fit a matrix; the others fit samples.
pub(super) const TARGET: Condition = Is(Id::ProblemKind, &["factorization", "completion"]);
pub(super) const MASK: Condition = Is(Id::ProblemKind, &["completion"]);
pub(super) const LABELS: Condition = Is(Id::ProblemKind, &["classification"]);
pub(super) const TARGETS: Condition = Is(Id::ProblemKind, &["regression"]);
/// Classes are labels, which noise would make none.
pub(super) const NOISE: Condition = Is(
    Id::ProblemKind,
    &["factorization", "completion", "regression"],
);
pub(crate) const INPUTS: Condition = Is(Id::ProblemKind, &["regression", "classification"]);

pub(super) const CLASSES: Condition = Any(&[
    All(&[LABELS, Not(&HasFile(Id::ProblemLabels))]),
    All(&[TARGETS, Not(&HasFile(Id::ProblemTargets))]),
]);
pub(super) const SAMPLES_PER_CLASS: Condition = IsSet(Id::ProblemClasses);

pub(super) const INPUTS_DRAWN: Condition = All(&[INPUTS, Not(&HasFile(Id::ProblemInputs))]);
pub(super) const INPUTS_GAUSSIAN: Condition =
    All(&[INPUTS_DRAWN, Is(Id::ProblemInputsDraw, &["gaussian"])]);
/// Classes and files bring their own number of samples.
pub(super) const INPUTS_COUNT: Condition = All(&[INPUTS_DRAWN, DRAWN_TEACHER]);

/// Regression on `Y = M X` with a drawn `M`.
const DRAWN_TEACHER: Condition = All(&[
    TARGETS,
    Not(&HasFile(Id::ProblemTargets)),
    Not(&IsSet(Id::ProblemClasses)),
]);
const DRAWN_TARGET: Condition = All(&[TARGET, Not(&HasFile(Id::ProblemTarget))]);

pub(super) const INPUTS_DIM: Condition = Any(&[DRAWN_TARGET, INPUTS_DRAWN]);
pub(super) const OUTPUTS_DIM: Condition = Any(&[DRAWN_TARGET, DRAWN_TEACHER]);
pub(super) const DIM: Condition = Any(&[
    All(&[INPUTS_DIM, Not(&IsSet(Id::ProblemInputsDim))]),
    All(&[OUTPUTS_DIM, Not(&IsSet(Id::ProblemOutputsDim))]),
]);
pub(super) const DRAWN_MAP: Condition = OUTPUTS_DIM;
pub(super) const OBSERVED: Condition = All(&[MASK, Not(&HasFile(Id::ProblemMask))]);

pub(crate) const INIT_WEIGHTS: Condition = Is(Id::InitKind, &["file"]);
pub(super) const INIT_SCALE: Condition = Not(&INIT_WEIGHTS);

pub(super) const HIDDEN: Condition = AtLeast(Id::NetworkDepth, 2);

pub(crate) const NEGATIVE_SLOPE: Condition = Is(Id::NetworkActivation, &["leaky_relu"]);
pub(crate) const NONLINEAR: Condition =
    All(&[HIDDEN, Not(&Is(Id::NetworkActivation, &["linear"]))]);

pub(super) const MOMENTUM: Condition = Is(Id::OptimizerKind, &["momentum", "nesterov", "muon"]);
pub(super) const POLAR: Condition = Is(Id::OptimizerKind, &["muon"]);

pub(super) const SCHEDULE_ALPHA: Condition = Is(Id::OptimizerScheduleKind, &["cosine"]);
pub(super) const SCHEDULE_WARMUP: Condition = Is(Id::OptimizerScheduleKind, &["warmup_cosine"]);
pub(super) const SCHEDULE_END: Condition =
    Is(Id::OptimizerScheduleKind, &["warmup_cosine", "linear"]);
pub(super) const SCHEDULE_FACTOR: Condition = Is(Id::OptimizerScheduleKind, &["step"]);
pub(super) const SCHEDULE_RATES: Condition = Is(Id::OptimizerScheduleKind, &["list"]);
pub(super) const SCHEDULE_STEPS: Condition = Is(
    Id::OptimizerScheduleKind,
    &["cosine", "warmup_cosine", "linear"],
);

pub(super) const FACTORED: Condition = Is(Id::TrainEngine, &["factored"]);
/// The sizes of weights from a file rule.
pub(super) const RANK_ESTIMATE: Condition = All(&[FACTORED, INIT_SCALE]);

pub(super) const PROJECTED: Condition = Is(Id::TrainEngine, &["projected"]);
pub(super) const PROJECTED_BLOCK: Condition = All(&[PROJECTED, Is(Id::ProjectedKind, &["fixed"])]);
pub(super) const PROJECTED_REFRESH: Condition =
    All(&[PROJECTED, Is(Id::ProjectedKind, &["refreshed"])]);
