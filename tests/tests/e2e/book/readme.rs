//! The README's own commands, run in order.

use tests::process::{Coordinator, root, run};

use super::{blocks, commands, read, workplace};

/// The README is for a first visit; everything else is in the book.
const MOST_LINES: usize = 150;

/// The commands of the README's shell blocks.
fn script() -> Vec<Vec<String>> {
    let own = blocks("sh").into_iter();
    own.filter(|(name, _)| name.starts_with("README.md"))
        .flat_map(|(_, block)| commands::calls(&block.text))
        .collect()
}

#[test]
fn the_readme_is_short() {
    let lines = read(&root().join("README.md")).lines().count();
    assert!(lines <= MOST_LINES, "{lines} lines");
}

#[test]
fn it_begins_with_two_commands() {
    let (_, first) = blocks("sh").into_iter().next().unwrap();
    let lines: Vec<&str> = first.text.lines().collect();
    let expected = [
        "cargo run --release -- run sweeps/quickstart.toml",
        "cargo test --release --workspace",
    ];
    assert_eq!(lines, expected);
}

/// What works on this machine alone.
#[test]
fn local_commands_run() {
    let folder = workplace();
    let mut count = 0;
    for words in script() {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if let Some(&("run" | "plan" | "query")) = words.first() {
            run(folder.path(), &words).expect(0);
            count += 1;
        }
    }
    assert!(count >= 3, "{count} commands");
}

/// The cluster by hand, its coordinator on a port of its own.
#[test]
fn cluster_commands_run() {
    let folder = workplace();
    let coordinator = Coordinator::start(folder.path(), "runs");
    let mut workers = Vec::new();
    let mut count = 0;
    for words in script() {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.first() {
            Some(&"worker") => {
                for k in 1..=3 {
                    workers.push(coordinator.worker(folder.path(), &format!("w{k}"), 1));
                }
            }
            Some(&("submit" | "watch" | "fetch" | "list" | "status" | "workers")) => {
                coordinator.call(folder.path(), &words).expect(0);
                count += 1;
            }
            _ => {}
        }
    }
    assert_eq!(workers.len(), 3);
    assert!(count >= 3, "{count} commands");
    assert!(folder.path().join("here/manifest.json").exists());
}
