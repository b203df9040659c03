//! The command line of a worker that is started elsewhere. Secrets are named by file, never by value.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a worker elsewhere is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pilot {
    /// The program, as a path on the machine where it will run, or a name to be found there.
    pub program: PathBuf,
    /// Address of the coordinator as seen from there.
    pub coordinator: String,
    /// Authority for https, as a path there.
    pub ca: Option<PathBuf>,
    /// File of the worker token, as a path there.
    pub token_file: Option<PathBuf>,
    /// Trials at the same time; `None`: what the machine, or the batch system, gives.
    pub threads: Option<u32>,
    /// Leave after so long without a lease.
    pub idle_timeout: Option<Duration>,
    /// How long to look for a lost coordinator.
    pub reconnect: Option<Duration>,
}

impl Pilot {
    /// The worker's words, each quoted for a POSIX shell, without the program, its threads and its name.
    pub fn words(&self) -> Vec<String> {
        let mut words = vec![
            "worker".to_owned(),
            "--coordinator".to_owned(),
            quote(&self.coordinator),
        ];
        let mut flag = |flag: &str, value: Option<String>| {
            if let Some(value) = value {
                words.push(flag.to_owned());
                words.push(quote(&value));
            }
        };
        let path = |path: &Path| path.to_string_lossy().into_owned();
        flag("--ca", self.ca.as_deref().map(path));
        flag("--token-file", self.token_file.as_deref().map(path));
        flag("--idle-timeout", self.idle_timeout.map(seconds));
        flag("--reconnect", self.reconnect.map(seconds));
        words
    }

    /// The program, quoted for a POSIX shell.
    pub fn program(&self) -> String {
        quote(&self.program.to_string_lossy())
    }
}

/// A time as the worker reads it.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{}s", time.as_secs_f64())
}

/// Quotes a word for a POSIX shell; plain words stay as they are.
pub(crate) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A pilot with everything that has a default left out.
    pub(crate) fn plain(program: &str) -> Pilot {
        Pilot {
            program: program.into(),
            coordinator: "https://head:7070".to_owned(),
            ca: None,
            token_file: None,
            threads: None,
            idle_timeout: None,
            reconnect: None,
        }
    }

    #[test]
    fn words_survive_a_shell() {
        let check = |word, expected: &str| assert_eq!(quote(word), expected);
        check("http://head:7070", "http://head:7070");
        check("a b", "'a b'");
        check("it's; rm -rf /", "'it'\\''s; rm -rf /'");
        check("", "''");
        check("$HOME", "'$HOME'");
    }

    #[test]
    fn a_pilot_names_its_token_by_file() {
        let pilot = Pilot {
            ca: Some("/opt/parsimony/ca.pem".into()),
            token_file: Some("/opt/lab/my token".into()),
            idle_timeout: Some(Duration::from_secs(300)),
            reconnect: Some(Duration::from_millis(1500)),
            ..plain("/opt/parsimony")
        };
        assert_eq!(
            pilot.words().join(" "),
            "worker --coordinator https://head:7070 --ca /opt/parsimony/ca.pem \
             --token-file '/opt/lab/my token' --idle-timeout 300s --reconnect 1.5s"
        );
        assert_eq!(
            plain("/opt/my programs/p").program(),
            "'/opt/my programs/p'"
        );
    }
}
