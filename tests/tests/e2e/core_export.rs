//! `parsimony export --core`: a trained network that predicts elsewhere as it did here.
#![expect(non_snake_case, reason = "matrices keep the capitals of the papers")]

use std::path::Path;
use std::process::Command;

use ndarray::Array2;
use serde_json::Value;
use table::ArrayFile;
use tests::process::{root, run};
use tests::tables::{number, query};

use crate::folder_with;

/// Digits with a test range, on the core and in full, whitened or not.
fn sweep(digits: &str) -> String {
    format!(
        r#"
name = "digits"
seed = 4

[axes]
"train.engine" = ["reduced", "full"]
"problem.whiten" = [false, true]

[problem]
kind = "classification"
inputs = {{ file = "{digits}", columns = "0..64", scale = 0.0625 }}
labels = {{ file = "{digits}", columns = "64..65" }}
samples = {{ range = [0, 400] }}
test = {{ range = [400, 700] }}

[network]
depth = 3
width = 80

[init]
kind = "orthogonal"
scale = 0.5

[train]
steps = 120

[optimizer]
rate = 0.1
"#
    )
}

fn matrix(file: &ArrayFile, name: &str) -> Array2<f64> {
    let entry = file
        .entry(name)
        .unwrap_or_else(|| panic!("no array {name}"));
    let mut rows = file.rows(entry).unwrap();
    rows.next(usize::MAX).unwrap().unwrap()
}

fn trials(dir: &Path, condition: &str) -> u64 {
    number(dir, &format!("SELECT trial FROM trials WHERE {condition}")) as u64
}

#[test]
fn cores_of_both_engines_are_one_map() {
    let digits = root()
        .join("sweeps/data/digits.csv.gz")
        .display()
        .to_string();
    let folder = folder_with("digits.toml", &sweep(&digits));
    let at = folder.path();
    run(at, &["run", "digits.toml", "--out", "r"]).expect(0);
    let dir = at.join("r");
    for whiten in [0, 1] {
        let mut maps = Vec::new();
        for (engine, ending) in [("reduced", "npz"), ("full", "safetensors")] {
            let condition = format!("engine = '{engine}' AND problem_whiten = {whiten}");
            let trial = trials(&dir, &condition).to_string();
            let name = format!("{engine}{whiten}.{ending}");
            let output = run(at, &["export", "r", "--trial", &trial, "--core", &name]).expect(0);
            assert!(
                output.out.contains(&name) && !output.err.contains("warning"),
                "{}",
                output.err
            );
            let file = ArrayFile::open(&at.join(&name)).unwrap();
            maps.push(matrix(&file, "end_to_end"));
            let about: Value = if ending == "npz" {
                let text = std::fs::read_to_string(at.join(&name).with_extension("json"));
                serde_json::from_str(&text.unwrap()).unwrap()
            } else {
                serde_json::from_str(file.note("parsimony").unwrap()).unwrap()
            };
            let loss = number(
                &dir,
                &format!("SELECT train_loss FROM trials WHERE trial = {trial}"),
            );
            assert_eq!(
                about["train_loss"].as_f64().unwrap().to_bits(),
                loss.to_bits()
            );
            assert_eq!(about["labels"].as_array().unwrap().len(), 10);
            assert_eq!(about["engine"], engine);
            assert_eq!(file.entry("inputs.whitening").is_some(), whiten == 1);
            if engine == "reduced" {
                let layer = |l: usize| {
                    let U = matrix(&file, &format!("basis.{l}"));
                    let C = matrix(&file, &format!("core.{l}"));
                    let V = matrix(&file, &format!("basis.{}", l - 1));
                    U.dot(&C).dot(&V.t())
                };
                let whole = layer(3).dot(&layer(2)).dot(&layer(1));
                if whiten == 0 {
                    let off = &whole - &maps[0];
                    assert!(off.iter().all(|x| x.abs() < 1e-12));
                }
            } else {
                assert_eq!(matrix(&file, "weight.1").dim(), (80, 64));
            }
        }
        let off = &maps[0] - &maps[1];
        assert!(off.iter().all(|x| x.abs() < 1e-10), "{off}");
    }
    // What is there is not overwritten; other words are refused.
    let again = ["export", "r", "--trial", "0", "--core", "reduced0.npz"];
    assert!(run(at, &again).expect(2).err.contains("is there already"));
    run(at, &["export", "r", "--trial", "99", "--core", "x.npz"]).expect(2);
    run(at, &["export", "r", "--trial", "0", "--core", "x.pt"]).expect(2);
    run(at, &["export", "r", "--core", "x.npz"]).expect(2);
    run(at, &["export", "r", "--to", "csv", "tables"]).expect(0);
}

/// The code of the page, up to the predictions.
fn snippet() -> String {
    let page = std::fs::read_to_string(root().join("docs/src/guides/core.md")).unwrap();
    let mut blocks = page.split("```python\n").skip(1);
    let block = blocks.next().unwrap();
    block.split("```").next().unwrap().to_owned()
}

#[test]
fn ten_lines_of_numpy_predict_with_the_same_accuracy() {
    let python = std::env::var("PARSIMONY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let there = Command::new(&python).args(["-c", "import numpy"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: {python} has no numpy");
        return;
    }
    let snippet = snippet();
    assert!(snippet.lines().count() <= 10, "{snippet}");
    let digits = root()
        .join("sweeps/data/digits.csv.gz")
        .display()
        .to_string();
    let folder = folder_with("digits.toml", &sweep(&digits));
    let at = folder.path();
    run(at, &["run", "digits.toml", "--out", "r"]).expect(0);
    let rows = query(
        &at.join("r"),
        "SELECT trial, accuracy, test_accuracy FROM trials ORDER BY 1",
    );
    assert_eq!(rows.rows.len(), 4);
    for row in &rows.rows {
        let numbers: Vec<f64> = row.iter().map(|value| value.number().unwrap()).collect();
        let trial = (numbers[0] as u64).to_string();
        let words = [
            "export", "r", "--trial", &trial, "--core", "core.npz", "--force",
        ];
        run(at, &words).expect(0);
        for (range, accuracy) in [("0:400", numbers[1]), ("400:700", numbers[2])] {
            let program = format!(
                "import numpy\n\
                 table = numpy.loadtxt('{digits}', delimiter=',')[{range}]\n\
                 numpy.savetxt('samples.csv', table[:, :64], delimiter=',')\n\
                 {snippet}\n\
                 right = sum(str(int(label)) == found for label, found in zip(table[:, 64], labels))\n\
                 print(right / len(table))"
            );
            let output = Command::new(&python)
                .args(["-c", &program])
                .current_dir(at)
                .env("OMP_NUM_THREADS", "1")
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            let found: f64 = String::from_utf8_lossy(&output.stdout)
                .trim()
                .parse()
                .unwrap();
            assert!(
                (found - accuracy).abs() < 1e-12,
                "trial {trial}: {found} {accuracy}"
            );
        }
    }
}
