//! Who is let in: certificates and tokens of `parsimony certs`, and connections that only want to be in the way.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use tests::process::{Background, Coordinator, Finished, run, until};
use tests::tables::assert_equal;

use crate::common::{log, logged};
use crate::{SMALL, folder_with};

/// Strangers' connections that are held open against a coordinator: more than it lets wait.
const SILENT: usize = 300;

/// By then a stranger that has shown no token is sent away, with as much again for a busy machine.
const SENT_AWAY: Duration = Duration::from_secs(20);

/// A lab: certificates, a coordinator that uses them, its talk in the file `log`.
struct Lab {
    home: tempfile::TempDir,
    coordinator: Coordinator,
}

impl Lab {
    fn new() -> Self {
        Lab::with(|_| {})
    }

    /// Changes the certificates before the coordinator reads them.
    fn with(change: impl FnOnce(&Path)) -> Self {
        let home = folder_with("small.toml", SMALL);
        certs(home.path(), "certs", &["127.0.0.1", "localhost"], "1d");
        change(&home.path().join("certs"));
        let log = home.path().join("log");
        let coordinator = Coordinator::with(home.path(), "data", "127.0.0.1:0", |command| {
            command.args(["--certs", "certs"]);
            logged(command, &log);
        });
        Lab { home, coordinator }
    }

    fn at(&self) -> &Path {
        self.home.path()
    }

    /// `parsimony list` with an authority and a token.
    fn list(&self, ca: &str, token: &str) -> Finished {
        self.coordinator
            .call(self.at(), &["list", "--ca", ca, "--token-file", token])
    }

    /// A worker with an authority and a token that gives up after a second.
    fn worker(&self, ca: &str, token: &str) -> Background {
        self.coordinator.worker_with(self.at(), "w", 1, |command| {
            command.args(["--ca", ca, "--token-file", token, "--reconnect", "1s"]);
        })
    }

    fn address(&self) -> SocketAddr {
        let address = self.coordinator.url.trim_start_matches("https://");
        address.trim_start_matches("http://").parse().unwrap()
    }
}

fn certs(at: &Path, folder: &str, hosts: &[&str], valid: &str) {
    let mut words = vec!["certs", folder, "--valid", valid];
    for host in hosts {
        words.extend(["--host", host]);
    }
    let output = run(at, &words).expect(0);
    assert_eq!(output.out.lines().count(), 6, "{}", output.out);
}

#[test]
fn a_sweep_runs_over_tls_with_the_labs_tokens() {
    let lab = Lab::new();
    let at = lab.at();
    assert!(
        lab.coordinator.url.starts_with("https://"),
        "{}",
        lab.coordinator.url
    );
    let person = ["--ca", "certs/ca.pem", "--token-file", "certs/user.token"];
    let call = |words: &[&str], code| {
        let words: Vec<&str> = words.iter().chain(&person).copied().collect();
        lab.coordinator.call(at, &words).expect(code)
    };
    call(&["submit", "small.toml"], 0);
    let mut worker = lab.worker("certs/ca.pem", "certs/worker.token");
    call(&["watch", "small"], 0);
    call(&["fetch", "small", "--out", "fetched"], 0);
    run(at, &["run", "small.toml", "--out", "local"]).expect(0);
    assert_equal(&at.join("local"), &at.join("fetched"));
    worker.signal("TERM");
    assert_eq!(worker.wait(), Some(0));
}

#[test]
fn wrong_missing_and_expired_tokens_are_refused_and_logged() {
    let lab = Lab::new();
    let at = lab.at();
    certs(at, "others", &["127.0.0.1"], "1d");
    let ca = "certs/ca.pem";
    lab.list(ca, "certs/user.token").expect(0);
    let refused = |output: Finished, why: &str| {
        let output = output.expect(2);
        assert!(
            output.err.contains(why),
            "`{why}` is missing in:\n{}",
            output.err
        );
    };
    refused(lab.list(ca, "others/user.token"), "wrong token");
    refused(lab.list(ca, "certs/worker.token"), "wrong token");
    refused(lab.coordinator.call(at, &["list", "--ca", ca]), "no token");
    std::fs::write(at.join("empty"), "\n").unwrap();
    refused(lab.list(ca, "empty"), "token");
    for token in ["others/worker.token", "certs/user.token", "empty"] {
        assert_eq!(lab.worker(ca, token).wait(), Some(2), "{token}");
    }
    let talk = log(&at.join("log"));
    assert!(
        talk.contains("call refused") && talk.contains("127.0.0.1"),
        "{talk}"
    );
    for token in [
        "others/user.token",
        "others/worker.token",
        "certs/user.token",
    ] {
        let token = std::fs::read_to_string(at.join(token)).unwrap();
        assert!(!talk.contains(token.trim()), "a token is in the log");
    }
}

#[test]
fn an_expired_token_is_refused() {
    let lab = Lab::with(|certs| {
        for role in ["user", "worker"] {
            let token = format!("{role}.1000000000.{}\n", "5a".repeat(32));
            std::fs::write(certs.join(format!("{role}.token")), token).unwrap();
        }
    });
    let output = lab.list("certs/ca.pem", "certs/user.token").expect(2);
    assert!(output.err.contains("expired token"), "{}", output.err);
    assert_eq!(
        lab.worker("certs/ca.pem", "certs/worker.token").wait(),
        Some(2)
    );
}

#[test]
fn other_authorities_other_names_and_plain_text_do_not_connect() {
    let lab = Lab::new();
    let at = lab.at();
    certs(at, "others", &["127.0.0.1"], "1d");
    lab.list("others/ca.pem", "certs/user.token").expect(4);
    assert_eq!(
        lab.worker("others/ca.pem", "certs/worker.token").wait(),
        Some(4)
    );
    let plain = lab.coordinator.url.replace("https://", "http://");
    let words = [
        "list",
        "--token-file",
        "certs/user.token",
        "--coordinator",
        &plain,
    ];
    run(at, &words).expect(4);
    // https without an authority is a request that cannot be right.
    lab.coordinator
        .call(at, &["list", "--token-file", "certs/user.token"])
        .expect(2);
    // A certificate for another machine.
    certs(at, "elsewhere", &["head.lab.invalid"], "1d");
    let elsewhere = Coordinator::with(at, "data2", "127.0.0.1:0", |command| {
        command.args(["--certs", "elsewhere"]);
    });
    let words = [
        "list",
        "--ca",
        "elsewhere/ca.pem",
        "--token-file",
        "elsewhere/user.token",
    ];
    elsewhere.call(at, &words).expect(4);
    // Whoever keeps the coordinator sees that somebody was turned away, and why.
    let talk = log(&at.join("log"));
    let refusals: Vec<_> = talk
        .lines()
        .filter(|line| line.contains("tls accept error"))
        .collect();
    for why in ["fatal alert", "InvalidContentType"] {
        assert!(refusals.iter().any(|line| line.contains(why)), "{talk}");
    }
    assert!(refusals.len() >= 3, "{talk}");
}

#[test]
fn an_expired_certificate_is_refused() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    certs(at, "certs", &["127.0.0.1"], "5s");
    let coordinator = Coordinator::with(at, "data", "127.0.0.1:0", |command| {
        command.args(["--certs", "certs"]);
    });
    let words = [
        "list",
        "--ca",
        "certs/ca.pem",
        "--token-file",
        "certs/user.token",
    ];
    until("the end of the certificate", || {
        let output = coordinator.call(at, &words);
        // The token ends with the certificate: in between it is the one that is refused.
        assert!(
            matches!(output.code, Some(0 | 2 | 4)),
            "{:?}: {}",
            output.code,
            output.err
        );
        output.code == Some(4)
    });
}

#[test]
fn certificates_are_for_their_owner_and_not_overwritten() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    certs(at, "certs", &["127.0.0.1"], "1d");
    let before = std::fs::read(at.join("certs/ca.pem")).unwrap();
    let output = run(at, &["certs", "certs", "--host", "127.0.0.1"]).expect(2);
    assert!(output.err.contains("never overwritten"), "{}", output.err);
    assert_eq!(std::fs::read(at.join("certs/ca.pem")).unwrap(), before);
    run(at, &["certs", "c", "--host", "h\u{f6}st"]).expect(2);
    use std::os::unix::fs::PermissionsExt as _;
    for entry in std::fs::read_dir(at.join("certs")).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", entry.path().display());
    }
}

#[test]
fn off_loopback_a_coordinator_wants_certificates_or_a_word() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let words = ["coordinator", "--listen", "0.0.0.0:0", "--data", "data"];
    let output = run(at, &words).expect(2);
    assert!(
        output.err.contains("--certs") && output.err.contains("--insecure"),
        "{}",
        output.err
    );
    assert!(!at.join("data").exists(), "it made a folder all the same");
    let mut both = words.to_vec();
    both.extend(["--insecure", "--certs", "certs"]);
    run(at, &both).expect(2);
    let trusted = Coordinator::with(at, "data", "0.0.0.0:0", |command| {
        command.arg("--insecure");
    });
    let url = trusted.url.replace("0.0.0.0", "127.0.0.1");
    run(at, &["list", "--coordinator", &url]).expect(0);
    drop(trusted);
    certs(at, "certs", &["127.0.0.1"], "1d");
    let guarded = Coordinator::with(at, "data", "0.0.0.0:0", |command| {
        command.args(["--certs", "certs"]);
    });
    let url = guarded.url.replace("0.0.0.0", "127.0.0.1");
    let words = [
        "list",
        "--ca",
        "certs/ca.pem",
        "--token-file",
        "certs/user.token",
    ];
    let mut words = words.to_vec();
    words.extend(["--coordinator", &url]);
    run(at, &words).expect(0);
    // Certificates that are not there, or are not certificates, are reported before anything is served.
    run(
        at,
        &[
            "coordinator",
            "--listen",
            "0.0.0.0:0",
            "--data",
            "d",
            "--certs",
            "nowhere",
        ],
    )
    .expect(2);
}

/// Opens connections that say these bytes and nothing more.
fn open(address: SocketAddr, how_many: usize, bytes: &[u8]) -> Vec<TcpStream> {
    let connect = |_| {
        let mut stream = TcpStream::connect(address).unwrap();
        // The other end may have had enough already.
        let _ = stream.write_all(bytes);
        stream
    };
    (0..how_many).map(connect).collect()
}

/// Fails unless the other end closes a connection in time.
#[track_caller]
fn closed(mut stream: &TcpStream, within: Duration) {
    let begun = Instant::now();
    stream.set_read_timeout(Some(within)).unwrap();
    let mut bytes = [0; 1024];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return,
            // The server's part of a handshake.
            Ok(_) => assert!(begun.elapsed() < within, "it talks on and on"),
            Err(error) => {
                let timed_out = matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                );
                assert!(!timed_out, "still open after {:?}", begun.elapsed());
                return;
            }
        }
    }
}

#[test]
fn silent_connections_keep_nobody_out_and_are_closed() {
    let lab = Lab::new();
    let ask = || lab.list("certs/ca.pem", "certs/user.token").expect(0);
    ask();
    let silent = open(lab.address(), SILENT, b"");
    ask();
    // There is no room for all of them: the oldest went first, at once.
    closed(&silent[0], Duration::from_secs(5));
    // The first bytes of a TLS record, and the rest never.
    let slow = open(lab.address(), 20, b"\x16\x03\x01");
    ask();
    closed(&silent[SILENT - 1], SENT_AWAY);
    closed(&slow[19], SENT_AWAY);
    ask();
}

#[test]
fn half_an_introduction_is_not_waited_for() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let coordinator = Coordinator::start(at, "data");
    let address: SocketAddr = coordinator
        .url
        .trim_start_matches("http://")
        .parse()
        .unwrap();
    let half = open(address, 20, b"PRI * HTTP/2.0\r\n");
    // A whole one, an empty SETTINGS frame, and no request after it.
    let mut whole = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    whole.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    let idle = open(address, 20, &whole);
    // Another protocol altogether.
    let web = open(address, 1, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    coordinator.call(at, &["list"]).expect(0);
    closed(&web[0], SENT_AWAY);
    closed(&half[0], SENT_AWAY);
    closed(&idle[0], SENT_AWAY);
    coordinator.call(at, &["list"]).expect(0);
}
