//! Coordinator and workers as processes over loopback.

use tests::process::{Coordinator, root, run, until};
use tests::tables::{assert_equal, number};

use crate::{SMALL, folder_with};

#[test]
fn three_workers_give_the_tables_of_local_mode() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    run(at, &["run", "small.toml", "--out", "local"]).expect(0);
    let coordinator = Coordinator::start(at, "data");
    let mut workers: Vec<_> = (0..3)
        .map(|k| coordinator.worker(at, &format!("w{k}"), 1))
        .collect();
    let submitted = coordinator.call(at, &["submit", "small.toml"]).expect(0);
    assert_eq!(submitted.out, "small\n");
    coordinator.call(at, &["watch", "small"]).expect(0);
    assert_equal(&at.join("local"), &at.join("data/small"));
    let listed = coordinator.call(at, &["list", "--json"]).expect(0);
    let listed: serde_json::Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!(listed[0]["state"], "finished");
    let known = coordinator.call(at, &["workers", "--json"]).expect(0);
    let known: serde_json::Value = serde_json::from_str(&known.out).unwrap();
    assert_eq!(known.as_array().unwrap().len(), 3);
    coordinator
        .call(at, &["fetch", "small", "--out", "fetched"])
        .expect(0);
    assert_equal(&at.join("local"), &at.join("fetched"));
    for worker in &mut workers {
        worker.signal("TERM");
        assert_eq!(worker.wait(), Some(0));
    }
}

#[test]
fn a_killed_workers_trials_go_to_others() {
    let text = SMALL.replace("steps = 60", "steps = 4000");
    let folder = folder_with("small.toml", &text);
    let at = folder.path();
    run(at, &["run", "small.toml", "--out", "local"]).expect(0);
    let coordinator = Coordinator::start(at, "data");
    let mut doomed = coordinator.worker(at, "doomed", 1);
    coordinator.call(at, &["submit", "small.toml"]).expect(0);
    until("a first row", || {
        let status = coordinator
            .call(at, &["status", "small", "--json"])
            .expect(0);
        let status: serde_json::Value = serde_json::from_str(&status.out).unwrap();
        status["completed"].as_u64().unwrap() > 0
    });
    doomed.kill();
    let _survivor = coordinator.worker(at, "survivor", 1);
    coordinator.call(at, &["watch", "small"]).expect(0);
    assert_equal(&at.join("local"), &at.join("data/small"));
}

#[test]
fn a_killed_coordinator_comes_back_and_the_worker_with_it() {
    let text = SMALL.replace("steps = 60", "steps = 4000");
    let folder = folder_with("small.toml", &text);
    let at = folder.path();
    run(at, &["run", "small.toml", "--out", "local"]).expect(0);
    let mut coordinator = Coordinator::start(at, "data");
    let address = coordinator.url.strip_prefix("http://").unwrap().to_owned();
    let _worker = coordinator.worker(at, "w", 1);
    coordinator.call(at, &["submit", "small.toml"]).expect(0);
    for _ in 0..3 {
        std::thread::sleep(std::time::Duration::from_millis(400));
        coordinator.process.kill();
        coordinator = Coordinator::with(at, "data", &address, |_| {});
    }
    coordinator.call(at, &["watch", "small"]).expect(0);
    assert_equal(&at.join("local"), &at.join("data/small"));
}

#[test]
fn files_travel_by_content() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let digits = root().join("sweeps/digits.toml");
    let short = ["--set", "train.steps=10"];
    let mut words = vec!["run", digits.to_str().unwrap(), "--out", "local"];
    words.extend(short);
    run(at, &words).expect(0);
    let coordinator = Coordinator::start(at, "data");
    let _worker = coordinator.worker(at, "w", 2);
    let mut words = vec!["submit", digits.to_str().unwrap()];
    words.extend(short);
    coordinator.call(at, &words).expect(0);
    coordinator.call(at, &["watch", "digits"]).expect(0);
    assert_equal(&at.join("local"), &at.join("data/digits"));
    assert_eq!(
        std::fs::read_dir(at.join("data/digits/files"))
            .unwrap()
            .count(),
        1
    );
}

#[test]
fn a_sweep_is_paused_resumed_cancelled_and_grown() {
    let text = SMALL.replace("steps = 60", "steps = 3000");
    let folder = folder_with("small.toml", &text);
    let at = folder.path();
    let coordinator = Coordinator::start(at, "data");
    coordinator.call(at, &["submit", "small.toml"]).expect(0);
    coordinator.call(at, &["pause", "small"]).expect(0);
    let _worker = coordinator.worker(at, "w", 1);
    let state = || {
        let status = coordinator
            .call(at, &["status", "small", "--json"])
            .expect(0);
        let status: serde_json::Value = serde_json::from_str(&status.out).unwrap();
        (
            status["state"].as_str().unwrap().to_owned(),
            status["completed"].as_u64().unwrap(),
        )
    };
    assert_eq!(state(), ("paused".to_owned(), 0));
    coordinator.call(at, &["resume", "small"]).expect(0);
    until("a first row", || state().1 > 0);
    coordinator.call(at, &["cancel", "small"]).expect(0);
    assert_eq!(state().0, "cancelled");
    coordinator.call(at, &["watch", "small"]).expect(130);
    let kept = state().1;
    assert!(kept > 0 && kept < 72, "{kept}");
    coordinator.call(at, &["resume", "small"]).expect(0);
    coordinator.call(at, &["watch", "small"]).expect(0);
    assert_eq!(state(), ("finished".to_owned(), 72));
    let grown = text.replace("range = [0, 4]", "range = [0, 5]");
    std::fs::write(at.join("grown.toml"), grown).unwrap();
    coordinator.call(at, &["submit", "grown.toml"]).expect(0);
    coordinator.call(at, &["watch", "small"]).expect(0);
    assert_eq!(state(), ("finished".to_owned(), 90));
    assert_eq!(
        number(
            &at.join("data/small"),
            "SELECT count(DISTINCT id) AS n FROM trials"
        ),
        90.0
    );
    coordinator.call(at, &["pause", "nothing"]).expect(2);
}

#[test]
fn a_trial_that_kills_its_workers_fails_alone_and_can_be_retried() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let coordinator = Coordinator::start(at, "data");
    coordinator.call(at, &["submit", "small.toml"]).expect(0);
    let finished = || {
        let status = coordinator
            .call(at, &["status", "small", "--json"])
            .expect(0);
        let status: serde_json::Value = serde_json::from_str(&status.out).unwrap();
        status["state"] == "finished"
    };
    let mut workers = 0;
    while !finished() {
        workers += 1;
        assert!(workers <= 12, "the trial does not fail");
        let mut worker = coordinator.worker_with(at, "doomed", 1, |command| {
            command.env("PARSIMONY_FAULT_TRIAL", "40");
        });
        until("the worker's death or the end", || {
            worker.child.try_wait().unwrap().is_some() || finished()
        });
    }
    coordinator.call(at, &["watch", "small"]).expect(3);
    let run_folder = at.join("data/small");
    assert_eq!(
        number(
            &run_folder,
            "SELECT count(*) AS n FROM trials WHERE status = 'failed'"
        ),
        1.0
    );
    assert_eq!(
        number(
            &run_folder,
            "SELECT trial FROM trials WHERE status = 'failed'"
        ),
        40.0
    );
    assert_eq!(
        number(&run_folder, "SELECT count(*) AS n FROM trials"),
        72.0
    );
    let _healthy = coordinator.worker(at, "healthy", 1);
    coordinator
        .call(at, &["retry", "small", "--failed"])
        .expect(0);
    coordinator.call(at, &["watch", "small"]).expect(0);
    let attempts = table::attempts(&run_folder, 40).unwrap();
    let last = attempts.last().expect("the failed attempt is kept");
    assert!(last.outcome.contains("died with this trial"), "{last:?}");
    // The failed trial alone ran again.
    let by_healthy = "SELECT count(*) AS n FROM trials WHERE worker = 'healthy'";
    assert_eq!(number(&run_folder, by_healthy), 1.0);
    let its = "SELECT trial FROM trials WHERE worker = 'healthy'";
    assert_eq!(number(&run_folder, its), 40.0);
    run(at, &["run", "small.toml", "--out", "local"]).expect(0);
    assert_equal(&at.join("local"), &run_folder);
}

#[test]
fn one_coordinator_at_a_time_has_a_data_folder() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let first = Coordinator::start(at, "data");
    let second = run(
        at,
        &["coordinator", "--listen", "127.0.0.1:0", "--data", "data"],
    )
    .expect(2);
    assert!(second.err.contains("another coordinator"), "{}", second.err);
    drop(first);
    let _third = Coordinator::start(at, "data");
}
