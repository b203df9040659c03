//! Texts that people read, held against the files in `snapshots/`: every command's help, the plan of every ready sweep,
//! the summary of a run. Errors are in `request_errors`. How to accept a change is in `docs/src/contributing.md`.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use tests::filters::{ALWAYS, Filter, PLAN, SUMMARY};
use tests::process::{command, root, run};

use crate::{SMALL, folder_with};

/// Columns of a terminal for helps.
const WIDTH: &str = "100";

/// Compares texts by name with the snapshots of a group. All differences are printed before the test fails.
#[track_caller]
pub(crate) fn check(group: &str, filters: &[Filter], texts: &[(String, String)]) {
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(format!("snapshots/{group}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (pattern, replacement) in ALWAYS.iter().chain(filters) {
        settings.add_filter(pattern, *replacement);
    }
    let differs = |(name, text): &&(String, String)| {
        let compare = || settings.bind(|| insta::assert_snapshot!(name.as_str(), text));
        catch_unwind(AssertUnwindSafe(compare)).is_err()
    };
    let differing = texts.iter().filter(differs);
    let differing: Vec<&str> = differing.map(|(name, _)| name.as_str()).collect();
    assert!(
        differing.is_empty(),
        "{group}: {differing:?} differ from their snapshots; docs/src/contributing.md says how to accept them"
    );
    let folder = root().join("tests/tests/e2e/snapshots").join(group);
    let kept: BTreeSet<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    let named = texts.iter().map(|(name, _)| format!("{name}.snap"));
    assert_eq!(
        kept,
        named.collect(),
        "snapshots in {} that no text has any more",
        folder.display()
    );
}

/// The long help of a command.
fn help(path: &[&str]) -> String {
    let mut command = command(&root());
    let output = command
        .env("COLUMNS", WIDTH)
        .args(path)
        .arg("--help")
        .output();
    let output = output.expect("the program starts");
    assert!(output.status.success(), "{path:?} has no help");
    String::from_utf8(output.stdout).expect("help is text")
}

/// Commands that a help lists.
fn listed(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    // What a command does may take further lines, which stand further in.
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    let names = names.filter(|name| *name != "help");
    names.map(str::to_owned).collect()
}

#[test]
fn help_of_every_command() {
    let top = help(&[]);
    let names = listed(&top);
    assert!(names.len() > 15, "{names:?}");
    let mut texts = vec![("parsimony".to_owned(), top)];
    for name in &names {
        let text = help(&[name]);
        for inner in listed(&text) {
            texts.push((format!("{name}-{inner}"), help(&[name, &inner])));
        }
        texts.push((name.clone(), text));
    }
    check("help", &[], &texts);
}

#[test]
fn plan_of_every_ready_sweep() {
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(root().join("sweeps")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let file = format!("sweeps/{name}.toml");
            let folder = tempfile::tempdir().unwrap();
            let out = folder.path().join("run");
            let words = ["plan", &file, "--out", &out.to_string_lossy()];
            let planned = run(&root(), &words).expect(0);
            texts.push((name, format!("{}{}", planned.out, planned.err)));
        }
    }
    assert!(texts.len() > 10);
    check("plan", &PLAN, &texts);
}

/// What a run says when it has ended; it begins with how many trials on how many threads.
fn summary(at: &Path, words: &[&str], code: i32) -> String {
    let words = [&["run"], words, &["--threads", "1"]].concat();
    let ended = run(at, &words).expect(code);
    assert!(ended.out.is_empty(), "{}", ended.out);
    ended.err
}

#[test]
fn summaries_of_runs() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let finished = summary(at, &["small.toml"], 0);
    let again = summary(at, &["small.toml"], 0);
    let grown = SMALL.replace("range = [1, 4]", "range = [1, 5]");
    std::fs::write(at.join("small.toml"), grown).unwrap();
    let grown = summary(at, &["small.toml"], 0);
    let rate = ["small.toml", "--out", "fast", "--set", "optimizer.rate=1e9"];
    let diverged = summary(at, &rate, 0);
    let texts = [
        ("finished", finished),
        ("continued", again),
        ("grown", grown),
        ("diverged", diverged),
    ];
    let texts = texts.map(|(name, text)| (name.to_owned(), text));
    check("summary", &SUMMARY, &texts);
}
