//! The book in `docs/`: its generated pages are fresh, its links lead somewhere, and its commands, sweeps and
//! statements are accepted by the program. How a generated page is made is in the files below.

mod commands;
mod described;
mod generated;
mod markdown;
mod pages;
mod readme;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::process::{root, run};

use markdown::Block;

/// Writes the generated pages anew instead of comparing them.
const UPDATE: &str = "UPDATE_DOCS";

fn book() -> PathBuf {
    root().join("docs")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Paths of all Markdown files of the book, relative to `docs/src`.
fn pages() -> BTreeSet<String> {
    fn walk(folder: &Path, within: &str, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let name = format!("{within}{name}");
            if path.is_dir() {
                walk(&path, &format!("{name}/"), found);
            } else if name.ends_with(".md") {
                found.insert(name);
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(&book().join("src"), "", &mut found);
    found
}

/// The book's pages and the README: path relative to the repository, and text.
fn texts() -> Vec<(String, String)> {
    let pages = pages().into_iter().map(|page| format!("docs/src/{page}"));
    std::iter::once("README.md".to_owned())
        .chain(pages)
        .map(|path| {
            let text = read(&root().join(&path));
            (path, text)
        })
        .collect()
}

/// The code blocks of a language, each with a name for messages.
fn blocks(language: &str) -> Vec<(String, Block)> {
    let mut found = Vec::new();
    for (path, text) in texts() {
        for block in markdown::blocks(&text) {
            if block.language == language {
                found.push((format!("{path}:{}", block.line), block));
            }
        }
    }
    found
}

/// A folder in which the paths of the documentation work.
fn workplace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root().join("sweeps"), folder.path().join("sweeps")).unwrap();
    folder
}

/// Fails with all complaints at once.
#[track_caller]
fn none(what: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "{what}:\n{}", complaints.join("\n"));
}

#[test]
fn generated_pages_are_fresh() {
    let mut stale = Vec::new();
    for (page, text) in generated::pages() {
        let path = book().join("src").join(page);
        if std::env::var_os(UPDATE).is_some() {
            std::fs::write(&path, &text).unwrap();
        } else if std::fs::read_to_string(&path).unwrap_or_default() != text {
            stale.push(page.to_owned());
        }
    }
    none(
        "these pages are out of date; run `UPDATE_DOCS=1 cargo test --release -p tests --test e2e book::generated`",
        &stale,
    );
}

#[test]
fn every_page_is_in_the_summary() {
    let summary = read(&book().join("src/SUMMARY.md"));
    let linked: BTreeSet<String> = markdown::links(&summary).into_iter().collect();
    let mut there = pages();
    there.remove("SUMMARY.md");
    assert_eq!(linked, there, "links of SUMMARY.md, and pages");
}

#[test]
fn links_and_anchors_lead_somewhere() {
    let mut dead = Vec::new();
    for (path, text) in texts() {
        let at = root().join(&path);
        for link in markdown::links(&text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() {
                at.clone()
            } else {
                at.parent().unwrap().join(file)
            };
            if !target.exists() {
                dead.push(format!("{path}: {link}: no such file"));
            } else if !anchor.is_empty() && !markdown::anchors(&read(&target)).contains(anchor) {
                dead.push(format!("{path}: {link}: no such heading"));
            }
        }
    }
    none("dead links", &dead);
}

/// Where paths of the repository begin that pages name between backticks.
const FOLDERS: [&str; 6] = [".ci/", "crates/", "docs/", "proto/", "sweeps/", "tests/"];

#[test]
fn files_that_pages_name_exist() {
    let mut gone = Vec::new();
    let mut count = 0;
    for (page, text) in texts() {
        for word in markdown::words_of_code(&text) {
            let is_path = FOLDERS.iter().any(|folder| word.starts_with(folder));
            if !is_path || word.contains("NAME") || word.contains('*') {
                continue;
            }
            count += 1;
            if !root().join(word).exists() {
                gone.push(format!("{page}: {word}"));
            }
        }
    }
    none("files that do not exist", &gone);
    assert!(count >= 20, "{count} files");
}

/// Blocks marked `toml sweep` are whole sweep files.
#[test]
fn sweeps_of_the_book_are_planned() {
    let folder = workplace();
    let mut wrong = Vec::new();
    let sweeps = blocks("toml");
    let sweeps = sweeps
        .iter()
        .filter(|(_, block)| block.marks.iter().any(|mark| mark == "sweep"));
    let mut count = 0;
    for (name, block) in sweeps {
        count += 1;
        std::fs::write(folder.path().join("sweep.toml"), &block.text).unwrap();
        let planned = run(folder.path(), &["plan", "sweep.toml", "--json"]);
        if planned.code != Some(0) || planned.err.contains("warning:") {
            wrong.push(format!("{name}: {}", planned.err));
        }
    }
    none("sweeps that are not planned", &wrong);
    assert!(count >= 4, "{count} sweeps");
}

#[test]
fn commands_of_the_book_exist_with_their_flags() {
    let mut known = commands::Known::default();
    let mut wrong = Vec::new();
    let mut count = 0;
    for (name, block) in blocks("sh") {
        for words in commands::calls(&block.text) {
            count += 1;
            if let Some(complaint) = known.complaint(&words) {
                wrong.push(format!(
                    "{name}: parsimony {}: {complaint}",
                    words.join(" ")
                ));
            }
        }
    }
    none("commands that the program does not take", &wrong);
    assert!(count >= 30, "{count} commands");
}

/// Each statement is accepted over a run of the quickstart; what it answers is tested elsewhere.
#[test]
fn statements_of_the_book_are_answered() {
    let folder = workplace();
    let short = ["--set", "train.steps=20", "--set", "measure.every=10"];
    let words = [&["run", "sweeps/quickstart.toml"], &short[..]].concat();
    run(folder.path(), &words).expect(0);
    let mut wrong = Vec::new();
    for (name, block) in blocks("sql") {
        let answer = run(
            folder.path(),
            &["query", "--csv", "runs/quickstart", &block.text],
        );
        if answer.code != Some(0) {
            wrong.push(format!("{name}: {}", answer.err));
        }
    }
    none("statements that are refused", &wrong);
}

#[test]
fn mdbook_builds_the_book() {
    let there = Command::new("mdbook").arg("--version").output();
    if !there.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: mdbook is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("mdbook")
        .args(["build", "--dest-dir"])
        .arg(folder.path())
        .arg(book())
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    assert!(folder.path().join("index.html").exists(), "{err}");
}
