//! Little room: few processes, a share of a node, readers that do not read. And `watch` for programs.

use std::process::{Command, Stdio};

use rpc::v1;
use rpc::v1::sweep_service_client::SweepServiceClient;
use serde_json::Value;
use tests::process::{Coordinator, command, copy_of_program, until};
use tonic::transport::Endpoint;

use crate::common::{until_finished, workers};
use crate::{SMALL, folder_with};

const TINY: &str =
    "name = \"tiny\"\n[axes]\nreplicate = [0, 1, 2]\n[problem]\ndim = 8\n[train]\nsteps = 50\n";

#[test]
fn a_run_on_one_thread_needs_few_processes_and_names_the_limit() {
    let folder = folder_with("tiny.toml", TINY);
    let at = folder.path();
    // Another account, whose processes are none: it must be able to start the program and to write.
    let copy = copy_of_program(at);
    std::fs::create_dir(at.join("runs")).unwrap();
    for (path, mode) in [(at, "755"), (&at.join("runs"), "777")] {
        let changed = Command::new("chmod").arg(mode).arg(path).status();
        assert!(changed.is_ok_and(|status| status.success()));
    }
    let limited = |limit: u32| {
        let mut command = Command::new("setpriv");
        command.current_dir(at).stdin(Stdio::null());
        let account = ["--reuid=64322", "--regid=64322", "--clear-groups"];
        command.args(account).arg("prlimit");
        command.arg(format!("--nproc={limit}")).arg(&copy);
        command.args(["run", "tiny.toml", "--threads", "1", "--out"]);
        command.arg(format!("runs/{limit}")).output().ok()
    };
    let first = limited(24);
    let Some(first) = first.filter(|output| !contains(&output.stderr, "setpriv")) else {
        eprintln!("SKIPPED: nobody else's processes can be started here");
        return;
    };
    let said = String::from_utf8_lossy(&first.stderr).into_owned();
    assert_eq!(first.status.code(), Some(0), "{said}");
    // Down to nothing: it runs, or says which limit to raise; it neither panics nor hangs.
    for limit in [16, 10, 8, 6, 4, 3, 2] {
        let output = limited(limit).unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code() {
            Some(0) => {}
            Some(1) => assert!(said.contains("`ulimit -u`"), "{limit}: {said}"),
            code => panic!("{limit}: {code:?} {said}"),
        }
        assert!(!said.contains("panicked"), "{limit}: {said}");
    }
}

fn contains(bytes: &[u8], word: &str) -> bool {
    String::from_utf8_lossy(bytes).contains(word)
}

#[test]
fn a_worker_in_a_batch_job_takes_the_threads_of_its_task() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let coordinator = Coordinator::start(at, "data");
    let start = |name: &str, variables: &[(&str, &str)]| {
        let mut command = command(at);
        command.args(["worker", "--coordinator", &coordinator.url, "--name", name]);
        command
            .env_remove("SLURM_JOB_ID")
            .env_remove("SLURM_CPUS_PER_TASK");
        command.envs(variables.iter().copied());
        tests::process::Background::start(command)
    };
    let _in_job = start(
        "job",
        &[("SLURM_JOB_ID", "7"), ("SLURM_CPUS_PER_TASK", "3")],
    );
    // Left over in a shell outside of any job.
    let _outside = start("shell", &[("SLURM_CPUS_PER_TASK", "4001")]);
    let mut seen = Vec::new();
    until("both workers", || {
        seen = workers(&coordinator, at);
        seen.len() == 2
    });
    let threads = |name: &str| {
        let worker = seen.iter().find(|worker| worker["name"] == name);
        worker.and_then(|worker| worker["threads"].as_u64())
    };
    assert_eq!(threads("job"), Some(3), "{seen:?}");
    assert!(
        threads("shell").is_some_and(|threads| threads < 4001),
        "{seen:?}"
    );
}

/// Memory that a process holds, in MB.
fn resident(coordinator: &Coordinator) -> u64 {
    let path = format!("/proc/{}/status", coordinator.process.child.id());
    let status = std::fs::read_to_string(path).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1000
}

#[test]
fn fetches_that_nobody_reads_cost_little_and_hold_up_nobody() {
    /// As many as were once seen to take 0.7 GB.
    const FETCHES: usize = 480;
    /// Of which 64 are sent at a time, each with up to a megabyte on its way.
    const MOST_MEGABYTES: u64 = 250;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    // 4 MB, which is far more than a connection's windows.
    ndarray_npy::write_npy(at.join("t.npy"), &ndarray::Array2::<f64>::eye(724)).unwrap();
    let sweep = "name = \"large\"\n[problem]\ntarget = { file = \"t.npy\" }\n[network]\nwidth = 1\n\
                 [train]\nsteps = 1\nengine = \"full\"\n[measure]\nmetrics = [\"train_loss\"]\n";
    std::fs::write(at.join("large.toml"), sweep).unwrap();
    let coordinator = Coordinator::start(at, "data");
    let _worker = coordinator.worker(at, "w", 1);
    coordinator.call(at, &["submit", "large.toml"]).expect(0);
    until_finished(&coordinator, at, "large");
    let before = resident(&coordinator);

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = coordinator.url.clone();
    let unread = runtime.block_on(async {
        let mut unread = Vec::new();
        for _ in 0..FETCHES / 60 {
            // HTTP/2's own smallest windows: what is not read stays with the coordinator.
            let endpoint = Endpoint::from_shared(url.clone()).unwrap();
            let endpoint = endpoint.initial_stream_window_size(65_535);
            let endpoint = endpoint.initial_connection_window_size(65_535);
            let client = SweepServiceClient::new(endpoint.connect().await.unwrap());
            for _ in 0..60 {
                let name = "large".to_owned();
                let answer = client.clone().fetch(v1::FetchRequest { name }).await;
                unread.push(answer.unwrap().into_inner());
            }
        }
        unread
    });
    assert_eq!(unread.len(), FETCHES);
    // Others are answered, and by then what can be read ahead has been.
    for _ in 0..20 {
        coordinator.call(at, &["list"]).expect(0);
    }
    let more = resident(&coordinator).saturating_sub(before);
    assert!(more < MOST_MEGABYTES, "{more} MB for {FETCHES} fetches");
    // Whoever reads gets everything once the others have gone.
    runtime.block_on(async move { drop(unread) });
    coordinator
        .call(at, &["fetch", "large", "--out", "copy"])
        .expect(0);
    assert!(at.join("copy/sweep.toml").is_file());
}

#[test]
fn watch_prints_a_line_of_json_for_each_change() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let coordinator = Coordinator::start(at, "data");
    coordinator.call(at, &["submit", "small.toml"]).expect(0);
    let mut watching = command(at);
    watching.args([
        "watch",
        "small",
        "--json",
        "--coordinator",
        &coordinator.url,
    ]);
    let watching = watching
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _worker = coordinator.worker_with(at, "w", 1, |command| {
        command.env("PARSIMONY_FAULT_SLOW_MS", "20");
    });
    until_finished(&coordinator, at, "small");
    let output = watching.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let lines: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(lines.len() >= 2, "{lines:?}");
    assert!(lines.windows(2).all(|pair| pair[0] != pair[1]));
    let asked = coordinator
        .call(at, &["status", "small", "--json"])
        .expect(0);
    let asked: Value = serde_json::from_str(&asked.out).unwrap();
    let keys =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert!(lines.iter().all(|line| keys(line) == keys(&asked)));
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["state"], &last["completed"]),
        (&asked["state"], &asked["completed"])
    );
    assert_eq!(last["state"], "finished");
    // A sweep that has ended is one line.
    let ended = coordinator
        .call(at, &["watch", "small", "--json"])
        .expect(0);
    assert_eq!(ended.out.lines().count(), 1, "{}", ended.out);
}
