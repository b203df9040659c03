//! Every input of the fuzz targets' corpora, without a fuzzer: what one found once stays found.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::process::root;

#[expect(unreachable_pub, reason = "a library of its own for cargo-fuzz")]
#[path = "../../../crates/dln/fuzz/src/lib.rs"]
mod dln_fuzz;
#[expect(unreachable_pub, reason = "a library of its own for cargo-fuzz")]
#[path = "../../../crates/rpc/fuzz/src/lib.rs"]
mod rpc_fuzz;
#[expect(unreachable_pub, reason = "a library of its own for cargo-fuzz")]
#[path = "../../../crates/sweep/fuzz/src/lib.rs"]
mod sweep_fuzz;
#[expect(unreachable_pub, reason = "a library of its own for cargo-fuzz")]
#[path = "../../../crates/table/fuzz/src/lib.rs"]
mod table_fuzz;

/// A crate, a target of it, and the function.
type Target = (&'static str, &'static str, fn(&[u8]));

const TARGETS: [Target; 8] = [
    ("dln", "checkpoint", dln_fuzz::checkpoint::fuzz),
    ("rpc", "session", rpc_fuzz::session::fuzz),
    ("sweep", "filter", sweep_fuzz::filter::fuzz),
    ("sweep", "grammar", sweep_fuzz::grammar::fuzz),
    ("table", "journal", table_fuzz::journal::fuzz),
    ("table", "payload", table_fuzz::payload::fuzz),
    ("table", "readers", table_fuzz::readers::fuzz),
    ("table", "statement", table_fuzz::statement::fuzz),
];

/// Hands each file of a folder to a target; the last name printed is that of the input that failed.
fn replay_folder(folder: &Path, fuzz: fn(&[u8])) -> usize {
    let mut files: Vec<PathBuf> = entries(folder).filter(|path| path.is_file()).collect();
    files.sort();
    for file in &files {
        eprintln!("{}", file.display());
        fuzz(&std::fs::read(file).unwrap());
    }
    files.len()
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(folder);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().path())
}

/// Replays the corpus of each target of a crate, and the archive that earlier runs left where there is one.
fn replay(name: &str) {
    for (_, target, fuzz) in TARGETS.iter().filter(|target| target.0 == name) {
        let corpus = root().join("crates").join(name).join("fuzz/corpus");
        assert!(replay_folder(&corpus.join(target), *fuzz) >= 4, "{target}");
        let archive = corpus.join(format!("{target}.tar.gz"));
        if !archive.exists() {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut tar = Command::new("tar");
        tar.arg("-xzf").arg(&archive).arg("-C").arg(folder.path());
        if tar.status().is_ok_and(|status| status.success()) {
            assert!(replay_folder(folder.path(), *fuzz) > 100, "{target}");
        } else {
            eprintln!("SKIPPED: `tar` does not unpack {}", archive.display());
        }
    }
}

#[test]
fn checkpoints_are_replayed() {
    replay("dln");
}

#[test]
fn messages_are_replayed() {
    replay("rpc");
}

#[test]
fn sweep_files_and_conditions_are_replayed() {
    replay("sweep");
}

#[test]
fn columns_data_files_statements_and_journals_are_replayed() {
    replay("table");
}

#[test]
fn every_fuzz_target_is_replayed() {
    let mut found = BTreeSet::new();
    for crate_folder in entries(&root().join("crates")) {
        let targets = crate_folder.join("fuzz/fuzz_targets");
        if targets.is_dir() {
            let name = crate_folder.file_name().unwrap().to_string_lossy();
            let stem = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
            found.extend(entries(&targets).map(|path| (name.to_string(), stem(path))));
        }
    }
    let replayed = TARGETS.map(|(name, target, _)| (name.to_owned(), target.to_owned()));
    assert_eq!(found, BTreeSet::from(replayed));
    for (name, target) in found {
        let manifest = root().join(format!("crates/{name}/fuzz/Cargo.toml"));
        let manifest = std::fs::read_to_string(manifest).unwrap();
        let line = format!("name = \"{target}\"");
        assert!(manifest.contains(&line), "{name} does not build {target}");
    }
}
