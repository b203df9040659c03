//! What the tests of the services share: a service seen through the program's own JSON, sweeps whose trials
//! take about as long as asked for on this machine, and the program's talk kept in files.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use tests::process::{Coordinator, run, until};
use tests::tables::number;
pub(crate) use tests::tables::rows;

use crate::folder_with;

/// Steps of the one trial by which the machine's pace is measured.
const PACE_STEPS: u64 = 20_000;

/// A sweep of so many equal trials with rows in every table. At d = 40 the products dominate a step, so that
/// predicted and real times are near each other.
pub(crate) fn long(name: &str, trials: u64, steps: u64) -> String {
    let every = (steps / 5).max(1);
    format!(
        r#"
name = "{name}"
seed = 5

[axes]
"replicate" = {{ range = [0, {trials}] }}

[problem]
kind = "factorization"
dim = 40
rank = 3

[network]
depth = 2

[init]
kind = "gaussian"
scale = 0.1

[train]
steps = {steps}
engine = "full"

[optimizer]
rate = 0.5

[measure]
every = {every}
metrics = ["train_loss", "balancedness", "spectrum"]
"#
    )
}

/// Steps of a trial of [`long`] that take about so many seconds on one thread here.
pub(crate) fn steps_for(seconds: f64) -> u64 {
    static PACE: OnceLock<f64> = OnceLock::new();
    let pace = PACE.get_or_init(|| {
        let folder = folder_with("pace.toml", &long("pace", 1, PACE_STEPS));
        run(
            folder.path(),
            &["run", "pace.toml", "--out", "r", "--threads", "1"],
        )
        .expect(0);
        let seconds = number(&folder.path().join("r"), "SELECT train_seconds FROM trials");
        PACE_STEPS as f64 / seconds.max(1e-3)
    });
    // A machine that does a step a microsecond stays far below 2^53.
    ((pace * seconds) as u64).max(1)
}

/// A sweep's status.
#[track_caller]
pub(crate) fn status(coordinator: &Coordinator, at: &Path, name: &str) -> Value {
    let output = coordinator.call(at, &["status", name, "--json"]).expect(0);
    serde_json::from_str(&output.out).expect("the status is JSON")
}

/// A number of a sweep's status.
#[track_caller]
pub(crate) fn count(coordinator: &Coordinator, at: &Path, name: &str, key: &str) -> u64 {
    let status = status(coordinator, at, name);
    let count = status[key].as_u64();
    count.unwrap_or_else(|| panic!("no number `{key}` in {status}"))
}

#[track_caller]
pub(crate) fn state(coordinator: &Coordinator, at: &Path, name: &str) -> String {
    let status = status(coordinator, at, name);
    status["state"]
        .as_str()
        .expect("a state is a word")
        .to_owned()
}

/// Waits until a sweep has ended with every trial in its tables.
#[track_caller]
pub(crate) fn until_finished(coordinator: &Coordinator, at: &Path, name: &str) {
    until("the end of the sweep", || {
        state(coordinator, at, name) == "finished"
    });
}

/// Waits until trials of a sweep are in workers' hands.
#[track_caller]
pub(crate) fn until_leased(coordinator: &Coordinator, at: &Path, name: &str) {
    until("a lease", || count(coordinator, at, name, "leased") > 0);
}

/// Workers that are connected.
#[track_caller]
pub(crate) fn workers(coordinator: &Coordinator, at: &Path) -> Vec<Value> {
    let output = coordinator.call(at, &["workers", "--json"]).expect(0);
    let workers: Value = serde_json::from_str(&output.out).expect("the list is JSON");
    workers.as_array().expect("a list").clone()
}

/// Appends a command's standard error to a file.
pub(crate) fn logged(command: &mut Command, log: &Path) {
    let file = File::options().create(true).append(true).open(log);
    command.stderr(file.expect("the folder is ours"));
}

/// What a file of talk holds by now.
pub(crate) fn log(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
