//! End-to-end tests: real processes, real sockets, real files.

mod activations;
mod admission;
mod book;
mod change_places;
mod chaos;
mod checkpoints;
mod cluster;
mod collapse;
mod common;
mod coordinator_life;
mod core_export;
mod cycles;
mod damage;
mod data_files;
mod deciding;
mod dependencies;
mod diagnose;
mod diagnose_figures;
mod disk;
mod failures;
mod figures;
mod fuzz_targets;
mod growth;
mod hostile;
mod inspection;
mod interrupted;
mod language;
mod local;
mod loss_and_batch;
mod losses;
mod matrices;
mod metrics;
mod modes;
mod netns;
mod numbers;
mod older_rules;
mod optimizers;
mod own_data;
mod page;
mod pictures;
mod pieces;
mod planning;
mod python;
mod questions;
mod refusals;
mod regressions;
mod reports;
mod request_errors;
mod simulated;
mod slurm;
mod small_limits;
mod snapshots;
mod ssh;
mod storage;
mod terminal;
mod tidy;
mod tls;
mod top;
mod verified;
mod worker_life;

/// A small sweep that every part of the tables has rows of.
pub(crate) const SMALL: &str = r#"
name = "small"
seed = 3

[axes]
"network.depth" = [2, 3]
"problem.rank" = { range = [1, 4] }
"init.kind" = ["orthogonal", "gaussian", "identity"]
"replicate" = { range = [0, 4] }

[problem]
kind = "factorization"
dim = 12

[train]
steps = 60
engine = "full"

[optimizer]
rate = 0.5

[measure]
every = 20
metrics = ["train_loss", "effective_rank", "stable_rank", "nuclear_norm", "balancedness", "spectrum", "angles"]
"#;

/// A folder for one test with a sweep file in it.
pub(crate) fn folder_with(file: &str, text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join(file), text).expect("the folder is ours");
    folder
}
