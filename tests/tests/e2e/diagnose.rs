//! `parsimony diagnose`: opposite advice for opposite data, plans that run, and `[train] verify`.

use std::path::Path;

use serde_json::Value;
use tests::process::{Finished, root, run};
use tests::tables::number;

use crate::{folder_with, matrices};

/// A full-rank matrix as CSV: reproducible noise, `size x size`.
fn noise(size: usize) -> String {
    let matrix = matrices::noise(size, size, 1);
    let mut text = String::new();
    for row in matrix.rows() {
        let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
        text += &cells.join(",");
        text.push('\n');
    }
    text
}

/// A call on the digits with more words.
#[track_caller]
fn digits(folder: &Path, more: &[&str]) -> Finished {
    let file = root().join("sweeps/data/digits.csv.gz");
    let file = file.to_str().unwrap();
    let mut words = vec![
        "diagnose",
        file,
        "--columns",
        "0..64",
        "--labels",
        "64",
        "--scale",
        "0.0625",
    ];
    words.extend(more);
    run(folder, &words)
}

fn json(ended: &Finished) -> Value {
    serde_json::from_str(&ended.out).unwrap()
}

#[test]
fn digits_and_noise_get_opposite_advice() {
    let folder = folder_with("noise.csv", &noise(40));
    let at = folder.path();
    let found = json(&digits(at, &["--width", "1000", "--depth", "4", "--json"]).expect(0));
    assert_eq!(found["advice"], "core");
    assert_eq!(
        (&found["rank"], &found["core_width"]),
        (&Value::from(61), &Value::from(74))
    );
    assert_eq!(
        (&found["columns"], &found["outputs"]),
        (&Value::from(1797), &Value::from(10))
    );
    assert!(
        found["speed_up"].as_f64().unwrap() > 50.0,
        "{}",
        found["speed_up"]
    );
    assert!(found["safe_rate"].as_f64().unwrap() > 0.0);
    assert_eq!(found["curvature_exact"], true);
    let energy = found["energy"].as_array().unwrap();
    let counts: Vec<u64> = energy
        .iter()
        .map(|energy| energy["count"].as_u64().unwrap())
        .collect();
    assert!(
        counts.is_sorted() && counts[0] >= 1 && counts[3] < 61,
        "{counts:?}"
    );

    let found = json(&run(at, &["diagnose", "noise.csv", "--json"]).expect(0));
    assert_eq!(found["advice"], "wide");
    assert_eq!(
        (&found["rank"], &found["core_width"]),
        (&Value::from(40), &Value::from(40))
    );
    assert_eq!(found["threshold_rank"], 0);
    assert!(
        found["speed_up"].as_f64().unwrap() < 2.0,
        "{}",
        found["speed_up"]
    );
    assert_eq!(found["stages"].as_array().unwrap().len(), 4);

    let ended = digits(at, &["--width", "1000"]).expect(0);
    for word in [
        "1797 samples of 64 numbers, 10 classes",
        "74 wide",
        "train the core",
        "1. check the data",
    ] {
        assert!(
            ended.out.contains(word),
            "`{word}` is missing in:\n{}",
            ended.out
        );
    }
    let ended = run(at, &["diagnose", "noise.csv", "--steps", "500"]).expect(0);
    for word in [
        "a matrix, 40 x 40",
        "40, which is full",
        "train the network itself",
        "500 asked for",
    ] {
        assert!(
            ended.out.contains(word),
            "`{word}` is missing in:\n{}",
            ended.out
        );
    }
}

#[test]
fn the_written_plan_of_low_rank_data_runs_on_the_core_and_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::create_dir(at.join("plans")).unwrap();
    let small = ["--width", "200", "--depth", "3", "--steps", "40"];
    let mut more = small.to_vec();
    more.extend(["--write", "plans/digits plan.toml"]);
    let mut asked = more.clone();
    asked.push("--json");
    let found = json(&digits(at, &asked).expect(0));
    // From another folder: the data are found from where the plan lies.
    let elsewhere = at.join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let words = ["run", "../plans/digits plan.toml", "--out", "r", "--json"];
    let ended = run(&elsewhere, &words).expect(0);
    let rows = elsewhere.join("r");
    assert_eq!(number(&rows, "SELECT count(*) AS n FROM trials"), 8.0);
    let reduced = "SELECT count(*) AS n FROM trials WHERE engine = 'reduced' AND core_width = 74";
    assert_eq!(number(&rows, reduced), 8.0);
    let printed_flops = 40.0 * found["reduced"]["flops_per_step"].as_f64().unwrap();
    for extreme in ["min", "max"] {
        let sql = format!("SELECT {extreme}(flops) AS x FROM trials");
        assert_eq!(number(&rows, &sql), printed_flops);
    }
    let lost = "SELECT count(*) AS n FROM trials WHERE status <> 'completed'";
    assert_eq!(number(&rows, lost), 0.0, "half of the safe rate diverged");
    let verified = &json(&ended)["verify"];
    assert_eq!(
        (&verified["compared"], &verified["within"]),
        (&Value::from(3), &Value::from(true))
    );
    for (difference, most) in [
        ("loss", 1e-11),
        ("singular_values", 1e-11),
        ("separation", 1e-9),
    ] {
        let found = verified[difference].as_f64().unwrap();
        assert!(found <= most, "{difference}: {found:e}");
    }
    assert!(
        ended.err.contains("within what the law promises"),
        "{}",
        ended.err
    );
    // Nothing is overwritten.
    let before = std::fs::read(at.join("plans/digits plan.toml")).unwrap();
    let again = digits(at, &more).expect(2);
    assert!(again.err.contains("there already"), "{}", again.err);
    assert_eq!(
        std::fs::read(at.join("plans/digits plan.toml")).unwrap(),
        before
    );
}

#[test]
fn the_written_plan_of_a_full_rank_matrix_runs_narrow_beside_wide() {
    let folder = folder_with("noise.csv", &noise(24));
    let at = folder.path();
    let words = [
        "diagnose",
        "noise.csv",
        "--transpose",
        "--scale",
        "2",
        "--steps",
        "30",
        "--write",
        "plan.toml",
    ];
    run(at, &words).expect(0);
    run(at, &["run", "plan.toml", "--out", "r"]).expect(0);
    let rows = at.join("r");
    let widths = "SELECT count(DISTINCT network_width) AS n FROM trials WHERE status = 'completed'";
    assert_eq!(number(&rows, widths), 3.0);
    assert_eq!(
        number(&rows, "SELECT max(network_width) AS w FROM trials"),
        24.0
    );
    let falls = "SELECT min(train_loss) AS l FROM trials";
    let starts = "SELECT max(train_loss) AS l FROM history WHERE step = 0";
    assert!(number(&rows, falls) < number(&rows, starts));
}

#[test]
fn targets_are_read_from_another_file_and_samples_may_stand_in_columns() {
    let by_row = "1,0\n0,1\n1,1\n2,1\n";
    let by_column = "1,0,1,2\n0,1,1,1\n";
    let folder = folder_with("x.csv", by_row);
    let at = folder.path();
    std::fs::write(at.join("y.csv"), "a,b\n1,9\n2,9\n3,9\n4,9\n").unwrap();
    std::fs::write(at.join("turned.csv"), by_column).unwrap();
    std::fs::write(at.join("z.csv"), "1,2,3,4\n").unwrap();
    let wide = ["--width", "30", "--steps", "20", "--json"];
    let ask = |words: &[&str]| {
        let mut all = vec!["diagnose"];
        all.extend(words);
        all.extend(wide);
        json(&run(at, &all).expect(0))
    };
    let found = ask(&["turned.csv", "--targets", "z.csv:0..4", "--transpose"]);
    assert_eq!(
        (&found["kind"], &found["rows"], &found["columns"]),
        (&Value::from("paired"), &Value::from(2), &Value::from(4))
    );
    assert_eq!(found["core_width"], 3, "rank 2 and one target");
    // A header belongs to every CSV file that is read.
    std::fs::write(at.join("headed.csv"), format!("p,q\n{by_row}")).unwrap();
    let found = ask(&[
        "headed.csv",
        "--targets",
        "y.csv:0..1",
        "--header",
        "--write",
        "plan.toml",
    ]);
    assert_eq!(
        (&found["rows"], &found["core_width"]),
        (&Value::from(2), &Value::from(3))
    );
    run(at, &["run", "plan.toml", "--out", "r"]).expect(0);
    assert_eq!(
        number(
            &at.join("r"),
            "SELECT count(*) AS n FROM trials WHERE engine = 'reduced'"
        ),
        8.0
    );
}

#[test]
fn wrong_requests_are_reported() {
    let folder = folder_with("x.csv", "1,0,a\n0,1,b\n1,1,a\n");
    let at = folder.path();
    std::fs::write(at.join("y.csv"), "1\n2\n").unwrap();
    let check = |words: &[&str], word: &str| {
        let mut all = vec!["diagnose"];
        all.extend(words);
        let ended = run(at, &all).expect(2);
        assert!(
            ended.err.contains(word),
            "`{word}` is missing in:\n{}",
            ended.err
        );
        assert!(
            ended.out.is_empty(),
            "talk on standard output: {}",
            ended.out
        );
    };
    check(&["absent.csv"], "absent.csv");
    check(
        &["x.csv", "--columns", "0..3", "--labels", "2"],
        "own labels",
    );
    check(
        &["x.csv", "--columns", "0..2", "--labels", "7"],
        "columns 7..8",
    );
    check(
        &["x.csv", "--columns", "0..2", "--targets", "y.csv"],
        "3 samples",
    );
    check(&["x.csv", "--columns", "2..2"], "no range of columns");
    check(&["x.csv", "--labels", "y.txt"], "y.txt");
    check(
        &["x.csv", "--labels", "2", "--targets", "y.csv"],
        "--targets",
    );
    check(&["x.csv", "--columns", "0..2", "--array", "w"], ".npz");
    check(&["x.csv", "--columns", "0..2", "--width", "0"], "--width");
    check(
        &["x.csv", "--columns", "0..2", "--init-scale", "0"],
        "above 0",
    );
    check(
        &["x.csv", "--columns", "0..2", "--write", "nowhere/plan.toml"],
        "nowhere",
    );
    assert!(!at.join("nowhere").exists());
}

#[test]
fn labels_of_the_same_file_are_no_inputs_however_it_is_named() {
    let rows: String = (0..24)
        .map(|at| format!("{},{},{}\n", at % 5, at * at % 7, at % 2))
        .collect();
    let folder = folder_with("x.csv", &rows);
    let at = folder.path();
    let whole = at.join("x.csv").display().to_string();
    let mut names = vec!["./x.csv".to_owned(), whole];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("x.csv", at.join("link.csv")).unwrap();
        names.push("link.csv".to_owned());
    }
    for name in names {
        let place = format!("{name}:2");
        let words = ["diagnose", "x.csv", "--labels", &place, "--json"];
        let found = json(&run(at, &words).expect(0));
        assert_eq!(found["rows"], 2, "{name}: {found}");
        let words = ["diagnose", "x.csv", "--columns", "0..3", "--labels", &place];
        let ended = run(at, &words).expect(2);
        assert!(ended.err.contains("own labels"), "{}", ended.err);
    }
}

#[test]
fn the_rates_of_whitened_inputs_do_not_depend_on_their_units() {
    let samples = matrices::noise(60, 4, 5);
    let lines = |unit: f64| -> String {
        let line = |(at, row): (usize, ndarray::ArrayView1<'_, f64>)| {
            let cells: Vec<String> = row.iter().map(|x| (unit * x).to_string()).collect();
            format!("{},{}\n", cells.join(","), at % 3)
        };
        samples.rows().into_iter().enumerate().map(line).collect()
    };
    let folder = folder_with("small.csv", &lines(1.0));
    let at = folder.path();
    std::fs::write(at.join("large.csv"), lines(1024.0)).unwrap();
    let found = ["small", "large"].map(|name| {
        let (file, plan) = (format!("{name}.csv"), format!("{name}.toml"));
        let words = [
            "diagnose", &file, "--labels", "4", "--whiten", "--width", "30", "--steps", "50",
            "--write", &plan, "--json",
        ];
        let found = json(&run(at, &words).expect(0));
        let text = std::fs::read_to_string(at.join(&plan)).unwrap();
        let rates = text.lines().find(|line| line.contains("optimizer.rate"));
        (
            found["curvature"].as_f64().unwrap(),
            rates.unwrap().to_owned(),
        )
    });
    let [(small, small_rates), (large, large_rates)] = found;
    assert!((small / large - 1.0).abs() < 1e-6, "{small} {large}");
    assert_eq!(small_rates, large_rates);
}

#[test]
fn verification_says_where_the_law_does_not_hold() {
    let sweep = "name = \"v\"\n[axes]\n\"init.kind\" = [\"orthogonal\", \"gaussian\"]\n[problem]\ndim = 10\nrank = 2\n[train]\nsteps = 50\nverify = 5\n";
    let folder = folder_with("v.toml", sweep);
    let at = folder.path();
    let ended = run(at, &["run", "v.toml", "--json"]).expect(0);
    let verified = &json(&ended)["verify"];
    // One of the two trials; the gaussian start has no small core.
    assert_eq!(
        (&verified["wanted"], &verified["compared"]),
        (&Value::from(5), &Value::from(1))
    );
    assert_eq!(verified["within"], true);
    let ended = run(
        at,
        &[
            "run",
            "v.toml",
            "--out",
            "none",
            "--set",
            "init.kind=gaussian",
        ],
    )
    .expect(0);
    assert!(
        ended.err.contains("no trial can be reduced"),
        "{}",
        ended.err
    );
    let ended = run(
        at,
        &[
            "run",
            "v.toml",
            "--out",
            "off",
            "--set",
            "train.verify=0",
            "--json",
        ],
    )
    .expect(0);
    assert!(
        json(&ended)["verify"].is_null() && !ended.err.contains("verified"),
        "{}",
        ended.err
    );
}
