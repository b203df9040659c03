//! Local mode: rows, bits, summaries, queries.

use tests::process::{root, run};
use tests::tables::{assert_equal, number, query};

use crate::{SMALL, folder_with};

#[test]
fn one_and_two_threads_give_equal_tables() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    run(at, &["run", "small.toml", "--out", "one", "--threads", "1"]).expect(0);
    run(at, &["run", "small.toml", "--out", "two", "--threads", "2"]).expect(0);
    assert_equal(&at.join("one"), &at.join("two"));
    assert_eq!(
        number(&at.join("one"), "SELECT count(*) AS n FROM trials"),
        72.0
    );
    let steps = query(
        &at.join("one"),
        "SELECT DISTINCT step FROM history ORDER BY step",
    );
    let steps = steps.numbers("step");
    // Step 1 is measured because angles are asked for.
    assert_eq!(steps, [0.0, 1.0, 20.0, 40.0, 60.0]);
}

#[test]
fn a_run_prints_where_its_tables_are() {
    let folder = folder_with("small.toml", SMALL);
    let output = run(
        folder.path(),
        &["run", "small.toml", "--set", "train.steps=5"],
    )
    .expect(0);
    assert!(output.err.contains("tables: runs/small"), "{}", output.err);
    assert!(output.err.contains("72 completed"), "{}", output.err);
    let json = run(
        folder.path(),
        &["run", "small.toml", "--set", "train.steps=5", "--json"],
    )
    .expect(0);
    let status: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(status["completed"], 72);
    assert_eq!(
        status["reported"], 0,
        "a finished run computes nothing again"
    );
}

#[test]
fn query_speaks_sql_csv_and_json() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    run(at, &["run", "small.toml", "--out", "r"]).expect(0);
    let sql = "SELECT init_kind, avg(train_loss) AS loss, min(accuracy) AS none FROM trials GROUP BY 1 ORDER BY 1";
    let csv = run(at, &["query", "r", sql, "--csv"]).expect(0).out;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 4, "{csv}");
    assert_eq!(lines[0], "init_kind,loss,none");
    assert!(
        lines[1].starts_with("gaussian,") && lines[1].ends_with(','),
        "{csv}"
    );
    let json = run(at, &["query", "r", sql, "--json"]).expect(0).out;
    let rows: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(rows[2]["init_kind"], "orthogonal");
    assert!(rows[2]["none"].is_null());
    let from_csv: f64 = lines[3].split(',').nth(1).unwrap().parse().unwrap();
    assert_eq!(
        rows[2]["loss"].as_f64(),
        Some(from_csv),
        "floats keep their bits"
    );
    run(at, &["query", "r", "SELECT nothing FROM trials"]).expect(2);
    run(at, &["query", "nowhere", "SELECT 1"]).expect(2);
}

#[test]
fn the_quickstart_and_the_digits_run() {
    let folder = tempfile::tempdir().unwrap();
    let quickstart = root().join("sweeps/quickstart.toml");
    let words = [
        "run",
        quickstart.to_str().unwrap(),
        "--set",
        "train.steps=20",
    ];
    run(folder.path(), &words).expect(0);
    let digits = root().join("sweeps/digits.toml");
    let words = ["run", digits.to_str().unwrap(), "--set", "train.steps=20"];
    run(folder.path(), &words).expect(0);
    let run_folder = folder.path().join("runs/digits");
    let accuracy = "SELECT min(test_accuracy) AS a FROM trials";
    assert!(number(&run_folder, accuracy) > 0.0);
    let separated = "SELECT count(separation) AS n FROM layers WHERE layer = 0";
    assert!(number(&run_folder, separated) > 0.0);
}

#[test]
fn a_diverging_trial_is_no_failure() {
    let folder = folder_with("small.toml", SMALL);
    let words = [
        "run",
        "small.toml",
        "--set",
        "optimizer.rate=1e6",
        "--set",
        "train.steps=500",
    ];
    run(folder.path(), &words).expect(0);
    let at = folder.path().join("runs/small");
    assert_eq!(
        number(
            &at,
            "SELECT count(*) AS n FROM trials WHERE status = 'diverged' AND train_loss IS NOT NULL"
        ),
        72.0
    );
}

#[test]
fn plan_counts_a_billion_trials_at_once() {
    let text = SMALL.replace("range = [0, 4]", "range = [0, 60000000]");
    let folder = folder_with("big.toml", &text);
    let begun = std::time::Instant::now();
    let plan = run(folder.path(), &["plan", "big.toml", "--json"]).expect(0);
    let plan: serde_json::Value = serde_json::from_str(&plan.out).unwrap();
    assert_eq!(plan["trials"], 1_080_000_000_u64);
    assert!(plan["flops"].as_f64().unwrap() > 0.0);
    assert!(plan["seconds"].as_f64().unwrap() > 0.0);
    // A bound against hanging; the promise of a second is measured, not tested.
    assert!(begun.elapsed().as_secs() < 30);
}

#[test]
fn plan_lists_trials_with_the_ids_of_the_table() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let list = run(at, &["plan", "small.toml", "--list"]).expect(0).out;
    assert_eq!(list.lines().count(), 73);
    run(at, &["run", "small.toml", "--out", "r"]).expect(0);
    let rows = run(
        at,
        &[
            "query",
            "r",
            "SELECT trial, id FROM trials ORDER BY trial",
            "--csv",
        ],
    );
    for (listed, row) in list.lines().zip(rows.expect(0).out.lines()) {
        let listed: Vec<&str> = listed.split('\t').collect();
        assert_eq!(format!("{},{}", listed[0], listed[1]), row);
    }
    let defaults = run(at, &["plan", "--defaults"]).expect(0).out;
    std::fs::write(at.join("defaults.toml"), defaults).unwrap();
    run(at, &["plan", "defaults.toml"]).expect(0);
}
