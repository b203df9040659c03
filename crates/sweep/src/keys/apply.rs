//! When a key applies: one condition a group of keys, and the keys that each condition looks at.
//!
//! A list of deciders names the deciders of the deciders too, so that a condition over a grid is one over the
//! axes of that list alone.

use super::{Id, Lookup};

/// For keys that always apply.
pub(super) fn always(_: &Lookup<'_>) -> bool {
    true
}

fn kind_is(values: &Lookup<'_>, kinds: &[&str]) -> bool {
    values
        .name(Id::ProblemKind)
        .is_some_and(|kind| kinds.contains(&kind))
}

/// Factorization and completion fit a matrix; the others fit samples.
fn fits_matrix(values: &Lookup<'_>) -> bool {
    kind_is(values, &["factorization", "completion"])
}

pub(super) const TARGET: &[Id] = &[Id::ProblemKind];
pub(super) fn target(values: &Lookup<'_>) -> bool {
    fits_matrix(values)
}

pub(super) const MASK: &[Id] = &[Id::ProblemKind];
pub(super) fn mask(values: &Lookup<'_>) -> bool {
    kind_is(values, &["completion"])
}

pub(super) const LABELS: &[Id] = &[Id::ProblemKind];
pub(super) fn labels(values: &Lookup<'_>) -> bool {
    kind_is(values, &["classification"])
}

pub(super) const TARGETS: &[Id] = &[Id::ProblemKind];
pub(super) fn targets(values: &Lookup<'_>) -> bool {
    kind_is(values, &["regression"])
}

pub(super) const CLASSES: &[Id] = &[Id::ProblemKind, Id::ProblemLabels, Id::ProblemTargets];
pub(super) fn classes(values: &Lookup<'_>) -> bool {
    (labels(values) && !values.has_file(Id::ProblemLabels))
        || (targets(values) && !values.has_file(Id::ProblemTargets))
}

pub(super) const SAMPLES_PER_CLASS: &[Id] = &[
    Id::ProblemKind,
    Id::ProblemLabels,
    Id::ProblemTargets,
    Id::ProblemClasses,
];
pub(super) fn samples_per_class(values: &Lookup<'_>) -> bool {
    values.get(Id::ProblemClasses).is_some()
}

pub(super) const INPUTS: &[Id] = &[Id::ProblemKind];
pub(super) fn inputs(values: &Lookup<'_>) -> bool {
    kind_is(values, &["regression", "classification"])
}

pub(super) const INPUTS_DRAWN: &[Id] = &[Id::ProblemKind, Id::ProblemInputs];
pub(super) fn inputs_drawn(values: &Lookup<'_>) -> bool {
    inputs(values) && !values.has_file(Id::ProblemInputs)
}

// A draw that is swept under its own name decides as well; it stands after the table in the registry but is
// part of the table's settled value.
pub(super) const INPUTS_GAUSSIAN: &[Id] =
    &[Id::ProblemKind, Id::ProblemInputs, Id::ProblemInputsDraw];
pub(super) fn inputs_gaussian(values: &Lookup<'_>) -> bool {
    inputs_drawn(values)
        && values
            .field(Id::ProblemInputs, "draw")
            .and_then(|draw| draw.as_str())
            == Some("gaussian")
}

pub(super) const INPUTS_COUNT: &[Id] = &[
    Id::ProblemKind,
    Id::ProblemLabels,
    Id::ProblemTargets,
    Id::ProblemClasses,
    Id::ProblemInputs,
];
pub(super) fn inputs_count(values: &Lookup<'_>) -> bool {
    // Classes and files bring their own number of samples.
    inputs_drawn(values) && drawn_teacher(values)
}

/// Regression on `Y = M X` with a drawn `M`.
fn drawn_teacher(values: &Lookup<'_>) -> bool {
    targets(values)
        && !values.has_file(Id::ProblemTargets)
        && values.get(Id::ProblemClasses).is_none()
}

pub(super) const INPUTS_DIM: &[Id] = &[Id::ProblemKind, Id::ProblemTarget, Id::ProblemInputs];
pub(super) fn inputs_dim(values: &Lookup<'_>) -> bool {
    if fits_matrix(values) {
        !values.has_file(Id::ProblemTarget)
    } else {
        inputs_drawn(values)
    }
}

pub(super) const OUTPUTS_DIM: &[Id] = &[
    Id::ProblemKind,
    Id::ProblemTarget,
    Id::ProblemLabels,
    Id::ProblemTargets,
    Id::ProblemClasses,
];
pub(super) fn outputs_dim(values: &Lookup<'_>) -> bool {
    if fits_matrix(values) {
        !values.has_file(Id::ProblemTarget)
    } else {
        drawn_teacher(values)
    }
}

pub(super) const DIM: &[Id] = &[
    Id::ProblemKind,
    Id::ProblemTarget,
    Id::ProblemLabels,
    Id::ProblemTargets,
    Id::ProblemClasses,
    Id::ProblemInputs,
    Id::ProblemInputsDim,
    Id::ProblemOutputsDim,
];
pub(super) fn dim(values: &Lookup<'_>) -> bool {
    (inputs_dim(values) && values.get(Id::ProblemInputsDim).is_none())
        || (outputs_dim(values) && values.get(Id::ProblemOutputsDim).is_none())
}

pub(super) const DRAWN_MAP: &[Id] = &[
    Id::ProblemKind,
    Id::ProblemTarget,
    Id::ProblemLabels,
    Id::ProblemTargets,
    Id::ProblemClasses,
];
pub(super) fn drawn_map(values: &Lookup<'_>) -> bool {
    outputs_dim(values)
}

pub(super) const OBSERVED: &[Id] = &[Id::ProblemKind, Id::ProblemMask];
pub(super) fn observed(values: &Lookup<'_>) -> bool {
    mask(values) && !values.has_file(Id::ProblemMask)
}

pub(super) const INIT_KIND: &[Id] = &[Id::InitKind];
pub(super) fn init_scale(values: &Lookup<'_>) -> bool {
    !init_weights(values)
}
pub(super) fn init_weights(values: &Lookup<'_>) -> bool {
    values.name(Id::InitKind) == Some("file")
}

// The default depth is the number of weights where these come from a file.
pub(super) const DEPTH: &[Id] = &[
    Id::TrainEngine,
    Id::InitKind,
    Id::InitWeights,
    Id::NetworkDepth,
];
pub(super) fn hidden(values: &Lookup<'_>) -> bool {
    values.int(Id::NetworkDepth).is_some_and(|depth| depth >= 2)
}

pub(super) const OPTIMIZER_KIND: &[Id] = &[Id::OptimizerKind];
pub(super) fn momentum(values: &Lookup<'_>) -> bool {
    values.name(Id::OptimizerKind) == Some("momentum")
}

pub(super) const ENGINE: &[Id] = &[Id::TrainEngine];
pub(super) fn factored(values: &Lookup<'_>) -> bool {
    values.name(Id::TrainEngine) == Some("factored")
}

pub(super) const RANK_ESTIMATE: &[Id] = &[Id::TrainEngine, Id::InitKind];
pub(super) fn rank_estimate(values: &Lookup<'_>) -> bool {
    // The sizes of weights from a file rule.
    factored(values) && !init_weights(values)
}
