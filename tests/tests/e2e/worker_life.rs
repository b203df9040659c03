//! A worker outlives what goes wrong around one sweep, one file or one connection, and ends at once where no
//! waiting helps.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tests::process::{Background, Coordinator, command, run, until};
use tests::tables::number;

use crate::common::{
    count, log, logged, long, rows, state, status, steps_for, until_finished, until_leased, workers,
};
use crate::{SMALL, folder_with};

/// A sweep that reads a file.
fn reader(name: &str, file: &str) -> String {
    format!(
        r#"
name = "{name}"

[axes]
"replicate" = {{ range = [0, 6] }}

[problem]
kind = "classification"
inputs = {{ file = "{file}", columns = "0..2" }}
labels = {{ file = "{file}", columns = "2..3" }}

[network]
depth = 2
width = 4

[train]
steps = 20
"#
    )
}

/// A CSV file of so many samples of two classes.
fn samples(rows: u32) -> String {
    (0..rows)
        .map(|k| format!("{}.5,{}.25,{}\n", k % 7, k % 5, k % 2))
        .collect()
}

/// A folder with the sweep `reads`, which reads `x.csv`, and the sweep `small`, which reads nothing.
fn home() -> tempfile::TempDir {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    std::fs::write(at.join("reads.toml"), reader("reads", "x.csv")).unwrap();
    std::fs::write(at.join("x.csv"), samples(20)).unwrap();
    folder
}

/// The one file that a sweep keeps.
fn stored(at: &Path, sweep: &str) -> PathBuf {
    let mut files = std::fs::read_dir(at.join("data").join(sweep).join("files")).unwrap();
    files.next().expect("a stored file").unwrap().path()
}

fn submit_both(coordinator: &Coordinator, at: &Path) {
    let words = ["submit", "reads.toml", "--priority", "5"];
    coordinator.call(at, &words).expect(0);
    coordinator.call(at, &["submit", "small.toml"]).expect(0);
}

/// Entries of a folder for temporary files.
fn entries(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

fn is_running(worker: &mut Background) -> bool {
    worker.child.try_wait().unwrap().is_none()
}

#[test]
fn a_stored_file_that_changed_stops_its_sweep_alone() {
    type Damage = fn(&Path);
    let damages: [Damage; 3] = [
        |file| std::fs::remove_file(file).unwrap(),
        |file| std::fs::write(file, "1.5,2.5").unwrap(),
        |file| std::fs::write(file, samples(21)).unwrap(),
    ];
    for damage in damages {
        let folder = home();
        let at = folder.path();
        let coordinator = Coordinator::start(at, "data");
        submit_both(&coordinator, at);
        let file = stored(at, "reads");
        let whole = std::fs::read(&file).unwrap();
        damage(&file);
        let mut first = coordinator.worker(at, "first", 1);
        let mut second = coordinator.worker(at, "second", 1);
        until_finished(&coordinator, at, "small");
        until("the stop", || state(&coordinator, at, "reads") == "stopped");
        let printed = status(&coordinator, at, "reads");
        let problem = printed["problem"].as_str().unwrap_or_default();
        let path = file.display().to_string();
        assert!(
            problem.contains(&path) && problem.contains("submit the sweep again"),
            "{problem}"
        );
        assert!(is_running(&mut first) && is_running(&mut second));
        // A second try changes nothing, and the file put back everything.
        coordinator.call(at, &["resume", "reads"]).expect(0);
        until("the second stop", || {
            state(&coordinator, at, "reads") == "stopped"
        });
        std::fs::write(&file, whole).unwrap();
        coordinator.call(at, &["resume", "reads"]).expect(0);
        until_finished(&coordinator, at, "reads");
        assert_eq!(count(&coordinator, at, "reads", "failed"), 0);
        let run_folder = at.join("data/reads");
        let most = number(&run_folder, "SELECT max(attempt) AS n FROM trials");
        assert_eq!(most, 1.0);
    }
}

#[test]
fn a_node_that_cannot_keep_files_rests_from_the_sweep_and_says_why() {
    let folder = home();
    let at = folder.path();
    let tmp = at.join("tmp");
    std::fs::create_dir(&tmp).unwrap();
    let coordinator = Coordinator::start(at, "data");
    let mut bad = coordinator.worker_with(at, "bad", 1, |command| {
        command.env("TMPDIR", &tmp);
    });
    until("the worker", || workers(&coordinator, at).len() == 1);
    std::fs::remove_dir_all(&tmp).unwrap();
    std::fs::write(&tmp, "no folder").unwrap();
    submit_both(&coordinator, at);
    until_finished(&coordinator, at, "small");
    let problem = |name: &str| {
        let all = workers(&coordinator, at);
        let worker = all.iter().find(|worker| worker["name"] == name).cloned();
        worker.map_or(serde_json::Value::Null, |worker| worker["problem"].clone())
    };
    until("its problem", || problem("bad").is_string());
    let why = problem("bad").as_str().unwrap().to_owned();
    assert!(why.contains("reads") && why.contains("tmp"), "{why}");
    let shown = coordinator.call(at, &["workers"]).expect(0);
    assert!(shown.out.contains(&why), "{}", shown.out);
    assert_eq!(state(&coordinator, at, "reads"), "running");
    let _good = coordinator.worker(at, "good", 1);
    until_finished(&coordinator, at, "reads");
    assert!(is_running(&mut bad));
    let run_folder = at.join("data/reads");
    let theirs = number(
        &run_folder,
        "SELECT count(*) AS n FROM trials WHERE worker = 'good' AND attempt = 1",
    );
    assert_eq!(theirs, 6.0);
}

#[test]
fn a_folder_for_temporary_files_that_cannot_be_used_is_an_error_at_the_start() {
    let folder = home();
    let at = folder.path();
    let coordinator = Coordinator::start(at, "data");
    submit_both(&coordinator, at);
    std::fs::write(at.join("file"), "").unwrap();
    for tmp in ["missing", "file"] {
        let tmp = at.join(tmp);
        let printed = command(at)
            .args([
                "worker",
                "--coordinator",
                &coordinator.url,
                "--threads",
                "1",
            ])
            .env("TMPDIR", &tmp)
            .output()
            .unwrap();
        let err = String::from_utf8_lossy(&printed.stderr);
        assert_eq!(printed.status.code(), Some(2), "{err}");
        let path = tmp.display().to_string();
        assert!(err.contains(&path) && err.contains("TMPDIR"), "{err}");
    }
    assert_eq!(count(&coordinator, at, "reads", "leases"), 0);
    assert_eq!(count(&coordinator, at, "small", "reported"), 0);
}

#[test]
fn temporary_files_are_fetched_again_where_they_were_swept_and_removed_after_a_kill() {
    let folder = home();
    let at = folder.path();
    std::fs::write(at.join("more.toml"), reader("more", "y.csv")).unwrap();
    std::fs::write(at.join("y.csv"), samples(30)).unwrap();
    let tmp = at.join("tmp");
    std::fs::create_dir(&tmp).unwrap();
    let coordinator = Coordinator::start(at, "data");
    let start = |name: &str| {
        coordinator.worker_with(at, name, 1, |command| {
            command.env("TMPDIR", &tmp);
        })
    };
    let mut worker = start("first");
    coordinator.call(at, &["submit", "reads.toml"]).expect(0);
    until_finished(&coordinator, at, "reads");
    // As programs do that clean temporary files.
    for entry in std::fs::read_dir(&tmp).unwrap() {
        std::fs::remove_dir_all(entry.unwrap().path()).unwrap();
    }
    coordinator.call(at, &["submit", "more.toml"]).expect(0);
    until_finished(&coordinator, at, "more");
    assert!(is_running(&mut worker));
    worker.kill();
    assert_eq!(entries(&tmp), 1);
    let mut one = start("one");
    until("its folder alone", || {
        entries(&tmp) == 1 && workers(&coordinator, at).iter().any(|w| w["name"] == "one")
    });
    // The folder of a worker that lives stays.
    let mut other = start("other");
    until("both folders", || entries(&tmp) == 2);
    one.signal("TERM");
    assert_eq!(one.wait(), Some(0));
    assert_eq!(entries(&tmp), 1);
    other.signal("TERM");
    assert_eq!(other.wait(), Some(0));
    assert_eq!(entries(&tmp), 0);
}

#[test]
fn reports_that_cannot_be_stored_hold_no_worker() {
    let folder = home();
    let at = folder.path();
    let coordinator = Coordinator::start(at, "data");
    coordinator.call(at, &["submit", "small.toml"]).expect(0);
    coordinator.call(at, &["submit", "reads.toml"]).expect(0);
    let (tables, away) = (at.join("data/small/trials"), at.join("away"));
    std::fs::rename(&tables, &away).unwrap();
    std::fs::write(&tables, "no folder").unwrap();
    let talk = at.join("talk");
    let mut asked = coordinator.worker_with(at, "asked", 1, |command| logged(command, &talk));
    until("the stop", || state(&coordinator, at, "small") == "stopped");
    // It works for others.
    until_finished(&coordinator, at, "reads");
    let mut idle = coordinator.worker_with(at, "idle", 1, |command| {
        command.args(["--idle-timeout", "1s"]);
    });
    asked.signal("TERM");
    assert_eq!(asked.wait(), Some(0));
    assert!(
        log(&talk).contains("leaving with reports"),
        "{}",
        log(&talk)
    );
    assert_eq!(idle.wait(), Some(0));
    // What was reported is not lost to the coordinator.
    std::fs::remove_file(&tables).unwrap();
    std::fs::rename(&away, &tables).unwrap();
    coordinator.call(at, &["resume", "small"]).expect(0);
    let _worker = coordinator.worker(at, "last", 1);
    until_finished(&coordinator, at, "small");
    assert_eq!(rows(&at.join("data/small")), 72);
}

#[test]
fn an_idle_worker_with_reports_that_cannot_be_stored_leaves() {
    let folder = home();
    let at = folder.path();
    let coordinator = Coordinator::start(at, "data");
    coordinator.call(at, &["submit", "small.toml"]).expect(0);
    let tables = at.join("data/small/trials");
    std::fs::rename(&tables, at.join("away")).unwrap();
    std::fs::write(&tables, "no folder").unwrap();
    let mut idle = coordinator.worker_with(at, "idle", 1, |command| {
        command.args(["--idle-timeout", "1s"]);
    });
    assert_eq!(idle.wait(), Some(0));
    assert_eq!(state(&coordinator, at, "small"), "stopped");
}

/// A worker with trials of a sweep in its hands, and a coordinator that comes back at the same address after
/// `change`.
fn coordinator_back(change: impl FnOnce(&Path) -> &'static str) {
    let folder = folder_with("long.toml", &long("long", 2, steps_for(1.5)));
    let at = folder.path();
    std::fs::write(at.join("small.toml"), SMALL).unwrap();
    let mut coordinator = Coordinator::start(at, "data");
    let talk = at.join("talk");
    let mut worker = coordinator.worker_with(at, "w", 1, |command| logged(command, &talk));
    coordinator.call(at, &["submit", "long.toml"]).expect(0);
    until_leased(&coordinator, at, "long");
    let address = coordinator.url.trim_start_matches("http://").to_owned();
    coordinator.process.kill();
    let data = change(at);
    let coordinator = Coordinator::with(at, data, &address, |_| {});
    coordinator.call(at, &["submit", "small.toml"]).expect(0);
    coordinator.call(at, &["submit", "long.toml"]).expect(0);
    until_finished(&coordinator, at, "small");
    until_finished(&coordinator, at, "long");
    assert!(is_running(&mut worker), "{}", log(&talk));
    let talk = log(&talk);
    let away = talk.lines().filter(|line| line.contains("is away")).count();
    assert!((1..=3).contains(&away), "{talk}");
    assert!(talk.contains("reconnected"), "{talk}");
    assert!(
        !talk.contains("Status {") && !talk.contains("details:"),
        "{talk}"
    );
    worker.signal("TERM");
    assert_eq!(worker.wait(), Some(0));
}

#[test]
fn a_coordinator_back_with_another_data_folder_keeps_its_workers() {
    coordinator_back(|_| "other");
}

#[test]
fn a_coordinator_back_without_its_lease_key_keeps_its_workers() {
    coordinator_back(|at| {
        std::fs::remove_file(at.join("data/.lease-key")).unwrap();
        "data"
    });
}

/// Passes connections on to a coordinator, and cuts the first few after so many bytes towards the worker.
fn cutting_proxy(target: &str, cuts: usize, after: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let target = target.trim_start_matches("http://").to_owned();
    let left = Arc::new(AtomicUsize::new(cuts));
    std::thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let Ok(far) = TcpStream::connect(&target) else {
                continue;
            };
            let (up, down) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            std::thread::spawn(move || pass(up, far, usize::MAX));
            let left = Arc::clone(&left);
            std::thread::spawn(move || {
                let cut = left
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
                    .is_ok();
                pass(down, near, if cut { after } else { usize::MAX });
            });
        }
    });
    url
}

/// Copies bytes until one end closes or the limit is reached; then closes both.
fn pass(mut from: TcpStream, mut to: TcpStream, limit: usize) {
    let mut bytes = [0; 16 << 10];
    let mut passed = 0;
    while let Ok(read) = from.read(&mut bytes) {
        passed += read;
        if read == 0 || passed > limit || to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    // Either may be closed already.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn a_connection_that_breaks_while_a_file_is_fetched_ends_no_worker() {
    let folder = home();
    let at = folder.path();
    // Some two megabytes.
    std::fs::write(at.join("x.csv"), samples(200_000)).unwrap();
    let coordinator = Coordinator::start(at, "data");
    let far = Coordinator {
        process: Background::start(Command::new("true")),
        url: cutting_proxy(&coordinator.url, 2, 300_000),
    };
    let words = [
        "submit",
        "reads.toml",
        "--set",
        "problem.samples={range=[0,50]}",
    ];
    coordinator.call(at, &words).expect(0);
    let mut worker = far.worker(at, "w", 1);
    until_finished(&coordinator, at, "reads");
    assert!(is_running(&mut worker));
    assert_eq!(count(&coordinator, at, "reads", "failed"), 0);
}

#[test]
fn only_a_trial_that_ran_counts_an_attempt() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let coordinator = Coordinator::start(at, "data");
    let mut dying = coordinator.worker_with(at, "dying", 1, |command| {
        command.env("PARSIMONY_FAULT_SLOW_MS", "600000");
    });
    coordinator.call(at, &["submit", "small.toml"]).expect(0);
    until("a lease that is known to have begun", || {
        workers(&coordinator, at).iter().any(|worker| {
            worker["leases"].as_u64() > Some(0) && worker["connected_seconds"].as_f64() > Some(2.5)
        })
    });
    dying.kill();
    // Before it is given up, an idle worker would run its trials beside it, which is no second attempt.
    until("the loss", || {
        count(&coordinator, at, "small", "leased") == 0
    });
    let _healthy = coordinator.worker(at, "healthy", 1);
    until_finished(&coordinator, at, "small");
    let run_folder = at.join("data/small");
    let again = number(
        &run_folder,
        "SELECT count(*) AS n FROM trials WHERE attempt > 1",
    );
    assert_eq!(again, 1.0);
}

/// Certificates, and a coordinator that uses them.
fn secured(at: &Path, listen: &str) -> Coordinator {
    Coordinator::with(at, "data", listen, |command| {
        command.args(["--certs", "certs"]);
    })
}

fn certs(at: &Path, folder: &str, more: &[&str]) {
    let mut words = vec!["certs", folder, "--host", "127.0.0.1"];
    words.extend(more);
    run(at, &words).expect(0);
}

/// A worker that would try for an hour; returns its standard error once it has ended.
#[track_caller]
fn hopeless(at: &Path, url: &str, ca: &str) -> String {
    let printed = run(
        at,
        &[
            "worker",
            "--coordinator",
            url,
            "--ca",
            ca,
            "--token-file",
            "certs/worker.token",
            "--reconnect",
            "1h",
        ],
    );
    printed.expect(4).err
}

#[test]
fn what_no_retry_can_mend_ends_a_worker_at_once() {
    let folder = home();
    let at = folder.path();
    certs(at, "certs", &[]);
    certs(at, "others", &[]);
    let lab = secured(at, "127.0.0.1:0");
    let err = hopeless(at, &lab.url, "others/ca.pem");
    assert!(err.contains("not of the authority"), "{err}");
    let by_name = lab.url.replace("127.0.0.1", "localhost");
    let err = hopeless(at, &by_name, "certs/ca.pem");
    assert!(err.contains("other names"), "{err}");
    let plain = lab.url.replace("https://", "http://");
    let err = hopeless(at, &plain, "certs/ca.pem");
    assert!(err.contains("https://"), "{err}");
    let open = Coordinator::start(at, "open");
    let err = hopeless(at, &open.url.replace("http://", "https://"), "certs/ca.pem");
    assert!(err.contains("http://"), "{err}");
}

#[test]
fn a_certificate_that_ended_is_an_error_at_the_start_and_can_be_renewed() {
    let folder = home();
    let at = folder.path();
    certs(at, "certs", &["--valid", "1s"]);
    let old = std::fs::read(at.join("certs/ca.pem")).unwrap();
    std::fs::write(at.join("old-ca.pem"), &old).unwrap();
    let words = [
        "coordinator",
        "--listen",
        "127.0.0.1:0",
        "--data",
        "data",
        "--certs",
        "certs",
    ];
    // One that starts before the end of the second is stopped again.
    let refused = || {
        let child = command(at)
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut child = Background { child };
        let mut out = String::new();
        let mut first = [0; 1];
        let pipe = child.child.stdout.as_mut().unwrap();
        if pipe.read(&mut first).unwrap() > 0 {
            return None;
        }
        assert_eq!(child.wait(), Some(2));
        let pipe = child.child.stderr.as_mut().unwrap();
        pipe.read_to_string(&mut out).unwrap();
        Some(out)
    };
    let mut err = None;
    until("the refusal", || {
        err = refused();
        err.is_some()
    });
    let err = err.unwrap_or_default();
    assert!(
        err.contains("server.pem") && err.contains("--renew"),
        "{err}"
    );
    certs(at, "certs", &["--renew", "--valid", "3d"]);
    let log_file = at.join("log");
    let lab = Coordinator::with(at, "data", "127.0.0.1:0", |command| {
        command.args(["--certs", "certs"]);
        logged(command, &log_file);
    });
    assert!(log(&log_file).contains("warning: "), "{}", log(&log_file));
    let person = ["--ca", "old-ca.pem", "--token-file", "certs/user.token"];
    let call = |words: &[&str]| {
        let words: Vec<&str> = words.iter().chain(&person).copied().collect();
        lab.call(at, &words).expect(0)
    };
    call(&["submit", "small.toml"]);
    // Whoever has the old authority trusts the new server, and hears that the file is old.
    let talk = at.join("talk");
    let mut worker = lab.worker_with(at, "w", 1, |command| {
        command.args(["--ca", "old-ca.pem", "--token-file", "certs/worker.token"]);
        logged(command, &talk);
    });
    call(&["watch", "small"]);
    assert!(
        log(&talk).contains("warning: old-ca.pem ended on"),
        "{}",
        log(&talk)
    );
    worker.signal("TERM");
    assert_eq!(worker.wait(), Some(0));
}

#[test]
fn a_coordinator_listens_only_once_the_data_are_its_own() {
    let folder = home();
    let at = folder.path();
    let _first = Coordinator::start(at, "data");
    let words = ["coordinator", "--listen", "127.0.0.1:0", "--data", "data"];
    let printed = run(at, &words).expect(2);
    assert_eq!(printed.out, "");
    assert!(
        printed.err.contains("another coordinator"),
        "{}",
        printed.err
    );
}

#[test]
fn a_terminal_that_goes_away_drains_as_a_signal_to_stop_does() {
    let own = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = own.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    if ignored.is_none_or(|mask| mask & 1 == 1) {
        eprintln!("SKIPPED: these tests run with SIGHUP ignored, and so does what they start");
        return;
    }
    let folder = folder_with("long.toml", &long("long", 40, steps_for(0.3)));
    let at = folder.path();
    let mut coordinator = Coordinator::start(at, "data");
    let mut worker = coordinator.worker(at, "w", 1);
    coordinator.call(at, &["submit", "long.toml"]).expect(0);
    until_leased(&coordinator, at, "long");
    worker.signal("HUP");
    assert_eq!(worker.wait(), Some(0));
    let reported = count(&coordinator, at, "long", "reported");
    coordinator.process.signal("HUP");
    assert_eq!(coordinator.process.wait(), Some(0));
    assert!(rows(&at.join("data/long")) >= reported);
    let mut local = command(at);
    local.args(["run", "long.toml", "--out", "r", "--threads", "1"]);
    let mut local = Background::start(local);
    until("a first row", || rows(&at.join("r")) > 0);
    local.signal("HUP");
    assert_eq!(local.wait(), Some(130));
    // `nohup` keeps what it starts.
    let mut kept = Command::new("nohup");
    kept.arg(tests::process::program())
        .args(["coordinator", "--listen", "127.0.0.1:0", "--data", "data"])
        .current_dir(at)
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let mut kept = Coordinator::of(kept);
    kept.process.signal("HUP");
    kept.call(at, &["list"]).expect(0);
    assert!(is_running(&mut kept.process));
}

#[test]
fn far_more_threads_than_trials_do_no_harm() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let words = ["run", "small.toml", "--out", "r", "--threads", "4096"];
    run(at, &words).expect(0);
    assert_eq!(rows(&at.join("r")), 72);
}

#[test]
fn rows_name_the_version_of_the_program_that_ran_them() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    run(at, &["run", "small.toml", "--out", "r"]).expect(0);
    let version = env!("CARGO_PKG_VERSION");
    let of_it = format!("SELECT count(*) AS n FROM trials WHERE run_version = '{version}'");
    assert_eq!(number(&at.join("r"), &of_it), 72.0);
}
