//! Long trials continue elsewhere: from their checkpoint, to the same bits, and leave nothing behind.

use std::path::Path;

use tests::process::{Background, Coordinator, run, until};
use tests::tables::{assert_equal, number};

use crate::common::{log, logged, long, steps_for, until_finished};
use crate::folder_with;

/// Shortens the time between two checkpoints, which is a minute otherwise.
const OFTEN: (&str, &str) = ("PARSIMONY_CHECKPOINT_SECONDS", "0.2");

/// Words of a worker that takes up a checkpoint.
const CONTINUES: &str = "continues from its checkpoint";

fn coordinator(at: &Path) -> Coordinator {
    Coordinator::with(at, "data", "127.0.0.1:0", |command| {
        command.env(OFTEN.0, OFTEN.1);
    })
}

fn worker(coordinator: &Coordinator, at: &Path, name: &str, threads: u32) -> Background {
    coordinator.worker_with(at, name, threads, |command| {
        command.env(OFTEN.0, OFTEN.1).env("RUST_LOG", "info");
        logged(command, &at.join(name));
    })
}

/// Waits for a checkpoint of the sweep `long` that is whole: one that is still being written has another name, and
/// a coordinator killed in the middle of it has none.
fn until_checkpointed(at: &Path) {
    let whole = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.path().extension().is_none())
    };
    until("a checkpoint", || {
        std::fs::read_dir(at.join("data/long/checkpoints"))
            .is_ok_and(|mut entries| entries.any(whole))
    });
}

/// Files of checkpoints of the sweep `long` on the coordinator's disk.
fn kept(at: &Path) -> usize {
    std::fs::read_dir(at.join("data/long/checkpoints")).map_or(0, Iterator::count)
}

/// Ends the worker of a long trial in some way; another one with another number of threads goes on.
fn check(end: impl FnOnce(&mut Background)) {
    let folder = folder_with("long.toml", &long("long", 2, steps_for(4.0)));
    let at = folder.path();
    run(
        at,
        &["run", "long.toml", "--out", "local", "--threads", "1"],
    )
    .expect(0);
    let coordinator = coordinator(at);
    let mut first = worker(&coordinator, at, "first", 1);
    coordinator.call(at, &["submit", "long.toml"]).expect(0);
    until_checkpointed(at);
    end(&mut first);
    assert!(!log(&at.join("first")).contains(CONTINUES));
    let _second = worker(&coordinator, at, "second", 2);
    until_finished(&coordinator, at, "long");
    assert!(
        log(&at.join("second")).contains(CONTINUES),
        "{}",
        log(&at.join("second"))
    );
    let run_folder = at.join("data/long");
    assert_equal(&at.join("local"), &run_folder);
    assert_eq!(
        number(
            &run_folder,
            "SELECT count(*) AS n FROM trials WHERE status = 'completed'"
        ),
        2.0
    );
    until("no checkpoint is left", || kept(at) == 0);
}

#[test]
fn a_killed_workers_long_trial_continues_to_the_same_bits() {
    check(Background::kill);
}

#[test]
fn a_drained_workers_long_trial_continues_to_the_same_bits() {
    check(|worker| {
        worker.signal("TERM");
        assert_eq!(worker.wait(), Some(0));
    });
}

#[test]
fn checkpoints_outlive_the_coordinator() {
    let folder = folder_with("long.toml", &long("long", 1, steps_for(4.0)));
    let at = folder.path();
    run(at, &["run", "long.toml", "--out", "local"]).expect(0);
    let mut first = coordinator(at);
    let mut worker_of_first = worker(&first, at, "first", 2);
    first_checkpoint(&first, at);
    first.process.kill();
    worker_of_first.kill();
    let second = coordinator(at);
    let _worker = worker(&second, at, "second", 1);
    until_finished(&second, at, "long");
    assert!(
        log(&at.join("second")).contains(CONTINUES),
        "{}",
        log(&at.join("second"))
    );
    assert_equal(&at.join("local"), &at.join("data/long"));
    until("no checkpoint is left", || kept(at) == 0);
}

fn first_checkpoint(coordinator: &Coordinator, at: &Path) {
    coordinator.call(at, &["submit", "long.toml"]).expect(0);
    until_checkpointed(at);
}

#[test]
fn a_damaged_checkpoint_only_costs_the_steps() {
    let folder = folder_with("long.toml", &long("long", 1, steps_for(3.0)));
    let at = folder.path();
    run(at, &["run", "long.toml", "--out", "local"]).expect(0);
    let mut first = coordinator(at);
    let mut worker_of_first = worker(&first, at, "first", 1);
    first_checkpoint(&first, at);
    first.process.kill();
    worker_of_first.kill();
    for entry in std::fs::read_dir(at.join("data/long/checkpoints")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    }
    let second = coordinator(at);
    let _worker = worker(&second, at, "second", 1);
    until_finished(&second, at, "long");
    assert_equal(&at.join("local"), &at.join("data/long"));
}

#[test]
fn a_checkpoint_time_that_is_no_number_is_reported() {
    let folder = folder_with("long.toml", &long("long", 1, 1));
    let mut command = tests::process::command(folder.path());
    command.args(["run", "long.toml"]).env(OFTEN.0, "soon");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains(OFTEN.0));
}
