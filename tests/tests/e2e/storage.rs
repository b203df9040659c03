//! What lies on a disk for longer than a program: folders of earlier releases, and bits that changed while nobody
//! looked. Nothing is believed that is not as it was written; nothing sound is lost with it.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tests::process::{Background, Coordinator, command, root, run, until};
use tests::tables::{TABLES, assert_equal, number, query};

use crate::common::{copy, log, logged, long, rows, state, status, steps_for, until_finished};
use crate::{SMALL, folder_with};

/// Parts of a table that hold rows, in order.
fn parts(run_folder: &Path, table: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(run_folder.join(table)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_part = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("part-") && name.ends_with(".parquet")
    };
    let mut parts: Vec<PathBuf> = paths.filter(is_part).collect();
    parts.sort();
    parts
}

/// Changes one bit in the middle of a file.
fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

/// The answer of `check --json`.
#[track_caller]
fn check(at: &Path, run_folder: &str, more: &[&str], code: i32) -> Value {
    let mut words = vec!["check", run_folder, "--json"];
    words.extend(more);
    let ended = run(at, &words).expect(code);
    serde_json::from_str(&ended.out).expect("the answer is JSON")
}

/// A run that has all its rows in several parts: it was killed when it was about to join them.
fn several_parts(at: &Path, out: &str) {
    let mut begun = command(at);
    begun.args(["run", "small.toml", "--out", out, "--threads", "1"]);
    begun.env("PARSIMONY_FAULT", "before-join:1");
    let mut begun = Background::start(begun);
    assert_eq!(begun.wait(), None, "the parts were not joined");
    let parts = parts(&at.join(out), "trials").len();
    assert!(parts >= 3, "only {parts} parts");
}

/// A run folder as an earlier release left it.
fn earlier(release: &str, name: &str) -> PathBuf {
    root().join("tests/folders").join(release).join(name)
}

#[test]
fn a_finished_run_of_the_first_release_reads_continues_and_grows() {
    check_finished("first-release", false);
}

#[test]
fn a_finished_run_of_the_second_release_reads_continues_and_grows() {
    check_finished("second-release", true);
}

/// Types of a part's columns, and how many have no sign.
fn columns_of(path: &Path) -> (String, usize) {
    use polars::prelude::SerReader as _;
    let file = std::fs::File::open(path).unwrap();
    let schema = polars::prelude::ParquetReader::new(file).schema().unwrap();
    let text = format!("{schema:?}");
    let unsigned = text.matches("UInt").count();
    (text, unsigned)
}

/// Whole numbers of every table have a sign, also where the parts keep them without one.
#[track_caller]
fn assert_signed(run_folder: &Path) {
    for sql in [
        "SELECT min(attempt - 2) AS n FROM trials",
        "SELECT min(step - 1) AS n FROM history",
        "SELECT min(layer - index) AS n FROM spectra",
        "SELECT min(trial - 1) AS n FROM layers",
    ] {
        let found = number(run_folder, sql);
        assert!((-100.0..0.0).contains(&found), "{sql}: {found}");
    }
}

fn check_finished(release: &str, hashed: bool) {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    copy(&earlier(release, "finished"), &at.join("old"));
    for table in TABLES {
        assert!(columns_of(&parts(&at.join("old"), table)[0]).1 > 0);
    }
    assert_signed(&at.join("old"));
    std::fs::copy(at.join("old/sweep.toml"), at.join("same.toml")).unwrap();
    run(at, &["run", "same.toml", "--out", "fresh"]).expect(0);
    assert_same(&at.join("old"), &at.join("fresh"));

    let checked = check(at, "old", &[], 0);
    assert_eq!(checked["unhashed"] == 0, hashed, "{checked}");
    let ended = run(at, &["run", "same.toml", "--out", "old", "--json"]).expect(0);
    let ended: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(ended["reported"], 0, "{ended}");
    assert_eq!(ended["notes"], serde_json::json!([]), "{ended}");
    assert_same(&at.join("old"), &at.join("fresh"));

    let text = std::fs::read_to_string(at.join("same.toml")).unwrap();
    let wider = text.replace(
        "replicate = { range = [0, 3] }",
        "replicate = { range = [0, 5] }",
    );
    assert_ne!(wider, text);
    std::fs::write(at.join("wider.toml"), wider).unwrap();
    run(at, &["run", "wider.toml", "--out", "old"]).expect(0);
    run(at, &["run", "wider.toml", "--out", "fresh"]).expect(0);
    assert_same(&at.join("old"), &at.join("fresh"));
    let checked = check(at, "old", &[], 0);
    assert_eq!(checked["unhashed"], 0, "{checked}");
    // Rows and columns are one table for every reader, the parts without rows included.
    for table in TABLES {
        let schema = columns_of(&at.join("old").join(table).join("schema.parquet"));
        assert_eq!(schema.1, 0, "{schema:?}");
        for part in parts(&at.join("old"), table) {
            assert_eq!(columns_of(&part), schema, "{}", part.display());
        }
    }
    assert_signed(&at.join("old"));
}

/// Fails unless both runs hold the same points with the same results, up to the rounding of instruction sets.
#[track_caller]
fn assert_same(a: &Path, b: &Path) {
    let sql = "SELECT id, status, steps, train_loss FROM trials ORDER BY id";
    let (left, right) = (query(a, sql), query(b, sql));
    assert_eq!(left.height(), right.height());
    for column in ["id", "status", "steps"] {
        assert_eq!(left.column(column), right.column(column), "{column}");
    }
    let losses = |rows: &table::Answer| rows.numbers("train_loss");
    for (left, right) in losses(&left).into_iter().zip(losses(&right)) {
        assert!((left - right).abs() <= 1e-6 * right.abs(), "{left} {right}");
    }
    for table in TABLES {
        let sql = format!("SELECT count(*) AS n FROM {table}");
        assert_eq!(number(a, &sql), number(b, &sql), "{table}");
    }
}

#[test]
fn a_killed_run_of_the_first_release_goes_on_without_its_checkpoint() {
    let said = check_killed("first-release");
    assert!(said.contains("older program"), "{said}");
}

#[test]
fn a_killed_run_of_the_second_release_goes_on() {
    let said = check_killed("second-release");
    assert!(!said.contains("older program"), "{said}");
}

/// Returns what the coordinator said.
fn check_killed(release: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::create_dir(at.join("data")).unwrap();
    copy(&earlier(release, "killed"), &at.join("data/killed"));
    let states = at.join("data/killed/checkpoints");
    assert!(std::fs::read_dir(&states).unwrap().count() > 0);
    let durable = rows(&at.join("data/killed"));
    assert!(durable > 0);
    std::fs::copy(at.join("data/killed/sweep.toml"), at.join("same.toml")).unwrap();
    let coordinator = Coordinator::with(at, "data", "127.0.0.1:0", |command| {
        logged(command, &at.join("log"));
    });
    let _worker = coordinator.worker(at, "w", 1);
    coordinator.call(at, &["submit", "same.toml"]).expect(0);
    until_finished(&coordinator, at, "killed");
    run(at, &["run", "same.toml", "--out", "fresh"]).expect(0);
    assert_same(&at.join("data/killed"), &at.join("fresh"));
    check(at, "data/killed", &[], 0);
    log(&at.join("log"))
}

#[test]
fn a_flipped_bit_in_a_part_costs_its_own_rows_and_is_never_read() {
    let folder = folder_with("small.toml", &long("small", 72, steps_for(3.0 / 72.0)));
    let at = folder.path();
    several_parts(at, "sound");
    assert_eq!(check(at, "sound", &[], 0)["damaged"], serde_json::json!([]));
    for table in TABLES {
        let harmed = at.join(table);
        copy(&at.join("sound"), &harmed);
        let part = parts(&harmed, table)[1].clone();
        flip(&part);
        let ended = check(at, table, &[], 3);
        let damaged = ended["damaged"].as_array().unwrap();
        assert_eq!(damaged.len(), 1, "{ended}");
        assert!(
            part.ends_with(damaged[0]["path"].as_str().unwrap()),
            "{ended}"
        );
        let trials = damaged[0]["trials"].as_u64().unwrap();
        assert!(trials > 0 && trials < 72, "{ended}");
        if table == "history" {
            // Where nobody looks at opening, mending makes sure of it.
            assert_eq!(check(at, table, &["--mend"], 3)["mended"], 1);
            assert!(!part.exists());
        }
        let words = ["run", "small.toml", "--out", table, "--json"];
        let ended = run(at, &words).expect(0);
        assert!(ended.err.contains("will run again"), "{}", ended.err);
        let ended: Value = serde_json::from_str(&ended.out).unwrap();
        assert_eq!(ended["reported"], trials, "{ended}");
        assert_equal(&at.join("sound"), &harmed);
        assert_eq!(
            std::fs::read_dir(harmed.join("damaged")).unwrap().count(),
            1
        );
        check(at, table, &[], 0);
    }
}

#[test]
fn what_check_is_asked_of_must_be_a_run_that_nobody_mends_meanwhile() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    run(at, &["check", "nowhere"]).expect(2);
    run(at, &["check", "."]).expect(2);
    let coordinator = Coordinator::start(at, "data");
    coordinator.call(at, &["submit", "small.toml"]).expect(0);
    run(at, &["check", "data/small"]).expect(0);
    let ended = run(at, &["check", "data/small", "--mend"]).expect(2);
    assert!(ended.err.contains("in use"), "{}", ended.err);
}

#[test]
fn a_sweep_that_ended_leaves_one_part_a_table() {
    let folder = folder_with("small.toml", &long("small", 72, steps_for(3.0 / 72.0)));
    let at = folder.path();
    several_parts(at, "r");
    copy(&at.join("r"), &at.join("before"));
    run(at, &["run", "small.toml", "--out", "r"]).expect(0);
    for table in ["trials", "history", "spectra", "layers"] {
        assert_eq!(parts(&at.join("r"), table).len(), 1, "{table}");
    }
    assert_equal(&at.join("before"), &at.join("r"));
}

/// Shortens the time between two checkpoints, which is a minute otherwise.
const OFTEN: (&str, &str) = ("PARSIMONY_CHECKPOINT_SECONDS", "0.2");

/// A sweep of one long trial that was killed with a checkpoint, and the same without a kill.
fn killed_with_checkpoint() -> (tempfile::TempDir, PathBuf) {
    let folder = folder_with("long.toml", &long("long", 1, steps_for(2.0)));
    let at = folder.path();
    run(at, &["run", "long.toml", "--out", "local"]).expect(0);
    let mut begun = command(at);
    begun.args(["run", "long.toml", "--out", "killed", "--threads", "1"]);
    let mut begun = Background::start({
        begun.env(OFTEN.0, OFTEN.1);
        begun
    });
    let state = at.join("killed/checkpoints/0");
    until("a checkpoint", || state.is_file());
    begun.kill();
    (folder, state)
}

#[test]
fn a_damaged_checkpoint_is_refused_and_its_trial_begins_again() {
    let (folder, _) = killed_with_checkpoint();
    let at = folder.path();
    type Harm = fn(&mut Vec<u8>);
    let harms: [(&str, Harm); 4] = [
        ("flipped", |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 4;
        }),
        ("zeroed", |bytes| {
            let half = bytes.len() / 2;
            bytes[half..half + 64].fill(0);
        }),
        ("no-end", |bytes| {
            let half = bytes.len() / 2;
            bytes[half..].fill(0);
        }),
        ("cut", |bytes| bytes.truncate(bytes.len() / 2)),
    ];
    for (what, harm) in harms {
        copy(&at.join("killed"), &at.join(what));
        let state = at.join(what).join("checkpoints/0");
        let mut bytes = std::fs::read(&state).unwrap();
        harm(&mut bytes);
        std::fs::write(&state, bytes).unwrap();
        let ended = check(at, what, &[], 3);
        assert_eq!(ended["damaged"][0]["kind"], "checkpoint", "{ended}");
        let ended = run(at, &["run", "long.toml", "--out", what]).expect(0);
        assert!(ended.err.contains("a trial begins anew"), "{}", ended.err);
        assert_equal(&at.join("local"), &at.join(what));
    }
    // The sound one is taken up, to the same bits.
    let mut again = command(at);
    again.args(["run", "long.toml", "--out", "killed"]);
    let ended = again.env("RUST_LOG", "info").output().unwrap();
    let ended = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.contains("continues from its checkpoint"), "{ended}");
    assert_equal(&at.join("local"), &at.join("killed"));
}

#[test]
fn a_fetch_killed_over_an_earlier_one_leaves_one_of_them() {
    let folder = folder_with("small.toml", &long("small", 72, steps_for(3.0 / 72.0)));
    let at = folder.path();
    let coordinator = Coordinator::start(at, "data");
    let _worker = coordinator.worker(at, "w", 1);
    coordinator.call(at, &["submit", "small.toml"]).expect(0);
    until("some rows", || {
        parts(&at.join("data/small"), "trials").len() >= 2
    });
    coordinator
        .call(at, &["fetch", "small", "--out", "earlier"])
        .expect(0);
    let before = rows(&at.join("earlier"));
    assert!(before > 0 && before < 72, "{before} rows");
    until_finished(&coordinator, at, "small");
    for (point, expected) in [
        ("fetch-before-places", before),
        ("fetch-before-list", before),
        ("fetch-before-removal", 72),
    ] {
        let out = at.join(point);
        copy(&at.join("earlier"), &out);
        let mut killed = command(at);
        killed.args([
            "fetch",
            "small",
            "--out",
            point,
            "--coordinator",
            &coordinator.url,
        ]);
        killed.env("PARSIMONY_FAULT", format!("{point}:1"));
        assert_eq!(Background::start(killed).wait(), None, "{point}");
        for table in TABLES {
            let sql = format!("SELECT count(DISTINCT trial) AS n FROM {table}");
            assert_eq!(number(&out, &sql), expected as f64, "{point} {table}");
        }
        assert_eq!(rows(&out), expected, "{point}");
        coordinator
            .call(at, &["fetch", "small", "--out", point])
            .expect(0);
        assert_equal(&at.join("data/small"), &out);
        for table in TABLES {
            assert_eq!(parts(&out, table).len(), 1, "{point}");
        }
        check(at, point, &[], 0);
    }
    flip(&parts(&at.join("fetch-before-list"), "spectra")[0]);
    check(at, "fetch-before-list", &[], 3);
}

/// A sweep over a file of its own.
fn with_file(at: &Path) {
    let lines = (0..40).map(|row| format!("{}.5,{},{}\n", row, row % 7, row % 3));
    std::fs::write(at.join("points.csv"), lines.collect::<String>()).unwrap();
    let text = r#"
name = "points"
[axes]
"replicate" = { range = [0, 6] }
[problem]
kind = "classification"
inputs = { file = "points.csv", columns = "0..2", scale = 0.05 }
labels = { file = "points.csv", columns = "2..3" }
[network]
width = 4
[train]
steps = 20
"#;
    std::fs::write(at.join("points.toml"), text).unwrap();
}

fn stored(at: &Path) -> PathBuf {
    let mut entries = std::fs::read_dir(at.join("data/points/files")).unwrap();
    entries.next().unwrap().unwrap().path()
}

#[test]
fn a_stored_file_that_was_cut_is_named_and_mended_by_the_good_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    with_file(at);
    let mut coordinator = Coordinator::start(at, "data");
    coordinator.call(at, &["submit", "points.toml"]).expect(0);
    let path = stored(at);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let ended = check(at, "data/points", &[], 3);
    assert_eq!(ended["damaged"][0]["kind"], "file", "{ended}");
    let _worker = coordinator.worker(at, "w", 1);
    until("the sweep stops", || {
        state(&coordinator, at, "points") == "stopped"
    });
    let problem = status(&coordinator, at, "points")["problem"].to_string();
    assert!(
        problem.contains(path.to_str().unwrap()) && problem.contains("submit the sweep again"),
        "{problem}"
    );
    coordinator.call(at, &["submit", "points.toml"]).expect(0);
    assert_eq!(std::fs::read(&path).unwrap(), whole);
    // The worker of before may have left; another one finds the good file.
    let _another = coordinator.worker(at, "x", 1);
    until_finished(&coordinator, at, "points");
    run(at, &["run", "points.toml", "--out", "local"]).expect(0);
    assert_equal(&at.join("local"), &at.join("data/points"));

    // A coordinator that starts over a damaged copy says so, and the good file mends it too.
    coordinator.process.kill();
    std::fs::write(&path, &whole[1..]).unwrap();
    coordinator = Coordinator::with(at, "data", "127.0.0.1:0", |command| {
        logged(command, &at.join("log"));
    });
    until("it is said", || {
        log(&at.join("log")).contains(path.to_str().unwrap())
    });
    coordinator.call(at, &["submit", "points.toml"]).expect(0);
    assert_eq!(std::fs::read(&path).unwrap(), whole);
    until_finished(&coordinator, at, "points");
}
