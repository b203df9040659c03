//! Cross-entropy, biases and minibatches from the sweep file to the tables.

use tests::process::run;
use tests::tables::{assert_equal, number, query};

use crate::folder_with;

/// 40 samples of 4 classes train, 8 are held out.
const SWEEP: &str = r#"
name = "losses"
seed = 6

[axes]
"problem.loss" = ["mean", "cross_entropy"]
"network.bias" = [false, true]
"train.batch" = [0, 7, 40]
"network.activation" = ["linear", "relu"]

[problem]
kind = "classification"
classes = 4
samples_per_class = 12
inputs = { draw = "gaussian" }
inputs_dim = 12
samples = { range = [0, 40] }
test = { range = [40, 48] }

[network]
depth = 3
width = 16

[init]
scale = 0.7

[train]
steps = 150

[optimizer]
rate = 0.2

[measure]
every = 50
metrics = ["train_loss", "test_loss", "spectrum", "separation", "balancedness", "sharpness"]
"#;

#[test]
fn every_combination_trains_to_the_same_bits_on_any_number_of_threads() {
    let folder = folder_with("losses.toml", SWEEP);
    let at = folder.path();
    for (out, threads) in [("one", "1"), ("two", "2")] {
        run(
            at,
            &["run", "losses.toml", "--out", out, "--threads", threads],
        )
        .expect(0);
    }
    let found = at.join("one");
    assert_equal(&found, &at.join("two"));
    let count = |condition: &str| {
        number(
            &found,
            &format!("SELECT count(*) AS n FROM trials WHERE {condition}"),
        )
    };
    assert_eq!(count("status = 'completed' AND accuracy > 0.3"), 24.0);
    assert_eq!(count("network_bias AND train_batch = 7"), 4.0);
    assert_eq!(count("problem_loss = 'cross_entropy'"), 12.0);
    let missing = "test_loss IS NULL OR test_accuracy IS NULL OR sharpness IS NULL";
    let missing = format!("SELECT count(*) AS n FROM history WHERE {missing}");
    assert_eq!(number(&found, &missing), 0.0);
    // All samples at once are the same steps, however they are asked for.
    let pairs = "SELECT count(*) AS n FROM trials a JOIN trials b ON a.problem_loss = b.problem_loss \
                 AND a.network_bias = b.network_bias AND a.network_activation = b.network_activation \
                 WHERE a.train_batch = 0 AND b.train_batch";
    let same = "a.train_loss = b.train_loss AND a.test_loss = b.test_loss";
    assert_eq!(number(&found, &format!("{pairs} = 40 AND {same}")), 8.0);
    assert_eq!(number(&found, &format!("{pairs} = 7 AND {same}")), 0.0);
    // The mean loss starts at less than 1, cross-entropy near the logarithm of the number of classes.
    let start = query(
        &found,
        "SELECT min(h.train_loss) AS low FROM history h JOIN trials t ON h.trial = t.trial \
         WHERE h.step = 0 AND t.problem_loss = 'cross_entropy'",
    );
    assert!(start.numbers("low")[0] > 1.0);
}

#[test]
fn impossible_combinations_are_refused_by_plan_with_their_line() {
    let kind = "kind = \"classification\"";
    for (from, to, words) in [
        (
            kind,
            "kind = \"regression\"",
            ["problem.loss", "one class a sample"],
        ),
        (
            "\"train.batch\" = [0, 7, 40]",
            "\"train.batch\" = [0, 41]",
            ["batch 41", "training samples 40"],
        ),
        (
            "\"problem.loss\" = [\"mean\", \"cross_entropy\"]\n",
            "\"problem.kind\" = [\"classification\", \"factorization\"]\n",
            ["network.bias", "product of matrices"],
        ),
    ] {
        let mut text = SWEEP.replacen(from, to, 1);
        assert_ne!(text, SWEEP);
        if to.contains("problem.kind") {
            text = text.replacen(kind, "", 1);
        }
        let folder = folder_with("losses.toml", &text);
        let ended = run(folder.path(), &["plan", "losses.toml"]).expect(2);
        let talk: Vec<&str> = ended.err.split_whitespace().filter(|w| *w != "|").collect();
        let talk = talk.join(" ");
        for word in words.iter().chain(&["losses.toml:"]) {
            assert!(talk.contains(word), "`{word}` is missing:\n{}", ended.err);
        }
    }
}
