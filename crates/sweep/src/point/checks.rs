//! What must agree between the keys of one point, and with the shapes of the files that it reads.
//!
//! Each check names what it reads, so that a grid can run it once for every combination of those keys instead of once
//! a point; a test holds the names against what is read. The conditions themselves are in `fits`; what depends
//! on the drawn or loaded numbers is found by `dln`.

use super::fault::Fault;
use super::trial::assemble;
use super::{fits, readings};
use crate::keys::{
    ALWAYS, Condition, INIT_WEIGHTS, INPUTS, INPUTS_DIM, Id, Lookup, OUTPUTS_DIM, SAMPLE_COUNT,
    Size,
};
use crate::refs::Arrays;
use crate::value::Value;

/// One condition on a point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check {
    /// What `test` looks at.
    pub(crate) reads: &'static [Part],
    /// There is something to check only here.
    pub(crate) only: &'static Condition,
    pub(crate) test: fn(&Lookup<'_>, &Arrays) -> Result<(), Fault>,
}

/// Something that a check reads: a key, or whatever sets a size.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Key(Id),
    Size(&'static Size),
}

/// The keys that parts stand for; some perhaps more than once.
pub(crate) fn ids(parts: &[Part]) -> impl Iterator<Item = Id> {
    parts.iter().flat_map(|part| {
        let (key, size) = match part {
            Part::Key(id) => (Some(*id), None),
            Part::Size(size) => (None, Some(size.reads())),
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
        reads: &[Part::Key(Id::InitKind), Part::Key(Id::InitWeights)],
        only: &INIT_WEIGHTS,
        test: fits::weights_are_named,
    },
    Check {
        reads: RANK,
        only: &ALWAYS,
        test: fits::rank_fits,
    },
    Check {
        reads: &[
            Part::Key(Id::ProblemRank),
            Part::Key(Id::ProblemSingularValues),
        ],
        only: &ALWAYS,
        test: fits::singular_values_fit_rank,
    },
    Check {
        reads: &[Part::Key(Id::NetworkDepth), Part::Key(Id::NetworkWidth)],
        only: &ALWAYS,
        test: fits::widths_fit_depth,
    },
    Check {
        reads: &[Part::Key(Id::NetworkDepth), Part::Key(Id::InitScale)],
        only: &ALWAYS,
        test: fits::scales_fit_depth,
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
        reads: WEIGHTS,
        only: &INIT_WEIGHTS,
        test: fits::weights_fit,
    },
];

/// Whether the engine that is asked for can serve the trial. For a grid alone: `dln` looks at each trial
/// itself.
pub(crate) const ENGINE: Check = Check {
    reads: ENGINE_READS,
    only: &ASKED_ENGINE,
    test: fits::engine_serves,
};

const COMPLETION: Condition = Condition::Is(Id::ProblemKind, &["completion"]);
const ASKED_ENGINE: Condition = Condition::Is(Id::TrainEngine, &["reduced", "factored"]);

const FILES: &[Part] = &[
    Part::Key(Id::ProblemTarget),
    Part::Key(Id::ProblemMask),
    Part::Key(Id::ProblemLabels),
    Part::Key(Id::ProblemTargets),
    Part::Key(Id::ProblemInputs),
    Part::Key(Id::InitWeights),
];
const RANK: &[Part] = &[
    Part::Size(&INPUTS_DIM),
    Part::Size(&OUTPUTS_DIM),
    Part::Key(Id::ProblemRank),
];
const SAMPLES: &[Part] = &[Part::Size(&SAMPLE_COUNT)];
const SAMPLE_RANGES: &[Part] = &[
    Part::Size(&SAMPLE_COUNT),
    Part::Key(Id::ProblemSamples),
    Part::Key(Id::ProblemTest),
];
const INPUTS_RANK: &[Part] = &[Part::Size(&SAMPLE_COUNT), Part::Size(&INPUTS_DIM)];
const MASK: &[Part] = &[
    Part::Size(&INPUTS_DIM),
    Part::Size(&OUTPUTS_DIM),
    Part::Key(Id::ProblemMask),
];
const WEIGHTS: &[Part] = &[
    Part::Size(&INPUTS_DIM),
    Part::Size(&OUTPUTS_DIM),
    Part::Key(Id::TrainEngine),
    Part::Key(Id::InitKind),
    Part::Key(Id::InitWeights),
    Part::Key(Id::NetworkDepth),
    Part::Key(Id::NetworkWidth),
];
const ENGINE_READS: &[Part] = &[
    Part::Size(&INPUTS_DIM),
    Part::Size(&OUTPUTS_DIM),
    Part::Size(&SAMPLE_COUNT),
    Part::Key(Id::ProblemKind),
    Part::Key(Id::ProblemRank),
    Part::Key(Id::ProblemTest),
    Part::Key(Id::ProblemSamples),
    Part::Key(Id::ProblemWhiten),
    Part::Key(Id::TrainEngine),
    Part::Key(Id::InitKind),
    Part::Key(Id::InitWeights),
    Part::Key(Id::NetworkDepth),
    Part::Key(Id::NetworkWidth),
    Part::Key(Id::NetworkActivation),
    Part::Key(Id::OptimizerKind),
    Part::Key(Id::OptimizerRankEstimate),
    Part::Key(Id::MeasureMetrics),
];
