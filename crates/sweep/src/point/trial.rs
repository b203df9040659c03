//! From settled values to a `dln::Trial`.
//!
//! Sizes that do not fit each other are refused by `fits` before anything is put together here.

use std::sync::Arc;

use dln::{
    Activation, BlockKind, Draw, EngineChoice, Given, Init, Inputs, InputsDraw, LeakBlock, Loss,
    Mask, Measure, Metric, Metrics, Network, Optimizer, OptimizerKind, Polar, Precision, Problem,
    Projected, ProjectedKind, Samples, Schedule, ScheduleKind, SingularValues, SpectrumKind,
    StartKind, Target, Targets, Task, TaskKind, Train, Trial,
};

use super::fault::Fault;
use super::readings::{count, dims, missing, not_loaded, span, split, widths};
use crate::keys::{Id, Lookup, SAMPLE_COUNT, keys};
use crate::refs::{ArrayRef, Arrays, Role};
use crate::value::Value;

/// Of activations that have none, where the key does not apply.
const NEGATIVE_SLOPE: f64 = 0.01;

/// The trial, nothing checked beyond what it takes to build one.
pub(super) fn assemble(values: &Lookup<'_>, arrays: &Arrays) -> Result<Trial, Fault> {
    Ok(Trial {
        problem: problem(values, arrays)?,
        network: Network {
            widths: widths(values).into_iter().map(size).collect(),
            // Of no meaning at depth 1, where the key does not apply.
            activation: values
                .name(Id::NetworkActivation)
                .and_then(Activation::named)
                .unwrap_or(Activation::Linear),
            negative_slope: values
                .float(Id::NetworkNegativeSlope)
                .unwrap_or(NEGATIVE_SLOPE),
            nonlinear_layers: count(values, Id::NetworkNonlinearLayers).map(size),
            bias: values.bool(Id::NetworkBias).unwrap_or(false),
        },
        init: init(values, arrays)?,
        train: train(values)?,
        optimizer: optimizer(values)?,
        measure: measure(values)?,
        draw: Draw {
            seed: whole(values, Id::Seed)?,
            replicate: whole(values, Id::Replicate)?,
        },
    })
}

fn problem(values: &Lookup<'_>, arrays: &Arrays) -> Result<Problem, Fault> {
    let (d_x, d_y) = dims(values, arrays)?;
    let task = match choice(values, Id::ProblemKind, TaskKind::named)? {
        TaskKind::Factorization => Task::Factorization {
            target: target(values, arrays)?,
        },
        TaskKind::Completion => Task::Completion {
            target: target(values, arrays)?,
            mask: match given(values, arrays, Id::ProblemMask, Role::Mask)? {
                Some(mask) => Mask::Given(mask),
                None => Mask::Drawn {
                    observed: float(values, Id::ProblemObserved)?,
                },
            },
        },
        TaskKind::Regression => Task::Regression {
            samples: samples(values, arrays)?,
        },
        TaskKind::Classification => Task::Classification {
            samples: samples(values, arrays)?,
        },
    };
    Ok(Problem {
        inputs_dim: size(d_x),
        outputs_dim: size(d_y),
        loss: choice(values, Id::ProblemLoss, Loss::named)?,
        // Where labels are fitted there is none.
        noise: values.float(Id::ProblemNoise).unwrap_or(0.0),
        task,
    })
}

fn target(values: &Lookup<'_>, arrays: &Arrays) -> Result<Target, Fault> {
    Ok(
        match given(values, arrays, Id::ProblemTarget, Role::Target)? {
            Some(target) => Target::Given(target),
            None => Target::Drawn {
                rank: size(whole(values, Id::ProblemRank)?),
                singular_values: singular_values(values)?,
            },
        },
    )
}

fn singular_values(values: &Lookup<'_>) -> Result<SingularValues, Fault> {
    let id = Id::ProblemSingularValues;
    Ok(match values.get(id) {
        Some(Value::Str(_)) => choice(values, id, SpectrumKind::named)?.into(),
        Some(Value::List(list)) => {
            SingularValues::List(list.iter().filter_map(Value::as_float).collect())
        }
        Some(table) => SingularValues::Geometric(
            table
                .field("geometric")
                .and_then(Value::as_float)
                .ok_or_else(|| missing("problem.singular_values.geometric"))?,
        ),
        None => return Err(missing(keys()[id as usize].name)),
    })
}

fn samples(values: &Lookup<'_>, arrays: &Arrays) -> Result<Samples, Fault> {
    let count_all = SAMPLE_COUNT
        .of(values, arrays)
        .map(size)
        .ok_or_else(|| missing("problem.inputs.count"))?;
    let inputs = match given(values, arrays, Id::ProblemInputs, Role::Inputs)? {
        Some(inputs) => Inputs::Given(inputs),
        None => drawn_inputs(values, count_all),
    };
    let labels = given(values, arrays, Id::ProblemLabels, Role::Labels)?;
    let read = match labels {
        Some(labels) => Some(labels),
        None => given(values, arrays, Id::ProblemTargets, Role::Targets)?,
    };
    let targets = match (read, count(values, Id::ProblemClasses)) {
        (Some(targets), _) => Targets::Given(targets),
        (None, Some(classes)) => Targets::Classes {
            classes: size(classes),
            samples_per_class: size(whole(values, Id::ProblemSamplesPerClass)?),
        },
        (None, None) => Targets::Teacher {
            rank: size(whole(values, Id::ProblemRank)?),
            singular_values: singular_values(values)?,
        },
    };
    let ends = |(start, end): (u64, u64)| (size(start), size(end));
    Ok(Samples {
        inputs,
        targets,
        train: span(values, Id::ProblemSamples)
            .map(ends)
            .ok_or_else(|| missing("problem.samples"))?,
        test: span(values, Id::ProblemTest).map(ends),
        split: split(values),
        whiten: values.bool(Id::ProblemWhiten).unwrap_or(false),
        center: flag(values, "center"),
        standardize: flag(values, "standardize"),
    })
}

/// A flag of the table of inputs, which stands there only where it is set.
fn flag(values: &Lookup<'_>, field: &str) -> bool {
    let found = values.field(Id::ProblemInputs, field);
    found.and_then(Value::as_bool).unwrap_or(false)
}

fn drawn_inputs(values: &Lookup<'_>, count: usize) -> Inputs {
    let number = |field: &str| {
        values
            .field(Id::ProblemInputs, field)
            .and_then(Value::as_float)
    };
    let noise = number("noise").unwrap_or(0.0);
    let draw = values.field(Id::ProblemInputs, "draw");
    let draw = draw.and_then(Value::as_str).and_then(InputsDraw::named);
    match draw.unwrap_or(InputsDraw::Orthonormal) {
        InputsDraw::Orthonormal => Inputs::Orthonormal { count, noise },
        InputsDraw::Gaussian => Inputs::Gaussian {
            count,
            noise,
            rank: values
                .field(Id::ProblemInputs, "rank")
                .and_then(Value::as_int)
                .and_then(|rank| usize::try_from(rank).ok()),
            condition: number("condition"),
        },
    }
}

fn init(values: &Lookup<'_>, arrays: &Arrays) -> Result<Init, Fault> {
    let layers = size(whole(values, Id::NetworkDepth)?);
    let kind = choice(values, Id::InitKind, StartKind::named)?;
    let weights = if kind.is_scaled() {
        Vec::new()
    } else {
        let table = values
            .get(Id::InitWeights)
            .ok_or_else(|| missing("init.weights"))?;
        let files = ArrayRef::all_of(Role::Weights, table);
        let read = files.iter().map(|array| load(arrays, array));
        read.collect::<Result<_, Fault>>()?
    };
    let scales = match values.get(Id::InitScale) {
        Some(Value::List(list)) => list.iter().filter_map(Value::as_float).collect(),
        Some(scale) => vec![scale.as_float().unwrap_or(1.0); layers],
        // Weights from a file are taken as they are.
        None => vec![1.0; layers],
    };
    Ok(Init {
        kind,
        scales,
        weights,
    })
}

fn train(values: &Lookup<'_>) -> Result<Train, Fault> {
    Ok(Train {
        engine: choice(values, Id::TrainEngine, EngineChoice::named)?,
        precision: choice(values, Id::TrainPrecision, Precision::named)?,
        steps: whole(values, Id::TrainSteps)?,
        stop_train_loss: values.float(Id::TrainStopTrainLoss),
        stop_gradient_norm: values.float(Id::TrainStopGradientNorm),
        batch: count(values, Id::TrainBatch).map_or(0, size),
        projected: projected(values),
    })
}

/// Of the projected engine; no other looks at it, and its keys do not apply there.
fn projected(values: &Lookup<'_>) -> Projected {
    let default = Projected::DEFAULT;
    Projected {
        kind: values
            .name(Id::ProjectedKind)
            .and_then(ProjectedKind::named)
            .unwrap_or(default.kind),
        block: values
            .name(Id::ProjectedBlock)
            .and_then(BlockKind::named)
            .unwrap_or(default.block),
        rank: count(values, Id::ProjectedRank).map(size),
        refresh: count(values, Id::ProjectedRefresh).unwrap_or(default.refresh),
        bound: values.float(Id::ProjectedBound),
        check: count(values, Id::ProjectedCheck).unwrap_or(default.check),
    }
}

fn optimizer(values: &Lookup<'_>) -> Result<Optimizer, Fault> {
    Ok(Optimizer {
        kind: choice(values, Id::OptimizerKind, OptimizerKind::named)?,
        rate: float(values, Id::OptimizerRate)?,
        // Of kinds that have none, where the key does not apply.
        momentum: values.float(Id::OptimizerMomentum).unwrap_or(0.0),
        weight_decay: float(values, Id::OptimizerWeightDecay)?,
        // The last two are the factored engine's; no other looks at them.
        factor_rate: values.float(Id::OptimizerFactorRate).unwrap_or(0.0),
        rank_estimate: count(values, Id::OptimizerRankEstimate).map_or(1, size),
        schedule: schedule(values)?,
        // Of muon alone.
        polar: values
            .name(Id::OptimizerPolar)
            .and_then(Polar::named)
            .unwrap_or(Polar::NewtonSchulz),
    })
}

fn schedule(values: &Lookup<'_>) -> Result<Schedule, Fault> {
    let number = |id| float(values, id);
    let steps = |id| whole(values, id);
    Ok(
        match choice(values, Id::OptimizerScheduleKind, ScheduleKind::named)? {
            ScheduleKind::Constant => Schedule::Constant,
            ScheduleKind::Cosine => Schedule::Cosine {
                alpha: number(Id::OptimizerScheduleAlpha)?,
                steps: steps(Id::OptimizerScheduleSteps)?,
            },
            ScheduleKind::WarmupCosine => Schedule::WarmupCosine {
                warmup: steps(Id::OptimizerScheduleWarmup)?,
                end: number(Id::OptimizerScheduleEnd)?,
                steps: steps(Id::OptimizerScheduleSteps)?,
            },
            ScheduleKind::Step => Schedule::Step {
                every: steps(Id::OptimizerScheduleEvery)?,
                factor: number(Id::OptimizerScheduleFactor)?,
            },
            ScheduleKind::Linear => Schedule::Linear {
                end: number(Id::OptimizerScheduleEnd)?,
                steps: steps(Id::OptimizerScheduleSteps)?,
            },
            ScheduleKind::List => match values.get(Id::OptimizerScheduleRates) {
                Some(Value::List(list)) => {
                    Schedule::List(list.iter().filter_map(Value::as_float).collect())
                }
                _ => Schedule::List(vec![number(Id::OptimizerScheduleRates)?]),
            },
        },
    )
}

fn measure(values: &Lookup<'_>) -> Result<Measure, Fault> {
    let mut metrics = Metrics::default();
    let names = values.get(Id::MeasureMetrics).and_then(Value::as_list);
    let names = names.unwrap_or_default().iter().filter_map(Value::as_str);
    for metric in names.filter_map(Metric::named) {
        metrics.set(metric, true);
    }
    Ok(Measure {
        every: whole(values, Id::MeasureEvery)?,
        metrics,
        tolerance: values.float(Id::MeasureTolerance),
        leak_block: choice(values, Id::MeasureLeakBlock, LeakBlock::named)?,
    })
}

/// The array of the file that a key names, if it names one.
fn given(values: &Lookup<'_>, arrays: &Arrays, id: Id, role: Role) -> Result<Option<Given>, Fault> {
    values
        .get(id)
        .and_then(|table| ArrayRef::of(role, table))
        .map(|array| load(arrays, &array))
        .transpose()
}

fn load(arrays: &Arrays, array: &ArrayRef) -> Result<Given, Fault> {
    let loaded = arrays.get(array).ok_or_else(|| not_loaded(array))?;
    Ok(Given(Arc::clone(&loaded.array)))
}

/// The value of a key that takes the names of a choice.
fn choice<C>(values: &Lookup<'_>, id: Id, named: fn(&str) -> Option<C>) -> Result<C, Fault> {
    values
        .name(id)
        .and_then(named)
        .ok_or_else(|| missing(keys()[id as usize].name))
}

fn float(values: &Lookup<'_>, id: Id) -> Result<f64, Fault> {
    values
        .float(id)
        .ok_or_else(|| missing(keys()[id as usize].name))
}

fn whole(values: &Lookup<'_>, id: Id) -> Result<u64, Fault> {
    count(values, id).ok_or_else(|| missing(keys()[id as usize].name))
}

/// A size in memory; what does not fit a machine word is refused when the memory is.
fn size(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
