//! SSH: workers on hosts of a list, through the machine's own `ssh` with its keys and settings.
//!
//! Nothing is copied. The remote shell starts the worker detached, since ending the ssh client leaves the
//! remote process running anyway, and prints its process id, by which it is stopped again. A token goes over
//! standard input into a file that only its owner can read.

use crate::command::{CommandError, run};
use crate::pilot::{Pilot, quote};

#[derive(Debug, thiserror::Error)]
pub enum SshError {
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("the host answered `{0}` instead of a process id")]
    NoProcess(String),
    #[error(
        "line {line} of the hosts file is `{found}`: a host is [USER@]NAME, and an option would be one of ssh's"
    )]
    Host { line: usize, found: String },
}

/// Hosts of a file: one a line, `#` begins a comment.
///
/// # Errors
/// [`SshError::Host`] where a line could be taken for an option.
pub fn hosts(text: &str) -> Result<Vec<String>, SshError> {
    let mut hosts = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let host = line.split('#').next().unwrap_or_default().trim();
        if host.is_empty() {
            continue;
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.@:[]".contains(c);
        if host.starts_with('-') || !host.chars().all(plain) {
            return Err(SshError::Host {
                line: at + 1,
                found: host.to_owned(),
            });
        }
        hosts.push(host.to_owned());
    }
    Ok(hosts)
}

/// Starts a worker on a host and returns its process id there. `token` is written to the host's file
/// `token_file` of the pilot first, where both are given.
///
/// # Errors
/// [`SshError`], with what ssh or the host said.
pub fn start(
    host: &str,
    options: &[String],
    pilot: &Pilot,
    token: Option<&str>,
) -> Result<u32, SshError> {
    let answer = run(
        "ssh",
        &words(host, options, &start_command(pilot, token.is_some())),
        token.unwrap_or(""),
    )?;
    let line = answer.lines().last().unwrap_or_default().trim();
    line.parse()
        .map_err(|_| SshError::NoProcess(answer.trim().to_owned()))
}

/// Asks a worker on a host to drain.
///
/// # Errors
/// [`SshError`].
pub fn stop(host: &str, options: &[String], process: u32) -> Result<(), SshError> {
    run(
        "ssh",
        &words(host, options, &format!("kill -s TERM {process}")),
        "",
    )?;
    Ok(())
}

fn words(host: &str, options: &[String], command: &str) -> Vec<String> {
    // Never ask: a password prompt of one host would stop all others.
    let mut words = vec!["-o".to_owned(), "BatchMode=yes".to_owned()];
    words.extend_from_slice(options);
    words.extend(["--".to_owned(), host.to_owned(), command.to_owned()]);
    words
}

/// What the remote shell runs. The worker is a process of its own session with its log beside it.
fn start_command(pilot: &Pilot, with_token: bool) -> String {
    let program = quote(&pilot.program.to_string_lossy());
    let mut command = format!(
        "command -v {program} >/dev/null || {{ echo {program} is not there >&2; exit 127; }}; "
    );
    if let Some(file) = pilot.token_file.as_ref().filter(|_| with_token) {
        let file = quote(&file.to_string_lossy());
        command += &format!("(umask 077 && cat > {file}) || exit 1; ");
    }
    command += &format!(
        "nohup {} --name \"ssh-$(hostname)-$$\" > \"${{TMPDIR:-/tmp}}/parsimony-worker-$$.log\" 2>&1 < /dev/null & echo $!",
        pilot.command()
    );
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_and_never_options() {
        let read = hosts("# lab\nnode1\n lab@node2 # the big one\n\n").unwrap();
        assert_eq!(read, ["node1", "lab@node2"]);
        for bad in ["-oProxyCommand=x", "node 1", "node;rm", "$(id)"] {
            assert!(
                matches!(hosts(bad), Err(SshError::Host { line: 1, .. })),
                "{bad}"
            );
        }
    }

    #[test]
    fn the_token_is_not_among_the_words() {
        let pilot = Pilot {
            program: "parsimony".into(),
            coordinator: "https://head:7070".to_owned(),
            ca: None,
            token_file: Some("/run/user/7/t".into()),
            threads: Some(4),
            idle_timeout_seconds: None,
        };
        let command = start_command(&pilot, true);
        assert!(
            command.contains("umask 077 && cat > /run/user/7/t"),
            "{command}"
        );
        assert!(command.contains("--token-file /run/user/7/t"), "{command}");
        assert!(command.ends_with("& echo $!"), "{command}");
        assert!(!start_command(&pilot, false).contains("umask"));
        assert_eq!(words("n", &[], "x")[..2], ["-o", "BatchMode=yes"]);
    }
}
