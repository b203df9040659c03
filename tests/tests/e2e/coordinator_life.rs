//! A coordinator that lives long: sweeps that come and go cost nothing when they are done, folders that vanish or do
//! not open are reported, and few descriptors are enough.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rpc::v1;
use rpc::v1::sweep_service_client::SweepServiceClient;
use rpc::v1::worker_service_client::WorkerServiceClient;
use serde_json::Value;
use tests::process::{Coordinator, command, program, until};
use tests::tables::number;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};

use crate::common::{
    count, log, logged, long, rows, state, status, steps_for, until_finished, until_leased,
};
use crate::{SMALL, folder_with};

/// A sweep of a few trials that take no time.
fn tiny(name: &str, trials: u64) -> String {
    long(name, trials, 5)
}

fn write(at: &Path, name: &str, text: &str) -> String {
    let file = format!("{name}.toml");
    std::fs::write(at.join(&file), text).unwrap();
    file
}

fn submit(coordinator: &Coordinator, at: &Path, name: &str, text: &str) -> String {
    let file = write(at, name, text);
    coordinator.call(at, &["submit", &file]).expect(0).err
}

/// Statuses of all sweeps.
#[track_caller]
fn list(coordinator: &Coordinator, at: &Path) -> Vec<Value> {
    let ended = coordinator.call(at, &["list", "--json"]).expect(0);
    let list: Value = serde_json::from_str(&ended.out).unwrap();
    list.as_array().unwrap().clone()
}

fn all_finished(coordinator: &Coordinator, at: &Path, sweeps: usize) -> bool {
    let list = list(coordinator, at);
    list.len() == sweeps && list.iter().all(|sweep| sweep["state"] == "finished")
}

/// Entries of a folder of the kernel's about a process.
fn entries(coordinator: &Coordinator, folder: &str) -> usize {
    let id = coordinator.process.child.id();
    std::fs::read_dir(format!("/proc/{id}/{folder}")).map_or(0, |entries| entries.count())
}

/// Files below a folder that the coordinator has open.
fn open_below(coordinator: &Coordinator, folder: &Path) -> usize {
    let id = coordinator.process.child.id();
    let entries = std::fs::read_dir(format!("/proc/{id}/fd")).unwrap();
    let paths = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    let real = std::fs::canonicalize(folder).unwrap();
    paths.filter(|path| path.starts_with(&real)).count()
}

/// A coordinator that may open so few files.
fn with_files(at: &Path, files: u32, talk: &Path) -> Coordinator {
    let mut command = Command::new("sh");
    command.current_dir(at);
    command.args(["-c", &format!("ulimit -n {files} && exec \"$@\""), "sh"]);
    command.arg(program());
    command.args(["coordinator", "--listen", "127.0.0.1:0", "--data", "data"]);
    logged(&mut command, talk);
    Coordinator::of(command)
}

async fn channel(url: &str) -> Channel {
    let endpoint = Endpoint::from_shared(url.to_owned()).unwrap();
    endpoint.connect().await.unwrap()
}

/// A runtime of one thread.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn sweeps_that_are_done_cost_neither_threads_nor_descriptors_and_wake_up() {
    let folder = folder_with("none.toml", "");
    let at = folder.path();
    let coordinator = Coordinator::start(at, "data");
    let _worker = coordinator.worker(at, "w", 2);
    let data = at.join("data");
    let many = |from: usize, to: usize| {
        for k in from..to {
            submit(
                &coordinator,
                at,
                &format!("s{k}"),
                &tiny(&format!("s{k}"), 2),
            );
        }
        until("the end of all", || all_finished(&coordinator, at, to));
        // The lock of the data folder alone.
        until("rest", || open_below(&coordinator, &data) <= 1);
    };
    many(0, 10);
    let (threads, files) = (entries(&coordinator, "task"), entries(&coordinator, "fd"));
    many(10, 40);
    let more = |folder, before: usize| entries(&coordinator, folder).saturating_sub(before);
    assert!(
        more("task", threads) <= 8,
        "threads of sweeps that are done"
    );
    assert!(more("fd", files) <= 8, "files of sweeps that are done");
    // What is at rest is shown, fetched, grown and continued.
    let shown = status(&coordinator, at, "s7");
    assert_eq!(
        (shown["completed"].as_u64(), shown["trials"].as_u64()),
        (Some(2), Some(2))
    );
    let paused = coordinator.call(at, &["pause", "s7"]).expect(2);
    assert!(paused.err.contains("it has finished"), "{}", paused.err);
    coordinator
        .call(at, &["fetch", "s7", "--out", "here"])
        .expect(0);
    assert_eq!(rows(&at.join("here")), 2);
    let ended = submit(&coordinator, at, "s7", &tiny("s7", 2));
    assert!(ended.contains("continued"), "{ended}");
    let ended = submit(&coordinator, at, "s7", &tiny("s7", 5));
    assert!(ended.contains("grown"), "{ended}");
    until("the grown sweep", || {
        state(&coordinator, at, "s7") == "finished"
            && count(&coordinator, at, "s7", "completed") == 5
    });
    until("rest", || open_below(&coordinator, &data) <= 1);
    assert_eq!(rows(&data.join("s7")), 5);
}

#[test]
fn a_cancelled_sweep_rests_and_is_taken_up_again() {
    let folder = folder_with("none.toml", "");
    let at = folder.path();
    let coordinator = Coordinator::start(at, "data");
    submit(&coordinator, at, "s", &tiny("s", 6));
    let ended = coordinator.call(at, &["pause", "s"]).expect(0);
    assert!(ended.err.contains("s: paused"), "{}", ended.err);
    coordinator.call(at, &["cancel", "s"]).expect(0);
    until("rest", || open_below(&coordinator, &at.join("data")) <= 1);
    assert_eq!(state(&coordinator, at, "s"), "cancelled");
    coordinator.call(at, &["resume", "s"]).expect(0);
    let _worker = coordinator.worker(at, "w", 1);
    until_finished(&coordinator, at, "s");
    assert_eq!(rows(&at.join("data/s")), 6);
}

#[test]
fn few_descriptors_are_enough_for_many_sweeps_and_many_connections() {
    let folder = folder_with("none.toml", "");
    let at = folder.path();
    let talk = at.join("talk");
    let coordinator = with_files(at, 64, &talk);
    let _worker = coordinator.worker(at, "w", 1);
    for k in 0..40 {
        let name = format!("s{k}");
        let ended = submit(&coordinator, at, &name, &tiny(&name, 1));
        assert!(ended.contains("new"), "{ended}");
        if k % 5 == 4 {
            until("the end of all", || all_finished(&coordinator, at, k + 1));
        }
    }
    submit(&coordinator, at, "slow", &tiny("slow", 40));
    // Strangers that say nothing, and workers that want nothing: more than there are descriptors.
    let address = coordinator.url.strip_prefix("http://").unwrap();
    let strangers: Vec<_> = (0..60)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let runtime = runtime();
    let sessions = runtime.block_on(async {
        let mut sessions = Vec::new();
        for k in 0..40 {
            let register = v1::Register {
                protocol_version: rpc::PROTOCOL_VERSION,
                name: format!("session-{k}"),
                host: "here".to_owned(),
                threads: 1,
                isa: "none".to_owned(),
                program_version: "0".to_owned(),
                instance: 1000 + k,
                schema_fingerprint: table::schema_fingerprint(),
                ..v1::Register::default()
            };
            let (say, requests) = tokio::sync::mpsc::channel(4);
            let message = Some(v1::session_request::Message::Register(register));
            say.send(v1::SessionRequest { message }).await.unwrap();
            let endpoint = Endpoint::from_shared(coordinator.url.clone()).unwrap();
            let Ok(channel) = endpoint.connect().await else {
                continue;
            };
            let mut client = WorkerServiceClient::new(channel);
            let session = client.session(ReceiverStream::new(requests));
            match tokio::time::timeout(Duration::from_secs(20), session).await {
                Ok(Ok(stream)) => sessions.push((say, stream)),
                Ok(Err(status)) => {
                    assert_eq!(status.code(), tonic::Code::Unavailable, "{status}");
                }
                Err(late) => panic!("{late}"),
            }
        }
        sessions
    });
    assert!(sessions.len() < 40, "every worker was let in");
    assert_eq!(list(&coordinator, at).len(), 41);
    drop((strangers, sessions));
    until_finished(&coordinator, at, "slow");
    let talk = log(&talk);
    assert!(
        talk.len() < 20_000,
        "{} bytes of log:\n{}",
        talk.len(),
        &talk[..2000]
    );
}

#[test]
fn a_folder_that_is_removed_by_hand_is_noticed() {
    let folder = folder_with("none.toml", "");
    let at = folder.path();
    let coordinator = Coordinator::start(at, "data");
    let _worker = coordinator.worker(at, "w", 1);
    submit(&coordinator, at, "done", &tiny("done", 3));
    until_finished(&coordinator, at, "done");
    std::fs::remove_dir_all(at.join("data/done")).unwrap();
    let shown = status(&coordinator, at, "done");
    assert_eq!(shown["state"], "gone", "{shown}");
    assert!(
        shown["problem"]
            .as_str()
            .unwrap()
            .contains("data/done is gone"),
        "{shown}"
    );
    assert_eq!(list(&coordinator, at)[0]["state"], "gone");
    let refused = coordinator
        .call(at, &["fetch", "done", "--out", "here"])
        .expect(2);
    assert!(refused.err.contains("is gone"), "{}", refused.err);
    let ended = submit(&coordinator, at, "done", &tiny("done", 3));
    assert!(ended.contains("new"), "{ended}");
    until_finished(&coordinator, at, "done");
    assert_eq!(rows(&at.join("data/done")), 3);
}

#[test]
fn a_running_sweep_whose_folder_goes_stops_and_starts_afresh_or_goes_on() {
    let folder = folder_with("none.toml", "");
    let at = folder.path();
    let coordinator = Coordinator::start(at, "data");
    let _worker = coordinator.worker(at, "w", 1);
    let text = long("s", 60, steps_for(0.05));
    submit(&coordinator, at, "s", &text);
    until("rows", || rows(&at.join("data/s")) > 0);
    // Moved away and back, it goes on.
    std::fs::rename(at.join("data/s"), at.join("aside")).unwrap();
    until("the loss to be noticed", || {
        state(&coordinator, at, "s") == "gone"
    });
    let refused = coordinator.call(at, &["resume", "s"]).expect(2);
    assert!(refused.err.contains("is gone"), "{}", refused.err);
    std::fs::rename(at.join("aside"), at.join("data/s")).unwrap();
    coordinator.call(at, &["resume", "s"]).expect(0);
    let before = rows(&at.join("data/s"));
    until("more rows", || rows(&at.join("data/s")) > before);
    std::fs::remove_dir_all(at.join("data/s")).unwrap();
    until("the loss to be noticed", || {
        state(&coordinator, at, "s") == "gone"
    });
    let ended = submit(&coordinator, at, "s", &text);
    assert!(ended.contains("new"), "{ended}");
    until_finished(&coordinator, at, "s");
    let run = at.join("data/s");
    assert_eq!(
        number(&run, "SELECT count(DISTINCT trial) FROM trials") as u64,
        60
    );
    assert_eq!(rows(&run), 60);
}

#[test]
fn a_sweep_is_removed_with_its_folder_for_good() {
    let folder = folder_with("none.toml", "");
    let at = folder.path();
    let mut coordinator = Coordinator::start(at, "data");
    let mut worker = coordinator.worker(at, "w", 1);
    submit(&coordinator, at, "done", &tiny("done", 2));
    until_finished(&coordinator, at, "done");
    submit(&coordinator, at, "slow", &long("slow", 500, steps_for(0.5)));
    until_leased(&coordinator, at, "slow");
    // Nobody can be asked here.
    let refused = coordinator.call(at, &["remove", "slow"]).expect(2);
    assert!(refused.err.contains("--yes"), "{}", refused.err);
    assert!(at.join("data/slow").exists());
    for name in ["slow", "done"] {
        let ended = coordinator.call(at, &["remove", name, "--yes"]).expect(0);
        assert!(ended.err.contains("removed"), "{}", ended.err);
        assert!(!at.join("data").join(name).exists());
        coordinator.call(at, &["remove", name, "--yes"]).expect(2);
    }
    assert!(list(&coordinator, at).is_empty());
    // A worker that had trials of it leaves in order.
    worker.signal("TERM");
    assert_eq!(worker.wait(), Some(0));
    coordinator.process.kill();
    let coordinator = Coordinator::start(at, "data");
    assert!(list(&coordinator, at).is_empty());
    let ended = submit(&coordinator, at, "done", &tiny("done", 2));
    assert!(ended.contains("new"), "{ended}");
}

/// A run folder that the coordinator's start finds.
fn copy_run(from: &Path, to: PathBuf) -> PathBuf {
    let copied = Command::new("cp").arg("-r").arg(from).arg(&to).status();
    assert!(copied.unwrap().success());
    to
}

#[test]
fn folders_that_do_not_open_are_reported_and_leave_the_others_alone() {
    let folder = folder_with("none.toml", "");
    let at = folder.path();
    let mut coordinator = Coordinator::start(at, "data");
    let worker = coordinator.worker(at, "w", 1);
    for name in ["m", "n"] {
        submit(&coordinator, at, name, &tiny(name, 3));
        until_finished(&coordinator, at, name);
    }
    drop(worker);
    until("rest", || open_below(&coordinator, &at.join("data")) <= 1);
    coordinator.process.kill();
    let data = at.join("data");
    // One that waits for ever on its disk, and one whose journal is of another program.
    let stuck = copy_run(&data.join("m"), data.join("a-stuck"));
    std::fs::remove_file(stuck.join(".lock")).unwrap();
    let made = Command::new("mkfifo").arg(stuck.join(".lock")).status();
    assert!(made.unwrap().success());
    let broken = copy_run(&data.join("m"), data.join("b-broken"));
    std::fs::remove_dir_all(broken.join("trials")).unwrap();
    std::fs::write(
        broken.join("journal.sqlite"),
        "no journal at all, and no parts to make one from",
    )
    .unwrap();
    let begun = Instant::now();
    let mut coordinator = Coordinator::start(at, "data");
    assert_eq!(state(&coordinator, at, "n"), "finished");
    let ended = coordinator.call(at, &["pause", "b-broken"]).expect(2);
    assert!(ended.err.contains("b-broken"), "{}", ended.err);
    until("the others", || {
        let list = list(&coordinator, at);
        let is = |name: &str, state: &str| {
            list.iter()
                .any(|sweep| sweep["name"] == name && sweep["state"] == state)
        };
        is("m", "finished")
            && is("n", "finished")
            && is("b-broken", "unopened")
            && is("a-stuck", "opening")
    });
    assert!(begun.elapsed() < Duration::from_secs(60));
    let shown = status(&coordinator, at, "b-broken");
    assert!(!shown["problem"].is_null(), "{shown}");
    // It is mended by hand and opens at the next request.
    std::fs::remove_dir_all(&broken).unwrap();
    copy_run(&data.join("n"), data.join("b-broken"));
    coordinator
        .call(at, &["fetch", "b-broken", "--out", "here"])
        .expect(0);
    let ended = submit(&coordinator, at, "m", &tiny("m", 4));
    assert!(ended.contains("grown"), "{ended}");
    coordinator.process.signal("TERM");
    assert_eq!(coordinator.process.wait(), Some(0));
}

#[test]
fn a_priority_given_later_takes_effect_and_stays() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let mut coordinator = Coordinator::start(at, "data");
    let name = "n".repeat(128);
    submit(&coordinator, at, &name, &tiny(&name, 3));
    let file = format!("{name}.toml");
    let priority = |coordinator: &Coordinator| status(coordinator, at, &name)["priority"].as_i64();
    assert_eq!(priority(&coordinator), Some(0));
    let words = ["submit", &file, "--priority", "7"];
    let ended = coordinator.call(at, &words).expect(0);
    assert!(
        ended.err.contains("continued") && ended.err.contains("priority: 7"),
        "{}",
        ended.err
    );
    assert_eq!(priority(&coordinator), Some(7));
    // Without one it stays.
    coordinator.call(at, &["submit", &file]).expect(0);
    assert_eq!(priority(&coordinator), Some(7));
    coordinator.process.kill();
    let coordinator = Coordinator::start(at, "data");
    assert_eq!(priority(&coordinator), Some(7));
    let words = ["submit", &file, "--priority", "0", "--json"];
    let ended = coordinator.call(at, &words).expect(0);
    assert!(
        ended.out.contains("\"priority\": 0") || ended.out.contains("\"priority\":0"),
        "{}",
        ended.out
    );
    assert_eq!(priority(&coordinator), Some(0));
}

#[test]
fn a_client_that_leaves_in_the_middle_of_a_growth_hinders_nobody() {
    let folder = folder_with("none.toml", "");
    let at = folder.path();
    let coordinator = Coordinator::start(at, "data");
    submit(&coordinator, at, "s", &tiny("s", 1));
    let runtime = runtime();
    runtime.block_on(async {
        for k in 2..42 {
            let file = write(at, "s", &tiny("s", k));
            let text = std::fs::read_to_string(at.join(file)).unwrap();
            let spec = sweep::Spec::parse(&text, "s.toml", &[]).unwrap();
            let request = v1::SubmitRequest {
                toml: spec.to_toml(),
                files: Vec::new(),
                priority: None,
            };
            let mut leaves = SweepServiceClient::new(channel(&coordinator.url).await);
            let call = leaves.submit(request.clone());
            // Each leaves a little later than the one before.
            let _ = tokio::time::timeout(Duration::from_micros(250 * k), call).await;
            drop(leaves);
            let mut stays = SweepServiceClient::new(channel(&coordinator.url).await);
            let answer = stays.submit(request).await.unwrap().into_inner();
            assert_eq!(answer.trials, k);
        }
    });
}

#[test]
fn a_second_coordinator_says_nothing_of_listening() {
    let folder = folder_with("none.toml", "");
    let at = folder.path();
    let _first = Coordinator::start(at, "data");
    let mut second = command(at);
    second.args(["coordinator", "--listen", "127.0.0.1:0", "--data", "data"]);
    let output = second.output().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(!output.status.success() && out.is_empty(), "{out}");
    assert!(err.contains("another coordinator uses"), "{err}");
}
