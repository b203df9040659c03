//! The entries of `train.*`, `init.*`, `network.*`, `optimizer.*` and `measure.*`: how it is fitted.

use dln::{
    Activation, BlockKind, EngineChoice, LeakBlock, Metric, OptimizerKind, Polar, Precision,
    Projected, ProjectedKind, ScheduleKind, StartKind,
};

use super::apply;
use super::defaults;
use super::id::Id;
use super::kind::{
    Bounds, ColumnType, FIRST, Key, KeyKind, MAX_COUNT, MAX_DIM, PLAIN, Preset, Schema,
};

/// Layers; one more is one more matrix in memory and in the spectra.
const MAX_DEPTH: i64 = 10_000;

/// What the leaves of `optimizer.schedule` have in common.
const OF_SCHEDULE: Key = Key {
    parent: Some(Id::OptimizerSchedule),
    costs: false,
    since: FIRST + 1,
    ..PLAIN
};

/// What the keys of the projected engine have in common.
const OF_PROJECTED: Key = Key {
    applies: &apply::PROJECTED,
    since: FIRST + 1,
    ..PLAIN
};

pub(super) const ENTRIES: &[Key] = &[
    Key {
        id: Id::TrainEngine,
        name: "train.engine",
        column: "train_engine",
        column_type: ColumnType::Str,
        doc: EngineChoice::HELP,
        default: Preset::Name(EngineChoice::Auto.name()),
        kind: KeyKind::Name(EngineChoice::NAMES),
        ..PLAIN
    },
    Key {
        id: Id::TrainPrecision,
        name: "train.precision",
        column: "train_precision",
        column_type: ColumnType::Str,
        doc: Precision::HELP,
        default: Preset::Name(Precision::F64.name()),
        kind: KeyKind::Name(Precision::NAMES),
        ..PLAIN
    },
    Key {
        id: Id::TrainSteps,
        name: "train.steps",
        column: "train_steps",
        doc: "updates, unless a stop rule ends the trial before",
        default: Preset::Int(1000),
        kind: KeyKind::Int {
            min: 0,
            max: MAX_COUNT,
        },
        ..PLAIN
    },
    Key {
        id: Id::TrainStop,
        name: "train.stop",
        column: "train_stop",
        column_type: ColumnType::Str,
        doc: "end early at or below { train_loss = 1e-10, gradient_norm = 1e-8 }, either or both; checked every step, with `train.batch` at measured steps",
        kind: KeyKind::Table(Schema::Stop),
        ..PLAIN
    },
    Key {
        id: Id::TrainStopTrainLoss,
        name: "train.stop.train_loss",
        column: "train_stop_train_loss",
        column_type: ColumnType::Float,
        doc: "end when the train loss is at or below this",
        kind: KeyKind::Float(Bounds::NOT_NEGATIVE),
        parent: Some(Id::TrainStop),
        costs: false,
        ..PLAIN
    },
    Key {
        id: Id::TrainStopGradientNorm,
        name: "train.stop.gradient_norm",
        column: "train_stop_gradient_norm",
        column_type: ColumnType::Float,
        doc: "end when the norm of the gradient over all layers is at or below this",
        kind: KeyKind::Float(Bounds::NOT_NEGATIVE),
        parent: Some(Id::TrainStop),
        ..PLAIN
    },
    Key {
        id: Id::TrainBatch,
        name: "train.batch",
        column: "train_batch",
        doc: "training samples that an update sees, drawn without replacement within an epoch; 0: all. train_loss, accuracies and the gradient's norm are always of all",
        default: Preset::Int(0),
        kind: KeyKind::Int {
            min: 0,
            max: MAX_COUNT,
        },
        applies: &apply::INPUTS,
        since: FIRST + 1,
        ..PLAIN
    },
    Key {
        id: Id::InitKind,
        name: "init.kind",
        column: "init_kind",
        column_type: ColumnType::Str,
        doc: StartKind::HELP,
        default: Preset::Name(StartKind::Orthogonal.name()),
        kind: KeyKind::Name(StartKind::NAMES),
        ..PLAIN
    },
    Key {
        id: Id::InitScale,
        name: "init.scale",
        column: "init_scale",
        column_type: ColumnType::Float,
        list_column: Some("init_scale_list"),
        doc: "eps, or a list of one a layer, in which 0 is allowed",
        default: Preset::Float(1.0),
        kind: KeyKind::FloatOrList {
            one: Bounds::POSITIVE,
            each: Bounds::NOT_NEGATIVE,
        },
        applies: &apply::INIT_SCALE,
        costs: false,
        ..PLAIN
    },
    Key {
        id: Id::InitWeights,
        name: "init.weights",
        column: "init_weights",
        column_type: ColumnType::Str,
        doc: "kind = \"file\": W_1 ... W_L, output x input, not scaled: { file = \"m.npz\", arrays = [\"w1\", \"w2\"] }; engine = \"factored\": V^T, C_1 ... C_L, U, whose sizes rule",
        kind: KeyKind::Table(Schema::Weights),
        applies: &apply::INIT_WEIGHTS,
        ..PLAIN
    },
    Key {
        id: Id::NetworkDepth,
        name: "network.depth",
        column: "network_depth",
        doc: "number of layers L",
        default: Preset::Derived(&defaults::DEPTH),
        kind: KeyKind::Int {
            min: 1,
            max: MAX_DEPTH,
        },
        ..PLAIN
    },
    Key {
        id: Id::NetworkWidth,
        name: "network.width",
        column: "network_width",
        list_column: Some("network_width_list"),
        doc: "hidden width, or a list of depth - 1 widths",
        default: Preset::Derived(&defaults::WIDTH),
        kind: KeyKind::IntOrList {
            min: 1,
            max: MAX_DIM,
        },
        applies: &apply::HIDDEN,
        ..PLAIN
    },
    Key {
        id: Id::NetworkActivation,
        name: "network.activation",
        column: "network_activation",
        column_type: ColumnType::Str,
        doc: Activation::HELP,
        default: Preset::Name(Activation::Linear.name()),
        kind: KeyKind::Name(Activation::NAMES),
        applies: &apply::HIDDEN,
        ..PLAIN
    },
    Key {
        id: Id::NetworkNegativeSlope,
        name: "network.negative_slope",
        column: "network_negative_slope",
        column_type: ColumnType::Float,
        doc: "activation = \"leaky_relu\": its slope below zero, any but 1, which is no activation",
        default: Preset::Float(0.01),
        kind: KeyKind::Float(Bounds::NOT_NEGATIVE),
        applies: &apply::NEGATIVE_SLOPE,
        costs: false,
        since: FIRST + 1,
        ..PLAIN
    },
    Key {
        id: Id::NetworkNonlinearLayers,
        name: "network.nonlinear_layers",
        column: "network_nonlinear_layers",
        doc: "hidden layers, counted from the inputs, that the activation stands after; the others are linear; unset: all hidden layers",
        kind: KeyKind::Int {
            min: 0,
            max: MAX_DEPTH,
        },
        applies: &apply::NONLINEAR,
        since: FIRST + 1,
        ..PLAIN
    },
    Key {
        id: Id::NetworkBias,
        name: "network.bias",
        column: "network_bias",
        column_type: ColumnType::Bool,
        doc: "whether every layer has a bias, which starts at zero and has no weight decay; regression, classification",
        default: Preset::Bool(false),
        kind: KeyKind::Bool,
        since: FIRST + 1,
        ..PLAIN
    },
    Key {
        id: Id::OptimizerKind,
        name: "optimizer.kind",
        column: "optimizer_kind",
        column_type: ColumnType::Str,
        doc: OptimizerKind::HELP,
        default: Preset::Name(OptimizerKind::Gd.name()),
        kind: KeyKind::Name(OptimizerKind::NAMES),
        ..PLAIN
    },
    Key {
        id: Id::OptimizerRate,
        name: "optimizer.rate",
        column: "optimizer_rate",
        column_type: ColumnType::Float,
        doc: "step size eta",
        default: Preset::Derived(&defaults::RATE),
        kind: KeyKind::Float(Bounds::POSITIVE),
        costs: false,
        ..PLAIN
    },
    Key {
        id: Id::OptimizerMomentum,
        name: "optimizer.momentum",
        column: "optimizer_momentum",
        column_type: ColumnType::Float,
        doc: "beta of the kinds with momentum",
        default: Preset::Derived(&defaults::MOMENTUM),
        kind: KeyKind::Float(Bounds::BELOW_ONE),
        applies: &apply::MOMENTUM,
        costs: false,
        ..PLAIN
    },
    Key {
        id: Id::OptimizerWeightDecay,
        name: "optimizer.weight_decay",
        column: "optimizer_weight_decay",
        column_type: ColumnType::Float,
        doc: "lambda: lambda W is added to the gradient, for adamw and lion to the update; biases have none; train_loss leaves the penalty out",
        default: Preset::Float(0.0),
        kind: KeyKind::Float(Bounds::NOT_NEGATIVE),
        ..PLAIN
    },
    Key {
        id: Id::OptimizerFactorRate,
        name: "optimizer.factor_rate",
        column: "optimizer_factor_rate",
        column_type: ColumnType::Float,
        doc: "engine = \"factored\": gamma, the rate of the two factors relative to `rate`; 0 freezes them",
        default: Preset::Float(0.01),
        kind: KeyKind::Float(Bounds::NOT_NEGATIVE),
        applies: &apply::FACTORED,
        ..PLAIN
    },
    Key {
        id: Id::OptimizerRankEstimate,
        name: "optimizer.rank_estimate",
        column: "optimizer_rank_estimate",
        doc: "engine = \"factored\": r_hat, half the width of the compressed network",
        default: Preset::Derived(&defaults::RANK_ESTIMATE),
        kind: KeyKind::Int {
            min: 1,
            max: MAX_DIM,
        },
        applies: &apply::RANK_ESTIMATE,
        ..PLAIN
    },
    Key {
        id: Id::OptimizerPolar,
        name: "optimizer.polar",
        column: "optimizer_polar",
        column_type: ColumnType::Str,
        doc: Polar::HELP,
        default: Preset::Name(Polar::NewtonSchulz.name()),
        kind: KeyKind::Name(Polar::NAMES),
        applies: &apply::POLAR,
        since: FIRST + 1,
        ..PLAIN
    },
    Key {
        id: Id::OptimizerSchedule,
        name: "optimizer.schedule",
        column: "optimizer_schedule",
        column_type: ColumnType::Str,
        doc: "the rate over the steps, as optax's schedules: { kind = \"cosine\", alpha = 0.1 }",
        default: Preset::Kind(ScheduleKind::Constant.name()),
        kind: KeyKind::Table(Schema::Schedule),
        costs: false,
        since: FIRST + 1,
        ..PLAIN
    },
    Key {
        id: Id::OptimizerScheduleKind,
        name: "optimizer.schedule.kind",
        column: "optimizer_schedule_kind",
        column_type: ColumnType::Str,
        doc: ScheduleKind::HELP,
        default: Preset::Name(ScheduleKind::Constant.name()),
        kind: KeyKind::Name(ScheduleKind::NAMES),
        ..OF_SCHEDULE
    },
    Key {
        id: Id::OptimizerScheduleAlpha,
        name: "optimizer.schedule.alpha",
        column: "optimizer_schedule_alpha",
        column_type: ColumnType::Float,
        doc: "kind = \"cosine\": the last rate, relative to `rate`",
        default: Preset::Float(0.0),
        kind: KeyKind::Float(Bounds::NOT_NEGATIVE),
        applies: &apply::SCHEDULE_ALPHA,
        ..OF_SCHEDULE
    },
    Key {
        id: Id::OptimizerScheduleWarmup,
        name: "optimizer.schedule.warmup",
        column: "optimizer_schedule_warmup",
        doc: "kind = \"warmup_cosine\": steps from rate 0 up to `rate`",
        kind: KeyKind::Int {
            min: 0,
            max: MAX_COUNT,
        },
        applies: &apply::SCHEDULE_WARMUP,
        ..OF_SCHEDULE
    },
    Key {
        id: Id::OptimizerScheduleEnd,
        name: "optimizer.schedule.end",
        column: "optimizer_schedule_end",
        column_type: ColumnType::Float,
        doc: "kind = \"warmup_cosine\" or \"linear\": the last rate",
        default: Preset::Float(0.0),
        kind: KeyKind::Float(Bounds::NOT_NEGATIVE),
        applies: &apply::SCHEDULE_END,
        ..OF_SCHEDULE
    },
    Key {
        id: Id::OptimizerScheduleEvery,
        name: "optimizer.schedule.every",
        column: "optimizer_schedule_every",
        doc: "kind = \"step\": steps of one rate",
        kind: KeyKind::Int {
            min: 1,
            max: MAX_COUNT,
        },
        applies: &apply::SCHEDULE_FACTOR,
        ..OF_SCHEDULE
    },
    Key {
        id: Id::OptimizerScheduleFactor,
        name: "optimizer.schedule.factor",
        column: "optimizer_schedule_factor",
        column_type: ColumnType::Float,
        doc: "kind = \"step\": what the rate is multiplied by after `every` steps",
        kind: KeyKind::Float(Bounds::POSITIVE),
        applies: &apply::SCHEDULE_FACTOR,
        ..OF_SCHEDULE
    },
    Key {
        id: Id::OptimizerScheduleRates,
        name: "optimizer.schedule.rates",
        column: "optimizer_schedule_rates",
        column_type: ColumnType::Float,
        list_column: Some("optimizer_schedule_rates_list"),
        doc: "kind = \"list\": the rate of each step; the last one holds",
        kind: KeyKind::FloatOrList {
            one: Bounds::NOT_NEGATIVE,
            each: Bounds::NOT_NEGATIVE,
        },
        applies: &apply::SCHEDULE_RATES,
        ..OF_SCHEDULE
    },
    Key {
        id: Id::OptimizerScheduleSteps,
        name: "optimizer.schedule.steps",
        column: "optimizer_schedule_steps",
        doc: "steps until the last rate, a warm-up included",
        default: Preset::Derived(&defaults::SCHEDULE_STEPS),
        kind: KeyKind::Int {
            min: 1,
            max: MAX_COUNT,
        },
        applies: &apply::SCHEDULE_STEPS,
        ..OF_SCHEDULE
    },
    Key {
        id: Id::MeasureEvery,
        name: "measure.every",
        column: "measure_every",
        doc: "steps between rows of history, spectra and layers; 0: start and end alone",
        default: Preset::Int(0),
        kind: KeyKind::Int {
            min: 0,
            max: MAX_COUNT,
        },
        ..PLAIN
    },
    Key {
        id: Id::MeasureMetrics,
        name: "measure.metrics",
        column: "measure_metrics",
        column_type: ColumnType::Str,
        doc: Metric::OTHERS,
        default: Preset::Names(Metric::DEFAULTS),
        kind: KeyKind::NameList(Metric::NAMES),
        ..PLAIN
    },
    Key {
        id: Id::MeasureTolerance,
        name: "measure.tolerance",
        column: "measure_tolerance",
        column_type: ColumnType::Float,
        doc: "report the first step and the seconds at which the train loss is at or below this",
        kind: KeyKind::Float(Bounds::NOT_NEGATIVE),
        costs: false,
        ..PLAIN
    },
    Key {
        id: Id::MeasureLeakBlock,
        name: "measure.leak_block",
        column: "measure_leak_block",
        column_type: ColumnType::Str,
        doc: LeakBlock::HELP,
        default: Preset::Name(LeakBlock::Gradient.name()),
        kind: KeyKind::Name(LeakBlock::NAMES),
        costs: false,
        since: FIRST + 1,
        ..PLAIN
    },
    Key {
        id: Id::ProjectedKind,
        name: "projected.kind",
        column: "projected_kind",
        column_type: ColumnType::Str,
        doc: ProjectedKind::HELP,
        default: Preset::Name(Projected::DEFAULT.kind.name()),
        kind: KeyKind::Name(ProjectedKind::NAMES),
        ..OF_PROJECTED
    },
    Key {
        id: Id::ProjectedBlock,
        name: "projected.block",
        column: "projected_block",
        column_type: ColumnType::Str,
        doc: BlockKind::HELP,
        default: Preset::Name(Projected::DEFAULT.block.name()),
        kind: KeyKind::Name(BlockKind::NAMES),
        applies: &apply::PROJECTED_BLOCK,
        ..OF_PROJECTED
    },
    Key {
        id: Id::ProjectedRank,
        name: "projected.rank",
        column: "projected_rank",
        doc: "directions that a fixed block is closed from, or that a refreshed one keeps (default: the target's rank, \
              or the outputs; of block data all)",
        kind: KeyKind::Int {
            min: 1,
            max: MAX_DIM,
        },
        ..OF_PROJECTED
    },
    Key {
        id: Id::ProjectedRefresh,
        name: "projected.refresh",
        column: "projected_refresh",
        doc: "steps after which blocks are taken anew",
        default: Preset::Int(Projected::DEFAULT.refresh as i64),
        kind: KeyKind::Int {
            min: 1,
            max: MAX_COUNT,
        },
        applies: &apply::PROJECTED_REFRESH,
        ..OF_PROJECTED
    },
    Key {
        id: Id::ProjectedBound,
        name: "projected.bound",
        column: "projected_bound",
        column_type: ColumnType::Float,
        doc: "share of the first gradient's norm outside a block above which the block grows (default: it never does)",
        kind: KeyKind::Float(Bounds::POSITIVE),
        ..OF_PROJECTED
    },
    Key {
        id: Id::ProjectedCheck,
        name: "projected.check",
        column: "projected_check",
        doc: "steps between looks at what lies outside, each a row of layers; 0: at measured steps alone, and blocks do not grow",
        default: Preset::Int(Projected::DEFAULT.check as i64),
        kind: KeyKind::Int {
            min: 0,
            max: MAX_COUNT,
        },
        ..OF_PROJECTED
    },
];
