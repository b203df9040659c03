//! What users of sweep tools complain of, and what was once wrong here: each would fail again if it came back.

use std::path::Path;

use tests::process::{Coordinator, run, until};
use tests::tables::{assert_equal, number};
use tonic_reflection::pb::{v1, v1alpha};

use crate::common::{count, log, logged, rows, state};
use crate::disk::SmallDisk;
use crate::{SMALL, folder_with};

fn submitted(at: &Path, coordinator: &Coordinator) {
    coordinator.call(at, &["submit", "small.toml"]).expect(0);
}

#[test]
fn a_cancelled_sweep_that_grows_runs_to_its_end() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let coordinator = Coordinator::start(at, "data");
    submitted(at, &coordinator);
    coordinator.call(at, &["cancel", "small"]).expect(0);
    let grown = SMALL.replace("range = [0, 4]", "range = [0, 5]");
    std::fs::write(at.join("small.toml"), grown).unwrap();
    submitted(at, &coordinator);
    assert_eq!(state(&coordinator, at, "small"), "running");
    let _worker = coordinator.worker(at, "w", 2);
    coordinator.call(at, &["watch", "small"]).expect(0);
    assert_eq!(state(&coordinator, at, "small"), "finished");
    run(at, &["run", "small.toml", "--out", "local"]).expect(0);
    assert_equal_by_id(&at.join("local"), &at.join("data/small"));
}

/// Numbers differ where one folder grew and the other did not; ids do not.
fn assert_equal_by_id(one: &Path, other: &Path) {
    let ids = "SELECT count(DISTINCT id) AS n FROM trials";
    let sum = "SELECT sum(train_loss) AS n FROM trials";
    for sql in [
        ids,
        "SELECT count(*) AS n FROM trials",
        "SELECT sum(steps) AS n FROM trials",
    ] {
        assert_eq!(number(one, sql), number(other, sql), "{sql}");
    }
    // The order of rows is not the same, and sums round.
    let (a, b) = (number(one, sum), number(other, sum));
    assert!((a - b).abs() <= 1e-12 * a.abs(), "{a} and {b}");
}

/// A change that was confirmed is durable: a coordinator that dies the moment after knows of it.
#[test]
fn an_answered_pause_or_cancel_outlives_the_coordinator() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let mut coordinator = Coordinator::start(at, "data");
    submitted(at, &coordinator);
    for (word, wanted) in [
        ("pause", "paused"),
        ("resume", "running"),
        ("cancel", "cancelled"),
        ("resume", "running"),
        ("pause", "paused"),
    ] {
        coordinator.call(at, &[word, "small"]).expect(0);
        coordinator.process.kill();
        coordinator = Coordinator::start(at, "data");
        assert_eq!(state(&coordinator, at, "small"), wanted, "after {word}");
    }
}

/// Nobody waits for a worker to submit, and nobody is surprised by what a quiet log does not say.
#[test]
fn a_submit_returns_before_anything_runs_and_each_lease_is_a_line() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let talk = at.join("log");
    let coordinator = Coordinator::with(at, "data", "127.0.0.1:0", |command| {
        command.env("RUST_LOG", "info");
        logged(command, &talk);
    });
    let output = coordinator.call(at, &["submit", "small.toml"]).expect(0);
    assert_eq!(output.out, "small\n");
    assert_eq!(count(&coordinator, at, "small", "completed"), 0);
    let _worker = coordinator.worker(at, "w", 2);
    coordinator.call(at, &["watch", "small"]).expect(0);
    let page = log(&talk);
    let lines: Vec<_> = page
        .lines()
        .filter(|line| line.contains(" lease "))
        .collect();
    assert!(!lines.is_empty(), "{page}");
    for line in &lines {
        let words = ["INFO", "worker=", "lease=", "sweep=small", "trials="];
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
    }
    // Together they hold every trial once: nobody was lost, so nothing was granted twice.
    let trials = lines.iter().map(|line| {
        let (_, rest) = line.split_once("trials=").unwrap();
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u64>().unwrap()
    });
    assert!(trials.sum::<u64>() >= 72, "{page}");
}

/// A thousand workers are a thousand connections, and many systems begin with as many files.
#[test]
fn the_services_may_open_as_many_files_as_the_system_allows() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let mut shell = std::process::Command::new("sh");
    shell.current_dir(at).args([
        "-c",
        "ulimit -Sn 64; exec \"$0\" coordinator --listen 127.0.0.1:0 --data data",
    ]);
    shell.arg(tests::process::program());
    let coordinator = Coordinator::of(shell);
    let limits = format!("/proc/{}/limits", coordinator.process.child.id());
    let Ok(limits) = std::fs::read_to_string(limits) else {
        eprintln!("SKIPPED: this machine does not report a process's limits");
        return;
    };
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let numbers: Vec<u64> = line
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    assert!(numbers.len() == 2 && numbers[0] == numbers[1], "{limits}");
    assert!(numbers[0] > 64, "{limits}");
}

/// It was cancelled with every row there: to resume it is to finish it, and not to run for ever.
#[test]
fn a_sweep_cancelled_with_nothing_left_finishes_when_resumed() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    run(at, &["run", "small.toml", "--out", "data/small"]).expect(0);
    let mut coordinator = Coordinator::start(at, "data");
    let grown = SMALL.replace("range = [0, 4]", "range = [0, 5]");
    std::fs::write(at.join("grown.toml"), grown).unwrap();
    coordinator.call(at, &["submit", "grown.toml"]).expect(0);
    coordinator.call(at, &["pause", "small"]).expect(0);
    let worker = coordinator.worker(at, "w", 2);
    coordinator.call(at, &["resume", "small"]).expect(0);
    until("the last rows", || rows(&at.join("data/small")) == 90);
    // Finished or about to be: where a cancel comes in time, it must be possible to take it back.
    coordinator.call(at, &["cancel", "small"]);
    drop(worker);
    coordinator.process.kill();
    let coordinator = Coordinator::start(at, "data");
    coordinator.call(at, &["resume", "small"]);
    coordinator.call(at, &["watch", "small"]).expect(0);
}

/// A result lost in a sync: a fetch never writes into a run of this machine, nor over another sweep's tables, and
/// leaves alone what it did not bring.
#[test]
fn a_fetch_touches_nothing_that_it_did_not_bring() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    run(at, &["run", "small.toml", "--out", "mine"]).expect(0);
    let coordinator = Coordinator::start(at, "data");
    submitted(at, &coordinator);
    let _worker = coordinator.worker(at, "w", 2);
    coordinator.call(at, &["watch", "small"]).expect(0);
    let refused = coordinator
        .call(at, &["fetch", "small", "--out", "mine"])
        .expect(2);
    assert!(
        refused.err.contains("choose another folder"),
        "{}",
        refused.err
    );
    assert_eq!(rows(&at.join("mine")), 72);

    coordinator
        .call(at, &["fetch", "small", "--out", "here"])
        .expect(0);
    std::fs::write(at.join("here/trials/notes.txt"), "mine").unwrap();
    coordinator
        .call(at, &["fetch", "small", "--out", "here"])
        .expect(0);
    assert!(at.join("here/trials/notes.txt").exists());
    assert_equal(&at.join("mine"), &at.join("here"));

    let other = SMALL.replace("name = \"small\"", "name = \"other\"");
    std::fs::write(at.join("other.toml"), other).unwrap();
    coordinator.call(at, &["submit", "other.toml"]).expect(0);
    let refused = coordinator
        .call(at, &["fetch", "other", "--out", "here"])
        .expect(2);
    assert!(refused.err.contains("`small`"), "{}", refused.err);
    assert_eq!(rows(&at.join("here")), 72);
}

#[test]
fn a_service_whose_disk_was_full_goes_on_when_resumed() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let place = at.join("disk");
    let Some(disk) = SmallDisk::mount(&place, 400) else {
        eprintln!("SKIPPED: this machine does not let the test mount a small file system");
        return;
    };
    let text = SMALL
        .replace("every = 20", "every = 1")
        .replace("steps = 60", "steps = 300");
    std::fs::write(at.join("small.toml"), text).unwrap();
    let coordinator = Coordinator::start(at, "disk");
    submitted(at, &coordinator);
    let _worker = coordinator.worker(at, "w", 2);
    let output = coordinator.call(at, &["watch", "small"]);
    assert_ne!(output.code, Some(0));
    assert_eq!(state(&coordinator, at, "small"), "stopped");
    // Tables can be fetched all the same.
    coordinator
        .call(at, &["fetch", "small", "--out", "half"])
        .expect(0);
    assert!(disk.resize(400_000));
    coordinator.call(at, &["resume", "small"]).expect(0);
    coordinator.call(at, &["watch", "small"]).expect(0);
    assert_eq!(count(&coordinator, at, "small", "completed"), 72);
    run(at, &["run", "small.toml", "--out", "local"]).expect(0);
    assert_equal(&at.join("local"), &place.join("small"));
}

/// Any gRPC tool can look in: both versions of reflection name the services, and health says that they serve.
#[test]
fn health_and_reflection_answer() {
    let folder = folder_with("small.toml", SMALL);
    let coordinator = Coordinator::start(folder.path(), "data");
    let url = coordinator.url.clone();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let endpoint = tonic::transport::Endpoint::from_shared(url).unwrap();
        let channel = endpoint.connect().await.unwrap();
        let services = ["parsimony.v1.SweepService", "parsimony.v1.WorkerService"];
        let mut health = tonic_health::pb::health_client::HealthClient::new(channel.clone());
        for service in services {
            let request = tonic_health::pb::HealthCheckRequest {
                service: service.to_owned(),
            };
            let answer = health.check(request).await.unwrap().into_inner();
            assert_eq!(
                answer.status(),
                tonic_health::pb::health_check_response::ServingStatus::Serving
            );
        }

        let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel.clone());
        let request = v1::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(
                String::new(),
            )),
        };
        let answers = client
            .server_reflection_info(tokio_stream::once(request))
            .await
            .unwrap();
        let answer = answers.into_inner().message().await.unwrap().unwrap();
        let Some(v1::server_reflection_response::MessageResponse::ListServicesResponse(list)) =
            answer.message_response
        else {
            panic!("no list");
        };
        let named: Vec<&str> = list.service.iter().map(|s| s.name.as_str()).collect();
        assert!(
            services.iter().all(|service| named.contains(service)),
            "{named:?}"
        );

        let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
        let request = v1alpha::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(
                v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
                    services[0].to_owned(),
                ),
            ),
        };
        let answers = client
            .server_reflection_info(tokio_stream::once(request))
            .await
            .unwrap();
        let answer = answers.into_inner().message().await.unwrap().unwrap();
        let Some(v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(
            files,
        )) = answer.message_response
        else {
            panic!("no description");
        };
        assert!(!files.file_descriptor_proto.is_empty());
    });
}
