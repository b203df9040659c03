//! What is said to one host, and how its answer is read.

use std::time::Duration;

use super::error::SshError;
use crate::command::{CommandError, Output, run};
use crate::pilot::{Pilot, quote};

/// Wait for one host, its ssh connection included.
const PATIENCE: Duration = Duration::from_secs(60);

/// Begins what is ours of a host's answer: a login shell may print a greeting before it, with or without a line end.
const MARK: &str = "parsimony:";

/// Waits before a connection that was dropped is tried again.
const RETRIES: [Duration; 4] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// A worker on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// Its process id there.
    pub process: u32,
    /// Its log file there; none where it was there before.
    pub log: Option<String>,
    /// What it has said so far.
    pub words: String,
}

/// What became of a worker that was asked to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It finishes or checkpoints what runs, and leaves.
    Draining,
    /// It was not there any more.
    Gone,
}

/// Starts a worker on a host, unless one of `known` is still there. `token` goes over standard input; without
/// it the pilot's own file is read there.
///
/// # Errors
/// [`SshError`], with what ssh, the host or a worker that ended at once has said.
pub fn start(
    host: &str,
    options: &[String],
    pilot: &Pilot,
    token: Option<&str>,
    known: &[u32],
) -> Result<Started, SshError> {
    let script = start_script(pilot, token.is_some(), known);
    let input = token.map_or_else(String::new, |token| format!("{token}\n"));
    let answer = ask(&words(host, options, &script), &input)?;
    read_start(&answer.out).ok_or_else(|| SshError::NoProcess(answer.out.trim().to_owned()))
}

/// Asks a worker on a host to drain.
///
/// # Errors
/// [`SshError`].
pub fn stop(
    host: &str,
    options: &[String],
    coordinator: &str,
    process: u32,
) -> Result<Stopped, SshError> {
    let script = stop_script(coordinator, process);
    let answer = ask(&words(host, options, &script), "")?;
    let ours = |word: &str| {
        let ending = format!("{MARK} {word}");
        answer
            .out
            .lines()
            .any(|line| line.trim_end().ends_with(&ending))
    };
    if ours("draining") {
        Ok(Stopped::Draining)
    } else if ours("gone") {
        Ok(Stopped::Gone)
    } else {
        Err(SshError::NoProcess(answer.out.trim().to_owned()))
    }
}

/// Calls ssh, again where the host or one on the way refused the connection itself: sshd drops connections at random
/// once some (MaxStartups, 10) are being made at the same time. Then nothing has been started there.
fn ask(words: &[String], input: &str) -> Result<Output, SshError> {
    let mut waits = RETRIES.iter();
    loop {
        let refused = match run("ssh", words, input, PATIENCE) {
            Err(CommandError::Failed { error, .. }) if is_dropped(&error) => error,
            other => return Ok(other?),
        };
        let Some(&wait) = waits.next() else {
            return Err(SshError::Dropped(refused.trim().to_owned()));
        };
        // Not all at the same moment again: process ids and addresses differ enough.
        let spread = Duration::from_millis(u64::from(words.as_ptr() as usize as u32 >> 4) % 500);
        std::thread::sleep(wait + spread);
    }
}

/// Whether ssh ended before it had a connection that anything could run over.
fn is_dropped(error: &str) -> bool {
    let before = [
        "kex_exchange_identification",
        "banner exchange",
        "stdio forwarding failed",
        "Exceeded MaxStartups",
    ];
    before.iter().any(|words| error.contains(words))
}

/// The words of ssh. The first value of an option counts, so the caller's own come before our timeout.
fn words(host: &str, options: &[String], script: &str) -> Vec<String> {
    // Never ask: a password prompt of one host would stop all others.
    let mut words = vec!["-T".to_owned(), "-o".to_owned(), "BatchMode=yes".to_owned()];
    words.extend_from_slice(options);
    words.extend(["-o".to_owned(), "ConnectTimeout=15".to_owned()]);
    // The login shell may be any; only this one's language is known.
    let command = format!("exec /bin/sh -c {}", quote(script));
    words.extend(["--".to_owned(), host.to_owned(), command]);
    words
}

/// A function of the remote shell: whether a process is a worker of this coordinator. Numbers are used again, so
/// the command line is looked at, in /proc or else by `ps`.
fn is_ours(coordinator: &str) -> String {
    let part = quote(&format!(" worker --coordinator {coordinator} "));
    format!(
        "ours() {{ if [ -r /proc/$1/cmdline ]; then tr \"\\0\" \" \" < /proc/$1/cmdline; \
         else ps -o args= -p $1; fi 2>/dev/null | grep -F -q -e {part}; }}"
    )
}

/// What the remote shell runs, on one line, since not every login shell passes more on. The worker is left
/// behind with its log in a file of its own; one that ends at once is a failure, reported with what it said.
fn start_script(pilot: &Pilot, with_token: bool, known: &[u32]) -> String {
    let program = pilot.program();
    let mut steps = vec![
        is_ours(&pilot.coordinator),
        format!(
            "command -v {program} >/dev/null || {{ echo {program} is not there >&2; exit 127; }}"
        ),
    ];
    for process in known {
        steps.push(format!(
            "if ours {process}; then echo {MARK} {process}; exit 0; fi"
        ));
    }
    steps.push("log=$(mktemp \"${TMPDIR:-/tmp}/parsimony-worker.XXXXXX\") || exit 1".to_owned());
    let mut pilot = pilot.clone();
    // `printf` is the shell's own: the token is on no command line. A pipe, because what sshd gives as
    // standard input may be a socket, which cannot be opened by name.
    let mut feed = String::new();
    if with_token {
        steps.push("IFS= read -r token".to_owned());
        feed = "printf \"%s\\n\" \"$token\" | ".to_owned();
        pilot.token_file = Some("/dev/stdin".into());
    }
    let threads = pilot
        .threads
        .map_or_else(String::new, |threads| format!(" --threads {threads}"));
    let from = if with_token { "" } else { " < /dev/null" };
    steps.push(format!(
        "{feed}nohup {program} {}{threads} --name \"ssh-$(uname -n)-$$\" > \"$log\" 2>&1{from} & worker=$!",
        pilot.words().join(" ")
    ));
    // A worker that cannot work says so at once: it is waited for no longer than a person would.
    steps.push("token=; n=0".to_owned());
    steps.push(
        "while kill -0 $worker 2>/dev/null && [ $n -lt 10 ]; do sleep 0.2 || sleep 1; n=$((n + 1)); done"
            .to_owned(),
    );
    steps.push(format!(
        "if kill -0 $worker 2>/dev/null; then echo {MARK} $worker \"$log\"; tail -n 3 \"$log\"; exit 0; fi"
    ));
    steps.push("wait $worker; code=$?; cat \"$log\" >&2; rm -f \"$log\"".to_owned());
    steps.push("echo the worker ended at once with code $code >&2; exit 1".to_owned());
    steps.join("; ")
}

fn stop_script(coordinator: &str, process: u32) -> String {
    format!(
        "{}; if ours {process}; then kill -s TERM {process} && echo {MARK} draining; else echo {MARK} gone; fi",
        is_ours(coordinator)
    )
}

/// Reads the answer to a start: the marked line, and the worker's words after it.
fn read_start(answer: &str) -> Option<Started> {
    let mut lines = answer.lines().skip_while(|line| !line.contains(MARK));
    let (_, ours) = lines.next()?.split_once(MARK)?;
    let mut fields = ours.trim().splitn(2, ' ');
    let process = fields.next()?.parse().ok()?;
    Some(Started {
        process,
        log: fields.next().map(str::to_owned),
        words: lines.collect::<Vec<_>>().join("\n"),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::pilot::tests::plain;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn the_token_is_not_among_the_words() {
        let pilot = Pilot {
            token_file: Some("/opt/lab/worker.token".into()),
            threads: Some(4),
            ..plain("parsimony")
        };
        let script = start_script(&pilot, true, &[]);
        assert!(
            script.contains("--token-file /dev/stdin --threads 4"),
            "{script}"
        );
        let script = start_script(&pilot, false, &[]);
        assert!(
            script.contains("--token-file /opt/lab/worker.token"),
            "{script}"
        );
        assert!(!script.contains('\n'), "{script}");
        let options = ["-o".to_owned(), "ConnectTimeout=2".to_owned()];
        let words = words("lab@node", &options, "echo 'x'");
        let expected = "-T -o BatchMode=yes -o ConnectTimeout=2 -o ConnectTimeout=15 -- lab@node \
                        exec /bin/sh -c 'echo '\\''x'\\'''";
        assert_eq!(words.join(" "), expected);
    }

    #[test]
    fn answers_are_read_behind_a_greeting() {
        let check = |answer, expected: Option<(u32, Option<&str>, &str)>| {
            let read = read_start(answer);
            let seen = read
                .as_ref()
                .map(|s| (s.process, s.log.as_deref(), s.words.as_str()));
            assert_eq!(seen, expected, "{answer}");
        };
        check("parsimony: 12 /tmp/a b\n", Some((12, Some("/tmp/a b"), "")));
        check(
            "Welcome!\nparsimony: 12 /tmp/l\nWARN away\n",
            Some((12, Some("/tmp/l"), "WARN away")),
        );
        check("parsimony: 7\n", Some((7, None, "")));
        check(
            "Welcome! parsimony: 7 /tmp/l\n",
            Some((7, Some("/tmp/l"), "")),
        );
        check("parsimony: x\n", None);
        check("", None);
    }

    #[test]
    fn only_connections_that_never_were_are_tried_again() {
        assert!(is_dropped(
            "kex_exchange_identification: Connection closed by remote host"
        ));
        assert!(is_dropped("Connection timed out during banner exchange"));
        assert!(!is_dropped("Connection to node closed by remote host."));
        assert!(!is_dropped("Permission denied (publickey)."));
    }

    /// A program that stands for the worker.
    fn stand_in(folder: &Path, body: &str) -> Pilot {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder.join("stand in");
        std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        let executable = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(&path, executable).unwrap();
        plain(path.to_str().unwrap())
    }

    fn shell(script: &str, input: &str) -> Result<String, crate::CommandError> {
        let words = ["-c".to_owned(), script.to_owned()];
        run("sh", &words, input, LONG).map(|output| output.out)
    }

    #[test]
    fn a_worker_is_started_found_again_and_drained() {
        let folder = tempfile::tempdir().unwrap();
        let body =
            "read -r token; echo \"got $token\"; trap 'kill $!; exit 0' TERM; sleep 300 & wait";
        let pilot = stand_in(folder.path(), body);
        let answer = shell(&start_script(&pilot, true, &[]), "worker.9.secret\n").unwrap();
        let started = read_start(&answer).unwrap_or_else(|| panic!("no answer in {answer:?}"));
        assert_eq!(started.words, "got worker.9.secret");
        if let Ok(command) = std::fs::read(format!("/proc/{}/cmdline", started.process)) {
            let command = String::from_utf8_lossy(&command).into_owned();
            assert!(
                !command.contains("secret"),
                "the token is on a command line: {command}"
            );
        }
        // A second start finds it.
        let known = [1, started.process];
        let again = shell(&start_script(&pilot, true, &known), "worker.9.secret\n").unwrap();
        let again = read_start(&again).unwrap();
        assert_eq!((again.process, again.log), (started.process, None));
        // Another coordinator's worker is not touched; ours drains, and then it is gone.
        let stop =
            |coordinator: &str| shell(&stop_script(coordinator, started.process), "").unwrap();
        assert_eq!(stop("https://head:70").trim(), "parsimony: gone");
        assert_eq!(stop("https://head:7070").trim(), "parsimony: draining");
        let begun = std::time::Instant::now();
        while stop("https://head:7070").contains("draining") {
            assert!(begun.elapsed() < LONG, "it does not end");
        }
        std::fs::remove_file(started.log.unwrap()).unwrap();
    }

    #[test]
    fn a_worker_that_ends_at_once_is_a_failure_with_its_words() {
        let folder = tempfile::tempdir().unwrap();
        let pilot = stand_in(
            folder.path(),
            "echo the coordinator refused this worker >&2; exit 2",
        );
        let error = shell(&start_script(&pilot, false, &[]), "")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("refused this worker") && error.contains("code 2"),
            "{error}"
        );
        let absent = plain("/no/such/program");
        let error = shell(&start_script(&absent, false, &[]), "")
            .unwrap_err()
            .to_string();
        assert!(error.contains("/no/such/program is not there"), "{error}");
    }
}
