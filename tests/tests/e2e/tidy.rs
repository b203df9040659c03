//! The project's own rules that no lint knows: who may use whom, and that every file says what it owns.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::process::root;

/// Crates and those of ours that they may use.
const ARROWS: [(&str, &[&str]); 12] = [
    (
        "cli",
        &[
            "coordinator",
            "dln",
            "launch",
            "report",
            "rpc",
            "sweep",
            "table",
            "web",
            "worker",
        ],
    ),
    ("coordinator", &["rpc", "scheduler", "sweep", "table"]),
    ("dln", &[]),
    ("launch", &[]),
    ("report", &["sweep", "table"]),
    ("rpc", &["sweep"]),
    ("scheduler", &["sweep"]),
    ("sweep", &["dln"]),
    ("table", &["sweep"]),
    ("tests", &["table"]),
    ("web", &["report", "sweep", "table"]),
    ("worker", &["dln", "rpc", "sweep", "table"]),
];

#[test]
fn the_arrows_between_crates_are_those_of_the_map() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    assert_eq!(
        packages.len(),
        allowed.len(),
        "a crate is missing in the map"
    );
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let allowed = allowed
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not in the map"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            let is_ours = dependency["path"].is_string();
            let is_runtime = dependency["kind"].is_null();
            assert!(
                !is_ours || !is_runtime || allowed.contains(&used),
                "{name} must not use {used}"
            );
        }
    }
}

#[test]
fn every_file_opens_with_what_it_owns_and_stays_readable() {
    let mut files = Vec::new();
    for folder in ["crates", "tests"] {
        collect(&root().join(folder), &mut files);
    }
    assert!(files.len() > 50, "only {} files found", files.len());
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("//!"),
            "{} does not say what it owns",
            path.display()
        );
        let lines = text.lines().count();
        assert!(
            lines <= 700,
            "{} has {lines} lines: split it",
            path.display()
        );
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("target") {
                collect(&path, files);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
