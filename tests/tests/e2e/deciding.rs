//! From data to a decision: verdicts on four data sets, staged plans, and the page for people who decide.

use std::path::Path;

use serde_json::Value;
use tests::process::{Finished, root, run};
use tests::tables::number;

use crate::folder_with;

/// A call of `diagnose` on a data set of the repository.
#[track_caller]
fn diagnose(at: &Path, file: &str, words: &[&str]) -> Finished {
    let file = root().join("sweeps/data").join(file);
    let mut all = vec!["diagnose", file.to_str().unwrap()];
    all.extend(words);
    run(at, &all)
}

fn json(ended: &Finished) -> Value {
    serde_json::from_str(&ended.out).unwrap()
}

#[track_caller]
fn float(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

/// Mean held-out score of a baseline.
#[track_caller]
fn baseline(found: &Value, name: &str) -> f64 {
    let all = found["held_out"]["baselines"].as_array().unwrap();
    let one = all.iter().find(|one| one["name"] == name);
    float(&one.unwrap_or_else(|| panic!("no {name} in {all:?}"))["mean"])
}

const DIGITS: [&str; 6] = ["--columns", "0..64", "--labels", "64", "--scale", "0.0625"];
const WINE: [&str; 6] = [
    "--columns",
    "0..13",
    "--labels",
    "13",
    "--center",
    "--standardize",
];
const CANCER: [&str; 4] = ["--columns", "0..30", "--labels", "30"];

/// Samples of isotropic noise whose class is the largest of `classes` mixtures of all inputs.
fn full_rank(inputs: usize, samples: usize, classes: usize) -> String {
    let noise = crate::matrices::noise(samples, inputs, 3);
    let teacher = crate::matrices::noise(classes, inputs, 4);
    let outputs = noise.dot(&teacher.t());
    let mut text = String::new();
    for (row, outputs) in noise.rows().into_iter().zip(outputs.rows()) {
        let class = (0..classes).max_by(|&a, &b| outputs[a].total_cmp(&outputs[b]));
        let cells: Vec<String> = row.iter().map(|x| format!("{x:.6}")).collect();
        text += &format!("{},{}\n", cells.join(","), class.unwrap());
    }
    text
}

/// Few directions cost at most two points, and the network is within a point of the logistic regression.
#[track_caller]
fn check_small(found: &Value, most: u64) {
    let verdict = &found["verdict"];
    let name = verdict["name"].as_str().unwrap();
    assert!(name.starts_with("small_"), "{verdict}");
    assert!(float(&verdict["lost"]) <= 0.02, "{verdict}");
    let directions = verdict["directions"].as_u64().unwrap();
    assert!(directions <= most, "{directions} of at most {most}");
    let logistic = baseline(found, "logistic");
    let rows = found["truncation"].as_array().unwrap();
    // Five shares, all, and the most directions that count as few where no share has as many.
    assert!((6..=7).contains(&rows.len()), "{rows:?}");
    let last = &rows[rows.len() - 1];
    let all = float(&last["mean"]);
    // One point; of few held-out samples, one sample.
    let point = (1.0 / float(&found["held_out"]["test"])).max(0.01);
    assert!(all >= logistic - point, "{all} against {logistic}");
    assert_eq!(last["scores"].as_array().unwrap().len(), 5);
    assert!(float(&rows[0]["flops"]) < float(&last["flops"]));
    assert!(float(&found["safe_rate"]) > 0.0);
}

#[test]
fn digits_need_few_of_their_directions() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let words = [&DIGITS[..], &["--json"]].concat();
    let found = json(&diagnose(at, "digits.csv.gz", &words).expect(0));
    check_small(&found, 42);
    // Never a width that nobody asked for.
    assert!(found["width"].as_u64().unwrap() <= 74);
    assert_eq!(found["held_out"]["width_is_given"], false);
    let logistic = baseline(&found, "logistic");
    assert!((0.955..0.98).contains(&logistic), "{logistic}");
    assert!(baseline(&found, "majority") < 0.12);
}

#[test]
fn cancer_on_raw_scales_is_no_confident_advice() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let words = [&CANCER[..], &["--json"]].concat();
    let found = json(&diagnose(at, "breast-cancer.csv.gz", &words).expect(0));
    assert_eq!(
        found["verdict"]["name"], "cannot_tell",
        "{}",
        found["verdict"]
    );
    let why = found["verdict"]["words"].as_str().unwrap();
    assert!(why.contains("--standardize"), "{why}");
    assert!(found["verdict"]["directions"].is_null());
    let words = [&CANCER[..], &["--write", "plan"]].concat();
    let ended = diagnose(at, "breast-cancer.csv.gz", &words).expect(2);
    assert!(ended.err.contains("no plan is written"), "{}", ended.err);
    assert!(!at.join("plan").exists());
}

#[test]
fn standardized_cancer_and_wine_need_few_of_their_directions() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let words = [&CANCER[..], &["--center", "--standardize", "--json"]].concat();
    let found = json(&diagnose(at, "breast-cancer.csv.gz", &words).expect(0));
    check_small(&found, 20);
    assert!(baseline(&found, "logistic") > 0.96);
    let words = [&WINE[..], &["--json"]].concat();
    let found = json(&diagnose(at, "wine.csv.gz", &words).expect(0));
    check_small(&found, 8);
}

#[test]
fn isotropic_samples_are_not_low_dimensional() {
    let folder = folder_with("full.csv", &full_rank(20, 900, 4));
    let at = folder.path();
    let words = [
        "diagnose",
        "full.csv",
        "--columns",
        "0..20",
        "--labels",
        "20",
        "--json",
    ];
    let found = json(&run(at, &words).expect(0));
    let verdict = &found["verdict"];
    assert_eq!(verdict["name"], "not_low_dimensional", "{verdict}");
    assert_eq!(verdict["of"], 20);
    let rows = found["truncation"].as_array().unwrap();
    // 13 of 20 are the most that count as few: their loss is measured.
    let few = rows.iter().find(|row| row["directions"] == 13).unwrap();
    let all = float(&rows[rows.len() - 1]["mean"]);
    assert!(float(&few["mean"]) < all - 0.05, "{few}");
}

#[test]
fn labels_that_follow_from_nothing_and_few_samples_are_not_judged() {
    let mut text = String::new();
    for (row, random) in crate::matrices::noise(200, 5, 7)
        .rows()
        .into_iter()
        .enumerate()
    {
        let cells: Vec<String> = random.iter().map(|x| format!("{x:.5}")).collect();
        text += &format!("{},{}\n", cells.join(","), (row * row / 3) % 2);
    }
    let folder = folder_with("noise.csv", &text);
    let at = folder.path();
    let words = ["--columns", "0..5", "--labels", "5"];
    let ended = run(at, &[&["diagnose", "noise.csv"], &words[..]].concat()).expect(0);
    assert!(ended.out.contains("cannot tell: "), "{}", ended.out);
    // A sweep may be written all the same, and says so.
    let more = ["--write", "plan.toml"];
    let ended = run(
        at,
        &[&["diagnose", "noise.csv"], &words[..], &more].concat(),
    )
    .expect(0);
    assert!(
        ended.err.contains("nothing can be promised of the plan"),
        "{}",
        ended.err
    );
    let plan = std::fs::read_to_string(at.join("plan.toml")).unwrap();
    assert!(plan.contains("# The verdict: cannot tell"), "{plan}");
    let few: String = text
        .lines()
        .take(12)
        .map(|line| format!("{line}\n"))
        .collect();
    std::fs::write(at.join("few.csv"), few).unwrap();
    let ended = run(at, &[&["diagnose", "few.csv"], &words[..]].concat()).expect(0);
    assert!(
        ended.out.contains("12 samples are too few"),
        "{}",
        ended.out
    );
}

#[test]
fn every_stage_of_a_plan_runs_and_passes() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let words = [&WINE[..], &["--write", "plan", "--json"]].concat();
    let found = json(&diagnose(at, "wine.csv.gz", &words).expect(0));
    for stage in ["1-check", "2-small", "3-verify", "4-scale"] {
        let before = run(at, &["plan-check", "plan"]).expect(0);
        let file = format!("plan/{stage}.toml");
        let out = format!("plan/runs/{stage}");
        assert!(
            before
                .out
                .contains(&format!("parsimony run {file} --out {out}")),
            "{}",
            before.out
        );
        run(at, &["run", &file, "--out", &out]).expect(0);
        let checked = json(&run(at, &["plan-check", "plan", "--json"]).expect(0));
        let stages = checked["stages"].as_array().unwrap();
        let own = stages.iter().find(|own| own["name"] == stage).unwrap();
        assert_eq!(own["state"], "passed", "{own}");
    }
    let ended = run(at, &["plan-check", "plan"]).expect(0);
    assert!(ended.out.contains("every stage passed"), "{}", ended.out);
    let best = "SELECT max(m) AS m FROM (SELECT avg(test_accuracy) AS m FROM trials GROUP BY optimizer_rate)";
    let reached = number(&at.join("plan/runs/4-scale"), best);
    let sample = 1.0 / float(&found["held_out"]["test"]);
    let logistic = &found["held_out"]["baselines"][2]["scores"][0];
    assert!(
        reached >= float(logistic) - sample,
        "{reached} against {logistic}"
    );

    // A stage that misses its mark ends the plan with another exit code.
    let file = at.join("plan/criteria.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut criteria: Value = serde_json::from_str(&text).unwrap();
    criteria["stages"][1]["criteria"][1]["bound"] = Value::from(1.5);
    std::fs::write(&file, criteria.to_string()).unwrap();
    let ended = run(at, &["plan-check", "plan"]).expect(3);
    assert!(
        ended.out.contains("FAIL best test_accuracy"),
        "{}",
        ended.out
    );
    assert!(ended.out.contains("stage 2-small fails"), "{}", ended.out);
    std::fs::write(&file, "{}").unwrap();
    let ended = run(at, &["plan-check", "plan"]).expect(2);
    assert!(ended.err.contains("version"), "{}", ended.err);
    let ended = run(at, &["plan-check", "."]).expect(2);
    assert!(ended.err.contains("criteria.json"), "{}", ended.err);
}

#[test]
fn the_page_is_one_file_in_two_languages() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let page = |lang: &str, file: &str| {
        let more = ["--report", file, "--lang", lang, "--watts", "65"];
        diagnose(at, "wine.csv.gz", &[&WINE[..], &more].concat()).expect(0);
        std::fs::read_to_string(at.join(file)).unwrap()
    };
    let (english, japanese) = (page("en", "en.html"), page("ja", "ja.html"));
    for (text, words) in [
        (
            &english,
            [
                "lang=\"en\"",
                "Will a small model do?",
                "Glossary",
                "at 65 W, kWh",
            ],
        ),
        (
            &japanese,
            [
                "lang=\"ja\"",
                "小さなモデルで足りるか",
                "用語",
                "（65 W、kWh）",
            ],
        ),
    ] {
        for word in words {
            assert!(text.contains(word), "{word} is missing in:\n{text}");
        }
        assert_eq!(text.matches("<svg").count(), 2);
        assert!(text.contains("size: A4"));
        let others = text.replace("=\"http://www.w3.org/", "=\"");
        assert!(!others.contains("http://") && !others.contains("https://"));
        assert!(!text.contains("<script"));
    }
    // Nothing is overwritten, and there is no third language.
    let again = [&WINE[..], &["--report", "en.html"]].concat();
    assert!(
        diagnose(at, "wine.csv.gz", &again)
            .expect(2)
            .err
            .contains("not overwritten")
    );
    let other = [&WINE[..], &["--report", "x.html", "--lang", "fr"]].concat();
    assert!(
        diagnose(at, "wine.csv.gz", &other)
            .expect(2)
            .err
            .contains("en or ja")
    );
}

/// Numbers of the lines of a CSV text, from a column on.
fn rows(text: &str, from: usize) -> Vec<Vec<f64>> {
    let row = |line: &str| {
        let fields = line.split(',').skip(from);
        fields.map(|field| field.parse().unwrap()).collect()
    };
    text.lines().map(row).collect()
}

#[test]
fn a_raw_sample_becomes_its_line_of_a_plan() {
    let text = full_rank(6, 400, 3);
    let named = format!("a,b,c,d,\"e, mm\",f,class\n{text}");
    let folder = folder_with("full.csv", &named);
    let at = folder.path();
    for (plan, more) in [
        ("raw", &[][..]),
        ("even", &["--center", "--standardize"][..]),
    ] {
        let words = [
            "diagnose", "full.csv", "--labels", "6", "--scale", "4", "--write", plan,
        ];
        run(at, &[&words[..], more].concat()).expect(0);
        let read = |name: &str| std::fs::read_to_string(at.join(plan).join(name)).unwrap();
        let directions = read("directions.csv");
        assert!(
            directions.starts_with("input,shift,factor,direction_1,"),
            "{directions}"
        );
        let names: Vec<&str> = directions
            .lines()
            .skip(1)
            .map(|line| &line[..line.find(',').unwrap()])
            .collect();
        assert_eq!(names, ["a", "b", "c", "d", "\"e", "f"]);
        // The name with a comma apart, a line has as many numbers as the others.
        let plain = directions.replace("\"e, mm\"", "e");
        let (_, inputs) = plain.split_once('\n').unwrap();
        let inputs = rows(inputs, 1);
        let samples = rows(&read("samples.csv"), 0);
        let raw = rows(&text, 0);
        let coordinates = |sample: &[f64]| -> Vec<f64> {
            let directions = inputs[0].len() - 2;
            let of = |direction: usize| {
                let pairs = sample.iter().zip(&inputs);
                pairs
                    .map(|(x, input)| (x - input[0]) * input[1] * input[2 + direction])
                    .sum()
            };
            (0..directions).map(of).collect()
        };
        for sample in raw.iter().take(20) {
            let wanted = coordinates(&sample[..6]);
            let is_same = |line: &&Vec<f64>| {
                let mut pairs = line.iter().zip(&wanted);
                pairs.all(|(a, b)| (a - b).abs() < 1e-9)
            };
            let line = samples.iter().find(is_same);
            let line = line.unwrap_or_else(|| panic!("{plan}: no line of {sample:?}"));
            assert_eq!(line[wanted.len()], sample[6]);
        }
    }
}

#[test]
fn the_next_command_of_the_page_is_whole_and_runs() {
    let folder = tempfile::tempdir().unwrap();
    // The name of a folder alone is longer than a line.
    let at = folder.path().join("a".repeat(200)).join("b".repeat(100));
    std::fs::create_dir_all(&at).unwrap();
    let noise = crate::matrices::noise(12, 12, 1);
    let line = |row: ndarray::ArrayView1<'_, f64>| {
        let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
        cells.join(",") + "\n"
    };
    let text: String = noise.rows().into_iter().map(line).collect();
    let file = at.join("m.csv");
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let words = ["diagnose", file, "--steps", "30", "--report", "m.html"];
    run(&at, &words).expect(0);
    let page = std::fs::read_to_string(at.join("m.html")).unwrap();
    let command = format!("parsimony diagnose {file} --steps 30 --write plan.toml");
    assert!(page.contains(&command), "{page}");
    assert!(page.contains("parsimony run plan.toml"), "{page}");
    let words = ["diagnose", file, "--steps", "30", "--write", "plan.toml"];
    run(&at, &words).expect(0);
    // The stages of a folder are for samples, as the error says.
    let words = ["diagnose", file, "--steps", "30", "--write", "plan"];
    let ended = run(&at, &words).expect(2);
    assert!(ended.err.contains("--write FILE.toml"), "{}", ended.err);
}
