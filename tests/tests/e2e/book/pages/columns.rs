//! Every column of the four tables: type and meaning. Parameters are described by their keys, the others here.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use table::{TableName, run_columns, schema};

use crate::book::generated::{NOTICE, cell};

const INTRODUCTION: &str = "# Columns of the tables

A run folder holds four tables. Each is a folder of Parquet files, readable at any moment as `RUN/trials/*.parquet`. Types never
depend on the values, and a missing number is null, never a special value. A column that an older run folder lacks reads as null.

**Layer 0** is the end-to-end map `W_L ... W_1` in `spectra`, and the inputs in `layers` (only `separation` has a value there).
Layers 1 to L are the weight matrices in the order in which they act.

Columns marked \"run\" depend on the run: who trained the trial, and how long it took. All other values are the same bits for any
number of threads and workers of one instruction set (`run_isa`).

Angles are in radians against step 1: all singular values of an orthogonal start are equal, so its singular vectors have no
meaning before the first step separates them. Singular values within 1e-10 of the largest are one cluster and are compared as a
subspace, by its largest principal angle. An angle is null where the cluster's indices changed, or where the gap to the next value
is below 1e-8 of the largest value.
";

/// Columns that are no parameters: their names, and what they hold.
const WORDS: [(&str, &str); 48] = [
    (
        "trial",
        "number of the trial in this run folder; never reused",
    ),
    (
        "id",
        "hash of everything that can change the row's values; the same point has the same id in every sweep",
    ),
    ("status", "`completed`, `diverged` or `failed`"),
    (
        "error",
        "why the trial failed or diverged; null if it completed",
    ),
    ("steps", "updates taken"),
    (
        "step",
        "number of updates before the measurement; 0 is the start",
    ),
    (
        "train_loss",
        "loss on the training data, without weight decay; in `trials` at the last finite step",
    ),
    (
        "test_loss",
        "loss on the test samples, or on the unobserved entries of a completion",
    ),
    (
        "accuracy",
        "classification: share of training samples whose largest output is their label",
    ),
    ("test_accuracy", "the same on the test samples"),
    (
        "effective_rank",
        "exp of the entropy of the normalized singular values; in `trials` and `history` of the end-to-end map",
    ),
    (
        "stable_rank",
        "squared Frobenius norm over squared largest singular value",
    ),
    (
        "nuclear_norm",
        "sum of the singular values of the end-to-end map",
    ),
    ("sharpness", "largest eigenvalue of the Hessian"),
    (
        "alignment",
        "largest principal angle between the leading singular subspaces of the end-to-end map and of the target",
    ),
    (
        "tolerance_steps",
        "first step with a train loss at or below `measure.tolerance`",
    ),
    ("engine", "engine that ran: `full`, `reduced` or `factored`"),
    (
        "core_width",
        "widest hidden block of the core; null on the full engine without a core",
    ),
    (
        "reduction_residual",
        "residual of the core that was used, or of the rejected one if the full engine ran",
    ),
    ("flops", "floating-point operations of all steps taken"),
    (
        "setup_seconds",
        "time to draw or read the data and the start, and to find the core",
    ),
    ("train_seconds", "time of the steps alone"),
    ("measure_seconds", "time of the measurements"),
    ("tolerance_seconds", "training time until `tolerance_steps`"),
    ("failed_seconds", "time until the trial failed"),
    ("worker", "name of the worker that ran the trial"),
    ("host", "its host"),
    (
        "attempt",
        "1, plus the number of workers that were lost while they ran the trial",
    ),
    ("started_at", "when the trial began, UTC"),
    ("run_isa", "instruction set of the kernels that ran"),
    ("run_version", "version of the program that ran it"),
    (
        "run_verify",
        "`[train] verify`: `within`, `beyond` or `not compared`, with the reason",
    ),
    (
        "run_verify_loss",
        "largest relative difference of the train losses on both engines",
    ),
    ("run_verify_test_loss", "the same of the test losses"),
    (
        "run_verify_accuracy",
        "largest difference of the accuracies",
    ),
    (
        "run_verify_singular_values",
        "largest difference of singular values, relative to the largest",
    ),
    (
        "run_verify_angles",
        "largest difference of angles, in radians",
    ),
    (
        "run_verify_separation",
        "largest relative difference of separations",
    ),
    (
        "verify_full_seconds",
        "training time of the comparison on the full engine",
    ),
    (
        "verify_reduced_seconds",
        "training time of the comparison on the reduced engine",
    ),
    ("layer", "layer, see above"),
    (
        "index",
        "place of the singular value, 1 for the largest; for a cluster, its first",
    ),
    ("value", "the singular value"),
    (
        "multiplicity",
        "equal values in this row: 1 on the full engine; the reduced engine may write a cluster once",
    ),
    (
        "left_angle",
        "angle of the left singular vector or subspace to step 1",
    ),
    ("right_angle", "the same on the right"),
    (
        "separation",
        "within-class over between-class scatter of the layer's features; null at the last layer",
    ),
    (
        "balancedness",
        "Frobenius norm of `W_{l+1}^T W_{l+1} - W_l W_l^T`; null at the last layer",
    ),
];

pub(in crate::book) fn page() -> String {
    let words: BTreeMap<&str, &str> = WORDS.into_iter().collect();
    let keys: BTreeMap<&str, &str> = sweep::keys()
        .iter()
        .flat_map(|key| {
            std::iter::once((key.column, key.name))
                .chain(key.list_column.map(|column| (column, key.name)))
        })
        .collect();
    let run = run_columns();
    let mut page = format!("{NOTICE}{INTRODUCTION}");
    for table in TableName::ALL {
        let _ = write!(
            page,
            "\n## {}\n\n{}\n\n| column | type | run | holds |\n| --- | --- | --- | --- |\n",
            table.name(),
            row(table)
        );
        for (name, kind) in schema(table).iter() {
            let parameter = keys
                .get(name.as_str())
                .filter(|_| table == TableName::Trials);
            let holds = match (parameter, words.get(name.as_str())) {
                (Some(key), _) if name.ends_with("_list") => {
                    format!("key `{key}` where it is a list, as JSON; else null")
                }
                (Some(key), _) => format!("key `{key}`"),
                (None, Some(words)) => (*words).to_owned(),
                (None, None) => panic!("{} has no words for column {name}", file!()),
            };
            let mark = if table == TableName::Trials && run.contains(&name.as_str()) {
                "run"
            } else {
                ""
            };
            let _ = writeln!(page, "| `{name}` | {kind} | {mark} | {} |", cell(&holds));
        }
    }
    page
}

fn row(table: TableName) -> &'static str {
    match table {
        TableName::Trials => {
            "A row is a trial. Every key of the sweep file has a column, fixed or swept: its dotted name with `_` for `.`. \
             Lists, tables and files are JSON text. [Keys](keys.md) describes the keys."
        }
        TableName::History => {
            "A row is a measured step of a trial. A metric that was not asked for is null."
        }
        TableName::Spectra => {
            "A row is a singular value of a layer at a measured step, where the metrics `spectrum` or `angles` are asked for."
        }
        TableName::Layers => {
            "A row is a layer at a measured step, where `separation`, `balancedness`, `effective_rank` or `stable_rank` is asked for."
        }
    }
}
