//! The name of each key in the code: its place in the registry.

/// A key by its place in `keys`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Id {
    Seed,
    Replicate,
    ProblemKind,
    ProblemTarget,
    ProblemMask,
    ProblemLabels,
    ProblemTargets,
    ProblemClasses,
    ProblemSamplesPerClass,
    ProblemInputs,
    ProblemInputsDraw,
    ProblemInputsNoise,
    ProblemInputsRank,
    ProblemInputsCondition,
    ProblemInputsCount,
    ProblemInputsDim,
    ProblemOutputsDim,
    ProblemDim,
    ProblemSingularValues,
    ProblemSingularValuesGeometric,
    ProblemRank,
    ProblemLoss,
    ProblemObserved,
    ProblemTest,
    ProblemSamples,
    ProblemWhiten,
    TrainEngine,
    TrainPrecision,
    TrainSteps,
    TrainStop,
    TrainStopTrainLoss,
    TrainStopGradientNorm,
    TrainBatch,
    InitKind,
    InitScale,
    InitWeights,
    NetworkDepth,
    NetworkWidth,
    NetworkActivation,
    NetworkBias,
    OptimizerKind,
    OptimizerRate,
    OptimizerMomentum,
    OptimizerWeightDecay,
    OptimizerFactorRate,
    OptimizerRankEstimate,
    MeasureEvery,
    MeasureMetrics,
    MeasureTolerance,
    #[cfg(test)]
    MeasureDummy,
}

impl Id {
    /// The last of the registry.
    #[cfg(not(test))]
    pub(super) const LAST: Id = Id::MeasureTolerance;
    #[cfg(test)]
    pub(super) const LAST: Id = Id::MeasureDummy;
}
