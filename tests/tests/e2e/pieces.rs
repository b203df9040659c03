//! Large results: over a link that takes longer for one than a worker may be silent, and beyond what a message or
//! memory holds.

use std::path::Path;

use serde_json::Value;
use tests::process::{Background, Coordinator, run, until};
use tests::tables::{assert_equal, number};

use crate::common::{log, logged};
use crate::folder_with;
use crate::netns::{Cable, HEAD, ask, inside};

/// One trial whose spectra take some 4 kB a step.
fn measured(name: &str, steps: u64) -> String {
    format!(
        r#"
name = "{name}"
seed = 3

[problem]
kind = "factorization"
dim = 16
rank = 3

[network]
depth = 4

[init]
kind = "gaussian"
scale = 0.1

[train]
steps = {steps}
engine = "full"

[measure]
every = 1
metrics = ["train_loss", "spectrum"]
"#
    )
}

#[test]
fn a_report_that_takes_long_on_a_slow_link_costs_no_attempt() {
    // Some 8 MB, which take eight seconds; silent for five, a worker is lost.
    let folder = folder_with("slow.toml", &measured("slow", 2000));
    let at = folder.path();
    let Some(cable) = Cable::lay() else {
        eprintln!("SKIPPED: this machine does not let the test make network namespaces");
        return;
    };
    if !cable.slow("8mbit") {
        eprintln!("SKIPPED: no tc to slow a link down");
        return;
    }
    let listen = format!("{HEAD}:7070");
    let words = [
        "coordinator",
        "--listen",
        &listen,
        "--insecure",
        "--data",
        "data",
    ];
    let mut coordinator = inside(&cable.head, at, &words);
    logged(&mut coordinator, &at.join("coordinator.log"));
    let coordinator = Coordinator::of(coordinator);
    let url = coordinator.url.clone();
    ask(&cable, at, &url, &["submit", "slow.toml"]).expect(0);
    let words = [
        "worker",
        "--coordinator",
        &url,
        "--name",
        "far",
        "--threads",
        "1",
    ];
    let mut worker = inside(&cable.node, at, &words);
    logged(&mut worker, &at.join("worker.log"));
    let mut worker = Background::talking(worker);
    ask(&cable, at, &url, &["watch", "slow"]).expect(0);
    let data = at.join("data/slow");
    assert_eq!(number(&data, "SELECT attempt FROM trials"), 1.0);
    let output = log(&at.join("coordinator.log"));
    assert!(!output.contains("worker lost"), "{output}");
    assert!(!output.contains("connection lost"), "{output}");
    let workers = ask(&cable, at, &url, &["workers", "--json"]).expect(0);
    let workers: Value = serde_json::from_str(&workers.out).unwrap();
    assert_eq!(workers.as_array().unwrap().len(), 1, "{workers}");
    worker.signal("TERM");
    assert_eq!(worker.wait(), Some(0), "{}", log(&at.join("worker.log")));
    run(at, &["run", "slow.toml", "--out", "local"]).expect(0);
    assert_equal(&at.join("local"), &data);
}

/// Peak of a process's memory in megabytes, where the machine reports it.
fn peak(process: &Background) -> u64 {
    let status = format!("/proc/{}/status", process.child.id());
    let status = std::fs::read_to_string(status).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
    kilobytes.parse::<u64>().unwrap() / 1024
}

/// Rows of the spectra and what they add up to, to the bit: there is one trial, whose rows have one order.
fn spectra(run: &Path) -> [f64; 4] {
    [
        "count(*)",
        "sum(value)",
        "max(step)",
        "count(DISTINCT step)",
    ]
    .map(|what| number(run, &format!("SELECT {what} AS x FROM spectra")))
}

#[test]
fn a_history_beyond_every_message_takes_little_memory() {
    // Two and a half million rows of some 50 bytes, several times over where they were kept.
    let steps = 25_000;
    let text = measured("many", steps)
        .replace("dim = 16", "dim = 4")
        .replace("depth = 4", "depth = 24")
        .replace("scale = 0.1", "scale = 0.5");
    let folder = folder_with("many.toml", &text);
    let at = folder.path();
    let coordinator = Coordinator::start(at, "data");
    let mut worker = coordinator.worker(at, "worker", 1);
    coordinator.call(at, &["submit", "many.toml"]).expect(0);
    coordinator.call(at, &["watch", "many"]).expect(0);
    let run_folder = at.join("data/many");
    let found = spectra(&run_folder);
    assert_eq!(found[0], 100.0 * (steps + 1) as f64);
    assert_eq!(found[2..], [steps as f64, (steps + 1) as f64]);
    assert_eq!(
        number(
            &run_folder,
            "SELECT count(*) AS n FROM trials WHERE status = 'completed' AND attempt = 1"
        ),
        1.0
    );
    // One complete commit, and nothing beside it.
    let parts = std::fs::read_dir(run_folder.join("spectra")).unwrap();
    assert_eq!(parts.count(), 2, "the schema and one part");
    let (of_worker, of_coordinator) = (peak(&worker), peak(&coordinator.process));
    assert!(of_worker < 250, "the worker took {of_worker} MB");
    assert!(
        of_coordinator < 250,
        "the coordinator took {of_coordinator} MB"
    );
    worker.signal("TERM");
    assert_eq!(worker.wait(), Some(0));

    run(at, &["run", "many.toml", "--out", "local"]).expect(0);
    assert_eq!(spectra(&at.join("local")), found);
    let plan = run(at, &["plan", "many.toml", "--json"]).expect(0);
    let plan: Value = serde_json::from_str(&plan.out).unwrap();
    // A row of the trial, one of history a step, a hundred of spectra.
    let rows = 1.0 + 101.0 * (steps + 1) as f64;
    assert_eq!(plan["rows"].as_f64(), Some(rows));
    let bytes = plan["row_bytes"].as_f64().unwrap();
    assert!((40.0 * rows..80.0 * rows).contains(&bytes), "{bytes}");
}

#[test]
fn rows_that_left_memory_come_back_with_a_checkpoint() {
    let folder = folder_with("rows.toml", &measured("rows", 10_000));
    let at = folder.path();
    let often = |command: &mut std::process::Command| {
        command.env("PARSIMONY_CHECKPOINT_SECONDS", "0.3");
    };
    let coordinator = Coordinator::with(at, "data", "127.0.0.1:0", often);
    let mut first = coordinator.worker_with(at, "first", 1, often);
    coordinator.call(at, &["submit", "rows.toml"]).expect(0);
    // Larger than the rows that stay in memory.
    let checkpoint = at.join("data/rows/checkpoints/0");
    until("a checkpoint", || {
        std::fs::metadata(&checkpoint).is_ok_and(|metadata| metadata.len() > 8 << 20)
    });
    first.kill();
    let _second = coordinator.worker_with(at, "second", 1, |command| {
        command.env("RUST_LOG", "info");
        logged(command, &at.join("second.log"));
    });
    coordinator.call(at, &["watch", "rows"]).expect(0);
    let output = log(&at.join("second.log"));
    assert!(output.contains("continues from its checkpoint"), "{output}");
    run(at, &["run", "rows.toml", "--out", "local"]).expect(0);
    assert_equal(&at.join("local"), &at.join("data/rows"));
}
