//! Run folders of the first release that hold what would be refused as new today: they open, continue and grow as they
//! began, and a new folder does not begin so. Their results are those of the program that made them.

use std::path::{Path, PathBuf};

use tests::process::{Coordinator, root, run};
use tests::tables::{number, query};

use crate::common::{rows, until_finished};

/// Copies a folder of the first release.
fn copy_of(name: &str, to: &Path) {
    let from = root().join("tests/folders/first-release").join(name);
    copy(&from, to);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let place = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &place);
        } else {
            std::fs::copy(&path, &place).unwrap();
        }
    }
}

/// Writes the sweep of a folder beside it, as a person has it, and a grown one.
fn write_sweeps(at: &Path, folder: &Path) {
    let text = std::fs::read_to_string(folder.join("sweep.toml")).unwrap();
    let grown = text.replace("replicate = [0, 1]", "replicate = [0, 1, 2]");
    assert_ne!(grown, text);
    std::fs::write(at.join("same.toml"), text).unwrap();
    std::fs::write(at.join("grown.toml"), grown).unwrap();
}

fn ids(run: &Path) -> Vec<String> {
    let rows = query(run, "SELECT id FROM trials ORDER BY replicate");
    tests::tables::texts(&rows, "id")
}

#[track_caller]
fn assert_near(found: f64, expected: f64) {
    let difference = (found - expected).abs();
    assert!(difference <= 1e-3 * expected, "{found} {expected}");
}

#[test]
fn a_mask_of_any_numbers_goes_on_where_it_began() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    copy_of("masked", &at.join("old"));
    write_sweeps(at, &at.join("old"));
    let mask = "1,-1,0,1\n-1,0.5,1,0\n0,1,-1,1\n1,0,1,-1\n";
    std::fs::write(at.join("mask.csv"), mask).unwrap();

    // As new it is refused, in the words that name the entry.
    for words in [
        vec!["plan", "same.toml"],
        vec!["run", "same.toml", "--out", "new"],
        vec!["verify", "same.toml"],
    ] {
        let output = run(at, &words).expect(2);
        assert!(
            output.err.contains("a mask holds 0 and 1"),
            "{}",
            output.err
        );
    }
    assert!(!at.join("new").exists());

    let output = run(at, &["plan", "same.toml", "--out", "old"]).expect(0);
    assert!(output.out.contains("left    1 trials"), "{}", output.out);
    run(at, &["run", "same.toml", "--out", "old"]).expect(0);
    run(at, &["run", "grown.toml", "--out", "old"]).expect(0);
    let expected = [
        "c08b17f2d86dc0c0b401248f0fe8b9b6",
        "d8be4de307fccbeeeb9a87118ffefd28",
        "19d206c42da83caf11943de5c3b3d438",
    ];
    assert_eq!(ids(&at.join("old")), expected);
    for (replicate, expected) in [(1, 0.000_047_774_7), (2, 9.619_86e-9)] {
        let sql = format!(
            "SELECT h.train_loss FROM history h JOIN trials t ON h.trial = t.trial \
             WHERE t.replicate = {replicate} AND h.step = 100"
        );
        assert_near(number(&at.join("old"), &sql), expected);
    }
    // The folder has its files by now. Elsewhere its sweep is new.
    run(at, &["run", "old/sweep.toml", "--out", "old"]).expect(0);
    let output = run(at, &["run", "old/sweep.toml", "--out", "new"]).expect(2);
    assert!(
        output.err.contains("a mask holds 0 and 1"),
        "{}",
        output.err
    );
    assert_eq!(rows(&at.join("old")), 3);
}

#[test]
fn labels_of_any_texts_go_on_where_they_began() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::create_dir(at.join("data")).unwrap();
    let old = at.join("data/labelled");
    copy_of("labelled", &old);
    write_sweeps(at, &old);
    std::fs::write(at.join("x.csv"), "1,0\n0,1\n1,1\n0.5,1\n2,1\n1,3\n").unwrap();
    std::fs::write(at.join("y.csv"), "class\nnan\n1\n1.0\n2.5\n1\n").unwrap();
    let other = std::fs::read_to_string(at.join("same.toml")).unwrap();
    let other = other.replace("\"labelled\"", "\"other\"");
    std::fs::write(at.join("other.toml"), other).unwrap();

    let coordinator = Coordinator::start(at, "data");
    let mut worker = coordinator.worker(at, "w", 1);
    until_finished(&coordinator, at, "labelled");
    let output = coordinator.call(at, &["submit", "same.toml"]).expect(0);
    assert!(output.err.contains("continued"), "{}", output.err);
    let output = coordinator.call(at, &["submit", "grown.toml"]).expect(0);
    assert!(output.err.contains("grown"), "{}", output.err);
    until_finished(&coordinator, at, "labelled");
    let output = coordinator.call(at, &["submit", "other.toml"]).expect(2);
    assert!(output.err.contains("`problem.labels`"), "{}", output.err);
    // A client that reads less strictly does not change that.
    let output = coordinator
        .call(
            at,
            &["submit", "data/labelled/sweep.toml", "--set", "name=other"],
        )
        .expect(2);
    assert!(output.err.contains("`problem.labels`"), "{}", output.err);
    worker.kill();
    drop(coordinator);

    // Opened once more, from its journal.
    let coordinator = Coordinator::start(at, "data");
    until_finished(&coordinator, at, "labelled");
    let expected = [
        "f623607390cfcd7926f420914ee7ba52",
        "adc76b3e31a1016cc424b0776bf4ece2",
        "94fb8b868f96418f2c79caa5142c1a11",
    ];
    assert_eq!(ids(&old), expected);
    // Five classes: `class`, `nan`, `1`, `1.0` and `2.5`.
    for replicate in 0..3 {
        let sql = format!("SELECT train_loss FROM trials WHERE replicate = {replicate}");
        assert_near(number(&old, &sql), 0.061_057_7);
    }
}

#[test]
fn a_scale_that_single_precision_loses_goes_on_where_it_began() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    copy_of("tiny", &at.join("old"));
    write_sweeps(at, &at.join("old"));
    for words in [
        vec!["plan", "same.toml"],
        vec!["plan", "same.toml", "--out", "new"],
        vec!["run", "same.toml", "--out", "new"],
        vec!["verify", "same.toml"],
    ] {
        let output = run(at, &words).expect(2);
        for words in [
            "`init.scale` is 1e-50",
            "same.toml:4:",
            "set train.precision = \"f64\"",
        ] {
            assert!(output.err.contains(words), "{}", output.err);
        }
    }
    assert!(!at.join("new").exists());
    run(at, &["run", "same.toml", "--out", "old"]).expect(0);
    run(at, &["plan", "grown.toml", "--out", "old"]).expect(0);
    run(at, &["run", "grown.toml", "--out", "old"]).expect(0);
    assert_eq!(rows(&at.join("old")), 6);
    let sql = "SELECT train_loss FROM trials WHERE replicate = 2 AND init_scale < 1e-9";
    assert_near(number(&at.join("old"), sql), 0.500_31);
    // What the folder does not hold is new.
    let text = std::fs::read_to_string(at.join("grown.toml")).unwrap();
    let fine = text.replace("1e-50", "0.5").replace("\"tiny\"", "\"fine\"");
    std::fs::write(at.join("fine.toml"), fine).unwrap();
    run(at, &["run", "fine.toml", "--out", "fine"]).expect(0);
    let words = ["run", "fine.toml", "--out", "fine", "--set"];
    let tiny = [&words[..], &["axes.init.scale=[1.0, 0.5, 1e-50]"]].concat();
    let output = run(at, &tiny).expect(2);
    assert!(
        output.err.contains("`init.scale` is 1e-50"),
        "{}",
        output.err
    );
    assert_eq!(rows(&at.join("fine")), 6);
}

#[test]
fn numbers_beyond_single_precision_are_refused_by_key() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let base = "name = \"s\"\n[problem]\ndim = 4\nrank = 1\n[network]\ndepth = 2\nwidth = 4\n";
    std::fs::write(at.join("s.toml"), base).unwrap();
    for (set, expected) in [
        ("init.scale=1e39", "`init.scale` is 1e39"),
        ("init.scale=[1.0, 1e-39]", "`init.scale` is 1e-39"),
        ("optimizer.rate=1e-46", "`optimizer.rate` is 1e-46"),
        ("optimizer.rate=1e300", "`optimizer.rate` is 1e300"),
        (
            "optimizer.weight_decay=1e39",
            "`optimizer.weight_decay` is 1e39",
        ),
        (
            "problem.singular_values=[1e39]",
            "`problem.singular_values` is 1e39",
        ),
    ] {
        let words = [
            "plan",
            "s.toml",
            "--set",
            "train.precision=f32",
            "--set",
            set,
        ];
        let output = run(at, &words).expect(2);
        assert!(output.err.contains(expected), "{set}: {}", output.err);
        assert!(output.err.contains("help: "), "{set}: {}", output.err);
        // In double precision all of that is a number as others.
        run(at, &["plan", "s.toml", "--set", set]).expect(0);
    }
    std::fs::write(at.join("m.csv"), "1e39,0\n0,1\n").unwrap();
    let file = "name = \"t\"\n[problem]\ntarget = { file = \"m.csv\" }\n[network]\nwidth = 2\n";
    std::fs::write(at.join("t.toml"), file).unwrap();
    run(at, &["plan", "t.toml"]).expect(0);
    let output = run(at, &["plan", "t.toml", "--set", "train.precision=f32"]).expect(2);
    let expected = "`problem.target` is a file whose largest number is 1e39";
    assert!(output.err.contains(expected), "{}", output.err);
}
