//! What must agree between the keys of one point, and with the shapes of the files that it reads.
//!
//! Each check names the keys that it reads, so that a grid can run it once for every combination of them
//! instead of once a point. The conditions themselves are in `fits`; what only the drawn or loaded numbers can
//! tell is found by `dln`.

use super::fault::Fault;
use super::fits;
use crate::keys::{Id, Lookup};
use crate::refs::Arrays;

/// One condition on a point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check {
    /// The keys that `test` looks at, directly or through the sizes that they set.
    pub(crate) reads: &'static [Id],
    /// There is something to check only where this key takes one of these names.
    pub(crate) only: Option<(Id, &'static [&'static str])>,
    pub(crate) test: fn(&Lookup<'_>, &Arrays) -> Result<(), Fault>,
}

/// Every condition that a trial is made under, files first: the others rely on their shapes.
pub(crate) const CHECKS: &[Check] = &[
    Check {
        reads: FILES,
        only: None,
        test: fits::files_are_loaded,
    },
    Check {
        reads: &[Id::InitKind, Id::InitWeights],
        only: Some((Id::InitKind, &["file"])),
        test: fits::weights_are_named,
    },
    Check {
        reads: RANK,
        only: None,
        test: fits::rank_fits,
    },
    Check {
        reads: &[Id::ProblemRank, Id::ProblemSingularValues],
        only: None,
        test: fits::singular_values_fit_rank,
    },
    Check {
        reads: &[Id::NetworkDepth, Id::NetworkWidth],
        only: None,
        test: fits::widths_fit_depth,
    },
    Check {
        reads: &[Id::NetworkDepth, Id::InitScale],
        only: None,
        test: fits::scales_fit_depth,
    },
    Check {
        reads: SAMPLES,
        only: Some((Id::ProblemKind, &["regression", "classification"])),
        test: fits::samples_agree,
    },
    Check {
        reads: SAMPLE_RANGES,
        only: Some((Id::ProblemKind, &["regression", "classification"])),
        test: fits::ranges_fit,
    },
    Check {
        reads: INPUTS_RANK,
        only: Some((Id::ProblemKind, &["regression", "classification"])),
        test: fits::inputs_rank_fits,
    },
    Check {
        reads: MASK,
        only: Some((Id::ProblemKind, &["completion"])),
        test: fits::mask_fits,
    },
    Check {
        reads: WEIGHTS,
        only: Some((Id::InitKind, &["file"])),
        test: fits::weights_fit,
    },
];

/// Whether the engine that is asked for can serve the trial. For a grid alone: `dln` looks at each trial
/// itself.
pub(crate) const ENGINE: Check = Check {
    reads: ENGINE_READS,
    only: Some((Id::TrainEngine, &["reduced", "factored"])),
    test: fits::engine_serves,
};

const FILES: &[Id] = &[
    Id::ProblemTarget,
    Id::ProblemMask,
    Id::ProblemLabels,
    Id::ProblemTargets,
    Id::ProblemInputs,
    Id::InitWeights,
];
const RANK: &[Id] = &[
    Id::ProblemTarget,
    Id::ProblemInputs,
    Id::ProblemLabels,
    Id::ProblemTargets,
    Id::ProblemClasses,
    Id::ProblemInputsDim,
    Id::ProblemOutputsDim,
    Id::ProblemDim,
    Id::ProblemRank,
];
const SAMPLES: &[Id] = &[
    Id::ProblemInputs,
    Id::ProblemLabels,
    Id::ProblemTargets,
    Id::ProblemClasses,
    Id::ProblemSamplesPerClass,
];
const SAMPLE_RANGES: &[Id] = &[
    Id::ProblemInputs,
    Id::ProblemLabels,
    Id::ProblemTargets,
    Id::ProblemClasses,
    Id::ProblemSamplesPerClass,
    Id::ProblemSamples,
    Id::ProblemTest,
];
const INPUTS_RANK: &[Id] = &[
    Id::ProblemInputs,
    Id::ProblemLabels,
    Id::ProblemTargets,
    Id::ProblemClasses,
    Id::ProblemSamplesPerClass,
    Id::ProblemInputsDim,
    Id::ProblemDim,
];
const MASK: &[Id] = &[
    Id::ProblemTarget,
    Id::ProblemMask,
    Id::ProblemInputsDim,
    Id::ProblemOutputsDim,
    Id::ProblemDim,
];
const WEIGHTS: &[Id] = &[
    Id::ProblemTarget,
    Id::ProblemInputs,
    Id::ProblemLabels,
    Id::ProblemTargets,
    Id::ProblemClasses,
    Id::ProblemInputsDim,
    Id::ProblemOutputsDim,
    Id::ProblemDim,
    Id::TrainEngine,
    Id::InitKind,
    Id::InitWeights,
    Id::NetworkDepth,
    Id::NetworkWidth,
];
const ENGINE_READS: &[Id] = &[
    Id::ProblemKind,
    Id::ProblemTarget,
    Id::ProblemLabels,
    Id::ProblemTargets,
    Id::ProblemClasses,
    Id::ProblemSamplesPerClass,
    Id::ProblemInputs,
    Id::ProblemInputsDim,
    Id::ProblemOutputsDim,
    Id::ProblemDim,
    Id::ProblemRank,
    Id::ProblemTest,
    Id::ProblemSamples,
    Id::ProblemWhiten,
    Id::TrainEngine,
    Id::InitKind,
    Id::InitWeights,
    Id::NetworkDepth,
    Id::NetworkWidth,
    Id::NetworkActivation,
    Id::OptimizerKind,
    Id::OptimizerRankEstimate,
    Id::MeasureMetrics,
];
