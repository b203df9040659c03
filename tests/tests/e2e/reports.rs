//! Runs looked at without SQL: `describe`, `compare`, `export` and `report` through the program.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tests::process::run;

use crate::{SMALL, folder_with};

/// Bytes that a report never exceeds.
const MOST_BYTES: u64 = 5_000_000;

/// Tables and how their rows are in order within a trial.
const TABLES: [(&str, &str); 4] = [
    ("trials", "trial"),
    ("history", "trial, step"),
    ("spectra", "trial, step, layer, \"index\""),
    ("layers", "trial, step, layer"),
];

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_run_is_described() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    run(at, &["run", "small.toml", "--out", "r"]).expect(0);
    let text = run(at, &["describe", "r"]).expect(0).out;
    for words in [
        "sweep   small",
        "All 72 trials completed.",
        "network.depth",
        "matters most",
        "replicates",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let about = json(&run(at, &["describe", "r", "--json"]).expect(0).out);
    assert_eq!(about["trials"], 72);
    assert_eq!(about["planned"], 72);
    let loss = &about["importance"]["train_loss"];
    assert_eq!(loss["complete"], true);
    let shares: f64 = ["axes", "pairs"]
        .iter()
        .flat_map(|name| loss[name].as_array().unwrap())
        .chain([&loss["higher"], &loss["replicates"]])
        .map(|part| part["share"].as_f64().or_else(|| part.as_f64()).unwrap())
        .sum();
    assert!((shares - 1.0).abs() < 1e-9, "{loss:#}");
    let missing = run(at, &["describe", "none"]).expect(2);
    assert!(
        missing.err.contains("none does not exist"),
        "{}",
        missing.err
    );
}

#[test]
fn runs_are_compared_by_their_ids() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    run(at, &["run", "small.toml", "--out", "a"]).expect(0);
    run(at, &["run", "small.toml", "--out", "b", "--threads", "1"]).expect(0);
    let same = json(&run(at, &["compare", "a", "b", "--json"]).expect(0).out);
    assert_eq!(
        (&same["both"], &same["differing"]),
        (&Value::from(72), &Value::from(0))
    );
    let longer = ["run", "small.toml", "--out", "c", "--set", "train.steps=80"];
    run(at, &longer).expect(0);
    let text = run(at, &["compare", "a", "c"]).expect(0).out;
    for words in [
        "train.steps",
        "60",
        "80",
        "0 trials in both, 72 in A alone, 72 in B alone",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let twice = run(at, &["compare", "a", "a/."]).expect(2);
    assert!(twice.err.contains("named twice"), "{}", twice.err);
}

/// Reads what an export wrote with pyarrow and DuckDB and compares it with the parts.
const SCRIPT: &str = r#"
import sys, duckdb, pyarrow.parquet as pq
run, to = sys.argv[1:]
for table, order in [("trials", "trial"), ("history", "trial, step"), ("layers", "trial, step, layer")]:
    parts = f"SELECT * FROM '{run}/{table}/part-*.parquet' ORDER BY {order}"
    one = f"SELECT * FROM '{to}/{table}.parquet'"
    assert duckdb.sql(parts).fetchall() == duckdb.sql(one).fetchall(), table
    columns = pq.read_schema(f"{to}/{table}.parquet")
    assert columns.equals(pq.read_schema(f"{run}/{table}/schema.parquet")), table
    trials = duckdb.sql(f"SELECT trial FROM '{to}/{table}.parquet'").fetchall()
    assert trials == sorted(trials), table
losses = duckdb.sql(f"SELECT train_loss FROM '{to}/trials.parquet'").fetchall()
assert losses == duckdb.sql(f"SELECT train_loss FROM read_csv('{to}/trials.csv')").fetchall()
"#;

#[test]
fn tables_are_exported_as_they_are() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    run(at, &["run", "small.toml", "--out", "r"]).expect(0);
    for form in ["csv", "parquet"] {
        let written = run(at, &["export", "r", "--to", form, "out"]).expect(0);
        let names: Vec<String> = TABLES
            .iter()
            .map(|(table, _)| format!("out/{table}.{form}\n"))
            .collect();
        assert_eq!(written.out, names.concat());
    }
    for (table, order) in TABLES {
        let sql = format!("SELECT * FROM {table} ORDER BY {order}");
        let asked = run(at, &["query", "r", &sql, "--csv"]).expect(0);
        let exported = std::fs::read_to_string(at.join(format!("out/{table}.csv"))).unwrap();
        assert!(asked.out.lines().count() > 10, "{table}");
        assert!(exported == asked.out, "{table} differs");
    }
    let again = run(at, &["export", "r", "--to", "csv", "out"]).expect(2);
    assert!(again.err.contains("--force"), "{}", again.err);
    run(at, &["export", "r", "--to", "csv", "out", "--force"]).expect(0);
    let later = run(at, &["export", "r", "--to", "tensorboard", "out"]).expect(2);
    assert!(later.err.contains("parquet, csv"), "{}", later.err);
    let python = std::env::var("PARSIMONY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python)
        .args(["-c", "import pyarrow, duckdb"])
        .output();
    if !found.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: {python} has no pyarrow and duckdb");
        return;
    }
    let output = Command::new(&python)
        .args(["-c", SCRIPT])
        .args([at.join("r"), at.join("out")])
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
}

/// A page as text, with what no page may have looked for: addresses of elsewhere.
#[track_caller]
fn page(path: &Path) -> String {
    let bytes = std::fs::metadata(path).unwrap().len();
    assert!(bytes < MOST_BYTES, "{bytes} bytes");
    let page = std::fs::read_to_string(path).unwrap();
    for before in ["src=\"", "href=\"", "action=\"", "data=\"", "url("] {
        for after in page.split(before).skip(1) {
            let address = after.split(['"', ')']).next().unwrap_or_default();
            let is_own = address.starts_with('#') || address.starts_with("data:");
            assert!(is_own, "{before}{address}");
        }
    }
    assert!(!page.contains("@import"));
    page
}

#[test]
fn a_report_is_one_page_that_needs_nothing() {
    // A folder's name is the one text of a run that may hold anything.
    let hostile = "r<img src=x onerror=alert(1)>\"'&";
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    run(at, &["run", "small.toml", "--out", hostile]).expect(0);
    let written = run(at, &["report", hostile]).expect(0);
    assert_eq!(written.out, format!("{hostile}/report.html\n"));
    let text = page(&at.join(hostile).join("report.html"));
    assert!(
        !text.contains("<img") && text.contains("&lt;img src=x"),
        "the name is markup"
    );
    for words in [
        "All 72 trials completed.",
        "Every trial.",
        "Provenance",
        "matters most",
    ] {
        assert!(text.contains(words), "{words}");
    }
    // The same run makes the same page.
    run(at, &["report", hostile, "--out", "again.html"]).expect(0);
    assert!(std::fs::read_to_string(at.join("again.html")).unwrap() == text);
    run(at, &["report", "none"]).expect(2);
    let unknown = run(at, &["report", hostile, "--watts=-1"]).expect(2);
    assert!(unknown.err.contains("--watts"), "{}", unknown.err);
}

/// 100,000 trials that do next to nothing.
const MANY: &str = r#"
name = "many"
[axes]
"init.scale" = { log = [1e-3, 1.0], points = 100 }
"init.kind" = ["orthogonal", "gaussian"]
"replicate" = { range = [0, 500] }
[problem]
dim = 2
rank = 1
[network]
depth = 2
[train]
engine = "full"
steps = 1
[measure]
every = 0
metrics = ["train_loss"]
"#;

#[test]
fn many_trials_make_a_page_of_bounded_size() {
    let folder = folder_with("many.toml", MANY);
    let at = folder.path();
    run(at, &["run", "many.toml", "--out", "r"]).expect(0);
    run(at, &["report", "r"]).expect(0);
    let text = page(&at.join("r/report.html"));
    assert!(text.contains("All 100,000 trials completed."));
    assert!(text.contains("of 100,000 trials, chosen by their ids"));
}
