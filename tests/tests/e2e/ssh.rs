//! `parsimony launch ssh` against a real sshd on loopback, with a key and settings that are thrown away.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tests::process::{Background, Coordinator, Finished, program, run, until};
use tests::tables::assert_equal;

use crate::{SMALL, folder_with};

/// An sshd of its own.
struct Host {
    _daemon: Background,
    /// For `ssh -F`.
    config: PathBuf,
}

/// Starts an sshd in a folder; `None`, with a word, where there is none to be had.
fn host(at: &Path) -> Option<Host> {
    host_with(at, "")
}

/// One with more settings.
fn host_with(at: &Path, more: &str) -> Option<Host> {
    let skip = |why: &str| {
        eprintln!("SKIPPED: {why}");
        None
    };
    let sshd = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"].map(Path::new);
    let Some(sshd) = sshd.into_iter().find(|path| path.exists()) else {
        return skip("no sshd is installed (Debian: openssh-server)");
    };
    for key in ["host", "key"] {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(at.join(key))
            .status();
        if !made.is_ok_and(|status| status.success()) {
            return skip("ssh-keygen makes no keys");
        }
    }
    // Where root starts it, it wants a folder for the unprivileged half of it; elsewhere nobody may make one.
    let _ = std::fs::create_dir_all("/run/sshd");
    let port = free_port();
    let folder = at.display();
    let server = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/key.pub\n\
         PidFile {folder}/sshd.pid\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
         KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n{more}"
    );
    let client = format!(
        "Host node*\n  HostName 127.0.0.1\nHost *\n  Port {port}\n  IdentityFile {folder}/key\n  IdentitiesOnly yes\n  LogLevel ERROR\n  \
         UserKnownHostsFile {folder}/known\n  StrictHostKeyChecking no\n"
    );
    std::fs::write(at.join("sshd_config"), server).unwrap();
    let config = at.join("ssh_config");
    std::fs::write(&config, client).unwrap();
    let mut daemon = Command::new(sshd);
    daemon
        .arg("-D")
        .arg("-f")
        .arg(at.join("sshd_config"))
        .stdin(Stdio::null());
    let mut daemon = Background::start(daemon);
    let answers = || {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F")
            .arg(&config)
            .args(["-o", "BatchMode=yes", "127.0.0.1", "true"]);
        ssh.output().is_ok_and(|output| output.status.success())
    };
    let mut ended = false;
    until("sshd to answer", || {
        ended = daemon.child.try_wait().unwrap().is_some();
        ended || answers()
    });
    if ended {
        return skip("sshd does not start here");
    }
    Some(Host {
        _daemon: daemon,
        config,
    })
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The workers of a state file, ended with the test whatever becomes of it.
struct Remembered(PathBuf);

impl Remembered {
    fn workers(&self) -> Vec<(String, u64)> {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        let state: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let workers = state["workers"].as_array().cloned().unwrap_or_default();
        let of = |worker: &serde_json::Value| {
            let host = worker["host"].as_str().unwrap().to_owned();
            (host, worker["process"].as_u64().unwrap())
        };
        workers.iter().map(of).collect()
    }
}

impl Drop for Remembered {
    fn drop(&mut self) {
        for (_, process) in self.workers() {
            if command_line(process).contains("parsimony") {
                let _ = Command::new("kill").arg(process.to_string()).status();
            }
        }
    }
}

/// Words of a process, empty once it is gone.
fn command_line(process: u64) -> String {
    let words = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&words).replace('\0', " ")
}

/// `parsimony launch ssh` with this test's key.
fn launch(at: &Path, host: &Host, words: &[&str]) -> Finished {
    let config = host.config.to_str().unwrap();
    let mut all = vec!["launch", "ssh", "--state", "state/ssh.json"];
    all.extend(words);
    all.extend(["--", "-F", config]);
    run(at, &all)
}

#[test]
fn workers_over_ssh_run_a_sweep_and_drain() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let Some(host) = host(at) else {
        return;
    };
    run(at, &["certs", "certs", "--host", "127.0.0.1"]).expect(0);
    let coordinator = Coordinator::with(at, "data", "127.0.0.1:0", |command| {
        command.args(["--certs", "certs"]);
    });
    let remembered = Remembered(at.join("state/ssh.json"));
    let program = program();
    let start = [
        "--hosts",
        "hosts.txt",
        "--coordinator",
        &coordinator.url,
        "--ca",
        "certs/ca.pem",
        "--token-file",
        "certs/worker.token",
        "--program",
        program.to_str().unwrap(),
        "--threads",
        "1",
        "--reconnect",
        "5s",
    ];
    // The second has no sshd: it is reported with the reason, and the first starts.
    std::fs::write(at.join("hosts.txt"), "127.0.0.1 # here\n127.0.0.2\n").unwrap();
    let printed = launch(at, &host, &start).expect(1);
    assert!(
        printed.err.contains("127.0.0.2:") && printed.err.contains("refused"),
        "{}",
        printed.err
    );
    assert!(
        printed.err.contains("1 of 2 hosts failed"),
        "{}",
        printed.err
    );
    let workers = remembered.workers();
    let [(name, process)] = workers.as_slice() else {
        panic!("{workers:?} are remembered");
    };
    assert_eq!(printed.out, format!("{name} {process}\n"));
    let token = std::fs::read_to_string(at.join("certs/worker.token")).unwrap();
    let words = command_line(*process);
    assert!(words.contains(" worker --coordinator "), "{words}");
    assert!(
        !words.contains(token.trim()),
        "the token is on a command line"
    );

    // A person's calls need the person's token.
    let user = ["--ca", "certs/ca.pem", "--token-file", "certs/user.token"];
    let call = |words: &[&str]| coordinator.call(at, &[words, &user[..]].concat());
    call(&["submit", "small.toml"]).expect(0);
    call(&["watch", "small"]).expect(0);
    run(at, &["run", "small.toml", "--out", "local"]).expect(0);
    assert_equal(&at.join("local"), &at.join("data/small"));

    // Started again, it is found.
    std::fs::write(at.join("hosts.txt"), "127.0.0.1\n").unwrap();
    let again = launch(at, &host, &start).expect(0);
    assert_eq!(again.out, printed.out);
    assert!(again.err.contains("there already"), "{}", again.err);

    let stopped = launch(at, &host, &["--stop"]).expect(0);
    assert_eq!(stopped.out, format!("{name} {process} draining\n"));
    until("the worker to leave", || command_line(*process).is_empty());
    assert!(remembered.workers().is_empty());
    let left = call(&["workers", "--json"]).expect(0);
    assert_eq!(left.out.trim(), "[]");
    assert_eq!(launch(at, &host, &["--stop"]).expect(0).out, "");
}

#[test]
fn a_refused_worker_is_reported_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let Some(host) = host(at) else {
        return;
    };
    run(at, &["certs", "certs", "--host", "127.0.0.1"]).expect(0);
    run(at, &["certs", "others", "--host", "127.0.0.1"]).expect(0);
    let coordinator = Coordinator::with(at, "data", "127.0.0.1:0", |command| {
        command.args(["--certs", "certs"]);
    });
    let _remembered = Remembered(at.join("state/ssh.json"));
    std::fs::write(at.join("hosts.txt"), "127.0.0.1\n").unwrap();
    let launch_with = |token: &str, program: &str| {
        let words = [
            "--hosts",
            "hosts.txt",
            "--coordinator",
            &coordinator.url,
            "--ca",
            "certs/ca.pem",
            "--token-file",
            token,
            "--program",
            program,
        ];
        launch(at, &host, &words)
    };
    let program = program();
    // On a machine that is busy, the refusal may come after the launch has stopped to wait for it.
    until("the report of the refusal", || {
        let printed = launch_with("others/worker.token", program.to_str().unwrap());
        printed.code == Some(1) && printed.err.contains("wrong token")
    });
    let printed = launch_with("certs/worker.token", "/no/such/program").expect(1);
    assert!(
        printed.err.contains("/no/such/program is not there"),
        "{}",
        printed.err
    );
    // A person's token is refused here already.
    let printed = launch_with("certs/user.token", program.to_str().unwrap()).expect(2);
    assert!(printed.err.contains("worker.token"), "{}", printed.err);
}

/// A login shell that greets without ending its line.
#[test]
fn a_greeting_without_a_line_end_hides_no_worker() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let greeting = "ForceCommand printf 'Welcome to the lab! '; eval \"$SSH_ORIGINAL_COMMAND\"\n";
    let Some(host) = host_with(at, greeting) else {
        return;
    };
    let coordinator = Coordinator::start(at, "data");
    let remembered = Remembered(at.join("state/ssh.json"));
    std::fs::write(at.join("hosts.txt"), "127.0.0.1\n").unwrap();
    let program = program();
    let mut start = vec!["--hosts", "hosts.txt", "--coordinator", &coordinator.url];
    start.extend(["--program", program.to_str().unwrap(), "--threads", "1"]);
    let first = launch(at, &host, &start).expect(0);
    assert_eq!(remembered.workers().len(), 1, "{}", first.err);
    let again = launch(at, &host, &start).expect(0);
    assert!(again.err.contains("there already"), "{}", again.err);
    let stopped = launch(at, &host, &["--stop"]).expect(0);
    assert!(stopped.out.contains("draining"), "{}", stopped.out);
    assert!(remembered.workers().is_empty());
}

/// One sshd that all connections go through, as a jump host is, drops those beyond a few in the making.
#[test]
fn connections_that_a_busy_host_drops_are_made_again() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let Some(host) = host_with(at, "MaxStartups 2\n") else {
        return;
    };
    let coordinator = Coordinator::start(at, "data");
    let remembered = Remembered(at.join("state/ssh.json"));
    let hosts: String = (1..=10).map(|node| format!("node{node}\n")).collect();
    std::fs::write(at.join("hosts.txt"), hosts).unwrap();
    let program = program();
    let mut start = vec!["--hosts", "hosts.txt", "--coordinator", &coordinator.url];
    start.extend(["--program", program.to_str().unwrap(), "--threads", "1"]);
    launch(at, &host, &start).expect(0);
    assert_eq!(remembered.workers().len(), 10);
    launch(at, &host, &["--stop"]).expect(0);
}

#[test]
fn hosts_that_are_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let check = |hosts: &str, word: &str| {
        std::fs::write(at.join("hosts.txt"), hosts).unwrap();
        let words = ["launch", "ssh", "--state", "s.json", "--hosts", "hosts.txt"];
        let printed = run(at, &words).expect(2);
        assert!(printed.err.contains(word), "{}", printed.err);
    };
    check("node1\n-oProxyCommand=reboot\n", "line 2");
    check("# nobody\n", "no host");
    run(at, &["launch", "ssh"]).expect(2);
    run(at, &["launch", "ssh", "--hosts", "absent.txt"]).expect(2);
    assert!(!at.join("s.json").exists());
}
