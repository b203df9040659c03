//! Data files as people have them: what is read, what is warned of, and what is refused with key, line and cure.

use std::path::Path;
use std::process::Command;

use ndarray::Array2;
use serde_json::Value;
use tests::process::{Coordinator, Finished, run};
use tests::tables::number;

use crate::common::until_finished;
use crate::folder_with;
use crate::matrices::write_npy;

/// A classification of the columns of one CSV file, with more keys of `[problem]`.
fn sweep(inputs: &str, labels: &str, more: &str) -> String {
    format!(
        "name = \"d\"\n[problem]\nkind = \"classification\"\ninputs = {{ {inputs} }}\nlabels = {{ {labels} }}\n{more}\n[network]\nwidth = 3\n[train]\nsteps = 2\n"
    )
}

/// The sweep over `x.csv`: two inputs, then the label.
fn of_csv(more: &str) -> String {
    sweep(
        "file = \"x.csv\", columns = \"0..2\"",
        "file = \"x.csv\", columns = \"2..3\"",
        more,
    )
}

/// Runs `plan` and `run`; both must end so and say these words on standard error, on one line.
#[track_caller]
fn said(at: &Path, code: i32, words: &[&str]) -> Finished {
    for command in ["plan", "run"] {
        let ended = run(at, &[command, "d.toml"]).expect(code);
        let holds = ended
            .err
            .lines()
            .any(|line| words.iter().all(|word| line.contains(word)));
        assert!(holds, "{words:?} are not in\n{}", ended.err);
        if command == "run" {
            return ended;
        }
    }
    unreachable!("`run` is the last command");
}

#[track_caller]
fn refused(at: &Path, words: &[&str]) {
    let ended = said(at, 2, words);
    assert!(ended.out.is_empty(), "{}", ended.out);
    assert!(!at.join("runs").exists(), "a refused sweep left a folder");
}

#[track_caller]
fn warned(at: &Path, words: &[&str]) {
    let mut all = vec!["warning: "];
    all.extend(words);
    said(at, 0, &all);
}

#[track_caller]
fn silent(at: &Path) {
    for command in ["plan", "run"] {
        let ended = run(at, &[command, "d.toml"]).expect(0);
        assert!(!ended.err.contains("warning:"), "{}", ended.err);
    }
}

#[test]
fn labels_that_are_none_are_refused_with_their_line() {
    let folder = folder_with("d.toml", &of_csv(""));
    let at = folder.path();
    let check = |content: &str, words: &[&str]| {
        std::fs::write(at.join("x.csv"), content).unwrap();
        let mut all = vec!["`problem.labels`: x.csv: "];
        all.extend(words);
        refused(at, &all);
    };
    for word in ["nan", "NA", "null", "None", "inf"] {
        let content = format!("1,2,a\n3,4,{word}\n5,6,b\n");
        check(&content, &["line 2", word, "missing"]);
    }
    check("1,2,a\n3,4,\n", &["line 2", "no label"]);
    check(
        "1,2,0.5\n3,4,0.25\n",
        &["line 1", "0.5", "regression", "problem.targets"],
    );
}

#[test]
fn headers_and_separators_are_named() {
    let folder = folder_with("d.toml", &of_csv(""));
    let at = folder.path();
    let check = |content: &str, words: &[&str]| {
        std::fs::write(at.join("x.csv"), content).unwrap();
        refused(at, words);
    };
    check(
        "a,b,c\n1,2,x\n",
        &["`problem.inputs`", "line 1", "'a'", "header = true"],
    );
    check("1;2;x\n3;4;y\n", &["`problem.", "separated by ';'"]);
    check("1,5;2,5;0\n3,5;4,5;1\n", &["`problem.", "';'", "decimals"]);
    check("1\t2\tx\n3\t4\ty\n", &["`problem.", "tabs"]);
    check("1,2,x\n3,x\n", &["line 2 has 2 fields"]);
    // Labels of their own file with a header that nobody announced.
    let apart = sweep("file = \"x.npy\"", "file = \"y.csv\"", "");
    std::fs::write(at.join("d.toml"), apart).unwrap();
    write_npy(&at.join("x.npy"), &Array2::ones((2, 2)));
    std::fs::write(at.join("y.csv"), "class\n0\n1\n").unwrap();
    refused(
        at,
        &[
            "`problem.labels`: y.csv: line 1",
            "'class'",
            "header = true",
        ],
    );
    std::fs::write(at.join("y.csv"), "class\na\nb\n").unwrap();
    refused(at, &["help", "header = true"]);
}

#[test]
fn a_header_of_numbers_and_an_index_are_warned_of() {
    let with_header = |columns: &str, label: &str| {
        sweep(
            &format!("file = \"x.csv\", header = true, columns = \"{columns}\""),
            &format!("file = \"x.csv\", header = true, columns = \"{label}\""),
            "",
        )
    };
    let folder = folder_with("d.toml", &with_header("0..2", "2..3"));
    let at = folder.path();
    std::fs::write(at.join("x.csv"), "0.5,2,0\n3,4,1\n1,5,0\n").unwrap();
    warned(at, &["x.csv", "line 1 is skipped as a header"]);
    std::fs::remove_dir_all(at.join("runs")).unwrap();
    // As `df.to_csv("x.csv")` writes it.
    std::fs::write(at.join("x.csv"), ",a,label\n0,3,1\n1,1,0\n").unwrap();
    warned(
        at,
        &[
            "`problem.inputs`",
            "column 1 has no name",
            "columns = \"1..2\"",
            "index=False",
        ],
    );
    std::fs::remove_dir_all(at.join("runs")).unwrap();
    std::fs::write(at.join("d.toml"), with_header("1..2", "2..3")).unwrap();
    silent(at);
}

#[test]
fn one_and_one_point_zero_are_one_class() {
    let folder = folder_with("d.toml", &of_csv(""));
    let at = folder.path();
    std::fs::write(at.join("x.csv"), "1,2,1\n3,5,1.0\n5,6,2\n").unwrap();
    silent(at);
    assert_eq!(
        number(
            &at.join("runs/d"),
            "SELECT problem_classes AS n FROM trials"
        ),
        2.0
    );
}

#[test]
fn the_plan_and_the_rows_hold_the_sizes_of_files() {
    let more = "samples = { range = [0, 4] }\ntest = { range = [4, 6] }";
    let folder = folder_with("d.toml", &of_csv(more));
    let at = folder.path();
    let lines = "1,2,a\n3,5,b\n5,6,c\n0,1,a\n2,2,b\n4,1,c\n";
    std::fs::write(at.join("x.csv"), lines).unwrap();
    silent(at);
    let plan = run(at, &["plan", "d.toml"]).expect(0).out;
    assert!(
        plan.contains(
            "data    2 inputs x 3 outputs x 6 samples, 3 classes, 4 to train on, 2 to test on"
        ),
        "{plan}"
    );
    let plan = run(at, &["plan", "d.toml", "--json"]).expect(0).out;
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let data = &plan["data"][0];
    for (name, size) in [
        ("inputs", 2),
        ("outputs", 3),
        ("samples", 6),
        ("classes", 3),
        ("train", 4),
        ("test", 2),
    ] {
        assert_eq!(data[name], size, "{name}");
    }
    let rows = at.join("runs/d");
    for (column, size) in [("inputs_dim", 2.0), ("outputs_dim", 3.0), ("classes", 3.0)] {
        let sql = format!("SELECT problem_{column} AS n FROM trials");
        assert_eq!(number(&rows, &sql), size, "{column}");
    }
    // The identity is the one that the point ever had: the listed one.
    let listed = run(at, &["plan", "d.toml", "--list", "--json"])
        .expect(0)
        .out;
    let listed: Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    let sql = format!(
        "SELECT count(*) AS n FROM trials WHERE id = '{}'",
        listed["id"].as_str().unwrap()
    );
    assert_eq!(number(&rows, &sql), 1.0);
    // A matrix from a file has no samples and no classes.
    let matrix = "name = \"d\"\n[problem]\ntarget = { file = \"t.npy\" }\n[train]\nsteps = 2\n";
    std::fs::write(at.join("d.toml"), matrix).unwrap();
    write_npy(&at.join("t.npy"), &Array2::ones((4, 7)));
    run(at, &["run", "d.toml", "--out", "m"]).expect(0);
    let sql = "SELECT problem_inputs_dim * 10 + problem_outputs_dim AS n FROM trials WHERE problem_classes IS NULL";
    assert_eq!(number(&at.join("m"), sql), 74.0);
    let plan = run(at, &["plan", "d.toml"]).expect(0).out;
    assert!(plan.contains("data    7 inputs x 4 outputs\n"), "{plan}");
}

#[test]
fn a_cluster_fills_the_sizes_and_warns_at_submit() {
    let more = "samples = { range = [0, 2] }\ntest = { range = [3, 4] }";
    let folder = folder_with("d.toml", &of_csv(more));
    let at = folder.path();
    std::fs::write(at.join("x.csv"), "1,2,a\n3,5,b\n5,6,c\n0,1,a\n").unwrap();
    let coordinator = Coordinator::start(at, "data");
    let _worker = coordinator.worker(at, "w", 1);
    let ended = coordinator.call(at, &["submit", "d.toml"]).expect(0);
    assert!(
        ended
            .err
            .contains("warning: 1 of 4 samples is used for neither training nor test"),
        "{}",
        ended.err
    );
    until_finished(&coordinator, at, "d");
    let sql = "SELECT problem_inputs_dim * 100 + problem_outputs_dim * 10 + problem_classes AS n FROM trials WHERE status = 'completed'";
    assert_eq!(number(&at.join("data/d"), sql), 233.0);
}

#[test]
fn odd_uses_of_samples_are_warned_of() {
    let folder = folder_with("d.toml", "");
    let at = folder.path();
    std::fs::write(
        at.join("x.csv"),
        "1,2,a\n3,5,a\n5,6,b\n0,1,b\n2,2,c\n4,1,c\n",
    )
    .unwrap();
    let check = |more: &str, words: &[&str]| {
        std::fs::write(at.join("d.toml"), of_csv(more)).unwrap();
        warned(at, words);
        std::fs::remove_dir_all(at.join("runs")).unwrap();
    };
    let overlap = "samples = { range = [0, 5] }\ntest = { range = [3, 6] }";
    std::fs::write(at.join("d.toml"), of_csv(overlap)).unwrap();
    refused(at, &["`problem.test` is [3, 6]"]);
    check(
        "samples = { range = [0, 3] }\ntest = { range = [3, 4] }",
        &["2 of 6 samples are used for neither training nor test"],
    );
    check(
        "test = { range = [4, 6] }",
        &[
            "1 of 3 classes has samples in `problem.test` and none in `problem.samples`",
            "number 4",
        ],
    );
    std::fs::write(at.join("d.toml"), of_csv("")).unwrap();
    silent(at);
}

#[test]
fn masks_hold_zeros_and_ones() {
    let text = "name = \"d\"\n[problem]\nkind = \"completion\"\ntarget = { file = \"t.csv\" }\nmask = { file = \"m.csv\" }\n[train]\nsteps = 2\n";
    let folder = folder_with("d.toml", text);
    let at = folder.path();
    std::fs::write(at.join("t.csv"), "1,2\n3,4\n").unwrap();
    let check = |content: &str, words: &[&str]| {
        std::fs::write(at.join("m.csv"), content).unwrap();
        let mut all = vec!["`problem.mask`: m.csv: "];
        all.extend(words);
        refused(at, &all);
    };
    check("1,-1\n1,1\n", &["row 1, column 2", "-1", "0 and 1"]);
    check("1,0.5\n1,1\n", &["0.5", "0 and 1"]);
    check("0,0\n0,0\n", &["sees no entry"]);
    std::fs::write(at.join("m.csv"), "1,0\nTrue,false\n").unwrap();
    silent(at);
}

#[test]
fn pipes_devices_and_folders_are_refused_at_once() {
    let folder = folder_with("d.toml", &of_csv(""));
    let at = folder.path();
    let pipe = at.join("x.csv");
    let made = Command::new("mkfifo").arg(&pipe).status();
    if made.is_ok_and(|status| status.success()) {
        refused(at, &["`problem.", "x.csv: is a pipe"]);
        let ended = run(at, &["diagnose", "x.csv"]).expect(2);
        assert!(ended.err.contains("is a pipe"), "{}", ended.err);
        std::fs::remove_file(&pipe).unwrap();
    } else {
        eprintln!("SKIPPED: mkfifo makes no pipe here");
    }
    std::fs::create_dir(&pipe).unwrap();
    refused(at, &["x.csv: is a folder"]);
    let device = of_csv("").replace("x.csv", "zero.csv");
    std::fs::write(at.join("d.toml"), device).unwrap();
    std::os::unix::fs::symlink("/dev/zero", at.join("zero.csv")).unwrap();
    refused(at, &["zero.csv: is a device"]);
}

#[test]
fn what_a_file_is_instead_is_named() {
    let folder = folder_with("d.toml", &of_csv(""));
    let at = folder.path();
    let check = |bytes: &[u8], words: &[&str]| {
        std::fs::write(at.join("x.csv"), bytes).unwrap();
        let mut all = vec!["`problem.", "x.csv: "];
        all.extend(words);
        refused(at, &all);
    };
    check(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
        &["Git LFS", "git lfs pull"],
    );
    check(b"<!DOCTYPE html>\n<html></html>\n", &["HTML page"]);
    check(b"\x80\x04\x95\x05\x00\x00\x00.", &["pickle", "numpy.save"]);
    check(b"\x1f\x8b\x08\x00\x00\x00\x00\x00", &["gzip", ".csv.gz"]);
    check(b"\xff\xfe1\x00,\x002\x00\n\x00", &["UTF-16", "UTF-8"]);
    check(b"PK\x03\x04\x14\x00\x06\x00", &["zip archive"]);
    check(b"1,2,\xe9t\xe9\n", &["line 1", "UTF-8"]);
}

#[test]
fn arrays_of_numpy_are_read_or_refused_with_what_to_call() {
    let text = "name = \"d\"\n[problem]\ntarget = { file = \"t.npy\" }\n[train]\nsteps = 2\n";
    let folder = folder_with("d.toml", text);
    let at = folder.path();
    let write = |descriptor: &str, shape: &str, data: &[u8]| {
        let header =
            format!("{{'descr': '{descriptor}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        std::fs::write(at.join("t.npy"), bytes).unwrap();
    };
    let named = "`problem.target`: t.npy: ";
    write("<f8", "(2, 3, 4)", &[0; 192]);
    refused(at, &[named, "2 x 3 x 4", "reshape"]);
    write("|O", "(2, 2)", &[0; 8]);
    refused(at, &[named, "Python objects", "astype(float)"]);
    write("<c16", "(2, 2)", &[0; 64]);
    refused(at, &[named, "complex", "a.real"]);
    write("<f8", "(1000, 1000)", &[0; 8]);
    refused(at, &[named, "promises 8000000 bytes"]);
    // Read as they are: 16 bits, and the other order of bytes.
    let halves: Vec<u8> = [0x3c00_u16, 0, 0, 0x4000]
        .into_iter()
        .flat_map(u16::to_le_bytes)
        .collect();
    write("<f2", "(2, 2)", &halves);
    silent(at);
    let big: Vec<u8> = [1.0_f64, 0.0, 0.0, 2.0]
        .into_iter()
        .flat_map(f64::to_be_bytes)
        .collect();
    write(">f8", "(2, 2)", &big);
    run(at, &["run", "d.toml", "--out", "big"]).expect(0);
    for table in ["runs/d", "big"] {
        let loss = number(&at.join(table), "SELECT train_loss FROM trials");
        assert_eq!(
            loss,
            number(&at.join("big"), "SELECT train_loss FROM trials"),
            "{table}"
        );
    }
}

/// The interpreter that other tests use.
fn python() -> String {
    std::env::var("PARSIMONY_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

/// Writes an archive of 300 MB of zeros, with the standard library alone.
const ZEROS: &str = r#"
import zipfile
shape = b"{'descr': '|u1', 'fortran_order': False, 'shape': (300000000, 1), }\n"
with zipfile.ZipFile("t.npz", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("t.npy", "w") as member:
    member.write(b"\x93NUMPY\x01\x00" + len(shape).to_bytes(2, "little") + shape)
    for _ in range(300):
        member.write(bytes(1000000))
"#;

#[test]
fn a_small_file_of_many_zeros_is_refused_before_it_expands() {
    let text = "name = \"d\"\n[problem]\ntarget = { file = \"t.npz\" }\n[train]\nsteps = 2\n";
    let folder = folder_with("d.toml", text);
    let at = folder.path();
    let written = Command::new(python())
        .args(["-c", ZEROS])
        .current_dir(at)
        .status();
    if !written.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: {} does not run", python());
        return;
    }
    assert!(std::fs::metadata(at.join("t.npz")).unwrap().len() < 1_000_000);
    refused(
        at,
        &[
            "`problem.target`: t.npz: expands from",
            "without compression",
        ],
    );
}

/// What pandas writes, read by a sweep over each of its files.
const PANDAS: &str = r#"
import numpy as np, pandas as pd
frame = pd.DataFrame({
    "a": np.arange(6, dtype="uint8"),
    "b": np.array([1, 0, 2, 5, 4, 3], dtype="uint16"),
    "c": np.array([0.5, 1, 2, 0, 1, 3], dtype="float32"),
    "label": pd.Categorical(["x", "y", "x", "z", "y", "z"]),
})
frame.to_parquet("plain.parquet", index=False)
shuffled = frame.sample(frac=1, random_state=0)[["a", "b", "c"]]
shuffled.to_parquet("index.parquet")
"#;

#[test]
fn parquet_of_pandas_is_read() {
    let python = python();
    let text = sweep(
        "file = \"plain.parquet\", columns = \"0..3\"",
        "file = \"plain.parquet\", columns = \"3..4\"",
        "",
    );
    let folder = folder_with("d.toml", &text);
    let at = folder.path();
    let written = Command::new(&python)
        .args(["-c", PANDAS])
        .current_dir(at)
        .output();
    if !written.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: {python} has no pandas and pyarrow");
        return;
    }
    silent(at);
    let sql = "SELECT problem_inputs_dim * 10 + problem_classes AS n FROM trials";
    assert_eq!(number(&at.join("runs/d"), sql), 33.0);
    std::fs::remove_dir_all(at.join("runs")).unwrap();
    let with_index = text.replacen("plain.parquet\", columns = \"0..3\"", "index.parquet\"", 1);
    std::fs::write(at.join("d.toml"), with_index).unwrap();
    warned(
        at,
        &[
            "index.parquet: column 4",
            "__index_level_0__",
            "columns = \"0..3\"",
        ],
    );
}

#[test]
fn a_tall_matrix_is_diagnosed_in_time_that_grows_with_its_size() {
    let tall = Array2::from_shape_fn((300_000, 1), |(row, _)| 1.0 + (row % 7) as f64);
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_npy(&at.join("tall.npy"), &tall);
    write_npy(&at.join("wide.npy"), &tall.t().to_owned());
    for file in ["tall.npy", "wide.npy"] {
        let ended = run(at, &["diagnose", file, "--json"]).expect(0);
        let found: Value = serde_json::from_str(&ended.out).unwrap();
        assert_eq!(found["rank"], 1, "{file}");
        assert_eq!(found["advice"], "core", "{file}");
    }
}
