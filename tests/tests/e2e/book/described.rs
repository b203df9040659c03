//! Reference pages written by hand, held against what the program prints: each field of `--json`, each metric.

use std::collections::BTreeSet;

use serde_json::Value;
use tests::process::{Coordinator, root, run};

use super::{none, read, workplace};
use crate::metrics;

fn reference(page: &str) -> String {
    read(&root().join("docs/src/reference").join(page))
}

/// The names of all fields of a value, those within it too. Values of a trial are named by keys of the sweep file.
fn fields(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                found.insert(name.clone());
                if name != "values" {
                    fields(value, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| fields(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The words between backticks, in code blocks as well.
fn words_of_code(page: &str) -> BTreeSet<&str> {
    let code = page.split('`').skip(1).step_by(2);
    code.flat_map(|code| code.split(|letter: char| !letter.is_alphanumeric() && letter != '_'))
        .collect()
}

#[test]
fn every_field_of_json_is_described() {
    let folder = workplace();
    let at = folder.path();
    let coordinator = Coordinator::start(at, "cluster");
    let _worker = coordinator.worker(at, "w", 1);
    let short = ["--set", "train.steps=20", "--set", "measure.every=10"];
    let file = "sweeps/quickstart.toml";
    let data = ["--columns", "0..64", "--labels", "64"];
    let mut printed: Vec<String> = Vec::new();
    let mut local = |words: &[&str]| {
        let words = [words, &["--json"]].concat();
        printed.push(run(at, &words).expect(0).out);
    };
    local(&[&["run", file], &short[..]].concat());
    local(&[&["plan", file], &short[..]].concat());
    local(&[&["verify", file, "--trials", "1"], &short[..]].concat());
    local(&["check", "runs/quickstart"]);
    local(&[&["diagnose", "sweeps/data/digits.csv.gz"], &data[..]].concat());
    let mut remote = |words: &[&str]| {
        let words = [words, &["--json"]].concat();
        printed.push(coordinator.call(at, &words).expect(0).out);
    };
    remote(&[&["submit", file], &short[..]].concat());
    remote(&["workers"]);
    remote(&["list"]);
    remote(&["status", "quickstart"]);
    let mut found = BTreeSet::new();
    for text in &printed {
        fields(&serde_json::from_str(text).unwrap(), &mut found);
    }
    let page = reference("json.md");
    let known = words_of_code(&page);
    let missing: Vec<String> = found
        .into_iter()
        .filter(|name| !known.contains(name.as_str()))
        .collect();
    none("fields that reference/json.md does not describe", &missing);
}

#[test]
fn every_metric_is_described() {
    let folder = workplace();
    let (_coordinator, place) = metrics::start(folder.path());
    let (_, page) = metrics::get(&place, None);
    let text = reference("metrics.md");
    let mut count = 0;
    let mut missing = Vec::new();
    for line in page.lines() {
        let Some(words) = line.strip_prefix("# TYPE ") else {
            continue;
        };
        count += 1;
        let name = words.split(' ').next().unwrap();
        if !text.contains(&format!("`{name}`")) && !text.contains(&format!("`{name}_total`")) {
            missing.push(name.to_owned());
        }
    }
    assert!(count >= 20, "{count} metrics");
    none(
        "metrics that reference/metrics.md does not describe",
        &missing,
    );
}
