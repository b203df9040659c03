//! Where people run the program: closed and full terminals, readers that go away, few threads, addresses as people
//! mistype them, and a coordinator that restarts under `watch`.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use tests::process::{
    Background, Coordinator, Finished, command, copy_of_program, program, run, until,
};

use crate::common::{count, log, logged, rows, until_leased};
use crate::{SMALL, folder_with};

/// A file that takes nothing: every write to it fails as on a full disk.
fn full() -> Option<Stdio> {
    let file = File::options().write(true).open("/dev/full").ok()?;
    Some(Stdio::from(file))
}

#[test]
fn talk_that_cannot_be_written_ends_nothing() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let (Some(run_talk), Some(service_talk), Some(worker_talk), Some(submit_talk)) =
        (full(), full(), full(), full())
    else {
        eprintln!("SKIPPED: this machine has no /dev/full");
        return;
    };
    let ended = command(at)
        .args(["run", "small.toml", "--out", "r"])
        .env("RUST_LOG", "debug")
        .stderr(run_talk)
        .status()
        .expect("the program starts");
    assert_eq!(ended.code(), Some(0));
    assert_eq!(rows(&at.join("r")), 72);

    let coordinator = Coordinator::with(at, "data", "127.0.0.1:0", |command| {
        command.env("RUST_LOG", "debug").stderr(service_talk);
    });
    let submitted = command(at)
        .args(["submit", "small.toml", "--coordinator", &coordinator.url])
        .stderr(submit_talk)
        .output()
        .expect("the program starts");
    assert_eq!(submitted.status.code(), Some(0));
    let mut worker = coordinator.worker_with(at, "w", 2, |command| {
        command.env("RUST_LOG", "debug").stderr(worker_talk);
    });
    coordinator.call(at, &["watch", "small"]).expect(0);
    worker.signal("TERM");
    assert_eq!(worker.wait(), Some(0), "the worker drains");
    let mut service = coordinator.process;
    service.signal("TERM");
    assert_eq!(service.wait(), Some(0), "the coordinator stops in order");
    assert_eq!(rows(&at.join("data/small")), 72);
}

/// A terminal or a pager that went away while a run was under way.
#[test]
fn a_reader_of_talk_that_goes_away_ends_nothing() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let mut child = command(at)
        .args(["run", "small.toml", "--out", "r"])
        .env("RUST_LOG", "debug")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    BufReader::new(child.stderr.take().expect("it is piped"))
        .read_line(&mut line)
        .expect("a line of text");
    // The reader was dropped with its end of the pipe.
    assert_eq!(Background { child }.wait(), Some(0));
    assert_eq!(rows(&at.join("r")), 72);
}

#[test]
fn a_long_list_ends_with_its_reader() {
    let many = SMALL.replace("range = [0, 4]", "range = [0, 100000000]");
    let folder = folder_with("many.toml", &many);
    let mut child = command(folder.path())
        .args(["plan", "many.toml", "--list"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("it is piped"))
        .read_line(&mut line)
        .expect("a line of text");
    assert!(line.starts_with("trial\t"), "{line}");
    assert_eq!(Background { child }.wait(), Some(0));
}

#[test]
fn watch_follows_a_sweep_over_restarts_of_the_coordinator() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let mut coordinator = Coordinator::start(at, "data");
    let listen = coordinator.url.trim_start_matches("http://").to_owned();
    coordinator.call(at, &["submit", "small.toml"]).expect(0);
    let talk = at.join("talk");
    let mut watching = command(at);
    watching.args(["watch", "small", "--coordinator", &coordinator.url]);
    logged(&mut watching, &talk);
    let mut watching = Background::talking(watching);
    let slow = |command: &mut Command| {
        command.env("PARSIMONY_FAULT_SLOW_MS", "40");
    };
    let _worker = coordinator.worker_with(at, "w", 1, slow);
    until_leased(&coordinator, at, "small");
    coordinator.process.kill();
    until("the note that the coordinator is away", || {
        log(&talk).contains("warning: the coordinator is away, retrying")
    });
    coordinator = Coordinator::with(at, "data", &listen, |_| {});
    until("the note that it is back", || {
        log(&talk).contains("reconnected to the coordinator")
    });
    // An orderly stop closes the stream without an error.
    coordinator.process.signal("TERM");
    assert_eq!(coordinator.process.wait(), Some(0));
    until("the second note", || {
        log(&talk).matches("is away, retrying").count() == 2
    });
    coordinator = Coordinator::with(at, "data", &listen, |_| {});
    assert_eq!(watching.wait(), Some(0), "{}", log(&talk));
    assert!(log(&talk).contains("72 completed"), "{}", log(&talk));
    assert_eq!(count(&coordinator, at, "small", "completed"), 72);
}

/// What stays away for longer than the window is unreachable.
#[test]
fn watch_gives_up_after_its_window() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let mut coordinator = Coordinator::start(at, "data");
    coordinator.call(at, &["submit", "small.toml"]).expect(0);
    let talk = at.join("talk");
    let mut watching = command(at);
    watching.args(["watch", "small", "--coordinator", &coordinator.url]);
    watching.args(["--reconnect", "1s"]).env("TERM", "dumb");
    logged(&mut watching, &talk);
    let mut watching = Background::talking(watching);
    until("a first status", || log(&talk).contains("small: 0/72"));
    coordinator.process.kill();
    assert_eq!(watching.wait(), Some(4), "{}", log(&talk));
}

#[test]
fn a_token_leaves_in_clear_for_this_machine_alone() {
    let folder = folder_with("t", "secret-token-of-sixteen-characters\n");
    let at = folder.path();
    let refused = |url: &str, words: &str| {
        let asked = ["list", "--coordinator", url, "--token-file", "t"];
        let finished = run(at, &asked).expect(2);
        assert!(finished.err.contains(words), "{url}: {}", finished.err);
    };
    refused("htps://head.example:7070", "not http or https");
    refused("ftp://head.example:7070", "not http or https");
    refused("http://head.example:7070", "in clear");
    refused("localhost:7070", "write http://localhost:7070");
    refused(":7070", "http://HOST:PORT");
    let worker = [
        "worker",
        "--coordinator",
        "http://head.example:7070",
        "--token-file",
        "t",
    ];
    let finished = run(at, &worker).expect(2);
    assert!(finished.err.contains("in clear"), "{}", finished.err);
    // On loopback it may; there is nobody at this port.
    run(
        at,
        &[
            "list",
            "--coordinator",
            "http://127.0.0.1:1",
            "--token-file",
            "t",
        ],
    )
    .expect(4);
}

#[test]
fn addresses_and_names_that_cannot_work_are_refused_with_an_example() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    for listen in [":7070", "7070", "http://127.0.0.1:7070"] {
        let asked = ["coordinator", "--data", "d", "--listen", listen];
        let finished = run(at, &asked).expect(2);
        assert!(finished.err.contains("127.0.0.1:7070"), "{}", finished.err);
    }
    for host in ["head:7070", "https://head", "a b", ""] {
        let finished = run(at, &["certs", "c", "--host", host]).expect(2);
        assert!(finished.err.contains("without scheme"), "{}", finished.err);
        assert!(!at.join("c").exists(), "{host:?} made certificates");
    }
    let coordinator = Coordinator::with(at, "data", "localhost:0", |_| {});
    coordinator.call(at, &["list"]).expect(0);
}

#[test]
fn wrong_requests_have_the_exit_code_of_wrong_requests() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let finished = run(at, &["run", "small.toml", "--out", "small.toml"]).expect(2);
    assert!(finished.err.contains("is a file"), "{}", finished.err);
    std::fs::create_dir(at.join("empty")).unwrap();
    for (run_folder, words) in [
        ("nowhere", "nowhere does not exist"),
        ("empty", "empty holds no tables"),
        ("small.toml", "small.toml is a file"),
    ] {
        let finished = run(at, &["query", run_folder, "SELECT 1"]).expect(2);
        assert!(finished.err.contains(words), "{}", finished.err);
        assert!(!finished.err.contains("--out"), "{}", finished.err);
    }
}

/// Runs a command on a terminal of its own.
fn on_a_terminal(at: &Path, term: Option<&str>, words: &[&str]) -> Option<Finished> {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let line = format!("'{}' {}", program().display(), quoted.join(" "));
    let mut script = Command::new("script");
    script.current_dir(at).stdin(Stdio::null());
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    script.env("PARSIMONY_FAULT_SLOW_MS", "25");
    match term {
        Some(term) => script.env("TERM", term),
        None => script.env_remove("TERM"),
    };
    let output = script.output().ok()?;
    Some(Finished {
        words: line,
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

#[test]
fn a_terminal_that_cannot_move_its_cursor_gets_plain_lines() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let words = |out: &'static str| ["run", "small.toml", "--threads", "1", "--out", out];
    let Some(rich) = on_a_terminal(at, Some("xterm"), &words("rich")) else {
        eprintln!("SKIPPED: there is no `script` to make a terminal with");
        return;
    };
    let rich = rich.expect(0);
    assert!(rich.out.contains('\u{1b}'), "{}", rich.out);
    for (term, out) in [(Some("dumb"), "dumb"), (None, "none")] {
        let plain = on_a_terminal(at, term, &words(out)).unwrap().expect(0);
        assert!(!plain.out.contains('\u{1b}'), "{}", plain.out);
        assert!(plain.out.contains("/72 trials"), "{}", plain.out);
    }
}

/// Login nodes allow a user few processes, and a thread counts as one.
#[test]
fn a_few_threads_are_enough() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    run(at, &["run", "small.toml", "--out", "r"]).expect(0);
    let coordinator = Coordinator::start(at, "data");
    // Root has no such limit: the program runs as somebody who owns nothing.
    let copy = copy_of_program(at);
    for (path, mode) in [(at, "755"), (&at.join("r"), "-R a+rX")] {
        let mode: Vec<&str> = mode.split(' ').collect();
        let changed = Command::new("chmod").args(mode).arg(path).status();
        assert!(changed.is_ok_and(|status| status.success()));
    }
    let limited = |limit: u32, words: &[&str]| -> Option<Finished> {
        let mut command = Command::new("setpriv");
        command.current_dir(at).stdin(Stdio::null());
        command.args([
            "--reuid=64321",
            "--regid=64321",
            "--clear-groups",
            "prlimit",
        ]);
        command
            .arg(format!("--nproc={limit}"))
            .arg(&copy)
            .args(words);
        let output = command.output().ok()?;
        Some(Finished {
            words: words.join(" "),
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    };
    let asked = ["list", "--coordinator", &coordinator.url];
    let Some(listed) = limited(2, &asked).filter(|listed| !listed.err.contains("setpriv")) else {
        eprintln!("SKIPPED: nobody else's processes can be started here");
        return;
    };
    listed.expect(0);
    let counted = limited(
        6,
        &["query", "r", "SELECT count(*) AS n FROM trials", "--csv"],
    )
    .unwrap();
    assert_eq!(counted.expect(0).out, "n\n72\n");
}
