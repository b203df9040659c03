//! `[train] verify` on a cluster: workers compare the engines, the coordinator reports the result, the tables keep it.

use std::path::Path;

use serde_json::Value;
use tests::process::{Background, Coordinator, run, until};
use tests::tables::number;

use crate::common::{log, logged, long, status, steps_for, until_finished};
use crate::{SMALL, folder_with};

/// Of [`SMALL`]: its gaussian starts of depth 3 have no core.
fn verifying(trials: u64) -> String {
    SMALL.replace("engine = \"full\"", &format!("verify = {trials}"))
}

fn counted(run_folder: &Path, condition: &str) -> f64 {
    let sql = format!("SELECT count(*) AS n FROM trials WHERE {condition}");
    number(run_folder, &sql)
}

#[test]
fn a_cluster_compares_as_many_trials_as_the_sweep_asks_for_and_keeps_the_result() {
    let folder = folder_with("small.toml", &verifying(5));
    let at = folder.path();
    let mut coordinator = Coordinator::start(at, "data");
    coordinator.call(at, &["submit", "small.toml"]).expect(0);
    let waiting = status(&coordinator, at, "small")["verify"].clone();
    assert_eq!(
        (&waiting["chosen"], &waiting["compared"], &waiting["within"]),
        (&Value::from(5), &Value::from(0), &Value::Null)
    );
    // The same sweep with more to compare is the same sweep.
    let more = ["submit", "small.toml", "--set", "train.verify=9"];
    let output = coordinator.call(at, &more).expect(0);
    assert!(
        output.err.contains("`parsimony verify small.toml`"),
        "{}",
        output.err
    );
    let _workers = ["one", "two"].map(|name| coordinator.worker(at, name, 1));
    let output = coordinator.call(at, &["watch", "small"]).expect(0);
    assert!(
        output.err.contains("verified: 5 of 5 trials")
            && output.err.contains("within what the law"),
        "{}",
        output.err
    );
    let found = status(&coordinator, at, "small")["verify"].clone();
    assert_eq!(
        (&found["compared"], &found["within"]),
        (&Value::from(5), &Value::from(true))
    );
    for (difference, most) in [
        ("loss", 1e-11),
        ("singular_values", 1e-11),
        ("angles", 1e-6),
    ] {
        let found = found[difference].as_f64().unwrap();
        assert!(found <= most, "{difference}: {found:e}");
    }
    // What was durable is known to the next coordinator, and to whoever reads the tables.
    coordinator.process.kill();
    let coordinator = Coordinator::start(at, "data");
    assert_eq!(status(&coordinator, at, "small")["verify"], found);
    coordinator
        .call(at, &["fetch", "small", "--out", "here"])
        .expect(0);
    let rows = at.join("here");
    let largest = number(&rows, "SELECT max(run_verify_loss) AS x FROM trials");
    assert_eq!(Some(largest), found["loss"].as_f64());
    assert_eq!(counted(&rows, "run_verify = 'within'"), 5.0);
    assert_eq!(counted(&rows, "run_verify IS NULL"), 67.0);
    assert_eq!(
        counted(
            &rows,
            "run_verify IS NULL AND verify_full_seconds IS NOT NULL"
        ),
        0.0
    );
}

#[test]
fn a_sweep_that_grows_compares_some_of_what_is_new_and_nothing_again() {
    let folder = folder_with("small.toml", &verifying(2));
    let at = folder.path();
    run(at, &["run", "small.toml", "--out", "r"]).expect(0);
    let verdicts = "run_verify = 'within'";
    assert_eq!(counted(&at.join("r"), verdicts), 2.0);
    let again = run(at, &["run", "small.toml", "--out", "r"]).expect(0);
    assert!(
        again.err.contains("verified: 2 of 2 trials"),
        "{}",
        again.err
    );
    let grown = verifying(2).replace("range = [0, 4]", "range = [0, 6]");
    std::fs::write(at.join("small.toml"), grown).unwrap();
    let output = run(at, &["run", "small.toml", "--out", "r"]).expect(0);
    assert!(
        output.err.contains("verified: 4 of 4 trials"),
        "{}",
        output.err
    );
    let new = format!("{verdicts} AND replicate >= 4");
    assert_eq!(counted(&at.join("r"), &new), 2.0);
}

#[test]
fn a_finished_sweep_that_is_asked_to_verify_says_how() {
    let folder = folder_with("small.toml", &verifying(0));
    let at = folder.path();
    run(at, &["run", "small.toml", "--out", "r"]).expect(0);
    let words = ["run", "small.toml", "--out", "r", "--set", "train.verify=3"];
    let output = run(at, &words).expect(0);
    assert!(
        output.err.contains("`parsimony verify small.toml`"),
        "{}",
        output.err
    );
    let output = run(at, &["verify", "small.toml", "--trials", "3"]).expect(0);
    assert!(
        output.out.contains("verified: 3 of 3 trials"),
        "{}",
        output.out
    );
}

/// Whether a checkpoint is that of a wide run: a mark, the length of the reduced run's last state, that state, the
/// wide one.
fn is_of_a_wide_run(path: &Path) -> bool {
    let bytes = std::fs::read(path).unwrap_or_default();
    let length = bytes.get(1..9).and_then(|length| length.try_into().ok());
    let length = length.map_or(usize::MAX, |length| u64::from_le_bytes(length) as usize);
    bytes.first() == Some(&1) && length < bytes.len() - 9
}

/// The wide run of a comparison is long where the trial is not; its worker ends in the middle of it.
fn check_outlives(end: impl FnOnce(&mut Background)) {
    let text = long("long", 1, steps_for(4.0))
        .replace("engine = \"full\"", "engine = \"reduced\"\nverify = 1")
        .replace("kind = \"gaussian\"\nscale = 0.1", "kind = \"orthogonal\"");
    let folder = folder_with("long.toml", &text);
    let at = folder.path();
    let coordinator = Coordinator::with(at, "data", "127.0.0.1:0", |command| {
        command.env("PARSIMONY_CHECKPOINT_SECONDS", "0.2");
    });
    let worker = |name: &str| {
        coordinator.worker_with(at, name, 1, |command| {
            command
                .env("PARSIMONY_CHECKPOINT_SECONDS", "0.2")
                .env("RUST_LOG", "info");
            logged(command, &at.join(name));
        })
    };
    let mut first = worker("first");
    coordinator.call(at, &["submit", "long.toml"]).expect(0);
    until("a checkpoint of the wide run", || {
        is_of_a_wide_run(&at.join("data/long/checkpoints/0"))
    });
    end(&mut first);
    let _second = worker("second");
    until_finished(&coordinator, at, "long");
    let talk = log(&at.join("second"));
    // The reduced run at its end, and the wide one where it was.
    assert_eq!(
        talk.matches("continues from its checkpoint").count(),
        2,
        "{talk}"
    );
    let rows = at.join("data/long");
    assert_eq!(
        counted(&rows, "run_verify = 'within' AND engine = 'reduced'"),
        1.0
    );
}

#[test]
fn a_comparison_outlives_a_killed_worker() {
    check_outlives(Background::kill);
}

#[test]
fn a_comparison_outlives_a_drained_worker() {
    check_outlives(|worker| {
        worker.signal("TERM");
        assert_eq!(worker.wait(), Some(0));
    });
}
