//! Trials that fit a worker's time and memory go first; what fits nobody waits with its reason, and a local run fails it.
//! The status says why nothing runs, and the time to the end is honest across interruptions.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tests::process::{Background, Coordinator, command, until};
use tests::tables::{number, query, texts};

use crate::common::{count, log, logged, long, state, status, until_finished};
use crate::folder_with;

/// Pairs of a long or large trial and a small one, the large ones first.
fn sweep(name: &str, axis: &str, replicates: u32) -> String {
    let dim = if axis.contains("problem.dim") {
        ""
    } else {
        "dim = 10"
    };
    format!(
        r#"
name = "{name}"
[axes]
{axis}
"replicate" = {{ range = [0, {replicates}] }}
[problem]
kind = "factorization"
{dim}
rank = 2
[network]
depth = 2
[train]
engine = "full"
"#
    )
}

/// A billion steps: predicted at many minutes, never run here.
const LONG: &str = r#""train.steps" = [1000000000, 10]"#;

/// A width of a million: hundreds of gigabytes.
const LARGE: &str = r#""problem.dim" = [100000, 10]"#;

fn waiting(coordinator: &Coordinator, at: &Path, name: &str) -> Value {
    status(coordinator, at, name)["waiting"].clone()
}

/// Waits until a sweep waits for a reason, and returns it.
#[track_caller]
fn until_waiting(coordinator: &Coordinator, at: &Path, name: &str, reason: &str) -> Value {
    until(reason, || {
        waiting(coordinator, at, name)["reason"] == reason
    });
    waiting(coordinator, at, name)
}

#[test]
fn short_trials_run_though_long_ones_come_first() {
    let folder = folder_with("s.toml", &sweep("s", LONG, 5));
    let at = folder.path();
    let coordinator = Coordinator::start(at, "data");
    coordinator.call(at, &["submit", "s.toml"]).expect(0);
    let _worker = coordinator.worker_with(at, "brief", 2, |command| {
        command.args(["--time", "45s"]);
    });
    until("the short ones", || {
        count(&coordinator, at, "s", "completed") == 5
    });
    let why = until_waiting(&coordinator, at, "s", "nothing_fits");
    assert_eq!(
        (&why["trials"], &why["worker"]),
        (&5.into(), &"brief".into())
    );
    let seconds = |key: &str| why[key].as_f64().unwrap();
    assert!(
        seconds("needed_seconds") > seconds("given_seconds") && seconds("given_seconds") < 45.0,
        "{why}"
    );
    assert_eq!(why["needed_bytes"], Value::Null);
    let ended = coordinator.call(at, &["status", "s"]).expect(0);
    let words = "waiting: 5 trials fit no worker: trial 0 needs about ";
    assert!(ended.err.contains(words), "{}", ended.err);
    let list = coordinator.call(at, &["list"]).expect(0);
    assert!(list.out.contains("walltime"), "{}", list.out);
    coordinator.call(at, &["cancel", "s"]).expect(0);
    assert_eq!(waiting(&coordinator, at, "s"), Value::Null);
}

#[test]
fn a_trial_that_no_worker_holds_waits_and_the_others_run() {
    let folder = folder_with("s.toml", &sweep("s", LARGE, 3));
    let at = folder.path();
    let coordinator = Coordinator::start(at, "data");
    coordinator.call(at, &["submit", "s.toml"]).expect(0);
    let worker = coordinator.worker_with(at, "small", 2, |command| {
        command.args(["--memory", "1GB"]);
    });
    until("the small ones", || {
        count(&coordinator, at, "s", "completed") == 3
    });
    let why = until_waiting(&coordinator, at, "s", "nothing_fits");
    assert_eq!(why["given_bytes"], 1e9);
    assert!(why["needed_bytes"].as_f64().unwrap() > 1e11, "{why}");
    let words = why["text"].as_str().unwrap();
    assert!(
        words.contains("worker `small` has 1.0 GB for trials"),
        "{words}"
    );
    let workers = coordinator.call(at, &["workers", "--json"]).expect(0);
    assert!(
        workers.out.contains("\"memory_bytes\": 1000000000"),
        "{}",
        workers.out
    );
    assert_eq!(count(&coordinator, at, "s", "failed"), 0);
    drop(worker);
}

#[test]
fn a_local_run_fails_what_it_cannot_hold_and_runs_the_rest() {
    let folder = folder_with("s.toml", &sweep("s", LARGE, 2));
    let at = folder.path();
    // As a shell with a bound on its address space, and as asked for.
    for (out, limit, memory) in [("a", "ulimit -v 8000000; ", None), ("b", "", Some("1GB"))] {
        let mut words = vec!["run", "s.toml", "--threads", "2", "--out", out];
        words.extend(memory.into_iter().flat_map(|memory| ["--memory", memory]));
        let program = tests::process::program();
        let ran = Command::new("sh")
            .current_dir(at)
            .args(["-c", &format!("{limit}exec \"$0\" \"$@\"")])
            .arg(program)
            .args(&words)
            .output()
            .unwrap();
        let ended = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(3), "{ended}");
        let run = at.join(out);
        let rows = |sql: &str| number(&run, sql);
        let count = "SELECT count(*) FROM trials WHERE";
        assert_eq!(rows(&format!("{count} status = 'completed'")), 2.0);
        let failed = query(&run, "SELECT error FROM trials WHERE status = 'failed'");
        assert_eq!(failed.height(), 2);
        let error = &texts(&failed, "error")[0];
        assert!(
            error.contains("of memory, and this worker has") && error.contains("needs "),
            "{error}"
        );
    }
}

/// Peak of a process's own memory so far, in bytes.
fn peak(process: &Background) -> Option<u64> {
    let path = format!("/proc/{}/status", process.child.id());
    let status = std::fs::read_to_string(path).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes << 10)
}

#[test]
fn no_more_trials_run_at_once_than_memory_holds() {
    // 16 trials of some 35 MB on eight threads: together they would take 280 MB.
    let text = sweep("s", "", 16)
        .replace("dim = 10", "dim = 500")
        .replace("[train]", "[train]\nsteps = 2");
    let folder = folder_with("s.toml", &text);
    let at = folder.path();
    let planned = tests::process::run(at, &["plan", "s.toml", "--json"]).expect(0);
    let planned: Value = serde_json::from_str(&planned.out).unwrap();
    let bytes = planned["bytes"].as_f64().unwrap();
    assert!((25e6..50e6).contains(&bytes), "{bytes}");
    let mut command = command(at);
    command.args([
        "run",
        "s.toml",
        "--out",
        "r",
        "--threads",
        "8",
        "--memory",
        "110MB",
    ]);
    let mut process = Background::start(command);
    let mut most = 0;
    while process.child.try_wait().unwrap().is_none() {
        most = most.max(peak(&process).unwrap_or(0));
        std::thread::yield_now();
    }
    assert_eq!(process.wait(), Some(0));
    assert_eq!(number(&at.join("r"), "SELECT count(*) FROM trials"), 16.0);
    if most == 0 {
        eprintln!("SKIPPED: /proc does not report a process's peak");
        return;
    }
    // What the program itself takes comes on top: some 80 MB, and reports.
    assert!(most < 260_000_000, "{most}");
}

#[test]
fn status_says_why_nothing_runs() {
    let folder = folder_with("s.toml", &sweep("s", "", 4));
    let at = folder.path();
    let coordinator = Coordinator::start(at, "data");
    coordinator.call(at, &["submit", "s.toml"]).expect(0);
    let why = until_waiting(&coordinator, at, "s", "no_worker");
    assert_eq!(why["text"], "no worker is connected");
    assert_eq!(status(&coordinator, at, "s")["eta_seconds"], Value::Null);
    let list = coordinator.call(at, &["list"]).expect(0);
    assert!(list.out.contains("?  no worker"), "{}", list.out);
    // `watch` says so too.
    let talk = at.join("watch.log");
    let mut watch = command(at);
    watch.args(["watch", "s", "--coordinator", &coordinator.url]);
    logged(&mut watch, &talk);
    let mut watch = Background::talking(watch);
    until("watch's word", || {
        log(&talk).contains("s: waiting: no worker is connected")
    });
    coordinator.call(at, &["pause", "s"]).expect(0);
    until_waiting(&coordinator, at, "s", "paused");
    coordinator.call(at, &["resume", "s"]).expect(0);
    let _worker = coordinator.worker(at, "w", 1);
    until_finished(&coordinator, at, "s");
    assert_eq!(waiting(&coordinator, at, "s"), Value::Null);
    assert_eq!(watch.wait(), Some(0));
}

/// Programs of a batch system that print what the test wants, before all others on the path.
fn fake_slurm(at: &Path, sbatch: &str, squeue: &str) -> String {
    let bin = at.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    for (name, text) in [("sbatch", sbatch), ("squeue", squeue), ("scancel", "")] {
        let path = bin.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    format!("{}:{}", bin.display(), std::env::var("PATH").unwrap())
}

fn autoscaled(at: &Path, path: &str, more: &[&str]) -> Coordinator {
    let talk = at.join("coordinator.log");
    Coordinator::with(at, "data", "127.0.0.1:0", |command| {
        command.env("PATH", path);
        command.args(["--autoscale", "slurm", "--max-workers", "2"]);
        command.args(more);
        logged(command, &talk);
    })
}

#[test]
fn pilots_that_wait_or_are_refused_are_reported_with_the_batch_systems_reason() {
    let folder = folder_with("s.toml", &sweep("s", "", 4));
    let at = folder.path();
    // Refused from the start: no sweep is needed to know it.
    let refusal = "echo 'sbatch: error: invalid partition specified: nowhere' >&2; exit 1";
    let path = fake_slurm(at, refusal, "echo '{\"jobs\": []}'");
    let coordinator = autoscaled(at, &path, &["--", "--partition=nowhere"]);
    until("the warning", || {
        let ended = log(&at.join("coordinator.log"));
        ended.lines().any(|line| {
            line.starts_with("warning: ") && line.contains("invalid partition specified: nowhere")
        })
    });
    coordinator.call(at, &["submit", "s.toml"]).expect(0);
    let why = until_waiting(&coordinator, at, "s", "pilots_refused");
    let words = why["text"].as_str().unwrap();
    assert!(words.contains("invalid partition specified"), "{words}");
    drop(coordinator);
    // Queued: Slurm's reason is shown.
    let sbatch = "case \"$*\" in *--test-only*) ;; *) touch submitted; echo 77 ;; esac";
    let squeue = "[ -e submitted ] || { echo '{\"jobs\": []}'; exit; }\n\
         id=$(cat url)\n\
         echo \"{\\\"jobs\\\": [{\\\"job_id\\\": 77, \\\"name\\\": \\\"parsimony-worker\\\", \
         \\\"job_state\\\": \\\"PENDING\\\", \\\"state_reason\\\": \\\"AssocGrpCpuLimit\\\", \
         \\\"comment\\\": \\\"parsimony $id\\\", \\\"user_id\\\": 1}]}\"";
    let path = fake_slurm(at, sbatch, squeue);
    let coordinator = autoscaled(at, &path, &[]);
    std::fs::write(at.join("url"), &coordinator.url).unwrap();
    let why = until_waiting(&coordinator, at, "s", "pilots_queued");
    assert_eq!(why["batch_reason"], "AssocGrpCpuLimit");
    let list = coordinator.call(at, &["list"]).expect(0);
    assert!(
        list.out.contains("jobs queued: AssocGrpCpuLimit"),
        "{}",
        list.out
    );
}

#[test]
fn no_pilot_is_started_for_what_would_not_fit_it() {
    let text = sweep("s", LONG, 3).replace(", 10]", "]");
    let folder = folder_with("s.toml", &text);
    let at = folder.path();
    let sbatch = "case \"$*\" in *--test-only*) ;; *) touch submitted; echo 77 ;; esac";
    let path = fake_slurm(at, sbatch, "echo '{\"jobs\": []}'");
    // Less than what trials leave checkpoints after.
    let coordinator = autoscaled(at, &path, &["--pilot-time", "61s"]);
    coordinator.call(at, &["submit", "s.toml"]).expect(0);
    until("the warning", || {
        log(&at.join("coordinator.log")).contains("warning: 3 trials fit no worker")
    });
    let why = until_waiting(&coordinator, at, "s", "pilots_refused");
    assert!(
        why["text"]
            .as_str()
            .unwrap()
            .contains("more time or memory"),
        "{why}"
    );
    assert!(!at.join("submitted").exists());
}

#[test]
fn the_time_to_the_end_is_honest_after_a_restart() {
    const TRIALS: u64 = 60;
    const SLOW_MS: u64 = 100;
    let folder = folder_with("s.toml", &long("s", TRIALS, 10));
    let at = folder.path();
    let mut coordinator = Coordinator::start(at, "data");
    let listen = coordinator.url.trim_start_matches("http://").to_owned();
    coordinator.call(at, &["submit", "s.toml"]).expect(0);
    let _worker = coordinator.worker_with(at, "w", 1, |command| {
        command.env("PARSIMONY_FAULT_SLOW_MS", SLOW_MS.to_string());
    });
    until("some trials", || {
        count(&coordinator, at, "s", "completed") >= TRIALS / 4
    });
    coordinator.process.kill();
    let coordinator = Coordinator::with(at, "data", &listen, |_| {});
    until("an estimate", || {
        !status(&coordinator, at, "s")["eta_seconds"].is_null()
    });
    let ended = status(&coordinator, at, "s");
    if ended["state"] == "running" {
        let number = |key: &str| ended[key].as_f64().unwrap();
        let left = TRIALS as f64 - number("completed");
        // Of those that are done, some are not durable yet; a slow machine makes trials slower.
        let least = 0.3 * (left - 20.0) * SLOW_MS as f64 / 1e3;
        assert!(number("eta_seconds") >= least, "{ended}");
    }
    until_finished(&coordinator, at, "s");
    // Time stands still for what has ended, whatever else runs.
    let elapsed = status(&coordinator, at, "s")["elapsed_seconds"].clone();
    std::fs::write(at.join("t.toml"), long("t", 3, 10)).unwrap();
    coordinator.call(at, &["submit", "t.toml"]).expect(0);
    until_finished(&coordinator, at, "t");
    assert_eq!(state(&coordinator, at, "s"), "finished");
    assert_eq!(status(&coordinator, at, "s")["elapsed_seconds"], elapsed);
}
