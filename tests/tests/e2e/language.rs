//! The sweep file as people write it: filters over keys that do not apply, `--set`, hints, files by their names,
//! and run folders that stand alone.

use std::path::Path;

use serde_json::Value;
use tests::process::{Coordinator, run};
use tests::tables::number;

use crate::folder_with;

const OPTIMIZERS: &str = r#"
name = "o"

[axes]
"network.width" = [[8, 8], 4]

[[zip]]
"optimizer.kind" = ["gd", "momentum", "adam"]
"optimizer.rate" = [1.0, 0.1, 0.01]

[filter]
include = [{ "network.depth" = 2, "network.width" = 6 }]

[problem]
dim = 8

[network]
depth = 3

[train]
steps = 3
"#;

/// The plan as JSON.
#[track_caller]
fn plan(at: &Path, words: &[&str]) -> Value {
    let mut all = vec!["plan", "o.toml", "--json"];
    all.extend(words);
    let output = run(at, &all).expect(0);
    serde_json::from_str(&output.out).expect("the plan is JSON")
}

#[test]
fn filters_keep_what_people_expect() {
    let folder = folder_with("o.toml", OPTIMIZERS);
    let at = folder.path();
    let trials = |condition: &str| {
        let set = format!("filter.where={condition}");
        plan(at, &["--set", &set, "--set", "filter.include=[]"])["trials"].clone()
    };
    assert_eq!(trials("network.width != 4"), 3);
    assert_eq!(trials("network.width == [8, 8]"), 3);
    assert_eq!(trials("optimizer.momentum != 0.9"), 4);
    assert_eq!(trials("optimizer.momentum not in [0.9]"), 4);
    assert_eq!(trials("optimizer.rate % 0.1 == 0"), 4);
    let words = [
        "o.toml",
        "--set",
        "filter.include=[]",
        "--set",
        "filter.where=optimizer.momentum == 0.3",
    ];
    for command in ["plan", "run"] {
        let mut all = vec![command];
        all.extend(words);
        let output = run(at, &all).expect(2);
        assert!(output.err.contains("no trial is left"), "{}", output.err);
        assert!(output.out.is_empty(), "{}", output.out);
    }
    let output = run(
        at,
        &[
            "plan",
            "o.toml",
            "--set",
            "filter.exclude=[{ \"network.depth\" = 9 }]",
        ],
    )
    .expect(0);
    let warned = output
        .err
        .lines()
        .any(|line| line == "warning: `exclude` leaves out no trial: none has network.depth = 9");
    assert!(warned, "{}", output.err);
}

/// A stored sweep that names no rules is of an earlier program: it means what it meant then.
#[test]
fn a_folder_keeps_the_meaning_that_where_had() {
    let text = r#"
name = "w"
[axes]
"optimizer.kind" = ["gd", "momentum"]
"optimizer.momentum" = [0.5, 0.9]
"network.width" = [[8, 8], 4]
[filter]
where = "optimizer.momentum != 0.9"
[problem]
dim = 8
[train]
steps = 3
"#;
    let folder = folder_with("w.toml", text);
    let at = folder.path();
    let trials = |run_folder: &str| {
        let sql = "SELECT trial, id FROM trials ORDER BY trial";
        let output = run(at, &["query", run_folder, sql, "--csv"]).expect(0);
        output
            .out
            .lines()
            .skip(1)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let earlier = ["--set", "filter.rules=1"];
    run(
        at,
        &[&["run", "w.toml", "--out", "r"], &earlier[..]].concat(),
    )
    .expect(0);
    let before = trials("r");
    assert_eq!(
        before,
        [
            "4,0e5f807e437a18dfc50dff4ec19e82a9",
            "5,d1de764de27c846023d632c657e6ecff"
        ]
    );
    let stored = std::fs::read_to_string(at.join("r/sweep.toml")).unwrap();
    assert!(!stored.contains("rules"), "{stored}");
    run(at, &["run", "r/sweep.toml", "--out", "r"]).expect(0);
    assert_eq!(trials("r"), before);

    let coordinator = Coordinator::start(at, "c");
    let submit = [&["submit", "w.toml"], &earlier[..]].concat();
    coordinator.call(at, &submit).expect(0);
    drop(coordinator);
    let coordinator = Coordinator::start(at, "c");
    let _worker = coordinator.worker(at, "w", 1);
    coordinator.call(at, &["watch", "w"]).expect(0);
    assert_eq!(trials("c/w"), before);

    // The same file means more now, and the folder grows by it.
    run(at, &["run", "w.toml", "--out", "r"]).expect(0);
    let after = trials("r");
    assert_eq!(after.len(), 4);
    assert!(after.starts_with(&before), "{after:?}");
    let stored = std::fs::read_to_string(at.join("r/sweep.toml")).unwrap();
    assert!(stored.contains("rules = 2"), "{stored}");
    run(at, &["run", "r/sweep.toml", "--out", "r"]).expect(0);
    assert_eq!(trials("r"), after);
}

#[test]
fn a_set_reaches_every_place_of_its_key() {
    let folder = folder_with("o.toml", OPTIMIZERS);
    let at = folder.path();
    let output = run(at, &["plan", "o.toml", "--set", "optimizer.kind=adam"]).expect(2);
    let said = output.err.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains("moves together with `optimizer.rate`"),
        "{said}"
    );
    assert!(said.contains("--set 'zip=[]'"), "{said}");
    let both = [
        "--set",
        "optimizer.kind=adam",
        "--set",
        "optimizer.rate=0.01",
    ];
    assert_eq!(plan(at, &both)["trials"], 3);
    assert_eq!(plan(at, &["--set", "zip=[]"])["trials"], 3);
    assert_eq!(plan(at, &["--set", "axes={}"])["trials"], 4);
    let listed = run(
        at,
        &["plan", "o.toml", "--list", "--set", "network.depth=3"],
    )
    .expect(0);
    assert!(
        listed.err.contains("warning: 1 point of `filter.include`"),
        "{}",
        listed.err
    );
    run(
        at,
        &["run", "o.toml", "--set", "network.depth=3", "--out", "r"],
    )
    .expect(0);
    let deep = "SELECT count(*) AS n FROM trials WHERE network_depth = 2";
    assert_eq!(number(&at.join("r"), deep), 0.0);
}

#[test]
fn errors_come_together_with_hints() {
    let text = OPTIMIZERS
        .replace("steps = 3", "steps = 3\nlr = 0.1")
        .replace("dim = 8", "dim = \"eight\"");
    let folder = folder_with("o.toml", &text);
    let output = run(folder.path(), &["plan", "o.toml"]).expect(2);
    for word in ["train.lr", "optimizer.rate", "problem.dim", "'eight'"] {
        assert!(
            output.err.contains(word),
            "`{word}` is missing in {}",
            output.err
        );
    }
    std::fs::write(folder.path().join("o.toml"), OPTIMIZERS).unwrap();
    let at = folder.path();
    let output = run(at, &["plan", "o.toml", "--set", "depth=2,3"]).expect(2);
    assert!(
        output.err.contains("axes.network.depth=[2, 3]"),
        "{}",
        output.err
    );
    run(at, &["run", "o.toml", "--out", "r"]).expect(0);
    let output = run(
        at,
        &["run", "o.toml", "--out", "r", "--set", "problem.dim=9"],
    )
    .expect(2);
    assert!(
        output.err.contains("problem.dim") && output.err.contains("--out"),
        "{}",
        output.err
    );
}

const DATA: &str = r#"
name = "d"

[axes]
"problem.inputs" = [{ file = "../data/a.csv" }, { file = "../data/b.csv" }]

[problem]
kind = "regression"
targets = { file = "../data/y.csv" }

[network]
depth = 2
width = 3

[train]
steps = 2
"#;

/// `DATA` in a folder `sweeps`, its files in `data`.
fn with_data() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::create_dir(at.join("sweeps")).unwrap();
    std::fs::create_dir(at.join("data")).unwrap();
    std::fs::write(at.join("sweeps/d.toml"), DATA).unwrap();
    std::fs::write(at.join("data/a.csv"), "1,2\n3,4\n5,7\n").unwrap();
    std::fs::write(at.join("data/b.csv"), "2,2\n3,1\n5,7\n").unwrap();
    std::fs::write(at.join("data/y.csv"), "1\n0\n2\n").unwrap();
    folder
}

/// Names of the inputs in the table.
#[track_caller]
fn inputs(at: &Path, run_folder: &str) -> Vec<String> {
    let sql = "SELECT problem_inputs FROM trials ORDER BY trial";
    let output = run(at, &["query", run_folder, sql, "--json"]).expect(0);
    let rows: Value = serde_json::from_str(&output.out).expect("rows");
    let rows = rows.as_array().expect("a list").clone();
    let cells = rows.iter().map(|row| {
        let cell = row["problem_inputs"].as_str().expect("a text");
        let table: Value = serde_json::from_str(cell).expect("canonical JSON");
        let hash = table["hash"].as_str().expect("a hash");
        assert!(hash.starts_with("blake3:") && hash.len() == 71, "{cell}");
        table["file"].as_str().expect("a name").to_owned()
    });
    cells.collect()
}

#[test]
fn swept_files_keep_their_names() {
    let folder = with_data();
    let at = folder.path();
    let names = ["../data/a.csv", "../data/b.csv"];
    let listed = run(at, &["plan", "sweeps/d.toml", "--list"]).expect(0);
    for name in names {
        assert!(listed.out.contains(name), "{}", listed.out);
    }
    assert!(!listed.out.contains("blake3"), "{}", listed.out);
    let output = run(at, &["run", "sweeps/d.toml", "--out", "r"]).expect(0);
    assert!(output.err.contains(names[0]), "{}", output.err);
    assert_eq!(inputs(at, "r"), names);
    // Identities are of the contents alone, as they were before rows had names.
    let sql = "SELECT id FROM trials ORDER BY trial";
    let output = run(at, &["query", "r", sql, "--csv"]).expect(0);
    let ids: Vec<&str> = output.out.lines().skip(1).collect();
    assert_eq!(
        ids,
        [
            "047a5d04c5b53154d608e6c4d23afa55",
            "a4e970a1d487cba53afa23b7c092a5dc"
        ]
    );
    let coordinator = Coordinator::start(at, "c");
    coordinator.call(at, &["submit", "sweeps/d.toml"]).expect(0);
    let _worker = coordinator.worker(at, "w", 1);
    coordinator.call(at, &["watch", "d"]).expect(0);
    assert_eq!(inputs(at, "c/d"), names);
    // Another content under the same name is said to be that.
    std::fs::write(at.join("data/y.csv"), "1\n0\n3\n").unwrap();
    let output = run(at, &["run", "sweeps/d.toml", "--out", "r"]).expect(2);
    assert!(
        output.err.contains("y.csv") && output.err.contains("content"),
        "{}",
        output.err
    );
}

#[test]
fn a_run_folder_stands_alone() {
    let folder = with_data();
    let at = folder.path();
    run(at, &["run", "sweeps/d.toml", "--out", "r"]).expect(0);
    let ids = |run_folder: &str| {
        let sql = "SELECT id FROM trials ORDER BY id";
        run(at, &["query", run_folder, sql, "--csv"]).expect(0).out
    };
    let before = ids("r");
    std::fs::create_dir(at.join("elsewhere")).unwrap();
    std::fs::rename(at.join("r"), at.join("elsewhere/r")).unwrap();
    std::fs::remove_dir_all(at.join("data")).unwrap();
    let again = [
        "run",
        "elsewhere/r/sweep.toml",
        "--out",
        "elsewhere/r",
        "--json",
    ];
    let output = run(at, &again).expect(0);
    let status: Value = serde_json::from_str(&output.out).unwrap();
    assert_eq!(
        (&status["trials"], &status["reported"]),
        (&2.into(), &0.into())
    );
    run(at, &["plan", "elsewhere/r/sweep.toml"]).expect(0);
    run(at, &["run", "elsewhere/r/sweep.toml", "--out", "new"]).expect(0);
    assert_eq!(ids("new"), before);
    // More of the same, from the kept files alone.
    let grown = [
        "run",
        "elsewhere/r/sweep.toml",
        "--out",
        "elsewhere/r",
        "--set",
    ];
    run(at, &[&grown[..], &["axes.replicate=[0, 1]"]].concat()).expect(0);
    assert_eq!(ids("elsewhere/r").lines().count(), 5);
    let coordinator = Coordinator::start(at, "c");
    let submitted = coordinator.call(at, &["submit", "new/sweep.toml"]);
    submitted.expect(0);
    let _worker = coordinator.worker(at, "w", 1);
    coordinator.call(at, &["watch", "d"]).expect(0);
    assert_eq!(ids("c/d"), before);
    coordinator
        .call(at, &["fetch", "d", "--out", "f"])
        .expect(0);
    run(at, &["plan", "f/sweep.toml"]).expect(0);
}
