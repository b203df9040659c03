//! `top` on a real terminal and without one.

use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use tests::process::{Background, Coordinator, command, program, until};

use crate::{SMALL, folder_with};

/// What the terminal is sent to leave the full screen.
const LEAVES: &str = "\u{1b}[?1049l";

#[test]
fn top_shows_a_coordinator_and_gives_the_terminal_back() {
    if !["/usr/bin/script", "/bin/script"]
        .iter()
        .any(|path| std::path::Path::new(path).exists())
    {
        eprintln!("SKIPPED: script is not installed");
        return;
    }
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let coordinator = Coordinator::start(at, "data");
    coordinator.call(at, &["submit", "small.toml"]).expect(0);
    let top = format!(
        "stty rows 24 cols 80; exec '{}' top --coordinator {}",
        program().display(),
        coordinator.url
    );
    let mut child = std::process::Command::new("script")
        .args(["--quiet", "--return", "--command", &top, "/dev/null"])
        .current_dir(at)
        .env("TERM", "xterm-256color")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut keys, mut out) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let shown = Arc::new(Mutex::new(String::new()));
    let screen = Arc::clone(&shown);
    let reader = std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = out.read(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
            screen.lock().unwrap().push_str(&text);
        }
    });
    let mut process = Background { child };
    let sees = |words: &str| shown.lock().unwrap().contains(words);
    until("the sweep", || sees("small") && sees("running"));
    assert!(!sees(LEAVES));
    keys.write_all(b"q").unwrap();
    assert_eq!(process.wait(), Some(0), "{}", shown.lock().unwrap());
    reader.join().unwrap();
    assert!(sees(LEAVES), "the terminal stays in the full screen");
}

#[test]
fn top_needs_a_terminal() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let ended = command(at).arg("top").output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    let words = String::from_utf8_lossy(&ended.stderr);
    assert!(
        words.contains("`top` needs a terminal") && words.contains("`parsimony list`"),
        "{words}"
    );
    assert!(ended.stdout.is_empty());
}
