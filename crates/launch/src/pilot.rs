//! The command line of a worker that is started elsewhere. Secrets are named by file, never by value.

use std::path::PathBuf;

/// What a worker elsewhere is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pilot {
    /// The program, as a path on the machine where it will run.
    pub program: PathBuf,
    pub coordinator: String,
    /// Authority for https.
    pub ca: Option<PathBuf>,
    /// File of the worker token.
    pub token_file: Option<PathBuf>,
    pub threads: Option<u32>,
    /// Leave after so many seconds without a lease.
    pub idle_timeout_seconds: Option<u64>,
}

impl Pilot {
    /// The worker's words, each quoted for a POSIX shell, without the program.
    pub fn words(&self) -> Vec<String> {
        let mut words = vec![
            "worker".to_owned(),
            "--coordinator".to_owned(),
            quote(&self.coordinator),
        ];
        let mut path = |flag: &str, path: &Option<PathBuf>| {
            if let Some(path) = path {
                words.push(flag.to_owned());
                words.push(quote(&path.to_string_lossy()));
            }
        };
        path("--ca", &self.ca);
        path("--token-file", &self.token_file);
        if let Some(threads) = self.threads {
            words.push("--threads".to_owned());
            words.push(threads.to_string());
        }
        if let Some(seconds) = self.idle_timeout_seconds {
            words.push("--idle-timeout".to_owned());
            words.push(format!("{seconds}s"));
        }
        words
    }

    /// The whole command for a POSIX shell.
    pub fn command(&self) -> String {
        format!(
            "{} {}",
            quote(&self.program.to_string_lossy()),
            self.words().join(" ")
        )
    }
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
mod tests {
    use super::*;

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
            program: "/opt/parsimony".into(),
            coordinator: "https://head:7070".to_owned(),
            ca: Some("/home/lab/ca.pem".into()),
            token_file: Some("/home/lab/worker.token".into()),
            threads: None,
            idle_timeout_seconds: Some(300),
        };
        assert_eq!(
            pilot.command(),
            "/opt/parsimony worker --coordinator https://head:7070 --ca /home/lab/ca.pem \
             --token-file /home/lab/worker.token --idle-timeout 300s"
        );
    }
}
