//! The entries of `problem.*`: what is fitted, drawn or read from files.

use dln::{InputsDraw, Loss, SpectrumKind, TaskKind};

use super::apply;
use super::defaults;
use super::id::Id;
use super::kind::{
    Bounds, ColumnType, FIRST, Key, KeyKind, MAX_COUNT, MAX_DIM, PLAIN, Preset, Schema,
};

pub(super) const ENTRIES: &[Key] = &[
    Key {
        id: Id::ProblemKind,
        name: "problem.kind",
        column: "problem_kind",
        column_type: ColumnType::Str,
        doc: TaskKind::HELP,
        default: Preset::Name(TaskKind::Factorization.name()),
        kind: KeyKind::Name(TaskKind::NAMES),
        ..PLAIN
    },
    Key {
        id: Id::ProblemTarget,
        name: "problem.target",
        column: "problem_target",
        column_type: ColumnType::Str,
        doc: "factorization, completion: the matrix to fit, output x input, from a file instead of a draw: { file = \"m.npz\", array = \"target\" }",
        kind: KeyKind::Table(Schema::Matrix),
        applies: &apply::TARGET,
        ..PLAIN
    },
    Key {
        id: Id::ProblemMask,
        name: "problem.mask",
        column: "problem_mask",
        column_type: ColumnType::Str,
        doc: "completion: which entries are seen (1 or true; the others 0 or false), from a file instead of a draw",
        kind: KeyKind::Table(Schema::Matrix),
        applies: &apply::MASK,
        ..PLAIN
    },
    Key {
        id: Id::ProblemLabels,
        name: "problem.labels",
        column: "problem_labels",
        column_type: ColumnType::Str,
        doc: "classification: labels from a file, integers or strings: { file = \"digits.csv.gz\", columns = \"64..65\" }",
        kind: KeyKind::Table(Schema::Labels),
        applies: &apply::LABELS,
        ..PLAIN
    },
    Key {
        id: Id::ProblemTargets,
        name: "problem.targets",
        column: "problem_targets",
        column_type: ColumnType::Str,
        doc: "regression: targets from a file, a sample a row",
        kind: KeyKind::Table(Schema::Samples),
        applies: &apply::TARGETS,
        ..PLAIN
    },
    Key {
        id: Id::ProblemClasses,
        name: "problem.classes",
        column: "problem_classes",
        doc: "classification without labels from a file: the number of classes; regression: set it to fit one-hot classes instead of a drawn teacher",
        default: Preset::Derived(&defaults::CLASSES),
        kind: KeyKind::Int {
            min: 1,
            max: MAX_DIM,
        },
        applies: &apply::CLASSES,
        ..PLAIN
    },
    Key {
        id: Id::ProblemSamplesPerClass,
        name: "problem.samples_per_class",
        column: "problem_samples_per_class",
        doc: "samples of each drawn class",
        default: Preset::Int(10),
        kind: KeyKind::Int {
            min: 1,
            max: MAX_COUNT,
        },
        applies: &apply::SAMPLES_PER_CLASS,
        ..PLAIN
    },
    Key {
        id: Id::ProblemInputs,
        name: "problem.inputs",
        column: "problem_inputs",
        column_type: ColumnType::Str,
        doc: "regression, classification: drawn, { draw = \"orthonormal\" } or \"gaussian\" with noise, rank, condition and (for a drawn teacher) count; or { file = \"x.npy\" } with array, columns, scale, transpose, header; either way center and standardize",
        default: Preset::Derived(&defaults::INPUTS),
        kind: KeyKind::Table(Schema::Inputs),
        applies: &apply::INPUTS,
        ..PLAIN
    },
    Key {
        id: Id::ProblemInputsDraw,
        name: "problem.inputs.draw",
        column: "problem_inputs_draw",
        column_type: ColumnType::Str,
        doc: InputsDraw::HELP,
        default: Preset::Name(InputsDraw::Orthonormal.name()),
        kind: KeyKind::Name(InputsDraw::NAMES),
        parent: Some(Id::ProblemInputs),
        applies: &apply::INPUTS_DRAWN,
        ..PLAIN
    },
    Key {
        id: Id::ProblemInputsNoise,
        name: "problem.inputs.noise",
        column: "problem_inputs_noise",
        column_type: ColumnType::Float,
        doc: "standard deviation of normal noise added to drawn inputs",
        default: Preset::Float(0.0),
        kind: KeyKind::Float(Bounds::NOT_NEGATIVE),
        parent: Some(Id::ProblemInputs),
        applies: &apply::INPUTS_DRAWN,
        ..PLAIN
    },
    Key {
        id: Id::ProblemInputsRank,
        name: "problem.inputs.rank",
        column: "problem_inputs_rank",
        doc: "gaussian inputs: rank before noise; full unless set",
        kind: KeyKind::Int {
            min: 1,
            max: MAX_DIM,
        },
        parent: Some(Id::ProblemInputs),
        applies: &apply::INPUTS_GAUSSIAN,
        ..PLAIN
    },
    Key {
        id: Id::ProblemInputsCondition,
        name: "problem.inputs.condition",
        column: "problem_inputs_condition",
        column_type: ColumnType::Float,
        doc: "gaussian inputs: largest over smallest singular value, log-spaced between; as drawn unless set",
        kind: KeyKind::Float(Bounds::AT_LEAST_ONE),
        parent: Some(Id::ProblemInputs),
        applies: &apply::INPUTS_GAUSSIAN,
        costs: false,
        ..PLAIN
    },
    Key {
        id: Id::ProblemInputsCount,
        name: "problem.inputs.count",
        column: "problem_inputs_count",
        doc: "regression on a drawn teacher: number of drawn samples",
        default: Preset::Int(100),
        kind: KeyKind::Int {
            min: 1,
            max: MAX_COUNT,
        },
        parent: Some(Id::ProblemInputs),
        applies: &apply::INPUTS_COUNT,
        ..PLAIN
    },
    Key {
        id: Id::ProblemInputsCenter,
        name: "problem.inputs.center",
        column: "problem_inputs_center",
        column_type: ColumnType::Bool,
        doc: "regression, classification: subtract from each input, drawn or from a file, its mean over the samples trained on, from those tested on too; before `problem.whiten`",
        default: Preset::Bool(false),
        kind: KeyKind::Bool,
        parent: Some(Id::ProblemInputs),
        applies: &apply::INPUTS,
        since: FIRST + 1,
        ..PLAIN
    },
    Key {
        id: Id::ProblemInputsStandardize,
        name: "problem.inputs.standardize",
        column: "problem_inputs_standardize",
        column_type: ColumnType::Bool,
        doc: "regression, classification: divide each input by its deviation over the samples trained on, a constant one by 1; with `center` it has mean 0 and deviation 1 there",
        default: Preset::Bool(false),
        kind: KeyKind::Bool,
        parent: Some(Id::ProblemInputs),
        applies: &apply::INPUTS,
        since: FIRST + 1,
        ..PLAIN
    },
    Key {
        id: Id::ProblemInputsDim,
        name: "problem.inputs_dim",
        column: "problem_inputs_dim",
        doc: "d_x, where it differs from `problem.dim`",
        kind: KeyKind::Int {
            min: 1,
            max: MAX_DIM,
        },
        applies: &apply::INPUTS_DIM,
        ..PLAIN
    },
    Key {
        id: Id::ProblemOutputsDim,
        name: "problem.outputs_dim",
        column: "problem_outputs_dim",
        doc: "d_y, where it differs from `problem.dim`",
        kind: KeyKind::Int {
            min: 1,
            max: MAX_DIM,
        },
        applies: &apply::OUTPUTS_DIM,
        ..PLAIN
    },
    Key {
        id: Id::ProblemDim,
        name: "problem.dim",
        column: "problem_dim",
        doc: "d_x and d_y of drawn data; classes and files bring their own",
        default: Preset::Int(100),
        kind: KeyKind::Int {
            min: 1,
            max: MAX_DIM,
        },
        applies: &apply::DIM,
        ..PLAIN
    },
    Key {
        id: Id::ProblemSingularValues,
        name: "problem.singular_values",
        column: "problem_singular_values",
        column_type: ColumnType::Str,
        doc: "of the drawn target or teacher: \"gaussian\" (those of a Gaussian matrix, cut to the rank), \"flat\", { geometric = 0.5 }, or a list",
        default: Preset::Name(SpectrumKind::Gaussian.name()),
        kind: KeyKind::Spectrum,
        applies: &apply::DRAWN_MAP,
        costs: false,
        ..PLAIN
    },
    Key {
        id: Id::ProblemSingularValuesGeometric,
        name: "problem.singular_values.geometric",
        column: "problem_singular_values_geometric",
        column_type: ColumnType::Float,
        doc: "ratio of one singular value to the one before, the first being 1",
        kind: KeyKind::Float(Bounds::SHARE),
        parent: Some(Id::ProblemSingularValues),
        applies: &apply::DRAWN_MAP,
        costs: false,
        ..PLAIN
    },
    Key {
        id: Id::ProblemRank,
        name: "problem.rank",
        column: "problem_rank",
        doc: "rank of the drawn target or teacher",
        default: Preset::Derived(&defaults::RANK),
        kind: KeyKind::Int {
            min: 1,
            max: MAX_DIM,
        },
        applies: &apply::DRAWN_MAP,
        ..PLAIN
    },
    Key {
        id: Id::ProblemLoss,
        name: "problem.loss",
        column: "problem_loss",
        column_type: ColumnType::Str,
        doc: Loss::HELP,
        default: Preset::Name(Loss::Mean.name()),
        kind: KeyKind::Name(Loss::NAMES),
        ..PLAIN
    },
    Key {
        id: Id::ProblemObserved,
        name: "problem.observed",
        column: "problem_observed",
        column_type: ColumnType::Float,
        doc: "completion without a mask from a file: share of the entries seen",
        default: Preset::Float(0.2),
        kind: KeyKind::Float(Bounds::SHARE),
        applies: &apply::OBSERVED,
        ..PLAIN
    },
    Key {
        id: Id::ProblemNoise,
        name: "problem.noise",
        column: "problem_noise",
        column_type: ColumnType::Float,
        doc: "factorization, completion, regression: standard deviation of normal noise on the drawn target, relative to the root mean square of its entries; `clean_loss` is measured against the target without it",
        default: Preset::Float(0.0),
        kind: KeyKind::Float(Bounds::NOT_NEGATIVE),
        applies: &apply::NOISE,
        since: FIRST + 1,
        ..PLAIN
    },
    Key {
        id: Id::ProblemTest,
        name: "problem.test",
        column: "problem_test",
        column_type: ColumnType::Str,
        doc: "regression, classification: samples held out, { range = [400, 1797] }, half open, or a share of them drawn anew in every replicate, { share = 0.25, stratify = true }, where stratify keeps the share of each class; no test_loss without it",
        kind: KeyKind::Table(Schema::Test),
        applies: &apply::INPUTS,
        ..PLAIN
    },
    Key {
        id: Id::ProblemSamples,
        name: "problem.samples",
        column: "problem_samples",
        column_type: ColumnType::Str,
        doc: "regression, classification: samples trained on, { range = [0, 400] }, half open; where `test` is a share, the samples that are split",
        default: Preset::Derived(&defaults::SAMPLES),
        kind: KeyKind::Table(Schema::Span),
        applies: &apply::INPUTS,
        ..PLAIN
    },
    Key {
        id: Id::ProblemWhiten,
        name: "problem.whiten",
        column: "problem_whiten",
        column_type: ColumnType::Bool,
        doc: "regression, classification: make X X^T = I on the samples trained on",
        default: Preset::Bool(false),
        kind: KeyKind::Bool,
        applies: &apply::INPUTS,
        ..PLAIN
    },
];
