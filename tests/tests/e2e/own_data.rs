//! People's own data: split, centred and standardized by keys, columns by name, noise on targets; and what `diagnose`
//! finds in a file by itself.

use std::path::Path;

use serde_json::Value;
use tests::process::{Finished, run};
use tests::tables::number;

use crate::folder_with;

/// Three flowers by four measures, as a spreadsheet writes them: an index, a name, a text, and inputs whose deviations
/// differ by four orders of magnitude.
fn flowers(samples: usize) -> String {
    let mut text = String::from("Unnamed: 0,sample_id,length,width,area,place,kind\n");
    for at in 0..samples {
        let class = at % 3;
        let wobble = (at * 7 % 11) as f64 / 11.0;
        let other = (at * 5 % 13) as f64 / 13.0;
        text += &format!(
            "{at},s{at},{},{},{},{},{}\n",
            [0.0, 2.0, 1.0][class] + wobble,
            0.01 * ([0.0, 0.0, 2.0][class] + other),
            1000.0 * (other + 0.5 * wobble),
            ["hill", "lake"][at % 2],
            ["rose", "iris", "aster"][class]
        );
    }
    text
}

/// A sweep over the flowers with more keys of `[problem]` and further sections.
fn sweep(inputs: &str, more: &str) -> String {
    format!(
        "name = \"d\"\nseed = 4\n[problem]\nkind = \"classification\"\ninputs = {{ file = \"f.csv\", columns = [\"length\", \"width\", \"area\"]{inputs} }}\nlabels = {{ file = \"f.csv\", columns = \"kind\" }}\n{more}\n[network]\nwidth = 8\n[train]\nsteps = 400\n[optimizer]\nrate = 0.3\n"
    )
}

#[track_caller]
fn refused(at: &Path, words: &[&str]) {
    for command in ["plan", "run"] {
        let ended = run(at, &[command, "d.toml"]).expect(2);
        // Sentences are broken into lines, with a bar before each.
        let said = ended
            .err
            .split_whitespace()
            .filter(|word| !matches!(*word, "│" | "|"));
        let said = said.collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(said.contains(word), "`{word}` is missing in\n{said}");
        }
    }
    assert!(!at.join("runs").exists(), "a refused sweep left a folder");
}

fn json(ended: &Finished) -> Value {
    serde_json::from_str(&ended.out).expect("JSON")
}

#[test]
fn centred_and_standardized_inputs_are_learned_where_raw_ones_are_not() {
    let folder = folder_with("f.csv", &flowers(120));
    let at = folder.path();
    let test = "test = { share = 0.25, stratify = true }";
    let swept = "[axes]\n\"replicate\" = [0, 1, 2]\n";
    std::fs::write(
        at.join("d.toml"),
        sweep(", center = true, standardize = true", test) + swept,
    )
    .unwrap();
    let ended = run(at, &["run", "d.toml", "--out", "even"]).expect(0);
    assert!(!ended.err.contains("warning:"), "{}", ended.err);
    let even = at.join("even");
    let worst = number(&even, "SELECT min(test_accuracy) AS x FROM trials");
    assert!(worst > 0.9, "{worst}");
    // Each replicate holds out other samples.
    let losses = "SELECT count(DISTINCT test_loss) AS n FROM trials";
    assert_eq!(number(&even, losses), 3.0);
    let flags = "SELECT count(*) AS n FROM trials WHERE problem_inputs_center AND problem_inputs_standardize";
    assert_eq!(number(&even, flags), 3.0);

    std::fs::write(at.join("d.toml"), sweep("", test)).unwrap();
    let ended = run(at, &["plan", "d.toml"]).expect(0);
    let warned = ended.err.lines().any(|line| {
        line.starts_with("warning:")
            && line.contains("deviations")
            && line.contains("problem.inputs.standardize")
    });
    assert!(warned, "{}", ended.err);
    // 90 train and 30 test.
    assert!(
        ended.out.contains("90") && ended.out.contains("30"),
        "{}",
        ended.out
    );
}

#[test]
fn centring_is_an_axis_and_its_default_changes_no_identity() {
    let folder = folder_with("f.csv", &flowers(60));
    let at = folder.path();
    let ids = |name: &str, text: &str| -> Vec<String> {
        std::fs::write(at.join("d.toml"), text).unwrap();
        run(at, &["run", "d.toml", "--out", name]).expect(0);
        let sql = "SELECT id FROM trials ORDER BY trial";
        let ended = run(at, &["query", name, sql, "--csv"]).expect(0);
        ended.out.lines().skip(1).map(str::to_owned).collect()
    };
    let whiten = "whiten = true";
    let plain = ids("plain", &sweep("", whiten));
    let swept = "[axes]\n\"problem.inputs.center\" = [true, false]\n";
    let both = ids("both", &(sweep("", whiten) + swept));
    assert_eq!(both.len(), 2);
    assert_eq!(both[1], plain[0]);
    assert_ne!(both[0], plain[0]);
    let loss = |center: bool| {
        let sql =
            format!("SELECT train_loss AS x FROM trials WHERE problem_inputs_center = {center}");
        number(&at.join("both"), &sql)
    };
    assert_ne!(loss(true), loss(false));
}

#[test]
fn what_cannot_be_is_refused_with_line_and_reason() {
    let folder = folder_with("f.csv", &flowers(12));
    let at = folder.path();
    let check = |text: &str, words: &[&str]| {
        std::fs::write(at.join("d.toml"), text).unwrap();
        refused(at, words);
    };
    check(
        &sweep("", "test = { share = 1.0 }"),
        &["d.toml:7", "above 0 and below 1"],
    );
    check(
        &sweep("", "test = { share = 0.1, stratify = true }"),
        &["d.toml:7", "3 classes cannot all stand on both sides"],
    );
    check(
        &sweep(
            "",
            "samples = { range = [0, 8] }\ntest = { range = [6, 12] }",
        ),
        &["d.toml:8", "2 samples are both trained on and tested on"],
    );
    check(
        &sweep("", "").replace("\"kind\"", "\"kin\""),
        &["`problem.labels`", "no column named 'kin'", "'length'"],
    );
    check(
        "name = \"d\"\n[problem]\nkind = \"regression\"\ntest = { share = 0.5, stratify = true }\n",
        &["d.toml:4", "only a classification has classes"],
    );
    check(
        "name = \"d\"\n[problem]\ntarget = { file = \"m.csv\" }\nnoise = 0.5\n",
        &["m.csv"],
    );
    std::fs::write(at.join("m.csv"), "1,2\n3,4\n").unwrap();
    check(
        "name = \"d\"\n[problem]\ntarget = { file = \"m.csv\" }\nnoise = 0.5\n",
        &["d.toml:4", "`problem.target` is from a file"],
    );
    let hole = flowers(12).replacen("0,s0,0,", "0,s0,,", 1);
    std::fs::write(at.join("f.csv"), hole).unwrap();
    check(
        &sweep("", ""),
        &["`problem.inputs`", "f.csv", "line 2, column 3", "no value"],
    );
}

#[test]
fn diagnose_finds_the_columns_by_itself() {
    let folder = folder_with("f.csv", &flowers(60));
    let at = folder.path();
    let ended = run(
        at,
        &["diagnose", "f.csv", "--labels", "kind", "--width", "20"],
    )
    .expect(0);
    for words in [
        "line 1 names the columns",
        "column 1 ('Unnamed: 0') counts the samples, and is left out",
        "column 2 ('sample_id') names each sample, and is left out",
        "column 6 ('place') holds texts, 2 different ones",
        "--standardize",
    ] {
        let said = ended.err.lines();
        let found = said
            .filter(|line| line.starts_with("warning:"))
            .any(|line| line.contains(words));
        assert!(found, "`{words}` is missing in\n{}", ended.err);
    }
    let words = [
        "diagnose",
        "f.csv",
        "--labels",
        "kind",
        "--width",
        "20",
        "--center",
        "--standardize",
        "--json",
        "--write",
        "p.toml",
    ];
    let found = json(&run(at, &words).expect(0));
    assert_eq!(
        (&found["rows"], &found["columns"]),
        (&Value::from(3), &Value::from(60))
    );
    assert_eq!(found["outputs"], 3);
    let plan = std::fs::read_to_string(at.join("p.toml")).unwrap();
    for words in [
        "columns = \"2..5\"",
        "header = true",
        "center = true",
        "standardize = true",
    ] {
        assert!(plan.contains(words), "`{words}` is missing in\n{plan}");
    }
    run(at, &["plan", "p.toml"]).expect(0);

    let hole = flowers(60).replacen("3,s3,", "3,s3,NA", 1);
    std::fs::write(at.join("f.csv"), hole).unwrap();
    let ended = run(at, &["diagnose", "f.csv", "--labels", "kind"]).expect(0);
    assert!(
        ended
            .err
            .contains("column 3 ('length') holds 1 value that is no number, the first in line 5"),
        "{}",
        ended.err
    );
    let hole = flowers(60).replacen("0,s0,0,", "0,s0,,", 1);
    std::fs::write(at.join("f.csv"), hole).unwrap();
    let ended = run(at, &["diagnose", "f.csv", "--labels", "kind"]).expect(2);
    assert!(
        ended
            .err
            .contains("column 3 ('length') has 1 missing value, the first in line 2"),
        "{}",
        ended.err
    );
}

#[test]
fn a_header_of_numbers_and_one_name_is_no_sample() {
    // `df = DataFrame(X); df["species"] = names; df.to_csv(index=False)`.
    let mut text = String::from("0,1,2,species\n");
    for at in 0..30 {
        let name = ["setosa", "virginica", "versicolor"][at % 3];
        text += &format!("{}.5,{},{}.25,{name}\n", at % 7, at % 4, at % 5);
    }
    let folder = folder_with("iris.csv", &text);
    let words = ["diagnose", "iris.csv", "--labels", "species", "--json"];
    for labels in ["species", "3"] {
        let mut words = words;
        words[3] = labels;
        let ended = run(folder.path(), &words).expect(0);
        let found = json(&ended);
        assert_eq!(
            (&found["columns"], &found["outputs"]),
            (&Value::from(30), &Value::from(3))
        );
        assert!(
            ended.err.contains("line 1 names the columns"),
            "{}",
            ended.err
        );
    }
}

#[test]
fn noise_is_drawn_and_the_clean_loss_is_null_without_it() {
    let text = "name = \"n\"\n[axes]\n\"problem.noise\" = [0.0, 0.5]\n\"train.engine\" = [\"full\", \"reduced\"]\n[problem]\nkind = \"regression\"\ninputs_dim = 12\noutputs_dim = 3\ninputs = { count = 40, draw = \"gaussian\" }\ntest = { range = [30, 40] }\n[network]\nwidth = 40\n[train]\nsteps = 60\n[optimizer]\nrate = 0.2\n";
    let folder = folder_with("n.toml", text);
    let at = folder.path();
    run(at, &["run", "n.toml", "--out", "r"]).expect(0);
    let r = at.join("r");
    let sql = |what: &str, noise: &str, engine: &str| {
        let sql = format!(
            "SELECT {what} AS x FROM trials WHERE problem_noise {noise} AND train_engine = '{engine}'"
        );
        number(&r, &sql)
    };
    for engine in ["full", "reduced"] {
        assert_eq!(sql("count(clean_loss)", "= 0", engine), 0.0);
        assert_eq!(sql("count(clean_loss)", "> 0", engine), 1.0);
        assert!(sql("abs(clean_loss - train_loss)", "> 0", engine) > 1e-6);
    }
    let (full, reduced) = (
        sql("clean_loss", "> 0", "full"),
        sql("clean_loss", "> 0", "reduced"),
    );
    assert!((full / reduced - 1.0).abs() < 1e-10, "{full} {reduced}");
}
