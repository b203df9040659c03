//! `parsimony inspect`: checkpoints of networks that were trained elsewhere.
#![expect(non_snake_case, reason = "matrices keep the capitals of the papers")]

use std::path::Path;
use std::process::Command;

use ndarray::{Array2, s};
use serde_json::Value;
use table::{NamedArray, write_arrays};
use tests::process::{root, run};
use tests::tables::{number, query};

fn named(name: &str, W: &Array2<f64>) -> NamedArray {
    NamedArray {
        name: name.to_owned(),
        shape: W.shape().to_vec(),
        values: W.iter().copied().collect(),
    }
}

/// Numbers between -1 and 1 that look random.
fn noise(rows: usize, columns: usize, seed: usize) -> Array2<f64> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed as u64 + 1);
    Array2::from_shape_simple_fn((rows, columns), || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    })
}

/// Orthonormal columns or rows: a product of reflections, cut.
fn orthogonal(rows: usize, columns: usize, seed: usize) -> Array2<f64> {
    let n = rows.max(columns);
    let mut Q = Array2::<f64>::eye(n);
    for part in 0..4 {
        let v = noise(n, 1, 10 * seed + part);
        let square = v.iter().map(|x| x * x).sum::<f64>();
        let image = Q.dot(&v);
        Q = Q - image.dot(&v.t()) * (2.0 / square);
    }
    Q.slice(s![..rows, ..columns]).to_owned()
}

/// A linear network on samples whose second moment is the identity: the weights at steps 0, 1 and the last.
fn trained() -> Vec<(u64, Vec<Array2<f64>>)> {
    let sizes = [12, 24, 24, 3];
    let mut W: Vec<Array2<f64>> = (0..3)
        .map(|l| orthogonal(sizes[l + 1], sizes[l], l + 1) * 0.4)
        .collect();
    let Y = noise(3, 12, 9);
    let mut kept = Vec::new();
    for step in 0..=60 {
        if [0, 1, 60].contains(&step) {
            kept.push((step, W.clone()));
        }
        let R = W[2].dot(&W[1]).dot(&W[0]) - &Y;
        let gradients = [
            W[1].t().dot(&W[2].t()).dot(&R),
            W[2].t().dot(&R).dot(&W[0].t()),
            R.dot(&W[0].t()).dot(&W[1].t()),
        ];
        for (W, G) in W.iter_mut().zip(&gradients) {
            *W -= &(G * 0.02);
        }
    }
    kept
}

fn save(path: &Path, W: &[Array2<f64>]) {
    let bias = NamedArray {
        name: "layer1.bias".to_owned(),
        shape: vec![24],
        values: vec![0.5; 24],
    };
    let layers = (1..).zip(W);
    let layers = layers.map(|(l, W): (u32, _)| named(&format!("layer{l}.weight"), W));
    write_arrays(path, layers.chain([bias]).collect(), "{}").unwrap();
}

fn looked(folder: &Path, words: &[&str]) -> Value {
    let words = [&["inspect"], words, &["--json"]].concat();
    serde_json::from_str(&run(folder, &words).expect(0).out).unwrap()
}

fn leaks(found: &Value) -> Vec<f64> {
    let layers = found["layers"].as_array().unwrap().iter();
    layers
        .map(|layer| layer["leak"].as_f64().unwrap())
        .collect()
}

#[test]
fn a_linear_network_keeps_the_law_in_files_of_either_format() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let kept = trained();
    for ending in ["npz", "safetensors"] {
        for (step, W) in &kept {
            save(&at.join(format!("step{step}.{ending}")), W);
        }
        // Out of order: the numbers in the names count.
        let files = [60, 0, 1].map(|step| format!("step{step}.{ending}"));
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let found = looked(at, &files);
        assert!(leaks(&found).iter().all(|&leak| leak < 1e-10), "{found}");
        assert_eq!(found["layers"][0]["block"], serde_json::json!([9, 6]));
        assert!(
            found["verdict"].as_str().unwrap().contains("the law holds"),
            "{found}"
        );
        assert_eq!(found["layers"].as_array().unwrap().len(), 3);
        assert_eq!(found["checkpoints"][2]["step"], 60);
    }
}

#[test]
fn tables_are_read_as_those_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for (step, W) in &trained() {
        save(&at.join(format!("step{step}.npz")), W);
    }
    let words = [
        "inspect",
        "step0.npz",
        "step1.npz",
        "step60.npz",
        "--out",
        "looked",
    ];
    let output = run(at, &words).expect(0);
    assert!(
        output
            .out
            .contains("layer 2 (layer2.weight): the law holds"),
        "{}",
        output.out
    );
    assert!(output.out.contains("nearly up to 0.15"), "{}", output.out);
    let dir = at.join("looked");
    assert_eq!(
        number(&dir, "SELECT count(*) FROM trials WHERE trial = 0"),
        1.0
    );
    assert_eq!(number(&dir, "SELECT max(step) FROM layers"), 60.0);
    assert_eq!(number(&dir, "SELECT count(*) FROM layers"), 9.0);
    assert_eq!(
        number(&dir, "SELECT count(*) FROM spectra WHERE step = 60"),
        12.0 + 24.0 + 3.0
    );
    assert_eq!(number(&dir, "SELECT count(*) FROM history"), 0.0);
    let moved =
        "SELECT max(leak), count(leak), max(update_effective_rank), count(leak_chance) FROM layers";
    let row = &query(&dir, moved).rows[0];
    let numbers: Vec<f64> = row.iter().map(|value| value.number().unwrap()).collect();
    assert!(
        numbers[0] < 1e-10 && numbers[1] == 6.0 && numbers[3] == 6.0,
        "{numbers:?}"
    );
    assert!(numbers[2] > 1.0 && numbers[2] < 7.0, "{numbers:?}");
    assert_eq!(
        number(&dir, "SELECT count(leak) FROM layers WHERE step = 0"),
        0.0
    );
    let largest = number(
        &dir,
        "SELECT max(update_value) FROM spectra WHERE step = 60",
    );
    assert!(largest > 0.1, "{largest}");
    // An angle to the last checkpoint is zero there.
    let own = "SELECT max(left_angle) FROM spectra WHERE step = 60 AND layer = 3";
    assert!(number(&dir, own) < 1e-6);
    run(
        at,
        &["plot", "looked", "--kind", "spectrum", "--out", "s.svg"],
    )
    .expect(0);
    run(at, &["report", "looked", "--out", "r.html"]).expect(0);
    run(at, &["describe", "looked"]).expect(0);
    // Again into the same folder, and never into another's or under a run.
    run(at, &words).expect(0);
    std::fs::create_dir(at.join("mine")).unwrap();
    std::fs::write(at.join("mine/thesis.tex"), "x").unwrap();
    let words = ["inspect", "step0.npz", "step1.npz", "--out", "mine"];
    assert!(run(at, &words).expect(2).err.contains("mine"));
    let sweep = "name = \"s\"\n[problem]\nkind = \"factorization\"\ndim = 4\nrank = 1\n[train]\nsteps = 1\n";
    std::fs::write(at.join("s.toml"), sweep).unwrap();
    run(at, &["run", "s.toml", "--out", "looked"]).expect(2);
}

#[test]
fn another_block_comes_from_the_inputs_and_from_a_gradient() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let kept = trained();
    for (step, W) in &kept {
        save(&at.join(format!("step{step}.npz")), W);
    }
    let files = ["step0.npz", "step60.npz"];
    // Sixty steps are no first gradient of this network, but its update's range is the block's.
    let late = looked(at, &files);
    assert!(
        late["notes"][0]
            .as_str()
            .unwrap()
            .contains("60 steps later"),
        "{late}"
    );
    // Of the first layer that update would be judged by itself.
    let verdict = |found: &Value, layer: usize| found["layers"][layer]["verdict"].to_string();
    assert!(verdict(&late, 0).contains("no verdict"), "{late}");
    assert!(verdict(&late, 1).contains("the law "), "{late}");
    let G = &kept[0].1[0] - &kept[1].1[0];
    write_arrays(&at.join("g.npz"), vec![named("layer1.weight", &G)], "").unwrap();
    let found = looked(at, &[files[0], files[1], "--gradient", "g.npz"]);
    assert!(leaks(&found).iter().all(|&leak| leak < 1e-10), "{found}");
    // All inputs: the block takes in every direction of the data.
    let samples = noise(30, 12, 77);
    let line = |row: ndarray::ArrayView1<'_, f64>| {
        let fields = row.iter().map(ToString::to_string);
        fields.collect::<Vec<_>>().join(",")
    };
    let rows: Vec<String> = samples.rows().into_iter().map(line).collect();
    std::fs::write(at.join("x.csv"), rows.join("\n")).unwrap();
    let found = looked(at, &[files[0], files[1], "--inputs", "x.csv"]);
    assert_eq!(found["layers"][1]["block"], serde_json::json!([15, 15]));
    assert!(leaks(&found).iter().all(|&leak| leak < 1e-10), "{found}");
    // It is most of the first layer, where a leak of zero is no news.
    assert!(
        verdict(&found, 0).contains("random block of that size"),
        "{found}"
    );
    assert!(verdict(&found, 1).contains("the law holds"), "{found}");
    // An update that has nothing to do with the start leaks as a random one does.
    let mut other = kept[0].1.clone();
    for (l, W) in other.iter_mut().enumerate() {
        *W += &noise(W.nrows(), W.ncols(), 50 + l);
    }
    save(&at.join("step90.npz"), &other);
    let found = looked(at, &["step0.npz", "step90.npz", "--gradient", "g.npz"]);
    let middle = &found["layers"][1];
    let (leak, chance) = (
        middle["leak"].as_f64().unwrap(),
        middle["leak_chance"].as_f64().unwrap(),
    );
    assert!((leak - chance).abs() < 0.1 && leak > 0.8, "{found}");
    assert!(
        found["verdict"].as_str().unwrap().contains("does not hold"),
        "{found}"
    );
}

#[test]
fn names_without_numbers_do_not_say_how_many_steps_lie_between() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let kept = trained();
    save(&at.join("start.npz"), &kept[0].1);
    save(&at.join("end.npz"), &kept[2].1);
    let found = looked(at, &["start.npz", "end.npz"]);
    let note = found["notes"][0].as_str().unwrap();
    assert!(note.contains("the names do not say"), "{found}");
    let verdict = found["layers"][0]["verdict"].as_str().unwrap();
    assert!(verdict.contains("this very update"), "{found}");
}

#[test]
fn what_does_not_fit_is_refused_with_file_and_array() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let kept = trained();
    save(&at.join("step0.npz"), &kept[0].1);
    save(&at.join("step1.npz"), &kept[1].1);
    let refused = |words: &[&str], expected: &[&str]| {
        let words = [&["inspect"], words].concat();
        let error = run(at, &words).expect(2).err;
        for expected in expected {
            assert!(error.contains(expected), "{words:?}: {error}");
        }
    };
    std::fs::write(at.join("no.npz"), "hello").unwrap();
    refused(&["no.npz"], &["no.npz", "is no .npz"]);
    refused(&["step0.npz", "absent9.npz"], &["absent9.npz"]);
    // A position among steps would make the end the start.
    save(&at.join("final.npz"), &kept[1].1);
    refused(
        &["final.npz", "step0.npz", "step1.npz"],
        &["final.npz has no number"],
    );
    std::fs::write(at.join("m.pt"), "PK").unwrap();
    refused(&["m.pt"], &["m.pt", "pickle", "import torch", "save_file"]);
    let mut wide = kept[1].1.clone();
    wide[1] = noise(25, 24, 1);
    save(&at.join("step2.npz"), &wide);
    refused(
        &["step0.npz", "step2.npz"],
        &["step2.npz", "'layer2.weight'", "[25, 24]", "[24, 24]"],
    );
    let mut lost = kept[1].1.clone();
    lost[2][[1, 4]] = f64::NAN;
    save(&at.join("step3.npz"), &lost);
    let words = ["step0.npz", "step3.npz"];
    refused(
        &words,
        &[
            "step3.npz",
            "'layer3.weight'",
            "row 2, column 5",
            "not finite",
        ],
    );
    write_arrays(
        &at.join("step4.npz"),
        vec![named("layer1.weight", &kept[1].1[0])],
        "",
    )
    .unwrap();
    refused(
        &["step0.npz", "step4.npz"],
        &["step4.npz", "'layer2.weight'"],
    );
    write_arrays(
        &at.join("g.npz"),
        vec![named("layer1.weight", &noise(3, 3, 1))],
        "",
    )
    .unwrap();
    let words = ["step0.npz", "step1.npz", "--gradient", "g.npz"];
    refused(&words, &["g.npz", "'layer1.weight'", "[3, 3]", "[24, 12]"]);
    std::fs::write(at.join("x.csv"), "1,2,3\n4,5,6\n").unwrap();
    let words = ["step0.npz", "step1.npz", "--inputs", "x.csv"];
    refused(&words, &["x.csv", "2 samples of 3 inputs", "takes 12"]);
    refused(
        &["step0.npz", "--layers", "conv*"],
        &["step0.npz", "--layers", "layer1.weight"],
    );
}

#[test]
fn layers_that_do_not_chain_have_no_leak_and_convolutions_are_flattened() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for (step, W) in &trained() {
        let conv = NamedArray {
            name: "conv.weight".to_owned(),
            shape: vec![4, 2, 3, 3],
            values: (0..72).map(|at| (at as f64 + *step as f64).cos()).collect(),
        };
        let layers = (1..).zip(W);
        let layers = layers.map(|(l, W): (u32, _)| named(&format!("fc{l}.weight"), W));
        let path = at.join(format!("step{step}.safetensors"));
        write_arrays(&path, layers.chain([conv]).collect(), "{}").unwrap();
    }
    let files = [
        "step0.safetensors",
        "step1.safetensors",
        "step60.safetensors",
    ];
    let found = looked(at, &files);
    let layers = found["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 4);
    assert_eq!(layers[0]["name"], "conv.weight");
    assert!(layers[0]["leak"].is_null() && layers[0]["update_rank"].is_number());
    assert!(
        layers[1..]
            .iter()
            .all(|layer| layer["leak"].as_f64().unwrap() < 1e-10),
        "{found}"
    );
    let found = looked(at, &[files[0], files[1], "--layers", "conv*,fc1.*"]);
    assert!(found["layers"][1]["leak"].is_null(), "{found}");
}

#[test]
fn smooth_networks_keep_the_law_and_kinked_ones_do_not() {
    let python = std::env::var("PARSIMONY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let there = Command::new(&python).args(["-c", "import numpy"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: {python} has no numpy");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for activation in ["tanh", "relu"] {
        let output = Command::new(&python)
            .arg(root().join("tests/measure/checkpoints.py"))
            .arg(at.join(activation))
            .args([
                "--activation",
                activation,
                "--width",
                "80",
                "--steps",
                "200",
            ])
            .env("OMP_NUM_THREADS", "1")
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let files = [0, 1, 100, 200].map(|step| format!("{activation}/step{step}.npz"));
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let found = leaks(&looked(at, &files));
        // The gradient itself is the first file minus the second, up to the rate.
        let gradient = format!("{activation}/gradient.npz");
        let same = leaks(&looked(
            at,
            &[&files[..], &["--gradient", &gradient]].concat(),
        ));
        for (found, same) in found.iter().zip(&same) {
            assert!((found - same).abs() < 1e-6, "{found} {same}");
        }
        if activation == "tanh" {
            assert!(found[..2].iter().all(|&leak| leak < 0.01), "{found:?}");
        } else {
            assert!(found[..2].iter().all(|&leak| leak > 0.4), "{found:?}");
        }
    }
}
