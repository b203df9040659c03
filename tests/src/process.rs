//! Processes of the program under test. Each is ended when its handle is dropped; nothing else is.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for anything: far above what the slowest machine needs, so that a hang fails instead of
/// hanging.
const PATIENCE: Duration = Duration::from_secs(120);

/// The binary, built by the same `cargo test`.
pub fn program() -> PathBuf {
    let mut path = std::env::current_exe().expect("a test knows its own path");
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    let path = path.join("parsimony");
    assert!(
        path.exists(),
        "{} is not built: run `cargo test --release --workspace`",
        path.display()
    );
    path
}

/// A copy of the program in a folder, for an account that cannot reach the original.
///
/// Another process makes it: a child that some other test starts meanwhile would hold a file that is written here
/// open, and the kernel starts no program that is open for writing.
#[track_caller]
pub fn copy_of_program(folder: &Path) -> PathBuf {
    let copy = folder.join("parsimony");
    let copied = Command::new("cp").arg(program()).arg(&copy).status();
    assert!(copied.is_ok_and(|status| status.success()), "no copy");
    copy
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the repository")
        .to_owned()
}

/// A call of the program in a folder, free of the caller's settings.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(program());
    command.current_dir(folder).stdin(Stdio::null());
    for name in [
        "PARSIMONY_COORDINATOR",
        "PARSIMONY_CA",
        "PARSIMONY_TOKEN_FILE",
        "RUST_LOG",
    ] {
        command.env_remove(name);
    }
    command
}

/// Runs the program to its end.
pub fn run(folder: &Path, words: &[&str]) -> Finished {
    let output = command(folder)
        .args(words)
        .output()
        .expect("the program starts");
    Finished::of(words, output)
}

/// What a finished process left.
pub struct Finished {
    pub words: String,
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Finished {
    fn of(words: &[&str], output: Output) -> Self {
        Finished {
            words: words.join(" "),
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails unless the process ended with this exit code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "parsimony {}\n--- out\n{}--- err\n{}",
            self.words,
            self.out,
            self.err
        );
        self
    }
}

/// A process that goes on in the background.
pub struct Background {
    pub child: Child,
}

impl Background {
    /// Starts a process that is not listened to.
    pub fn start(mut command: Command) -> Self {
        command.stderr(Stdio::null());
        Background::talking(command)
    }

    /// Starts a process whose standard error goes where the command says.
    pub fn talking(mut command: Command) -> Self {
        let child = command
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        Background { child }
    }

    /// kill -9.
    pub fn kill(&mut self) {
        // It may have ended by itself, which is as dead.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "kill -s {name} {id}"
        );
    }

    /// Waits for the end and returns the exit code.
    #[track_caller]
    pub fn wait(&mut self) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the child is ours") {
                return status.code();
            }
            assert!(begun.elapsed() < PATIENCE, "the process did not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A coordinator on a free loopback port.
pub struct Coordinator {
    pub process: Background,
    pub url: String,
}

impl Coordinator {
    /// Starts one over a data folder and waits until it listens.
    pub fn start(folder: &Path, data: &str) -> Self {
        Self::with(folder, data, "127.0.0.1:0", |_| {})
    }

    /// Starts one with more settings.
    pub fn with(folder: &Path, data: &str, listen: &str, more: impl FnOnce(&mut Command)) -> Self {
        let mut command = command(folder);
        command.args(["coordinator", "--listen", listen, "--data", data]);
        command.stderr(Stdio::null());
        more(&mut command);
        Self::of(command)
    }

    /// Starts a command that becomes a coordinator and waits until it listens.
    pub fn of(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("stdout is piped");
        BufReader::new(out)
            .read_line(&mut line)
            .expect("a line of text");
        let url = line.trim().strip_prefix("listening on ");
        let url = url
            .unwrap_or_else(|| panic!("the coordinator did not start: {line:?}"))
            .to_owned();
        Coordinator {
            process: Background { child },
            url,
        }
    }

    /// A client call of this coordinator, run to its end.
    pub fn call(&self, folder: &Path, words: &[&str]) -> Finished {
        let mut all = words.to_vec();
        all.extend(["--coordinator", &self.url]);
        run(folder, &all)
    }

    /// A worker of this coordinator.
    pub fn worker(&self, folder: &Path, name: &str, threads: u32) -> Background {
        self.worker_with(folder, name, threads, |_| {})
    }

    /// A worker with more settings.
    pub fn worker_with(
        &self,
        folder: &Path,
        name: &str,
        threads: u32,
        more: impl FnOnce(&mut Command),
    ) -> Background {
        let mut command = command(folder);
        command.args(["worker", "--coordinator", &self.url, "--name", name]);
        command
            .args(["--threads", &threads.to_string()])
            .stderr(Stdio::null());
        more(&mut command);
        Background::talking(command)
    }
}

/// Polls until something holds.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(
            begun.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
