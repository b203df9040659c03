//! Numbers at the ends of what a double holds, through the program: one status on every engine, null where nothing is
//! known, and a reason for what diverged.

use tests::process::run;

use crate::folder_with;

/// What a query answers as CSV.
fn answer(at: &std::path::Path, sql: &str) -> String {
    run(at, &["query", "r", sql, "--csv"]).expect(0).out
}

#[test]
fn targets_whose_squares_overflow_diverge_on_every_engine() {
    let folder = folder_with(
        "huge.toml",
        r#"
name = "huge"

[axes]
"train.engine" = ["auto", "reduced", "full"]

[problem]
dim = 8
rank = 1
loss = "sum"
singular_values = [1e200]

[network]
width = 8

[train]
steps = 10
"#,
    );
    let at = folder.path();
    run(at, &["run", "huge.toml", "--out", "r"]).expect(0);
    let output = answer(
        at,
        "SELECT status, count(*) AS trials, count(reduction_residual) AS residuals, count(error) AS reasons \
         FROM trials GROUP BY status",
    );
    assert_eq!(output, "status,trials,residuals,reasons\ndiverged,3,0,3\n");
    let why = answer(at, "SELECT error FROM trials WHERE train_engine = 'auto'");
    assert!(why.contains("not finite at the start"), "{why}");
}

#[test]
fn a_rate_that_is_too_large_is_the_reason_of_a_divergence() {
    let folder = folder_with(
        "fast.toml",
        "name = \"fast\"\n[problem]\ndim = 6\nrank = 2\n[train]\nsteps = 400\nengine = \"full\"\n[optimizer]\nrate = 1e6\n",
    );
    let at = folder.path();
    run(at, &["run", "fast.toml", "--out", "r"]).expect(0);
    let why = answer(at, "SELECT status, error FROM trials");
    assert!(
        why.contains("diverged,") && why.contains("not finite after step"),
        "{why}"
    );
}
