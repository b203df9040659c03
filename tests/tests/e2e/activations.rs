//! Activations and hybrid networks in sweep files: the same tables for any number of threads, the keys of a row, a hybrid
//! without nonlinear layers, and what `plan` refuses.

use std::path::Path;

use tests::process::run;
use tests::tables::{assert_equal, number};

use crate::folder_with;

const EVERY: &str = r#"
name = "every"
seed = 5

[axes]
"network.activation" = ["linear", "relu", "leaky_relu", "tanh", "gelu", "silu"]
"network.nonlinear_layers" = [0, 2, 3]

[problem]
kind = "classification"
dim = 12
classes = 3

[network]
depth = 4
width = 10

[init]
kind = "gaussian"

[train]
steps = 40
engine = "full"

[optimizer]
rate = 0.5

[measure]
every = 10
metrics = ["train_loss", "separation", "sharpness", "spectrum"]
"#;

#[track_caller]
fn ran(at: &Path, out: &str, words: &[&str]) {
    let mut all = vec!["run", "every.toml", "--out", out];
    all.extend(words);
    run(at, &all).expect(0);
}

#[test]
fn every_activation_and_hybrid_trains_to_the_same_bits() {
    let folder = folder_with("every.toml", EVERY);
    let at = folder.path();
    ran(at, "one", &["--threads", "1"]);
    ran(at, "two", &["--threads", "2"]);
    assert_equal(&at.join("one"), &at.join("two"));
    let count = |condition: &str| {
        let sql = format!("SELECT count(*) AS n FROM trials WHERE {condition}");
        number(&at.join("one"), &sql)
    };
    // The linear network stands once; the others three times.
    assert_eq!(count("status = 'completed'"), 16.0);
    assert_eq!(count("network_negative_slope = 0.01"), 3.0);
    assert_eq!(count("network_nonlinear_layers IS NULL"), 1.0);
    assert_eq!(count("network_nonlinear_layers = 2"), 5.0);
    let losses = |condition: &str| {
        let sql = format!("SELECT count(DISTINCT train_loss) AS n FROM trials WHERE {condition}");
        number(&at.join("one"), &sql)
    };
    // Without nonlinear layers all are the linear network; no other two are the same.
    assert_eq!(losses("coalesce(network_nonlinear_layers, 0) = 0"), 1.0);
    assert_eq!(losses("true"), 11.0);
    let falls = "SELECT count(*) AS n FROM trials t JOIN history h ON t.id = h.id \
                 WHERE h.step = 0 AND t.train_loss < h.train_loss";
    assert_eq!(number(&at.join("one"), falls), 16.0);
}

#[test]
fn a_hybrid_without_nonlinear_layers_may_be_reduced() {
    let folder = folder_with("every.toml", EVERY);
    let at = folder.path();
    let orthogonal = [
        "--set",
        "init.kind=orthogonal",
        "--set",
        "train.engine=auto",
        "--set",
        "network.width=40",
        "--set",
        "axes.network.activation=[\"gelu\"]",
    ];
    ran(at, "r", &orthogonal);
    let engines = |condition: &str| {
        let sql = format!("SELECT count(*) AS n FROM trials WHERE {condition}");
        number(&at.join("r"), &sql)
    };
    let reduced = "engine = 'reduced' AND network_nonlinear_layers = 0";
    assert_eq!(engines(reduced), 1.0);
    assert_eq!(engines("engine = 'full'"), 2.0);
}

/// `plan` exits with 2 and says these words, with the line of the file.
#[track_caller]
fn check_refused(set: &str, words: &[&str]) {
    let text = EVERY.replace("depth = 4", &format!("depth = 4\n{set}"));
    let text = text.replace("\"network.nonlinear_layers\" = [0, 2, 3]\n", "");
    let folder = folder_with("every.toml", &text);
    let ended = run(folder.path(), &["plan", "every.toml"]).expect(2);
    let said: Vec<&str> = ended.err.split_whitespace().collect();
    let said = said.join(" ");
    for word in words.iter().chain(&["every.toml:15"]) {
        assert!(said.contains(word), "`{word}` is not in\n{}", ended.err);
    }
}

#[test]
fn what_no_network_has_is_refused() {
    check_refused(
        "negative_slope = 1.0",
        &["slope 1", "network.activation = \"linear\""],
    );
    check_refused(
        "negative_slope = -0.1",
        &["`network.negative_slope`", "at least 0"],
    );
    check_refused(
        "nonlinear_layers = 4",
        &["`network.nonlinear_layers` is 4", "3 hidden layers"],
    );
    check_refused("nonlinear_layers = -1", &["`network.nonlinear_layers`"]);
    check_refused("nonlinear_layers = 1.5", &["`network.nonlinear_layers`"]);
}
