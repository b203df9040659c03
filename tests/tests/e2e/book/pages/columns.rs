//! Every column of the four tables, as its declaration describes it. Parameters are described by their keys.

use std::fmt::Write as _;

use table::{Described, TableName, described};

use crate::book::generated::{NOTICE, cell};

const INTRODUCTION: &str = "# Columns of the tables

A run folder holds four tables. Each is a folder of Parquet files, readable at any moment as `RUN/trials/*.parquet`. Types never
depend on the values, and a missing number is null, never a special value. A column that an older run folder lacks reads as null.

**Layer 0** is the end-to-end map `W_L ... W_1` in `spectra`, and the inputs in `layers` (only `separation` has a value there).
Layers 1 to L are the weight matrices in the order in which they act.

Columns marked \"run\" depend on the run: who trained the trial, and how long it took. All other values are the same bits for any
number of threads and workers of one instruction set (`run_isa`). Columns marked \"null\" may be null.

Angles are against step 1: all singular values of an orthogonal start are equal, so its singular vectors have no
meaning before the first step separates them. Singular values within 1e-10 of the largest are one cluster and are compared as a
subspace, by its largest principal angle. An angle is null where the cluster's indices changed, or where the gap to the next value
is below 1e-8 of the largest value.
";

pub(in crate::book) fn page() -> String {
    let mut page = format!("{NOTICE}{INTRODUCTION}");
    for table in TableName::ALL {
        let _ = write!(
            page,
            "\n## {}\n\n{}\n\n| column | type | unit | null | run | holds |\n| --- | --- | --- | --- | --- | --- |\n",
            table.name(),
            row(table)
        );
        for column in described(table) {
            page.push_str(&line(&column));
        }
    }
    page
}

/// A column's row of the page.
fn line(column: &Described) -> String {
    let mark = |is: bool, word: &'static str| if is { word } else { "" };
    let since = match column.since {
        1 => String::new(),
        version => format!(" (from version {version} of the tables)"),
    };
    format!(
        "| `{}` | {} | {} | {} | {} | {}{since} |\n",
        column.name,
        column.dtype,
        column.unit,
        mark(column.nullable, "null"),
        mark(column.of_run, "run"),
        cell(&column.words)
    )
}

#[test]
fn a_column_that_is_declared_is_described() {
    let mut column = described(TableName::Trials).next().unwrap();
    column.name = "dummy_seconds";
    column.words = "a | b".to_owned();
    column.unit = "s";
    (column.nullable, column.of_run, column.since) = (true, true, 9);
    assert_eq!(
        line(&column),
        "| `dummy_seconds` | i64 | s | null | run | a \\| b (from version 9 of the tables) |\n"
    );
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
            "A row is a singular value of a layer at a measured step, where one of the metrics `spectrum`, `angles`, `theory` and `update_spectrum` is asked for."
        }
        TableName::Layers => {
            "A row is a layer at a measured step, where one of the metrics `separation`, `balancedness`, `effective_rank`, `stable_rank`, `leak` and `update_spectrum` is asked for."
        }
    }
}
