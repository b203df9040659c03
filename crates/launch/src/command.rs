//! Running an outside program to its end, or to the end of our patience, with words that say what went wrong.

use std::io::{ErrorKind, Read, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Output kept of one program, each of both streams. The largest known is `squeue --json`, about 4 kB a job:
/// enough for 60,000 jobs. What is beyond is read and dropped, so that the program can end.
const OUTPUT_BYTES: usize = 256 << 20;

/// Longest pause between two looks at whether a program has ended.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// Wait for the last output after the end: a program that it left behind may hold the other end open (an ssh
/// master connection does), and then there is nothing more to come.
const AFTERWARDS: Duration = Duration::from_millis(500);

#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("`{program}` could not be started: {source}")]
    Start {
        program: String,
        source: std::io::Error,
    },
    #[error("`{program}` ended with {status}{}", reason(.error))]
    Failed {
        program: String,
        status: ExitStatus,
        /// Its standard error.
        error: String,
    },
    #[error("`{program}` did not end within {} s{}", .patience.as_secs(), reason(.error))]
    TimedOut {
        program: String,
        patience: Duration,
        /// Its standard error until then.
        error: String,
    },
}

fn reason(error: &str) -> String {
    match error.trim() {
        "" => String::new(),
        words => format!(": {words}"),
    }
}

/// What a program that ended well has written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    pub out: String,
    pub err: String,
}

/// Runs a program with `input` on its standard input; kills it once `patience` is over.
///
/// # Errors
/// [`CommandError`].
pub fn run(
    program: &str,
    words: &[String],
    input: &str,
    patience: Duration,
) -> Result<Output, CommandError> {
    run_without(program, words, input, patience, &|_| false)
}

/// As [`run`], without the variables of our environment that `drop` names.
///
/// # Errors
/// [`CommandError`].
pub(crate) fn run_without(
    program: &str,
    words: &[String],
    input: &str,
    patience: Duration,
    drop: &dyn Fn(&str) -> bool,
) -> Result<Output, CommandError> {
    let start = |source| CommandError::Start {
        program: program.to_owned(),
        source,
    };
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(drop) {
            command.env_remove(name);
        }
    }
    let mut child = command
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(start)?;
    if let Some(mut stdin) = child.stdin.take() {
        let input = input.to_owned();
        thread::spawn(move || {
            // A program that reads nothing closes its end; its exit says more than this error.
            let _ = stdin.write_all(input.as_bytes());
        });
    }
    let out = Gathered::of(child.stdout.take());
    let err = Gathered::of(child.stderr.take());
    let status = wait(&mut child, patience).map_err(start)?;
    let (out, err) = (out.text(), err.text());
    match status {
        Some(status) if status.success() => Ok(Output { out, err }),
        Some(status) => Err(CommandError::Failed {
            program: program.to_owned(),
            status,
            error: err,
        }),
        None => Err(CommandError::TimedOut {
            program: program.to_owned(),
            patience,
            error: err,
        }),
    }
}

/// The exit status, or none where the program had to be killed.
fn wait(child: &mut Child, patience: Duration) -> std::io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() >= patience {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// A stream as it is read by a thread of its own.
struct Gathered {
    bytes: Arc<Mutex<Vec<u8>>>,
    /// Closed at the stream's end.
    ended: mpsc::Receiver<()>,
}

impl Gathered {
    fn of(stream: Option<impl Read + Send + 'static>) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let (end, ended) = mpsc::channel::<()>();
        if let Some(mut stream) = stream {
            let gathered = Arc::clone(&bytes);
            thread::spawn(move || {
                let mut piece = vec![0; 1 << 14];
                loop {
                    match stream.read(&mut piece) {
                        Ok(0) => break,
                        Ok(read) => {
                            let mut gathered = lock(&gathered);
                            let room = OUTPUT_BYTES.saturating_sub(gathered.len());
                            gathered.extend_from_slice(&piece[..read.min(room)]);
                        }
                        Err(error) if error.kind() == ErrorKind::Interrupted => {}
                        Err(_) => break,
                    }
                }
                drop(end);
            });
        }
        Gathered { bytes, ended }
    }

    /// What has come until the stream's end, or until nothing more is to be waited for.
    fn text(self) -> String {
        // Nothing is ever sent: the end shows as a closed channel.
        let _ = self.ended.recv_timeout(AFTERWARDS);
        String::from_utf8_lossy(&lock(&self.bytes)).into_owned()
    }
}

fn lock(bytes: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    bytes.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, input: &str, patience: Duration) -> Result<Output, CommandError> {
        run("sh", &["-c".to_owned(), script.to_owned()], input, patience)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn both_streams_come_back_and_input_goes_in() {
        let output = shell("cat; echo talk >&2", "secret\n", LONG).unwrap();
        assert_eq!(
            (output.out.as_str(), output.err.as_str()),
            ("secret\n", "talk\n")
        );
        // More than a pipe holds, in both directions.
        let long = "x".repeat(1 << 20);
        assert_eq!(shell("cat", &long, LONG).unwrap().out.len(), 1 << 20);
        assert_eq!(shell("true", &long, LONG).unwrap(), Output::default());
    }

    #[test]
    fn failures_say_what_the_program_said() {
        let check = |script: &str, patience, words: &[&str]| {
            let error = shell(script, "", patience).unwrap_err().to_string();
            for word in words {
                assert!(error.contains(word), "`{word}` is missing in: {error}");
            }
        };
        check(
            "echo why >&2; exit 3",
            LONG,
            &["`sh`", "exit status: 3", ": why"],
        );
        check(
            "echo slow >&2; exec sleep 60",
            Duration::from_millis(200),
            &["did not end", ": slow"],
        );
        let error = run("no-such-program-here", &[], "", LONG)
            .unwrap_err()
            .to_string();
        assert!(error.contains("no-such-program-here"), "{error}");
    }

    #[test]
    fn a_process_left_behind_with_our_pipes_is_not_waited_for() {
        let begun = Instant::now();
        let output = shell("sleep 20 & echo done", "", LONG).unwrap();
        assert_eq!(output.out, "done\n");
        assert!(begun.elapsed() < Duration::from_secs(15));
    }
}
