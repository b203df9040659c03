//! What must agree between the keys of one point, and with the shapes of the files that it reads.
//!
//! Each check names what it reads, so that a grid can run it once for every combination of those keys instead of once
//! a point; a test holds the names against what is read. The conditions themselves are in `fits`; what depends
//! on the drawn or loaded numbers is found by `dln`.

use super::fault::Fault;
use super::trial::assemble;
use super::{fits, readings, splits};
use crate::keys::{
    ALWAYS, Condition, INIT_WEIGHTS, INPUTS, INPUTS_DIM, Id, Lookup, NEGATIVE_SLOPE, NONLINEAR,
    OUTPUTS_DIM, SAMPLE_COUNT, Size,
};
use crate::refs::Arrays;
use crate::value::Value;

/// One condition on a point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check {
    /// What `test` looks at.
    pub(crate) reads: &'static [CheckInput],
    /// There is something to check only here.
    pub(crate) only: &'static Condition,
    pub(crate) test: fn(&Lookup<'_>, &Arrays) -> Result<(), Fault>,
}

/// Something that a check reads: a key, or whatever sets a size.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CheckInput {
    Key(Id),
    Size(&'static Size),
}

/// The keys that parts stand for; some perhaps more than once.
pub(crate) fn ids(parts: &[CheckInput]) -> impl Iterator<Item = Id> {
    parts.iter().flat_map(|part| {
        let (key, size) = match part {
            CheckInput::Key(id) => (Some(*id), None),
            CheckInput::Size(size) => (None, Some(size.reads())),
        };
        key.into_iter().chain(size.into_iter().flatten())
    })
}

/// The trial that settled values describe, tables that name files being as written.
pub(crate) fn trial(slots: &[Option<Value>], arrays: &Arrays) -> Result<dln::Trial, Fault> {
    trial_of(&Lookup::new(slots), arrays)
}

/// As [`trial`].
pub(crate) fn trial_of(values: &Lookup<'_>, arrays: &Arrays) -> Result<dln::Trial, Fault> {
    for check in CHECKS {
        (check.test)(values, arrays)?;
    }
    assemble(values, arrays)
}

/// Every condition that a trial is made under, files first: the others rely on their shapes.
pub(crate) const CHECKS: &[Check] = &[
    Check {
        reads: FILES,
        only: &ALWAYS,
        test: readings::files_are_loaded,
    },
    Check {
        reads: &[
            CheckInput::Key(Id::InitKind),
            CheckInput::Key(Id::InitWeights),
        ],
        only: &INIT_WEIGHTS,
        test: fits::weights_are_named,
    },
    Check {
        reads: &[
            CheckInput::Key(Id::InitKind),
            CheckInput::Key(Id::ProblemKind),
        ],
        only: &ALIGNED,
        test: fits::start_has_target,
    },
    Check {
        reads: RANK,
        only: &ALWAYS,
        test: fits::rank_fits,
    },
    Check {
        reads: &[
            CheckInput::Key(Id::ProblemRank),
            CheckInput::Key(Id::ProblemSingularValues),
        ],
        only: &ALWAYS,
        test: fits::singular_values_fit_rank,
    },
    Check {
        reads: &[
            CheckInput::Key(Id::NetworkDepth),
            CheckInput::Key(Id::NetworkWidth),
        ],
        only: &ALWAYS,
        test: fits::widths_fit_depth,
    },
    Check {
        reads: &[
            CheckInput::Key(Id::NetworkDepth),
            CheckInput::Key(Id::InitScale),
        ],
        only: &ALWAYS,
        test: fits::scales_fit_depth,
    },
    Check {
        reads: &[CheckInput::Key(Id::OptimizerSchedule)],
        only: &SCHEDULED,
        test: fits::schedule_is_whole,
    },
    Check {
        reads: &[CheckInput::Key(Id::NetworkNegativeSlope)],
        only: &NEGATIVE_SLOPE,
        test: fits::negative_slope_bends,
    },
    Check {
        reads: &[
            CheckInput::Key(Id::NetworkDepth),
            CheckInput::Key(Id::NetworkNonlinearLayers),
        ],
        only: &NONLINEAR,
        test: fits::nonlinear_layers_fit,
    },
    Check {
        reads: SAMPLES,
        only: &INPUTS,
        test: fits::samples_agree,
    },
    Check {
        reads: SAMPLE_RANGES,
        only: &INPUTS,
        test: fits::ranges_fit,
    },
    Check {
        reads: SPLIT,
        only: &INPUTS,
        test: splits::split_fits,
    },
    Check {
        reads: &[
            CheckInput::Key(Id::ProblemNoise),
            CheckInput::Key(Id::ProblemTarget),
            CheckInput::Key(Id::ProblemTargets),
        ],
        only: &ALWAYS,
        test: splits::noise_is_on_a_draw,
    },
    Check {
        reads: INPUTS_RANK,
        only: &INPUTS,
        test: fits::inputs_rank_fits,
    },
    Check {
        reads: MASK,
        only: &COMPLETION,
        test: fits::mask_fits,
    },
    Check {
        reads: &[
            CheckInput::Key(Id::ProblemKind),
            CheckInput::Key(Id::ProblemLoss),
        ],
        only: &ALWAYS,
        test: fits::loss_fits_kind,
    },
    Check {
        reads: &[
            CheckInput::Key(Id::ProblemKind),
            CheckInput::Key(Id::NetworkBias),
        ],
        only: &ALWAYS,
        test: fits::bias_fits_kind,
    },
    Check {
        reads: BATCH,
        only: &INPUTS,
        test: fits::batch_fits,
    },
    Check {
        reads: WEIGHTS,
        only: &INIT_WEIGHTS,
        test: fits::weights_fit,
    },
];

/// What a sweep is checked for when it is new; folders of earlier programs may hold such points, which stay what they
/// are.
pub(crate) const WHEN_NEW: &[Check] = &[Check {
    reads: SAMPLE_RANGES,
    only: &INPUTS,
    test: splits::ranges_are_apart,
}];

/// Whether the engine that is asked for can serve the trial. For a grid alone: `dln` looks at each trial
/// itself.
pub(crate) const ENGINE: Check = Check {
    reads: ENGINE_READS,
    only: &ASKED_ENGINE,
    test: fits::engine_serves,
};

const ALIGNED: Condition = Condition::Is(Id::InitKind, &["aligned"]);
const COMPLETION: Condition = Condition::Is(Id::ProblemKind, &["completion"]);
const ASKED_ENGINE: Condition = Condition::Is(Id::TrainEngine, &["reduced", "factored"]);

/// Kinds whose fields are not all given by defaults.
const SCHEDULED: Condition = Condition::Is(
    Id::OptimizerScheduleKind,
    &["warmup_cosine", "step", "list"],
);

const FILES: &[CheckInput] = &[
    CheckInput::Key(Id::ProblemTarget),
    CheckInput::Key(Id::ProblemMask),
    CheckInput::Key(Id::ProblemLabels),
    CheckInput::Key(Id::ProblemTargets),
    CheckInput::Key(Id::ProblemInputs),
    CheckInput::Key(Id::InitWeights),
];
const RANK: &[CheckInput] = &[
    CheckInput::Size(&INPUTS_DIM),
    CheckInput::Size(&OUTPUTS_DIM),
    CheckInput::Key(Id::ProblemRank),
];
const SAMPLES: &[CheckInput] = &[CheckInput::Size(&SAMPLE_COUNT)];
const SAMPLE_RANGES: &[CheckInput] = &[
    CheckInput::Size(&SAMPLE_COUNT),
    CheckInput::Key(Id::ProblemSamples),
    CheckInput::Key(Id::ProblemTest),
];
const SPLIT: &[CheckInput] = &[
    CheckInput::Size(&SAMPLE_COUNT),
    CheckInput::Key(Id::ProblemKind),
    CheckInput::Key(Id::ProblemSamples),
    CheckInput::Key(Id::ProblemTest),
    CheckInput::Key(Id::ProblemLabels),
    CheckInput::Key(Id::ProblemClasses),
    CheckInput::Key(Id::ProblemSamplesPerClass),
];
const INPUTS_RANK: &[CheckInput] = &[
    CheckInput::Size(&SAMPLE_COUNT),
    CheckInput::Size(&INPUTS_DIM),
];
const BATCH: &[CheckInput] = &[
    CheckInput::Key(Id::ProblemTest),
    CheckInput::Key(Id::ProblemSamples),
    CheckInput::Key(Id::TrainBatch),
];
const MASK: &[CheckInput] = &[
    CheckInput::Size(&INPUTS_DIM),
    CheckInput::Size(&OUTPUTS_DIM),
    CheckInput::Key(Id::ProblemMask),
];
const WEIGHTS: &[CheckInput] = &[
    CheckInput::Size(&INPUTS_DIM),
    CheckInput::Size(&OUTPUTS_DIM),
    CheckInput::Key(Id::TrainEngine),
    CheckInput::Key(Id::InitKind),
    CheckInput::Key(Id::InitWeights),
    CheckInput::Key(Id::NetworkDepth),
    CheckInput::Key(Id::NetworkWidth),
];
const ENGINE_READS: &[CheckInput] = &[
    CheckInput::Size(&INPUTS_DIM),
    CheckInput::Size(&OUTPUTS_DIM),
    CheckInput::Size(&SAMPLE_COUNT),
    CheckInput::Key(Id::ProblemKind),
    CheckInput::Key(Id::ProblemRank),
    CheckInput::Key(Id::ProblemLoss),
    CheckInput::Key(Id::ProblemNoise),
    CheckInput::Key(Id::ProblemTest),
    CheckInput::Key(Id::ProblemSamples),
    CheckInput::Key(Id::ProblemWhiten),
    CheckInput::Key(Id::TrainEngine),
    CheckInput::Key(Id::TrainBatch),
    CheckInput::Key(Id::InitKind),
    CheckInput::Key(Id::InitScale),
    CheckInput::Key(Id::InitWeights),
    CheckInput::Key(Id::NetworkDepth),
    CheckInput::Key(Id::NetworkWidth),
    CheckInput::Key(Id::NetworkActivation),
    CheckInput::Key(Id::NetworkBias),
    CheckInput::Key(Id::NetworkNegativeSlope),
    CheckInput::Key(Id::NetworkNonlinearLayers),
    CheckInput::Key(Id::OptimizerKind),
    CheckInput::Key(Id::OptimizerWeightDecay),
    CheckInput::Key(Id::OptimizerRankEstimate),
    CheckInput::Key(Id::MeasureMetrics),
];
