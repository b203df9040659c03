//! A finished grid grows: only what is new is computed.

use tests::process::run;
use tests::tables::{canonical, number, rows};

use crate::{SMALL, folder_with};

#[test]
fn a_grown_grid_computes_only_what_is_new() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    run(at, &["run", "small.toml", "--out", "r"]).expect(0);
    let before = canonical(&at.join("r"), "trials");
    let grown = SMALL
        .replace("[2, 3]", "[2, 3, 4]")
        .replace("range = [0, 4]", "range = [0, 5]");
    std::fs::write(at.join("grown.toml"), grown).unwrap();
    let output = run(at, &["run", "grown.toml", "--out", "r", "--json"]).expect(0);
    let status: serde_json::Value = serde_json::from_str(&output.out).unwrap();
    assert_eq!(status["trials"], 135);
    assert_eq!(status["reported"], 135 - 72);
    assert_eq!(
        number(&at.join("r"), "SELECT count(*) AS n FROM trials"),
        135.0
    );
    assert_eq!(
        number(&at.join("r"), "SELECT count(DISTINCT id) AS n FROM trials"),
        135.0
    );
    let after = canonical(&at.join("r"), "trials");
    for line in before.lines() {
        assert!(after.contains(line), "a row changed: {line}");
    }
    // The same points in another folder have the same ids and values.
    run(at, &["run", "grown.toml", "--out", "fresh"]).expect(0);
    let without_number = |text: &str| {
        let mut lines: Vec<String> = text
            .lines()
            .map(|line| line.split_once(',').unwrap().1.to_owned())
            .collect();
        lines.sort();
        lines
    };
    let fresh = canonical(&at.join("fresh"), "trials");
    assert_eq!(without_number(&after), without_number(&fresh));
}

#[test]
fn a_grid_that_does_not_hold_the_old_one_is_refused_by_key() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    run(
        at,
        &["run", "small.toml", "--out", "r", "--set", "train.steps=5"],
    )
    .expect(0);
    let other = run(
        at,
        &["run", "small.toml", "--out", "r", "--set", "train.steps=6"],
    )
    .expect(2);
    assert!(other.err.contains("train.steps"), "{}", other.err);
    let smaller = SMALL.replace("[2, 3]", "[3]");
    std::fs::write(at.join("smaller.toml"), smaller).unwrap();
    let words = [
        "run",
        "smaller.toml",
        "--out",
        "r",
        "--set",
        "train.steps=5",
    ];
    let smaller = run(at, &words).expect(2);
    assert!(smaller.err.contains("network.depth"), "{}", smaller.err);
    assert_eq!(
        number(&at.join("r"), "SELECT count(*) AS n FROM trials"),
        72.0
    );
}

#[test]
fn growing_a_huge_axis_does_not_visit_what_is_done() {
    // A grid of 10^8 trials of which the folder holds the first few, then the fastest axis grows.
    let huge = SMALL
        .replace("range = [0, 4]", "range = [0, 100000000]")
        .replace("\"network.depth\" = [2, 3]", "\"network.depth\" = [2]")
        .replace("{ range = [1, 4] }", "[1]")
        .replace(
            "[\"orthogonal\", \"gaussian\", \"identity\"]",
            "[\"orthogonal\"]",
        );
    let folder = folder_with("huge.toml", &huge);
    let at = folder.path();
    let mut first = tests::process::command(at);
    first.args(["run", "huge.toml", "--out", "r", "--set", "train.steps=1"]);
    let mut first = tests::process::Background::start(first);
    tests::process::until("rows", || {
        at.join("r/journal.sqlite").exists() && rows(&at.join("r")) > 0
    });
    first.signal("INT");
    assert_eq!(first.wait(), Some(130));
    let grown = huge.replace("[0, 100000000]", "[0, 200000000]");
    std::fs::write(at.join("grown.toml"), grown).unwrap();
    let before = number(&at.join("r"), "SELECT count(*) AS n FROM trials");
    let mut second = tests::process::command(at);
    second.args(["run", "grown.toml", "--out", "r", "--set", "train.steps=1"]);
    let mut second = tests::process::Background::start(second);
    tests::process::until("new rows", || {
        number(&at.join("r"), "SELECT count(*) AS n FROM trials") > before
    });
    second.signal("INT");
    assert_eq!(second.wait(), Some(130));
    let rows = number(&at.join("r"), "SELECT count(*) AS n FROM trials");
    assert_eq!(
        rows,
        number(&at.join("r"), "SELECT count(DISTINCT id) AS n FROM trials")
    );
}
