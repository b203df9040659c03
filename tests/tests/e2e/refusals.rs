//! Where the law does not hold: `engine = "reduced"` is refused by name of the assumption that fails, `auto`
//! takes the full engine, and `plan` says which engine serves which trials, as `run` then does.

use std::path::Path;

use ndarray::Array2;
use serde_json::Value;
use tests::process::{Finished, run};
use tests::tables::number;

use crate::folder_with;
use crate::matrices::{low_rank, noise, write_npy, write_npz};

/// A sweep that the reduced engine serves; each test breaks one assumption of it.
const SERVED: &str = r#"
name = "refused"
seed = 4

[problem]
kind = "factorization"
dim = 12
rank = 2

[network]
depth = 3

[init]
kind = "orthogonal"
scale = 0.5

[train]
engine = "reduced"
steps = 5

[optimizer]
kind = "gd"
"#;

/// What is replaced in [`SERVED`], by what, and words that name the assumption.
const OUTSIDE: [(&str, &str, &[&str]); 6] = [
    (
        "kind = \"gd\"",
        "kind = \"adam\"",
        &["commutes with rotations", "adam"],
    ),
    (
        "kind = \"gd\"",
        "kind = \"rmsprop\"",
        &["commutes with rotations", "rmsprop"],
    ),
    (
        "depth = 3",
        "depth = 3\nactivation = \"relu\"",
        &["linear network", "relu"],
    ),
    (
        "kind = \"factorization\"",
        "kind = \"completion\"\nobserved = 0.5",
        &["every entry observed", "mask"],
    ),
    (
        "kind = \"orthogonal\"",
        "kind = \"gaussian\"",
        &["orthogonal start", "gaussian"],
    ),
    (
        "kind = \"orthogonal\"",
        "kind = \"uniform\"",
        &["orthogonal start", "uniform"],
    ),
];

/// [`SERVED`] with one replacement.
#[track_caller]
fn with(from: &str, to: &str) -> String {
    let text = SERVED.replacen(from, to, 1);
    assert_ne!(text, SERVED, "`{from}` is not in the sweep");
    text
}

fn under_auto(text: &str) -> String {
    text.replace("engine = \"reduced\"", "engine = \"auto\"")
}

/// A start of three 12 x 12 matrices from `w.npz`.
fn from_file() -> String {
    with(
        "kind = \"orthogonal\"\nscale = 0.5",
        "kind = \"file\"\nweights = { file = \"w.npz\", arrays = [\"w1\", \"w2\", \"w3\"] }",
    )
}

/// Writes `w.npz`.
fn write_weights(at: &Path, weights: &[Array2<f64>; 3]) {
    let [first, second, third] = weights;
    let arrays = [("w1", first), ("w2", second), ("w3", third)];
    write_npz(&at.join("w.npz"), &arrays);
}

/// What is said is wrong, on one line. Lines are broken at the width of a page, and below the words the
/// lines of the sweep file are drawn, which hold the names of kinds whatever is said of them.
fn message(ended: &Finished) -> String {
    let words: Vec<&str> = ended
        .err
        .split_whitespace()
        .filter(|&word| word != "|")
        .collect();
    let text = words.join(" ");
    let said = text.split("refused.toml:").next();
    said.unwrap_or_default().to_owned()
}

/// `plan` and `run` of `refused.toml` exit with 2, say these words, and leave nothing behind.
#[track_caller]
fn check_refused(at: &Path, words: &[&str]) {
    for command in ["plan", "run"] {
        let ended = run(at, &[command, "refused.toml"]).expect(2);
        let said = message(&ended);
        for word in words {
            assert!(
                said.contains(word),
                "`{word}` is not said by {command}:\n{}",
                ended.err
            );
        }
        assert!(
            ended.out.is_empty(),
            "talk on standard output: {}",
            ended.out
        );
    }
    assert!(
        !at.join("runs").exists(),
        "a refused sweep left a run folder"
    );
}

/// The plan of a sweep in a folder.
#[track_caller]
fn planned(at: &Path, file: &str) -> Value {
    let ended = run(at, &["plan", file, "--json"]).expect(0);
    serde_json::from_str(&ended.out).expect("the plan is JSON")
}

/// The one engine of a plan, its core width and the reason.
#[track_caller]
fn only_engine(plan: &Value) -> (&str, Option<u64>, &str) {
    let engines = plan["engines"].as_array().expect("a list");
    let [group] = engines.as_slice() else {
        panic!("not one engine: {engines:?}");
    };
    (
        group["engine"].as_str().expect("a name"),
        group["core_width"].as_u64(),
        group["reason"].as_str().expect("words"),
    )
}

/// Runs a sweep into `r` and returns how many of its trials completed under a condition.
#[track_caller]
fn completed(at: &Path, file: &str, condition: &str) -> f64 {
    run(at, &["run", file, "--out", "r"]).expect(0);
    counted(at, condition)
}

/// How many trials of `r` completed under a condition.
#[track_caller]
fn counted(at: &Path, condition: &str) -> f64 {
    let sql =
        format!("SELECT count(*) AS n FROM trials WHERE status = 'completed' AND {condition}");
    number(&at.join("r"), &sql)
}

#[test]
fn the_reduced_engine_refuses_what_is_outside_the_law_and_names_the_assumption() {
    for (from, to, words) in OUTSIDE {
        let folder = folder_with("refused.toml", &with(from, to));
        check_refused(folder.path(), words);
    }
    // What is broken above is all that is wrong with it.
    let folder = folder_with("served.toml", SERVED);
    let at = folder.path();
    let plan = planned(at, "served.toml");
    let (engine, core, _) = only_engine(&plan);
    assert_eq!((engine, core), ("reduced", Some(4)));
    let served = "engine = 'reduced' AND core_width = 4";
    assert_eq!(completed(at, "served.toml", served), 1.0);
}

#[test]
fn what_is_outside_the_law_is_planned_and_run_as_full_under_auto() {
    for (from, to, words) in OUTSIDE {
        let folder = folder_with("auto.toml", &under_auto(&with(from, to)));
        let at = folder.path();
        let plan = planned(at, "auto.toml");
        let (engine, core, reason) = only_engine(&plan);
        assert_eq!((engine, core), ("full", None), "{to}: {reason}");
        for word in words {
            assert!(reason.contains(word), "`{word}` is not in `{reason}`");
        }
        let full = "engine = 'full' AND core_width IS NULL";
        assert_eq!(completed(at, "auto.toml", full), 1.0, "{to}");
    }
}

#[test]
fn one_value_of_an_axis_outside_the_law_refuses_a_sweep_that_keeps_it() {
    let swept = with(
        "[optimizer]\nkind = \"gd\"",
        "[axes]\n\"optimizer.kind\" = [\"gd\", \"adam\"]",
    );
    let folder = folder_with("refused.toml", &swept);
    let at = folder.path();
    check_refused(at, &["commutes with rotations", "adam"]);
    // What a filter leaves out may be as it likes.
    let kept = format!("{swept}\n[filter]\nwhere = \"optimizer.kind == 'gd'\"\n");
    std::fs::write(at.join("kept.toml"), kept).unwrap();
    assert_eq!(completed(at, "kept.toml", "engine = 'reduced'"), 1.0);
}

#[test]
fn weights_from_a_file_that_are_not_orthogonal_are_refused_or_run_as_full() {
    let folder = folder_with("refused.toml", &from_file());
    let at = folder.path();
    write_weights(at, &[1, 2, 3].map(|seed| noise(12, 12, seed)));
    check_refused(at, &["orthogonal"]);
    std::fs::write(at.join("auto.toml"), under_auto(&from_file())).unwrap();
    let plan = planned(at, "auto.toml");
    let (engine, core, reason) = only_engine(&plan);
    assert_eq!((engine, core), ("full", None), "{reason}");
    assert!(reason.contains("orthogonal"), "{reason}");
    let full = "engine = 'full' AND core_width IS NULL";
    assert_eq!(completed(at, "auto.toml", full), 1.0);
}

#[test]
fn weights_from_a_file_that_are_orthogonal_are_reduced() {
    let folder = folder_with("reduced.toml", &from_file());
    let at = folder.path();
    // Half of a rotation of the coordinates by one, five and seven places.
    let weights = [1, 5, 7].map(|places| {
        Array2::from_shape_fn((12, 12), |(row, column)| {
            if row == (column + places) % 12 {
                0.5
            } else {
                0.0
            }
        })
    });
    write_weights(at, &weights);
    std::fs::write(at.join("auto.toml"), under_auto(&from_file())).unwrap();
    for file in ["reduced.toml", "auto.toml"] {
        let plan = planned(at, file);
        let (engine, core, reason) = only_engine(&plan);
        assert_eq!((engine, core), ("reduced", Some(4)), "{file}: {reason}");
    }
    let exact = "engine = 'reduced' AND core_width = 4 AND reduction_residual < 1e-10";
    assert_eq!(completed(at, "reduced.toml", exact), 1.0);
}

/// Two ranks that the law reduces, beside starts and optimizers that it does not.
const MIXED: &str = r#"
name = "mixed"
seed = 2

[axes]
"problem.rank" = [2, 3]
"init.kind" = ["orthogonal", "gaussian"]
"optimizer.kind" = ["gd", "adam"]
"replicate" = { range = [0, 5] }

[filter]
where = "init.kind == 'orthogonal' or optimizer.kind == 'gd'"

[problem]
kind = "factorization"
dim = 40

[network]
depth = 3
width = 40

[train]
steps = 10
"#;

/// Trials that one engine serves for one reason.
struct Group {
    engine: &'static str,
    core: Option<u64>,
    trials: u64,
    /// Words of the reason.
    reason: &'static str,
    /// What its trials have.
    having: [(&'static str, &'static str); 2],
}

const GROUPS: [Group; 4] = [
    Group {
        engine: "reduced",
        core: Some(4),
        trials: 5,
        reason: "4 wide of a network 40 wide",
        having: [("problem.rank", "2"), ("init.kind", "orthogonal")],
    },
    Group {
        engine: "reduced",
        core: Some(6),
        trials: 5,
        reason: "6 wide of a network 40 wide",
        having: [("problem.rank", "3"), ("init.kind", "orthogonal")],
    },
    Group {
        engine: "full",
        core: None,
        trials: 10,
        reason: "adam",
        having: [("optimizer.kind", "adam"), ("init.kind", "orthogonal")],
    },
    Group {
        engine: "full",
        core: None,
        trials: 10,
        reason: "orthogonal start",
        having: [("optimizer.kind", "gd"), ("init.kind", "gaussian")],
    },
];

/// The values of a trial as `plan --list` prints them.
#[track_caller]
fn values_of(list: &str, trial: u64) -> Value {
    let mut rows = list
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a row is JSON"));
    let row = rows.find(|row| row["trial"].as_u64() == Some(trial));
    let row = row.expect("the example is one of the trials");
    row["values"].clone()
}

/// A value of an axis as a plain word.
fn word(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn a_plan_of_mixed_groups_prints_engine_core_and_reason_of_each() {
    let folder = folder_with("mixed.toml", MIXED);
    let at = folder.path();
    let plan = planned(at, "mixed.toml");
    assert_eq!(
        (&plan["trials"], &plan["exact"]),
        (&Value::from(30), &Value::from(true))
    );
    let engines = plan["engines"].as_array().unwrap();
    assert_eq!(engines.len(), GROUPS.len(), "{engines:?}");
    let list = run(at, &["plan", "mixed.toml", "--list", "--json"]).expect(0);
    let text = run(at, &["plan", "mixed.toml"]).expect(0).out;
    // Columns are padded to line up.
    let lines: Vec<String> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert!(
        lines
            .iter()
            .any(|line| line == "ENGINE CORE TRIALS EXAMPLE WHY"),
        "{text}"
    );
    for expected in GROUPS {
        let Group {
            engine,
            core,
            trials,
            reason,
            having,
        } = expected;
        let group = engines.iter().find(|group| {
            let ended = group["reason"].as_str().unwrap_or_default();
            group["engine"] == engine
                && group["core_width"].as_u64() == core
                && ended.contains(reason)
        });
        let group =
            group.unwrap_or_else(|| panic!("no {engine}, {core:?}, `{reason}` in {engines:?}"));
        assert_eq!(group["trials"], trials, "{reason}");
        let example = group["example"].as_u64().unwrap();
        let values = values_of(&list.out, example);
        for (key, value) in having {
            assert_eq!(word(&values[key]), value, "{key} of trial {example}");
        }
        let shown = core.map_or("-".to_owned(), |core| core.to_string());
        let why = group["reason"].as_str().unwrap();
        let row = format!("{engine} {shown} {trials} {example} {why}");
        assert!(lines.contains(&row), "no line `{row}` in:\n{text}");
    }
    // What was planned is what is run.
    run(at, &["run", "mixed.toml", "--out", "r"]).expect(0);
    for (condition, trials) in [
        (
            "engine = 'reduced' AND problem_rank = 2 AND core_width = 4",
            5.0,
        ),
        (
            "engine = 'reduced' AND problem_rank = 3 AND core_width = 6",
            5.0,
        ),
        (
            "engine = 'full' AND optimizer_kind = 'adam' AND core_width IS NULL",
            10.0,
        ),
        (
            "engine = 'full' AND init_kind = 'gaussian' AND core_width IS NULL",
            10.0,
        ),
    ] {
        assert_eq!(counted(at, condition), trials, "{condition}");
    }
}

/// A factorization of a matrix from a file.
fn of_target(table: &str) -> String {
    format!(
        r#"
name = "given"

[problem]
kind = "factorization"
target = {table}

[network]
depth = 3
width = 60

[init]
scale = 0.5

[train]
engine = "auto"
steps = 20
verify = 1
"#
    )
}

#[test]
fn a_low_rank_matrix_from_a_file_is_planned_and_run_on_its_core() {
    let target = low_rank(60, 60, 2);
    for (file, table) in [
        ("m.npy", "{ file = \"m.npy\" }"),
        ("m.npz", "{ file = \"m.npz\", array = \"target\" }"),
    ] {
        let folder = folder_with("given.toml", &of_target(table));
        let at = folder.path();
        if file == "m.npy" {
            write_npy(&at.join(file), &target);
        } else {
            // Beside another array, so that the name counts.
            let other = noise(3, 5, 1);
            write_npz(&at.join(file), &[("other", &other), ("target", &target)]);
        }
        let plan = planned(at, "given.toml");
        let (engine, core, reason) = only_engine(&plan);
        assert_eq!((engine, core), ("reduced", Some(4)), "{file}: {reason}");
        assert!(
            reason.contains("4 wide of a network 60 wide"),
            "{file}: {reason}"
        );
        let ended = run(at, &["run", "given.toml", "--out", "r", "--json"]).expect(0);
        let reduced = "engine = 'reduced' AND core_width = 4 AND reduction_residual < 1e-10";
        assert_eq!(counted(at, reduced), 1.0, "{file}");
        // The wide network is trained beside it, and the losses and singular values are the same.
        let verified: Value = serde_json::from_str(&ended.out).unwrap();
        let verified = &verified["verify"];
        assert_eq!(
            (&verified["compared"], &verified["within"]),
            (&Value::from(1), &Value::from(true)),
            "{file}: {verified}"
        );
    }
}

#[test]
fn a_matrix_of_full_rank_from_a_file_is_planned_and_run_as_full() {
    let text = of_target("{ file = \"m.npy\" }").replace("verify = 1", "verify = 0");
    let folder = folder_with("given.toml", &text);
    let at = folder.path();
    write_npy(&at.join("m.npy"), &noise(60, 60, 1));
    let plan = planned(at, "given.toml");
    let (engine, core, reason) = only_engine(&plan);
    assert_eq!((engine, core), ("full", None), "{reason}");
    assert!(reason.contains("saves nothing"), "{reason}");
    let full = "engine = 'full' AND core_width IS NULL";
    assert_eq!(completed(at, "given.toml", full), 1.0);
}
